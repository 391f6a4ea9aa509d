//go:build interop

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// captors are programs that write captures, each in a form of its own, until they are told to end.
var captors = map[string]string{
	"tcpdump":         "tcpdump -U -w $FILE -i eth0",
	"tcpdump cooked":  "tcpdump -U -w $FILE -i any",
	"tcpdump precise": "tcpdump -U -w $FILE -i eth0 --nano",
	"dumpcap":         "dumpcap -q -w $FILE -i eth0",
	"tshark":          "tshark -q -w $FILE -F pcap -i eth0",
}

// What other programs captured in the lab tells the faults that frames can tell.
func TestInteropCaptures(t *testing.T) {
	t.Parallel()
	const again = "ip -6 addr del $(ip -6 -br addr show dev eth0 | grep -o '2001[^ ]*') dev eth0; ip -6 addr add 2001:db8:1f16:8df0:d326:143a:2015:79fa/64 dev eth0; sleep 2"
	const pings = "ping -6 -c 4 -i 0.5 -W 1 $PEER; ping -6 -c 4 -i 0.5 -W 1 3fff:7f8:b001:c09::71"
	for _, tt := range []struct {
		scenario, captor, meanwhile, want string
	}{
		{"vpc", "tcpdump", "ndwhy check", ""},
		{"lan", "dumpcap", "ndwhy check", ""},
		{"peer-unmapped", "tcpdump", "ndwhy check", "peer.unmapped"},
		{"peer-unmapped", "tcpdump cooked", "ndwhy check", "peer.unmapped"},
		{"router-unresolvable", "dumpcap", "ndwhy check", "router.unresolvable"},
		{"not-default", "tshark", "ndwhy check", "router.not-default"},
		{"rogue-router", "tcpdump precise", "ndwhy check", "router.rogue"},
		{"dhcp-silent", "dumpcap", "ndwhy check; sleep 3", "dhcpv6.silent"},
		{"dhcp-no-address", "tcpdump", "ndwhy check", "dhcpv6.no-address"},
		{"spoofed-advertisements", "tshark", "ndwhy check", "link.spoofed"},
		{"lan", "tcpdump", again, "address.duplicate"},
		{"lan", "tcpdump", pings, ""},
		{"vpc", "dumpcap", pings, ""},
		{"unassigned-address", "tcpdump", "ping -6 -c 4 -i 0.5 -W 1 -I $(ip -6 -br addr show dev eth0 | grep -o '2001[^ ]*c7f4') $PEER; " + pings, "address.unassigned"},
		{"peer-drops-echo", "tcpdump", pings, "peer.echo-blocked"},
		{"internet-refused", "tshark", pings, "path.refused"},
	} {
		t.Run(tt.scenario+" by "+tt.captor, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(strings.Fields(captors[tt.captor])[0]); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			file := filepath.Join(dir, "capture")
			labtest.Run(t, tt.scenario, "sh", "-c", fmt.Sprintf(
				`FILE=%s; PEER=2001:db8:1f16:8df0:d326:143a:2015:79fa; chmod 777 %s; %s 2>/dev/null & p=$!; sleep 3; { %s; } >/dev/null 2>&1; sleep 1; kill $p; wait $p`,
				file, dir, captors[tt.captor], tt.meanwhile,
			))
			var out, errs strings.Builder
			code := run([]string{"check", "--json", "--from", file}, nil, &out, &errs)
			got := readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code})
			var faults []string
			for _, f := range got.Findings {
				if f.Severity != why.Info || f.Cause == tt.want {
					faults = append(faults, f.Cause)
				}
			}
			faults = slices.Compact(faults)
			want := strings.Fields(tt.want)
			if len(want) > 0 && !slices.Contains(faults, tt.want) || len(want) == 0 && len(faults) > 0 || errs.Len() > 0 || got.Verdict == why.VerdictOK {
				t.Errorf("%v, want %v: %s: %s\n%s", faults, want, got.Verdict, got.Headline, errs.String())
			}
		})
	}
}

// What `--pcap` kept, compressed or not, is neighbour discovery and nothing else to other programs, which show what
// ndwhy says of each packet; and it tells ndwhy itself what frames can tell.
func TestInteropPcapComments(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"", ".gz", ".zst"} {
		t.Run("pcapng"+suffix, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			kept := filepath.Join(dir, "kept.pcapng"+suffix)
			labtest.Run(t, "peer-unmapped", "ndwhy", "check", "--pcap", kept)
			plain := filepath.Join(dir, "plain.pcapng")
			if out, err := exec.Command("sh", "-c", map[string]string{"": "cp $0 $1", ".gz": "zcat $0 > $1", ".zst": "zstd -qdo $1 $0"}[suffix], kept, plain).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			comments, err := exec.Command("tshark", "-n", "-r", plain, "-Y", "icmpv6.type == 135", "-T", "fields", "-e", "frame.comment").CombinedOutput()
			if err != nil || !strings.Contains(string(comments), "NS") {
				t.Errorf("%v: tshark shows of the solicitations:\n%s", err, comments)
			}
			others, err := exec.Command("tshark", "-n", "-r", plain, "-Y", "!(icmpv6.type >= 133 && icmpv6.type <= 137)").Output()
			if err != nil || len(others) > 0 {
				t.Errorf("%v: beside neighbour discovery it has\n%s", err, others)
			}
			if out, err := exec.Command("tcpdump", "-nr", plain, "icmp6").CombinedOutput(); err != nil || !strings.Contains(string(out), "neighbor solicitation") {
				t.Errorf("%v: tcpdump shows:\n%s", err, out)
			}
			var out, errs strings.Builder
			code := run([]string{"check", "--json", "--from", kept}, nil, &out, &errs)
			got := readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code})
			if !slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Cause == "peer.unmapped" }) || errs.Len() > 0 {
				t.Errorf("it does not tell the fault: %s\n%s", got.Headline, errs.String())
			}
		})
	}
}
