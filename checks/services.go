package checks

import (
	"net/netip"
	"strings"

	"ndwhy/diag"
)

const idServices = "services"

// The check services asks the name servers that this host or a router names, and the helpers that a VPC has at fixed
// addresses, by sockets as any application would. Whatever a service answers, it is there.
func init() {
	declare(Check{
		ID: idServices,
		Sends: []Bound{
			{"sends.service", 1 + reasks, "per.service"}, {"sends.ns", 6, "per.service"},
		},
		several: true,
		Changes: []string{"changes.neighbour"},
		plan:    planServices,
		nothing: because("detail.no-service"),
	})
}

// A Service is what a request is for.
type Service string

// The services. IMDS is asked for a token, DNS for ipv4only.arpa, NTP for the time, TCP for nothing but a
// connection.
const (
	IMDS Service = "imds"
	DNS  Service = "dns"
	NTP  Service = "ntp"
	TCP  Service = "tcp"
)

// What TCP answers.
const (
	TCPOpen   = "open"
	TCPClosed = "closed"
)

// dnsQueries are sent to a name server at most for one answer: others where it declines the first.
const dnsQueries = 3

// What a name server says that serves: that the name has no such addresses, that it does not know it, as some are told to
// say of it (RFC 8880), or in which prefix it makes them up.
const (
	DNSServes     = "Success"
	DNSUnknown    = "NameError"
	DNSTranslates = DNSServes + ", DNS64 "
)

// vpcServices are their addresses (EC2 user guide, "Configure instance metadata options"; VPC user
// guide, "DHCP option sets"), and how many packets of ours a request costs: IMDS speaks TCP.
var vpcServices = []struct {
	service Service
	address netip.Addr
	packets int
}{
	{IMDS, netip.MustParseAddr("fd00:ec2::254"), 8},
	{DNS, netip.MustParseAddr("fd00:ec2::253"), dnsQueries},
	{NTP, netip.MustParseAddr("fd00:ec2::123"), 1},
}

func planServices(p *planner) {
	if !p.raDone() {
		return
	}
	p.planNameServers()
	if !p.hasServices() {
		return
	}
	for _, s := range vpcServices {
		if s.service == IMDS && p.s.Metadata.State == diag.MetadataNotAsked {
			continue // the user wants it left alone
		}
		src, via, ok := p.chosen(s.address)
		if !ok {
			continue
		}
		q := Question{
			Path:    diag.Path{Source: src, Target: s.address, TargetClass: diag.TargetService},
			NextHop: via, Service: s.service, Frames: s.packets + kernelSolicits,
		}
		if !src.IsValid() {
			p.skip(q, DetailNoSource, "", serviceByKernel{})
			continue
		}
		p.add(q, serviceByKernel{})
	}
}

// planNameServers asks those that this host is to ask: the ones that it is configured to, each by the interface that the
// kernel sends it by, and those that the link's routers announce.
func (p *planner) planNameServers() {
	for _, s := range p.net().NameServers() {
		if services.Contains(s.Address) && p.hasServices() {
			continue // it is asked as one of the VPC's own
		}
		if !s.Router.IsValid() && !s.Address.IsLinkLocalUnicast() && !p.leavesHere(s.Address) {
			continue
		}
		src, via, ok := p.chosen(s.Address)
		if !ok {
			continue
		}
		q := Question{
			Path:    diag.Path{Source: src, Target: s.Address, TargetClass: diag.TargetService},
			NextHop: via,
		}
		request := q
		request.Service, request.Frames = DNS, dnsQueries+kernelSolicits
		if !src.IsValid() {
			p.skip(request, DetailNoSource, "", serviceByKernel{})
			continue
		}
		p.add(request, serviceByKernel{})
		if !via.IsValid() {
			p.add(q, nd.wire)
		}
	}
}

// leavesHere reports whether the kernel, left to itself, sends what is for target by the interface that is planned for;
// where it sends it nowhere, whether that is the first.
func (p *planner) leavesHere(target netip.Addr) bool {
	sel, ok := p.s.Selections[diag.SelectionKey{Dst: target}]
	switch {
	case !ok && !p.guess:
		p.wants = append(p.wants, lookup{"", target})
		return false
	case !ok || sel.Errno != "":
		return p.iface == p.s.Run.Interfaces[0]
	}
	return sel.Interface == p.iface
}

// hasServices reports whether the network is known for these services. Instances on Xen do not reach
// them (VPC user guide: "Nitro instances").
func (p *planner) hasServices() bool {
	m := p.s.Machine
	xen := m.SysVendor == "Xen" || strings.HasSuffix(m.BIOSVersion, ".amazon")
	return p.aws() && !xen
}

// serviceByKernel asks a service. The tap shows none of it.
type serviceByKernel struct{ byKernel }

func (serviceByKernel) asks() diag.Asks { return diag.AsksService }
func (serviceByKernel) again() bool     { return true }

// adjust: one request, and again where silence would be a symptom. That of IMDS never is, so it gets its second at once.
func (serviceByKernel) adjust(l *lane, a *asking) {
	a.count, a.leave = 1, false
	if a.tallies[0].q.Service == IMDS {
		a.count = l.r.count
	}
	request := a.tallies[0].q.Frames - kernelSolicits
	a.cost += request - 1
	a.each = min(request, handshakePackets) // of one that is silent: what it asks, or a SYN and those that the kernel repeats
}

func (serviceByKernel) socket(t *tally, e diag.Event, s diag.Socket) {
	switch {
	case s.Event == diag.SocketSent:
		t.taken++
		t.ask(e, s.EchoSeq)
	case s.Event == diag.SocketReply:
		t.answer(e, s.EchoSeq, s.From, diag.MAC{})
		t.path.Detail, t.path.Note = "", ""
		if prefix, translates := strings.CutPrefix(s.Answer, DNSTranslates); translates {
			t.path.Detail, t.path.Note = DetailTranslates, prefix
		} else if Declines(t.q.Service, s.Answer) {
			t.path.Detail, t.path.Note = DetailDeclines, s.Answer
		}
	case s.Type != "":
		t.error(e, diag.PathError{Type: s.Type, Code: s.Code, From: s.From}, s.Errno)
	case t.taken == 0:
		t.refuse(s.Errno)
		t.note(e)
	case s.Errno == "ECONNREFUSED":
		t.path.Detail = DetailClosed
		t.note(e)
	default:
		t.local = true // no neighbour to send it to
	}
}

// Declines reports whether an answer says that its service does not serve: IMDS that is switched off says HTTP 403 (EC2
// user guide, "Use IMDSv2"), a clock that is not set has no stratum from 1 to 15 (RFC 5905 §7.3).
func Declines(service Service, answer string) bool {
	switch service {
	case IMDS:
		return !strings.HasPrefix(answer, "HTTP 2")
	case DNS:
		return !strings.HasPrefix(answer, DNSServes) && answer != DNSUnknown
	case NTP:
		return answer == "stratum 0" || answer == "stratum 16"
	default:
		return false
	}
}

func (serviceByKernel) judge(t *tally, p *diag.Path) { t.toldBySocket(p) }

// toldBySocket judges what no tap shows.
func (t *tally) toldBySocket(p *diag.Path) {
	switch {
	case p.Received > 0 || p.Error != nil || t.rejected != "":
		t.usual(p)
	case p.Errno != "" && t.taken == 0:
		p.Outcome = diag.Unsent
	case p.Sent == 0:
		p.Outcome, p.Detail = diag.Unsent, DetailNotSeen
	default:
		p.Outcome = diag.Silent
		if t.unresolved() && p.Detail == "" {
			p.Detail = DetailUnresolved
		}
	}
}
