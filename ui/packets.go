package ui

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// packetScreen is what passes on the wire, one line an exchange, newest first.
type packetScreen struct {
	list   list
	filter filter
	order  order
	only   map[int64]bool // those that have one of these events; nil: all
	name   string         // what only is the evidence of
}

var packetOrders = []orderBy[*Exchange]{
	{"newest", nil},
	{"longest", func(a, b *Exchange) int { return cmp.Compare(b.After, a.After) }},
	{"often", func(a, b *Exchange) int { return cmp.Compare(b.Asked, a.Asked) }},
}

// rows returns the exchanges that the filter lets through.
func (x *packetScreen) rows(s *scene) []*Exchange {
	var rows []*Exchange
	for i := range s.Exchanges {
		e := &s.Exchanges[i]
		if x.only != nil && !slices.ContainsFunc(e.Events, func(e diag.Event) bool { return x.only[e.Seq] }) {
			continue
		}
		if x.filter.text == "" || x.filter.matches(exchangeText(e, s.At)+" "+diag.Describe(e.First)+" "+string(e.Type)) {
			rows = append(rows, e)
		}
	}
	sortRows(rows, x.order, packetOrders)
	return rows
}

func (x *packetScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedFrames)
	rows, of := x.rows(s), s.told()
	wide := r.w >= 110
	when, what := column{title: say("col.time"), width: 8, drop: 1}, column{title: say("col.outcome"), width: 11}
	if wide {
		when.width, what.width = 12, 14
	}
	g := grid{columns: s.perInterface([]column{
		when, {title: "", width: 1}, what, {title: say("col.what"), width: 20, grow: 200},
	}), list: &x.list, empty: x.emptyText(s), row: func(i int) []span {
		e := rows[i]
		at := clock(e.First.At)
		if !wide {
			at = at[:8]
		}
		m := exchangeMark(e, of, s.At)
		return s.onInterface(e.Frame().Interface, []span{
			{at, dim}, direction(e), {joinNonEmpty(" ", m.s, outcomeWord(e, s.At)), m.st}, {questionText(e, wide), plain},
		})
	}}
	area := r
	foot := 0
	if r.h >= 10 {
		foot = 3
		area = r.sub(0, 0, r.w, r.h-foot)
	}
	g.draw(area, len(rows), func(i int) string { return fmt.Sprint(rows[i].First.Seq) })
	if name := cmp.Or(x.filter.text, x.name); name != "" {
		r.right(0, 20, span{say("filter.on", "filter", name, "n", len(rows)) + "      ", cyan | bold})
	}
	if foot > 0 && len(rows) > 0 {
		below := r.sub(0, r.h-foot, r.w, foot)
		below.rule(0, dim)
		d := newDoc(s.canvas, r.w-2)
		d.para(span{"", plain}, exchangeText(rows[x.list.sel], s.At), plain)
		d.preview(below.sub(1, 1, below.w-2, below.h-1))
	}
}

func (x *packetScreen) emptyText(s *scene) string {
	if s.coming {
		return ""
	}
	if name := cmp.Or(x.filter.text, x.name); name != "" && len(s.Exchanges) > 0 {
		return say("packets.none-match", "filter", name, "n", len(s.Exchanges))
	}
	return s.emptyText("packets.empty", diag.FeedFrames)
}

func direction(e *Exchange) span {
	if e.Frame().Out {
		return span{"→", dim}
	}
	return span{"←", dim}
}

// exchangeMark is wrong only where a problem rests on it: what a packet filter drops all day is no reason to act. Silence
// is judged as the question's own mark is.
func exchangeMark(e *Exchange, of told, now time.Time) mark {
	f := e.Frame()
	wrong := markPart
	if slices.ContainsFunc(e.Events, func(x diag.Event) bool { return of.blamed[x.Seq] }) {
		wrong = markBad
	}
	switch {
	case f.Bad != "":
		return markUnknown
	case e.Refused && e.By.Type == diag.PacketTooBig && wrong != markBad: // that is how the way is to answer
		return markQuiet
	case e.Dropped || e.Refused || f.Type.IsError() || e.unheeded(now):
		return wrong
	case !e.Expects:
		return markNone
	case isDAD(f) && e.Answers > 0:
		return wrong
	case e.Answers > 0:
		return markGood
	case e.waits(now):
		return markWaiting
	case isDAD(f):
		return markGood
	case wrong == markBad:
		return markBad
	case e.Trial || of.quiet[silent{f.Interface, f.Src, soughtIn(f)}] || of.free[diag.InterfaceAddr{Interface: f.Interface, Address: soughtIn(f)}]:
		return markQuiet
	default:
		return markUnknown
	}
}

// soughtIn is whom a frame asks.
func soughtIn(f diag.Frame) netip.Addr {
	if f.Type == diag.NS {
		return f.Target
	}
	return f.Dst
}

// told is what the report says of frames: the numbers of the events that problems rest on, and which questions may stay
// without an answer.
type told struct {
	blamed map[int64]bool
	quiet  map[silent]bool
	free   map[diag.InterfaceAddr]bool // addresses that are tried because nobody has them: nobody is to answer for them
}

// silent is a question by its interface, source and target.
type silent struct {
	iface          string
	source, target netip.Addr
}

func (s *scene) told() told {
	of := told{blamed: map[int64]bool{}, quiet: map[silent]bool{}, free: map[diag.InterfaceAddr]bool{}}
	for _, f := range s.Report.Problems() {
		for _, e := range s.Report.Evidence {
			if slices.Contains(f.Evidence, e.ID) {
				of.blamed[e.Seq] = true
			}
		}
	}
	for i := range s.Report.Paths {
		p := &s.Report.Paths[i]
		source, err := netip.ParseAddr(deref(p.Source))
		target, err2 := netip.ParseAddr(p.Target)
		if err == nil && err2 == nil && p.Mark.Judgement == report.AsExpected {
			of.quiet[silent{p.Interface, source, target}] = true
		}
		if err2 == nil && p.Asks == diag.AsksDAD && p.Mark.Judgement != report.Wrong {
			of.free[diag.InterfaceAddr{Interface: p.Interface, Address: target}] = true
		}
	}
	return of
}

func isDAD(f diag.Frame) bool { return f.Type == diag.NS && f.Src.IsUnspecified() }

// outcomeWord is what came of an exchange in a word or two.
func outcomeWord(e *Exchange, now time.Time) string {
	f := e.Frame()
	switch {
	case f.Bad != "":
		return say("packet.bad")
	case e.Dropped:
		return say("packet.dropped")
	case e.Refused && e.By.Type == diag.PacketTooBig:
		return say("packet.too-big")
	case e.Refused:
		return say("packet.refused-word")
	case e.unheeded(now):
		return say("packet.no-answer")
	case !e.Expects:
		return ""
	case isDAD(f) && e.Answers > 0:
		return say("packet.taken")
	case e.Answers > 0:
		return took(e.After)
	case e.waits(now):
		return say("answer.waiting")
	case isDAD(f):
		return say("packet.free")
	default:
		return say("packet.no-answer")
	}
}

// questionText says what was asked and how often; where there is little room the solicitation of an
// address is an NS.
func questionText(e *Exchange, wide bool) string {
	f := e.Frame()
	text := ""
	switch {
	case f.Bad != "":
	case e.Dropped && !wide:
		text = say("packet.dropped-by", "reason", e.First.Body.(diag.Drop).Reason, "what", words.Clean(string(f.Type)), "peer", f.Key().Peer)
	case e.Dropped: // as it is described
	case isDAD(f):
		text = say("packet.dad", "target", f.Target)
	case e.Type == diag.NS && !wide:
		text = say("packet.ns-short", "target", f.Target, "source", f.Src)
	case e.Type == diag.NS:
		text = say("packet.ns", "target", f.Target, "source", f.Src)
	case e.Type == diag.RS:
		text = say("packet.rs", "source", f.Src)
	case e.Type == diag.EchoRequest:
		text = say("packet.echo", "source", f.Src, "target", f.Dst)
	case e.Type == diag.DHCPv6Frame && f.DHCPv6 != nil:
		text = say("packet.dhcp", "message", f.DHCPv6.Message, "source", f.Src)
	case e.Type == diag.RA && f.RA != nil:
		text = say("packet.ra", "source", f.Src, "flags", flagWord(f.RA), "lifetime", seconds(f.RA.LifetimeS))
	}
	if text == "" {
		text = diag.Describe(e.First)
	}
	if e.Asked > 1 {
		text += " ×" + strconv.Itoa(e.Asked)
	}
	return text
}

// exchangeText says an exchange in words: what was asked, by whom, and what came of it.
func exchangeText(e *Exchange, now time.Time) string {
	if !e.Expects {
		return diag.Describe(e.First)
	}
	one := *e
	one.Asked = 1
	return questionText(&one, true) + ": " + outcomeOf(e, now)
}

func outcomeOf(e *Exchange, now time.Time) string {
	f := e.Frame()
	switch {
	case e.Refused:
		return say("packet.refused", "who", e.By.Src, "what", refusal(e.By))
	case e.Answers > 0 && e.Type == diag.NS:
		mac := e.By.LLAddr
		if mac == (diag.MAC{}) {
			mac = e.By.SrcMAC
		}
		return say("packet.ns-answer", "mac", mac, "after", took(e.After))
	case e.Answers > 0 && e.Type == diag.EchoRequest && e.Asked > 1:
		return say("packet.answers", "n", e.Answers, "of", e.Asked, "after", took(e.After))
	case e.Answers > 0 && e.Type == diag.EchoRequest:
		return say("packet.answer", "after", took(e.After))
	case e.Answers > 0 && e.Type == diag.DHCPv6Frame && e.By.DHCPv6 != nil:
		return say("packet.dhcp-answer", "message", e.By.DHCPv6.Message, "who", e.By.Src, "addresses", leased(e.By.DHCPv6), "after", took(e.After))
	case e.Answers > 0:
		return say("packet.by", "who", e.By.Src, "after", took(e.After))
	case e.waits(now):
		return say("packet.waiting")
	case e.unheeded(now):
		return say("packet.unheeded")
	case isDAD(f):
		return say("packet.nobody", "n", e.Asked)
	case e.Asked == 1:
		return say("packet.no-answer")
	default:
		return say("packet.none", "n", e.Asked)
	}
}

func refusal(f diag.Frame) string {
	if key := fmt.Sprintf("icmp.%s.%d", f.Type, f.Code); words.Has(key) {
		return words.Say(key, "code", f.Code)
	}
	return words.Say("icmp."+string(f.Type), "code", f.Code)
}

func leased(d *diag.DHCPv6) string {
	var list []string
	for _, a := range d.Addresses {
		list = append(list, a.Prefix.Addr().String())
	}
	if d.Status != "" {
		list = append(list, d.Status)
	}
	return strings.Join(list, " ")
}

func (x *packetScreen) key(s *scene, key string) (action, bool) {
	if x.list.key(key) {
		return nil, true
	}
	switch key {
	case "enter":
		if rows := x.rows(s); x.list.sel < len(rows) {
			return open{eventPager(rows[x.list.sel].Events, s.redact)}, true
		}
		return nil, true
	case "esc":
		x.only, x.name = nil, ""
	}
	if act, ok := orderKey(&x.order, packetOrders, &x.list, key); ok {
		return act, true
	}
	return x.filter.keys(&x.list, key)
}

func (x *packetScreen) copied(s *scene) string {
	rows := x.rows(s)
	if x.list.sel >= len(rows) {
		return ""
	}
	var b strings.Builder
	for _, e := range rows[x.list.sel].Events {
		b.WriteString(clock(e.At) + " " + diag.Describe(e) + "\n")
	}
	return b.String()
}

func (x *packetScreen) seeks() bool { return x.filter.text != "" }

func (x *packetScreen) keys(*scene) []hotkey {
	return append([]hotkey{{"↑↓", "move"}, {"enter", "bytes"}}, rowKeys...)
}

// eventPager shows frames by layer and byte.
func eventPager(events []diag.Event, redact bool) *pager {
	var text strings.Builder
	for _, e := range events {
		text.WriteString(clock(e.At) + " " + diag.Describe(e) + "\n")
	}
	return &pager{plain: text.String(), page: func(c *canvas, w int) *doc {
		d := newDoc(c, w)
		for _, e := range events {
			f := frameOf(e)
			d.gap()
			way := say("in")
			if f.Out {
				way = say("out")
			}
			d.para(span{clock(e.At) + " " + way + " ", dim}, diag.Describe(e), bold)
			for _, l := range layers(f) {
				d.para(span{"  " + pad(c, l[0], 10), cyan}, l[1], plain)
			}
			if redact {
				d.line(span{"  " + say("bytes.hidden"), dim})
				continue
			}
			for _, line := range hexDump(f.Raw, w) {
				d.line(span{"  " + line, dim})
			}
		}
		return d
	}}
}

// layers names what a frame says, layer by layer.
func layers(f diag.Frame) [][2]string {
	list := [][2]string{
		{"Ethernet", fmt.Sprintf("%s > %s, IPv6", f.SrcMAC, f.DstMAC)},
		{"IPv6", fmt.Sprintf("%s > %s, hop limit %d, %d bytes", addr(f.Src), addr(f.Dst), f.HopLimit, f.Size)},
	}
	if f.Type == diag.DHCPv6Frame {
		if d := f.DHCPv6; d != nil {
			list = append(list, [2]string{"DHCPv6", joinNonEmpty(" ", d.Message, "transaction", d.Transaction, leased(d))})
		}
		return list
	}
	list = append(list, [2]string{"ICMPv6", joinNonEmpty(", ", words.Clean(string(f.Type)), targetLayer(f))})
	if f.LLAddr != (diag.MAC{}) {
		list = append(list, [2]string{"option", "link-layer address " + f.LLAddr.String()})
	}
	if len(f.Nonce) > 0 {
		list = append(list, [2]string{"option", fmt.Sprintf("nonce %x (RFC 7527)", f.Nonce)})
	}
	if f.RA != nil {
		for _, line := range asSent(f.RA) {
			list = append(list, [2]string{"RA", line})
		}
	}
	if q := f.Quoted; q != nil {
		list = append(list, [2]string{"quotes", fmt.Sprintf("%s > %s %s", addr(q.Src), addr(q.Dst), q.Type)})
	}
	if f.Bad != "" {
		list = append(list, [2]string{"not valid", f.Bad})
	}
	return list
}

func targetLayer(f diag.Frame) string {
	switch {
	case f.Type == diag.NA:
		flag := func(on bool, name string) string {
			if on {
				return name
			}
			return ""
		}
		flags := flag(f.Router, "R") + flag(f.Solicited, "S") + flag(f.Override, "O")
		return joinNonEmpty(", ", "target "+addr(f.Target), joinNonEmpty(" ", "flags", flags))
	case f.Target.IsValid():
		return "target " + f.Target.String()
	case f.Type == diag.EchoRequest || f.Type == diag.EchoReply:
		return fmt.Sprintf("id %d, sequence %d", f.EchoID, f.EchoSeq)
	case f.MTU != 0:
		return fmt.Sprintf("MTU %d", f.MTU)
	default:
		return ""
	}
}

// hexDump writes bytes as offset, hexadecimal and text, as many a line as w has room for.
func hexDump(raw []byte, w int) []string {
	per := 16
	if w < 6+16*3+16+4 {
		per = 8
	}
	var lines []string
	for at := 0; at < len(raw); at += per {
		part := raw[at:min(at+per, len(raw))]
		text := make([]byte, len(part))
		for i, b := range part {
			if text[i] = b; b < ' ' || b > '~' {
				text[i] = '.'
			}
		}
		lines = append(lines, fmt.Sprintf("%04x  %-*s %s", at, per*3, fmt.Sprintf("% x", part), text))
	}
	return lines
}
