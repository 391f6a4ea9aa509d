package ui

// A Screen is one of the numbered screens.
type Screen int

// The screens, by the key that shows each. ScreenSwitch is there in the lab alone.
const (
	ScreenMap Screen = 1 + iota
	ScreenMatrix
	ScreenNeighbours
	ScreenRouters
	ScreenAddresses
	ScreenPackets
	ScreenChecks
	ScreenSwitch
)

// screenNames are the names' keys in the catalogue, by Screen.
var screenNames = [...]string{
	ScreenMap: "map", ScreenMatrix: "matrix", ScreenNeighbours: "neighbours", ScreenRouters: "routers",
	ScreenAddresses: "addresses", ScreenPackets: "packets", ScreenChecks: "checks", ScreenSwitch: "switch",
}

func (s Screen) name() string { return screenNames[s] }

// screenOf returns the screen that a key shows, whether it is there or not.
func screenOf(key string) (Screen, bool) {
	if len(key) != 1 || key[0] < '1' || key[0] > '0'+byte(ScreenSwitch) {
		return 0, false
	}
	return Screen(key[0] - '0'), true
}

// last returns the last screen that is there.
func (s *scene) last() Screen {
	if s.Lab == nil {
		return ScreenSwitch - 1
	}
	return ScreenSwitch
}

// The smallest window that every screen has room in: an address is 39 columns.
const (
	minWidth  = 40
	minHeight = 10
	// lowHeight is that of a window in which a hint is worth no line of its own.
	lowHeight = 14
)

// wants is what besides the screen itself asks for room.
type wants struct {
	pane bool // the lab's: what the switch did
	tour int  // lines of the tour's text; 0: no tour
}

// A layout says where everything goes. Rectangles that are not shown are empty.
type layout struct {
	tooSmall bool
	tabs     rect
	status   rect
	body     rect
	pane     rect
	tour     rect
	hint     rect // a notice, a question or a hint; the last line above the footer, in a low window its place
	footer   rect
}

// arrange lays out a window of w by h cells. It is total: every size gives a layout in which
// nothing overlaps and nothing is outside.
func arrange(w, h int, want wants) layout {
	if w < minWidth || h < minHeight {
		return layout{tooSmall: true, body: rect{0, 0, max(w, 0), max(h, 0)}}
	}
	l := layout{
		tabs:   rect{0, 0, w, 1},
		status: rect{0, 1, w, 1},
		hint:   rect{0, h - 2, w, 1},
		footer: rect{0, h - 1, w, 1},
	}
	body := rect{0, 2, w, h - 4}
	if h < lowHeight {
		l.hint = rect{}
		body.h++
	}
	if h >= 20 {
		body.y, body.h = 3, h-5 // a rule below the status
	}
	if want.tour > 0 {
		n := min(want.tour, body.h/2)
		l.tour = rect{0, body.y + body.h - n, w, n}
		body.h -= n
	}
	switch {
	case want.pane && w >= 140:
		n := min(w*2/5, 84)
		l.pane = rect{w - n, body.y, n, body.h}
		body.w -= n
	case want.pane && body.h >= 8:
		n := max(body.h*2/5, 3)
		l.pane = rect{0, body.y + body.h - n, w, n}
		body.h -= n
	}
	l.body = body
	return l
}
