package term_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
	"ndwhy/ui/term"
	"ndwhy/ui/termtest"
	"ndwhy/ui/termtest/vt"
)

func TestMain(m *testing.M) {
	os.Exit(termtest.Main(m, map[string]func() int{"tui": tui}))
}

// busy is a program that does to the terminal what a large one does: it fills the screen, scrolls,
// inserts and deletes, colours, resizes, copies, stops, panics.
type busy struct {
	width, height, offset, resumes int
	elsewhere                      chan struct{} // closed: what began before the program panics
}

func (busy) Init() tea.Cmd { return nil }

func boom() tea.Msg { panic("boom") }

func (b busy) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		b.width, b.height = msg.Width, msg.Height
	case tea.ResumeMsg:
		b.resumes++
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q":
			return b, tea.Quit
		case "ctrl+z":
			return b, tea.Suspend
		case "j", "down":
			b.offset++
		case "k", "up":
			b.offset--
		case "y":
			return b, tea.SetClipboard("2001:db8::1")
		case "Y":
			return b, tea.SetClipboard(strings.Repeat("2001:db8::1", 6500))
		case "?":
			return b, tea.RequestBackgroundColor
		case "1":
			panic("boom")
		case "2":
			return b, boom
		case "3":
			return b, tea.Batch(boom, nil, func() tea.Msg { select {} })
		case "4":
			return b, tea.Sequence(nil, boom)
		case "5":
			close(b.elsewhere)
		case "6":
			b.offset = -1000
		}
	}
	return b, nil
}

var (
	bad  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	dim  = lipgloss.NewStyle().Faint(true).Italic(true).Strikethrough(true)
	mark = lipgloss.NewStyle().Reverse(true).UnderlineStyle(lipgloss.UnderlineCurly)
)

func (b busy) View() tea.View {
	if b.offset == -1000 {
		panic("boom")
	}
	var lines []string
	for y := range b.height - 2 {
		n := y + b.offset
		line := fmt.Sprintf("row %d %s %s", n, bad.Render("FAILED"), dim.Render(strings.Repeat("x", (n*7+400)%40+1)))
		if y == 3 {
			line = mark.Render(fmt.Sprintf("row %d selected", n))
		}
		lines = append(lines, line)
	}
	last := fmt.Sprintf("%dx%d offset %d resumed %d", b.width, b.height, b.offset, b.resumes)
	lines = append(lines, last, strings.Repeat("=", max(0, b.width))) // to the last column of the last row
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.ReportFocus = true
	v.WindowTitle = "busy"
	return v
}

func tui() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	t, err := term.Open(os.Stdin, os.Stdout, term.ProfileOf(os.Getenv, true), os.Getenv)
	if err != nil {
		fmt.Println(err)
		return 3
	}
	fmt.Println("before")
	w, h := t.Size()
	elsewhere := make(chan struct{})
	go func() {
		defer guard.Rescue()
		<-elsewhere
		boom()
	}()
	if _, err := t.Run(ctx, busy{width: w, height: h, elsewhere: elsewhere}); err != nil {
		fmt.Println("ended by", err)
		return 1
	}
	fmt.Println("after")
	return 0
}

func dialects(t *testing.T, f func(t *testing.T, d vt.Dialect)) {
	t.Helper()
	for _, d := range []vt.Dialect{vt.VT220, vt.Linux, vt.Xterm, vt.Modern} {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			f(t, d)
		})
	}
}

func isClean(t *testing.T, p *termtest.Terminal) {
	t.Helper()
	p.Look(func(s *vt.Screen) {
		if err := s.Clean(); err != nil {
			t.Errorf("left behind: %v", err)
		}
	})
}

// The whole life of a program, on every terminal, in nothing but what that terminal understands.
func TestOutputIsUnderstood(t *testing.T) {
	dialects(t, func(t *testing.T, d vt.Dialect) {
		t.Helper()
		p := termtest.Start(t, termtest.Config{Program: "tui", Dialect: d})
		p.Wait("80x24 offset 0")
		for i := range 12 {
			p.Send("j")
			p.Wait(fmt.Sprintf("offset %d ", i+1))
		}
		for i := range 5 {
			p.Send("\x1b[A")
			p.Wait(fmt.Sprintf("offset %d ", 11-i))
		}
		for _, size := range [][2]int{{40, 10}, {200, 60}, {81, 23}, {80, 24}} {
			p.Resize(size[0], size[1])
			p.Wait(fmt.Sprintf("%dx%d offset 7", size[0], size[1]))
		}
		p.Send("?")
		if d.Clipboard {
			p.Send("y")
			p.WaitFor("the clipboard", func(s *vt.Screen) bool { return s.Clipboard() == "MjAwMTpkYjg6OjE=" })
		}
		p.Send("j")
		p.Wait("offset 8 ")
		p.Wait("row 8 FAILED xxxxxxxx")
		p.Look(func(s *vt.Screen) {
			if want := ansi.Strip(busy{width: 80, height: 24, offset: 8}.View().Content); s.String() != want {
				t.Errorf("the screen shows:\n%s\nwant:\n%s", s, want)
			}
			if s.Painted() != d.Colour {
				t.Errorf("coloured: %v", s.Painted())
			}
			if s.Alternate() != d.AltScreen {
				t.Errorf("alternate screen: %v", s.Alternate())
			}
		})
		p.Send("q")
		if code := p.Exit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		isClean(t, p)
		if got := p.String(); !strings.Contains(got, "after") || strings.Contains(got, "row 8") {
			t.Errorf("after the program the screen shows:\n%s", got)
		}
		if got := p.String(); d.AltScreen && !strings.HasPrefix(got, "before\nafter\n") {
			t.Errorf("the first screen was not kept:\n%s", got)
		}
	})
}

func TestNoColor(t *testing.T) {
	t.Parallel()
	p := termtest.Start(t, termtest.Config{Program: "tui", Dialect: vt.Xterm, Env: []string{"NO_COLOR=1"}})
	p.Wait("offset 0")
	p.Send("q")
	p.Exit()
	p.Look(func(s *vt.Screen) {
		if s.Painted() {
			t.Error("NO_COLOR, and colours came")
		}
	})
}

// Wherever the program breaks, the terminal is put back first and the trace can be read after.
func TestPanicRestores(t *testing.T) {
	for key, where := range map[string]string{
		"1": "Update", "2": "a command", "3": "a command of a batch", "4": "a command of a sequence",
		"5": "a goroutine that knows no terminal", "6": "View",
	} {
		t.Run(where, func(t *testing.T) {
			dialects(t, func(t *testing.T, d vt.Dialect) {
				t.Helper()
				p := termtest.Start(t, termtest.Config{Program: "tui", Dialect: d, Width: 120, Height: 200})
				p.Wait("offset 0")
				p.Send(key)
				if code := p.Exit(); code != 2 {
					t.Errorf("exit code %d, want the runtime's 2", code)
				}
				isClean(t, p)
				got := p.String()
				if strings.Contains(got, "row 3") {
					t.Errorf("the trace is written over the program:\n%s", got)
				}
				for _, want := range []string{"panic: boom", "pty_test.go"} {
					if !strings.Contains(got, want) {
						t.Errorf("no %q in:\n%s", want, got)
					}
				}
				if strings.Contains(got, "\n ") && !strings.Contains(got, "\ngoroutine ") {
					t.Errorf("the trace is written without returns: the terminal was still raw:\n%s", got)
				}
			})
		})
	}
}

func TestKillRestores(t *testing.T) {
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT} {
		t.Run(unix.SignalName(s), func(t *testing.T) {
			dialects(t, func(t *testing.T, d vt.Dialect) {
				t.Helper()
				p := termtest.Start(t, termtest.Config{Program: "tui", Dialect: d, Height: 300, Width: 100})
				p.Wait("offset 0")
				p.Signal(s)
				code, want := p.Exit(), map[unix.Signal]int{unix.SIGQUIT: 2}[s]
				if want == 0 {
					want = 1
					if got := p.String(); !strings.Contains(got, "ended by "+s.String()) && !strings.Contains(got, "ended by context canceled") {
						t.Errorf("the screen shows:\n%s", got)
					}
				}
				if code != want {
					t.Errorf("exit code %d, want %d", code, want)
				}
				isClean(t, p)
			})
		})
	}
}

// A terminal that takes nothing any more does not keep the program from ending.
func TestKillWithDeadTerminal(t *testing.T) {
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGQUIT} {
		t.Run(unix.SignalName(s), func(t *testing.T) {
			t.Parallel()
			p := termtest.Start(t, termtest.Config{Program: "tui", Dialect: vt.Xterm})
			p.Wait("offset 0")
			// More than the kernel holds for a pseudo-terminal: 64 KiB and 4 KiB.
			p.Stall("Y", func() {
				p.Signal(s)
				p.AwaitDeath()
			})
		})
	}
}

// prompt waits until the shell does.
func prompt(p *termtest.Terminal) {
	p.WaitFor("the shell's prompt", func(s *vt.Screen) bool {
		_, y, visible := s.Cursor()
		return visible && s.Row(y) == "prompt>"
	})
}

// In a shell, ctrl-z gives the shell its terminal back and fg draws everything anew.
func TestSuspendInShell(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dialects(t, func(t *testing.T, d vt.Dialect) {
		t.Helper()
		p := termtest.Start(t, termtest.Config{
			Command: []string{"sh", "-i"}, Dialect: d, Height: 30,
			Env: []string{"PS1=prompt>", "TUI=NDWHY_TERMTEST_PROGRAM=tui " + self},
		})
		prompt(p)
		p.Send("eval $TUI\r")
		p.Wait("80x30 offset 0")
		for i := range 2 {
			p.Send("\x1a")
			prompt(p)
			isClean(t, p)
			p.Send("stty -a | grep -c ' icanon'; echo \"said $((40 + 2))\"\r")
			p.Wait("1\nsaid 42")
			p.Send("fg\r")
			p.Wait(fmt.Sprintf("resumed %d", i+1))
			p.WaitGone("said 42")
			p.Send("j")
			p.Wait(fmt.Sprintf("offset %d", i+1))
		}
		p.Send("q")
		p.Wait("after")
		p.Send("exit\r")
		p.Exit()
		isClean(t, p)
	})
}

// A stopped job that is killed ends; it does not stop again for the terminal that it no longer has.
func TestKillWhileSuspended(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := termtest.Start(t, termtest.Config{
		Command: []string{"sh", "-i"}, Dialect: vt.Xterm,
		Env: []string{"PS1=prompt>", "TUI=NDWHY_TERMTEST_PROGRAM=tui " + self},
	})
	prompt(p)
	p.Send("eval $TUI\r")
	p.Wait("offset 0")
	p.Send("\x1a")
	prompt(p)
	p.Send("kill %1; kill -CONT %1\r")
	p.Wait("ended by terminated")
	isClean(t, p)
}

// Where nobody could resume it ctrl-z redraws, and the program goes on.
func TestSuspendWithoutShell(t *testing.T) {
	dialects(t, func(t *testing.T, d vt.Dialect) {
		t.Helper()
		p := termtest.Start(t, termtest.Config{Program: "tui", Dialect: d})
		p.Wait("offset 0 resumed 0")
		p.Send("\x1a")
		p.Wait("resumed 1")
		p.Send("j")
		p.Wait("offset 1 resumed 1")
		p.Signal(unix.SIGSTOP)
		p.Signal(unix.SIGCONT)
		p.Wait("resumed 2")
		p.Send("q")
		if code := p.Exit(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		isClean(t, p)
	})
}
