package diag

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag/words"
)

// only leaves what `check --only` with these IDs asks: the other checks were turned off by the user.
func (w *world) only(ids ...string) *world {
	w.run.Only = ids
	return w.turnOff(func(id string) bool { return !slices.Contains(ids, id) })
}

func (w *world) skip(ids ...string) *world {
	w.run.Skip = ids
	return w.turnOff(func(id string) bool { return slices.Contains(ids, id) })
}

func (w *world) turnOff(off func(id string) bool) *world {
	for i := range w.checks {
		if off(w.checks[i].ID) {
			w.checks[i].State, w.checks[i].User, w.checks[i].Why = CheckSkipped, true, words.Say("skipped.user")
		}
	}
	w.paths = slices.DeleteFunc(w.paths, func(p Path) bool { return off(p.Check) })
	return w
}

// TestHeadline holds what is claimed in one sentence against what was seen.
func TestHeadline(t *testing.T) {
	builtIn := func(w *world) *world {
		w.run.InternetGiven = false
		return w.each(func(p Path) bool { return p.TargetClass == TargetInternet }, func(p *Path) { p.Given = false })
	}
	refused := func(w *world, hosts ...netip.Addr) *world {
		return w.each(func(p Path) bool { return slices.Contains(hosts, p.Target) && p.SourceClass == SourceAssigned }, func(p *Path) {
			p.silent()
			p.Outcome, p.Error = Refused, &PathError{Type: Unreachable, Code: 0, From: routerAddr}
		})
	}
	tests := []struct {
		name    string
		world   *world
		verdict Verdict
		want    string
	}{
		{
			"a healthy VPC", vpc(), VerdictOK,
			"Everything is as it should be in this network (an Amazon VPC): it lets only assigned addresses speak, and yours do.",
		},
		{
			"a healthy LAN", lan(), VerdictOK,
			"Everything is as it should be in this network (a plain LAN): any address may speak on this link.",
		},
		{
			"without the experiment", vpc().skip("added"), VerdictOK,
			"What was asked (ra, router-nd, router-echo, peer-nd and 6 more) is as it should be in this network (an Amazon VPC).",
		},
		{
			"the router alone", vpc().only("ra"), VerdictOK,
			"What was asked (ra) is as it should be in this network (an Amazon VPC).",
		},
		{
			"peers and candidates", vpc().only("added", "peer-nd", "peer-echo"), VerdictOK,
			"What was asked (peer-nd, peer-echo, added) is as it should be in this network (an Amazon VPC): it lets only assigned addresses speak, and yours do.",
		},
		{
			"candidates without a control", vpc().only("added"), VerdictOK,
			"Nothing that was asked (added) differs from what is normal in this network (an Amazon VPC), but nothing answered either, so that little is proven.",
		},
		{
			"all nodes alone", vpc().only("all-nodes"), VerdictOK,
			"Nothing that was asked (all-nodes) differs from what is normal in this network (an Amazon VPC), but nothing answered either, so that little is proven.",
		},
		{
			"this host alone", vpc().only("host"), VerdictOK,
			"What was asked (host) is as it should be in this network (an Amazon VPC).",
		},
		{
			"a peer from the cache is silent", vpc().each(to(peerGlobal), func(p *Path) { p.Given = false }).silence(to(peerGlobal)), VerdictOK,
			"Nothing that was asked differs from what is normal in this network (an Amazon VPC): it lets only assigned addresses speak, and yours do.",
		},
		{
			"the built-in hosts are refused by our router", refused(builtIn(vpc()), host1, host2), VerdictOK,
			"No fault was found in this network (an Amazon VPC); worth a look: fe80::4fd:d1ff:fec8:f9cf refuses what is sent to 2001:db8:ffff::1: no route to destination.",
		},
		{
			"one of the built-in hosts is refused", refused(builtIn(vpc()), host2), VerdictOK,
			"Nothing that was asked differs from what is normal in this network (an Amazon VPC): it lets only assigned addresses speak, and yours do.",
		},
		{
			"one of the built-in hosts is silent", builtIn(vpc()).silence(to(host2)), VerdictOK,
			"Everything is as it should be in this network (an Amazon VPC): it lets only assigned addresses speak, and yours do.",
		},
		{
			"the built-in hosts are silent", builtIn(vpc()).silence(func(p Path) bool { return p.TargetClass == TargetInternet }), VerdictOK,
			"No fault was found in this network (an Amazon VPC); worth a look: The router fe80::4fd:d1ff:fec8:f9cf resolves and nothing beyond it answers.",
		},
		{
			"one fault", vpc().silence(to(peerGlobal)), VerdictWarning,
			"Nobody answers for 2001:db8:1f16:8df:d326:143a:2015:79fa.",
		},
		{
			"two faults", vpc().silence(to(peerGlobal)).silence(to(peerLocal)), VerdictWarning,
			"Nobody answers for 2001:db8:1f16:8df:d326:143a:2015:79fa (and 1 more problem).",
		},
		{
			"four faults", handAdded().silence(to(peerGlobal)).silence(to(peerLocal)).say(byHand(mineNext, 64)), VerdictWarning,
			"2001:db8:1f16:8df::1234 on eth0 is not assigned to it: the network drops what it sends (and 3 more problems).",
		},
		{
			"one thing that nothing explains", vpc().each(func(p Path) bool { return p.TargetClass == TargetAllNodes && p.Via == ViaWire }, func(p *Path) {
				p.Outcome, p.Received, p.Responders = Answered, 1, []Responder{{Address: peerLocal, MAC: peerMAC}}
			}).each(func(p Path) bool { return p.TargetClass == TargetAllNodes && p.Via == ViaKernel }, func(p *Path) {
				p.Outcome = OutcomeSkipped
			}), VerdictWarning,
			"One thing differs from what is normal here, and nothing known explains it: all-nodes: echo from fe80::4df:a5ff:fe6c:5d57 to ff02::1 by wire: answered.",
		},
		{
			"two things that nothing explains", vpc().each(func(p Path) bool { return p.TargetClass == TargetAllNodes }, func(p *Path) {
				p.Outcome, p.Received, p.Responders = Answered, 1, []Responder{{Address: peerLocal, MAC: peerMAC}}
			}), VerdictWarning,
			"2 things differ from what is normal here, and nothing known explains them; the first: all-nodes: echo from fe80::4df:a5ff:fe6c:5d57 to ff02::1 by kernel: answered.",
		},
		{
			"the resolver is silent", vpc().path(Path{
				Check: "services", Asks: AsksService, Source: mine, Target: netip.MustParseAddr("fd00:ec2::253"), TargetClass: TargetService, Via: ViaKernel, Outcome: Silent,
			}), VerdictWarning,
			"fd00:ec2::253, the DNS resolver of an Amazon VPC, does not answer.",
		},
		{
			"a lease that nobody renews", vpc().drop(ofKind(func(x Address) bool { return x.Address == mine })).say(Address{
				Interface: "eth0", Address: mine, PrefixLen: 128, PreferredS: 20, ValidS: 330, UpdatedS: 120,
			}), VerdictWarning,
			"The lease of 2001:db8:1f16:8df:f557:112e:f9bd:c7f3 was not renewed: last set 122 s ago for 140 s; in 329 s the kernel removes it.",
		},
		{
			"no privilege", vpc().say(Feed{Name: FeedFrames, State: Unavailable, Why: "needs CAP_NET_RAW"}), VerdictUnknown,
			"Could not tell whether all is well: needs CAP_NET_RAW.",
		},
		{"nothing at all", &world{run: Run{Interfaces: []string{"eth0"}}}, VerdictUnknown, "Could not tell whether all is well: the netlink source of events gave nothing."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.state())
			if d.Verdict != tt.verdict || d.Headline != tt.want {
				t.Errorf("%s: %s\nwant %s: %s", d.Verdict, d.Headline, tt.verdict, tt.want)
			}
		})
	}
}

// TestNothingCheckedIsNeverOK: a check that found nothing to ask has checked nothing.
func TestNothingCheckedIsNeverOK(t *testing.T) {
	why := words.Say("detail.no-peer")
	idle := func(w *world) *world {
		w.paths = nil
		for i := range w.checks {
			if w.checks[i].State == CheckDone {
				w.checks[i].Why = why
			}
		}
		return w
	}
	tests := []struct {
		name  string
		world *world
		want  string
	}{
		{"no peer to ask", idle(vpc().only("peer-nd", "peer-echo")), "Could not tell whether all is well: there is no peer to ask (peer-echo)."},
		{"every question skipped", vpc().only("added").each(func(Path) bool { return true }, func(p *Path) {
			p.Outcome, p.Detail, p.Sent = OutcomeSkipped, "no-control", 0
		}), "Nothing was asked, so nothing can be said."},
		{"everything turned off", vpc().only(), "Nothing was asked, so nothing can be said."},
		{"an assignment that is not known", func() *world {
			w := lan().only("assignment")
			w.paths = nil
			return w
		}(), "Nothing was asked, so nothing can be said."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.state())
			if d.Verdict != VerdictUnknown || d.Headline != tt.want {
				t.Errorf("%s: %s\nwant unknown: %s", d.Verdict, d.Headline, tt.want)
			}
		})
	}
}

// TestHeadlineIsOneSentence, whatever is wrong.
func TestHeadlineIsOneSentence(t *testing.T) {
	for _, tt := range causeTests {
		h := Diagnose(tt.world().state()).Headline
		if !strings.HasSuffix(h, ".") || strings.Contains(h, "..") || strings.Contains(h, ". ") {
			t.Errorf("%s: %q", tt.name, h)
		}
	}
}
