package termtest_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag/kernel/nstest"
	"ndwhy/ui/term"
	"ndwhy/ui/termtest"
	"ndwhy/ui/termtest/vt"
)

func TestMain(m *testing.M) {
	os.Exit(termtest.Main(m, map[string]func() int{"hello": hello}))
}

// hello is the smallest program on a terminal: what Bubble Tea costs by itself.
type helloModel struct{}

func (helloModel) Init() tea.Cmd { return nil }

func (h helloModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if _, ok := msg.(tea.KeyPressMsg); ok {
		return h, tea.Quit
	}
	return h, nil
}

func (helloModel) View() tea.View {
	v := tea.NewView("hello")
	v.AltScreen = true
	return v
}

func hello() int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	t, err := term.Open(os.Stdin, os.Stdout, term.ProfileOf(os.Getenv, true), os.Getenv)
	if err == nil {
		_, err = t.Run(ctx, helloModel{})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// TestMeasure measures a program as docs/performance.md has it, in a network namespace of its own:
// the time from its start to its first frame, and what it uses idle and in a storm of neighbour
// changes, with few and with many neighbours. It runs only if asked to, with the program's command
// line (which finds an interface eth0):
//
//	NDWHY_MEASURE="/tmp/ndwhy -i eth0 --passive" go test -count=1 -run TestMeasure -v ./ui/termtest
//
// NDWHY_MEASURE=hello measures the smallest program instead. NDWHY_MEASURE_SHOWS is a text of the
// first frame (else it is the first character that shows), NDWHY_MEASURE_WINDOW how long each
// measurement takes (10s), NDWHY_MEASURE_KEYS what is pressed before ("3" for the third screen),
// NDWHY_MEASURE_CHANGES how many changes a second there are (10000),
// NDWHY_MEASURE_NEIGHBOURS the numbers of neighbours (10,100000).
func TestMeasure(t *testing.T) {
	command := strings.Fields(os.Getenv("NDWHY_MEASURE"))
	if len(command) == 0 {
		t.Skip("NDWHY_MEASURE names no program")
	}
	window, err := time.ParseDuration(setting("WINDOW", "10s"))
	if err != nil {
		t.Fatal(err)
	}
	changes := number(t, setting("CHANGES", "10000"))
	nstest.Run(t, func(t *testing.T) { //nolint:thelper // the test itself
		nstest.Veth(t, "eth0", "wire0")
		nstest.Address(t, "eth0", "2001:db8::7/64")
		link := nstest.Link(t, "eth0").Attrs().Index
		start := func() *termtest.Terminal {
			c := termtest.Config{Command: command, Dialect: vt.Xterm, Env: []string{"NDWHY_IMDS=none"}, Patience: time.Minute}
			if command[0] == "hello" {
				c.Program, c.Command = "hello", nil
			}
			return termtest.Start(t, c)
		}
		var table strings.Builder
		fmt.Fprintf(&table, "\n| neighbours | first frame (median of 20; least, most) | idle: bytes/s | %% of a core | RSS | storm of %d/s: bytes/s | %% of a core | RSS | peak |\n", changes)
		table.WriteString("|---|---|---|---|---|---|---|---|---|\n")
		have := 0
		for n := range strings.SplitSeq(setting("NEIGHBOURS", "10,100000"), ",") {
			want := number(t, n)
			for ; have < want; have++ {
				set(t, link, have, 0)
			}
			var first []time.Duration
			for range 20 {
				p := start()
				first = append(first, firstFrame(p))
				p.Signal(unix.SIGTERM)
				p.Exit()
			}
			slices.Sort(first)
			p := start()
			firstFrame(p)
			p.Send(setting("KEYS", ""))
			quiet(t, p, 2*time.Second)
			idle := during(t, p, window, func(time.Duration) {})
			sent := 0
			storm := during(t, p, window, func(since time.Duration) {
				for due := int(since.Seconds() * float64(changes)); sent < due; sent++ {
					set(t, link, sent%want, byte(sent/want+1))
				}
			})
			p.Signal(unix.SIGTERM)
			p.Exit()
			if rate := float64(sent) / window.Seconds(); rate < 0.95*float64(changes) {
				t.Logf("the kernel took only %.0f changes a second", rate)
			}
			fmt.Fprintf(&table, "| %d | %s ms (%s, %s) | %.0f | %.2f | %.1f MB | %.0f | %.1f | %.1f MB | %.1f MB |\n", want,
				ms(first[len(first)/2]), ms(first[0]), ms(first[len(first)-1]),
				idle.bytes, idle.core, mb(idle.RSS), storm.bytes, storm.core, mb(storm.RSS), mb(storm.Peak))
		}
		t.Log(table.String())
	})
}

func setting(name, otherwise string) string {
	if v := os.Getenv("NDWHY_MEASURE_" + name); v != "" {
		return v
	}
	return otherwise
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%q is no number", text)
	}
	return n
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

// firstFrame waits for the first frame and returns how long after the start it came.
func firstFrame(p *termtest.Terminal) time.Duration {
	shows := os.Getenv("NDWHY_MEASURE_SHOWS")
	var took time.Duration
	p.WaitFor("the first frame", func(s *vt.Screen) bool {
		text := s.String()
		if shows != "" && !strings.Contains(text, shows) || strings.TrimSpace(text) == "" {
			return false
		}
		took = time.Since(p.Started())
		return true
	})
	return took
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

// during measures what the program uses while do is called every 10 ms with the time since the
// beginning.
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

// quiet waits until the program writes nothing for a time: what it does on opening is done. One that
// always writes is not waited for.
func quiet(t *testing.T, p *termtest.Terminal, silence time.Duration) {
	t.Helper()
	for range 10 {
		if during(t, p, silence, func(time.Duration) {}).bytes == 0 {
			return
		}
	}
	t.Log("it always writes")
}

// set gives neighbour n a MAC address. A permanent entry does not count against the kernel's limits
// (net/core/neighbour.c, neigh_alloc), which all namespaces share.
func set(t *testing.T, link, n int, mac byte) {
	t.Helper()
	addr := netip.MustParseAddr("2001:db8::1:0:0").As16()
	addr[13], addr[14], addr[15] = byte(n>>16), byte(n>>8), byte(n)
	err := netlink.NeighSet(&netlink.Neigh{
		LinkIndex: link, Family: unix.AF_INET6, State: netlink.NUD_PERMANENT, IP: addr[:],
		HardwareAddr: net.HardwareAddr{2, 0, mac, byte(n >> 16), byte(n >> 8), byte(n)},
	})
	if err != nil {
		t.Fatalf("neighbour %d: %v", n, err)
	}
}
