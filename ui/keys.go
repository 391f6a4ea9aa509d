package ui

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// A hotkey is a key and what it does, for the footer and the help.
type hotkey struct {
	key  string
	what string // a key of the catalogue, under ui.key.
}

// An action is what a screen asks of the Model; nil for nothing.
type action any

type (
	open     struct{ o overlay }
	run      struct{ checks []string } // with what is asked for by default
	try      struct{ add diag.AddMode }
	stop     struct{}
	tell     struct{ text string }
	goTo     struct{ screen Screen }
	filterOn struct{ f *filter }
	follow   struct{ p netip.Prefix } // its packets
	evidence struct {                 // the packets that show it
		frames map[int64]bool // by the events' numbers
		name   string
	}
	turn     struct{ iface string }   // an interface is to be in sight
	inMatrix struct{ p *report.Path } // of the matrix
	breaks   struct {
		id string
		on bool
	}
)

// checkAdded is the check that tries candidates.
const checkAdded = "added"

// keyName names a key as the screens know it: one name for the keys that mean the same.
func keyName(msg tea.KeyPressMsg) string {
	switch k := msg.String(); k {
	case "k", "ctrl+p":
		return "up"
	case "j", "ctrl+n":
		return "down"
	case "h":
		return "left"
	case "l":
		return "right"
	case "g":
		return "home"
	case "G", "shift+g":
		return "end"
	case "ctrl+d", "ctrl+f":
		return "pgdown"
	case "ctrl+u", "ctrl+b":
		return "pgup"
	case "return":
		return "enter"
	case " ":
		return "space"
	default:
		return k
	}
}

// onKey routes a key: what is being typed first, then the overlay, then the tour, then what holds
// everywhere, then the screen.
func (m *Model) onKey(key, text string) tea.Cmd {
	m.notice = span{}
	switch key {
	case "ctrl+c":
		m.quit = leaving
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	if !m.ready && strings.Contains("yYsexRSrcCba", key) {
		return nil // there is nothing yet that they could be about
	}
	if m.typing != nil {
		if m.typing.key(key, text) {
			m.typing = nil
		}
		return nil
	}
	s := m.scene()
	if m.overlay != nil {
		if act, closed, ok := m.overlayKey(s, key); ok {
			if closed {
				m.overlay = nil
			}
			return m.perform(s, act)
		}
	}
	if m.tour != nil {
		if act, done := m.tour.key(s, key); done {
			return m.tourDid(s, act)
		}
	}
	if (key == "n" || key == "N") && m.overlay == nil && m.screens[m.screen].seeks() { // before the replay's
		act, _ := m.screens[m.screen].key(s, key)
		return m.perform(s, act)
	}
	if cmd, ok := m.globalKey(s, key); ok {
		return cmd
	}
	if m.overlay != nil || m.hold(key) {
		return nil
	}
	act, ok := m.screens[m.screen].key(s, key)
	if ok {
		m.hinted[m.screen] = true
	} else if text != "" && m.ready {
		m.notice = span{say("notice.unused", "key", key), dim}
	}
	return m.perform(s, act)
}

// overlayKey gives a key to the overlay; what it leaves alone are the keys that hold everywhere and
// touch nothing below it.
func (m *Model) overlayKey(s *scene, key string) (act action, closed, ok bool) {
	_, turns := screenOf(key)
	_, reads := m.overlay.(*pager)
	if turns || slices.Contains([]string{"y", "Y", "x", "s", "Q", "tab", "shift+tab", "[", "]"}, key) || key == "?" && reads {
		_, asks := m.overlay.(*consent)
		if _, menu := m.overlay.(*copyMenu); !asks && (!menu || turns) {
			return nil, false, false
		}
	}
	act, closed = m.overlay.key(s, key)
	return act, closed, true
}

// globalKey does what a key does on every screen, and reports whether it does something.
func (m *Model) globalKey(s *scene, key string) (tea.Cmd, bool) {
	switch key {
	case "q":
		m.quit = leaving
		return tea.Quit, true
	case "Q":
		m.quit = leavingReport
		return tea.Quit, true
	case "?":
		own := m.screens[m.screen].keys(s)
		if m.overlay != nil {
			own = m.overlay.keys(s)
		}
		m.overlay = &help{screen: m.screen, own: own, play: s.play, lab: s.Lab != nil, under: m.overlay}
	case "tab", "]":
		m.show(s, m.screen+1)
	case "shift+tab", "[":
		m.show(s, m.screen-1)
	case "x":
		m.hide.On = !m.hide.On
		m.notice = span{say("notice.hidden"), plain}
		if !m.hide.On {
			m.notice = span{say("notice.shown"), plain}
		}
	case "space", "p":
		return m.freeze(), true
	case "i":
		m.turnTo(s, -1)
	case "y":
		return m.copy(s), true
	case "Y":
		m.openCopyMenu(s)
	case "s":
		return m.save(), true
	case "e":
		return m.record(), true
	case "R":
		if m.cfg.Player != nil {
			return m.playerKey(key)
		}
		return m.perform(s, run{}), true
	case "S":
		return m.perform(s, stop{}), true
	case "a":
		return m.toggleEvery(), s.canAsk
	case "w":
		if m.paneOpen() {
			m.pane = paneShut
		} else {
			m.pane = paneOpen
		}
	case "b":
		if s.Lab == nil || m.cfg.Bench == nil {
			return nil, false
		}
		m.overlay = &breakage{}
	default:
		return m.modeKey(s, key)
	}
	return nil, true
}

// toggleEvery has everything asked again every so often, or no more.
func (m *Model) toggleEvery() tea.Cmd {
	if m.cfg.Intents == nil || m.cfg.Player != nil {
		return nil
	}
	every := m.cfg.Every
	m.notice = span{say("notice.every", "time", seconds(int64(every.Seconds()))), plain}
	if m.latest.Every > 0 {
		every = 0
		m.notice = span{say("notice.every-off"), plain}
	}
	return func() tea.Msg { m.cfg.Intents.Every(every); return nil }
}

// modeKey has the digits, and the keys of a replay.
func (m *Model) modeKey(s *scene, key string) (tea.Cmd, bool) {
	if to, ok := screenOf(key); ok {
		m.show(s, to)
		return nil, true
	}
	if m.cfg.Player == nil {
		return nil, false
	}
	return m.playerKey(key)
}

// show turns to a screen; beyond the last comes the first.
func (m *Model) show(s *scene, to Screen) {
	last := s.last()
	switch {
	case to > last && to == ScreenSwitch && m.screen != last:
		return // the key of a screen that is not there
	case to > last:
		to = ScreenMap
	case to < ScreenMap:
		to = last
	}
	m.overlay, m.held = nil, nil
	m.screen = to
}

// freeze holds the screen still, or in a replay the replay.
func (m *Model) freeze() tea.Cmd {
	if m.cfg.Player != nil && m.frame.Replay != nil {
		on := !m.frame.Replay.Paused
		player := m.cfg.Player
		if m.frame.Replay.Ended {
			return func() tea.Msg { player.Restart(); return nil }
		}
		return func() tea.Msg { player.Pause(on); return nil }
	}
	m.frozen = !m.frozen
	if !m.frozen {
		m.frame = m.latest
	}
	return nil
}

// playerKey has the keys of a replay.
func (m *Model) playerKey(key string) (tea.Cmd, bool) {
	p := m.cfg.Player
	speed := 1.0
	if r := m.frame.Replay; r != nil && r.Speed > 0 {
		speed = r.Speed
	}
	var do func()
	switch key {
	case ".":
		do = p.Step
	case "n":
		do = p.NextFinding
	case "R":
		do = p.Restart
	case "+", "=":
		do = func() { p.Speed(min(speed*2, 64)) }
	case "-":
		do = func() { p.Speed(max(speed/2, 0.25)) }
	default:
		return nil, false
	}
	return func() tea.Msg { do(); return nil }, true
}

// perform does what a screen asked for.
func (m *Model) perform(s *scene, act action) tea.Cmd {
	switch a := act.(type) {
	case open:
		m.overlay = a.o
	case goTo:
		m.show(s, a.screen)
	case filterOn:
		a.f.before = a.f.text
		m.typing = a.f
	case follow:
		m.screens[ScreenPackets] = &packetScreen{filter: filter{text: a.p.String()}}
		m.show(s, ScreenPackets)
	case evidence:
		m.screens[ScreenPackets] = &packetScreen{only: a.frames, name: a.name}
		m.show(s, ScreenPackets)
	case inMatrix:
		if i := slices.IndexFunc(s.Links, func(l diag.Link) bool { return l.Interface == a.p.Interface }); i >= 0 {
			m.turned, m.iface = true, i
		}
		m.screens[ScreenMatrix].(*matrixScreen).goTo(a.p)
		m.show(s, ScreenMatrix)
	case turn:
		if i := slices.IndexFunc(s.Links, func(l diag.Link) bool { return l.Interface == a.iface }); i >= 0 {
			m.turnTo(s, i)
		}
	case run:
		return m.run(a.checks, "")
	case try:
		return m.try(a.add)
	case agreedTo:
		m.agreed[a.add] = true
		return m.run([]string{checkAdded}, a.add)
	case copyOut:
		m.overlay = a.under
		return m.copyText(a.text)
	case tell:
		m.notice = span{a.text, dim}
	case stop:
		if m.cfg.Intents != nil {
			return func() tea.Msg { m.cfg.Intents.Stop(); return nil }
		}
	case breaks:
		return m.breakIt(a)
	}
	return nil
}

// run starts checks; what comes of them arrives in Frames.
func (m *Model) run(ids []string, add diag.AddMode) tea.Cmd {
	if m.cfg.Intents == nil {
		m.notice = span{say("notice.no-checks"), yellow}
		return nil
	}
	asking := say("notice.running", "checks", orAll(ids))
	m.notice, m.asking = span{asking, plain}, asking
	return func() tea.Msg {
		err := m.cfg.Intents.Run(ids, add)
		switch {
		case errors.Is(err, context.Canceled):
			return noticeMsg{text: span{say("notice.stopped"), plain}, instead: asking}
		case err != nil:
			return noticeMsg{text: span{words.Clean(err.Error()), red}}
		}
		return noticeMsg{instead: asking}
	}
}

func orAll(ids []string) string {
	if len(ids) == 0 {
		return say("all-checks")
	}
	return strings.Join(ids, ", ")
}

func (m *Model) breakIt(b breaks) tea.Cmd {
	if m.cfg.Bench == nil {
		return nil
	}
	return func() tea.Msg {
		if err := m.cfg.Bench.Break(b.id, b.on); err != nil {
			return noticeMsg{text: span{words.Clean(err.Error()), red}}
		}
		return nil
	}
}

func (m *Model) onPaste(text string) {
	if m.typing != nil {
		m.typing.insert(text)
	}
}
