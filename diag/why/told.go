package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A toldAnswer is an answer that came only when a solicitation of this host had told who asks: until then the one who
// was asked looked for this host in vain.
type toldAnswer struct {
	source, target    netip.Addr
	asked, told, came diag.Event
	tries             int // solicitations of its own that did not arrive, at least
}

// toldSlowly is how long an answer must have stayed away at least, and how many times longer than it takes otherwise and
// than it took after the telling.
const (
	toldSlowly = 200 * time.Millisecond
	toldTimes  = 8
)

// toldAnswers are such answers of neighbours, the first of each of their addresses, in the order in which they came: they
// had waited until the telling, and nobody was heard to look for the source meanwhile. What is merely lost does not come
// later.
func (iv *ifaceView) toldAnswers() (list []toldAnswer) {
	sent, told := map[echoNumber]diag.Event{}, map[askedBy]diag.Event{} // told by who asks whom
	known, fastest := map[netip.Addr]time.Time{}, map[netip.Addr]time.Duration{}
	sought := map[netip.Addr]bool{} // by multicast, so that who looks for it is heard, if not each time
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Bad != "" || f.Interface != iv.name {
			continue
		}
		switch {
		case f.Out && f.Type == diag.EchoRequest:
			sent[echoNumber{f.EchoID, f.EchoSeq}] = e
		case f.Out && f.Type == diag.NS:
			told[askedBy{f.Src, f.Target}] = e
		case f.Out && f.Type == diag.NA, f.Type == diag.NS && !iv.s.OwnMAC(f.SrcMAC):
			known[f.Target] = e.At // who looks for it is heard, or told
			sought[f.Target] = sought[f.Target] || !f.Out && f.Dst.IsMulticast()
		case f.Type == diag.EchoReply:
			asked, is := sent[echoNumber{f.EchoID, f.EchoSeq}]
			if !is {
				continue
			}
			if took := max(1, e.At.Sub(asked.At)); fastest[f.Src] == 0 || took < fastest[f.Src] {
				fastest[f.Src] = took
			}
			tells, is := told[askedBy{f.Dst, f.Src}]
			waited := tells.At.Sub(asked.At)
			if !is || sought[f.Dst] || known[f.Dst].After(asked.At) || waited < toldSlowly || toldTimes*e.At.Sub(tells.At) > waited ||
				slices.ContainsFunc(list, func(a toldAnswer) bool { return a.source == f.Dst && a.target == f.Src }) {
				continue
			}
			list = append(list, toldAnswer{f.Dst, f.Src, asked, tells, e, 1 + int(min(waited/time.Second, 2))})
		}
	}
	return slices.DeleteFunc(list, func(a toldAnswer) bool { return toldTimes*fastest[a.target] > a.told.At.Sub(a.asked.At) })
}
