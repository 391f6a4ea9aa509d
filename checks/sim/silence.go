package sim

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// late lets what is on its way arrive, and counts the questions by wire that the run took for silent and whose answer came
// within the time that a silence is waited for where it counts. What this host's own sockets asked is in these: the wire
// sees the same frames.
func (w *World) late() (n int) {
	wait := time.Duration(w.State.Run.WaitMS) * time.Millisecond
	type question struct {
		asks           diag.Asks
		source, target netip.Addr
	}
	silent := map[question]string{} // the path
	for _, p := range w.State.Paths() {
		if p.Via == diag.ViaWire && p.Outcome == diag.Silent && (p.Asks == diag.AsksND || p.Asks == diag.AsksEcho) && !p.Target.IsMulticast() {
			silent[question{p.Asks, p.Source, p.Target}] = p.ID
		}
	}
	if len(silent) == 0 {
		return 0
	}
	w.settle(wait)
	w.collect()
	asked := map[question]time.Time{}
	last := map[string]int64{}
	for _, e := range w.Events {
		if p, ok := e.Body.(diag.Path); ok {
			last[p.ID] = e.Seq
		}
	}
	for _, e := range w.Events {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Bad != "" || !f.Out && w.me.owns(f.SrcMAC) { // sent back, or a twin's
			continue
		}
		switch {
		case f.Out && f.Type == diag.NS:
			asked[question{diag.AsksND, f.Src, f.Target}] = e.At
		case f.Out && f.Type == diag.EchoRequest:
			asked[question{diag.AsksEcho, f.Src, f.Dst}] = e.At
		case f.Out:
		case f.Type == diag.NA || f.Type == diag.EchoReply:
			q := question{diag.AsksND, f.Dst, f.Target}
			if f.Type == diag.EchoReply {
				q = question{diag.AsksEcho, f.Dst, f.Src}
			}
			at, was := asked[q]
			if id := silent[q]; was && id != "" && e.Seq > last[id] && e.At.Sub(at) <= wait {
				n++
				delete(silent, q)
			}
		}
	}
	return n
}

// owns reports whether a MAC is one of the host's.
func (h *host) owns(mac diag.MAC) bool {
	return slices.ContainsFunc(h.nics, func(n *nic) bool { return n.mac == mac })
}
