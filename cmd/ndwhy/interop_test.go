//go:build interop

package main_test

import (
	"cmp"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/lab/labtest"
)

// The explanations of a subnet that filters per address, as the lab's VPC has them.
var filtered = []string{"net.multicast-suppressed", "net.per-address-filter", "net.router-silent"}

// What is assigned may come from any source, and candidates may be tried either way: the same
// explanations.
func TestInteropPerAddressFilter(t *testing.T) {
	need(t)
	nstest.Run(t, func(t *testing.T) { //nolint:thelper // the test itself
		s := newSubnet(t)
		// First of all, as it needs a peer that the kernel has not asked for.
		t.Run("by kernel, the lease from dhclient's file", func(t *testing.T) {
			r := s.explained(t, s.leases, "--add", "kernel")
			r.assigned(t, diag.FromLease)
			for _, p := range r.want(t, "silent!", path{Check: "added", Asks: "dad", Via: "kernel"}) {
				if p.Detail != "" {
					t.Errorf("%s", p)
				}
			}
			fresh := slices.DeleteFunc(r.paths(path{Check: "added", Source: nextTo, Asks: "nd", Via: "kernel"}), func(p path) bool { return p.Outcome != "silent" })
			if len(fresh) != 1 {
				t.Errorf("the kernel's own question from %s, which stays INCOMPLETE: %v", nextTo, fresh)
			}
		})
		t.Run("by claim, assigned by the user", func(t *testing.T) {
			s.explained(t, s.empty, "--add", "claim", "--assigned", assignedOf).assigned(t, diag.FromUser)
		})
		t.Run("by claim, nobody says what is assigned", func(t *testing.T) {
			r := s.explained(t, s.empty, "--add", "claim")
			for _, a := range r.Address {
				if known := a.Assigned != nil; known != (a.Address == instanceLL) {
					t.Errorf("%s: assigned %v", a.Address, a.Assigned)
				}
			}
		})
		t.Run("by claim, a Reply on the tap", func(t *testing.T) { s.replied(t) })
		t.Run("stock tools on both sides", func(t *testing.T) { s.besideStockTools(t) })
	})
}

// explained runs the check and holds the report against what is true of the subnet.
func (s *subnet) explained(t *testing.T, leases string, args ...string) seenReport {
	t.Helper()
	before := s.dropped(t)
	r := s.check(t, leases, args...)
	s.holds(t, r, before)
	return r
}

// holds fails the test unless the report says of the filtered subnet what is true of it, and the
// bridge's counters agree.
func (s *subnet) holds(t *testing.T, r seenReport, before map[string]int) {
	t.Helper()
	if r.Verdict != "ok" || len(r.Unexplained) > 0 {
		t.Errorf("verdict %s: %s; unexplained: %v", r.Verdict, r.Headline, r.Unexplained)
	}
	if got := r.causes(); !slices.Equal(got, filtered) {
		t.Errorf("causes %v", got)
	}
	for _, f := range r.Findings {
		if f.Severity != "info" || len(f.Evidence) == 0 {
			t.Errorf("%s: severity %s, evidence %v", f.Cause, f.Severity, f.Evidence)
		}
		for _, id := range f.Evidence {
			if !slices.ContainsFunc(r.Evidence, func(e struct{ ID, What string }) bool { return e.ID == id }) {
				t.Errorf("%s rests on %s, which is not there", f.Cause, id)
			}
		}
	}
	for _, target := range []string{peerOf, peerFresh, peerLL} {
		r.answered(t, path{Check: "peer-nd", Target: target})
		r.answered(t, path{Check: "peer-echo", Target: target})
	}
	r.answered(t, path{Check: "router-nd", Target: routerLL})
	r.want(t, "silent?", path{Check: "router-echo"})
	for _, p := range r.want(t, "silent?", path{Check: "all-nodes"}) {
		if len(p.Responders) > 0 {
			t.Errorf("ff02::1 was answered: %s", p)
		}
	}
	r.answered(t, path{Check: "internet", Target: internetOf})
	r.answered(t, path{Check: "source", Source: assignedOf, Asks: "nd"})
	r.answered(t, path{Check: "source", Source: assignedOf, Asks: "echo"})

	r.want(t, "silent!", path{Check: "added", Asks: "dad", Via: "wire"})
	// What the kernel sent answers for the wire too, where it left: one frame, two paths.
	frames := map[[3]string]int{}
	for _, asks := range []string{"nd", "echo"} {
		for _, p := range r.want(t, "silent?", path{Check: "added", Asks: asks, SourceClass: "candidate"}) {
			q := [3]string{asks, p.Source, p.Target}
			frames[q] = max(frames[q], p.Sent)
		}
	}
	sent := 0
	for _, n := range frames {
		sent += n
	}
	all := r.candidates()
	if len(all) < 4 || !slices.Contains(all, netip.MustParseAddr(nextTo)) {
		t.Errorf("candidates %v", all)
	}
	s.sameRouter(t, r)
	s.sameNeighbours(t, r)

	// The filter's own word: it saw what the report says was sent, and nothing got past it.
	after := s.dropped(t)
	if n := after["not_assigned"] - before["not_assigned"]; n < sent || sent == 0 {
		t.Errorf("the filter dropped %d frames from unassigned addresses, the report says that %d were sent", n, sent)
	}
	if after["all_nodes"] == before["all_nodes"] {
		t.Error("the filter saw no echo to ff02::1")
	}
	if after["wrong_mac"] != 0 {
		t.Errorf("%d frames from a MAC that is not the interface's", after["wrong_mac"])
	}
	for _, n := range []*node{s.peer, s.router} {
		list, err := n.nl.NeighList(n.link(t, "eth0").Attrs().Index, netlink.FAMILY_V6)
		must(t, "neighbours", err)
		for _, e := range list {
			if a, _ := netip.AddrFromSlice(e.IP); slices.Contains(all, a) {
				t.Errorf("%s has an entry for the candidate %s", n.name, a)
			}
		}
	}
}

// assigned fails the test unless the report knows the address from the source, and is certain of
// the filter for that.
func (r seenReport) assigned(t *testing.T, source diag.AssignmentSource) {
	t.Helper()
	if !slices.Contains(r.Assigned, struct{ Prefix, Source string }{assignedOf + "/128", string(source)}) {
		t.Errorf("assigned by %s: %v", source, r.Assigned)
	}
	if f := r.finding(t, "net.per-address-filter"); f.Confidence != "certain" {
		t.Errorf("net.per-address-filter is %s", f.Confidence)
	}
	for _, a := range r.Address {
		if a.Assigned == nil || !*a.Assigned {
			t.Errorf("%s: assigned %v", a.Address, a.Assigned)
		}
	}
}

// answered fails the test unless a question was answered at least once, and never badly.
func (r seenReport) answered(t *testing.T, match path) {
	t.Helper()
	some := false
	for _, p := range r.paths(match) {
		good := p.Outcome == "answered" && p.Normal != nil && *p.Normal
		some = some || good
		if !good && p.Outcome != "skipped" {
			t.Errorf("want it answered: %s", p)
		}
	}
	if !some {
		t.Errorf("not answered: %+v", match)
	}
}

// sameRouter holds what the report says of the router against what radvd was told to advertise: the
// lifetime counts down.
func (s *subnet) sameRouter(t *testing.T, r seenReport) {
	t.Helper()
	if len(r.Routers) != 1 {
		t.Errorf("routers %+v", r.Routers)
		return
	}
	is := r.Routers[0]
	if is.Address != routerLL || is.MAC != routerMAC || !slices.Equal(is.Flags, []string{"M"}) || is.LifetimeS < 1780 || is.LifetimeS > 1800 ||
		len(is.Prefixes) != 1 || is.Prefixes[0].Prefix != subnetOf || !is.Prefixes[0].OnLink || is.Prefixes[0].Autonomous {
		t.Errorf("router %+v", is)
	}
	r.want(t, "answered!", path{Check: "ra"})
}

// sameNeighbours holds the report's neighbour cache against who is there.
func (s *subnet) sameNeighbours(t *testing.T, r seenReport) {
	t.Helper()
	want := map[string]string{routerLL: routerMAC, peerOf: peerMAC, peerFresh: peerMAC, peerLL: peerMAC}
	for _, n := range r.Neighbours.Asked {
		mac, ok := want[n.Address]
		if !ok {
			continue
		}
		delete(want, n.Address)
		if n.MAC != mac || n.Router != (n.Address == routerLL) || !slices.Contains([]string{"REACHABLE", "STALE", "DELAY", "PROBE"}, strings.ToUpper(n.State)) {
			t.Errorf("neighbour %+v", n)
		}
	}
	if len(want) > 0 {
		t.Errorf("no neighbours %v in %+v", want, r.Neighbours.Asked)
	}
}

// replied has dhclient ask again, with nothing written down that the program can read, while the
// check runs and records: the Reply on the tap says what is assigned, and the recording says the
// same as the run.
func (s *subnet) replied(t *testing.T) {
	t.Helper()
	recording := filepath.Join(s.dir, "recording")
	before := s.dropped(t)
	p := s.program(t, s.empty, append(slices.Clone(common), "--add", "claim", "--count", "5", "--record", recording)...)
	eventually(t, "the program listens", func() bool {
		b, _ := os.ReadFile(recording)
		return strings.Contains(string(b), `"kind":"frame"`) || strings.Contains(string(b), `"name":"frames","state":"synced"`)
	})
	s.lease(t, filepath.Join(s.dir, "elsewhere.leases"))
	r := p.report(t)
	s.holds(t, r, before)
	r.assigned(t, diag.FromDHCPv6)

	again := s.program(t, s.empty, "check", "--json", "--from", recording)
	if again.wait(t) != 0 || again.stdout.String() != p.stdout.String() {
		t.Errorf("the recording says otherwise: %s%s", again.stdout.String(), again.stderr.String())
	}
}

// besideStockTools has Debian's tools ask the same questions, from the instance and, while the
// program holds its claims, from the peer.
func (s *subnet) besideStockTools(t *testing.T) {
	t.Helper()
	away := s.peer.start(t, nil, "ping", "-n", "-i", "0.02", assignedOf)
	home := s.instance.start(t, nil, "ping", "-n", "-i", "0.02", peerOf)
	eventually(t, "the pings run", func() bool {
		return strings.Contains(away.stdout.String(), "bytes from") && strings.Contains(home.stdout.String(), "bytes from")
	})
	p := s.program(t, s.empty, append(slices.Clone(common), "--add", "claim", "--assigned", assignedOf)...)
	asked := 0
	for running := true; running; asked++ {
		if out, code := s.peer.run(t, "ndisc6", "-1", "-q", "-r", "1", "-w", "100", nextTo, "eth0"); code == 0 {
			t.Errorf("somebody answers for the candidate: %s", out)
		}
		if out := s.peer.ok(t, "ndisc6", "-1", "-q", "-r", "3", "-w", "500", assignedOf, "eth0"); !strings.EqualFold(strings.TrimSpace(out), instanceMAC) {
			t.Errorf("%s is at %q", assignedOf, out)
		}
		select {
		case <-p.ended:
			running = false
		default:
		}
	}
	if asked < 5 {
		t.Errorf("the peer asked %d times", asked)
	}
	r := p.report(t)
	for _, ping := range []*process{away, home} {
		must(t, "ping", ping.cmd.Process.Signal(os.Interrupt))
		<-ping.ended
		if out := ping.stdout.String(); !regexp.MustCompile(`, 0% packet loss`).MatchString(out) {
			t.Errorf("the instance's own traffic noticed: %s", out[strings.LastIndex(out, "---"):])
		}
	}

	ra := s.instance.ok(t, "rdisc6", "-1", "-r", "3", "eth0")
	for _, line := range []string{
		`Stateful address conf\.\s*:\s*Yes`, `Router lifetime\s*:\s*1800 `, `Prefix\s*: ` + subnetOf,
		`On-link\s*:\s*Yes`, `Autonomous address conf\.:\s*No`, `(?i)Source link-layer address: ` + routerMAC, `from ` + routerLL,
	} {
		if !regexp.MustCompile(line).MatchString(ra) {
			t.Errorf("rdisc6 does not say %s: %s", line, ra)
		}
	}
	s.sameRouter(t, r)
	// One tool's question a path: what the kernel or the wire was asked from the assigned addresses.
	type question struct{ asks, target, mac string }
	outcomes := map[question]string{}
	for _, p := range r.Paths {
		if p.SourceClass != "assigned" || p.Outcome == "skipped" || p.Asks != "nd" && p.Asks != "echo" || p.TargetClass == "all-nodes" {
			continue
		}
		q := question{p.Asks, p.Target, ""}
		if p.Asks == "nd" && p.Outcome == "answered" && len(p.Responders) > 0 {
			q.mac = p.Responders[0].MAC
		}
		outcomes[q] = cmp.Or(outcomes[q], p.Outcome)
	}
	if len(outcomes) < 8 {
		t.Errorf("outcomes %v", outcomes)
	}
	type answer struct {
		p *process
		q question
	}
	var tools []answer
	for q := range outcomes {
		args := []string{"ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", "eth0", q.target}
		if q.asks == "nd" {
			args = []string{"ndisc6", "-1", "-q", "-r", "2", "-w", "500", q.target, "eth0"}
		}
		tools = append(tools, answer{s.instance.start(t, nil, args[0], args[1:]...), q})
	}
	for _, a := range tools {
		code, out := a.p.wait(t), strings.TrimSpace(a.p.stdout.String())
		if (code == 0) != (outcomes[a.q] == "answered") {
			t.Errorf("ndwhy says %s of %v, %s exits %d: %s", outcomes[a.q], a.q, a.p.name, code, out)
		}
		if a.q.mac != "" && !strings.EqualFold(out, a.q.mac) {
			t.Errorf("ndwhy says %s, ndisc6 %q", a.q.mac, out)
		}
	}
}

// Amazon's mock of the metadata service says what is assigned, and so that this is a VPC.
func TestInteropMetadataMock(t *testing.T) {
	need(t)
	mock, err := exec.LookPath(cmp.Or(os.Getenv("EC2_METADATA_MOCK"), "ec2-metadata-mock"))
	if err != nil {
		absent(t, err.Error()+": go install github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock@v1.13.0")
	}
	nstest.Run(t, func(t *testing.T) { //nolint:thelper // the test itself
		s := newSubnet(t)
		s.router.address(t, "eth0", diag.VPCRouter.String()+"/64")
		s.services(t, mock)
		const imds = "http://[fd00:ec2::254]"
		r := s.explained(t, s.empty, "--add", "claim", "--imds", imds, "--try", "fe80::1234")
		r.assigned(t, diag.FromIMDS)
		sameAsLab(t, r)
		if r.Profile.Name != "aws" || r.Profile.Confidence != "certain" {
			t.Errorf("profile %+v", r.Profile)
		}
		for _, target := range []string{diag.VPCRouter.String(), routerGlobal} {
			r.want(t, "answered!", path{Check: "router-nd", Target: target, Via: "wire"})
			r.want(t, "silent!", path{Check: "router-echo", Target: target, Via: "wire"})
		}
		// What a VPC is known for is normal here, not only no fault.
		for _, check := range []string{"router-echo", "all-nodes", "added"} {
			for _, p := range r.paths(path{Check: check}) {
				if p.Outcome != "skipped" && (p.Normal == nil || !*p.Normal) {
					t.Errorf("not normal in a VPC: %s", p)
				}
			}
		}

		// An address that the VPC does not know, with the command that would assign it.
		s.handAdd(t, "0")
		r = s.check(t, s.empty, "--imds", imds)
		f := r.finding(t, "address.unassigned")
		if want := "aws ec2 assign-ipv6-addresses --network-interface-id eni-0ec20ec20ec20ec20 --ipv6-addresses " + nextTo; f.Subject.Value != nextTo || !slices.Contains(f.Remedy, want) || r.Verdict != "warning" {
			t.Errorf("verdict %s, %+v", r.Verdict, f)
		}
	})
}

// handAdd adds an address by hand that nobody assigned, and returns when the kernel answers for it.
func (s *subnet) handAdd(t *testing.T, preferred string) {
	t.Helper()
	s.instance.ok(t, "ip", "address", "add", nextTo+"/128", "dev", "eth0", "nodad", "preferred_lft", preferred)
	eventually(t, "the hand-added address", func() bool {
		return strings.Contains(s.instance.ok(t, "ip", "-6", "route", "show", "table", "local"), "local "+nextTo)
	})
}

// sameAsLab holds a report against that of the lab's own VPC, which has the same addresses: the same
// questions, outcomes and explanations.
func sameAsLab(t *testing.T, r seenReport) {
	t.Helper()
	result := labtest.Run(t, "vpc", "ndwhy", "check", "--json", "--add", "claim")
	var lab seenReport
	must(t, result.Stdout+result.Stderr, json.Unmarshal([]byte(result.Stdout), &lab))
	type answer struct {
		sourceClass, targetClass, outcome, detail string
		normal                                    bool
	}
	outcomes := func(r seenReport) map[[5]string]answer {
		m := map[[5]string]answer{}
		for _, p := range r.Paths {
			if p.Via == "kernel" && p.Outcome == "skipped" {
				continue // what the kernel had resolved before is chance
			}
			if p.Detail == diag.DetailDeclines {
				p.Detail = "" // a dnsmasq that has nobody to ask does, and the lab's name server does not
			}
			m[[5]string{p.Check, p.Asks, p.Source, p.Target, p.Via}] = answer{
				p.SourceClass, p.TargetClass, p.Outcome, p.Detail, p.Normal != nil && *p.Normal,
			}
		}
		return m
	}
	ours, labs := outcomes(r), outcomes(lab)
	if len(ours) < 40 {
		t.Errorf("only %d outcomes to compare", len(ours))
	}
	for q, a := range ours {
		if l, ok := labs[q]; q[4] == "wire" && !ok || ok && l != a {
			t.Errorf("%v: %v, in the lab %v", q, a, l)
		}
	}
	for q, l := range labs {
		if _, ok := ours[q]; q[4] == "wire" && !ok {
			t.Errorf("%v: only in the lab: %v", q, l)
		}
	}
	explanations := func(r seenReport) []string {
		var list []string
		for _, f := range r.Findings {
			list = append(list, strings.Join([]string{f.Cause, f.Severity, f.Confidence, f.Subject.Kind, f.Subject.Value, f.Summary}, " "))
		}
		return list
	}
	if diff := gocmp.Diff(explanations(lab), explanations(r)); diff != "" || lab.Verdict != r.Verdict || lab.Headline != r.Headline {
		t.Errorf("the lab says %s: %s\n%s", lab.Verdict, lab.Headline, diff)
	}
}

// listens reports whether somebody takes TCP connections at an address of the node.
func (n *node) listens(t *testing.T, addr string, p *process) bool {
	t.Helper()
	select {
	case <-p.ended:
		t.Fatalf("%s has ended: %s%s", p.name, p.stdout.String(), p.stderr.String())
	default:
	}
	var err error
	n.in(func() {
		var c net.Conn
		if c, err = net.Dial("tcp", addr); err == nil {
			err = c.Close()
		}
	})
	return err == nil
}

// An address added by hand is named; it makes the verdict critical where the kernel now speaks from
// it.
func TestInteropUnassigned(t *testing.T) {
	need(t)
	nstest.Run(t, func(t *testing.T) { //nolint:thelper // the test itself
		s := newSubnet(t)
		for _, c := range []struct{ name, preferred string }{{"deprecated", "0"}, {"preferred", "forever"}} {
			t.Run(c.name, func(t *testing.T) {
				s.handAdd(t, c.preferred)
				defer s.instance.ok(t, "ip", "address", "del", nextTo+"/128", "dev", "eth0")
				var route []struct{ PrefSrc string }
				must(t, "route", json.Unmarshal([]byte(s.instance.ok(t, "ip", "-j", "route", "get", internetOf)), &route))

				r := s.check(t, s.leases, "--add", "claim", "--assigned", assignedOf)
				if f := r.finding(t, "address.unassigned"); f.Subject.Value != nextTo || f.Severity != "warning" || f.Confidence != "certain" {
					t.Errorf("%+v", f)
				}
				r.want(t, "silent", path{Check: "source", Source: nextTo, Via: "wire"})
				r.answered(t, path{Check: "source", Source: assignedOf, Via: "wire"})
				chosen := route[0].PrefSrc == nextTo
				t.Logf("the kernel chooses %s: verdict %s", route[0].PrefSrc, r.Verdict)
				if want := map[bool]string{false: "warning", true: "critical"}[chosen]; r.Verdict != want {
					t.Errorf("verdict %s, want %s", r.Verdict, want)
				}
				if slices.Contains(r.causes(), "host.source-selection") != chosen {
					t.Errorf("the kernel chooses %s; causes %v", route[0].PrefSrc, r.causes())
				}
			})
		}
	})
}

// Without the filter the link is open: every host may take any address, and ff02::1 reaches all.
func TestInteropOpenLink(t *testing.T) {
	need(t)
	nstest.Run(t, func(t *testing.T) { //nolint:thelper // the test itself
		s := newSubnet(t)
		s.fabric.ok(t, "nft", "delete", "table", "bridge", "vpc")
		for _, add := range []string{"kernel", "claim"} {
			t.Run(add, func(t *testing.T) {
				r := s.check(t, s.leases, "--add", add)
				if f := r.finding(t, "net.open-link"); r.Verdict != "ok" || f.Confidence != "likely" { // a lease tells what it asked for, and not all that is assigned
					t.Errorf("verdict %s: %s; %+v", r.Verdict, r.Headline, f)
				}
				if slices.Contains(r.causes(), "net.per-address-filter") || slices.Contains(r.causes(), "net.multicast-suppressed") {
					t.Errorf("causes %v", r.causes())
				}
				for _, p := range r.want(t, "answered", path{Check: "all-nodes"}) {
					// A socket is not told the MAC.
					if len(p.Responders) != 1 || p.Responders[0].Address != peerLL || p.Via == "wire" && p.Responders[0].MAC != peerMAC {
						t.Errorf("ff02::1: %+v", p.Responders)
					}
				}
				for _, p := range r.paths(path{Check: "added", SourceClass: "candidate", TargetClass: "peer", Via: "wire"}) {
					// The peer has no route back to an address of no prefix of the link.
					stray := p.Asks == "echo" && !strings.HasPrefix(p.Source, "fe80:") && !netip.MustParsePrefix(subnetOf).Contains(netip.MustParseAddr(p.Source))
					if stray && p.Normal != nil && !*p.Normal || !stray && p.Outcome != "answered" {
						t.Errorf("%s", p)
					}
				}
			})
		}
		out, _ := s.instance.run(t, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", "eth0", "ff02::1")
		if !strings.Contains(out, "from "+peerLL) {
			t.Errorf("ping ff02::1 disagrees: %s", out)
		}
	})
}
