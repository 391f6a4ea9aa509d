package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var peerUnmapped = Cause{
	ID: "peer.unmapped", Severity: Warning,
	Remedy: []Remedy{
		ask("ask.peer").when(otherwise(as("mute"))),
		ask("ask.mute").when(as("mute")),
		way("", "ndisc6 {peer} {interface}"),
		inVPC("", "aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer}").when(ofGlobal),
	},
	find: func(iv *ifaceView) []hypothesis {
		return slices.Concat(unmapped.find(iv), mute.find(iv), loneUnmapped.find(iv))
	},
}

// unmapped: others resolve, and it does not.
var unmapped = rule{
	about: target, kind: "peer", arg: "peer", confidence: Likely,
	explains: all(toward(diag.TargetPeer), silence, fromUs),
	needs: []test{
		all(asking(diag.AsksND), answers, fromUs),
		all(itself, silence, fromUs, either(all(asking(diag.AsksND), not(routed)), undiscovered)),
	},
	denied: all(itself, either(answers, of((*path).alone))),
	given:  func(iv *ifaceView, peer netip.Addr) bool { return iv.speakers()[peer].Body == nil },
	more: func(iv *ifaceView, h *hypothesis) {
		h.args = append(h.args, "other", iv.first(all(asking(diag.AsksND), answers, fromUs)).Target)
		switch {
		case iv.profile.Answers:
			h.more = []string{"cause.peer.unmapped.fabric"}
		case !iv.profile.Filters && iv.first(all(toward(diag.TargetPeer), answers, fromUs)) == nil && !iv.hearsHosts():
			h.more = []string{"cause.peer.unmapped.alone"}
		}
		if n, ok := iv.net.Entry(h.addr); ok {
			h.facts = append(h.facts, diag.FactOf(n))
		}
	},
}

// mute: its packets come, and no solicitation for it is answered.
var mute = rule{
	about: target, kind: "peer", arg: "peer", confidence: Likely,
	explains: all(toward(diag.TargetPeer), silence, either(fromUs, asking(diag.AsksND))),
	needs: []test{
		all(asking(diag.AsksND), answers, fromUs),
		all(itself, asking(diag.AsksND), silence, fromUs, not(routed)),
	},
	denied: all(itself, asking(diag.AsksND), either(answers, of((*path).alone))),
	given:  func(iv *ifaceView, peer netip.Addr) bool { return iv.speakers()[peer].Body != nil },
	more: func(iv *ifaceView, h *hypothesis) {
		h.as, h.facts = "mute", append(h.facts, iv.speakers()[h.addr])
		h.args = append(h.args, "other", iv.first(all(asking(diag.AsksND), answers, fromUs)).Target)
		if iv.any(func(p *path) bool { return p.Target == h.addr && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered }) {
			h.more = append(h.more, "cause.peer.unmapped.mute-known")
		}
	},
}

// loneUnmapped: it does not resolve, and nobody else was asked.
var loneUnmapped = rule{
	about: target, kind: "peer", arg: "peer", confidence: Likely,
	explains: all(toward(diag.TargetPeer), silence, fromUs),
	needs:    []test{all(itself, asking(diag.AsksND), silence, fromUs, not(routed))},
	denied:   all(itself, either(answers, of((*path).alone))),
	given:    func(iv *ifaceView, _ netip.Addr) bool { return iv.lone() && !iv.heeded() },
	more:     func(_ *ifaceView, h *hypothesis) { h.as = "lone" },
}

var echoBlocked = Cause{
	ID: "peer.echo-blocked", Severity: Warning,
	Remedy: []Remedy{
		inVPC("let-echo-in", "aws ec2 authorize-security-group-ingress --group-id <sg-id> --ip-permissions 'IpProtocol=icmpv6,FromPort=128,ToPort=-1,Ipv6Ranges=[{CidrIpv6=<vpc-prefix>,Description=\"ping6\"}]'"),
		ask("ask.echo"),
		inVPC("", "aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer} --query 'NetworkInterfaces[].Groups'").when(ofGlobal),
	},
	// It resolves, or is the router's to resolve, and its echo is silent.
	find: rule{
		about: target, kind: "peer", arg: "peer", confidence: Likely,
		explains: all(toward(diag.TargetPeer), asking(diag.AsksEcho), unanswered, either(fromUs, symptomatic)),
		needs: []test{all(itself, either(
			all(not(nearby), asking(diag.AsksEcho), unanswered, of(func(p *path) bool { return p.Sent > 0 })),
			all(nearby, asking(diag.AsksND), answers),
			all(nearby, asking(diag.AsksEcho), byKernel, not(undiscovered), of(func(p *path) bool { return p.NUD.Resolved() }), not(in(soughtByWire))),
		))},
		denied: all(itself, either(all(asking(diag.AsksEcho), answers), in(func(iv *ifaceView, p *path) bool {
			return p.Asks == diag.AsksND && p.Outcome == diag.Answered && iv.besideUs(p.Target)
		}))),
		more: func(iv *ifaceView, h *hypothesis) {
			if iv.any(func(p *path) bool { return p.TargetClass == diag.TargetPeer && p.Asks == diag.AsksEcho && p.lossy() }) {
				h.confidence = Possible // it may answer only so many
			}
			if iv.near(h.addr) && len(iv.answers[asked{diag.AsksND, h.addr}]) == 0 {
				h.confidence = Possible // what the kernel has of it is from before: it may be gone, or elsewhere
			}
			switch {
			case !iv.near(h.addr):
				h.as, h.confidence = "routed", Possible // another router may be the one that leads there
				return
			case iv.proxied(h.addr):
				h.as, h.confidence = "proxied", Possible // it may be gone
			case iv.profile.Answers:
				h.more = append(h.more, "cause.peer.echo-blocked.fabric")
			default:
				h.more = append(h.more, "cause.peer.echo-blocked.alive")
			}
			// The same is said of all of them, so that it need be said once.
			if iv.first(all(toward(diag.TargetPeer), asking(diag.AsksEcho), unanswered, fromUs, linkLocal)) != nil {
				h.more = append(h.more, "cause.peer.echo-blocked.link-local")
			}
		},
	}.find,
}

// soughtByWire reports whether solicitations for a path's target stay unanswered: what the kernel has of it is old.
func soughtByWire(iv *ifaceView, p *path) bool {
	return iv.any(func(q *path) bool {
		return q.Target == p.Target && q.Asks == diag.AsksND && q.Via == diag.ViaWire && q.fate == unheard && q.Ours()
	})
}

// routed holds of what a router is sent: on the link its target need not be.
var routed = in(func(iv *ifaceView, p *path) bool { return iv.normals.routed(*p.Path) })

// ofGlobal holds of a global address: EC2 lists no others.
func ofGlobal(_ *view, h *hypothesis) bool { return diag.ScopeOf(h.addr) == diag.GlobalScope }
