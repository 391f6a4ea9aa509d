package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var pathMTU = Cause{
	ID: "path.mtu", Severity: Warning,
	Remedy: []Remedy{
		inVPC("let-too-big-in", "aws ec2 authorize-security-group-ingress --group-id <sg-id> --ip-permissions 'IpProtocol=icmpv6,FromPort=2,ToPort=0,Ipv6Ranges=[{CidrIpv6=::/0}]'").when(as("")),
		way("mtu-1500", "ip link set dev {interface} mtu 1500").when(jumbo).kept(mtuOf("1500")),
		way("mtu-1280", "ip link set dev {interface} mtu 1280").when(func(v *view, h *hypothesis) bool { return !jumbo(v, h) }).kept(mtuOf("1280")),
		ask("ask.mtu"),
		way("", "tracepath -6 -n {target}"),
	},
	find: findMTU,
}

// jumbo reports whether the link itself carries less than this host sends, and that is more than Ethernet's usual size.
func jumbo(v *view, h *hypothesis) bool {
	return (h.as == "link" || h.as == "device") && v.on(h.iface).net.Link.MTU > 1500
}

func findMTU(iv *ifaceView) []hypothesis {
	if refused := iv.tooLarge(); len(refused) > 0 {
		h := hypothesis{
			direct: true, confidence: Certain, as: "device", subject: Subject{"interface", iv.name},
			args: []any{"target", refused[0].Target, "mtu", iv.net.Link.MTU},
		}
		iv.explain(&h, refused...)
		iv.explain(&h, iv.where(func(p *path) bool {
			return p.symptom >= 0 && p.Asks == diag.AsksMTU && p.Via != diag.ViaWire && p.Missing()
		})...)
		return []hypothesis{h}
	}
	var list []hypothesis
	for _, target := range slices.Concat(iv.targets(diag.TargetRouter), iv.targets(diag.TargetPeer), iv.targets(diag.TargetInternet)) {
		h := hypothesis{
			confidence: Likely, subject: Subject{"target", target.String()}, addr: target, beyond: true,
			args: []any{"target", target, "mtu", iv.net.Link.MTU},
		}
		var large []*path
		for _, p := range iv.paths {
			if p.Target != target {
				continue
			}
			if p.Asks == diag.AsksMTU && p.beyondHost() && !p.local() {
				iv.explain(&h, p)
				large = append(large, p)
			}
			if p.Asks == diag.AsksEcho && p.Outcome == diag.Answered {
				rest(&h, p)
				if p.lossy() {
					h.confidence = Possible // who answers some small ones only may have limited these as well
				}
			}
		}
		iv.lostBetween(&h, "cause.path.mtu.far", large)
		if len(h.symptoms) > 0 {
			list = append(list, h)
		}
	}
	if len(list) < 2 || !slices.ContainsFunc(list, func(h hypothesis) bool { return iv.near(h.addr) }) ||
		iv.any(func(p *path) bool {
			return p.Asks == diag.AsksMTU && (p.Outcome == diag.Answered || p.Outcome == diag.Refused)
		}) {
		return list
	}
	// Nobody takes them, neighbours neither: it is the link that carries less.
	link := list[0]
	link.subject, link.addr, link.as = Subject{"interface", iv.name}, netip.Addr{}, "link"
	for _, h := range list[1:] {
		link.symptoms = append(link.symptoms, h.symptoms...)
		link.evidence = append(link.evidence, h.evidence...)
	}
	return []hypothesis{link}
}

// mtuOf keeps an interface's MTU.
func mtuOf(bytes string) keep {
	return keep{networkd: "[Link] MTUBytes=" + bytes, netplan: "mtu=" + bytes, nm: "802-3-ethernet.mtu " + bytes, up: true}
}
