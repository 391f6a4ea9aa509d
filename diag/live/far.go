package live

import (
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
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/record"
	"ndwhy/diag/words"
)

// What another host's stream may cost: bytes in all, lines that are no events before the first that is one, and of
// standard error what is quoted. Its end may take as long as endWithin.
const (
	mostHeard  = 32 << 20
	mostWrong  = 20
	mostStderr = 300
	endWithin  = 100 * time.Millisecond
)

// meetWithin bounds how long the checks wait for other hosts to watch, and catchUpWithin how long for what they saw,
// who say something every second (tickEvery); caughtUp is by how much they must have told
// more than the time of the last question, for what their words take on the way.
const (
	meetWithin    = 5 * time.Second
	catchUpWithin = 3 * time.Second
	caughtUp      = 100 * time.Millisecond
)

// hear runs a command until it, or ctx, ends, and takes the stream that it prints into this one.
func (l *Session) hear(ctx context.Context, command string) {
	l.Emit(diag.Far{From: command, State: diag.FarStarted})
	err := l.listen(ctx, command)
	if ctx.Err() == nil {
		l.Emit(diag.Far{From: command, State: diag.FarEnded, Why: words.Clean(err.Error())})
	}
}

// listen is hear, and says why it ended.
func (l *Session) listen(ctx context.Context, command string) error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	var stderr tail
	cmd := exec.Command("sh", "-c", command) //nolint:noctx // its whole process group ends with ctx, below
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = in, &stderr, endWithin
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
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
	problem := l.read(command, out)
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
	if text := stderr.String(); text != "" {
		problem = fmt.Errorf("%w: %s", problem, text)
	}
	return problem
}

// read takes a stream in to its end, and returns what was wrong with it.
func (l *Session) read(command string, r io.Reader) (problem error) {
	limited := &io.LimitedReader{R: r, N: mostHeard}
	wrong, some := 0, false
	for e, err := range record.Lines(limited) {
		switch {
		case err != nil:
			problem = cmp.Or(problem, err)
			if wrong++; !some && wrong > mostWrong {
				return problem
			}
		case e.Kind() != (diag.Far{}).Kind(): // whom it listens to is not for here
			some = true
			l.Emit(diag.Far{From: command, Event: &e})
		}
	}
	if limited.N <= 0 {
		return errors.New(words.Say("far.too-much", "n", mostHeard>>20))
	}
	return problem
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b[max(0, len(b)-mostStderr):]...)
	t.text = t.text[max(0, len(t.text)-mostStderr):]
	return len(b), nil
}

func (t *tail) String() string {
	return strings.Join(strings.Fields(words.Clean(strings.ToValidUTF8(string(t.text), "."))), " ")
}

// Meet waits until other hosts watch, and names their addresses as peers.
func (l *Session) Meet(ctx context.Context) {
	within := meetWithin
	if deadline, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(deadline)/2) // the rest is for the checks
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var run diag.Run
	var more []netip.Addr
	watches := func(f *diag.FarHost) bool {
		return f.Reading == diag.FarEnded || f.State.Complete(diag.FeedNetlink) && f.State.Feeds[diag.FeedFrames].State != ""
	}
	l.Wait(ctx.Done(), func(s *diag.State) bool {
		return len(s.Fars) == l.far && !slices.ContainsFunc(s.Fars, func(f *diag.FarHost) bool { return !watches(f) })
	})
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
