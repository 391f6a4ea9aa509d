package pcap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

var (
	aMAC, bMAC = diag.MAC{2, 0, 0, 0, 0, 1}, diag.MAC{2, 0, 0, 0, 0, 2}
	a, b       = netip.MustParseAddr("2001:db8::a"), netip.MustParseAddr("2001:db8::b")
	began      = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)
)

// solicit is a frame in which one host asks for another.
func solicit(tb testing.TB, from diag.MAC, src, target netip.Addr) []byte {
	tb.Helper()
	m, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: target, Options: []ndp.Option{
		&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: net.HardwareAddr(from[:])},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	group := diag.SolicitedNode(target)
	return wire.Packet{Src: src, Dst: group, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: m}.Frame(diag.MulticastMAC(group), from)
}

// read returns the frames of a capture.
func read(tb testing.TB, capture []byte, o Options) (frames []diag.Event, sum Summary, err error) {
	tb.Helper()
	c, err := NewReader(bytes.NewReader(capture))
	if err != nil {
		return nil, sum, err
	}
	sum, err = Read(c, o, func(e diag.Event) {
		if _, ok := e.Body.(diag.Frame); ok {
			frames = append(frames, e)
		}
	})
	return frames, sum, err
}

func classicFile(tb testing.TB, link layers.LinkType, nano bool, packets ...[]byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	if nano {
		w = pcapgo.NewWriterNanos(&out)
	}
	if err := w.WriteFileHeader(1<<16, link); err != nil {
		tb.Fatal(err)
	}
	for _, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: began, CaptureLength: len(p), Length: len(p)}, p); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}

// swapped is a pcap file as a machine of the other byte order writes it.
func swapped(file []byte) []byte {
	out := slices.Clone(file)
	turn := func(at, n int) { slices.Reverse(out[at : at+n]) }
	turn(0, 4)
	turn(4, 2)
	turn(6, 2)
	for at := 8; at < 24; at += 4 {
		turn(at, 4)
	}
	for at := 24; at < len(out); {
		n := int(binary.LittleEndian.Uint32(file[at+8:]))
		for i := range 4 {
			turn(at+4*i, 4)
		}
		at += 16 + n
	}
	return out
}

func tagged(frame []byte, id byte) []byte {
	return slices.Concat(frame[:12], []byte{0x81, 0, 0, id}, frame[12:])
}

func sll(frame []byte) []byte {
	return slices.Concat([]byte{0, 4, 0, 1, 0, 6}, frame[6:12], []byte{0, 0}, frame[12:])
}

func sll2(frame []byte) []byte {
	return slices.Concat(frame[12:14], []byte{0, 0, 0, 0, 0, 7, 0, 1, 4, 6}, frame[6:12], []byte{0, 0}, frame[14:])
}

// The same packet is the same in whatever a capture program writes, and so is its time, as exactly as the file has it.
func TestForms(t *testing.T) {
	t.Parallel()
	frame := solicit(t, aMAC, a, b)
	const sll2Link = layers.LinkType(linkSLL2 & 0xff) // pcapgo's is a byte; put right below
	cooked2 := classicFile(t, sll2Link, true, sll2(frame))
	binary.LittleEndian.PutUint32(cooked2[20:], linkSLL2)
	for name, tt := range map[string]struct {
		file  []byte
		iface string
		micro bool
		out   bool
	}{
		"pcap":             {file: classicFile(t, layers.LinkTypeEthernet, false, frame), iface: unnamed, micro: true},
		"nanoseconds":      {file: classicFile(t, layers.LinkTypeEthernet, true, frame), iface: unnamed},
		"other byte order": {file: swapped(classicFile(t, layers.LinkTypeEthernet, true, frame)), iface: unnamed},
		"VLAN":             {file: classicFile(t, layers.LinkTypeEthernet, true, tagged(frame, 12)), iface: unnamed + ".12"},
		"VLAN in VLAN":     {file: classicFile(t, layers.LinkTypeEthernet, true, tagged(tagged(frame, 12), 3)), iface: unnamed + ".3.12"},
		"priority alone":   {file: classicFile(t, layers.LinkTypeEthernet, true, tagged(frame, 0)), iface: unnamed},
		"cooked":           {file: classicFile(t, layers.LinkTypeLinuxSLL, true, sll(frame)), iface: unnamed, out: true},
		"cooked 2":         {file: cooked2, iface: "if7", out: true},
		"pcapng":           {file: ng(t, frame), iface: "eth7"},
		"VXLAN":            {file: ng(t, mirrored(t, frame, 4789, 8, 0, 0, 0, 0, 0, 42, 0)), iface: "vni42"},
		"VXLAN over IPv6":  {file: ng(t, mirrored6(frame, 8472, 8, 0, 0, 0, 0, 0, 42, 0)), iface: "vni42"},
		"VLAN in VXLAN":    {file: ng(t, tagged(mirrored(t, tagged(frame, 3), 4789, 8, 0, 0, 0, 1, 0, 0, 0), 9)), iface: "vni65536.3"},
		"GENEVE":           {file: ng(t, mirrored(t, frame, 6081, 1, 0, 0x65, 0x58, 0, 0, 7, 0, 0, 0, 0, 0)), iface: "vni7"},
		"GRE":              {file: ng(t, inGREv6(frame, 0, 0, 0x65, 0x58)), iface: "gre"},
		"GRE with all":     {file: ng(t, inGREv6(tagged(frame, 3), 0xb0, 0, 0x65, 0x58, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1)), iface: "gre9.3"},
		"ERSPAN":           {file: ng(t, inGREv6(frame, 0, 0, 0x88, 0xbe)), iface: "erspan"},
		"ERSPAN II":        {file: ng(t, inGREv6(frame, 0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 12, 0, 0, 0, 0)), iface: "erspan12"},
		"ERSPAN III":       {file: ng(t, inGREv6(frame, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0)), iface: "erspan3"},
		"… and more":       {file: ng(t, inGREv6(frame, 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8)), iface: "erspan3"},
	} {
		frames, sum, err := read(t, tt.file, Options{})
		if err != nil || len(frames) != 1 || sum.Packets != 1 || sum.Frames != 1 {
			t.Errorf("%s: %d frames, %+v, %v", name, len(frames), sum, err)
			continue
		}
		f, want := frames[0].Body.(diag.Frame), began
		if tt.micro {
			want = want.Truncate(time.Microsecond)
		}
		if f.Interface != tt.iface || f.Target != b || f.Src != a || f.SrcMAC != aMAC || f.Bad != "" || f.Out != tt.out || !frames[0].At.Equal(want) {
			t.Errorf("%s: %+v at %s", name, f, frames[0].At)
		}
	}
}

// mirrored is a frame in a tunnel to a UDP port, behind the tunnel's header.
func mirrored(tb testing.TB, frame []byte, port uint16, header ...byte) []byte {
	tb.Helper()
	out := gopacket.NewSerializeBuffer()
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
	err := gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true},
		&layers.Ethernet{SrcMAC: bMAC[:], DstMAC: aMAC[:], EthernetType: layers.EthernetTypeIPv4}, ip,
		&layers.UDP{SrcPort: 9, DstPort: layers.UDPPort(port)}, gopacket.Payload(slices.Concat(header, frame)))
	if err != nil {
		tb.Fatal(err)
	}
	return slices.Clone(out.Bytes())
}

func mirrored6(frame []byte, port uint16, header ...byte) []byte {
	u := wire.UDP{Src: 9, Dst: port, Payload: slices.Concat(header, frame)}
	return wire.Packet{Src: b, Dst: a, HopLimit: 64, Proto: unix.IPPROTO_UDP, Payload: u.Marshal()}.Frame(aMAC, bMAC)
}

func inGREv6(frame []byte, header ...byte) []byte {
	return wire.Packet{Src: b, Dst: a, HopLimit: 64, Proto: unix.IPPROTO_GRE, Payload: slices.Concat(header, frame)}.Frame(aMAC, bMAC)
}

// ng returns a pcapng capture.
func ng(tb testing.TB, packets ...[]byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&out, pcapgo.NgInterface{Name: "eth7", LinkType: layers.LinkTypeEthernet, TimestampResolution: 9}, pcapgo.DefaultNgWriterOptions)
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: began, CaptureLength: len(p), Length: len(p)}, p); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// As one host sees a capture there is what it sends, by address as by MAC, and what comes for it or for all.
func TestAs(t *testing.T) {
	t.Parallel()
	echo := func(from, to diag.MAC, src, dst netip.Addr) []byte {
		return wire.Packet{Src: src, Dst: dst, HopLimit: 64, Proto: unix.IPPROTO_ICMPV6, Payload: []byte{128, 0, 0, 0, 0, 1, 0, 1}}.Frame(to, from)
	}
	c := diag.MAC{2, 0, 0, 0, 0, 3}
	file := ng(t, echo(bMAC, c, b, netip.MustParseAddr("2001:db8::c")), solicit(t, bMAC, b, a), solicit(t, aMAC, a, b), echo(bMAC, aMAC, b, a), echo(c, bMAC, b, b))
	for _, as := range []string{a.String(), aMAC.String()} {
		host, err := ParseHost(as)
		if err != nil {
			t.Fatal(err)
		}
		frames, _, err := read(t, file, Options{As: host})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range frames {
			f := e.Body.(diag.Frame)
			got = append(got, map[bool]string{true: "out ", false: "in "}[f.Out]+string(f.Type))
		}
		if want := []string{"in ns", "out ns", "in echo-request"}; !slices.Equal(got, want) {
			t.Errorf("as %s: %v, want %v", as, got, want)
		}
	}
	host, _ := ParseHost("2001:db8::77")
	if _, sum, err := read(t, file, Options{As: host}); err != nil || !sum.Unseen {
		t.Errorf("a host that is not there: %+v %v", sum, err)
	}
	if _, err := ParseHost("eth0"); err == nil {
		t.Error("eth0 is a host")
	}
}

// Of a packet that was cut when it was captured it is told whether it is one of those that matter, or that this is not known.
func TestCutPackets(t *testing.T) {
	t.Parallel()
	frame := solicit(t, aMAC, a, b)
	ping := wire.Packet{Src: a, Dst: b, HopLimit: 64, Proto: unix.IPPROTO_ICMPV6, Payload: append([]byte{128, 0, 0, 0, 0, 1, 0, 1}, make([]byte, 56)...)}.Frame(bMAC, aMAC)
	later := wire.Packet{Src: a, Dst: b, HopLimit: 64, Proto: unix.IPPROTO_FRAGMENT, Payload: append([]byte{unix.IPPROTO_ICMPV6, 0, 5, 0xa8}, make([]byte, 100)...)}.Frame(bMAC, aMAC)
	segment := wire.Packet{Src: a, Dst: b, HopLimit: 64, Proto: unix.IPPROTO_TCP, Payload: append([]byte{12: 5 << 4, 13: wire.ACK, 19: 0}, make([]byte, 100)...)}.Frame(bMAC, aMAC)
	for name, tt := range map[string]struct {
		packet        []byte
		frames, short int
		cut           bool
	}{
		"whole":                     {frame, 1, 0, false},
		"its data is cut":           {frame[:64], 1, 0, true},
		"its type is cut off":       {frame[:54], 0, 1, false},
		"its header is cut":         {frame[:40], 0, 1, false},
		"what does not matter":      {segment[:90], 0, 0, false},
		"a ping, but for its data":  {ping[:64], 1, 0, false},
		"a later fragment":          {later[:70], 0, 0, false},
		"no IPv6":                   {append(slices.Clone(frame[:12]), 8, 0, 0x45), 0, 0, false},
		"too little for any header": {frame[:10], 0, 0, false},
	} {
		frames, sum, err := read(t, classicFile(t, layers.LinkTypeEthernet, false, tt.packet), Options{})
		if err != nil || len(frames) != tt.frames || sum.Short != tt.short || len(frames) > 0 && frames[0].Body.(diag.Frame).Cut() != tt.cut {
			t.Errorf("%s: %d frames, %d short, %v", name, len(frames), sum.Short, err)
		}
	}
}

// What is damaged ends with an error that says so; what came before stands, and nothing is taken for more than it is.
func TestDamaged(t *testing.T) {
	t.Parallel()
	frame := solicit(t, aMAC, a, b)
	file := classicFile(t, layers.LinkTypeEthernet, true, frame, frame)
	huge := slices.Clone(file)
	binary.LittleEndian.PutUint32(huge[24+16+len(frame)+8:], 1<<31)
	section := ng(t, frame, frame)
	short := slices.Clone(section)
	at := bytes.LastIndex(short, frame) - 28
	binary.LittleEndian.PutUint32(short[at+4:], 7)
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"cut in a packet":           {file[:len(file)-5], "cut off"},
		"cut in a header":           {file[:24+16+len(frame)+7], "cut off"},
		"a packet of 2 GB":          {huge, "damaged"},
		"pcapng cut":                {section[:len(section)-5], "cut off"},
		"a block of 7 bytes":        {short, "damaged"},
		"a block that claims 16 MB": {append(slices.Clone(section[:at]), 6, 0, 0, 0, 0, 0, 0xff, 0, 1, 2), "cut off"},
	} {
		frames, _, err := read(t, tt.file, Options{})
		if len(frames) != 1 || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %d frames, %v, want 1 and %q", name, len(frames), err, tt.want)
		}
	}
	if _, err := NewReader(strings.NewReader("{\"schema\":\"ndwhy.events/1\"}")); err == nil {
		t.Error("a recording is a capture")
	}
	if _, sum, err := read(t, classicFile(t, layers.LinkTypeRaw, false, frame[14:]), Options{}); err != nil || sum.Other != 1 || sum.Link != int(layers.LinkTypeRaw) {
		t.Errorf("another link type: %+v %v", sum, err)
	}
}

// A flood in a capture is told as one, and all of its frames besides.
func TestFloodInCapture(t *testing.T) {
	t.Parallel()
	frames := slices.Repeat([][]byte{solicit(t, aMAC, a, b)}, 1000)
	c, err := NewReader(bytes.NewReader(ng(t, frames...)))
	if err != nil {
		t.Fatal(err)
	}
	state := diag.NewState()
	if sum, err := Read(c, Options{}, state.Apply); err != nil || sum.Frames != 1000 {
		t.Fatalf("%+v %v", sum, err)
	}
	if f := state.Floods[diag.FloodKey{Interface: "eth7", Type: diag.NS}].Fact; f.Packets != 1000 || f.MAC != aMAC || f.Senders != 1 {
		t.Errorf("%+v", f)
	}
}

// A capture of 100 MB, all of it neighbour discovery of ever new hosts, takes no more memory than a small one.
func TestManyHostsAreBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it reads 100 MB")
	}
	head, state := classicFile(t, layers.LinkTypeEthernet, true), diag.NewState()
	c, err := NewReader(io.MultiReader(bytes.NewReader(head), io.LimitReader(&crowd{tb: t}, 100<<20)))
	if err != nil {
		t.Fatal(err)
	}
	if sum, _ := Read(c, Options{}, state.Apply); sum.Frames < 500_000 {
		t.Fatalf("%+v", sum)
	}
	o := state.Overheard[unnamed]
	if n := len(o.Hosts) + len(o.Targets) + len(o.Claims) + len(o.Wanted); n > 1<<14 || !o.Full {
		t.Errorf("%d things are remembered; more than fits: %v", n, o.Full)
	}
}

// A crowd is a pcap file without its head, in which every packet is another host's.
type crowd struct {
	tb   testing.TB
	n    uint32
	rest []byte
}

func (c *crowd) Read(to []byte) (int, error) {
	if len(c.rest) == 0 {
		c.n++
		mac := diag.MAC{2, 1, byte(c.n >> 24), byte(c.n >> 16), byte(c.n >> 8), byte(c.n)}
		frame := solicit(c.tb, mac, mac.LinkLocal(), mac.LinkLocal())
		c.rest = binary.LittleEndian.AppendUint32(nil, 1_700_000_000+c.n/1000)
		for _, v := range []int{0, len(frame), len(frame)} {
			c.rest = binary.LittleEndian.AppendUint32(c.rest, uint32(v))
		}
		c.rest = append(c.rest, frame...)
	}
	n := copy(to, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func FuzzRead(f *testing.F) {
	frame := solicit(f, aMAC, a, b)
	for _, file := range [][]byte{
		classicFile(f, layers.LinkTypeEthernet, true, tagged(frame, 1)), swapped(classicFile(f, layers.LinkTypeEthernet, false, frame)),
		classicFile(f, layers.LinkTypeLinuxSLL, false, sll(frame)), ng(f, frame, frame),
	} {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		state := diag.NewState()
		c, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		sum, _ := Read(c, Options{As: Host{addr: a}}, func(e diag.Event) {
			state.Apply(e)
			_ = diag.Describe(e)
		})
		if sum.Frames > sum.Packets || sum.Packets > len(file)/16 {
			t.Errorf("%+v of %d bytes", sum, len(file))
		}
	})
}

// Who made a capture is the one host that all unicast is from or to; where two are, it is who made none of the others.
func TestMaker(t *testing.T) {
	t.Parallel()
	a, b, c := diag.MAC{2, 0, 0, 0, 0, 0xa}, diag.MAC{2, 0, 0, 0, 0, 0xb}, diag.MAC{2, 0, 0, 0, 0, 0xc}
	addr := func(n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", n)) }
	to := func(from, to diag.MAC) []byte {
		frame := solicit(t, from, addr(int(from[5])), addr(int(to[5])))
		copy(frame, to[:])
		return frame
	}
	m, err := ndp.MarshalMessage(&ndp.RouterAdvertisement{RouterLifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	router := wire.Packet{Src: c.LinkLocal(), Dst: diag.AllNodes, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: m}.Frame(diag.MulticastMAC(diag.AllNodes), c)
	all := solicit(t, c, addr(0xc), addr(0xa))
	group := diag.MAC{0x33, 0x33, 0xff, 0, 0, 0xa}
	for name, tt := range map[string]struct {
		packets [][]byte
		named   string
		others  []diag.MAC
		beside  [][]byte // packets of another capture
		want    diag.MAC
		ok      bool
		may     int // candidates, where it is not known
	}{
		"it speaks with two":          {[][]byte{to(a, b), all, to(c, a)}, "", nil, nil, a, true, 0},
		"two speak with each other":   {[][]byte{to(a, b), to(b, a)}, "", nil, nil, diag.MAC{}, false, 2},
		"one of the two is a router":  {[][]byte{to(a, c), router, to(c, a)}, "", nil, nil, diag.MAC{}, false, 2},
		"and one made another":        {[][]byte{to(a, b), to(b, a)}, "", []diag.MAC{a}, nil, b, true, 0},
		"a mirror of many":            {[][]byte{to(a, b), to(b, c), to(c, a)}, "", nil, nil, diag.MAC{}, false, 3},
		"nothing but multicast":       {[][]byte{all}, "", nil, nil, diag.MAC{}, false, 1},
		"named by its address":        {[][]byte{to(a, b), to(b, a)}, "2001:db8::b", nil, nil, b, true, 0},
		"named by its MAC":            {[][]byte{to(a, b)}, "02:00:00:00:00:0b", nil, nil, b, true, 0},
		"named, and it sends nothing": {[][]byte{to(a, b)}, "2001:db8::d", nil, nil, diag.MAC{}, true, 0},
		"its router speaks elsewhere": {[][]byte{to(a, c), to(c, a)}, "", nil, [][]byte{to(b, c), to(c, b)}, a, true, 0},
		"both are all that they hear": {[][]byte{to(a, c), to(c, a)}, "", nil, [][]byte{to(a, c), to(c, a)}, diag.MAC{}, false, 2},
		"it only hears others":        {[][]byte{all}, "", []diag.MAC{a}, [][]byte{to(a, c), to(c, a)}, diag.MAC{}, true, 0},
		"nobody else hears it":        {[][]byte{to(b, group)}, "", []diag.MAC{a}, [][]byte{to(a, c), to(c, a)}, b, true, 0},
		"heard there as well as here": {[][]byte{to(b, group)}, "", []diag.MAC{a}, [][]byte{to(a, c), to(b, group)}, diag.MAC{}, false, 1},
	} {
		r, err := NewReader(bytes.NewReader(classicFile(t, layers.LinkTypeEthernet, false, tt.packets...)))
		if err != nil {
			t.Fatal(err)
		}
		named := Host{}
		if tt.named != "" {
			if named, err = ParseHost(tt.named); err != nil {
				t.Fatal(err)
			}
		}
		var beside []Maker
		if tt.beside != nil {
			other, err := NewReader(bytes.NewReader(classicFile(t, layers.LinkTypeEthernet, false, tt.beside...)))
			if err != nil {
				t.Fatal(err)
			}
			beside = append(beside, Find(other, Host{}))
		}
		m := Find(r, named)
		if got, ok := m.MakerOf(tt.others, beside); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %s, %v, want %s, %v", name, got, ok, tt.want, tt.ok)
		}
		if mac, ok := m.HostOf(tt.others, beside); !tt.ok && ok != (name == "one of the two is a router") || !tt.ok && ok && mac != a {
			t.Errorf("%s: %s is the host, %v", name, mac, ok)
		}
		if may := m.Candidates(tt.others, beside); !tt.ok && len(may) != tt.may {
			t.Errorf("%s: %v may have made it, want %d", name, may, tt.may)
		}
	}
}
