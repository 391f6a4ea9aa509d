package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// The map's measures, in SVG user units: two columns of boxes, of which each node takes two lines.
const (
	mapWidth   = 900
	boxWidth   = 430
	boxGap     = 40 // between boxes one above the other, which the lines cross
	titleLine  = 26
	nodeLines  = 36
	nodesShown = 6  // of a box; the rest is one line
	saysShown  = 64 // characters that fit a box
)

// A drawing is the map of one interface: boxes of nodes, and lines that say how they are reached.
type drawing struct {
	Title         string
	Width, Height int
	Boxes         []*box
	Lines         []stroke
	Link          stroke
	LinkName      string
}

// A box is the nodes of one kind.
type box struct {
	Title      string
	X, Y, W, H int
	Nodes      []mapNode
	mark       report.Mark
}

// A mapNode is a host or an address, with what came of asking it or from it.
type mapNode struct {
	Y    int // of its first line
	Name string
	Says string
	Sign sign
	mark report.Mark
}

// A stroke is a line, with the class that colours it.
type stroke struct {
	X1, Y1, X2, Y2 int
	Class          string
}

// drawing draws an interface; nil where nothing is known of it.
func (p page) drawing(i report.Interface) *drawing {
	d := &drawing{Title: words.Say("html.map", "interface", i.Name), Width: mapWidth}
	d.LinkName = i.Name + ", " + words.Say("profile."+p.r.Profile.Name+".name")
	self := p.box(words.Say("ui.node.self"), p.ownNodes(i.Name))
	of := p.targets(i.Name)
	internet, services := p.box(words.Say("target.internet"), of[diag.TargetInternet]), p.box(words.Say("brief.column.service"), of[diag.TargetService])
	routers := p.box(words.Say("target.router"), p.routersOf(i.Name, of[diag.TargetRouter]))
	peers := p.box(words.Say("html.on-link"), append(of[diag.TargetPeer], of[diag.TargetAllNodes]...))
	if self == nil && routers == nil && peers == nil && internet == nil {
		return nil
	}
	const left, right, middle = 10, mapWidth - 10 - boxWidth, (mapWidth - boxWidth) / 2
	top := 10
	y := max(d.put(internet, left, top), d.put(services, right, top))
	beyond := y // where what lies beyond the router ends
	if routers != nil {
		y = d.put(routers, middle, y+spaceBelow(y, top))
	}
	link := y + spaceBelow(y, top)
	d.Link = stroke{left, link, mapWidth - left, link, ""}
	// The lines to what is beyond lead to the router, or to the link where none is known.
	for _, b := range []*box{internet, services} {
		if b == nil {
			continue
		}
		end := link
		if routers != nil {
			end = routers.Y
		}
		x := min(max(b.X+b.W/2, middle+20), middle+boxWidth-20)
		d.Lines = append(d.Lines, stroke{b.X + b.W/2, b.Y + b.H, b.X + b.W/2, beyond + boxGap/2, p.sign(b.mark).Class},
			stroke{b.X + b.W/2, beyond + boxGap/2, x, beyond + boxGap/2, p.sign(b.mark).Class}, stroke{x, beyond + boxGap/2, x, end, p.sign(b.mark).Class})
	}
	if routers != nil {
		d.Lines = append(d.Lines, stroke{mapWidth / 2, routers.Y + routers.H, mapWidth / 2, link, p.sign(routers.mark).Class})
	}
	for b, x := range map[*box]int{self: left, peers: right} {
		if b != nil {
			d.put(b, x, link+boxGap)
		}
	}
	d.Height = link + boxGap
	for _, b := range []*box{self, peers} {
		if b == nil {
			continue
		}
		d.Height = max(d.Height, b.Y+b.H+10)
		class := p.sign(b.mark).Class
		if b == self {
			class = ""
		}
		d.Lines = append(d.Lines, stroke{b.X + b.W/2, link, b.X + b.W/2, b.Y, class})
	}
	diag.SortFunc(d.Boxes, func(a, b *box) int { return cmp.Or(a.Y-b.Y, a.X-b.X) })
	return d
}

// spaceBelow is the gap that follows what ends at y; none where nothing was drawn.
func spaceBelow(y, top int) int {
	if y == top {
		return 0
	}
	return boxGap
}

// put places a box and returns where it ends; of none, where it would begin.
func (d *drawing) put(b *box, x, y int) int {
	if b == nil {
		return y
	}
	b.X, b.Y = x, y
	for i := range b.Nodes {
		b.Nodes[i].Y = y + titleLine + i*nodeLines + 14
	}
	d.Boxes = append(d.Boxes, b)
	return y + b.H
}

// box makes a box of nodes, what deserves attention first; of many, the rest is one line. Without nodes there is none.
func (p page) box(title string, nodes []mapNode) *box {
	if len(nodes) == 0 {
		return nil
	}
	b := &box{Title: title, W: boxWidth}
	diag.SortFunc(nodes, func(x, y mapNode) int { return cmp.Compare(attention(y.mark), attention(x.mark)) })
	b.mark = together(nodes)
	if len(nodes) > nodesShown {
		nodes = append(nodes[:nodesShown-1:nodesShown-1], p.rest(nodes[nodesShown-1:]))
	}
	for _, n := range nodes {
		n.Name, n.Says, n.Sign = p.style.Mask(n.Name), clip(p.style.Mask(n.Says)), p.sign(n.mark)
		b.Nodes = append(b.Nodes, n)
	}
	b.H = titleLine + len(b.Nodes)*nodeLines + 4
	return b
}

// together is the mark of several nodes: not all is wrong where some answered.
func together(nodes []mapNode) (mark report.Mark) {
	answered := false
	for _, n := range nodes {
		mark = mark.Join(n.mark)
		answered = answered || n.mark.Judgement == report.Answered
	}
	if answered && mark.Judgement == report.Wrong {
		return report.Mark{Judgement: report.Impaired}
	}
	return mark
}

// rest stands for nodes that have no line of their own: how many have which mark.
func (p page) rest(nodes []mapNode) mapNode {
	n := mapNode{Name: words.Say("html.more", "n", len(nodes)), mark: report.Mark{Judgement: together(nodes).Judgement}}
	count := map[report.Judgement]int{}
	for _, x := range nodes {
		count[x.mark.Judgement]++
	}
	var says []string
	for j := report.Wrong; j >= report.Unasked; j-- {
		if count[j] > 0 {
			says = append(says, fmt.Sprintf("%d %s", count[j], words.Say(fmt.Sprintf("mark.%d.means", j))))
		}
	}
	n.Says = strings.Join(says, "; ")
	return n
}

// attention is more of what is less as it should be, and 0 of what is.
func attention(m report.Mark) int {
	if m.Judgement >= report.Undecided {
		return int(m.Judgement)
	}
	return 0
}

func clip(text string) string {
	if utf8.RuneCountInString(text) <= saysShown {
		return text
	}
	return string([]rune(text)[:saysShown-1]) + "…"
}

// targets are the nodes that were asked, by class: from addresses that may speak, since what others get says
// nothing of the target, and as applications ask, whatever source the kernel chose. This host's own addresses are no
// targets: whether another has them too is a finding.
func (p page) targets(iface string) map[diag.TargetClass][]mapNode {
	type target struct {
		class diag.TargetClass
		addr  string
	}
	asked := map[target]map[diag.Asks][]report.Path{}
	var order []target
	for _, x := range p.r.Paths {
		may := x.Via == diag.ViaApp || x.SourceClass != diag.SourceCandidate && x.SourceClass != diag.SourceUnassigned
		own := slices.ContainsFunc(p.r.Addresses, func(a report.Address) bool { return a.Address == x.Target })
		if x.Interface != iface || x.Asks == diag.AsksDAD || !may || own {
			continue
		}
		k := target{x.TargetClass, x.Target}
		if asked[k] == nil {
			asked[k] = map[diag.Asks][]report.Path{}
			order = append(order, k)
		}
		asked[k][x.Asks] = append(asked[k][x.Asks], x)
	}
	of := map[diag.TargetClass][]mapNode{}
	for _, k := range order {
		n := mapNode{Name: k.addr}
		var says []string
		for _, asks := range diag.AsksOrder {
			if paths := asked[k][asks]; len(paths) > 0 {
				mark, text := p.outcome(paths)
				n.mark = n.mark.Join(mark)
				says = append(says, words.Say("asks."+string(asks))+" "+text)
			}
		}
		n.Says = strings.Join(says, ", ")
		of[k.class] = append(of[k.class], p.accused(iface, n))
	}
	return of
}

// outcome sums up what came of one question to one target: the ways apart where they differ.
func (p page) outcome(paths []report.Path) (mark report.Mark, text string) {
	ways := map[diag.Via]report.Mark{}
	var best *float64
	for _, x := range paths {
		mark = mark.Join(x.Mark)
		ways[x.Via] = ways[x.Via].Join(x.Mark)
		if x.RTTMS != nil && (best == nil || *x.RTTMS < *best) {
			best = x.RTTMS
		}
	}
	text = p.sign(mark).Text
	var by []string
	differ := false
	for _, via := range []diag.Via{diag.ViaApp, diag.ViaKernel, diag.ViaWire} {
		if m, ok := ways[via]; ok {
			by = append(by, words.Say("via."+string(via))+" "+p.sign(m).Text)
			differ = differ || m.Judgement != mark.Judgement && m.Judgement != report.Unasked
		}
	}
	if differ {
		return mark, text + " (" + strings.Join(by, ", ") + ")"
	}
	if best != nil {
		text += fmt.Sprintf(" %.2g ms", *best)
	}
	return mark, text
}

// routersOf adds the routers that advertise and were not asked. What an RS to everybody came to has a line only
// where it is wrong, or where there is no other.
func (p page) routersOf(iface string, asked []mapNode) []mapNode {
	for _, r := range p.r.Routers {
		if r.Interface == iface && !slices.ContainsFunc(asked, func(n mapNode) bool { return n.Name == r.Address }) {
			asked = append(asked, p.accused(iface, mapNode{Name: r.Address, Says: words.Say("html.advertises")}))
		}
	}
	everybody := func(n mapNode) bool { return strings.HasPrefix(n.Name, "ff02:") && n.mark.Judgement != report.Wrong }
	if slices.ContainsFunc(asked, func(n mapNode) bool { return !everybody(n) }) {
		asked = slices.DeleteFunc(asked, everybody)
	}
	return asked
}

// accused marks a node that is itself what a problem is about, whatever it answered.
func (p page) accused(iface string, n mapNode) mapNode {
	if problem := p.r.Accuses(iface, n.Name); problem > 0 {
		n.mark = n.mark.Join(report.Mark{Judgement: report.Wrong, Problem: problem})
	}
	return n
}

// ownNodes are the addresses of this host on an interface. One that anybody answered may speak, whoever else did not;
// what is wrong with an address itself is a problem of its own.
func (p page) ownNodes(iface string) (list []mapNode) {
	add := func(addr, says string) {
		n := mapNode{Name: addr, Says: says}
		answered := false
		for _, x := range p.r.Paths {
			if x.Interface == iface && x.Asks != diag.AsksDAD && x.Source != nil && *x.Source == addr {
				n.mark = n.mark.Join(x.Mark)
				answered = answered || x.Outcome == diag.Answered
			}
		}
		if answered {
			n.mark = report.Mark{Judgement: report.Answered}
		}
		list = append(list, p.accused(iface, n))
	}
	for _, a := range p.r.Addresses {
		if a.Interface == iface {
			add(a.Address, strings.Join(append([]string{p.assigned(a)}, a.Flags...), ", "))
		}
	}
	for _, a := range p.r.Assigned {
		if addr, single := strings.CutSuffix(a.Prefix, "/128"); single && a.Interface == iface && !covered(p.r, a) {
			add(addr, words.Say("assigned.absent", "source", a.Source))
		}
	}
	return list
}
