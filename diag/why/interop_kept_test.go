//go:build interop

package why

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// TestInteropKept gives what is advised to last beyond a reboot to the programs that it is for: netplan, networkd,
// NetworkManager, sysctl and the shell take every line of it, under a root of their own.
func TestInteropKept(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for name, m := range managers {
		t.Run(name, func(t *testing.T) {
			m.Interface = "eth0"
			var done []string
			kept := map[string]bool{} // by what they are kept
			for _, tt := range diagtest.CauseTests {
				for _, f := range Diagnose(tt.World().Say(m).State()).Findings {
					for _, a := range f.Remedies {
						all := strings.Join(a.Persistent, "\n")
						if all == "" || slices.Contains(done, all) {
							continue
						}
						done = append(done, all)
						e := newEtc(t)
						e.run(t, a.Persistent)
						kept[e.taken(t)] = true
						if t.Failed() {
							t.Fatalf("%s, of %s:\n%s", f.Cause, tt.Name, all)
						}
					}
				}
			}
			for _, by := range map[string][]string{
				"nobody": {"sysctl.d"}, "networkd": {"sysctl.d", "systemd"}, "netplan": {"netplan", "systemd"},
				"ifupdown": {"sysctl.d", "network"}, "NetworkManager": {"nmcli"},
			}[name] {
				if !kept[by] {
					t.Errorf("nothing was kept by %s, but by %v:\n%s", by, kept, strings.Join(done, "\n"))
				}
			}
		})
	}
}

// TestInteropFirewalldKeeps: firewalld takes what is to be permanent.
func TestInteropFirewalldKeeps(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	offline, err := exec.LookPath("firewall-offline-cmd")
	if err != nil {
		t.Fatal(err)
	}
	e := newEtc(t)
	e.stand(t, "firewall-cmd", `case "$*" in --get-zone-of-interface=*) echo public ;; *) [ "$1" = --permanent ] && shift && exec `+offline+` --system-config `+e.dir+` "$@" ;; esac`)
	for _, rule := range []string{"drop", "policy drop"} {
		f := diag.Filter{
			Table: "inet firewalld", Chain: "filter_IN_public_deny", Hook: "input", Rule: rule, Handle: 7, Verdict: "drop",
			Matches: []string{"na", "ns", "ra", "packet-too-big", "dhcpv6"}, Tool: diag.ToolFirewalld,
		}
		h := &hypothesis{iface: "eth0", cause: &firewall, subject: Subject{"rule", ruleName(f)}, facts: []diag.Event{{Seq: 1, Body: f}}}
		v := newView(diagtest.VPC().State())
		list, _ := v.advise(h, v.args(h))
		if len(list) == 0 || len(list[0].Persistent) == 0 {
			t.Errorf("%s: nothing is kept", rule)
			continue
		}
		e.run(t, list[0].Persistent)
	}
}

// etc is a directory in the place of /etc, and one of programs that know it.
type etc struct{ dir, bin string }

func newEtc(t *testing.T) etc {
	t.Helper()
	root := t.TempDir()
	e := etc{filepath.Join(root, "etc"), filepath.Join(root, "bin")}
	for _, dir := range []string{e.bin, e.file("systemd/network"), e.file("netplan"), e.file("network/if-up.d"), e.file("sysctl.d")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"10-eth0.network", "10-netplan-eth0.network"} {
		if err := os.WriteFile(e.file("systemd/network/"+name), []byte("[Match]\nName=eth0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e.stand(t, "sudo", `exec "$@"`)
	e.stand(t, "networkctl", "exit 0")
	if netplan, err := exec.LookPath("netplan"); err == nil {
		e.stand(t, "netplan", `case $1 in set) shift; exec `+netplan+` set --root-dir `+root+` "$@" ;; try) exec `+netplan+` generate --root-dir `+root+` ;; esac; exit 1`)
	}
	if nmcli, err := exec.LookPath("nmcli"); err == nil {
		e.stand(t, "nmcli", `[ "$1" = -g ] && echo 2a && exit
[ "$1 $2 $3" = "connection modify 2a" ] && shift 3 || exit 1
printf '[connection]\nid=eth0\nuuid=5f0b7c62-1a1e-4f3b-9a51-2c3c1b1c9c11\ntype=ethernet\n' | `+nmcli+` --offline connection modify "$@"`)
	}
	return e
}

func (e etc) file(name string) string { return filepath.Join(e.dir, name) }

// stand puts a script in the place of a program.
func (e etc) stand(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(e.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
}

// run runs commands as they are advised.
func (e etc) run(t *testing.T, commands []string) {
	t.Helper()
	for _, c := range commands {
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(c, "/etc/", e.dir+"/"))
		cmd.Env = append(os.Environ(), "PATH="+e.bin+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", c, err, out)
		}
	}
}

// taken has the program that a change was written for read it, and returns what that is.
func (e etc) taken(t *testing.T) string {
	t.Helper()
	by := map[string]func(*testing.T, etc){"sysctl.d/90-ndwhy.conf": sysctlTakes, "systemd/network/*.d": networkdTakes, "netplan/90-ndwhy.yaml": netplanTakes, "network/if-up.d/ndwhy": shellTakes}
	for pattern, takes := range by {
		if found, err := filepath.Glob(e.file(pattern)); err == nil && len(found) > 0 {
			takes(t, e)
			name, _, _ := strings.Cut(pattern, "/")
			return name
		}
	}
	return "nmcli"
}

func netplanTakes(t *testing.T, e etc) {
	t.Helper()
	if made, err := filepath.Glob(filepath.Join(filepath.Dir(e.dir), "run/systemd/network/*.network")); err != nil || len(made) == 0 {
		t.Errorf("netplan made nothing for networkd: %v", err)
	}
}

func shellTakes(t *testing.T, e etc) {
	t.Helper()
	for name, want := range map[string]string{"eth0": "", "eth1": ""} {
		cmd := exec.Command("sh", "-c", `[ -x "$0" ] && sh -n "$0" && { [ "$IFACE" = eth0 ] || "$0"; }`, e.file("network/if-up.d/ndwhy"))
		cmd.Env = append(os.Environ(), "IFACE="+name)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("for %s: %v: %s", name, err, out)
		}
	}
}

// networkdTakes has networkd read its directory, in a network and with mounts of its own.
func networkdTakes(t *testing.T, e etc) {
	t.Helper()
	const networkd = "/lib/systemd/systemd-networkd"
	cmd := exec.Command("unshare", "-n", "-m", "sh", "-c", `mkdir -p /etc/systemd/network && mount --bind "$0" /etc/systemd/network && exec `+networkd, e.file("systemd/network"))
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=info", "SYSTEMD_LOG_TARGET=console")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	var says bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(says.String(), "Enumeration completed") {
		n, err := pipe.Read(buf)
		says.Write(buf[:n])
		if err != nil {
			t.Errorf("networkd did not start: %v: %s", err, says.String())
			break
		}
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	for _, bad := range []string{"gnoring", "Unknown", "Invalid", "Failed to parse"} {
		if strings.Contains(says.String(), bad) {
			t.Errorf("networkd says: %s", says.String())
			break
		}
	}
}

// sysctlTakes sets what a file of sysctl.d has, in a network of its own that has the interface; what there is one of for
// the whole machine only has to be there.
func sysctlTakes(t *testing.T, e etc) {
	t.Helper()
	text, err := os.ReadFile(e.file("sysctl.d/90-ndwhy.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var own strings.Builder
	for line := range strings.Lines(string(text)) {
		key, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(key, "net.ipv6.neigh.default.gc_") {
			own.WriteString(line)
			continue
		}
		if out, err := exec.Command("sysctl", "-n", key).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", key, err, out)
		}
	}
	cmd := exec.Command("unshare", "-n", "sh", "-ec", "ip link add eth0 type veth peer name other; sysctl -p -")
	cmd.Stdin = strings.NewReader(own.String())
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("cannot stat")) {
		t.Error(fmt.Errorf("%w: %s:\n%s", err, out, text))
	}
}
