package live

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/pcap"
	"ndwhy/diag/record"
	"ndwhy/diag/session"
	"ndwhy/diag/wire"
)

// A recording that begins in the middle has what was known and then every event, each once, whatever
// happens while the first is being written; and asking for it twice begins one.
func TestRecordingInTheMiddle(t *testing.T) {
	t.Chdir(t.TempDir())
	files, err := Keep("", "", "1", nil, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	l := &Session{files: files, Session: session.New(files.write)}
	neighbour := func(i int) diag.Neighbour {
		a := netip.MustParsePrefix("2001:db8::/64").Addr().As16()
		a[14], a[15] = byte(i>>8), byte(i)
		return diag.Neighbour{Interface: "eth0", Address: netip.AddrFrom16(a), State: diag.Stale, MAC: diag.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}}
	}
	l.Emit(diag.Run{Interfaces: []string{"eth0"}})
	for i := range 2000 {
		l.Emit(neighbour(i))
	}
	var storm sync.WaitGroup
	storm.Go(func() {
		for i := range 5_000 {
			l.Emit(neighbour(i % 4_000))
		}
	})
	path, err := l.Record(true)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := l.Record(true); err != nil || again != path {
		t.Errorf("asked again: %q %v, want %q as before", again, err, path)
	}
	storm.Wait()
	last := l.Emit(diag.Tick{}).Seq
	if ended, err := l.Record(false); err != nil || ended != path {
		t.Errorf("ended: %q %v, want %q", ended, err, path)
	}
	if ended, err := l.Record(false); err != nil || ended != "" {
		t.Errorf("ended what has ended: %q %v", ended, err)
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, want one recording: %v", len(entries), err)
	}

	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	state, until, next := diag.NewState(), int64(0), int64(0)
	for e, err := range record.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		if run, ok := e.Body.(diag.Run); ok && run.Resumed != nil {
			until = run.Resumed.Until
			next = until + 1
		}
		if e.Seq > until {
			if e.Seq != next {
				t.Fatalf("event %d where %d should be", e.Seq, next)
			}
			next++
		}
		state.Apply(e)
	}
	if until == 0 || next != last+1 {
		t.Errorf("known until %d, recorded until %d of %d", until, next-1, last)
	}
	l.Look(func(s *diag.State) {
		if state.Neighbours.Len() != s.Neighbours.Len() {
			t.Errorf("%d neighbours, want %d", state.Neighbours.Len(), s.Neighbours.Len())
		}
		for k, n := range s.Neighbours.All() {
			if got := state.Neighbours.Of(k); fmt.Sprint(got.Fact) != fmt.Sprint(n.Fact) || !got.At.Equal(n.At) {
				t.Fatalf("%v: %v, want %v", k.Address, got, n)
			}
		}
	})
}

// A capture is compressed as its name says, and has no packet but those of neighbour discovery.
func TestCaptureIsPacked(t *testing.T) {
	t.Parallel()
	asker, target := diag.MAC{2, 0, 0, 0, 0, 1}, netip.MustParseAddr("2001:db8::2")
	message, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: target})
	if err != nil {
		t.Fatal(err)
	}
	group := diag.SolicitedNode(target)
	packet := wire.Packet{Src: netip.MustParseAddr("2001:db8::1"), Dst: group, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: message}
	solicitation := packet.Frame(diag.MulticastMAC(group), asker)
	for _, name := range []string{"kept.pcapng", "kept.pcapng.gz", "kept.pcapng.zst"} {
		file := filepath.Join(t.TempDir(), name)
		files, err := Keep("", file, "1", []string{"eth0"}, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		l := &Session{files: files, Session: session.New(files.write)}
		for _, f := range []diag.Frame{
			{Interface: "eth0", Type: diag.EchoRequest, Raw: solicitation},
			{Interface: "eth0", Type: diag.NS, Raw: solicitation},
			{Interface: "eth0", Type: diag.TCPSyn, Raw: solicitation},
		} {
			l.Emit(f)
		}
		if err := files.close(l); err != nil {
			t.Fatal(err)
		}
		head, err := os.ReadFile(file)
		if err != nil || (pcap.Detect(head) == pcap.NG) != (name == "kept.pcapng") {
			t.Errorf("%s begins with %x: %v", name, head[:min(4, len(head))], err)
		}
		in, err := record.Stream(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		c, err := pcap.NewReader(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []diag.FrameType
		if _, err := pcap.Read(c, pcap.Options{}, func(e diag.Event) {
			if f, ok := e.Body.(diag.Frame); ok {
				got = append(got, f.Type)
			}
		}); err != nil || !slices.Equal(got, []diag.FrameType{diag.NS}) {
			t.Errorf("%s holds %v: %v", name, got, err)
		}
	}
}
