package ui

import (
	"cmp"
	"slices"
	"strings"

	"ndwhy/diag"
)

// lines draws the network in as many lines as there is room for: first the strokes between the
// nodes go, then the least remarkable of many nodes.
func (m *mapScreen) lines(s *scene, w, h int) [][]span {
	k := newSketch(s, w)
	for strokes := true; ; strokes = false {
		if k.shown() <= h { // else there is no need to draw it: a node takes a line at least
			if k.draw(strokes); len(k.lines) <= h {
				return k.lines
			}
		}
		if !strokes && !k.fold() && !k.less() {
			k.draw(strokes)
			return k.lines
		}
	}
}

// shown is how many nodes there are to draw.
func (k *sketch) shown() (n int) {
	for _, g := range k.groups {
		n += g.shown
	}
	return n
}

// fold makes one line of the hosts of a kind that all stand alike, first where that is as they should, and of services
// those that do; it reports whether there was any.
func (k *sketch) fold() bool {
	for _, worst := range []mark{markGood, markBad} {
		for _, name := range []string{"service", "router", "peer", "internet"} {
			g := k.groups[name]
			if len(g.nodes) < 2 || slices.ContainsFunc(g.nodes, func(n *node) bool { return n.rank > worst.rank() }) || !alike(g.nodes) {
				continue
			}
			lots := [][]*node{g.nodes}
			if name == "service" {
				if lots = byMark(g.nodes); len(lots) == len(g.nodes) {
					continue
				}
			}
			g.nodes = nil
			for _, lot := range lots {
				if len(lot) > 1 {
					lot = []*node{folded(lot)}
				}
				g.nodes = append(g.nodes, lot...)
			}
			g.shown = len(g.nodes)
			return true
		}
	}
	return false
}

// byMark parts services by what came of asking them.
func byMark(nodes []*node) (lots [][]*node) {
	for _, n := range nodes {
		i := slices.IndexFunc(lots, func(lot []*node) bool {
			return lot[0].marks[0].mark == n.marks[0].mark && lot[0].marks[0].problem == n.marks[0].problem
		})
		if i < 0 {
			i, lots = len(lots), append(lots, nil)
		}
		lots[i] = append(lots[i], n)
	}
	return lots
}

// alike reports whether the same came of asking each host: where something is wrong of every question, else of those that
// several were asked.
func alike(nodes []*node) bool {
	came := map[diag.Asks]edge{}
	wrong := slices.ContainsFunc(nodes, func(n *node) bool { return n.rank > markGood.rank() })
	for _, n := range nodes {
		if wrong && len(n.marks) != len(nodes[0].marks) {
			return false
		}
		for _, e := range n.marks {
			if was, ok := came[e.asks]; ok && (was.mark != e.mark || was.problem != e.problem) {
				return false
			}
			came[e.asks] = e
		}
	}
	return true
}

// folded stands for several nodes of a kind: each mark once, services by their names.
func folded(nodes []*node) *node {
	all := &node{class: nodes[0].class, addr: say("map.folded", "n", len(nodes))}
	var names []string
	var apart []edge // of services that answer, and do not serve
	for _, n := range nodes {
		for _, e := range n.marks {
			if e.service != "" {
				names = append(names, e.service)
				if e.declines {
					apart = append(apart, e)
					continue
				}
				e.text = strings.TrimPrefix(e.text, e.service+" ")
			}
			if !slices.ContainsFunc(all.marks, func(x edge) bool { return x.asks == e.asks && x.mark == e.mark }) {
				all.add(e)
			}
		}
	}
	if all.class == diag.TargetService && len(names) == len(nodes) {
		all.addr = strings.Join(names, ", ")
		if all.marks[0].mark == markGood {
			key := "edge.all-answer"
			if len(apart) > 0 {
				key = "edge.n-answer"
			}
			all.marks = []edge{{mark: markGood, text: say(key, "n", len(nodes)-len(apart))}}
		}
	}
	all.marks = append(all.marks, apart...)
	return all
}

// A group is the nodes of one kind, what deserves attention first.
type group struct {
	label string
	nodes []*node
	shown int    // the first of them; where not all are, a line says what the rest is
	where Screen // has them all
}

// A sketch is the map being drawn: the link as a rail on the left, with what is on it as branches.
type sketch struct {
	s      *scene
	w      int
	groups map[string]*group
	lines  [][]span
	stale  bool // what is drawn is of an interface that is gone
}

func newSketch(s *scene, w int) *sketch {
	k := &sketch{s: s, w: w, groups: map[string]*group{}}
	of := nodesByClass(s)
	of[diag.TargetRouter] = routersOf(of[diag.TargetRouter])
	for name, class := range map[string]diag.TargetClass{
		"internet": diag.TargetInternet, "service": diag.TargetService, "router": diag.TargetRouter,
		"peer": diag.TargetPeer, "all-nodes": diag.TargetAllNodes,
	} {
		k.groups[name] = &group{label: say("node." + name), nodes: of[class], shown: len(of[class]), where: ScreenMatrix}
	}
	own := ownAddresses(s)
	self := &group{shown: len(own), where: ScreenAddresses}
	for i := range own {
		a := &own[i]
		text := a.Prefix.Addr().String()
		if !a.Prefix.IsSingleIP() {
			text = a.Prefix.String()
		}
		n := &node{addr: text}
		n.add(addressEdge(a))
		self.nodes = append(self.nodes, n)
	}
	k.groups["self"] = self
	return k
}

// less leaves one more line away, where that is missed least: a group that is shortened already
// hides one node more, a whole one hides two. It reports whether there was any.
func (k *sketch) less() bool {
	var best *group
	for _, name := range []string{"internet", "service", "router", "peer", "self"} {
		g := k.groups[name]
		hides := g.shown - 1 // where it ends if it is shortened
		if g.shown == len(g.nodes) {
			hides--
		}
		if hides < 1 {
			continue
		}
		if best == nil || g.cost() < best.cost() {
			best = g
		}
	}
	if best == nil {
		return false
	}
	if best.shown == len(best.nodes) {
		best.shown--
	}
	best.shown--
	return true
}

// cost is what shortening a group by one more line would hide.
func (g *group) cost() int {
	last, cost := g.shown-1, 0
	if g.shown == len(g.nodes) {
		cost = 1 // two go for one line
	}
	return cost + 2*g.nodes[last].rank - g.shown
}

// draw makes the lines.
func (k *sketch) draw(strokes bool) {
	k.lines = nil
	rail := func() {
		if strokes {
			k.lines = append(k.lines, []span{{stemRail, dim}})
		}
	}
	link := k.s.link()
	k.stale = link.Gone
	k.add(stemFree, stemFree, k.groups["internet"])
	k.add(stemFree, stemFree, k.groups["service"])
	if len(k.lines) > 0 && strokes {
		k.lines = append(k.lines, []span{{"       │", dim}})
	}
	if len(k.groups["router"].nodes) > 0 {
		k.add(stemFirst, stemRail, k.groups["router"])
		rail()
	}
	k.stale = false
	k.line(stemBranch, stemRail, say("node.self"), link.MAC.String(), linkMarks(link))
	k.stale = link.Gone
	k.add(stemRail, stemRail, k.groups["self"])
	peers, everybody := k.groups["peer"], k.groups["all-nodes"]
	if len(peers.nodes)+len(everybody.nodes) > 0 {
		rail()
	}
	last := stemRail
	if len(everybody.nodes) == 0 {
		last = stemFree
	}
	k.add(stemBranch, last, peers)
	k.add(stemLast, stemFree, everybody)
	k.close()
}

// add draws the nodes of a group; only the first has the label and the branch.
func (k *sketch) add(first, others string, g *group) {
	label := g.label
	for i, n := range g.nodes {
		if i == g.shown {
			k.rest(others, g)
			return
		}
		k.line(first, others, label, n.addr, n.marks)
		first, label = others, ""
	}
}

// rest says what is not shown of a group, and where it is.
func (k *sketch) rest(stem string, g *group) {
	key := "map.more"
	hidden := g.nodes[g.shown:]
	if !slices.ContainsFunc(hidden, func(n *node) bool { return n.rank >= markUnknown.rank() }) {
		key = "map.more-normal"
	}
	k.line(stem, stem, "", say(key, "n", len(hidden), "screen", int(g.where)), nil)
}

// line is a node: label, address, and what came of asking, each in its column. What has no room
// beside the address goes below.
func (k *sketch) line(stem, below, label, address string, marks []edge) {
	c := k.s.canvas
	if k.w < 66 {
		k.narrow(stem, label, address, marks)
		return
	}
	const labels = 14
	room := max(shortestAddress, min(longestAddress, k.w-labels-27))
	text := c.fit(address, room)
	line := []span{{stem, dim}, {pad(c, label, labels-c.width(stem)), bold}, {text, plain}, {blank(room - c.width(text) + 1), plain}}
	from := labels + room + 1
	x := from
	numbered := len(k.s.Report.Problems()) > 1
	spans := k.marks(marks, numbered, k.w-from)
	for i, spans := range spans {
		n := spansWidth(c, spans)
		if i > 0 && x+1+n > k.w {
			k.lines = append(k.lines, line)
			line = []span{{below, dim}, {blank(from - c.width(below)), plain}}
			x = from
		} else if i > 0 {
			line = append(line, span{" ", plain})
			x++
		}
		line = append(line, spans...)
		x += n
	}
	k.lines = append(k.lines, line)
}

// marks are what is written of the marks of a node: where they are too long for one line of w columns, only the first says
// how long the answer took, and that only if it fits.
func (k *sketch) marks(marks []edge, numbered bool, w int) [][]span {
	c := k.s.canvas
	var list [][]span
	n := -1
	for _, e := range marks {
		spans := e.spans(c, numbered, w)
		list = append(list, spans)
		n += spansWidth(c, spans) + 1
	}
	for i, e := range marks {
		if n > w && (i > 0 || spansWidth(c, list[i]) > w) {
			e.text = strings.Replace(e.text, e.rtt, "", 1)
			list[i] = e.spans(c, numbered, w)
		}
		if k.stale {
			for j := range list[i] {
				list[i][j].st = dim
			}
		}
	}
	return list
}

func spansWidth(c *canvas, spans []span) (n int) {
	for _, p := range spans {
		n += c.width(p.text)
	}
	return n
}

// narrow is line where there is no room for words: the marks alone stand before the address.
func (k *sketch) narrow(stem, label, address string, marks []edge) {
	c := k.s.canvas
	line := []span{{stem, dim}, {pad(c, c.fit(label, 9), 10), bold}}
	for i := range 3 {
		m := markNone
		if i < len(marks) {
			m = marks[i].mark
		}
		mark := m.span()
		if k.stale {
			mark.st = dim
		}
		line = append(line, mark)
	}
	k.lines = append(k.lines, append(line, span{" " + c.fit(address, k.w-19), plain}))
}

const (
	stemFree   = "    "
	stemRail   = " │  "
	stemFirst  = " ┌─ "
	stemBranch = " ├─ "
	stemLast   = " └─ "
)

// nodesByClass returns the targets by class, what deserves attention first.
func nodesByClass(s *scene) map[diag.TargetClass][]*node {
	of := map[diag.TargetClass][]*node{}
	list := nodes(s.paths(), s.Echoes)
	for i := range s.Routers { // one that nobody asked stands there only where a problem is about it
		x := &s.Routers[i]
		addr := x.Address.String()
		if x.Problem > 0 && x.Interface == s.iface && !slices.ContainsFunc(list, func(n *node) bool { return n.addr == addr }) {
			list = append(list, &node{class: diag.TargetRouter, addr: addr})
		}
	}
	for _, n := range list {
		if at, quiet := s.quietSince(n.addr); quiet {
			n.marks, n.rank = nil, 0
			n.add(edge{mark: markUnknown, text: say("edge.quiet", "at", clock(at)[:8])})
		}
		n.accuse(&s.Report, s.iface)
		of[n.class] = append(of[n.class], n)
	}
	for _, list := range of {
		diag.SortFunc(list, func(a, b *node) int { return cmp.Or(cmp.Compare(b.rank/5, a.rank/5), cmp.Compare(b.good(), a.good())) })
	}
	return of
}

// good is how many kinds of question were answered.
func (n *node) good() int {
	count := 0
	for _, e := range n.marks {
		if e.mark == markGood {
			count++
		}
	}
	return count
}

// close ends the rail at its last branch.
func (k *sketch) close() {
	for _, line := range slices.Backward(k.lines) {
		switch first := &line[0]; first.text {
		case stemLast:
			return
		case stemBranch:
			first.text = stemLast
			return
		case stemRail:
			first.text = stemFree
		}
	}
}

// routersOf puts what an RS to everybody came to on the first router's line.
func routersOf(list []*node) []*node {
	i := slices.IndexFunc(list, func(n *node) bool { return n.addr == "" })
	if i < 0 {
		return list
	}
	asked := list[i]
	list = slices.Delete(slices.Clone(list), i, i+1)
	if len(list) > 0 && asked.rank < markBad.rank() {
		return list
	}
	asked.addr = say("node.everybody")
	return append([]*node{asked}, list...)
}

// ownAddresses are the addresses of the interface in sight, what is wrong first.
func ownAddresses(s *scene) []AddressRow {
	var list []AddressRow
	for _, a := range s.Addresses {
		if a.Interface != s.iface || !a.Prefix.IsSingleIP() && !a.Configured {
			continue
		}
		// An assigned link-local address that is not configured is no fault of its own.
		if !a.Configured && a.Prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		list = append(list, a)
	}
	diag.SortFunc(list, func(a, b AddressRow) int {
		return cmp.Compare(addressEdge(&b).mark.rank()/5, addressEdge(&a).mark.rank()/5)
	})
	return list
}

func linkMarks(l diag.Link) []edge {
	switch {
	case l.Gone:
		return []edge{{mark: markBad, text: say("link.gone")}}
	case l.Index != 0 && (!l.Up || !l.Carrier):
		return []edge{{mark: markBad, text: say("link.down")}}
	default:
		return nil
	}
}

func blank(n int) string {
	const spaces = "                                                                                "
	return spaces[:max(0, min(n, len(spaces)))]
}
