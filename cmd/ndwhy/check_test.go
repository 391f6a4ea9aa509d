package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// An address that a person added by hand is named, with the command that would assign it; where
// the kernel would now choose it as source, that the instance has cut itself off is said too.
func TestHandAddedAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address string
		how     string
		code    int
		cause   string
	}{
		// Of equals the newest is chosen (RFC 6724 §5 leaves it open; net/ipv6/addrconf.c keeps the
		// newest first).
		{next + "/64", "", 2, "host.source-selection"},
		// A deprecated one is chosen for nothing while another is there (rule 3).
		{next + "/64", "deprecated", 1, "address.unassigned"},
	} {
		r := labtest.Run(t, "vpc", "sh", "-c", "ndwhy test-address "+c.address+" "+c.how+" && ndwhy check --json")
		got := readReport(t, r)
		if r.Code != c.code {
			t.Errorf("%s %s: exit %d, want %d: %s", c.address, c.how, r.Code, c.code, got.Headline)
		}
		finding(t, got, c.cause)
		f := finding(t, got, "address.unassigned")
		host, _, _ := strings.Cut(c.address, "/")
		if f.Subject.Value != host || f.Confidence != why.Certain {
			t.Errorf("%s: %+v, %s", c.address, f.Subject, f.Confidence)
		}
		if !strings.Contains(strings.Join(f.Remedy, "\n"), "aws ec2 assign-ipv6-addresses --network-interface-id eni-") ||
			!strings.Contains(strings.Join(f.Remedy, "\n"), "ip -6 addr del "+c.address+" dev eth0") {
			t.Errorf("%s: remedy %q", c.address, f.Remedy)
		}
	}
}

// Bad input is one clear line and the right exit code.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"check -i nope", 64, `no interface "nope"`},
		{"check -i lo", 3, "lo does no neighbour discovery"},
		{"check --peer 2001:db8::g", 64, `"2001:db8::g": not an IPv6 address`},
		{"check --peer 192.0.2.1", 64, `not an IPv6 address`},
		{"check --peer ff02::1", 64, "not a unicast address"},
		{"check --peer fe80::1%nope", 64, `no interface "nope"`},
		{"check --internet example.org", 64, `--internet "example.org"`},
		{"check --assigned 2001:db8::/200", 64, "--assigned"},
		{"check --assigned ::/0", 64, "--assigned ::/0: want an address, or a prefix of 48 bits or more"},
		{"check --assigned 2001:db8::/47", 64, "--assigned 2001:db8::/47: want an address, or a prefix of 48 bits or more"},
		{"check --add all", 64, "want none, claim or kernel"},
		{"check --profile mars", 64, "no such profile; there are"},
		{"check --count 0", 64, "--count 0"},
		{"check --timeout 1", 64, "timeout"},
		{"check --imds ftp://x", 64, "--imds"},
		{"check --only nope", 64, `no such check`},
		{"check nope", 64, "no such check"},
		{"check --format yaml", 64, "--format"},
		{"check --json --format text", 64, "choose one"},
		{"check --fail-on ok", 64, "--fail-on"},
		{"check --record /nonexistent/file", 64, "/nonexistent/file"},
		{"check --pcap /proc/version", 64, "/proc/version"},
		{"check --output /nonexistent/file", 64, "/nonexistent/file"},
		{"check --from /nonexistent/file", 64, "/nonexistent/file"},
		{"check --from /proc", 64, "/proc: neither a file nor a pipe"},
		{"check --from /proc/self/status", 64, "neither a recording nor a capture"},
		{"check --from /proc/self/status --from b", 64, "--from b"},
		{"check --far true --from /proc/self/status", 64, "--far is for asking the network"},
		{"check --far=", 64, "the name is empty"},
		{"check --from /proc/self/status --dry-run", 64, "--dry-run is for asking the network"},
		{"check --from /proc/self/status peer-nd", 64, "peer-nd is for asking the network"},
		{"check --wat", 64, "unknown flag: --wat"},
		{"wat", 64, `unknown command "wat"`},
		{"explain wat", 64, "no such cause, check or network"},
		{"watch --only wat", 64, "no such kind of event"},
	} {
		r := labtest.Run(t, "vpc", append([]string{"ndwhy"}, strings.Fields(c.args)...)...)
		if r.Code != c.code {
			t.Errorf("ndwhy %s: exit %d, want %d", c.args, r.Code, c.code)
		}
		if !strings.Contains(r.Stderr, c.says) || strings.Count(r.Stderr, "\n") != 1 || r.Stdout != "" {
			t.Errorf("ndwhy %s says %q and prints %q, want one line with %q", c.args, r.Stderr, r.Stdout, c.says)
		}
	}
}

// Of one interface that is down nobody need say that it is meant: it is what is wrong.
func TestOnlyInterfaceIsDown(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "link-down", "ndwhy", "check", "--json")
	got := readReport(t, r)
	causes(t, got, "host.link-down")
	if r.Code != 2 || len(got.Interfaces) != 1 || got.Interfaces[0].Name != "eth0" {
		t.Errorf("exit %d of %v: %s", r.Code, got.Interfaces, got.Headline)
	}
}

// Without -i every interface that the host uses is examined, as long as it takes for one, and the report
// and its recording name those that are not, and why.
func TestInterfacesInUse(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/run.jsonl"
	for _, c := range []struct {
		flags    string
		examined []string
		left     []report.NotExamined
	}{
		{"--record " + file, []string{"eth0", "eth1"}, []report.NotExamined{{Name: "docker0", Why: "this host is the router there"}}},
		{"-i eth1", []string{"eth1"}, []report.NotExamined{{Name: "eth0", Why: "-i names others"}}},
		{"-i eth0 -i eth1", []string{"eth0", "eth1"}, nil},
	} {
		r := labtest.Run(t, "two-interfaces", append([]string{"ndwhy", "test-bridge", "ndwhy", "check", "--json"}, strings.Fields(c.flags)...)...)
		got := readReport(t, r)
		var names []string
		for _, i := range got.Interfaces {
			names = append(names, i.Name)
			if !slices.ContainsFunc(got.Paths, func(p report.Path) bool {
				return p.Interface == i.Name && p.TargetClass == diag.TargetInternet && p.Outcome == diag.Answered
			}) {
				t.Errorf("%s: nothing beyond the router was asked by %s", c.flags, i.Name)
			}
		}
		if r.Code != 0 || !slices.Equal(names, c.examined) || !slices.Equal(got.NotExamined, c.left) || got.DurationMS > 5000 {
			t.Errorf("%s: exit %d after %d ms: examined %v, not %v; %s", c.flags, r.Code, got.DurationMS, names, got.NotExamined, got.Headline)
		}
		if len(c.left) > 0 && c.left[0].Name == "docker0" {
			var out, errs strings.Builder
			if code := run([]string{"check", "--json", "--from", file}, nil, &out, &errs); code != 0 || out.String() != r.Stdout {
				t.Errorf("the recording gives exit %d %s; %d bytes against %d", code, errs.String(), out.Len(), len(r.Stdout))
			}
		}
	}
}

func init() { helpers["test-bridge"] = bridged }

// bridged becomes what it is given, with a bridge for containers beside the host's interfaces.
func bridged(args []string) error {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "docker0"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	addr, err := netlink.ParseAddr("fd00:d0c::1/64")
	if err != nil {
		return err
	}
	if err := errors.Join(netlink.AddrAdd(bridge, addr), netlink.LinkSetUp(bridge)); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, args, os.Environ())
}

// unprivileged becomes "ndwhy ARGS" without any capability, as an ordinary user has none.
func unprivileged(args []string) error {
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, 1 /* SECBIT_NOROOT */, 0, 0, 0); err != nil {
		return fmt.Errorf("securebits: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	path, err := exec.LookPath("ndwhy")
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{"ndwhy"}, args...), os.Environ())
}

// Without a privilege the check does what it can, says the exact line that gives the rest, and ends
// with 3: the question could not be answered.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "ndwhy", "test-unprivileged", "check", "--json")
	got := readReport(t, r)
	if r.Code != 3 || got.Verdict != why.VerdictUnknown {
		t.Errorf("exit %d, %s: %s", r.Code, got.Verdict, got.Headline)
	}
	if len(got.Addresses) != 2 || len(got.Neighbours.ByState) == 0 {
		t.Errorf("what needs no privilege is missing: %+v %+v", got.Addresses, got.Neighbours)
	}
	text := labtest.Run(t, "vpc", "ndwhy", "test-unprivileged", "check")
	lines := strings.Split(strings.TrimSuffix(text.Stdout, "\n"), "\n")
	if len(lines) != 4 || !regexp.MustCompile(`^Do +sudo \S*ndwhy\S* check$`).MatchString(lines[1]) || !strings.Contains(lines[2], "sudo setcap cap_net_raw") {
		t.Errorf("want four lines, with what gives the rest:\n%s", text.Stdout)
	}
}

// The interface may go away in the middle: the check ends, soon, and says so.
func TestInterfaceVanishes(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "sh", "-c", "ndwhy check --json & pid=$!; ndwhy test-delete; wait $pid")
	got := readReport(t, r)
	if r.Code != 3 || got.DurationMS > 5000 || !strings.Contains(got.Headline, "eth0 was removed") || len(got.Findings) > 0 {
		t.Errorf("exit %d after %d ms: %s: %s %v", r.Code, got.DurationMS, got.Verdict, got.Headline, got.Findings)
	}
	if strings.Contains(r.Stderr, "panic") || strings.Contains(r.Stderr, "goroutine") {
		t.Error(r.Stderr)
	}
}

// What is switched off in the middle is named, and what was gone for a moment is nobody's fault.
func TestIPv6GoesInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then string
		code int
		says string
	}{
		"for good":     {"true", 2, "IPv6 is switched off on eth0"},
		"for a moment": {"echo 0 >$file", 3, "was removed from eth0 during the run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := labtest.Run(t, "vpc", "sh", "-c", "file=/proc/sys/net/ipv6/conf/eth0/disable_ipv6; ndwhy check --json --add kernel & pid=$!; "+
				"ndwhy test-vanish appear && echo 1 >$file && "+c.then+"; wait $pid")
			got := readReport(t, r)
			faults := slices.DeleteFunc(got.Findings, func(f report.Finding) bool {
				return f.Severity == why.Info || f.Cause == "host.ipv6-disabled"
			})
			if r.Code != c.code || !strings.Contains(got.Headline, c.says) || len(faults)+len(got.Unexplained) > 0 {
				t.Errorf("exit %d: %s: %s, named besides %v, unexplained %v", r.Code, got.Verdict, got.Headline, faults, got.Unexplained)
			}
		})
	}
}

// A recording diagnoses to the same report, byte for byte.
func TestRecordingGivesTheSameReport(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/run.jsonl"
	r := labtest.Run(t, "vpc", "ndwhy", "check", "--json", "--add", "claim", "--record", file)
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("recording: %v %v", info.Mode(), err)
	}
	var out, errs strings.Builder
	if code := run([]string{"check", "--json", "--from", file}, nil, &out, &errs); code != 0 || out.String() != r.Stdout {
		t.Errorf("exit %d %s; %d bytes against %d", code, errs.String(), out.Len(), len(r.Stdout))
	}
}

func init() { helpers["test-await"] = await }

// await waits until a file has a text in it.
func await(args []string) error {
	return until(20*time.Second, func() (bool, error) {
		text, err := os.ReadFile(args[0])
		return strings.Contains(string(text), args[1]), err
	})
}

// By which way the kernel would send is asked again as soon as its addresses are others, and said where
// that is another way then.
func TestChoicesFollowAddresses(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/events"
	r := labtest.Run(t, "vpc", "sh", "-c", "ndwhy watch --json --only selection >"+file+" & pid=$!; "+
		`ndwhy test-await `+file+` '"source":"`+ubuntu1+`"' && ndwhy test-address `+next+`/64 && ndwhy test-await `+file+` '"source":"`+next+`"'; `+
		`code=$?; kill $pid; exit $code`)
	if r.Code != 0 {
		text, _ := os.ReadFile(file)
		t.Errorf("exit %d %s: %s", r.Code, r.Stderr, text)
	}
}

// deleteLink takes eth0 away once a check is under way: when the kernel has a neighbour entry.
func deleteLink([]string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := until(10*time.Second, func() (bool, error) {
		list, err := netlink.NeighList(link.Attrs().Index, unix.AF_INET6)
		return slices.ContainsFunc(list, func(n netlink.Neigh) bool { return n.IP.String() == ubuntu2 }), err
	}); err != nil {
		return err
	}
	return netlink.LinkDel(link)
}
