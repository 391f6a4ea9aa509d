package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/pcap"
	"ndwhy/diag/wire"
)

// Where nothing says which host made a capture it is taken for that of the host which speaks with a router, if no other
// capture may be that host's; else who may have made it is named, to be typed, hosts first.
func TestWhose(t *testing.T) {
	t.Parallel()
	a, b, router := diag.MAC{2, 0, 0, 0, 0, 0xa}, diag.MAC{2, 0, 0, 0, 0, 0xb}, diag.MAC{2, 0, 0, 0, 0, 0xc}
	between := func(host diag.MAC) pcap.Maker {
		seeks, err := ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: router.LinkLocal()})
		is, failed := ndp.MarshalMessage(&ndp.NeighborAdvertisement{Router: true, TargetAddress: router.LinkLocal()})
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		all := diag.MulticastMAC(diag.AllNodes)
		ping := wire.Echo{Type: ipv6.ICMPTypeEchoRequest, ID: 1}.Marshal()
		return makerOf(t, frameOf(router, all, is), frameOf(host, all, seeks), frameOf(host, router, ping))
	}
	two := func() []source {
		return []source{{name: "here", host: "here", capture: true}, {name: "there", host: "there", capture: true}}
	}
	list := two()
	err := whose(list, []pcap.Maker{between(a), between(b)}, nil)
	if err != nil || list[0].of != a || list[1].of != b || list[0].guess == "" || list[1].guess == "" {
		t.Errorf("%v: %+v", err, list)
	}
	// Both ends of one conversation: either capture may be the host's.
	err = whose(two(), []pcap.Maker{between(a), between(a)}, nil)
	want := "--as 02:00:00:00:00:0a --as 02:00:00:00:00:0c; here may be of 02:00:00:00:00:0a (fe80::ff:fe00:a), 02:00:00:00:00:0c (fe80::ff:fe00:c), a router;"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// Two parts of the capture of one host are not taken for both sides; what --as names is.
func TestParts(t *testing.T) {
	t.Parallel()
	mac := diag.MAC{2, 0, 0, 0, 0, 0xa}
	parts := []source{{name: "part1", capture: true, of: mac}, {name: "part2", capture: true, of: mac}}
	if err := apart(parts); err == nil || !strings.Contains(err.Error(), "mergecap -w FILE part1 part2") {
		t.Errorf("%v", err)
	}
	named, err := pcap.ParseHost(mac.String())
	if err != nil {
		t.Fatal(err)
	}
	parts[0].as = named
	if err := apart(parts); err != nil {
		t.Error(err)
	}
	if err := apart([]source{{name: "recording"}, {name: "another"}}); err != nil {
		t.Error(err)
	}
}

// frameOf is a frame with an ICMPv6 message, whose checksum is put in.
func frameOf(from, to diag.MAC, message []byte) []byte {
	p := wire.Packet{Src: from.LinkLocal(), Dst: to.LinkLocal(), HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: message}
	if to[0]&1 != 0 {
		p.Dst = diag.AllNodes
	}
	return p.Frame(to, from)
}

// makerOf is what is known of who made a capture of frames.
func makerOf(t *testing.T, frames ...[]byte) pcap.Maker {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	err := w.WriteFileHeader(1<<16, layers.LinkTypeEthernet)
	for i, f := range frames {
		if err == nil {
			at := diagtest.Start.Add(time.Duration(i) * time.Second)
			err = w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f), Length: len(f)}, f)
		}
	}
	r, failed := pcap.NewReader(&b)
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return pcap.Find(r, pcap.Host{})
}
