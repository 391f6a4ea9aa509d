package ui

import (
	"slices"
	"time"

	"ndwhy/diag/report"

	tea "charm.land/bubbletea/v2"

	"ndwhy/diag"
	"ndwhy/diag/redact"
)

// Mode says what the program is the face of.
type Mode int

// The modes.
const (
	Live Mode = iota
	Replaying
	InLab
)

// Config is everything that a Model is told from outside. The zero values of Player and Bench are
// right where there is no replay and no lab.
type Config struct {
	Mode Mode
	// Frames waits for the next Frame; false ends the waiting: Mailbox.Take.
	Frames func() (Frame, bool)
	// Want is told what is being looked at: Lens.Want.
	Want    func(Query)
	Intents Intents
	Player  Player
	Bench   Bench
	// Checks are the IDs of all checks in the order in which they are shown.
	Checks []string

	Screen  Screen        // shown first; 0: the map
	Every   time.Duration // how often a asks again
	ASCII   bool          // no character beyond ASCII
	NoColor bool
	Mouse   bool // the wheel scrolls, a click chooses; it takes the terminal's own selection away
	Redact  bool // addresses are hidden from the start
	Tour    bool // the guided tour is open
}

// Model is the program's state. Only Bubble Tea's event loop touches it.
type Model struct {
	cfg    Config
	canvas canvas
	w, h   int

	frame  Frame // as shown
	latest Frame // as received; newer than frame while frozen
	ready  bool  // a Frame came
	frozen bool
	iface  int  // index into the run's interfaces, from
	turned bool // on: until then the first problem's is in sight

	screen  Screen
	screens [ScreenSwitch + 1]screen
	overlay overlay // nil: none; takes all keys while open
	typing  *filter // the filter being typed; nil: none
	hinted  [ScreenSwitch + 1]bool

	held    []string // keys that wait for the rows they are meant for
	notice  span     // what came of the last key; goes with the next
	asking  string   // the notice that checks run: the countdown of an address goes before it
	hide    redact.Redactor
	pane    pane // the lab's
	tour    *tour
	plan    Plan // of the candidates, for the matrix
	planned bool
	agreed  map[diag.AddMode]bool // the user has agreed to once
	quit    quitting
}

// quitting says how the program ends.
type quitting int

const (
	staying quitting = iota
	leaving
	leavingReport // and the report stays on the screen
)

// A screen is a component: state, drawing and keys, without a message loop of its own. What it
// cannot do itself it returns as an action, which the Model performs.
type screen interface {
	draw(s *scene, r region)
	key(s *scene, key string) (action, bool)
	// copied is what y copies.
	copied(s *scene) string
	// keys are the screen's own keys, the most important first.
	keys(s *scene) []hotkey
	// seeks reports whether rows are looked for, to which n and N go.
	seeks() bool
}

// An overlay covers the screen and takes its keys.
type overlay interface {
	draw(s *scene, r region)
	key(s *scene, key string) (act action, closed bool)
	copied(s *scene) string
	keys(s *scene) []hotkey
}

// A scene is what screens may know of the Model.
type scene struct {
	*Frame
	iface   string
	canvas  *canvas
	checks  []string
	plan    Plan
	play    bool // there is a player
	bench   bool
	canAsk  bool // checks can be run
	frozen  bool
	redact  bool
	screen  Screen // in sight
	waiting bool   // no Frame came yet
	coming  bool   // the rows of the screen in sight are on their way
}

// link returns the interface in sight.
func (s *scene) link() diag.Link {
	for _, l := range s.Links {
		if l.Interface == s.iface {
			return l
		}
	}
	return diag.Link{Interface: s.iface}
}

// paths returns the questions of the interface in sight.
func (s *scene) paths() []*report.Path {
	var list []*report.Path
	for i := range s.Report.Paths {
		if p := &s.Report.Paths[i]; p.Interface == s.iface || s.iface == "" {
			list = append(list, p)
		}
	}
	return list
}

// addresses are those that a screen may have to shorten side by side, as they are shown.
func (s *scene) addresses() []string {
	var list []string
	for i := range s.Addresses {
		list = append(list, s.canvas.mask(s.Addresses[i].Prefix.Addr().String()))
	}
	for i := range s.Routers {
		list = append(list, s.canvas.mask(s.Routers[i].Address.String()))
	}
	for i := range s.Neighbours.Rows {
		list = append(list, s.canvas.mask(s.Neighbours.Rows[i].Address.String()))
	}
	return list
}

// New returns a Model, ready for tea.NewProgram.
func New(cfg Config) *Model {
	m := &Model{cfg: cfg, screen: cfg.Screen, agreed: map[diag.AddMode]bool{}}
	if m.screen == 0 {
		m.screen = ScreenMap
	}
	m.canvas.ascii = cfg.ASCII
	m.canvas.mask, m.canvas.twins = m.mask, report.Short{}
	m.hide.On = cfg.Redact
	m.screens = [...]screen{
		ScreenMap: &mapScreen{}, ScreenMatrix: &matrixScreen{}, ScreenNeighbours: &neighbourScreen{},
		ScreenRouters: &routerScreen{}, ScreenAddresses: &addressScreen{}, ScreenPackets: &packetScreen{},
		ScreenChecks: &checkScreen{}, ScreenSwitch: &switchScreen{},
	}
	if cfg.Tour {
		m.tour = &tour{}
	}
	return m
}

func (m *Model) mask(text string) string { return m.hide.Text(text) }

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	m.tell()
	return m.next()
}

// Messages that commands of this package send.
type (
	frameMsg struct{ f Frame }
	// heldMsg says that the rows which keys wait for have come and were drawn.
	heldMsg struct{}
	// noticeMsg says something; instead, if not empty, is what must still stand there for it to.
	noticeMsg struct {
		text    span
		instead string
	}
	planMsg struct {
		plan Plan
		ask  *consent // the question that waits for it; nil: the matrix does
		err  error
	}
)

// next waits for one Frame. It is armed again when that has come, so at most one waits.
func (m *Model) next() tea.Cmd {
	if m.cfg.Frames == nil {
		return nil
	}
	return func() tea.Msg {
		f, ok := m.cfg.Frames()
		if !ok {
			return nil
		}
		return frameMsg{f}
	}
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case frameMsg:
		cmd = m.onFrame(msg.f)
	case heldMsg:
		cmd = m.onHeld()
	case planMsg:
		m.onPlan(msg)
	case noticeMsg:
		if msg.instead == "" || msg.instead == m.notice.text {
			m.notice = msg.text
		}
	case tea.KeyPressMsg:
		cmd = m.onKey(keyName(msg), msg.Text)
	case tea.PasteMsg:
		m.onPaste(msg.Content)
	case tea.MouseWheelMsg:
		cmd = m.onWheel(msg)
	case tea.MouseClickMsg:
		cmd = m.onClick(msg)
	}
	m.tell()
	return m, cmd
}

func (m *Model) onFrame(f Frame) tea.Cmd {
	m.latest = f
	m.hide.Learn(f.Names...)
	if !m.frozen || !m.ready {
		m.frame, m.ready = f, true
	}
	if m.frozen {
		m.thaw(&f)
	}
	cmds := []tea.Cmd{m.next()}
	if len(m.held) > 0 && !m.coming() {
		cmds = append(cmds, func() tea.Msg { return heldMsg{} })
	}
	if !m.planned && m.cfg.Intents != nil && m.screen == ScreenMatrix && !running(&f) {
		m.planned = true
		cmds = append(cmds, m.askPlan(nil, diag.AddClaim, []string{checkAdded}))
	}
	return tea.Batch(cmds...)
}

// thaw takes from a newer Frame what the frozen one lacks: a screen may be turned to that was not in
// sight when time stopped. The Lens keeps the neighbours as they were; of the packets those that
// came later are left out.
func (m *Model) thaw(f *Frame) {
	switch {
	case m.screen == ScreenNeighbours && f.hasNeighbours():
		m.frame.Neighbours, m.frame.Of.Screen, m.frame.Of.Neighbour = f.Neighbours, f.Of.Screen, f.Of.Neighbour
	case m.screen == ScreenPackets && f.Of.Exchanges && !m.frame.Of.Exchanges:
		first := slices.IndexFunc(f.Exchanges, func(x Exchange) bool { return x.First.Seq <= m.frame.Seq })
		if first < 0 {
			first = len(f.Exchanges)
		}
		m.frame.Exchanges, m.frame.Of.Exchanges = f.Exchanges[first:], true
	}
}

// coming reports whether the rows of the screen in sight are on their way: the Frame that is shown
// was made for another screen or another filter.
func (m *Model) coming() bool {
	switch m.screen {
	case ScreenPackets:
		return !m.frame.Of.Exchanges
	case ScreenNeighbours:
		of, want := m.frame.Of.Neighbour, m.screens[ScreenNeighbours].(*neighbourScreen).query()
		return !m.frame.hasNeighbours() || of.Filter != want.Filter || of.Sort != want.Sort || of.Reverse != want.Reverse
	default:
		return false
	}
}

// hold keeps a key that is about rows until they have come.
func (m *Model) hold(key string) bool {
	const most = 16
	switch key {
	case "enter", "up", "down", "pgup", "pgdown", "home", "end":
		if !m.ready || !m.coming() || len(m.held) == most {
			return false
		}
		m.held = append(m.held, key)
		return true
	default:
		return false
	}
}

// onHeld does what the keys that were held ask for, one after another: each is about what the one
// before it has drawn.
func (m *Model) onHeld() tea.Cmd {
	if len(m.held) == 0 || m.overlay != nil || m.coming() {
		m.held = nil
		return nil
	}
	key := m.held[0]
	m.held = m.held[1:]
	return tea.Batch(m.onKey(key, ""), func() tea.Msg { return heldMsg{} })
}

// running reports whether a check is running.
func running(f *Frame) bool {
	for _, c := range f.Checks {
		if c.State == diag.CheckRunning {
			return true
		}
	}
	return false
}

// tell lets the Lens know what is being looked at.
func (m *Model) tell() {
	if m.cfg.Want == nil {
		return
	}
	q := Query{Screen: m.screen}
	q.Exchanges = m.screen == ScreenPackets || m.screen == ScreenMap && m.w >= 130 && m.h >= 32
	if n, ok := m.screens[ScreenNeighbours].(*neighbourScreen); ok {
		q.Neighbour = n.query()
		q.Neighbour.Frozen = m.frozen
	}
	m.cfg.Want(q)
}

func (m *Model) scene() *scene {
	s := &scene{
		Frame: &m.frame, canvas: &m.canvas, checks: m.cfg.Checks, plan: m.plan,
		screen: m.screen, play: m.cfg.Player != nil, bench: m.cfg.Bench != nil, canAsk: m.cfg.Intents != nil && m.cfg.Player == nil,
		frozen: m.frozen, redact: m.hide.On, waiting: !m.ready, coming: m.ready && m.coming(),
	}
	if len(m.frame.Links) > 0 {
		s.iface = m.frame.Links[m.inSight()].Interface
	}
	return s
}

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	if m.cfg.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.w <= 0 || m.h <= 0 {
		return v // before the first size there is nothing to draw on
	}
	m.canvas.reset(m.w, m.h)
	s := m.scene()
	m.canvas.know(s.addresses())
	cursor := m.draw(s)
	if cursor != nil {
		v.Cursor = tea.NewCursor(cursor.x, cursor.y)
	}
	v.Content = m.canvas.String(!m.cfg.NoColor)
	return v
}

// draw fills the canvas and returns where text is being typed, if it is.
func (m *Model) draw(s *scene) *rect {
	all := m.canvas.region()
	l := arrange(m.w, m.h, m.wants(s))
	at := func(r rect) region { return all.sub(r.x, r.y, r.w, r.h) }
	if l.tooSmall {
		for i, line := range wrap(&m.canvas, say("too-small", "w", minWidth, "h", minHeight, "now-w", m.w, "now-h", m.h), m.w) {
			all.put(0, i, line, plain)
		}
		return nil
	}
	m.drawTabs(s, at(l.tabs))
	m.drawStatus(s, at(l.status))
	if l.body.y == 3 {
		all.rule(2, dim)
	}
	switch {
	case s.waiting:
		at(l.body).put(1, 1, say("waiting"), dim)
	case m.overlay != nil:
		m.overlay.draw(s, at(l.body))
	default:
		m.screens[m.screen].draw(s, at(l.body))
	}
	if !l.pane.empty() {
		drawPane(s, at(l.pane))
	}
	if !l.tour.empty() {
		m.tour.draw(s, at(l.tour))
	}
	if l.hint.empty() && m.speaks(s) {
		return m.drawHint(s, at(l.footer))
	}
	cursor := m.drawHint(s, at(l.hint))
	m.drawFooter(s, at(l.footer))
	return cursor
}

func (m *Model) wants(s *scene) wants {
	w := wants{pane: m.paneOpen() && s.Lab != nil && m.screen != ScreenSwitch && m.overlay == nil}
	if _, asks := m.overlay.(*consent); m.tour != nil && !asks { // a question has all the room
		w.tour = m.tour.height(s, m.w)
	}
	return w
}

// pane says whether the lab's pane is open: it opens by itself where there is room.
type pane int

const (
	paneAuto pane = iota
	paneOpen
	paneShut
)

func (m *Model) paneOpen() bool {
	return m.pane == paneOpen || m.pane == paneAuto && (m.w >= 140 || m.h >= 36)
}
