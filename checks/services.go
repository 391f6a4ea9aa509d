package checks

import (
	"net/netip"
	"strings"

	"ndwhy/diag"
)

// servicesCheck asks the helpers that a VPC has at fixed addresses, by sockets as any application
// would. Whatever a service answers, it is there.
var servicesCheck = Check{
	ID: idServices,
	Sends: []Bound{
		{"sends.service", 1 + reasks, "per.service"},
	},
	Changes: []string{"changes.neighbour"},
	plan:    planServices,
}

// A Service is what a request is for.
type Service string

// The services. IMDS is asked for a token, DNS for the root's name servers, NTP for the time.
const (
	IMDS Service = "imds"
	DNS  Service = "dns"
	NTP  Service = "ntp"
)

// vpcServices are their addresses (EC2 user guide, "Configure instance metadata options"; VPC user
// guide, "DHCP option sets"), and how many packets of ours a request costs: IMDS speaks TCP.
var vpcServices = []struct {
	service Service
	address netip.Addr
	packets int
}{
	{IMDS, netip.MustParseAddr("fd00:ec2::254"), 8},
	{DNS, netip.MustParseAddr("fd00:ec2::253"), 1},
	{NTP, netip.MustParseAddr("fd00:ec2::123"), 1},
}

func planServices(p *planner) {
	if !p.hasServices() || !p.raDone() {
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
			Path: diag.Path{
				Check: idServices, Asks: diag.AsksService, Via: diag.ViaKernel, Source: src,
				Target: s.address, TargetClass: diag.TargetService,
			},
			NextHop: via, Service: s.service, Frames: s.packets + kernelSolicits,
		}
		if !src.IsValid() {
			p.skip(q, DetailNoSource, "")
			continue
		}
		p.add(q)
	}
}

// hasServices reports whether the network is known for these services. Instances on Xen do not reach
// them (VPC user guide: "Nitro instances").
func (p *planner) hasServices() bool {
	m := p.s.Machine
	xen := m.SysVendor == "Xen" || strings.HasSuffix(m.BIOSVersion, ".amazon")
	return p.aws() && !xen
}

// seeService folds what happened at the socket of a request.
func (t *tally) seeService(e diag.Event, b diag.Socket) {
	switch {
	case b.Event == diag.SocketSent:
		t.taken++
		t.ask(e, b.EchoSeq)
	case b.Event == diag.SocketReply:
		t.answer(e, b.EchoSeq, b.From, diag.MAC{})
	case b.Type != "":
		t.error(e, b.Type, b.Code, b.From, 0)
	case t.taken == 0:
		t.refuse(b.Errno)
		t.note(e)
	case b.Errno == "ECONNREFUSED":
		t.path.Detail = DetailClosed
		t.note(e)
	default:
		t.local = true // no neighbour to send it to
	}
}

// judgeService says what the silence of a service is.
func (t *tally) judgeService(p *diag.Path) {
	switch {
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
