package vswitch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"

	"ndwhy/diag"
)

// Chatter is what others on the link send to all instances, without end, once Begin was called: the ordinary talk of
// many hosts, or a flood by one that makes them up.
type Chatter struct {
	Type      diag.FrameType // NS, NA, RA
	PerSecond int
	Hosts     int // that it is from, each with an address and a MAC of its own
	HopLimit  int // 0: 255, as neighbour discovery has it
}

// hopLimitAt is where a frame has the hop limit, which no checksum covers.
const hopLimitAt = 14 + 7

// chatterEvery is how often chatter is sent, so much of it at a time.
const chatterEvery = 20 * time.Millisecond

// chat sends what the chatter of a moment is. Of a burst the log has one line.
func (t *turn) chat() {
	for _, c := range t.cfg.Chatter {
		hops := byte(cmp.Or(c.HopLimit, 255))
		n := c.PerSecond * int(chatterEvery) / int(time.Second)
		for range n {
			frame := t.chatterFrame(c)
			frame[hopLimitAt] = hops
			for p := range t.cfg.Ports {
				t.outs = append(t.outs, Output{p, frame})
			}
		}
		t.entries = append(t.entries, Entry{
			Time: t.now, Direction: "out", Verdict: Sent, Reason: fmt.Sprintf("%d hosts on the link send %d of these a second", c.Hosts, c.PerSecond),
			Frame: fmt.Sprintf("%d %s", n, c.Type),
		})
	}
}

// chatterFrame is a message of one of the hosts about another of them, or about itself.
func (t *turn) chatterFrame(c Chatter) []byte {
	host := func() (netip.Addr, diag.MAC) {
		mac := diag.MAC{0x02, 0xcc}
		binary.BigEndian.PutUint32(mac[2:], uint32(t.dice.IntN(max(1, c.Hosts))))
		return mac.LinkLocal(), mac
	}
	from, mac := host()
	switch c.Type {
	case diag.RA:
		prefix := t.cfg.Subnet.Masked().Addr().As16()
		copy(prefix[4:8], mac[2:])
		return buildND(allNodesMAC, mac, from, allNodes, &ndp.RouterAdvertisement{
			RouterLifetime: 30 * time.Minute, Options: []ndp.Option{
				&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac[:]},
				&ndp.PrefixInformation{
					PrefixLength: 64, Prefix: netip.AddrFrom16(prefix), OnLink: true, AutonomousAddressConfiguration: true,
					ValidLifetime: prefixValid, PreferredLifetime: prefixPreferred,
				},
			},
		})
	case diag.NA:
		return buildND(allNodesMAC, mac, from, allNodes, &ndp.NeighborAdvertisement{
			Override: true, TargetAddress: from, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac[:]}},
		})
	default:
		target, _ := host()
		group := diag.SolicitedNode(target)
		return buildND(diag.MulticastMAC(group), mac, from, group, &ndp.NeighborSolicitation{
			TargetAddress: target, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac[:]}},
		})
	}
}
