package term

import (
	"reflect"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"ndwhy/diag/guard"
)

// Bubble Tea looks for a new frame at a fixed rate, also when there is none: at 120 a second that
// alone was measured to cost 1.3 % of a core, and at a rate that costs little the first frame, and
// the answer to every key, is late. So the rate is high only just after the model has drawn.
const (
	frameRate = 120                    // a second, after a frame
	busyFor   = 50 * time.Millisecond  // how long after
	atFirst   = time.Millisecond       // until the first frame
	idleEvery = 250 * time.Millisecond // otherwise: what a blocked terminal did not take in time comes then
)

// A pacer sets the rate of a program's renderer.
type pacer struct {
	program *tea.Program

	shows tea.View // the last that was drawn

	mu     sync.Mutex
	drawn  int
	busy   bool
	ticker *time.Ticker
}

// draw is called in the program's event loop whenever the model has drawn.
func (p *pacer) draw(v tea.View) {
	ticker := tickerOf(p.program)
	if ticker == nil || ticker == p.ticker && same(v, p.shows) {
		return
	}
	p.shows = v
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticker = ticker
	p.drawn++
	drawn := p.drawn
	switch {
	case drawn == 1:
		ticker.Reset(atFirst)
	case !p.busy:
		ticker.Reset(time.Second / frameRate)
	}
	p.busy = true // further frames are drawn with the next tick, and put none off
	time.AfterFunc(busyFor, func() {
		defer guard.Rescue()
		p.rest(drawn)
	})
}

// same reports whether two views look alike.
func same(a, b tea.View) bool {
	at := func(c *tea.Cursor) tea.Cursor {
		if c == nil {
			return tea.Cursor{Position: tea.Position{X: -1}}
		}
		return *c
	}
	return a.Content == b.Content && at(a.Cursor) == at(b.Cursor) && a.AltScreen == b.AltScreen && a.MouseMode == b.MouseMode
}

// rest slows the renderer down, unless the model has drawn since.
func (p *pacer) rest(drawn int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.busy: // a later one was faster than this
	case drawn == p.drawn:
		p.busy = false
		p.ticker.Reset(idleEvery)
	case drawn == 1:
		p.ticker.Reset(time.Second / frameRate)
	}
}

// stop ends the pacing: Bubble Tea has stopped its ticker.
func (p *pacer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drawn++
	if p.ticker != nil {
		p.ticker.Stop()
	}
}

// tickerOf returns the renderer's ticker, which Bubble Tea v2.1.1 keeps to itself and sets in the
// event loop's goroutine only; nil where it is not to be had: then the renderer keeps its rate.
func tickerOf(p *tea.Program) *time.Ticker {
	field := reflect.ValueOf(p).Elem().FieldByName("ticker")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*time.Ticker]() {
		return nil
	}
	return (*time.Ticker)(field.UnsafePointer())
}
