package term

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	tty "github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
)

// A Terminal is the terminal that the program draws on. It is safe for concurrent use.
type Terminal struct {
	in      *input
	out     *output
	getenv  func(string) string
	cooked  *tty.State
	pausing atomic.Bool
	resumed chan struct{} // a SIGCONT while pausing
	once    sync.Once
}

// Open takes a terminal, as the shell left it. in and out must both be terminals. It changes
// nothing yet.
func Open(in, out *os.File, p Profile, getenv func(string) string) (*Terminal, error) {
	cooked, err := tty.GetState(in.Fd())
	if err != nil {
		return nil, fmt.Errorf("%s: tcgetattr: %w: not a terminal; --plain writes lines instead", in.Name(), err)
	}
	if !tty.IsTerminal(out.Fd()) {
		return nil, fmt.Errorf("%s is not a terminal; --plain writes lines instead", out.Name())
	}
	// A write that hangs locks its os.File: it must not be the one that others write to.
	own, err := unix.FcntlInt(out.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("%s: dup: %w", out.Name(), err)
	}
	return &Terminal{
		in: &input{File: in}, out: newOutput(os.NewFile(uintptr(own), out.Name()), p), getenv: getenv, cooked: cooked,
		resumed: make(chan struct{}, 1),
	}, nil
}

// Size returns the number of columns and rows, for a first frame of the right size. A serial line
// has none: then COLUMNS and LINES are believed, or there are 80 and 24.
func (t *Terminal) Size() (width, height int) {
	width, height, err := tty.GetSize(t.out.Fd())
	if err != nil {
		width, height = 0, 0
	}
	number := func(name string, otherwise int) int {
		var n int
		if _, err := fmt.Sscan(t.getenv(name), &n); err == nil && n > 0 && n < 10_000 {
			return n
		}
		return otherwise
	}
	if width <= 0 {
		width = number("COLUMNS", 80)
	}
	if height <= 0 {
		height = number("LINES", 24)
	}
	return width, height
}

// rendererTerm is the TERM that Bubble Tea gets. Its renderer (ultraviolet, terminal_renderer.go)
// takes a name whose first part it does not know for a terminal without any capability beyond the
// VT220's, and one that begins with "linux" for one without tab stops: the serial line between may
// expand tabs, and the sequence that would set the stops (DECST8C) is a VT510's.
const rendererTerm = "linux_vt220"

// options make Bubble Tea write to t and to no other, ask it nothing, and leave signals and panics
// to Run.
func (t *Terminal) options(ctx context.Context) []tea.ProgramOption {
	width, height := t.Size()
	env := []string{"TERM=" + rendererTerm, fmt.Sprintf("COLUMNS=%d", width), fmt.Sprintf("LINES=%d", height)}
	if t.out.profile.Level < Modern {
		// Bubble Tea asks for DECSET 2026 and 2027 unless it is spoken to over SSH.
		env = append(env, "SSH_TTY=1")
	}
	colors := colorprofile.ASCII
	if t.out.profile.Color {
		colors = colorprofile.ANSI
	}
	return []tea.ProgramOption{
		tea.WithInput(t.in), tea.WithOutput(t.out), tea.WithEnvironment(env),
		tea.WithColorProfile(colors), tea.WithFPS(frameRate), tea.WithoutSignalHandler(), tea.WithoutCatchPanics(),
		tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg {
			if _, ok := msg.(tea.SuspendMsg); ok {
				// Bubble Tea's own waits for ever where nobody can resume us.
				return tea.Exec(&pause{t: t, ctx: ctx, stop: true}, resumed)()
			}
			return msg
		}),
	}
}

func resumed(error) tea.Msg { return tea.ResumeMsg{} }

// Run runs model until it quits or ctx is done, and puts the terminal back, whatever happens; before a
// panic, too, in any goroutine that package guard knows of. ctx is
// to end with SIGTERM, SIGHUP and SIGINT (signal.NotifyContext); then its cause is returned.
//
// tea.Suspend stops the whole job: in the terminal's raw mode ctrl-z is a key like any other. When it
// goes on, and where nobody could make it go on, everything is drawn anew.
func (t *Terminal) Run(ctx context.Context, model tea.Model, opts ...tea.ProgramOption) (tea.Model, error) {
	defer guard.Before(t.Restore)()
	defer guard.Rescue()
	defer t.Restore()
	pace := &pacer{}
	p := tea.NewProgram(guarded{model, t, pace}, append(t.options(ctx), opts...)...)
	pace.program = p
	defer pace.stop()
	ended := make(chan struct{})
	var final tea.Model
	var err error
	go func() {
		defer guard.Rescue()
		final, err = p.Run()
		close(ended) // not after a panic: the trace comes before the end
	}()
	go func() {
		defer guard.Rescue()
		t.watchJob(ctx, p, ended)
	}()
	select {
	case <-ended:
	case <-overdue(ctx, ended):
		return model, context.Cause(ctx)
	}
	if g, ok := final.(guarded); ok {
		final = g.Model
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return final, err
}

// overdue is closed when ctx has been done for so long that whatever hangs will not end.
func overdue(ctx context.Context, ended <-chan struct{}) <-chan struct{} {
	over := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer guard.Rescue()
		timeout, cancel := context.WithTimeout(context.Background(), takes)
		defer cancel()
		select {
		case <-ended:
		case <-timeout.Done():
			close(over)
		}
	})
	return over
}

// Restore puts the terminal back as Open found it, and lets nothing more through. It is for whoever
// is about to end the program in another way than through Run; it may be called more than once.
func (t *Terminal) Restore() {
	t.once.Do(func() {
		takes := t.out.end()
		t.in.dead.Store(true)
		// From the background it would stop us (SIGTTOU): the shell has the terminal then, as it
		// wants it.
		if foreground(t.in.File) {
			_ = tty.Restore(t.in.File.Fd(), t.cooked)
		}
		if !takes {
			detach()
		}
	})
}

// watchJob ends the program with ctx and does what the shell's job control asks, until ended.
func (t *Terminal) watchJob(ctx context.Context, p *tea.Program, ended <-chan struct{}) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGCONT, unix.SIGQUIT)
	defer signal.Stop(signals)
	done := ctx.Done()
	for {
		select {
		case <-ended:
			return
		case <-done:
			// Not tea.WithContext: it closes what the reader still reads.
			done = nil
			go func() {
				defer guard.Rescue()
				p.Quit()
			}()
		case s := <-signals:
			switch s {
			case unix.SIGCONT:
				if t.pausing.Load() {
					select {
					case t.resumed <- struct{}{}:
					default:
					}
				} else {
					// Stopped by SIGSTOP or somebody else's SIGTSTP (once handled, the runtime never
					// lets it stop the program again): undo what the shell did to the terminal.
					go func() {
						defer guard.Rescue()
						p.Send(tea.Exec(&pause{t: t, ctx: ctx}, resumed)())
					}()
				}
			case unix.SIGQUIT:
				// Without a handler the runtime prints every goroutine and ends. Where the terminal takes
				// nothing any more it would never come to that: so they are printed here, in bounded time.
				t.Restore()
				printGoroutines()
				detach()
				signal.Reset(unix.SIGQUIT)
				_ = unix.Kill(unix.Getpid(), unix.SIGQUIT)
			}
		}
	}
}

// goroutinesMax bounds how much is printed of what the program is doing.
const goroutinesMax = 1 << 20

// printGoroutines writes on standard error what every goroutine does, as the runtime would.
func printGoroutines() {
	stacks := make([]byte, goroutinesMax)
	stacks = stacks[:runtime.Stack(stacks, true)]
	patience, cancel := context.WithTimeout(context.Background(), takes)
	go func() {
		defer guard.Rescue()
		defer cancel()
		_, _ = os.Stderr.Write(append([]byte("SIGQUIT: quit\n\n"), stacks...))
	}()
	<-patience.Done()
}

// A pause is what Bubble Tea runs between letting the terminal go and taking it again.
type pause struct {
	t    *Terminal
	ctx  context.Context
	stop bool
}

// A stop takes effect at once, if it does: not in an orphaned process group (`ssh -t host ndwhy`, a
// container's first process), where nobody could resume us (POSIX.1, 2.4.3). And whoever kills a
// stopped job sends the signal that ends it together with SIGCONT. The renderer's goroutine stops
// its ticker after it has said that it stopped (bubbletea, startRenderer): restarted in between, it
// would never draw again.
const stopsWithin, endsWithin, rendererStops = 250 * time.Millisecond, 100 * time.Millisecond, 50 * time.Millisecond

// Run implements tea.ExecCommand.
func (p *pause) Run() error {
	p.t.pausing.Store(true)
	defer p.t.pausing.Store(false)
	select {
	case <-p.t.resumed:
	default:
	}
	if p.stop {
		_ = unix.Kill(0, unix.SIGTSTP)
		p.wait(p.t.resumed, stopsWithin)
	}
	if !foreground(p.t.in.File) {
		p.wait(nil, endsWithin)
	}
	if p.ctx.Err() != nil {
		// The terminal is as the shell wants it, and stays so.
		p.t.Restore()
	}
	p.wait(p.t.resumed, rendererStops) // SIGCONT may come after the timeout that ran out meanwhile
	return nil
}

func (p *pause) wait(event <-chan struct{}, most time.Duration) {
	timeout, cancel := context.WithTimeout(p.ctx, most)
	defer cancel()
	select {
	case <-event:
	case <-timeout.Done():
	}
}

// SetStdin, SetStdout and SetStderr implement tea.ExecCommand.
func (*pause) SetStdin(io.Reader)  {}
func (*pause) SetStdout(io.Writer) {}
func (*pause) SetStderr(io.Writer) {}

// guarded is a model whose commands put the terminal back before they panic. Bubble Tea's own
// recovery prints the trace of a command within a batch while the alternate screen still shows.
type guarded struct {
	tea.Model
	t    *Terminal
	pace *pacer
}

func (g guarded) Init() tea.Cmd { return g.t.guard(g.Model.Init()) }

func (g guarded) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m, cmd := g.Model.Update(msg)
	return guarded{m, g.t, g.pace}, g.t.guard(cmd)
}

func (g guarded) View() tea.View {
	v := g.Model.View()
	g.pace.draw(v)
	return v
}

func (t *Terminal) guard(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		defer guard.Rescue()
		return t.guardAll(cmd())
	}
}

// guardAll guards the commands of a batch or a sequence. The type of the latter is not exported.
func (t *Terminal) guardAll(msg tea.Msg) tea.Msg {
	list := reflect.ValueOf(msg)
	if !list.IsValid() || list.Kind() != reflect.Slice || list.Type().Elem() != reflect.TypeFor[tea.Cmd]() {
		return msg
	}
	out := reflect.MakeSlice(list.Type(), list.Len(), list.Len())
	for i := range list.Len() {
		cmd, _ := reflect.TypeAssert[tea.Cmd](list.Index(i))
		out.Index(i).Set(reflect.ValueOf(t.guard(cmd)))
	}
	return out.Interface()
}
