package why

import (
	"math"
	"slices"

	"ndwhy/diag"
)

var routerAsksAgain = Cause{
	ID: "router.asks-again", Severity: Critical,
	Remedy: []Remedy{
		ask("ask.again"),
		way("", "ip -6 neigh show {router} dev {interface}", "tcpdump -vv -eni {interface} 'icmp6 and (ip6[40] == 135 or ip6[40] == 136)'"),
	},
	find: findAsksAgain,
}

// findAsksAgain looks for routers that solicit for an address of this host again and again, although it was seen to
// answer them: the answers do not reach them, or they do not believe them. Once may be chance, where packets get lost.
func findAsksAgain(iv *ifaceView) []hypothesis {
	if len(iv.neighboursInVain()) > 0 && !iv.heeded() {
		return nil // nobody hears the interface, nor does the router
	}
	var list []hypothesis
	for _, key := range iv.traffic.repeated() {
		r := iv.traffic.repeats[key]
		if !iv.isRouter(r.again.Body.(diag.Frame)) || !iv.answersFor(key.target) {
			continue
		}
		h := hypothesis{
			direct: true, severity: Warning, confidence: Likely, subject: addressSubject(key.target), addr: key.target,
			args:  []any{"address", key.target, "router", key.by, "count", r.count},
			facts: []diag.Event{r.told, r.again}, beyond: true,
		}
		silent := iv.where(func(p *path) bool {
			return p.Source == key.target && p.fate == unheard && p.symptom >= 0 && !iv.near(p.Target) && p.origin == ours
		})
		heard := iv.any(func(p *path) bool {
			return p.Source == key.target && p.Outcome == diag.Answered && !iv.near(p.Target) && p.TargetClass != diag.TargetAllNodes && p.Asks != diag.AsksRS
		})
		if heard || len(silent) == 0 && r.count < repeatsAlone {
			continue
		}
		if len(silent) > 0 {
			h.severity = Critical
		}
		if math.Pow(iv.losing, float64(r.count)) > unlikely {
			h.confidence = Possible // its answers may have been lost by chance
		}
		iv.explain(&h, silent...)
		list = append(list, h)
	}
	return list
}

// repeatsAlone is how often a router must ask again to tell something by itself: one that hears nothing asks three
// times (RFC 4861 §10, MAX_MULTICAST_SOLICIT).
const repeatsAlone = 2

// repeated are who solicited again for what it was told, in order.
func (t *traffic) repeated() []askedBy {
	var list []askedBy
	for key, r := range t.repeats {
		if r.count > 0 {
			list = append(list, key)
		}
	}
	diag.SortFunc(list, func(a, b askedBy) int {
		if c := a.target.Compare(b.target); c != 0 {
			return c
		}
		return a.by.Compare(b.by)
	})
	return list
}

// isRouter reports whether a frame is from a router of the link, by whichever of its addresses: one that advertises
// itself, or that routes have.
func (iv *ifaceView) isRouter(f diag.Frame) bool {
	return iv.theirs(f.Src) || slices.ContainsFunc(iv.net.Routers, func(r *diag.RouterSeen) bool {
		return r.Address == f.Src || r.MAC == f.SrcMAC && r.MAC != (diag.MAC{})
	})
}
