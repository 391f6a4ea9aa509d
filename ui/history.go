package ui

import (
	"slices"
	"strings"
	"time"

	"ndwhy/diag"
)

// How much is remembered of what came of asking: of so many hosts the last few outcomes.
const (
	historyHosts   = 64
	historySamples = 8
)

// smallRTT is in milliseconds: below it differences are this host's own.
const smallRTT = 5

// A Sample is what one echo came to. RTTMS is in milliseconds; 0 where there was no answer.
type Sample struct {
	At    time.Time
	RTTMS float64
	OK    bool
}

// A Host is a target on an interface.
type Host struct {
	Interface, Target string
}

// history keeps what came of each run's echo to each host.
type history map[Host][]Sample

// historyApart is how far two outcomes are apart that are not of one run: the ways of asking share a sample, of
// which an answer is the better one.
const historyApart = time.Second

func (h history) note(e diag.Event, p diag.Path) {
	if p.Asks != diag.AsksEcho || p.Outcome != diag.Answered && p.Outcome != diag.Silent && p.Outcome != diag.Refused ||
		p.SourceClass == diag.SourceCandidate || p.SourceClass == diag.SourceUnassigned || p.TargetClass == diag.TargetAllNodes {
		return
	}
	host := Host{p.Interface, p.Target.String()}
	list := h[host]
	if list == nil && len(h) >= historyHosts {
		return
	}
	sample := Sample{e.At, p.RTTMS, p.Outcome == diag.Answered}
	if n := len(list); n > 0 && e.At.Sub(list[n-1].At) < historyApart {
		if sample.OK {
			list[n-1] = sample
		}
		return
	}
	if len(list) == historySamples {
		list = list[1:]
	}
	h[host] = append(slices.Clip(list), sample) // a Frame may hold the old array
}

// strip draws outcomes as a line: the taller the later the answer came, a × where none did.
func strip(samples []Sample) string {
	const levels = "▁▂▃▄▅▆▇"
	steps := []rune(levels)
	var longest float64
	for _, x := range samples {
		longest = max(longest, x.RTTMS)
	}
	var b strings.Builder
	for _, x := range samples {
		switch {
		case !x.OK:
			b.WriteString("×")
		case longest == 0:
			b.WriteRune(steps[0])
		default:
			b.WriteRune(steps[int(x.RTTMS/max(longest, smallRTT)*float64(len(steps)-1))])
		}
	}
	return b.String()
}

// lost is how many of the outcomes were none.
func lost(samples []Sample) int {
	n := 0
	for _, x := range samples {
		if !x.OK {
			n++
		}
	}
	return n
}
