package live

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/record"
	"ndwhy/diag/words"
)

// What another host's stream may cost: bytes of every heardIn, bytes of a line, lines that are no events before the first
// that is one, and of standard error what is quoted. Its end may take as long as endWithin.
const (
	mostHeard  = 32 << 20
	heardIn    = time.Minute
	mostLine   = 512 << 10 // so that it fits into a line of the recording of here
	mostWrong  = 20
	mostStderr = 300
	endWithin  = 100 * time.Millisecond
)

// In a session that stays a stream that has ended is begun anew after a while, at first againAfter, and in the end every
// againMost. One that tells nothing for silentFor, which it does every second (tickEvery), is taken to have ended.
const (
	againAfter = 5 * time.Second
	againMost  = time.Minute
	silentFor  = 30 * time.Second
)

// meetWithin bounds how long the checks wait for other hosts to watch, and catchUpWithin how long for what they saw,
// who say something every second (tickEvery); caughtUp is by how much they must have told
// more than the time of the last question, for what their words take on the way.
const (
	meetWithin    = 5 * time.Second
	catchUpWithin = 3 * time.Second
	caughtUp      = 100 * time.Millisecond
)

// hear runs a command until it, or ctx, ends, and takes the stream that it prints into this one; then again after a while,
// where again is not 0.
func (l *Session) hear(ctx context.Context, command string, again time.Duration) {
	patience := time.Duration(0)
	if again > 0 {
		patience = silentFor
	}
	for wait := again; ; wait = min(2*wait, againMost) {
		begun := time.Now()
		l.Emit(diag.Far{From: command, State: diag.FarStarted})
		err := l.listen(ctx, command, patience)
		if ctx.Err() != nil {
			return
		}
		l.Emit(diag.Far{From: command, State: diag.FarEnded, Why: words.Clean(err.Error())})
		if again == 0 {
			return
		}
		if time.Since(begun) > againMost {
			wait = again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// listen is hear once, and says why it ended.
func (l *Session) listen(ctx context.Context, command string, patience time.Duration) error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	said := &saying{}
	l.said.Store(command, said)
	cmd := exec.Command("sh", "-c", command) //nolint:noctx // its whole process group ends with ctx, below
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = in, &said.stderr, endWithin
	// Without a terminal it cannot ask for a password there: it says that it has none, instead of waiting for one.
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	err = cmd.Start()
	in.Close()
	if err != nil {
		return err
	}
	end := func(signal unix.Signal) { _ = unix.Kill(-cmd.Process.Pid, signal) } // fails where nothing is left
	stop := context.AfterFunc(ctx, func() {
		defer guard.Rescue()
		end(unix.SIGTERM)
		_ = out.SetReadDeadline(time.Now())
	})
	defer stop()
	problem := l.read(command, &heard{ctx: ctx, file: out, patience: patience, first: &said.first})
	// Whoever still writes has nobody who reads.
	end(unix.SIGTERM)
	kill := time.AfterFunc(endWithin, func() {
		defer guard.Rescue()
		end(unix.SIGKILL)
	})
	failed := cmd.Wait()
	kill.Stop()
	end(unix.SIGKILL)
	if problem == nil {
		problem = cmp.Or(failed, errors.New(words.Say("far.silent")))
	}
	if text := said.stderr.String(); text != "" {
		problem = fmt.Errorf("%w: %s", problem, text)
	}
	return problem
}

// heard is the end of a pipe at which a stream arrives.
type heard struct {
	ctx      context.Context
	file     *os.File
	patience time.Duration // 0: for ever

	left  int64 // bytes that may still come until since and heardIn have passed
	since time.Time

	first *tail // what came before the first line was whole; nil afterwards
}

func (h *heard) Read(b []byte) (n int, err error) {
	now := time.Now()
	if now.Sub(h.since) > heardIn {
		h.left, h.since = mostHeard, now
	}
	if h.left <= 0 {
		return 0, errors.New(words.Say("far.too-much", "n", mostHeard>>20))
	}
	if h.patience > 0 {
		_ = h.file.SetReadDeadline(now.Add(h.patience)) // a pipe takes one
		if h.ctx.Err() != nil {                         // which brought that forward
			_ = h.file.SetReadDeadline(now)
		}
	}
	n, err = h.file.Read(b[:min(int64(len(b)), h.left)])
	h.left -= int64(n)
	if h.first != nil {
		if _, _ = h.first.Write(b[:n]); bytes.ContainsRune(b[:n], '\n') {
			h.first.clear()
			h.first = nil
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New(words.Say("far.hangs", "time", h.patience))
	}
	return n, err
}

// read takes a stream in to its end, and returns what was wrong with it. What was left out of the stream it tells as a gap
// of it.
func (l *Session) read(command string, r io.Reader) (problem error) {
	wrong, last := 0, int64(0)
	var left error // of what came since the last event
	for e, err := range record.Lines(r, mostLine) {
		switch {
		case err != nil:
			// A kind that only later versions have is passed over: the kinds that are known stay what they are.
			if last == 0 || !errors.As(err, new(*diag.KindError)) {
				problem, left = cmp.Or(problem, err), cmp.Or(left, err)
			}
			if wrong++; last == 0 && wrong > mostWrong {
				return problem
			}
		case e.Kind() != (diag.Far{}).Kind(): // whom it listens to is not for here
			if left != nil && last > 0 && e.Seq > last+1 {
				gap := diag.Feed{Name: diag.FeedWatch, State: diag.Lost, Why: words.Say("far.left-out", "problem", left)}
				l.Emit(diag.Far{From: command, Event: &diag.Event{Seq: e.Seq - 1, At: e.At, Body: gap}})
			}
			last, left = e.Seq, nil
			l.Emit(diag.Far{From: command, Event: &e})
		}
	}
	return problem
}

// A saying is what a command says that is no event: what of its first line came, while that is not whole, and what goes to
// standard error. It may be what it waits for.
type saying struct{ first, stderr tail }

func (s *saying) String() string {
	return strings.TrimSpace(s.first.String() + " " + s.stderr.String())
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b[max(0, len(b)-mostStderr):]...)
	t.text = t.text[max(0, len(t.text)-mostStderr):]
	return len(b), nil
}

func (t *tail) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return words.Clean(strings.Join(strings.Fields(strings.ToValidUTF8(string(t.text), ".")), " "))
}

// Meet waits until other hosts watch, and names their addresses as peers.
func (l *Session) Meet(ctx context.Context) {
	within := meetWithin
	if deadline, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(deadline)/2) // the rest is for the checks
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	watches := func(f *diag.FarHost) bool {
		return f.Reading == diag.FarEnded || f.State.Complete(diag.FeedNetlink) && f.State.Feeds[diag.FeedFrames].State != ""
	}
	l.Wait(ctx.Done(), func(s *diag.State) bool {
		return len(s.Fars) == l.far && !slices.ContainsFunc(s.Fars, func(f *diag.FarHost) bool { return !watches(f) })
	})
	l.Name()
}

// Name names as peers the addresses of other hosts that are not.
func (l *Session) Name() {
	var run diag.Run
	var more []netip.Addr
	l.Look(func(s *diag.State) { run, more = s.Run, strangers(s) })
	if len(more) == 0 || run.Passive {
		return
	}
	run.Peers = slices.Concat(run.Peers, more)
	l.Emit(run)
	l.choices(run)
}

// mostNamed bounds how many addresses of another host are asked.
const mostNamed = 16

// strangers are the addresses of other hosts that are not asked yet: those of global scope, and on a link that they
// share with this host the link-local ones.
func strangers(s *diag.State) []netip.Addr {
	var list []netip.Addr
	for _, f := range s.Fars {
		n := 0
		name := func(a netip.Addr) {
			if n >= mostNamed {
				return
			}
			known := slices.ContainsFunc(slices.Concat(s.Run.Peers, list), func(p netip.Addr) bool { return p == a || p == a.WithZone("") })
			if !known && s.InterfaceWith(a.WithZone("")) == "" {
				list = append(list, a)
				n++
			}
		}
		for _, iface := range f.State.InterfacesOf() {
			var local []netip.Addr
			link := ""
			for _, a := range f.State.AddressesOn(iface) {
				switch addr := a.Fact.Address; {
				case addr.IsLinkLocalUnicast():
					local = append(local, addr)
				default:
					name(addr)
					link = cmp.Or(link, near(s, addr))
				}
			}
			for _, addr := range local {
				if link != "" {
					name(addr.WithZone(link))
				}
			}
		}
	}
	return list
}

// near is the interface that reaches an address without a router; "" where none does.
func near(s *diag.State, addr netip.Addr) string {
	for _, iface := range s.InterfacesOf() {
		if s.LinkOf(iface).OnLink(addr) {
			return iface
		}
	}
	return ""
}

// CatchUp waits until other hosts have told what they saw up to now, until a deadline at most, and notes of each
// whether it has.
func (l *Session) CatchUp(ctx context.Context, deadline time.Time) {
	if l.far == 0 {
		return
	}
	now := time.Now()
	if within := now.Add(catchUpWithin); within.Before(deadline) {
		deadline = within
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	until := now.Add(caughtUp)
	told := func(f *diag.FarHost) bool { return f.State.Seq > 0 && !f.Told().Before(until) }
	l.Wait(ctx.Done(), func(s *diag.State) bool {
		return !slices.ContainsFunc(s.Fars, func(f *diag.FarHost) bool { return f.Reading != diag.FarEnded && f.State.Seq > 0 && !told(f) })
	})
	var list []diag.Far
	l.Look(func(s *diag.State) {
		for _, f := range s.Fars {
			state := diag.Far{From: f.From, State: diag.FarBehind}
			switch {
			case f.Reading == diag.FarEnded:
				continue
			case f.State.Seq == 0:
				state.Why = words.Say("far.nothing")
				if said, ok := l.said.Load(f.From); ok {
					if text := said.(*saying).String(); text != "" {
						state.Why = words.Say("far.only", "text", text)
					}
				}
			case told(f):
				state.State = diag.FarComplete
			}
			list = append(list, state)
		}
	})
	for _, f := range list {
		l.Emit(f)
	}
}
