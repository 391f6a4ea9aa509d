package measure

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/kernel/nstest"
	"ndwhy/ui/termtest"
	"ndwhy/ui/termtest/vt"
)

// onScreen runs a program on a pseudo-terminal of 80x24.
func onScreen(t *testing.T, command ...string) *termtest.Terminal {
	t.Helper()
	return termtest.Start(t, termtest.Config{
		Command: command, Dialect: vt.Xterm, Env: []string{"NDWHY_IMDS=none"}, Patience: time.Minute,
		Foreign: filepath.Base(command[0]) != "ndwhy",
	})
}

// firstFrame waits for a text on the screen and returns how many milliseconds after the start it came.
func firstFrame(p *termtest.Terminal, shows string) float64 {
	var took time.Duration
	p.WaitFor("the first frame", func(s *vt.Screen) bool {
		if text := s.String(); strings.TrimSpace(text) == "" || !strings.Contains(text, shows) {
			return false
		}
		took = time.Since(p.Started())
		return true
	})
	return 1000 * took.Seconds()
}

// starting holds the start of the screens, and what they hold, against the other program of this kind.
func starting(t *testing.T, ndwhy string) string {
	t.Helper()
	const runs = 11
	nstest.Veth(t, "eth0", "wire0")
	nstest.Address(t, "eth0", "2001:db8::7/64")
	t.Setenv("HOME", t.TempDir())
	tab := newTable("on a quiet interface", "start to first frame, ms", "memory after 5 s, MB", "binary, MB")
	for _, p := range []struct {
		shown, shows, lacks string
		command             []string
		needs               []string // what it starts
	}{
		{"ndwhy -i eth0 --passive", "", "", []string{ndwhy, "-i", "eth0", "--passive"}, nil},
		{"termshark -i eth0", "termshark", missing("termshark", "tshark", "dumpcap"), []string{"termshark", "-i", "eth0"}, []string{"tshark", "dumpcap"}},
	} {
		if p.lacks != "" {
			tab.row(code(p.shown), p.lacks, "", "")
			continue
		}
		var first, held []float64
		for run := range runs {
			term := onScreen(t, p.command...)
			first = append(first, firstFrame(term, p.shows))
			if run < 3 {
				time.Sleep(5 * time.Second)
				held = append(held, float64(tree(t, term.Pid()))/1e6)
			}
			term.Signal(unix.SIGTERM)
			if len(p.needs) > 0 {
				term.Signal(unix.SIGKILL) // it asks whether it is meant
			}
			term.Exit()
		}
		_, frame := median(first)
		_, memory := median(held)
		size := mega(t, p.command[0])
		for _, other := range p.needs {
			size += fmt.Sprintf(" + %s of %s", mega(t, other), other)
		}
		tab.row(code(p.shown), frame, memory, size)
	}
	return tab.String() + "\nMemory is the sum of what the program and those that it starts hold (RSS).\n"
}

func mega(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return number(float64(info.Size()) / 1e6)
}

// tree is the memory of a process and of those that it started, in bytes.
func tree(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	u, err := termtest.UsageOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	bytes = u.RSS
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				bytes += tree(t, pid)
			}
		}
	}
	return bytes
}

// theScreens measures the overview, idle and while neighbours change, with few and with many of them.
func theScreens(t *testing.T, ndwhy string) string {
	t.Helper()
	const window, changes = 15 * time.Second, 10_000
	nstest.Veth(t, "eth0", "wire0")
	nstest.Address(t, "eth0", "2001:db8::7/64")
	link := nstest.Link(t, "eth0").Attrs().Index
	tab := newTable("`ndwhy -i eth0 --passive`, neighbours", "first frame, ms", "idle: bytes/s", "% of a core", "RSS, MB",
		fmt.Sprintf("%d changes/s: bytes/s", changes), "% of a core", "peak, MB")
	have := 0
	for _, want := range []int{10, 100_000} {
		for ; have < want; have++ {
			setNeighbour(t, link, have, 0)
		}
		var first []float64
		for range 11 {
			p := onScreen(t, ndwhy, "-i", "eth0", "--passive")
			first = append(first, firstFrame(p, ""))
			p.Signal(unix.SIGTERM)
			p.Exit()
		}
		p := onScreen(t, ndwhy, "-i", "eth0", "--passive")
		firstFrame(p, "")
		quiet(t, p, 2*time.Second)
		idle := during(t, p, window, func(time.Duration) {})
		sent := 0
		storm := during(t, p, window, func(since time.Duration) {
			for due := int(since.Seconds() * changes); sent < due; sent++ {
				setNeighbour(t, link, sent%want, byte(sent/want+1))
			}
		})
		p.Signal(unix.SIGTERM)
		p.Exit()
		if rate := float64(sent) / window.Seconds(); rate < 0.95*changes {
			t.Logf("the kernel took only %.0f changes a second", rate)
		}
		_, frame := median(first)
		tab.row(fmt.Sprint(want), frame, fmt.Sprintf("%.0f", idle.bytes), number(idle.core), number(float64(idle.RSS)/1e6),
			fmt.Sprintf("%.0f", storm.bytes), number(storm.core), number(float64(storm.Peak)/1e6))
	}
	return tab.String() + `
With 100,000 neighbours, reading the kernel's table again is most of what idling costs: it is done every 5 s, or as seldom
as makes it a 300th of the time.
`
}

type rates struct {
	termtest.Usage
	bytes, core float64 // a second; percent of a core
}

func usage(t *testing.T, p *termtest.Terminal) termtest.Usage {
	t.Helper()
	u, err := p.Usage()
	if err != nil {
		t.Fatalf("%v; the screen shows:\n%s", err, p)
	}
	return u
}

// during measures what the program uses while do is called every 10 ms with the time since the beginning.
func during(t *testing.T, p *termtest.Terminal, window time.Duration, do func(time.Duration)) rates {
	t.Helper()
	before, start := usage(t, p), time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if do(time.Since(start)); time.Since(start) >= window {
			break
		}
	}
	after, took := usage(t, p), time.Since(start).Seconds()
	return rates{after, float64(after.Out-before.Out) / took, 100 * (after.CPU - before.CPU).Seconds() / took}
}

// quiet waits until the program writes nothing for a time: what it does on opening is done.
func quiet(t *testing.T, p *termtest.Terminal, silence time.Duration) {
	t.Helper()
	for range 10 {
		if during(t, p, silence, func(time.Duration) {}).bytes == 0 {
			return
		}
	}
	t.Log("it always writes")
}
