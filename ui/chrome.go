package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ndwhy/diag"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// drawTabs shows the screens; the one in sight stands in brackets and in reverse.
func (m *Model) drawTabs(s *scene, r region) {
	x := 0
	for i, label := range m.tabLabels(s, s.last(), r.w) {
		st := plain
		if Screen(i+1) == m.screen {
			st = bold | reverse
		}
		r.clickable(x, 0, r.width(label), spot{screen: Screen(i + 1)})
		x = r.put(x, 0, label, st)
	}
}

// tabLabels are the names of the screens: in full where there is room, else short, else the keys
// alone beside the name of the screen in sight.
func (m *Model) tabLabels(s *scene, last Screen, w int) []string {
	var labels []string
	for _, how := range []struct{ own, others string }{{"tab.", "tab."}, {"tab.", "tab.short."}, {"tab.short.", "tab.short."}, {"tab.", ""}} {
		labels = labels[:0]
		width := 0
		for i := ScreenMap; i <= last; i++ {
			label := fmt.Sprintf(" %d ", i)
			switch {
			case i == m.screen:
				label = fmt.Sprintf("[%d %s]", i, say(how.own+i.name()))
			case how.others != "":
				label = fmt.Sprintf(" %d %s ", i, say(how.others+i.name()))
			}
			labels = append(labels, label)
			width += s.canvas.width(label)
		}
		if width <= w {
			break
		}
	}
	return labels
}

// drawStatus says the verdict, where one is, and what goes on.
func (m *Model) drawStatus(s *scene, r region) {
	verdict := s.verdict()
	v, word := verdictMark(verdict), upper("verdict."+string(verdict))
	if s.undecided() {
		v, word = mark{"·", bold}, say("status.asking", "done", s.checksDone(), "n", len(s.Checks))
	}
	x := r.spans(1, 0, v.span(), span{" ", plain}, span{word, v.st})
	if s.waiting {
		return
	}
	mode := m.modeSpans(s)
	room := r.w - x - r.spansWidth(mode)
	where := s.whereabouts(s.undecided())
	x = r.spans(x+2, 0, where...)
	room -= 2 + r.spansWidth(where)
	profile := words.Say("profile." + s.Report.Profile.Name + ".name")
	for _, text := range []string{
		"  " + profile + " (" + words.Say("confidence."+string(s.Report.Profile.Confidence)) + ")", "  " + profile,
	} {
		if r.width(text) < room-1 {
			x = r.put(x, 0, text, dim)
			break
		}
	}
	r.right(0, x+1, mode...)
}

// checksDone is how many of the checks have ended.
func (s *scene) checksDone() int {
	n := 0
	for _, c := range s.Checks {
		if c.State != diag.CheckRunning {
			n++
		}
	}
	return n
}

// undecided reports whether the verdict may yet get worse: nothing is called fine before it was
// asked.
func (s *scene) undecided() bool {
	v := s.verdict()
	bad := v == why.VerdictWarning || v == why.VerdictCritical
	return !bad && (running(s.Frame) || len(s.Quiet) > 0)
}

// quietSince is since when a host answers no more that did when it was asked last.
func (s *scene) quietSince(addr string) (at time.Time, quiet bool) {
	for key, at := range s.Quiet {
		if key.Interface == s.iface && key.Address.String() == addr {
			return at, true
		}
	}
	return time.Time{}, false
}

// soFar is the sentence while nothing can be said yet: who answers no more, if somebody does.
func (s *scene) soFar() string {
	var who []string
	var since time.Time
	for key, at := range s.Quiet {
		who, since = append(who, key.Address.String()), at
	}
	if len(who) == 0 {
		return say("so-far")
	}
	slices.Sort(who)
	return say("quiet", "addresses", words.List(who), "at", clock(since)[:8])
}

func (m *Model) modeSpans(s *scene) []span {
	var list []span
	add := func(text string, st style) {
		if len(list) > 0 {
			list = append(list, span{"  ", plain})
		}
		list = append(list, span{text, st})
	}
	var active []string
	for _, c := range s.Checks {
		if c.State == diag.CheckRunning {
			active = append(active, c.ID)
		}
	}
	switch {
	case len(active) == 1:
		add(say("status.running", "check", active[0]), yellow)
	case len(active) > 1:
		add(say("status.running-n", "n", len(active)), yellow)
	}
	if at, d := s.lastAsked(); len(active) == 0 && !at.IsZero() && s.Replay == nil {
		if d < askedLongAgo {
			add(say("status.asked-at", "at", at.UTC().Format("15:04:05")), plain)
		} else {
			add(say("status.asked", "ago", ago(d.Truncate(askedLongAgo))), yellow)
		}
		if s.Every > 0 {
			add(say("status.every", "time", seconds(int64(s.Every.Seconds()))), dim)
		}
	}
	if s.Recording != "" {
		add("● "+say("status.recording"), red)
	}
	if m.hide.On {
		add(say("status.hidden"), cyan)
	}
	switch {
	case s.Replay != nil:
		add(replayText(s.Replay, s.At), bold)
	case m.frozen:
		add(say("status.frozen", "at", s.At.UTC().Format("15:04:05")), bold|yellow)
	case m.cfg.Mode == InLab:
		add(say("status.lab", "scenario", scenarioOf(s)), dim)
	default:
		add(say("status.live"), dim)
	}
	return append(list, span{" ", plain})
}

// askedLongAgo is when the answers are called old, and in which steps their age is told: an idle screen is not to
// be drawn for it.
const askedLongAgo = 10 * time.Minute

// lastAsked is when the last check ended, and how long ago; zero: none did.
func (s *scene) lastAsked() (time.Time, time.Duration) {
	var last time.Time
	for _, c := range s.Checks {
		if c.Ended.After(last) {
			last = c.Ended
		}
	}
	return last, s.At.Sub(last)
}

func scenarioOf(s *scene) string {
	if s.Lab == nil {
		return ""
	}
	return s.Lab.Scenario
}

// speaks reports whether there is more to say than a hint.
func (m *Model) speaks(s *scene) bool {
	return m.typing != nil || m.notice.text != "" || s.Replay != nil && s.Replay.Quiet > 0 || len(s.Temporary) > 0
}

// drawHint shows the line above the footer: the filter being typed, what came of the last key, what
// is about to be removed, or a hint for who is here for the first time.
func (m *Model) drawHint(s *scene, r region) *rect {
	if m.typing != nil {
		x := r.put(1, 0, say("filter.prompt"), bold)
		x = r.raw(x, 0, m.typing.text, plain)
		if x < r.w-24 {
			r.right(0, x+2, span{say("filter.help"), dim})
		}
		return &rect{x: r.x + x, y: r.y}
	}
	switch {
	case m.notice.text != "" && (len(s.Temporary) == 0 || m.notice.text != m.asking):
		r.put(1, 0, r.c.fit(m.notice.text, r.w-2), m.notice.st)
	case s.Replay != nil && s.Replay.Quiet > 0:
		r.put(1, 0, r.c.fit(say("replay.quiet", "time", seconds(int64(s.Replay.Quiet.Seconds()))), r.w-2), cyan)
	case len(s.Temporary) > 0:
		t := s.Temporary[0]
		text := say("temporary", "address", t.Address, "left", t.LeftS)
		if n := len(s.Temporary) - 1; n > 0 {
			text = say("temporary-n", "address", t.Address, "left", t.LeftS, "n", n)
		}
		r.put(1, 0, r.c.fit(text, r.w-2), yellow)
	case m.overlay == nil && !m.hinted[m.screen] && !s.waiting:
		key := "hint." + m.screen.name()
		if !s.canAsk && words.Has("ui."+key+".seen") {
			key += ".seen"
		}
		r.put(1, 0, r.c.fit(say(key), r.w-2), dim)
	}
	return nil
}

// drawFooter shows the main keys in two tones, as many as fit; help and quit always do.
func (m *Model) drawFooter(s *scene, r region) {
	var keys []hotkey
	switch {
	case m.typing != nil:
		keys = []hotkey{{"enter", "filter-keep"}, {"esc", "filter-drop"}}
	case m.overlay != nil:
		keys = m.overlay.keys(s)
	default:
		keys = append(keys, m.screens[m.screen].keys(s)...)
		for _, k := range m.commonKeys(s) {
			if !slices.ContainsFunc(keys, func(own hotkey) bool { return own.key == k.key }) {
				keys = append(keys, k)
			}
		}
	}
	tail := []hotkey{{"?", "help"}, {"q", "quit"}}
	if m.overlay != nil || m.typing != nil {
		tail = nil
	}
	room := r.w - 1
	for _, k := range tail {
		room -= s.keyWidth(k)
	}
	x := 1
	for _, k := range keys {
		if w := s.keyWidth(k); w <= room {
			x = drawKey(r, x, 0, k)
			room -= w
		}
	}
	for _, k := range tail {
		x = drawKey(r, x, 0, k)
	}
}

func (s *scene) keyWidth(k hotkey) int {
	return s.canvas.width(k.key) + 1 + s.canvas.width(say("key."+k.what)) + 2
}

func drawKey(r region, x, y int, k hotkey) int {
	end := r.spans(x, y, span{k.key, bold | cyan}, span{" " + say("key."+k.what), plain}, span{"  ", plain})
	if key := k.key; key == "enter" || key == "esc" || key == "space" || utf8.RuneCountInString(key) == 1 {
		r.clickable(x, y, end-x-2, spot{key: key})
	}
	return end
}

// playKeys are the keys of a replay.
var playKeys = []hotkey{{"space", "pause"}, {"n", "next-finding"}, {".", "step"}, {"+ -", "speed"}, {"R", "restart"}}

// commonKeys are the keys that hold on every screen, the most important first.
func (m *Model) commonKeys(s *scene) []hotkey {
	var keys []hotkey
	switch {
	case s.Replay != nil && s.Replay.Ended:
		keys = append(keys, hotkey{"R", "restart"})
	case s.Replay != nil:
		keys = append(keys, playKeys...)
	}
	if s.Lab != nil {
		keys = append(keys, hotkey{"w", "pane"})
		if s.bench {
			keys = append(keys, hotkey{"b", "break"})
		}
	}
	if s.Replay == nil {
		keys = append(keys, hotkey{"space", "freeze"})
	}
	keys = append(keys, hotkey{"y", "copy"}, hotkey{"s", "save"}, hotkey{"x", "hide"})
	if s.canAsk && s.Replay == nil {
		keys = append(keys, hotkey{"e", "record"}, hotkey{"R", "run-all"})
	}
	return keys
}

// A trouble is what keeps a screen from being complete, with the line that would help.
type trouble struct {
	text, fix string
	link      bool // the interface itself
}

func (s *scene) troubles(names ...diag.FeedName) []trouble {
	var list []trouble
	if l := s.link(); l.Gone {
		list = append(list, trouble{text: say("trouble.gone", "interface", l.Interface), link: true})
	} else if l.Index != 0 && !l.Up {
		list = append(list, trouble{say("trouble.down", "interface", l.Interface), "sudo ip link set " + l.Interface + " up", true})
	}
	for _, name := range names {
		f := s.feed(name)
		if f.State != diag.Lost && f.State != diag.Unavailable && f.State != diag.NotAsked {
			continue
		}
		why := ""
		if f.Why != "" {
			why = " (" + f.Why + ")"
		}
		list = append(list, trouble{say("trouble."+string(f.State), "feed", say("feed."+string(name)), "why", why), f.Fix, false})
	}
	return list
}

// unread says what of a recording could not be read.
func (s *scene) unread() []trouble {
	if s.Replay == nil || len(s.Replay.Problems) == 0 {
		return nil
	}
	list := s.Replay.Problems
	text := say("replay.problem", "problem", list[0])
	if n := len(list) - 1; n > 0 {
		text = say("replay.problem-n", "problem", list[0], "n", n)
	}
	return []trouble{{text: text}}
}

// drawTroubles shows them on top of a screen and returns what is left of it.
func (s *scene) drawTroubles(r region, names ...diag.FeedName) region {
	d := newDoc(s.canvas, r.w-2)
	said := s.screen == ScreenMap && len(s.problems()) > 0 // the headline says it, and what to do
	for _, t := range append(s.unread(), s.troubles(names...)...) {
		if t.link && said {
			continue
		}
		d.para(span{"! ", yellow | bold}, t.text, yellow)
		if t.fix != "" {
			d.fix(t.fix)
		}
	}
	h := min(len(d.lines), r.h/2)
	d.preview(r.sub(1, 0, r.w-2, h))
	return r.sub(0, h, r.w, r.h-h)
}

// emptyText is said where a list is empty: as long as its source is not complete, that says
// nothing.
func (s *scene) emptyText(key string, source diag.FeedName) string {
	switch s.feed(source).State {
	case diag.Synced:
		return say(key)
	case "":
		return say("not-yet")
	default:
		return say("not-known")
	}
}

// noRows is said where a table is empty: of the n that there are the filter lets none through, or there are none.
func (s *scene) noRows(f *filter, n int, key string, source diag.FeedName) string {
	if f.text != "" && n > 0 {
		return say("rows.none-match", "filter", f.text, "n", n)
	}
	return s.emptyText(key, source)
}

func joinNonEmpty(sep string, parts ...string) string {
	var list []string
	for _, p := range parts {
		if p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, sep)
}
