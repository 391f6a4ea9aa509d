package ui

import (
	"cmp"
	"slices"

	"ndwhy/diag"
)

// lines draws the network in as many lines as there is room for: first the strokes between the
// nodes go, then the least remarkable of many nodes.
func (m *mapScreen) lines(s *scene, w, h int) [][]span {
	for _, room := range []struct {
		strokes bool
		each    int
	}{{true, 64}, {false, 64}, {false, 6}, {false, 4}, {false, 3}, {false, 2}, {false, 1}} {
		lines := mapLines(s, w, room.strokes, room.each)
		if len(lines) <= h || room.each == 1 {
			return lines
		}
	}
	return nil
}

// A sketch is the map being drawn: the link as a rail on the left, with what is on it as branches.
type sketch struct {
	s     *scene
	w     int
	each  int // nodes of a kind at most
	lines [][]span
}

// add draws nodes of one kind; only the first has the label and the branch.
func (k *sketch) add(first, others, label string, list []*node) {
	for i, n := range list {
		if i == k.each && len(list) > k.each+1 {
			k.line(others, "", say("map.more", "n", len(list)-i), nil)
			return
		}
		k.line(first, label, n.addr, n.marks)
		first, label = others, ""
	}
}

// line is one line of the map: label, address, and what came of asking, each in its column.
func (k *sketch) line(stem, label, address string, marks []edge) {
	c := k.s.canvas
	if k.w < 66 {
		k.narrow(stem, label, address, marks)
		return
	}
	const labels = 16
	room := max(20, min(39, k.w-labels-25))
	text := c.fit(address, room)
	line := []span{{stem, dim}, {pad(c, label, labels-c.width(stem)), bold}, {text, plain}, {blank(room - c.width(text) + 1), plain}}
	for i, e := range marks {
		if i > 0 {
			line = append(line, span{" ", plain})
		}
		line = append(line, e.spans()...)
	}
	k.lines = append(k.lines, line)
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
		line = append(line, m.span())
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

func mapLines(s *scene, w int, strokes bool, each int) [][]span {
	k := &sketch{s: s, w: w, each: each}
	of := nodesByClass(s)
	k.add(stemFree, stemFree, say("node.internet"), of[diag.TargetInternet])
	k.add(stemFree, stemFree, say("node.service"), of[diag.TargetService])
	above := len(k.lines) > 0
	if above && strokes {
		k.lines = append(k.lines, []span{{"       │", dim}})
	}
	rail := func() {
		if strokes {
			k.lines = append(k.lines, []span{{stemRail, dim}})
		}
	}
	if list := routersOf(of[diag.TargetRouter]); len(list) > 0 {
		k.add(stemFirst, stemRail, say("node.router"), list)
		rail()
	}
	link := s.link()
	k.line(stemBranch, say("node.self"), link.MAC.String(), linkMarks(link))
	own := ownAddresses(s)
	for i, a := range own {
		if i == each && len(own) > each+1 {
			k.line(stemRail, "", say("map.more", "n", len(own)-i), nil)
			break
		}
		text := a.Prefix.Addr().String()
		if !a.Prefix.IsSingleIP() {
			text = a.Prefix.String()
		}
		k.line(stemRail, "", text, []edge{addressEdge(&a)})
	}
	peers, everybody := of[diag.TargetPeer], of[diag.TargetAllNodes]
	if len(peers)+len(everybody) > 0 {
		rail()
	}
	last := stemRail
	if len(everybody) == 0 {
		last = stemFree
	}
	k.add(stemBranch, last, say("node.peer"), peers)
	k.add(stemLast, stemFree, say("node.all-nodes"), everybody)
	k.close()
	return k.lines
}

// nodesByClass returns the targets by class, what deserves attention first.
func nodesByClass(s *scene) map[diag.TargetClass][]*node {
	of := map[diag.TargetClass][]*node{}
	for _, n := range nodes(s.paths()) {
		of[n.class] = append(of[n.class], n)
	}
	for _, list := range of {
		diag.SortFunc(list, func(a, b *node) int { return cmp.Compare(b.rank/5, a.rank/5) })
	}
	return of
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
		return []edge{{markBad, say("link.gone")}}
	case l.Index != 0 && (!l.Up || !l.Carrier):
		return []edge{{markBad, say("link.down")}}
	default:
		return nil
	}
}

func blank(n int) string {
	const spaces = "                                                                                "
	return spaces[:max(0, min(n, len(spaces)))]
}
