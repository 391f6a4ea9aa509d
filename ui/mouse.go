package ui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// A spot is a part of the canvas that does something when it is clicked: a key, a screen to turn to, or a row of a list.
type spot struct {
	rect
	key    string
	screen Screen
	list   *list
	row    int
}

// clickable makes a line of the region, w columns from x, such a spot.
func (r region) clickable(x, y, w int, s spot) {
	s.rect = r.sub(x, y, w, 1).rect
	r.c.spots = append(r.c.spots, s)
}

// spotAt is what is drawn at a cell, nil where that does nothing.
func (c *canvas) spotAt(x, y int) *spot {
	for i := range c.spots {
		if s := &c.spots[i]; x >= s.x && x < s.x+s.w && y == s.y {
			return s
		}
	}
	return nil
}

// onWheel scrolls as the arrow keys do.
func (m *Model) onWheel(msg tea.MouseWheelMsg) tea.Cmd {
	switch msg.Button {
	case tea.MouseWheelUp:
		return m.onKey("up", "")
	case tea.MouseWheelDown:
		return m.onKey("down", "")
	default:
		return nil
	}
}

// onClick does what a key would at the place that was clicked: a row is chosen, and opened if it is already.
func (m *Model) onClick(msg tea.MouseClickMsg) tea.Cmd {
	at := m.canvas.spotAt(msg.X, msg.Y)
	if msg.Button != tea.MouseLeft || at == nil || m.typing != nil {
		return nil
	}
	switch {
	case at.key != "":
		return m.onKey(at.key, "")
	case at.screen != 0:
		return m.onKey(fmt.Sprint(int(at.screen)), "")
	case at.list.sel == at.row:
		return m.onKey("enter", "")
	default:
		m.notice = span{}
		at.list.choose(at.row)
		return nil
	}
}
