package diag

import "net/netip"

// A PacketKey names a packet, so that it is known again where another source of events tells of it: what
// it is, the other party, and the numbers of an echo, or of TCP and UDP the port of this host. An ICMPv6 error has
// the numbers of what it quotes.
type PacketKey struct {
	Interface string
	Out       bool
	Type      FrameType
	// Peer is what a solicitation, an advertisement or a redirect is about; of other packets the destination
	// of one that leaves, the source of one that comes.
	Peer            netip.Addr
	EchoID, EchoSeq uint16
	Port            uint16
}

// Key returns the name of the packet in a frame.
func (f Frame) Key() PacketKey {
	key := PacketKey{Interface: f.Interface, Out: f.Out, Type: f.Type, Peer: f.Src, EchoID: f.EchoID, EchoSeq: f.EchoSeq}
	switch {
	case f.Target.IsValid():
		key.Peer = f.Target
	case f.Out:
		key.Peer = f.Dst
	}
	if key.Port = f.DstPort; f.Out {
		key.Port = f.SrcPort
	}
	if f.Quoted != nil {
		key.EchoID, key.EchoSeq = f.Quoted.EchoID, f.Quoted.EchoSeq
	}
	return key
}

// Keys returns the names of what a socket sent, and of what may have come for it: the answer has the request's numbers.
func (k Socket) Keys() []PacketKey {
	packet := func(out bool, t FrameType) PacketKey {
		return PacketKey{Interface: k.Interface, Out: out, Type: t, Peer: k.Target, Port: k.LocalPort}
	}
	switch {
	case k.Service == "":
		asked := packet(true, EchoRequest)
		asked.EchoID, asked.EchoSeq = k.EchoID, k.EchoSeq
		answer := asked
		answer.Out, answer.Type = false, EchoReply
		return []PacketKey{asked, answer}
	case k.LocalPort == 0:
		return nil // not known
	case k.Service == "tcp" || k.Service == "imds":
		return []PacketKey{packet(true, TCPSyn), packet(false, TCPSynAck), packet(false, TCPRst)}
	default:
		return []PacketKey{packet(true, UDPFrame), packet(false, UDPFrame)}
	}
}

// tellingReasons are those for which a healthy packet dies because of how this host is set up, or for
// want of something here (include/net/dropreason-core.h). The others tell of the packet, or of nothing
// wrong: NO_SOCKET is what becomes of the reply to a wire echo (net/ipv4/ping.c, ping_rcv: no socket
// waits for it), NOT_SPECIFIED of a solicitation for a group that this host is not in
// (net/ipv6/ip6_input.c, ip6_mc_input), NOT_SPECIFIED and NEIGH_FAILED of what waited for a neighbour
// that never answered (net/core/neighbour.c, neigh_invalidate), IP_INADDRERRORS of the answer to an
// address that is only claimed (net/ipv6/ip6_output.c, ip6_forward), OTHERHOST of what a promiscuous
// interface overhears.
var tellingReasons = map[string]bool{
	"NETFILTER_DROP":    true, // net/netfilter: nftables, ip6tables
	"TC_INGRESS":        true, // net/core/dev.c: sch_handle_ingress
	"TC_EGRESS":         true, // net/core/dev.c: sch_handle_egress
	"XDP":               true, // net/core/dev.c: generic XDP alone, the driver's frees no skb
	"BPF_CGROUP_EGRESS": true, // net/ipv6/ip6_output.c
	"SECURITY_HOOK":     true,
	"XFRM_POLICY":       true, // net/ipv6/icmp.c, raw.c: IPsec wants it encrypted
	"IP_RPFILTER":       true,
	"IPV6DISABLED":      true, // net/ipv6/ip6_input.c, ip6_output.c: disable_ipv6
	"IP_INNOROUTES":     true, // net/ipv6/route.c: ip6_pkt_drop
	"IP_OUTNOROUTES":    true,
	"NEIGH_CREATEFAIL":  true, // net/ipv6/ip6_output.c: the neighbour table is full
	"QDISC_DROP":        true, // net/core/dev.c: no room, and so on
	"FULL_RING":         true,
	"CPU_BACKLOG":       true,
	"SOCKET_RCVBUFF":    true,
	"PROTO_MEM":         true,
	"NOMEM":             true,
	"DEV_READY":         true, // net/core/dev.c: the interface is down
}

// Telling reports whether a drop says something about this host: that it refused a packet which another
// would have taken. One that does not is what becomes of many a packet where all is well.
func (d Drop) Telling() bool {
	// icmp.echo_ignore_all, or no way back to who asks (net/ipv6/icmp.c: icmpv6_rcv, icmpv6_echo_reply).
	ignored := d.Reason == "NOT_SPECIFIED" && d.Function == "icmpv6_rcv" && d.Frame.Type == EchoRequest && !d.Frame.Out
	return tellingReasons[d.Reason] || ignored || d.ByXDP()
}

// filtering are the reasons that are a rule's or a hook's own decision.
var filtering = map[string]bool{
	"NETFILTER_DROP": true, "TC_INGRESS": true, "TC_EGRESS": true, "XDP": true, "BPF_CGROUP_EGRESS": true, "SECURITY_HOOK": true,
	"XFRM_POLICY": true, "IP_RPFILTER": true,
}

// ByFilter reports whether a rule or a hook of this host decided to drop the packet.
func (d Drop) ByFilter() bool { return filtering[d.Reason] || d.ByXDP() }

// ByXDP reports whether an XDP program in generic mode dropped it, of which few kernels say so as the reason.
func (d Drop) ByXDP() bool { return d.Function == "do_xdp_generic" }

func (s *State) applyDrop(e Event, d Drop) {
	kept := &s.drops
	if d.Frame.Type.HasPorts() {
		kept = &s.portDrops
	}
	gone := kept.keep(e)
	if old, ok := gone.Body.(Drop); ok && s.dropped[old.Frame.Key()] == gone.Seq {
		delete(s.dropped, old.Frame.Key())
	}
	// What is told of a packet of the same name later, and means nothing, is not to hide what does.
	if old, ok := s.DropOf(d.Frame.Key()); !ok || d.Telling() || !old.Body.(Drop).Telling() {
		s.dropped[d.Frame.Key()] = e.Seq
	}
}

// Drops returns the newest packets that the kernel threw away (Drop), oldest first.
func (s *State) Drops() []Event {
	list, ports := s.drops.list(), s.portDrops.list()
	if len(ports) == 0 {
		return list
	}
	all := make([]Event, 0, len(list)+len(ports))
	for len(list) > 0 && len(ports) > 0 {
		if list[0].Seq < ports[0].Seq {
			all, list = append(all, list[0]), list[1:]
		} else {
			all, ports = append(all, ports[0]), ports[1:]
		}
	}
	return append(append(all, list...), ports...)
}

// DropOf returns the newest drop of a packet, a telling one if there is. That there is none proves nothing while FeedDrops, or of
// TCP and UDP FeedPorts, is not Complete.
func (s *State) DropOf(key PacketKey) (Event, bool) {
	seq, ok := s.dropped[key]
	if !ok {
		return Event{}, false
	}
	if e, ok := s.drops.find(seq); ok {
		return e, true
	}
	return s.portDrops.find(seq)
}

// DropOn returns the newest telling drop of what a path's evidence names: a request that its socket
// handed to the kernel, the reply to it, or a frame that was seen. Of a solicitation that never left nothing is seen: ask
// DropOf.
func (s *State) DropOn(p Path) (newest Event, ok bool) {
	for _, seq := range p.Evidence {
		e, known := s.Evidence(seq)
		if !known {
			continue
		}
		var keys []PacketKey
		switch b := e.Body.(type) {
		case Frame:
			keys = append(keys, b.Key())
		case Socket:
			keys = append(keys, b.Keys()...)
		}
		for _, key := range keys {
			if d, is := s.DropOf(key); is && d.Body.(Drop).Telling() && d.Seq > newest.Seq {
				newest, ok = d, true
			}
		}
	}
	return newest, ok
}
