package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var imdsIPv6Off = Cause{
	ID: "service.imds-ipv6-off", Severity: Info,
	Remedy: []Remedy{
		inVPC("", "aws ec2 modify-instance-metadata-options --instance-id <instance-id> --http-endpoint enabled --http-protocol-ipv6 enabled"),
	},
	find: findIMDSIPv6Off,
}

var imdsHopLimit = Cause{
	ID: "service.imds-hop-limit", Severity: Info,
	Remedy: []Remedy{
		{Do: []string{"aws ec2 modify-instance-metadata-options --instance-id <instance-id> --http-tokens required --http-put-response-hop-limit 2"}, AWS: true, Pod: true},
	},
	find: findIMDSHopLimit,
}

var imdsOff = Cause{
	ID: "service.imds-off", Severity: Info,
	Remedy: []Remedy{
		inVPC("", "aws ec2 modify-instance-metadata-options --instance-id <instance-id> --http-endpoint enabled"),
	},
	find: findIMDSOff,
}

var serviceUnreachable = Cause{
	ID: "service.unreachable", Severity: Warning,
	Remedy: []Remedy{
		inVPC("vpc-dns", `aws ec2 modify-vpc-attribute --vpc-id <vpc-id> --enable-dns-support '{"Value":true}'`).
			when(func(_ *view, h *hypothesis) bool {
				return serviceName(h.addr) == words.Say("cause.service.unreachable.dns")
			}),
		ask("ask.service").when(as("")),
		ask("ask.name-server").when(as("announced")),
		ask("other-name-server").when(as("configured", "declines")),
		way("", "dig @{target} . NS").when(as("announced", "configured", "declines")),
		way("", "ip -6 route get {target}", "ping -6 -c 3 {target}"),
	},
	find: rule{
		about: target, kind: "service", arg: "target", confidence: Likely,
		explains: either(all(askedService, symptomatic, of(func(p *path) bool { return p.Target != diag.IMDSIPv6 })), all(symptomatic, declining)),
		denied:   all(itself, asking(diag.AsksService), answers, not(declining)),
		more: func(iv *ifaceView, h *hypothesis) {
			h.args = append(h.args, "service", serviceName(h.addr))
			if iv.any(func(p *path) bool { return p.Target == h.addr && p.Outcome == diag.Refused }) {
				h.more = append(h.more, "cause.service.unreachable.closed")
			}
			said := iv.first(all(of(func(p *path) bool { return p.Target == h.addr }), declining))
			switch s, named := iv.net.NameServer(h.addr); {
			case said != nil:
				h.as, h.args, h.beyond = "declines", append(h.args, "says", said.Note), false
				if !iv.looksNowhereElse(s) {
					h.severity = Info
				}
			case !named || slices.Contains(diag.VPCServices, h.addr):
			case s.Router.IsValid():
				h.as, h.args = "announced", append(h.args, "router", s.Router)
				h.facts = append(h.facts, iv.heard(iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: s.Router}]))
			default:
				h.as, h.args = "configured", append(h.args, "file", iv.s.Resolvers.File)
				h.facts = append(h.facts, iv.s.Said(diag.Resolvers{}))
			}
		},
	}.find,
}

func findIMDSIPv6Off(iv *ifaceView) []hypothesis {
	if iv.s.Metadata.State != diag.MetadataOK && iv.s.Metadata.State != diag.MetadataNone {
		return nil
	}
	off := iv.where(func(p *path) bool { return p.Target == diag.IMDSIPv6 && askedService(iv, p.Target, p) })
	for _, p := range off {
		if f, came := p.came.Body.(diag.Frame); came && f.Type == diag.TCPSynAck {
			return nil // it is there: the connection was accepted
		}
		if p.fate == stoppedHere {
			return nil // it was not asked: this host let it not out
		}
	}
	if len(off) == 0 || iv.any(func(p *path) bool { return p.Target == diag.IMDSIPv6 && p.Outcome == diag.Answered }) {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"service", diag.IMDSIPv6.String()}, addr: diag.IMDSIPv6,
		args: []any{"target", diag.IMDSIPv6}, facts: []diag.Event{iv.s.Said(diag.Metadata{})},
		beyond: true, // a rule of this host refuses by the same reset
	}
	if !slices.ContainsFunc(off, func(p *path) bool { return p.Outcome == diag.Refused || p.Detail == diag.DetailClosed }) {
		h.confidence = Possible // so few requests get lost by chance
	}
	iv.explain(&h, off...)
	return []hypothesis{h}
}

// findIMDSHopLimit looks for a container that gets no session token: the service takes the connection, and what it
// answers ends at the instance, one hop before. (Only that answer has the low limit; EC2 user guide.)
func findIMDSHopLimit(iv *ifaceView) []hypothesis {
	cloud := ""
	if inside(iv.s) {
		_, cloud = cloudOf(iv.s.Machine)
	}
	if !iv.s.Metadata.Mute || cloud != "aws" || iv.profile.Name != "container" {
		return nil
	}
	said := iv.s.Said(diag.Metadata{})
	return []hypothesis{{
		direct: true, confidence: Likely, subject: Subject{"service", iv.s.Metadata.Endpoint}, facts: []diag.Event{said},
		args: []any{"endpoint", iv.s.Metadata.Endpoint},
	}}
}

// findIMDSOff looks for an instance of EC2 whose metadata service says nothing: what it would say has to be inferred.
func findIMDSOff(iv *ifaceView) []hypothesis {
	m := iv.s.Metadata
	if _, cloud := cloudOf(iv.s.Machine); cloud != "aws" || m.State != diag.MetadataUnreachable || inside(iv.s) || iv.name != iv.ifaces[0].name {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"service", m.Endpoint}, facts: []diag.Event{iv.s.Said(diag.Metadata{})},
		args: []any{"endpoint", m.Endpoint},
	}
	if !m.Refused {
		h.as = "silent"
	}
	return []hypothesis{h}
}

// serviceName says what a VPC has at one of its own addresses (Amazon VPC user guide, "DNS
// attributes"; EC2 user guide, "Amazon Time Sync Service").
func serviceName(addr netip.Addr) string {
	switch addr {
	case netip.MustParseAddr("fd00:ec2::253"):
		return words.Say("cause.service.unreachable.dns")
	case netip.MustParseAddr("fd00:ec2::123"):
		return words.Say("cause.service.unreachable.ntp")
	default:
		return words.Say("cause.service.unreachable.some")
	}
}

// declining holds of a name server that answers and looks nothing up.
var declining = of(func(p *path) bool { return declines(*p.Path) })

// looksNowhereElse reports whether this host is to ask a name server for names out there, and no other that may know them: a
// resolver asks the next one where the first declines (resolv.conf(5)), one that is only announced may not be asked by this
// host at all, and where no answer comes from out there, a server of the names in here is all that is needed.
func (iv *ifaceView) looksNowhereElse(s diag.NameServer) bool {
	return !s.Router.IsValid() && iv.s.Resolvers.Others == 0 && iv.hearsInternet() && !slices.ContainsFunc(iv.ifaces, func(other *ifaceView) bool {
		return other.any(func(p *path) bool {
			return p.Target != s.Address && p.Asks == diag.AsksService && p.Outcome == diag.Answered && !declines(*p.Path) && other.normals.asksNameServer(*p.Path)
		})
	})
}

// askedService holds of the paths to services that gave no answer, though they were asked, and from where an
// answer can come back to.
var askedService = all(
	toward(diag.TargetService), asking(diag.AsksService, diag.AsksND), came(diag.Silent, diag.Refused), either(nearby, not(undiscovered)), not(locally), fromUs,
	of(func(p *path) bool { return !p.Source.IsLinkLocalUnicast() }), not(in((*ifaceView).astray)),
	not(in(func(iv *ifaceView, p *path) bool {
		return slices.ContainsFunc(iv.rogues(), func(r *diag.RouterSeen) bool { return iv.viaRouterAt(p, r) })
	})),
)
