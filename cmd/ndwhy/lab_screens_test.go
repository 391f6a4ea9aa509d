package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag/lab"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
	"ndwhy/ui/termtest"
	"ndwhy/ui/termtest/vt"
)

func init() {
	helpers["test-unassign"] = deleteAddress
	helpers["test-link"] = setLink
}

// setLink sets eth0 up or down, which keeps its addresses.
func setLink(args []string) error {
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down", []byte("1"), 0); err != nil {
		return err
	}
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if args[0] == "up" {
		return netlink.LinkSetUp(link)
	}
	return netlink.LinkSetDown(link)
}

// deleteAddress deletes an address from eth0, as its finding's remedy says.
func deleteAddress(args []string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(args[0] + "/64")
	if err != nil {
		return err
	}
	return netlink.AddrDel(link, a)
}

// reports decodes what several runs of check --json printed.
func reports(t *testing.T, r labtest.Result, n int) []report.Report {
	t.Helper()
	var list []report.Report
	for d := json.NewDecoder(strings.NewReader(r.Stdout)); ; {
		var got report.Report
		err := d.Decode(&got)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
		}
		list = append(list, got)
	}
	if len(list) != n {
		t.Fatalf("%d reports, want %d: %s%s", len(list), n, r.Stdout, r.Stderr)
	}
	return list
}

// troubles are the causes of a report that are no mere information, each once.
func troubles(r report.Report) []string {
	var list []string
	for _, f := range r.Findings {
		if f.Severity != why.Info && !slices.Contains(list, f.Cause) {
			list = append(list, f.Cause)
		}
	}
	return list
}

// Whatever is broken while the lab runs, the diagnosis names it, and after mending nothing.
func TestBreakAndMend(t *testing.T) {
	t.Parallel()
	causes := map[string]string{
		"stop-peer": "peer.echo-blocked", "add-address": "address.unassigned", "drop-ra": "router.no-advertisement",
		"block-echo": "peer.echo-blocked", "detach-peer": "peer.unmapped", "cut-internet": "path.beyond-router",
		"shrink-mtu": "path.mtu", "lose-frames": "path.lossy", "silence-dhcpv6": "dhcpv6.silent",
		"wrong-neighbour": "host.neighbour-override", "forward": "router.advertisement-ignored",
	}
	for _, id := range lab.Breakable() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			want, ok := causes[id]
			if !ok || !words.Has("lab.break."+id) {
				t.Fatal("nothing says what it is to be called or what is to be found")
			}
			r := labtest.Run(t, "vpc", "sh", "-c", "ndwhy lab break "+id+" && ndwhy check --json; ndwhy lab mend "+id+" && ndwhy check --json")
			got := reports(t, r, 2)
			if !slices.ContainsFunc(got[0].Findings, func(f report.Finding) bool { return f.Cause == want }) {
				t.Errorf("broken: %v, want %s", troubles(got[0]), want)
			}
			// Chance may take whatever is asked a few times only, and what explains that is chance.
			if len(got[0].Unexplained) > 0 && id != "lose-frames" {
				t.Errorf("broken: unexplained %v", got[0].Unexplained)
			}
			if id != "silence-dhcpv6" && got[0].Verdict == why.VerdictOK {
				t.Errorf("broken: verdict %s", got[0].Verdict)
			}
			if bad := troubles(got[1]); len(bad) > 0 || got[1].Verdict != why.VerdictOK {
				t.Errorf("mended: %s because of %v", got[1].Verdict, bad)
			}
		})
	}
}

// What a scenario broke can be mended too; what somebody mended in another way is whole.
func TestMendAScenario(t *testing.T) {
	t.Parallel()
	for scenario, id := range map[string]string{"peer-stopped": "stop-peer", "no-ra": "drop-ra", "unassigned-source": "add-address"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			r := labtest.Run(t, scenario, "sh", "-c", "ndwhy lab break >&2; ndwhy lab mend "+id+" && ndwhy check --json")
			if !strings.Contains(r.Stderr, id) || strings.Count(r.Stderr, words.Say("lab.broken")) != 1 {
				t.Errorf("what is broken at first:\n%s", r.Stderr)
			}
			if got := reports(t, r, 1)[0]; got.Verdict != why.VerdictOK {
				t.Errorf("mended: %s because of %v", got.Verdict, troubles(got))
			}
		})
	}
	r := labtest.Run(t, "unassigned-address", "sh", "-c", "ndwhy test-unassign "+next+"; ndwhy lab break")
	if strings.Contains(r.Stdout, words.Say("lab.broken")) {
		t.Errorf("the address is gone, and yet:\n%s", r.Stdout)
	}
}

// A lab that runs in one terminal is broken from another.
func TestBreakFromOutside(t *testing.T) {
	t.Parallel()
	cmd := labtest.Command(t, "vpc", "", "sh", "-c", "echo ready; cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	if _, err := io.ReadFull(out, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	ndwhy := func(args ...string) string {
		other := exec.Command(cmd.Path)
		other.Args = append([]string{"ndwhy", "lab"}, args...)
		text, err := other.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v: %s", args, err, text)
		}
		return string(text)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	for _, x := range []struct{ command, now string }{{"break", "lab.broken"}, {"mend", "lab.whole"}} {
		ndwhy(x.command, "--lab", pid, "block-echo")
		for line := range strings.Lines(ndwhy("break", "--lab", pid)) {
			if strings.HasPrefix(line, "block-echo") && !strings.Contains(line, words.Say(x.now)) {
				t.Errorf("after %s: %s", x.command, line)
			}
		}
	}
}

// labTerminal opens "ndwhy lab ARGS" in a terminal.
func labTerminal(t *testing.T, width, height int, args ...string) *termtest.Terminal {
	t.Helper()
	return startLab(t, termtest.Config{Width: width, Height: height}, func(ndwhy string) []string {
		return append([]string{ndwhy, "lab"}, args...)
	})
}

// startLab runs a command in a terminal, which is told the name of the program.
func startLab(t *testing.T, c termtest.Config, command func(ndwhy string) []string) *termtest.Terminal {
	t.Helper()
	labtest.Need(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "ndwhy")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	c.Command, c.Patience = command(name), time.Minute
	return termtest.Start(t, c)
}

// rowWith reports whether a row of the screen has all of these texts.
func rowWith(texts ...string) func(*vt.Screen) bool {
	return func(s *vt.Screen) bool {
		for row := range strings.Lines(s.String()) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(row, text) }) {
				return true
			}
		}
		return false
	}
}

// The lab opens the screens with the truth beside them; something is broken with a key, and the
// finding appears; it is mended, and goes.
func TestLabScreens(t *testing.T) {
	t.Parallel()
	p := labTerminal(t, 120, 40)
	p.Wait("lab vpc")
	p.Wait(words.Say("ui.switch.title"))
	p.Wait("dropped")
	p.Wait("OK  eth0")
	p.Send("b")
	p.Wait(words.Say("lab.break.stop-peer"))
	p.Send("\r")
	p.WaitFor("ubuntu2 stopped", rowWith(words.Say("lab.break.stop-peer"), words.Say("ui.breaks.broken")))
	p.Send("q")
	p.Wait("answers neighbour discovery but not ping")
	p.Wait("WARNING")
	p.Send("8")
	p.Wait("is stopped and takes nothing")
	p.Send("b")
	p.Wait(words.Say("lab.break.stop-peer"))
	p.Send("\r")
	p.WaitFor("ubuntu2 going on", rowWith(words.Say("lab.break.stop-peer"), words.Say("ui.breaks.whole")))
	p.Send("q1")
	p.Wait("OK  eth0")
	p.WaitGone(words.Say("cause.peer.echo-blocked.title"))
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Somebody takes the peer's link down, of which nothing arrives here: within two seconds the screens say that it stopped
// answering, and then why; and that it is back without a key too.
func TestPeerGoesAway(t *testing.T) {
	t.Parallel()
	p := labTerminal(t, 120, 40)
	p.Wait("OK  eth0")
	p.WaitGone("asking:")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	set := func(way string) {
		other := exec.Command(self)
		other.Args = []string{"ndwhy", "lab", "exec", "--lab", strconv.Itoa(p.Pid()), "ubuntu2", "--", "ndwhy", "test-link", way}
		if text, err := other.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	set("down")
	down := time.Now()
	quiet, _, _ := strings.Cut(words.Say("ui.quiet"), "{")
	p.Wait(quiet)
	if took := time.Since(down); took > 4*time.Second { // two, on a machine with nothing else to do: TestPulse
		t.Errorf("the peer's link is down, and %v passed until that was seen", took)
	}
	p.Wait("WARNING")
	const local = "fe80::4f0:13ff:feeb:c61d" // what the peer has left when its link comes back
	p.WaitFor("the peer's problem", rowWith(local, "X"))
	set("up")
	p.WaitFor("the peer's answer", rowWith(local, "ms"))
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A scenario that takes its time says so at once, and why.
func TestLabSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := labTerminal(t, 80, 24, "advertisements-lost")
	p.Wait("Starting the lab advertisements-lost: ubuntu1, ubuntu2")
	p.Wait("This takes 6 s.")
	if took := time.Since(began); took > time.Second { // half of that is meant, on a machine with nothing else to do
		t.Errorf("nothing is on the screen for %v", took)
	}
	p.Signal(unix.SIGTERM)
	p.Exit()
}

// The tour begins at its beginning, and a step breaks what it speaks of.
func TestLabTour(t *testing.T) {
	t.Parallel()
	p := labTerminal(t, 80, 24, "--tour")
	p.Wait(words.Say("ui.tour.welcome.title"))
	p.Wait("OK  eth0")
	p.Send(">>>>>>")
	p.Wait(words.Say("ui.tour.kernel.title"))
	p.Send("!")
	p.Wait("packets are sent in all")
	p.Send("\r")
	p.Wait("the kernel removes")
	p.Send(">>")
	p.Wait(words.Say("ui.tour.by-hand.title"))
	p.Send("!") // the same address, which the step before may still have
	p.Wait("which is not assigned")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A shell's job control holds for the screens inside the lab as for any program.
func TestLabIsStopped(t *testing.T) {
	t.Parallel()
	p := startLab(t, termtest.Config{}, func(ndwhy string) []string {
		return []string{"sh", "-c", "set -m; " + ndwhy + " lab; echo stopped; read answer; fg; echo ended with $?"}
	})
	p.Wait("OK  eth0")
	p.Send("\x1a")
	p.Wait("stopped")
	p.Send("\r")
	p.Wait("OK  eth0")
	p.Send("q")
	p.Wait("ended with 0")
}

// However the lab dies, nothing of it is left: no screen either.
func TestLabIsKilled(t *testing.T) {
	t.Parallel()
	p := labTerminal(t, 80, 24)
	p.Wait("OK  eth0")
	started := descendants(t, p.Pid())
	if len(started) < 2 {
		t.Fatalf("processes %v: the lab's first one and its command should be there", started)
	}
	p.Signal(unix.SIGKILL)
	if code := p.Exit(); code != -1 {
		t.Errorf("exit code %d of what was killed", code)
	}
	for end := time.Now().Add(10 * time.Second); slices.ContainsFunc(started, runs); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of processes %v some are left", started)
		}
	}
}

// descendants are the processes that a process started, and those that they did.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var list []int
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				list = append(append(list, child), descendants(t, child)...)
			}
		}
	}
	return list
}

func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// Where there is no terminal the lab writes lines, until it is asked to end; what is broken meanwhile
// is asked about, and what the switch does stands beside it.
func TestLabLines(t *testing.T) {
	t.Parallel()
	labtest.Need(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"ndwhy", "lab", "peer-echo-blocked"}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
	lines, said := bufio.NewScanner(out), ""
	wait := func(text string) {
		t.Helper()
		for !strings.Contains(said, text) {
			if !lines.Scan() {
				t.Fatalf("no %q: %v, %q, in:\n%s", text, lines.Err(), stderr.String(), said)
			}
			said += lines.Text() + "\n"
		}
	}
	wait("Problem 1 of")
	wait("Broken in the lab: " + words.Say("lab.break.block-echo"))
	wait("The switch drops at ubuntu1: ")
	other := exec.Command(self)
	other.Args = []string{"ndwhy", "lab", "mend", "--lab", strconv.Itoa(cmd.Process.Pid), "block-echo"}
	if text, err := other.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	wait("Mended in the lab; no more: " + words.Say("lab.break.block-echo"))
	wait("Finding gone: peer.echo-blocked")
	wait("Verdict ok")
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d; %s", code, stderr.String())
	}
	if strings.ContainsRune(said, '\x1b') {
		t.Errorf("escape sequences where there is no terminal: %q", said)
	}
}
