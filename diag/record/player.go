package record

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/pcap"
	"ndwhy/diag/why"
)

const (
	// longestGap is what is left of a longer time in which nothing happened.
	longestGap = 3 * time.Second
	// mostBehind bounds what is caught up with: after a stop (ctrl-z) the replay goes on where it was.
	mostBehind = time.Second
	// A search for the next finding looks as often as a person could have, and where nothing but time
	// passed as often as lifetimes are shown.
	lookEvery      = 100 * time.Millisecond
	lookQuietEvery = time.Second
)

// The bounds of a Player's speed.
const (
	Slowest = 0.01
	Fastest = 1000
)

// A Player plays a recording, or the capture of whatever program, into a state, at the pace at which it happened. It is safe for
// concurrent use.
type Player struct {
	note    func(diag.Event)
	changed func()
	poke    chan struct{} // something for Run to consider

	mu     sync.Mutex
	file   io.ReadSeeker
	read   func(io.Reader) iter.Seq2[diag.Event, error]
	state  *diag.State
	next   func() (diag.Event, error, bool)
	stop   func()
	unread problems

	ahead   diag.Event // the next event, while there is more
	more    bool
	resumed int64 // of a recording that begins in the middle: the last event of what was known
	event   int
	events  int
	total   int // events that the file seems to have
	ended   bool
	quiet   time.Duration // for which nothing happened before ahead, where playing shortens it

	paused bool
	speed  float64
	left   time.Duration // of the recording's time, until ahead is due
	since  time.Time     // when left was that

	seeking  bool // for other findings than found
	based    bool // found is what was found when the search began
	found    string
	looked   time.Time // in the recording's time: up to when findings have been looked for
	happened bool      // something but the passing of time, since
}

// Progress is where a replay stands.
type Progress struct {
	// Event counts the events so far, Events those that there are as far as is known.
	Event, Events int
	Paused, Ended bool
	Speed         float64
	// Quiet is how long nothing happened before the event that comes next, where that is shortened.
	Quiet time.Duration
}

// NewPlayer opens a recording, or a capture, at its beginning; version is that of this program. It is read as it is played, so r must stay open until
// Run has returned; of an event that cannot be read Problems tells. An error means that there is no
// event in it at all.
//
// note, if not nil, is called with every event once it is in the state, changed when Progress says
// something else than how many there were: that it is paused or has ended, its speed, a quiet time. Both must
// return at once and must not call the Player.
func NewPlayer(version string, r io.ReadSeeker, note func(diag.Event), changed func()) (*Player, error) {
	p := &Player{note: note, changed: changed, poke: make(chan struct{}, 1), file: r, read: Read, speed: 1}
	counting := count
	if captured, err := isCapture(r); err != nil {
		return nil, fmt.Errorf("reading the recording: %w", err)
	} else if captured {
		p.read = func(r io.Reader) iter.Seq2[diag.Event, error] { return capture(version, r) }
		counting = func(r io.Reader) (n int, err error) {
			for _, err := range p.read(r) {
				if err == nil { // else it is told when it is played
					n++
				}
			}
			return n, nil
		}
	}
	var err error
	if p.total, err = counting(r); err == nil {
		err = p.begin()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the recording: %w", err)
	}
	if !p.more {
		p.stop()
		return nil, p.unread.nothing()
	}
	return p, nil
}

// begin goes to the beginning of the recording.
func (p *Player) begin() error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.state, p.unread, p.event, p.events = diag.NewState(), problems{}, 0, p.total
	p.paused, p.seeking, p.resumed, p.quiet = false, false, 0, 0
	p.next, p.stop = iter.Pull2(p.read(p.file))
	p.fetch()
	if run, ok := p.ahead.Body.(diag.Run); ok && run.Resumed != nil {
		p.resumed = run.Resumed.Until
	}
	p.left, p.since = 0, time.Now()
	return nil
}

// isCapture tells captures by how they begin.
func isCapture(r io.ReadSeeker) (bool, error) {
	var head [8]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	_, err = r.Seek(0, io.SeekStart)
	return pcap.Detect(head[:n]) != "", err
}

// capture yields what a capture holds as Read does of a recording.
func capture(version string, r io.Reader) iter.Seq2[diag.Event, error] {
	return func(yield func(diag.Event, error) bool) {
		c, err := pcap.NewReader(r)
		if err != nil {
			yield(diag.Event{}, err)
			return
		}
		pcap.Events(c, pcap.Options{Version: version})(yield)
	}
}

// count returns how many lines there are that should be events.
func count(r io.Reader) (n int, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	for first := true; ; first = false {
		written := false
		var line []byte
		err = bufio.ErrBufferFull
		for parts := 0; errors.Is(err, bufio.ErrBufferFull); parts++ {
			line, err = in.ReadSlice('\n')
			written = written || len(bytes.TrimSpace(line)) > 0
			if parts > 0 {
				line = nil
			}
		}
		if is, _ := header(line); written && (!first || !is) {
			n++
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// fetch reads the next event that can be read.
func (p *Player) fetch() {
	for {
		e, err, ok := p.next()
		switch {
		case !ok:
			p.ahead, p.more, p.seeking = diag.Event{}, false, false
			p.events = p.event
			return
		case err == nil:
			p.ahead, p.more = e, true
			return
		}
		p.unread.add(err)
		if is := (headerProblem{}); !errors.As(err, &is) {
			p.events--
		}
	}
}

// Run plays until ctx ends.
func (p *Player) Run(ctx context.Context) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		p.stop()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait, playing := p.turn()
		var due <-chan time.Time
		if playing {
			if wait <= 0 {
				continue
			}
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-p.poke:
		case <-due:
		}
	}
}

// turn plays the next event if it is due, and returns for how long there is nothing to do; false
// means until something changes.
func (p *Player) turn() (wait time.Duration, playing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.more || p.paused {
		return 0, false
	}
	if p.seeking {
		p.seek()
		return 0, true
	}
	p.settle()
	if p.left > 0 {
		return max(1, time.Duration(float64(p.left)/p.speed)), true
	}
	p.apply()
	return 0, true
}

// settle brings left up to the present.
func (p *Player) settle() {
	now := time.Now()
	if !p.paused && !p.seeking {
		p.left -= time.Duration(float64(now.Sub(p.since)) * p.speed)
		p.left = max(p.left, -time.Duration(float64(mostBehind)*p.speed))
	}
	p.since = now
}

// apply plays the event ahead.
func (p *Player) apply() {
	e := p.ahead
	p.state.Apply(e)
	p.event++
	p.fetch()
	was := p.quiet
	p.quiet = 0
	if p.more && !p.known() {
		gap := max(p.ahead.At.Sub(p.state.Now), 0)
		if gap > longestGap && !p.seeking {
			p.quiet = gap
		}
		p.left += min(gap, longestGap)
	}
	if p.note != nil {
		p.note(e)
	}
	if !p.more || p.quiet != was {
		p.tell()
	}
}

// known reports whether the event ahead is one that the recording begins with.
func (p *Player) known() bool { return p.ahead.Seq <= p.resumed }

// seek plays the event ahead and stops where the findings are others.
func (p *Player) seek() {
	if !p.based && !p.known() {
		p.found, p.based = findings(p.state), true
		p.looked, p.happened = p.ahead.At, false
	}
	if _, tick := p.ahead.Body.(diag.Tick); !tick {
		p.happened = true
	}
	p.left = 0
	p.apply()
	if !p.based {
		return
	}
	every := lookQuietEvery
	if p.happened {
		every = lookEvery
	}
	if p.more && p.ahead.At.Sub(p.looked) < every {
		return // what does not last cannot be seen
	}
	p.looked, p.happened = p.ahead.At, false
	if findings(p.state) != p.found {
		p.seeking, p.paused = false, true
		p.tell()
	}
}

// findings names what is found.
func findings(s *diag.State) string {
	var names []string
	for _, f := range why.Diagnose(s).Findings {
		names = append(names, fmt.Sprintf("%s %s %s %s %s", f.Cause, f.Interface, f.Subject.Kind, f.Subject.Value, f.Severity))
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

// tell says that Progress is another, to Run too.
func (p *Player) tell() {
	if p.changed != nil {
		p.changed()
	}
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// Pause holds the replay, or lets it go on.
func (p *Player) Pause(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	p.paused = on
	p.seeking = p.seeking && !on
	p.tell()
}

// Step plays the next event, at the beginning all that was known then, and pauses.
func (p *Player) Step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	p.paused, p.seeking = true, false
	for again := true; again && p.more; again = p.known() {
		p.left = 0
		p.apply()
	}
	p.tell()
}

// Ahead returns how long a replay that is paused, or has just made a step, would wait for the next event,
// in the recording's own time, and whether there is one.
func (p *Player) Ahead() (wait time.Duration, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, p.left), p.more
}

// Restart plays from the beginning again, as fast as before.
func (p *Player) Restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.stop()
	if err := p.begin(); err != nil {
		p.unread.add(fmt.Errorf("going back to the beginning: %w", err))
	}
	p.tell()
}

// Speed sets how much faster than recorded it goes, within bounds; what is not above 0 changes
// nothing.
func (p *Player) Speed(factor float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if math.IsNaN(factor) || factor <= 0 {
		return
	}
	p.settle()
	p.speed = min(max(factor, Slowest), Fastest)
	p.tell()
}

// NextFinding goes on without waiting to where the findings are others, and pauses there.
func (p *Player) NextFinding() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.more {
		return
	}
	p.paused, p.seeking, p.based = false, true, false
	p.tell()
}

// Progress says where the replay stands.
func (p *Player) Progress() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Progress{
		Event: p.event, Events: max(p.events, p.event), Paused: p.paused, Ended: !p.more, Speed: p.speed,
		Quiet: p.quiet,
	}
}

// Look calls fn with the state, which fn must neither keep nor change.
func (p *Player) Look(fn func(*diag.State)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p.state)
}

// Problems says, a line each, what could not be read so far.
func (p *Player) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unread.list()
}
