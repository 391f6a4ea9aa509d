package ui

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// A node is a target on the map with what came of asking it.
type node struct {
	class diag.TargetClass
	addr  string
	given bool
	marks []edge
	rank  int // of its worst mark
}

// An edge is one kind of question to a target, summed up over the addresses and ways it was asked.
type edge struct {
	mark    mark
	text    string
	rtt     string // how long the answer took, as the text has it; empty: it does not
	past    string // the last outcomes as a line, where there is room for it; in its stead the text says what is asked
	asks    diag.Asks
	problem int // that explains what is wrong, by its place; 0: none
	// service is the short name of the service that was asked; empty: none.
	service  string
	declines bool // the service is there, and says that it does not serve
}

// spans are the mark, the number of the problem where there are several, and the text, with the last outcomes if they
// fit in w columns.
func (e edge) spans(c *canvas, numbered bool, w int) []span {
	list := e.mark.numbered(e.problem, numbered)
	text := e.text
	if e.past != "" {
		if long := strings.TrimPrefix(text, say("edge.echo.answered", "rtt", "")+" ") + " " + e.past; 4+c.width(long) <= w {
			text = long
		}
	}
	return append(list, span{" " + text, plain})
}

// nodes sums up the paths to each target: those from addresses that may speak, since what a
// candidate or an unassigned address gets says nothing about the target.
func nodes(paths []*report.Path, echoes map[Host][]Sample) []*node {
	type target struct {
		class diag.TargetClass
		addr  string
	}
	at := map[target]*node{}
	asked := map[target]map[diag.Asks][]*report.Path{}
	var list []*node
	for _, p := range paths {
		if p.Asks == diag.AsksDAD || p.OfOurs() || p.Via != diag.ViaApp && (p.SourceClass == diag.SourceCandidate || p.SourceClass == diag.SourceUnassigned) {
			continue // but what an application gets counts, whatever source the kernel chose
		}
		k := target{p.TargetClass, p.Target}
		if p.Asks == diag.AsksRS {
			k = target{diag.TargetRouter, ""} // asked of every router
		}
		if at[k] == nil {
			at[k] = &node{class: k.class, addr: k.addr}
			asked[k] = map[diag.Asks][]*report.Path{}
			list = append(list, at[k])
		}
		at[k].given = at[k].given || p.Given
		asked[k][p.Asks] = append(asked[k][p.Asks], p)
	}
	for k, n := range at {
		for _, asks := range diag.AsksOrder {
			group := asked[k][asks]
			if len(group) == 0 {
				continue
			}
			e := edgeOf(asks, group)
			e.asks = asks
			e.text += placed(group, e.mark)
			if past := echoes[Host{group[0].Interface, k.addr}]; asks == diag.AsksEcho && len(past) > 1 && k.class != diag.TargetAllNodes && lost(past) < len(past) {
				e.past = say("edge.strip", "strip", strip(past), "lost", lost(past))
				n.marks = slices.DeleteFunc(n.marks, func(x edge) bool { return x.asks == diag.AsksND && x.mark == markGood && e.mark == markGood })
			}
			e.service = serviceName(question{asks, k.addr})
			if e.service != "" && asks == diag.AsksService {
				e.text = e.service + " " + e.text
			}
			if asks == diag.AsksMTU && e.mark != markBad {
				continue // said only where something is wrong with it: 80 columns are full
			}
			n.add(e)
		}
		n.addOut(asked[k])
	}
	return list
}

// addOut says by which interface applications' packets leave, where that is another.
func (n *node) addOut(asked map[diag.Asks][]*report.Path) {
	for _, asks := range diag.AsksOrder {
		for _, p := range asked[asks] {
			if out := elsewhere(p); out != "" {
				n.add(edge{mark: pathMark(p), problem: p.Mark.Problem, text: say("edge.app-out", "interface", out)})
				return
			}
		}
	}
}

// firstProblem is the number of the first problem that explains one of the questions that have the mark; 0: none does.
func firstProblem(paths []*report.Path, m mark) int {
	first := 0
	for _, p := range paths {
		if n := p.Mark.Problem; n > 0 && pathMark(p) == m && (first == 0 || n < first) {
			first = n
		}
	}
	return first
}

// accused is an address in a table: marked where a problem is about it.
func (s *scene) accused(addr string, problem int) span {
	if problem == 0 {
		return span{addr, plain}
	}
	var text strings.Builder
	for _, p := range markBad.numbered(problem, len(s.Report.Problems()) > 1) {
		text.WriteString(p.text)
	}
	return span{text.String() + " " + addr, markBad.st}
}

// accuse marks a node that is itself what a problem is about, where none of its marks says so yet.
func (n *node) accuse(r *report.Report, iface string) {
	problem := r.Accuses(iface, n.addr)
	if problem == 0 || slices.ContainsFunc(n.marks, func(e edge) bool { return e.problem == problem }) {
		return
	}
	text := say("accused")
	if key := "ui.accused." + r.Problems()[problem-1].Cause; words.Has(key) {
		text = words.Say(key)
	}
	n.add(edge{mark: markBad, problem: problem, text: text})
	n.marks = slices.Concat(n.marks[len(n.marks)-1:], n.marks[:len(n.marks)-1])
}

func (n *node) add(e edge) {
	n.marks = append(n.marks, e)
	n.rank = max(n.rank, e.mark.rank())
}

// edgeOf sums up one kind of question to one target: the outcome that most deserves attention,
// and by which way where the two differ.
func edgeOf(asks diag.Asks, paths []*report.Path) edge {
	worst := slices.MaxFunc(paths, func(a, b *report.Path) int { return pathMark(a).rank() - pathMark(b).rank() })
	var best *report.Path
	var by []diag.Via // the ways that were answered
	for _, p := range paths {
		if p.Outcome != diag.Answered {
			continue
		}
		if !slices.Contains(by, p.Via) {
			by = append(by, p.Via)
		}
		if best == nil || best.RTTMS == nil || p.RTTMS != nil && *p.RTTMS < *best.RTTMS {
			best = p
		}
	}
	m := pathMark(worst)
	key := "edge." + string(asks)
	problem := firstProblem(paths, m)
	switch {
	case m == markBad && best != nil && worst.Outcome != diag.Answered && !slices.Contains(by, worst.Via):
		if len(by) > 1 || worst.Via == diag.ViaApp && by[0] == diag.ViaKernel {
			return edge{mark: m, problem: problem, text: say(key + ".not-" + string(worst.Via))}
		}
		return edge{mark: m, problem: problem, text: say(key + ".only-" + string(by[0]))}
	case worst.Outcome == diag.Answered || m != markBad && best != nil:
		if m.rank() < markPart.rank() {
			m = pathMark(best)
		}
		if worst.TargetClass == diag.TargetAllNodes {
			return edge{mark: m, problem: problem, text: say("edge.nodes", "n", responders(paths))}
		}
		rtt := ""
		if best.RTTMS != nil {
			rtt = " " + millis(*best.RTTMS)
		}
		text := say(key+".answered", "rtt", rtt)
		declines := best.Detail == diag.DetailDeclines
		if declines {
			text = say(key+".declines", "answer", best.Note)
		}
		if m == markPart && worst.Received < worst.Sent {
			text = say("edge.lost", "text", text, "n", worst.Sent-worst.Received, "sent", worst.Sent)
		}
		return edge{mark: m, problem: problem, text: text, rtt: rtt, declines: declines}
	case worst.TargetClass == diag.TargetAllNodes && worst.Outcome == diag.Silent:
		return edge{mark: m, text: say("edge.nobody")}
	default:
		return edge{mark: m, problem: problem, text: say(key + "." + string(worst.Outcome))}
	}
}

func responders(paths []*report.Path) int {
	n := 0
	for _, p := range paths {
		n = max(n, len(p.Responders))
	}
	return n
}

// addressEdge says how an address of this host stands.
func addressEdge(a *AddressRow) edge {
	e := addressSays(a)
	if a.Problem == 0 || e.mark == markWaiting {
		return e
	}
	if key := "accused." + a.Cause; words.Has("ui." + key) {
		e.text = say(key)
	} else if e.mark == markGood {
		e.text = say("accused")
	}
	e.mark, e.problem = markBad, a.Problem
	return e
}

// addressSays says how an address stands, and what is to be thought of it where no problem is about it.
func addressSays(a *AddressRow) edge {
	switch {
	case a.Temporary:
		return edge{mark: markWaiting, text: say("address.temporary")}
	case !a.Configured:
		return edge{mark: markQuiet, text: say("address.absent")}
	case a.Class == diag.SourceUnassigned && a.Answered > 0:
		return edge{mark: markUnknown, text: say("address.unassigned-answered")}
	case a.Class == diag.SourceUnassigned:
		return edge{mark: markUnknown, text: say("address.unassigned")}
	case a.Class == diag.SourceAssigned && a.Answered > 0:
		return edge{mark: markGood, text: say("address.answered")}
	case a.Class == diag.SourceAssigned && a.Asked > 0:
		m := markUnknown
		if a.Wrong > 0 {
			m = markBad
		}
		return edge{mark: m, text: say("address.silent")}
	case a.Class == diag.SourceAssigned:
		return edge{mark: markWaiting, text: say("address.assigned")}
	case a.Answered > 0:
		return edge{mark: markGood, text: say("address.unknown-answered")}
	default:
		return edge{mark: markUnknown, text: say("address.unknown")}
	}
}
