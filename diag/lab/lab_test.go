package lab_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/lab"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/lab/vswitch"
	"ndwhy/diag/why"
)

const (
	global1  = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3"
	local1   = "fe80::4df:a5ff:fe6c:5d57"
	global2  = "2001:db8:1f16:8df0:d326:143a:2015:79fa"
	second2  = "2001:db8:1f16:8df0:d326:143a:2015:7a01"
	local2   = "fe80::4f0:13ff:feeb:c61d"
	router   = "fe80::4fd:d1ff:fec8:f9cf"
	one      = "2001:db8:1f16:8df0::1"
	added    = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f4"
	internet = "3fff:7f8:b001:c09::71"
)

// Further names under which the test binary runs: lab.Exec, a lab with short leases, and a lab where
// the system allows none.
const (
	execName   = "lab-exec"
	shortName  = "lab-short-lease"
	deniedName = "lab-denied"
)

func TestMain(m *testing.M) {
	finish := func(code int, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			code = lab.Failed
		}
		os.Exit(code)
	}
	switch os.Args[0] {
	case execName:
		pid, _ := strconv.Atoi(os.Args[1])
		finish(lab.Exec(lab.ExecOptions{
			Lab: pid, Host: os.Args[2], Command: os.Args[3:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		}))
	case shortName:
		spec, _, err := lab.Find("vpc")
		if err != nil {
			finish(0, err)
		}
		spec.Routers[0].DHCP = vswitch.DHCP{Preferred: 2 * time.Second, Valid: 4 * time.Second}
		finish(lab.Run(lab.Options{
			Spec: spec, SwitchLog: os.Args[1], Command: os.Args[2:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		}))
	case deniedName:
		// In a user namespace of its own this is root, and the limits are its own too.
		for _, limit := range []string{"max_user_namespaces", "max_net_namespaces"} {
			if err := os.WriteFile("/proc/sys/user/"+limit, []byte("0"), 0); err != nil {
				finish(0, err)
			}
		}
		spec, _, err := lab.Find("vpc")
		if err != nil {
			finish(0, err)
		}
		finish(lab.Run(lab.Options{Spec: spec, Command: []string{"true"}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}))
	}
	labtest.Main(m, inside)
}

// answers parses what the ping program printed: who answered, by target.
func answers(t *testing.T, stdout string) map[string][]string {
	t.Helper()
	m := map[string][]string{}
	for line := range strings.Lines(stdout) {
		target, who, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			target = strings.TrimSuffix(strings.TrimSpace(line), ":")
		}
		m[target] = strings.Fields(who)
	}
	return m
}

func run(tb testing.TB, scenario string, command ...string) labtest.Result {
	tb.Helper()
	r := labtest.Run(tb, scenario, command...)
	if r.Code != 0 {
		tb.Fatalf("lab %s -- %v: exit code %d\n%s%s", scenario, command, r.Code, r.Stdout, r.Stderr)
	}
	return r
}

// entry returns the first line of the log about a frame from port that contains text.
func entry(t *testing.T, log []vswitch.Entry, port, text string) vswitch.Entry {
	t.Helper()
	for _, e := range log {
		if e.Port == port && e.Direction == "in" && strings.Contains(e.Frame, text) {
			return e
		}
	}
	t.Fatalf("the switch saw no %q from %s", text, port)
	return vswitch.Entry{}
}

// everything pings all that the article pinged, then once more from a hand-added address: the peer's
// address that has no entry yet, and the Internet.
var everything = strings.Fields("ndwhy ping " + global2 + " then ping " + local2 + " then ping ff02::1 then ping " + router +
	" then ping " + one + " then ping " + internet + " then add " + added + "/64 then ping " + second2 + " " + added)

func TestVPC(t *testing.T) {
	t.Parallel()
	r := run(t, "vpc", append(everything, strings.Fields("then ping "+internet+" "+added)...)...)
	log := r.SwitchLog
	got := answers(t, strings.Replace(r.Stdout, internet+": "+internet+"\n", "first "+internet+": "+internet+"\n", 1))
	for target, want := range map[string][]string{
		global2: {global2}, local2: {local2}, "ff02::1": {local1}, router: nil, one: nil,
		"first " + internet: {internet}, second2: nil, internet: nil,
	} {
		if !slices.Equal(got[target], want) {
			t.Errorf("echo to %s answered by %v, want %v", target, got[target], want)
		}
	}
	for _, tt := range []struct {
		port, frame string
		verdict     vswitch.Verdict
		reason      string
	}{
		{"ubuntu1", "NS: who has " + global2, vswitch.Answered, "on its behalf"},
		{"ubuntu1", "NS: who has " + local2, vswitch.Answered, "on its behalf"},
		{"ubuntu1", "> ff02::1: echo request", vswitch.Dropped, "multicast is not carried"},
		{"ubuntu1", "> " + router + ": echo request", vswitch.Dropped, "does not answer echo"},
		{"ubuntu1", added + " > ff02::1:ff15:7a01: NS: who has " + second2, vswitch.Dropped, added + " is not assigned"},
		{"ubuntu1", added + " > " + internet, vswitch.Dropped, added + " is not assigned"},
		{"ubuntu1", "DHCPv6 SOLICIT", vswitch.Answered, global1},
		{"ubuntu1", "DHCPv6 REQUEST", vswitch.Answered, global1},
		{"ubuntu1", "> ff02::2: RS", vswitch.Answered, ""},
	} {
		if e := entry(t, log, tt.port, tt.frame); e.Verdict != tt.verdict || !strings.Contains(e.Reason, tt.reason) {
			t.Errorf("%s was %s: %s; want %s because of %q", e.Frame, e.Verdict, e.Reason, tt.verdict, tt.reason)
		}
	}
	for _, e := range log {
		if e.Port == "ubuntu2" && strings.Contains(e.Frame, "NA:") && e.Direction == "in" {
			t.Errorf("ubuntu2 answered %s itself: a solicitation must have reached it", e.Frame)
		}
	}
}

func TestArticle(t *testing.T) {
	t.Parallel()
	r := run(t, "article", strings.Fields("ndwhy state then ping "+one+" then ping "+global2)...)
	got := answers(t, r.Stdout)
	if len(got[one]) != 0 || !slices.Equal(got[global2], []string{global2}) {
		t.Errorf("answers %v", got)
	}
	if e := entry(t, r.SwitchLog, "ubuntu1", "NS: who has "+one); e.Verdict != vswitch.Dropped {
		t.Errorf("prefix::1 was %s: %s; in 2017 it was nobody's", e.Verdict, e.Reason)
	}
}

func TestLAN(t *testing.T) {
	t.Parallel()
	r := run(t, "lan", append(everything, strings.Fields("then ping "+internet+" "+added)...)...)
	got := answers(t, r.Stdout)
	for target, want := range map[string][]string{
		global2: {global2}, "ff02::1": {local1, local2, router}, router: {router}, one: {one}, internet: {internet}, second2: {second2},
	} {
		slices.Sort(want)
		if !slices.Equal(got[target], want) {
			t.Errorf("echo to %s answered by %v, want %v", target, got[target], want)
		}
	}
}

func TestForwardedND(t *testing.T) {
	t.Parallel()
	r := run(t, "forwarded-nd", everything...)
	got := answers(t, r.Stdout)
	if !slices.Equal(got[global2], []string{global2}) || len(got[second2]) != 0 || !slices.Equal(got["ff02::1"], []string{local1}) {
		t.Errorf("answers %v", got)
	}
	if e := entry(t, r.SwitchLog, "ubuntu1", "NS: who has "+global2); e.Verdict != vswitch.Delivered || !slices.Contains(e.To, "ubuntu2") {
		t.Errorf("%s was %s to %v; want delivered to ubuntu2", e.Frame, e.Verdict, e.To)
	}
	if e := entry(t, r.SwitchLog, "ubuntu2", "NA: "+global2); e.Verdict != vswitch.Delivered {
		t.Errorf("the peer's own answer was %s: %s", e.Verdict, e.Reason)
	}
}

func TestInstance(t *testing.T) {
	t.Parallel()
	s := hostState{}
	r := run(t, "vpc", "ndwhy", "state")
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Host != "ubuntu1" || s.AcceptDAD != "1" || !s.ListensDHC || !slices.Equal(s.Links, []string{"eth0", "lo"}) {
		t.Errorf("host %s, accept_dad %s, DHCPv6 client on UDP 546: %t, links %v", s.Host, s.AcceptDAD, s.ListensDHC, s.Links)
	}
	if !strings.HasPrefix(s.Default, router+" ra") {
		t.Errorf("default route %q, want by RA from %s", s.Default, router)
	}
	var leased bool
	for _, a := range s.Addresses {
		var valid, preferred int
		if _, err := fmt.Sscanf(a, global1+"/128 %d %d", &valid, &preferred); err == nil {
			leased = valid > 440 && valid <= 450 && preferred > 130 && preferred <= 140
		}
	}
	if !leased {
		t.Errorf("addresses %q, want %s/128 with the lease's lifetimes", s.Addresses, global1)
	}
	want := map[string]string{
		"NDWHY_LAB": "vpc", "NDWHY_ADD": "claim", "NDWHY_IMDS": "http://169.254.169.254", "NDWHY_INTERNET": internet,
		"NDWHY_TRY": "fe80::1234", "NDWHY_PEER": strings.Join([]string{global2, local2, second2}, ","),
	}
	for k, v := range want {
		if s.Env[k] != v {
			t.Errorf("%s=%s, want %s", k, s.Env[k], v)
		}
	}
}

// BenchmarkBoot times a lab from its start to its end, with next to nothing in between:
//
//	go test -run '^$' -bench Boot ./diag/lab
func BenchmarkBoot(b *testing.B) {
	for b.Loop() {
		run(b, "vpc", "true")
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	r := run(t, "vpc", "ndwhy", "metadata")
	for _, base := range []string{"http://169.254.169.254", "http://[fd00:ec2::254]"} {
		at := "GET " + base + "/latest/meta-data/network/interfaces/macs/06:df:a5:6c:5d:57/"
		for _, want := range []string{
			"GET " + base + "/latest/meta-data/mac 401",
			"PUT " + base + "/latest/api/token 400",
			"PUT " + base + "/latest/api/token 200",
			"GET " + base + "/latest/meta-data/mac 200 06:df:a5:6c:5d:57",
			at + "interface-id 200 eni-", at + "device-number 200 0", at + "ipv6s 200 " + global1 + "\n", at + "ipv6-prefix 404",
			at + "subnet-ipv6-cidr-blocks 200 2001:db8:1f16:8df0::/64\n", at + "local-ipv4s 200 10.0.0.11",
		} {
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("no %q in:\n%s", want, r.Stdout)
			}
		}
	}
}

// Each fault has the effect that its name says.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ scenario, ping, want string }{
		{"peer-stopped", global2, ""},
		{"peer-down", global2, ""},
		{"peer-down+unassigned-source", internet, ""},
		{"lan+peer-down", internet, internet},
		{"peer-unmapped", global2, ""},
		{"peer-echo-blocked", global2, ""},
		{"peer-echo-blocked+internet-down", internet, ""},
		{"internet-refused", internet, one + "(type 1 code 1)"},
		{"no-ra", global2, "unsent: network is unreachable"},
		{"wrong-neighbour", global2, ""},
		{"wrong-neighbour", second2, second2},
		{"unassigned-address", internet, internet},
		{"unassigned-source", internet, ""},
		{"rogue-router", global2, global2},
		{"not-default", internet, "unsent: network is unreachable"},
		{"forwarding", internet, "unsent: network is unreachable"},
		{"forwarding", global2, global2},
		{"ipv6-disabled", global2, "unsent: network is unreachable"},
		{"link-down", local2, "unsent: network is unreachable"},
		{"dad-off", internet, internet},
		{"delegated-prefix", internet, internet},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			got := answers(t, run(t, tt.scenario, "ndwhy", "ping", tt.ping).Stdout)
			if who := strings.Join(got[tt.ping], " "); who != tt.want {
				t.Errorf("echo to %s: %q, want %q", tt.ping, who, tt.want)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "not-executable")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		command []string
		code    int
		stderr  string
	}{
		{[]string{"sh", "-c", "exit 7"}, 7, ""},
		{[]string{"sh", "-c", "kill -KILL $$"}, 137, ""},
		{[]string{"sh", "-c", "ndwhy nonsense"}, 2, "no such program"},
		{[]string{"no-such-command"}, 127, "no-such-command: command not found"},
		{[]string{script}, 126, "permission denied"},
		{[]string{"sh", "-c", "(sleep 30 &) ; exit 3"}, 3, ""},
	} {
		r := labtest.Run(t, "vpc", tt.command...)
		if r.Code != tt.code || !strings.Contains(r.Stderr, tt.stderr) {
			t.Errorf("%q: exit code %d, stderr %q; want %d, %q", tt.command, r.Code, r.Stderr, tt.code, tt.stderr)
		}
	}
	if r := labtest.Run(t, "no-such-scenario", "true"); r.Code != lab.Failed || !strings.Contains(r.Stderr, "no-such-scenario") {
		t.Errorf("unknown scenario: exit code %d, stderr %q", r.Code, r.Stderr)
	}
}

// A started lab, whose command has said where it is.
type started struct {
	cmd    *exec.Cmd
	state  hostState
	stderr *bytes.Buffer
}

func (s *started) wait(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if status := s.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.cmd.ProcessState.ExitCode()
}

// begin starts a lab whose command runs until its input, or it itself, is ended.
func begin(t *testing.T, command ...string) (*started, func()) {
	t.Helper()
	if command == nil {
		command = strings.Fields("ndwhy state then wait")
	}
	s := &started{cmd: labtest.Command(t, "vpc", "", command...), stderr: &bytes.Buffer{}}
	s.cmd.Stderr = s.stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the command said nothing: %v\n%s", err, s.stderr)
	}
	if err := json.Unmarshal(line, &s.state); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return s, func() { in.Close() }
}

// inNamespace returns the processes that are in a network namespace.
func inNamespace(t *testing.T, ns string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, l := range links {
		if got, err := os.Readlink(l); err == nil && got == ns {
			pids = append(pids, strings.Split(l, "/")[2])
		}
	}
	return pids
}

// children returns the processes that a process started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for s := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(s); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

func theCaller(_ *testing.T, caller int) []int { return []int{caller} }

// However a lab ends, nothing of it is left.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		victim func(t *testing.T, caller int) []int
		signal unix.Signal
		code   int
	}{
		{"its command ends", nil, 0, 0},
		{"the caller is killed", theCaller, unix.SIGKILL, 137},
		{"the first process is killed", children, unix.SIGKILL, lab.Failed},
		{"it is asked to end", theCaller, unix.SIGTERM, 143},
		{"it is interrupted", theCaller, unix.SIGINT, 130},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, finish := begin(t)
			if len(inNamespace(t, s.state.Namespace)) == 0 {
				t.Fatalf("no process in %s while the lab runs: the test sees nothing", s.state.Namespace)
			}
			if tt.victim == nil {
				finish()
			} else {
				for _, pid := range tt.victim(t, s.cmd.Process.Pid) {
					kill(t, pid, tt.signal)
				}
			}
			if code := s.wait(t); code != tt.code {
				t.Errorf("exit code %d, want %d; stderr %q", code, tt.code, s.stderr)
			}
			deadline := time.Now().Add(5 * time.Second)
			for {
				left := inNamespace(t, s.state.Namespace)
				if len(left) == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("processes %v are left in %s", left, s.state.Namespace)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func kill(t *testing.T, pid int, s unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
}

// helper is the test binary under another name.
func helper(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = args
	return cmd
}

func TestExec(t *testing.T) {
	t.Parallel()
	s, finish := begin(t)
	pid := strconv.Itoa(s.cmd.Process.Pid)
	for _, tt := range []struct {
		name, stdin string
		args        []string
		code        int
		stdout      string
		stderr      string
	}{
		{"input, directory, environment, code", "hello", []string{pid, "ubuntu2", "sh", "-c", "cat; hostname; echo $HERE; exit 5"}, 5, "helloubuntu2\nyes\n", ""},
		{"a network of its own", "", []string{pid, "ubuntu2", "ndwhy", "ping", global1}, 0, global1 + ": " + global1 + "\n", ""},
		{"a host that is not there", "", []string{pid, "ubuntu3", "true"}, lab.Failed, "", `no host "ubuntu3" in this lab; there are internet, ubuntu1, ubuntu2`},
		{"a lab that is not there", "", []string{"1", "ubuntu2", "true"}, lab.Failed, "", "no lab 1 of yours is running"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := helper(t, append([]string{execName}, tt.args...)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(tt.stdin), &stdout, &stderr
			cmd.Env = append(os.Environ(), "HERE=yes")
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || stdout.String() != tt.stdout || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", code, stdout.String(), stderr.String(), tt.code, tt.stdout, tt.stderr)
			}
			if strings.Count(stderr.String(), "\n") > 1 {
				t.Errorf("more than one line: %q", stderr.String())
			}
		})
	}
	t.Run("signals", func(t *testing.T) {
		cmd := helper(t, execName, pid, "ubuntu2", "sh", "-c", "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.02; done")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if l, err := lines.ReadString('\n'); l != "ready\n" {
			t.Fatalf("%q, %v", l, err)
		}
		kill(t, cmd.Process.Pid, unix.SIGTERM)
		l, _ := lines.ReadString('\n')
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); l != "got it\n" || code != 9 {
			t.Errorf("%q, exit code %d; want the command's own handler and its code 9", l, code)
		}
	})
	t.Run("its lab ends", func(t *testing.T) {
		cmd := helper(t, execName, pid, "ubuntu2", "sh", "-c", "echo ready; sleep 60")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if l, err := bufio.NewReader(out).ReadString('\n'); l != "ready\n" {
			t.Fatalf("%q, %v", l, err)
		}
		finish()
		if code := s.wait(t); code != 0 {
			t.Errorf("the lab's own command: exit code %d", code)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != lab.Failed || !strings.Contains(stderr.String(), "the lab has ended") {
			t.Errorf("exit code %d, stderr %q", code, stderr.String())
		}
	})
}

// A lease is renewed at half its preferred lifetime, and the address never goes away.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	labtest.Need(t)
	log := filepath.Join(t.TempDir(), "switch.jsonl")
	cmd := helper(t, append([]string{shortName, log}, strings.Fields("ndwhy sleep 4500ms then ping "+global2)...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := answers(t, string(out)); !slices.Equal(got[global2], []string{global2}) {
		t.Errorf("after the first lease's 4 s: %v", got)
	}
	renewed := 0
	for _, e := range labtest.ReadLog(t, log) {
		if e.Port == "ubuntu1" && strings.Contains(e.Frame, "DHCPv6 RENEW") && e.Verdict == vswitch.Answered {
			renewed++
		}
	}
	if renewed < 3 {
		t.Errorf("renewed %d times in 4.5 s at a T1 of 1 s", renewed)
	}
}

// Where the system allows no namespaces, one line says so and what to do.
func TestDenied(t *testing.T) {
	t.Parallel()
	labtest.Need(t)
	cmd := helper(t, deniedName)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if err := cmd.Start(); err != nil {
		t.Skip("user namespaces are not allowed here at all:", err)
	}
	_ = cmd.Wait()
	text := stderr.String()
	if code := cmd.ProcessState.ExitCode(); code != lab.Failed || !strings.Contains(text, "does not let a lab be built") || strings.Count(text, "\n") != 1 {
		t.Errorf("exit code %d, stderr %q", code, text)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	known := why.CauseNames()
	seen := map[string]bool{}
	for _, s := range lab.Scenarios {
		if seen[s.Name] {
			t.Errorf("%s: there are two", s.Name)
		}
		seen[s.Name] = true
		spec, causes, err := lab.Find(s.Name)
		if err != nil || spec.Scenario != s.Name || spec.Faulty == s.Healthy {
			t.Errorf("%s: %+v, %v", s.Name, spec, err)
		}
		for _, c := range causes {
			if !slices.Contains(known, c) {
				t.Errorf("%s: there is no cause %s", s.Name, c)
			}
		}
		if minus := slices.DeleteFunc(slices.Clone(s.Causes), func(c string) bool { return slices.Contains(causes, c) }); len(minus) > 0 {
			t.Errorf("%s: causes %v are without %v", s.Name, causes, minus)
		}
		if s.On != "" {
			if base, _, err := lab.Find(s.On); err != nil || base.Base != s.On {
				t.Errorf("%s breaks %q, which is no base: %v", s.Name, s.On, err)
			}
		}
	}
	spec, causes, err := lab.Find("forwarded-nd+no-ra+peer-down+link-down")
	if err != nil || spec.Base != "forwarded-nd" || !spec.Routers[0].Silent || !spec.Host("ubuntu2").Down || !spec.Faulty {
		t.Errorf("forwarded-nd+no-ra+peer-down+link-down: %+v, %v", spec, err)
	}
	if want := []string{"host.link-down", "peer.unmapped", "router.no-advertisement"}; !slices.Equal(causes, want) {
		t.Errorf("causes %v, want %v", causes, want)
	}
	_, causes, err = lab.Find("lan+peer-down")
	if want := []string{"net.open-link", "peer.unmapped"}; err != nil || !slices.Equal(causes, want) {
		t.Errorf("lan+peer-down: causes %v, want %v; %v", causes, want, err)
	}
	if again, _, err := lab.Find("vpc"); err != nil || again.Routers[0].Silent {
		t.Error("a fault has changed its base for good")
	}
	for _, bad := range []string{"", "nonsense", "vpc+nonsense", "vpc+lan", "+"} {
		if _, _, err := lab.Find(bad); err == nil {
			t.Errorf("%q was found", bad)
		}
	}
}

// TestInstanceIsAnotherMachine: what the firmware says of the machine is not said of the instance, or a
// lab on EC2 would always be taken for EC2.
func TestInstanceIsAnotherMachine(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/sys/class/dmi/id"); err != nil {
		t.Skip("this machine has no DMI to hide:", err)
	}
	if r := run(t, "lan", "sh", "-c", "ls -A /sys/class/dmi"); r.Stdout != "" {
		t.Errorf("/sys/class/dmi holds %q", r.Stdout)
	}
}

// TestFirmware: what the firmware says is what the scenario has it say, and the interfaces are still there to be seen.
func TestFirmware(t *testing.T) {
	t.Parallel()
	r := run(t, "hetzner", "sh", "-c", "cat /sys/class/dmi/id/sys_vendor; ls /sys/class/net")
	if lines := strings.Fields(r.Stdout); len(lines) < 3 || lines[0] != "Hetzner" || !slices.Contains(lines, "eth0") {
		t.Errorf("%q %s", r.Stdout, r.Stderr)
	}
}

// TestNetworkd: the host looks as one does that networkd configures, and nothing of it is left behind.
func TestNetworkd(t *testing.T) {
	t.Parallel()
	before, _ := os.ReadDir("/run/systemd/netif/links")
	r := run(t, "networkd", "sh", "-c",
		`cat /proc/sys/net/ipv6/conf/eth0/accept_ra /run/systemd/netif/links/*; for p in /proc/[0-9]*; do cat $p/comm; done`)
	for _, want := range []string{"0\n", "ADMIN_STATE=configured", "NETWORK_FILE=/run/systemd/network/70-eth0.network", "systemd-network\n"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("there is no %q in\n%s", want, r.Stdout)
		}
	}
	if after, _ := os.ReadDir("/run/systemd/netif/links"); len(after) != len(before) {
		t.Errorf("/run/systemd/netif/links held %d files before, and %d after", len(before), len(after))
	}
	if r := labtest.Run(t, "vpc", "ls", "/run/systemd/netif/links/2"); r.Code == 0 && len(before) == 0 {
		t.Error("another lab shows networkd's state")
	}
}

// A second router is heard only when everybody has the first one's route and a lease: of equal routes
// kernels prefer the one that they learnt first.
func TestFurtherRoutersComeLater(t *testing.T) {
	t.Parallel()
	log := run(t, "rogue-router", "true").SwitchLog
	second := slices.IndexFunc(log, func(e vswitch.Entry) bool { return strings.HasPrefix(e.Reason, "rogue ") })
	for _, port := range []string{"ubuntu1", "ubuntu2"} {
		leased := slices.IndexFunc(log, func(e vswitch.Entry) bool { return e.Port == port && e.Reason == "the DHCPv6 server answers" })
		if leased < 0 || second < leased {
			t.Errorf("%s has its lease at entry %d, the second router speaks at %d", port, leased, second)
		}
	}
}
