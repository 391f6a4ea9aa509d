package main

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"ndwhy/diag/lab/labtest"
	"ndwhy/ui/termtest"
	"ndwhy/ui/termtest/vt"
)

// inLab opens the interactive face on ubuntu1 of a scenario, in a terminal of a dialect.
func inLab(t *testing.T, scenario string, c termtest.Config, args ...string) *termtest.Terminal {
	t.Helper()
	c.Cmd = labtest.Command(t, scenario, "", append([]string{"ndwhy"}, args...)...)
	// What the tests' own surroundings say of terminals is not the test's.
	c.Env = append([]string{"NO_COLOR=", "TERM_PROGRAM=", "SSH_TTY=", "ACCESSIBLE=", "LC_ALL=", "LC_CTYPE="}, c.Env...)
	return termtest.Start(t, c)
}

// The whole program's output, from its start to its end, through every screen, on every kind of
// terminal: nothing that the terminal does not understand (termtest fails the test), nothing left
// switched on.
func TestTerminalUnderstandsAll(t *testing.T) {
	for _, d := range []vt.Dialect{vt.VT220, vt.Linux, vt.Xterm, vt.Modern} {
		t.Run(d.Name, func(t *testing.T) {
			p := inLab(t, "unassigned-address", termtest.Config{Dialect: d}, "--add", "claim")
			p.Wait("asking:")
			p.WaitGone("asking:")
			for _, screen := range []string{"2", "3", "4", "5", "6", "7", "1"} {
				p.Send(screen)
				p.Wait("[" + screen + " ")
				p.WaitFor("a row under the cursor", func(s *vt.Screen) bool {
					return strings.Contains(s.String(), "▸") || strings.Contains(s.String(), "\n>")
				})
				p.Send("\r")
				p.Wait("esc")
				p.Send("\x1b")
				p.WaitGone("esc")
				p.Send("jjjk\x1b[6~\x1b[5~")
			}
			p.Send("?")
			p.Wait("Keys everywhere")
			p.Send("\x1b")
			p.WaitGone("Keys everywhere")
			for _, size := range [][2]int{{40, 10}, {200, 60}, {20, 5}, {120, 40}, {80, 24}} {
				p.Resize(size[0], size[1])
				p.WaitFor("a frame of the new size", func(s *vt.Screen) bool {
					w, h := s.Size()
					return w == size[0] && h == size[1] && strings.TrimSpace(s.String()) != ""
				})
			}
			p.Wait("[1 ")
			p.Send("x")
			p.Wait("hidden")
			p.Send("\x1a") // nobody here could resume it: it goes on
			p.Send("x")
			p.WaitGone("hidden")
			p.Look(func(s *vt.Screen) {
				if s.Painted() != d.Colour {
					t.Errorf("coloured: %v", s.Painted())
				}
			})
			p.Send("Q")
			leavesReport(t, p)
		})
	}
}

// leavesReport waits for the program's end, as by Q: all is well, and nothing but the report is left on
// the terminal.
func leavesReport(t *testing.T, p *termtest.Terminal) {
	t.Helper()
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p)
	}
	p.Look(func(s *vt.Screen) {
		if err := s.Clean(); err != nil {
			t.Errorf("left behind: %v", err)
		}
		if text := s.String(); !strings.Contains(text, "More: -v") {
			t.Errorf("no report is left on the screen:\n%s", text)
		}
	})
}

// allLines is a terminal so high that no line of the plain face scrolls away before it was looked for.
const allLines = 1000

// A terminal that cannot be drawn on gets the same in lines, and why.
func TestDumbTerminal(t *testing.T) {
	p := inLab(t, "unassigned-address", termtest.Config{Env: []string{"TERM=dumb"}, Width: 250, Height: allLines})
	p.Wait("TERM says that the terminal cannot be drawn on")
	p.Wait("Verdict warning: ")
	p.Wait("address.unassigned, warning, certain: ")
	p.Wait("What changes from now on")
	p.Send("\x03")
	p.Exit()
}

// A screen without a keyboard could not be left: it gets lines too.
func TestNoKeyboard(t *testing.T) {
	p := startLab(t, termtest.Config{Width: 250, Height: allLines}, func(ndwhy string) []string { return []string{"sh", "-c", "exec " + ndwhy + " lab vpc </dev/null"} })
	p.Wait("no terminal")
	p.Wait("What changes from now on")
	p.Send("\x03")
	if code := p.Exit(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

// What an engineer does, key by key: open what is wrong, run the candidates after having been asked,
// filter the neighbours, hold still, take it with them.
func TestFlowsInTerminal(t *testing.T) {
	p := inLab(t, "unassigned-address", termtest.Config{Dialect: vt.Xterm}, "--add", "none")
	p.Wait("asking:")
	p.WaitGone("asking:")

	p.Wait("WARNING")
	p.Send("g\r")
	p.Wait("address.unassigned")
	p.Wait("$ aws ec2 assign-ipv6-addresses")
	p.Send("y")
	p.WaitFor("the finding in the clipboard", func(s *vt.Screen) bool {
		text, err := base64.StdEncoding.DecodeString(s.Clipboard())
		return err == nil && strings.Contains(string(text), "aws ec2 assign-ipv6-addresses")
	})
	p.Send("\x1b")
	p.WaitGone("address.unassigned")

	p.Send("2")
	p.Wait("configured, but NOT assigned")
	p.Send("c")
	p.Wait("Try addresses that nobody assigned?")
	p.Wait("packets are sent in all")
	p.Send("\x1b")
	p.WaitGone("Try addresses")
	p.Send("c")
	p.Wait("packets are sent in all")
	p.Send("\r")
	p.Wait("test addresses: assigned to nobody")

	p.Send("6\r") // type-ahead: the packets are on their way
	p.Wait("Ethernet")
	p.Send("\x1b")
	p.WaitGone("Ethernet")
	p.Send("3/")
	p.Wait("Filter:")
	p.Send("!fe80")
	p.WaitFor("no link-local address", func(s *vt.Screen) bool {
		return strings.Contains(s.String(), "/!fe80: 3") && !strings.Contains(s.String(), "fe80::")
	})
	p.Send("\r")
	p.WaitGone("Filter:")
	p.Send(" ")
	p.Wait("FROZEN at")
	p.Send(" ")
	p.WaitGone("FROZEN at")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p)
	}
}

// A log has a line for each entry; on a terminal no line is broken amid a word, however narrow it is.
func TestLogged(t *testing.T) {
	const text = "2001:db8:1f16:8df0:d326:143a:2015:79fa pings 2001:db8:1f16:8df0:f557:112e:f9bd:c7f3 (eth0)"
	for columns, want := range map[int]string{
		0: "12:30:00.250 arrived   " + text + "\n",
		80: "12:30:00.250 arrived   2001:db8:1f16:8df0:d326:143a:2015:79fa pings\n" +
			"                       2001:db8:1f16:8df0:f557:112e:f9bd:c7f3 (eth0)\n",
		20: "12:30:00.250 arrived   2001:db8:1f16:8df0:d326:143a:2015:79fa\n" +
			"                       pings\n" +
			"                       2001:db8:1f16:8df0:f557:112e:f9bd:c7f3\n" +
			"                       (eth0)\n",
	} {
		at := time.Date(2026, 1, 2, 12, 30, 0, 250e6, time.UTC)
		if got := logged(at, "arrived", text, columns); got != want {
			t.Errorf("%d columns:\n%s", columns, got)
		}
	}
}
