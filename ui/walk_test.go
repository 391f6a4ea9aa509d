package ui

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// fold plays a made-up network.
func (s *stage) fold(w *diagtest.World) *stage {
	s.t.Helper()
	for _, e := range w.Events() {
		s.state.Apply(e)
		s.lens.Note(e)
	}
	return s.look()
}

// Whatever is wrong, every screen of every size tells the same story: what a problem explains is marked as wrong, with
// its number; nothing is red where nobody must act; the verdict, and where there is room what to do, stand first.
func TestOneStoryOnEveryScreen(t *testing.T) {
	sizes := [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 60}}
	walked := func(name string, set func(*stage) *stage) {
		t.Run(name, func(t *testing.T) {
			for _, size := range sizes {
				s := set(newStage(t, Config{}, size[0], size[1]))
				for i := range s.m.frame.Links {
					s.shownAlike()
					s.saysWhatToDo()
					if size == sizes[0] {
						s.markedAlike()
					}
					if i < len(s.m.frame.Links)-1 {
						s.press("1", "i")
					}
				}
			}
		})
	}
	walk := func(name string, world func() *diagtest.World) {
		walked(name, func(s *stage) *stage { return s.fold(world()) })
	}
	for _, c := range diagtest.CauseTests {
		walk(c.Name, c.World)
	}
	for _, path := range recordings(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl.zst")
		walked("lab "+name, func(s *stage) *stage { return s.playFile(path) })
	}
	walk("healthy VPC", diagtest.VPC)
	walk("healthy LAN", diagtest.LAN)
	walk("a pod", diagtest.Pod)
	walk("a second interface, down", secondDown)
	walk("a second interface beside what is wrong", func() *diagtest.World {
		w := diagtest.CauseTests[0].World()
		w.Run.Interfaces = append(w.Run.Interfaces, "eth1")
		return w.Say(second(true))
	})
	walk("two prefixes", func() *diagtest.World { return diagtest.TwoPrefixes(diag.Answered) })
}

// shownAlike holds what every screen shows against the verdict.
func (s *stage) shownAlike() {
	s.t.Helper()
	r := s.lens.report
	where := fmt.Sprintf("%dx%d", s.m.w, s.m.h)
	problems := r.Problems()
	for screen := ScreenMap; screen < ScreenSwitch; screen++ {
		s.press(fmt.Sprint(int(screen)))
		text := s.shown()
		if own := s.m.scene().verdict(); !strings.Contains(text, upper("verdict."+string(own))) {
			s.t.Errorf("%s, %s: the verdict %s on %s is not there:\n%s", where, screen.name(), own, s.m.scene().iface, text)
		}
		if !strings.Contains(text, upper("verdict."+string(r.Verdict))) {
			s.t.Errorf("%s, %s: the verdict %s is not there:\n%s", where, screen.name(), r.Verdict, text)
		}
		if len(problems)+len(r.Unexplained) == 0 && r.Verdict != why.VerdictUnknown {
			for y := range s.m.canvas.h {
				line := s.m.canvas.cells[y*s.m.canvas.w : (y+1)*s.m.canvas.w]
				if slices.ContainsFunc(line, func(c cell) bool { return c.st&colours == red }) {
					s.t.Errorf("%s, %s: line %d is red, and nobody must act:\n%s", where, screen.name(), y, text)
				}
			}
		}
	}
}

// saysWhatToDo holds the first screen to saying what to do about the first problem, and what enter opens to saying it with
// the reason in sight.
func (s *stage) saysWhatToDo() {
	s.t.Helper()
	problems := s.m.scene().problems()
	if len(problems) == 0 || len(problems[0].Remedies) == 0 {
		return
	}
	first := problems[0].Remedies[0]
	todo := strings.Fields(first.Does + " " + strings.Join(first.Do, " "))[:2]
	where := fmt.Sprintf("%dx%d", s.m.w, s.m.h)
	text := s.press("1").shown()
	if !strings.Contains(text, "\n "+words.Say("ui.fix")+"  ") {
		s.t.Errorf("%s: the first screen does not say what to do:\n%s", where, text)
	}
	text = s.press("enter").shown()
	if s.m.h >= 24 && !strings.Contains(text, strings.Join(todo, " ")) {
		s.t.Errorf("%s: the finding does not say %q where it is opened:\n%s", where, todo, text)
	}
	s.press("esc")
}

// markedAlike holds every mark of what a problem explains against it.
func (s *stage) markedAlike() {
	s.t.Helper()
	r, scene := s.lens.report, s.m.scene()
	m := newMatrix(scene, 1000, true)
	checks := checkLines(scene)
	for i, f := range r.Problems() {
		if f.Interface == scene.iface {
			s.accusedAlike(f.Subject.Value, i+1)
		}
		for _, p := range explained(&r, f.Explains) {
			if p.Interface != scene.iface || p.Outcome == diag.OutcomeSkipped {
				continue
			}
			s.marked(p, m, checks)
		}
	}
}

// accusedAlike holds the screens' marks of an address that is itself what a problem is about against it.
func (s *stage) accusedAlike(addr string, problem int) {
	s.t.Helper()
	scene := s.m.scene()
	wrong := func(n *node) bool {
		return slices.ContainsFunc(n.marks, func(e edge) bool { return e.mark == markBad && e.problem > 0 && e.problem <= problem })
	}
	for _, list := range nodesByClass(scene) {
		for _, n := range list {
			if n.addr == addr && !wrong(n) {
				s.t.Errorf("the overview has no problem at %s, and %d is about it", addr, problem)
			}
		}
	}
	for _, row := range ownAddresses(scene) {
		if e := addressEdge(&row); row.Prefix.Addr().String() == addr && !row.Temporary && (e.mark != markBad || e.problem == 0 || e.problem > problem) {
			s.t.Errorf("the overview has %s %s, and problem %d is about it", addr, e.text, problem)
		}
	}
}

// marked holds the screens' marks of a question that a problem explains against it.
func (s *stage) marked(p *report.Path, m *matrix, checks []checkLine) {
	s.t.Helper()
	bad := func(k mark) bool { return k == markBad || k == markPart }
	if p.Mark.Judgement < report.Impaired {
		return // answered in full: it only shows what the problem is
	}
	if p.Mark.Problem == 0 {
		s.t.Errorf("%s is wrong, a problem explains it, and it has no number", pathText(p))
	}
	row, col := place(p)
	if k := m.mark(row, col, p.Via); !bad(k) {
		s.t.Errorf("in the matrix %s is %q", pathText(p), k.s)
	}
	for i := range checks {
		if l := &checks[i]; l.ID == p.Check && (!bad(l.mark()) || l.outcome() == say("check.normal", "n", l.asked)) {
			s.t.Errorf("check %s is %q %q, and %s", l.ID, l.mark().s, l.outcome(), pathText(p))
		}
	}
	if p.SourceClass == diag.SourceUnassigned || p.SourceClass == diag.SourceCandidate || p.Asks == diag.AsksDAD {
		return // they say nothing of the target
	}
	for _, n := range nodes(s.m.scene().paths(), nil) {
		if n.class == p.TargetClass && (n.addr == p.Target || p.Asks == diag.AsksRS && n.addr == "") &&
			!slices.ContainsFunc(n.marks, func(e edge) bool { return bad(e.mark) }) {
			s.t.Errorf("the overview has nothing wrong at %s, and %s", n.addr, pathText(p))
		}
	}
}

// second is another interface of a made-up host.
func second(up bool) diag.Link {
	return diag.Link{Interface: "eth1", Index: 9, MAC: diagtest.OtherMAC, MTU: 9001, Up: up, Carrier: up, Ethernet: true}
}

// secondDown is a healthy VPC whose host has a second interface, which is down.
func secondDown() *diagtest.World {
	w := diagtest.VPC()
	w.Run.Interfaces = append(w.Run.Interfaces, "eth1")
	return w.Say(second(false))
}

// Every interface has findings of its own; one where somebody must act is in sight first, and from the others it is one
// key away.
func TestEachInterfaceHasItsOwn(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).fold(secondDown())
	down := words.Say("cause.host.link-down.title")
	s.want("✗ CRITICAL  eth1", down)
	s.press("i").want("✓ OK  eth0  eth1: ✗ CRITICAL (i)", "Nothing is wrong on eth0.", "▸ ✗ eth1 is down.")
	s.press("enter").want("✗ CRITICAL  eth1", down)
	s.press("3", "i").want("✓ OK  eth0  eth1: ✗ CRITICAL (i)")

	newStage(t, Config{}, 80, 24).fold(diagtest.VPC()).press("i").want("No other interface here is in use.")
}
