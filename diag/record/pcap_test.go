package record

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A capture has neighbour discovery, and nothing else that passed.
func TestPcapHoldsTheFrames(t *testing.T) {
	var b bytes.Buffer
	p, err := NewPcap(&b, "1.0", time.Time{}, []string{"eth0", "eth1"})
	if err != nil {
		t.Fatal(err)
	}
	events := session()
	out := events[4]
	f := out.Body.(diag.Frame)
	f.Interface, f.Out, f.Size = "eth2", true, 4000
	out.Seq, out.Body = 99, f
	echo, tcp := out, out
	f.Type = diag.EchoRequest
	echo.Body = f
	f.Type = diag.TCPSyn
	tcp.Body = f
	for _, e := range append(events, echo, tcp, out) {
		if err := p.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(&b, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.SectionInfo().Application; got != "ndwhy 1.0" {
		t.Errorf("application %q", got)
	}
	for _, want := range []struct {
		name      string
		comment   string
		length    int
		direction pcapgo.NgEpbFlag
	}{
		{"eth0", "e5 ", ethernetHeader + 64, pcapgo.NgEpbFlagDirectionInbound},
		{"eth2", "e99 ", ethernetHeader + 4000, pcapgo.NgEpbFlagDirectionOutbound},
	} {
		data, ci, opts, err := r.ReadPacketDataWithOptions()
		if err != nil {
			t.Fatal(err)
		}
		intf, err := r.Interface(ci.InterfaceIndex)
		if err != nil || intf.Name != want.name || intf.LinkType != layers.LinkTypeEthernet {
			t.Errorf("interface %+v %v, want %s", intf, err, want.name)
		}
		if !bytes.Equal(data, f.Raw) || ci.Length != want.length || !ci.Timestamp.Equal(out.At) {
			t.Errorf("%q %+v", data, ci)
		}
		if opts.Flags == nil || opts.Flags.Direction != want.direction {
			t.Errorf("flags %+v, want direction %b", opts.Flags, want.direction)
		}
		if len(opts.Comments) != 1 || !strings.HasPrefix(opts.Comments[0], want.comment) || len(opts.Comments[0]) < len(want.comment)+5 {
			t.Errorf("comments %q, want %q and a description", opts.Comments, want.comment)
		}
	}
	if _, _, err := r.ReadPacketData(); !errors.Is(err, io.EOF) {
		t.Errorf("after the frames: %v", err)
	}
}
