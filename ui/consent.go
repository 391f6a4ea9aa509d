package ui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// agreedTo is the action of a consent that was given.
type agreedTo struct{ add diag.AddMode }

// consent asks before candidates are tried: it says what would be sent and changed.
type consent struct {
	add    diag.AddMode
	plan   Plan
	known  bool
	scroll scroll
}

// try runs the candidates; the first time in a mode it asks.
func (m *Model) try(add diag.AddMode) tea.Cmd {
	if m.cfg.Intents == nil {
		m.notice = span{say("notice.no-checks"), yellow}
		return nil
	}
	if m.agreed[add] {
		return m.run([]string{checkAdded}, add)
	}
	ask := &consent{add: add}
	m.overlay = ask
	return m.askPlan(ask, add, []string{checkAdded})
}

// askPlan has the plan made; nothing is sent by that.
func (m *Model) askPlan(ask *consent, add diag.AddMode, ids []string) tea.Cmd {
	intents := m.cfg.Intents
	return func() tea.Msg {
		plan, err := intents.Plan(ids, add)
		return planMsg{plan, ask, err}
	}
}

func (m *Model) onPlan(msg planMsg) {
	switch {
	case msg.err != nil && msg.ask != nil:
		m.overlay = nil
		m.notice = span{words.Clean(msg.err.Error()), red}
	case msg.err != nil:
	case msg.ask != nil:
		msg.ask.plan, msg.ask.known = msg.plan, true
		m.plan = msg.plan
	default:
		m.plan = msg.plan
	}
}

func (c *consent) draw(s *scene, r region) {
	w := min(r.w, 84)
	d := newDoc(s.canvas, w-4)
	d.para(span{"", plain}, say("consent."+string(c.add)), plain)
	if !c.known {
		d.gap()
		d.line(span{say("consent.planning"), dim})
	} else {
		c.details(d)
	}
	h := min(len(d.lines)+3, r.h)
	box := r.sub((r.w-w)/2, (r.h-h)/2, w, h).box(say("consent.title"), yellow)
	c.scroll.draw(d, box.sub(0, 0, box.w, box.h-1))
	at := drawKey(box, 0, box.h-1, hotkey{"enter", "consent-run"})
	drawKey(box, at+2, box.h-1, hotkey{"esc", "consent-leave"})
}

// details says what would be sent and changed, and for which addresses.
func (c *consent) details(d *doc) {
	var sources []string
	var changes []string
	skipped := map[string]string{}
	for i := range c.plan.Lines {
		l := &c.plan.Lines[i]
		if l.Check != checkAdded {
			continue
		}
		row, _ := place(plannedPath(l))
		if l.Outcome == diag.OutcomeSkipped && l.Asks == diag.AsksDAD {
			skipped[row.source] = words.Say("detail."+l.Detail, "note", l.Note)
		}
		if row.class == diag.SourceCandidate && !slices.Contains(sources, row.source) {
			sources = append(sources, row.source)
		}
		for _, key := range l.Changes {
			if text := words.Say(key); !slices.Contains(changes, text) {
				changes = append(changes, text)
			}
		}
	}
	d.heading(say("consent.sent", "n", c.plan.Frames)) // 80x24 has room for all of it, and no gap more
	for _, a := range sources {
		if why := skipped[a]; why != "" {
			d.para(span{"  – ", dim}, a+": "+why, dim)
		} else {
			d.line(span{"    " + a, bold})
		}
	}
	if len(changes) > 0 {
		d.line(span{say("consent.changes"), bold})
		for _, text := range changes {
			d.para(span{"  ", plain}, text, plain)
		}
	}
}

func (c *consent) key(_ *scene, key string) (action, bool) {
	switch {
	case c.scroll.key(key):
		return nil, false
	case key == "enter" || key == "y":
		if !c.known {
			return nil, false
		}
		return agreedTo{c.add}, true
	default:
		return nil, key == "esc" || key == "n" || key == "q"
	}
}

func (c *consent) copied(*scene) string { return "" }

func (c *consent) keys(*scene) []hotkey {
	return []hotkey{{"enter", "consent-run"}, {"esc", "consent-leave"}, {"↑↓", "scroll"}}
}
