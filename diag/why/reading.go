package why

import (
	"net/netip"
	"time"

	"ndwhy/diag"
)

// local reports whether a kernel path's missing answer must be this host's doing: the same
// question was answered on the wire, or the kernel was not allowed to send it.
func (iv *ifaceView) local(p *diag.Path) bool {
	if iv.deaf(p) {
		return true
	}
	if p.Via != diag.ViaKernel || !p.Missing() || p.Outcome == diag.Refused {
		return false
	}
	if p.Errno == "EPERM" || p.Errno == "EACCES" && p.Outcome == diag.Unsent {
		return true
	}
	if p.Asks == diag.AsksService && p.Detail == "unresolved" {
		// No frame of ours asks for a service; what resolves the way to it is seen on the wire.
		return iv.any(func(r *diag.Path) bool {
			return r.Via == diag.ViaWire && r.Asks == diag.AsksND && r.TargetClass == diag.TargetRouter && r.Outcome == diag.Answered && r.Ours()
		})
	}
	return iv.s.Answered(diag.ViaWire, diag.QuestionOf(*p))
}

// excused reports whether a silence is not the asked one's: it was answered too late, or this host does not
// answer for its own address.
func (iv *ifaceView) excused(p *diag.Path) bool { return iv.late(p) || iv.deaf(p) }

// deaf reports whether an answer may be missing because this host does not answer for the source it
// asked with: somebody solicited for that, and no advertisement left. Who cannot resolve cannot answer.
func (iv *ifaceView) deaf(p *diag.Path) bool {
	return p.Outcome == diag.Silent && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU) && p.Detail != "unresolved" && iv.unanswered()[p.Source]
}

// unanswered are the usable addresses of the interface that others solicited for and this host never
// advertised.
func (iv *ifaceView) unanswered() map[netip.Addr]bool {
	if iv.deafTo != nil {
		return iv.deafTo
	}
	iv.deafTo = map[netip.Addr]bool{}
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Interface != iv.name || f.Bad != "" {
			continue
		}
		switch {
		case f.Type == diag.NS && !f.Out && !f.Src.IsUnspecified() && !iv.ownMAC(f.SrcMAC):
			a, ours := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: f.Target}]
			_, answered := iv.deafTo[f.Target]
			if ours && a.Fact.Flags.Usable() && !a.Fact.Passing() && !answered && iv.s.Now.Sub(e.At) >= settled {
				iv.deafTo[f.Target] = true
			}
		case f.Type == diag.NA && f.Out:
			iv.deafTo[f.Target] = false
		}
	}
	return iv.deafTo
}

// echoed is an echo, by what its reply repeats.
type echoed struct{ id, seq uint16 }

// lateEchoes are the replies that came after the wait for them, by the address that was asked.
func (iv *ifaceView) lateEchoes() map[netip.Addr]diag.Event {
	if iv.lateTo != nil {
		return iv.lateTo
	}
	iv.lateTo = map[netip.Addr]diag.Event{}
	sent := map[echoed]diag.Event{}
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		switch {
		case !ok || f.Interface != iv.name || f.Bad != "":
		case f.Out && f.Type == diag.EchoRequest:
			sent[echoed{f.EchoID, f.EchoSeq}] = e
		case !f.Out && f.Type == diag.EchoReply:
			if q, asked := sent[echoed{f.EchoID, f.EchoSeq}]; asked && e.At.Sub(q.At) >= tooLate {
				iv.lateTo[q.Body.(diag.Frame).Dst] = e
				iv.latest = max(iv.latest, e.At.Sub(q.At))
			}
		}
	}
	return iv.lateTo
}

// tooLate is how long an echo is waited for.
const tooLate = time.Second

// late reports whether the target of a silent path answered after all, when nobody waited any more.
func (iv *ifaceView) late(p *diag.Path) bool {
	_, ok := iv.lateEchoes()[p.Target]
	return ok && p.Outcome == diag.Silent && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU)
}
