package why

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"ndwhy/diag"
)

// Loss is the cause that takes answers by chance.
const Loss = "path.lossy"

var lossyPath = Cause{
	ID: Loss, Severity: Warning, Working: true,
	Remedy: []Remedy{
		ask("ask.loss").when(func(_ *view, h *hypothesis) bool { return h.as != "limit" }),
		way("slower", "ping -6 -c 30 -i 1 -I {interface} {target}").when(func(_ *view, h *hypothesis) bool { return h.as == "limit" }),
		way("", "ping -6 -c 100 -i 0.2 -I {interface} {target}", "ip -s link show dev {interface}", "ethtool -S {interface}"),
	},
	find: findLossy,
}

// findLossy finds loss that is the network's: under a flood it is not known whose it is.
func findLossy(iv *ifaceView) []hypothesis {
	if len(iv.floods()) > 0 {
		return nil
	}
	return iv.loss()
}

// loss wants loss that a limit on a host's own answers does not explain: in neighbour
// discovery, or at two hosts. A single host that answers some echoes is only remarked.
func (iv *ifaceView) loss() []hypothesis {
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true}
	questions := iv.inPart()
	sent, received := 0, 0
	inND := false
	hosts, hostOf := map[any]bool{}, iv.hosts()
	var first netip.Addr
	var lossy []*path
	ungrouped, told := iv.ungrouped(), iv.toldAnswers()
	for _, p := range iv.paths {
		q, ok := questions[diag.QuestionOf(*p.Path)]
		if !ok || p.Outcome != diag.Answered {
			continue
		}
		if p == q {
			sent += p.Sent
			received += min(p.Received, p.Sent)
		}
		if !q.lossy() || !p.lossy() || iv.wentAstray(p) || iv.shared(p.Source) || iv.unanswered(p.Source) {
			continue
		}
		if slices.ContainsFunc(ungrouped, func(f *path) bool { return f.Target == p.Target }) {
			continue // it has to find where to send its answers, by other ways than ours
		}
		if slices.ContainsFunc(told, func(a toldAnswer) bool { return a.source == p.Source && a.target == p.Target }) {
			continue // so had it here
		}
		iv.explain(&h, p)
		rest(&h, p)
		lossy = append(lossy, p)
		inND = inND || p.Asks == diag.AsksND
		hosts[hostOf(p.Target)] = true
		if !first.IsValid() {
			first = p.Target
		}
	}
	if late, ok := iv.tardy(); ok {
		return []hypothesis{late}
	}
	if len(hosts) == 0 || iv.toAnother() {
		return nil
	}
	lost := sent - received
	iv.lostBetween(&h, "cause.path.lossy.far", lossy)
	h.args = append(h.args, "lost", lost, "sent", sent, "percent", 100*lost/max(1, sent), "target", first, "hosts", len(hosts))
	switch {
	case lost >= 2 && (inND || len(hosts) >= 2):
		if lost >= 4 && len(hosts) >= 2 {
			h.confidence = Certain
		}
		iv.explain(&h, iv.lostByChance(iv.losing)...)
	default:
		h.severity, h.confidence, h.as = Info, Possible, "limit"
		h.subject = Subject{"target", first.String()}
	}
	return []hypothesis{h}
}

// hosts tells which host has an address: by the MAC that it was found at, as one host may be asked by several addresses;
// where that is a router's, who answers for others too, and beyond it, by the address itself.
func (iv *ifaceView) hosts() func(netip.Addr) any {
	found, routers := map[netip.Addr]diag.MAC{}, map[diag.MAC]bool{}
	for _, p := range iv.paths {
		if p.Via != diag.ViaWire || p.Asks != diag.AsksND || len(p.Responders) == 0 {
			continue
		}
		found[p.Target] = p.Responders[0].MAC
		if p.TargetClass == diag.TargetRouter {
			routers[p.Responders[0].MAC] = true
		}
	}
	return func(addr netip.Addr) any {
		if mac, ok := found[addr]; ok && !routers[mac] {
			return mac
		}
		return addr
	}
}

// tardy is a network that answers, and takes its time.
func (iv *ifaceView) tardy() (h hypothesis, ok bool) {
	late := iv.where(func(p *path) bool { return p.fate == late && p.SourceClass != diag.SourceCandidate })
	if len(late) == 0 {
		return h, false
	}
	h = hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "late"}
	targets, hosts, hostOf := map[netip.Addr]bool{}, map[any]bool{}, iv.hosts()
	for _, p := range late {
		iv.explain(&h, p)
		if !targets[p.Target] {
			targets[p.Target], hosts[hostOf(p.Target)] = true, true
			h.facts = append(h.facts, iv.traffic.late[callKey{from: p.Source, to: p.Target}])
		}
	}
	h.args = []any{"target", late[0].Target, "hosts", len(hosts), "seconds", strconv.FormatFloat(iv.traffic.latest.Seconds(), 'f', 1, 64)}
	iv.explain(&h, iv.where(func(p *path) bool {
		symptom := p.symptom >= 0
		return symptom && p.Reaches() && p.Outcome == diag.Silent // three solicitations, a second apart, are too few as well
	})...)
	return h, true
}

// inPart returns for each question that was answered, at least in part, the path that tells what was
// lost in the network: the one by wire, where there is one. A frame counts once, whichever checks asked.
func (iv *ifaceView) inPart() map[diag.Question]*path {
	best := map[diag.Question]*path{}
	for _, p := range iv.paths {
		if p.Outcome != diag.Answered || !p.Reaches() || p.TargetClass == diag.TargetAllNodes || !p.Ours() {
			continue
		}
		q := diag.QuestionOf(*p.Path)
		old := best[q]
		if old == nil || p.Via == diag.ViaWire && old.Via != diag.ViaWire || p.Via == old.Via && p.Sent > old.Sent {
			best[q] = p
		}
	}
	return best
}

// lossRate is the share of packets that the interface is reckoned to lose, by all that was answered on it, from
// whatever source: a little more than was lost, as few are asked. 0: nothing was lost. What one host alone loses, of its
// echoes alone, is a limit that it keeps: the others tell how much the network loses at most.
func (iv *ifaceView) lossRate() float64 {
	best := map[diag.Question]*path{}
	for _, p := range iv.paths {
		if p.Outcome == diag.Answered && p.Asks != diag.AsksDAD && p.Asks != diag.AsksRS && !p.Target.IsMulticast() {
			if q := diag.QuestionOf(*p.Path); best[q] == nil || p.Sent > best[q].Sent {
				best[q] = p
			}
		}
	}
	type counts struct{ sent, lost int }
	var all counts
	echoes, hostOf := map[any]counts{}, iv.hosts()
	for _, p := range best {
		lost := max(0, p.Sent-p.Received)
		all.sent, all.lost = all.sent+p.Sent, all.lost+lost
		if p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU {
			c := echoes[hostOf(p.Target)]
			echoes[hostOf(p.Target)] = counts{c.sent + p.Sent, c.lost + lost}
		}
	}
	if all.lost == 0 {
		return 0
	}
	for _, c := range echoes {
		if c.lost == all.lost {
			all = counts{all.sent - c.sent, 0}
			break
		}
	}
	return float64(all.lost+1) / float64(all.sent+2)
}

// unlikely is how likely chance may be at most for something to be taken for none of its.
const unlikely = 0.0001

// byLuck reports whether a hypothesis rests on nothing but silences, each of so few packets that they may all be lost by
// chance, where some are seen to be. A silence that the network is known for is none of chance.
func (iv *ifaceView) byLuck(h hypothesis) bool {
	if iv.losing == 0 {
		return false // whatever is silent, nothing is seen to be lost
	}
	some := false
	for _, p := range iv.paths {
		switch {
		case p.fate == notLeft || !slices.Contains(h.paths, p.ID) && !iv.explains(&h, p):
			// What this host had no way to send tells nothing of the network.
		case !p.silent() || p.symptom < 0 && iv.normals.expect(*p.Path) == ExpectSilence || math.Pow(iv.losing, float64(iv.chances(p))) < unlikely:
			return false
		default:
			some = true
		}
	}
	return some
}

// How often a host solicits for a neighbour before it gives up, once a second (RFC 4861 §10, MAX_MULTICAST_SOLICIT,
// RETRANS_TIMER).
const solicitations = 3

// chances is how many packets at least must get lost for a path to be silent: who is asked, or the router on the way
// back, has to find this host first, and solicits for it once a second, however often he is asked. A solicitation
// says itself where the answer goes.
func (iv *ifaceView) chances(p *path) int {
	if p.Asks == diag.AsksND || p.Asks == diag.AsksDAD || p.Asks == diag.AsksRS {
		return p.asked()
	}
	n := 0
	var begun time.Time // that he looks for this host
	for _, seq := range p.Evidence {
		e, _ := iv.s.Evidence(seq)
		f, _ := e.Body.(diag.Frame)
		if sent := f.Out && f.Dst == p.Target && f.Type != diag.NS; sent && (n == 0 || e.At.Sub(begun) >= solicitations*time.Second) {
			begun, n = e.At, n+solicitations
		}
	}
	if n == 0 {
		return min(p.asked(), solicitations)
	}
	outstanding := solicitations - 1 - int(iv.s.AskedAt(p.ID).Sub(begun)/time.Second)
	return min(p.asked(), n-max(0, outstanding))
}

// asked is how many packets at least a path's question was asked with.
func (p *path) asked() int {
	if p.failedDiscovery() {
		return max(p.Sent, 3) // as the kernel solicits
	}
	return p.Sent
}

// lostByChance are the silent paths that were asked so few times that loss at a rate may have taken
// every answer: the kernel gives up after three solicitations (RFC 4861 §10, MAX_MULTICAST_SOLICIT),
// whatever the re-asking by wire finds.
func (iv *ifaceView) lostByChance(rate float64) []*path {
	const hardly = 0.001
	return iv.where(func(p *path) bool {
		symptom := p.symptom >= 0
		asks := p.Reaches() || p.Asks == diag.AsksMTU || p.Asks == diag.AsksDHCP || p.Asks == diag.AsksRS && iv.advertised()
		return symptom && p.Outcome == diag.Silent && asks && math.Pow(rate, float64(p.asked())) > hardly
	})
}
