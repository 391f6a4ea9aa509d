package diagtest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// Chance makes observations up: a healthy or an empty world, bent at random.
type Chance struct{ *rand.Rand }

func (c Chance) one(in int) bool { return c.IntN(in) == 0 }

func pick[T any](c Chance, list []T) T { return list[c.IntN(len(list))] }

var (
	someAddresses = []netip.Addr{
		Mine, MineNext, PeerGlobal, PeerSecond, PeerLocal, RouterAddr, Host1, Host2, UlaCand, LocalCand, Hand, MyLocal, diag.AllNodes,
		diag.VPCRouter, diag.IMDSIPv6, netip.MustParseAddr("2001:db8:1f16:8df::1"), netip.IPv6Unspecified(),
		{},
	}
	someMACs     = []diag.MAC{MyMAC, OtherMAC, RouterMAC, PeerMAC, {}}
	someOutcomes = []diag.Outcome{diag.Answered, diag.Answered, diag.Silent, diag.Silent, diag.Refused, diag.Unsent, diag.OutcomeSkipped}
	someErrnos   = []string{"", "", "EPERM", "ENOBUFS", "ENETUNREACH", "EHOSTUNREACH", "EACCES"}
	someDetails  = []string{"", "", "unresolved", "not-seen-leaving", "timeout", "off", "no-raw"}
	someStates   = []diag.NUD{diag.Incomplete, diag.Reachable, diag.Stale, diag.Failed, diag.PermanentNUD, ""}
	someLifes    = []int64{diag.Forever, 0, 3, 140, 1800}
	someIfaces   = []string{"eth0", "eth0", "eth0", "eth1", "lo"}
)

func (c Chance) prefix() netip.Prefix {
	a := pick(c, someAddresses)
	if !a.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, pick(c, []int{0, 48, 64, 80, 128})).Masked()
}

// World makes up a world: a healthy or an empty one, bent.
func (c Chance) World() *World {
	w := []func() *World{VPC, LAN, link, func() *World { return &World{Run: diag.Run{Interfaces: []string{"eth0"}}} }}[c.IntN(4)]()
	w.Run.Profile = pick(c, []string{"", "", "", "aws", "lan", "openstack", "azure", "gcp", "oci", "unknown"})
	if c.one(8) {
		w.Run2()
	}
	if c.one(4) {
		w.Run.Assigned = append(w.Run.Assigned, c.prefix())
	}
	for i := range w.Paths {
		if c.one(4) {
			c.bend(&w.Paths[i])
		}
	}
	w.Drop(func(b diag.Body) bool { _, isFeed := b.(diag.Feed); return c.one(12) && !isFeed })
	for range c.IntN(8) {
		w.Say(c.body())
	}
	for range c.IntN(4) {
		w.Path(diag.Path{
			Interface: pick(c, someIfaces), Check: pick(c, diag.CheckOrder), Asks: pick(c, []diag.Asks{diag.AsksND, diag.AsksDAD, diag.AsksEcho, diag.AsksRS, diag.AsksDHCP, diag.AsksMTU, diag.AsksService, diag.AsksTCP}),
			Source: pick(c, someAddresses), Target: pick(c, someAddresses[:16]), Outcome: pick(c, someOutcomes),
			SourceClass: pick(c, []diag.SourceClass{diag.SourceAssigned, diag.SourceUnassigned, diag.SourceCandidate, diag.SourceUnknown, diag.SourceUnspecified}),
			TargetClass: pick(c, []diag.TargetClass{diag.TargetRouter, diag.TargetPeer, diag.TargetAllNodes, diag.TargetInternet, diag.TargetService}),
			Via:         pick(c, []diag.Via{diag.ViaWire, diag.ViaKernel, diag.ViaApp}), Out: pick(c, []string{"", "eth0", "wg0"}), Given: c.one(2), Detail: pick(c, someDetails), Errno: pick(c, someErrnos),
		})
	}
	byID := map[string]bool{}
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool {
		again := byID[p.ID]
		byID[p.ID] = true
		return again
	})
	w.Elapsed = time.Duration(c.IntN(20000)) * time.Millisecond
	return w
}

func (c Chance) bend(p *diag.Path) {
	p.Outcome, p.Detail, p.Errno = pick(c, someOutcomes), pick(c, someDetails), pick(c, someErrnos)
	p.Sent, p.Received, p.Given, p.NUD = c.IntN(14), 0, c.one(2), pick(c, someStates)
	if p.Outcome == diag.Answered {
		p.Sent = max(1, p.Sent)
		p.Received = 1 + c.IntN(p.Sent)
		p.Responders = []diag.Responder{{Address: p.Target, MAC: pick(c, someMACs)}}
	}
	if p.Outcome == diag.Refused {
		p.Error = &diag.PathError{Type: pick(c, []diag.FrameType{diag.Unreachable, diag.PacketTooBig, diag.TimeExceeded}), Code: c.IntN(6), From: pick(c, someAddresses)}
	}
}

func (c Chance) body() diag.Body {
	iface, addr := pick(c, someIfaces), pick(c, someAddresses)
	switch c.IntN(23) {
	case 19:
		return diag.Check{ID: pick(c, []string{"ra", "internet"}), Interface: iface, State: pick(c, []diag.CheckState{diag.CheckRunning, diag.CheckDone})}
	case 0:
		return diag.Link{Interface: iface, MAC: pick(c, someMACs), MTU: 1500, Up: !c.one(3), Carrier: !c.one(3), Ethernet: !c.one(4), XDP: c.one(4), Gone: c.one(8)}
	case 1:
		return diag.Address{
			Interface: iface, Address: addr, PrefixLen: pick(c, []int{64, 128}), PreferredS: pick(c, someLifes), ValidS: pick(c, someLifes),
			Flags: pick(c, []diag.AddrFlags{0, diag.Permanent, diag.Tentative | diag.DADFailed, diag.Deprecated, diag.NoPrefixRoute}), UpdatedS: float64(c.IntN(500)), Gone: c.one(6),
		}
	case 2:
		return diag.Route{
			Interface: iface, Dst: c.prefix(), Via: addr, Table: pick(c, []int{diag.MainTable, 10000}), Protocol: pick(c, []string{"ra", "static"}),
			Type: pick(c, []string{"unicast", "unreachable", "prohibit"}), ExpiresS: pick(c, someLifes), Gone: c.one(6),
		}
	case 3:
		return diag.Sysctl{Scope: iface, Name: pick(c, []string{
			"accept_ra", "forwarding", "disable_ipv6", "accept_ra_defrtr", "hop_limit", "mtu", "accept_ra_rt_info_max_plen", "max_addresses",
		}), Value: pick(c, []string{"0", "1", "2", "", "1400"})}
	case 4:
		if c.one(3) {
			return diag.Access{SSH: []netip.Addr{addr}, SSH4: []string{iface}, Default4: []string{iface}}
		}
		return diag.Manager{Interface: iface, Name: "networkd", RA: c.one(2), Writer: pick(c, []string{"", "netplan"}), File: pick(c, []string{"", "/run/systemd/network/10-netplan-eth0.network"})}
	case 5:
		return diag.Selection{Dst: addr, From: pick(c, someAddresses), Source: pick(c, someAddresses), Interface: iface, Errno: pick(c, someErrnos)}
	case 6:
		return diag.Filter{
			Interface: pick(c, []string{"", iface}), Table: "inet f", Chain: "c", Hook: pick(c, []string{"input", "output", "egress", "ingress"}), Verdict: pick(c, []string{"drop", "reject"}),
			Rule: fmt.Sprint("rule ", c.IntN(3)), Matches: []string{pick(c, []string{"ns", "na", "ra", "rs", "echo-request", "echo-reply"})}, Gone: c.one(8),
		}
	case 7:
		return diag.TableUse{Entries: c.IntN(2000), Thresh3: pick(c, []int{0, 1024}), NoBuffers: c.one(3), Tracked: c.IntN(2) * 1000, TrackedMost: pick(c, []int{0, 1000})}
	case 8:
		return diag.Metadata{State: pick(c, []diag.MetadataState{diag.MetadataOK, diag.MetadataNone, diag.MetadataUnreachable}), Interfaces: []diag.MetadataInterface{
			{MAC: pick(c, someMACs), ID: "eni-1", Addresses: []netip.Addr{addr}, Prefixes: []netip.Prefix{c.prefix()}, Subnets: []netip.Prefix{c.prefix()}},
		}}
	case 9:
		return diag.Lease{Interface: iface, Addresses: []diag.LeaseAddress{{Prefix: c.prefix(), PreferredS: 140, ValidS: 450, At: Start}}}
	case 10:
		return RaFrame(addr, pick(c, someMACs), diag.Advertisement{
			Managed: c.one(2), LifetimeS: pick(c, []int64{0, 1800}), Preference: pick(c, []string{"low", "medium", "high"}),
			Prefixes: []diag.PrefixInfo{{Prefix: c.prefix(), OnLink: c.one(2), Autonomous: c.one(2)}}, RDNSS: []netip.Addr{pick(c, someAddresses)}, RDNSSLifeS: pick(c, someLifes),
		})
	case 11:
		return diag.Frame{Interface: iface, Type: diag.DHCPv6Frame, Src: addr, DHCPv6: &diag.DHCPv6{
			Message: pick(c, []string{"advertise", "reply"}), Status: pick(c, []string{"", "NoAddrsAvail"}), Addresses: []diag.LeaseAddress{{Prefix: c.prefix()}},
		}}
	case 12:
		return diag.Frame{Interface: iface, Out: true, Type: diag.EchoRequest, Src: addr, Dst: Host1}
	case 13:
		return diag.Neighbour{Interface: iface, Address: addr, MAC: pick(c, someMACs), State: pick(c, someStates), Router: c.one(2), Proxy: c.one(8), Gone: c.one(6)}
	case 14:
		if c.one(4) {
			return diag.Drop{Frame: diag.Frame{Interface: iface, Out: c.one(2), Type: pick(c, []diag.FrameType{diag.TCPSyn, diag.TCPSynAck, diag.UDPFrame}), Src: addr, Dst: Host1, SrcPort: 40000, DstPort: 443}, Reason: "NETFILTER_DROP"}
		}
		return diag.Drop{Frame: diag.Frame{Interface: iface, Out: c.one(2), Type: pick(c, []diag.FrameType{diag.EchoRequest, diag.EchoReply, diag.NS, diag.NA}), Src: addr, Dst: Host1}, Reason: pick(c, []string{"NETFILTER_DROP", "NO_SOCKET"})}
	case 15:
		return diag.Frame{Interface: iface, Out: c.one(2), Type: pick(c, []diag.FrameType{diag.TCPSyn, diag.TCPSynAck, diag.TCPFin, diag.TCPRst}), Src: addr, Dst: Host1, SrcPort: 40000, DstPort: 443}
	case 16:
		return diag.Groups{Interface: iface, Joined: []netip.Addr{diag.SolicitedNode(addr)}, Device: []diag.MAC{diag.MulticastMAC(diag.SolicitedNode(addr))}, Partial: c.one(4)}
	case 17:
		return diag.Flows{Count: 1, List: []diag.Flow{{
			Local: netip.AddrPortFrom(Mine, 40000), Remote: netip.AddrPortFrom(Host1, 443), State: diag.FlowEstablished, Retransmits: c.IntN(2),
		}}}
	case 18:
		return diag.Flood{Interface: iface, Type: pick(c, []diag.FrameType{diag.RA, diag.NS, diag.NA}), Packets: 100 * c.IntN(90), OverS: 1, Senders: 1 + c.IntN(900), MAC: pick(c, someMACs), Most: 1}
	case 22:
		return diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{addr}}
	case 20:
		there := c.body()
		if there.Kind() == (diag.Far{}).Kind() {
			return diag.Far{From: "ssh far", State: pick(c, []diag.FarState{diag.FarComplete, diag.FarBehind, diag.FarEnded}), Why: "x"}
		}
		if c.one(3) {
			return diag.Far{From: "ssh far", Event: &diag.Event{Seq: 1, At: Start.Add(2 * time.Second), Body: diag.Run{Host: "far", Interfaces: []string{"eth0"}}}}
		}
		return diag.Far{From: "ssh far", Event: &diag.Event{Seq: c.Int64N(1 << 40), At: Start.Add(3 * time.Second), Body: there}}
	default:
		return diag.Feed{Name: pick(c, []diag.FeedName{diag.FeedNetlink, diag.FeedFrames, diag.FeedIMDS, diag.FeedHost}), State: pick(c, []diag.FeedState{diag.Synced, diag.Lost, diag.Unavailable, diag.NotAsked})}
	}
}
