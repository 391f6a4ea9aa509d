package checks

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// instance returns the state of an instance in a VPC, changed by more events.
func instance(run func(*diag.Run), more ...diag.Body) *diag.State {
	r := diag.Run{
		Interfaces: []string{"eth0"}, Internet: []netip.Addr{farHost}, Add: diag.AddNone,
		Count: 2, IntervalMS: 200, WaitMS: 1000,
	}
	if run != nil {
		run(&r)
	}
	s := diag.NewState()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, b := range append([]diag.Body{
		r,
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Feed{Name: diag.FeedFrames, State: diag.Synced},
		diag.Feed{Name: diag.FeedAdmin, State: diag.Synced},
		diag.Link{Interface: "eth0", MAC: ourMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Address{Interface: "eth0", Address: ourLL, PrefixLen: 64, Flags: diag.Permanent, ValidS: diag.Forever, PreferredS: diag.Forever},
		diag.Address{Interface: "eth0", Address: ourGUA, PrefixLen: 128, ValidS: 450, PreferredS: 140},
		diag.Route{Interface: "eth0", Dst: defaultRt, Via: router, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: diag.Forever},
		diag.Route{Interface: "eth0", Dst: subnet, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: diag.Forever},
		diag.Route{Interface: "eth0", Dst: linkLocalPrefix, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever},
		diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{
			MAC: ourMAC, Addresses: []netip.Addr{ourGUA}, Subnets: []netip.Prefix{subnet},
		}}},
	}, more...) {
		at = at.Add(time.Millisecond)
		s.Apply(diag.Event{Seq: s.Seq + 1, At: at, Body: b})
	}
	return s
}

// plan returns the questions of a check, one a line: what, from, to, by, and why not.
func plan(s *diag.State, check string) []string {
	names := strings.NewReplacer(
		ourLL.String(), "us", ourGUA.String(), "us-global", router.String(), "router",
		farHost.String(), "far", peerLL.String(), "peer", peerGUA.String(), "peer-global",
	)
	lines := []string{}
	for _, q := range Plan(s) {
		if q.Check == check {
			line := fmt.Sprintf("%s %s>%s %s", q.Asks, q.Source, q.Target, q.Via)
			if !q.Planned() {
				line += " " + strings.TrimSpace(q.Detail+" "+q.Note)
			}
			lines = append(lines, names.Replace(line))
		}
	}
	return lines
}

func TestPlan(t *testing.T) {
	entry := func(a netip.Addr, confirmed float64, more func(*diag.Neighbour)) diag.Body {
		n := diag.Neighbour{Interface: "eth0", Address: a, MAC: peerMAC, State: diag.Stale, ConfirmedS: confirmed}
		if more != nil {
			more(&n)
		}
		return n
	}
	noTap := diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable}
	for name, tc := range map[string]struct {
		state *diag.State
		check string
		want  []string
	}{
		"ra": {instance(nil), "ra", []string{"rs us>ff02::2 wire"}},
		"a VPC's router": {instance(nil), "router-nd", []string{
			"nd us>router kernel", "nd us>router wire", "nd us>fe80:ec2::1 wire",
			"nd us-global>2001:db8:1:2::1 kernel", "nd us-global>2001:db8:1:2::1 wire",
		}},
		"a LAN's router": {
			instance(nil, diag.Metadata{State: diag.MetadataNotAsked}), "router-echo",
			[]string{"echo us>router kernel", "echo us>router wire"},
		},
		"a router that only advertises": {
			instance(nil, diag.Metadata{}, diag.Route{
				Interface: "eth0", Dst: defaultRt, Via: router, Table: diag.MainTable, Type: "unicast", Gone: true,
			}, diag.Frame{Interface: "eth0", Type: diag.RA, Src: router, SrcMAC: routerMAC, RA: &diag.Advertisement{LifetimeS: 1800}}),
			"router-nd",
			[]string{"nd us>router kernel", "nd us>router wire", "nd us>fe80:ec2::1 wire"},
		},
		"peers from the cache, the newest four": {
			instance(
				nil,
				entry(addr("2001:db8:1:2::a"), 50, nil), entry(addr("2001:db8:1:2::b"), 10, nil), entry(peerGUA, 1, nil),
				entry(peerLL, 20, nil), entry(addr("2001:db8:1:2::c"), 30, nil),
				entry(router, 0, func(n *diag.Neighbour) { n.Router = true }),
				entry(ourGUA, 0, nil), entry(diag.VPCRouter, 0, nil),
				entry(addr("2001:db8:1:2::d"), 0, func(n *diag.Neighbour) { n.State = diag.Failed }),
			),
			"peer-nd",
			[]string{
				"nd us-global>peer-global kernel", "nd us-global>peer-global wire",
				"nd us-global>2001:db8:1:2::b kernel", "nd us-global>2001:db8:1:2::b wire",
				"nd us>peer kernel", "nd us>peer wire",
				"nd us-global>2001:db8:1:2::c kernel", "nd us-global>2001:db8:1:2::c wire",
			},
		},
		"peers given, one of them ourselves, one beyond the router": {
			instance(func(r *diag.Run) { r.Peers = []netip.Addr{peerLL.WithZone("eth0"), ourGUA, addr("2001:db8:5::5")} }), "peer-nd",
			[]string{
				"nd us>peer kernel", "nd us>peer wire", "nd invalid IP>us-global kernel own-address",
				"nd us-global>2001:db8:5::5 kernel via-router router", "nd us-global>2001:db8:5::5 wire via-router router",
			},
		},
		"a peer that the second interface leads to": {
			instance(
				func(r *diag.Run) {
					r.Interfaces, r.Peers = []string{"eth0", "eth1"}, []netip.Addr{addr("2001:db8:5::5")}
				},
				diag.Link{Interface: "eth1", Index: 3, Up: true, Carrier: true, Ethernet: true},
				diag.Address{Interface: "eth1", Address: addr("2001:db8:4::1"), PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever},
				diag.Selection{Dst: addr("2001:db8:5::5"), Interface: "eth1", Source: addr("2001:db8:4::1"), Via: addr("2001:db8:4::9")},
				diag.Selection{Dst: addr("2001:db8:5::5"), Bound: "eth1", Interface: "eth1", Source: addr("2001:db8:4::1"), Via: addr("2001:db8:4::9")},
			), "peer-echo",
			[]string{"echo 2001:db8:4::1>2001:db8:5::5 kernel", "echo 2001:db8:4::1>2001:db8:5::5 wire", "echo 2001:db8:4::1>2001:db8:5::5 app"},
		},
		"a peer that nobody leads to": {
			instance(func(r *diag.Run) { r.Peers = []netip.Addr{addr("2001:db8:5::5")} }, diag.Route{
				Interface: "eth0", Dst: defaultRt, Via: router, Table: diag.MainTable, Type: "unicast", Gone: true,
			}), "peer-nd", []string{"nd us-global>2001:db8:5::5 wire no-router"},
		},
		"its echo, which the kernel refuses": {
			instance(func(r *diag.Run) { r.Peers = []netip.Addr{addr("2001:db8:5::5")} }, diag.Route{
				Interface: "eth0", Dst: defaultRt, Via: router, Table: diag.MainTable, Type: "unicast", Gone: true,
			}), "peer-echo", []string{"echo us-global>2001:db8:5::5 wire no-router", "echo us-global>2001:db8:5::5 kernel", "echo us-global>2001:db8:5::5 app"},
		},
		"from an interface without an address": {
			instance(
				func(r *diag.Run) { r.Peers = []netip.Addr{peerGUA} },
				diag.Address{Interface: "eth0", Address: ourGUA, Gone: true}, diag.Address{Interface: "eth0", Address: ourLL, Gone: true},
				diag.Selection{Dst: peerGUA, Bound: "eth0", Interface: "eth0", Source: netip.IPv6Loopback()},
			), "peer-nd", []string{"nd invalid IP>peer-global kernel no-source"},
		},
		"a neighbour though the kernel goes by the router": {
			instance(func(r *diag.Run) { r.Peers = []netip.Addr{peerGUA} }, diag.Selection{
				Dst: peerGUA, Bound: "eth0", Interface: "eth0", Source: ourGUA, Via: router,
			}), "peer-nd", []string{"nd us-global>peer-global kernel via-router router", "nd us-global>peer-global wire"},
		},
		"in a cloud that has a /96 for each instance and no neighbours": {
			instance(
				func(r *diag.Run) { r.Peers, r.Profile = []netip.Addr{peerGUA}, "gcp" }, diag.Metadata{},
				diag.Route{Interface: "eth0", Dst: subnet, Table: diag.MainTable, Type: "unicast", Gone: true},
				diag.Selection{Dst: peerGUA, Bound: "eth0", Interface: "eth0", Source: ourGUA, Via: router},
			), "peer-nd", []string{"nd us-global>peer-global kernel via-router router", "nd us-global>peer-global wire via-router router"},
		},
		"a /128 and no route that says who is on the link": {
			instance(
				func(r *diag.Run) { r.Peers = []netip.Addr{peerGUA} }, diag.Metadata{},
				diag.Route{Interface: "eth0", Dst: subnet, Table: diag.MainTable, Type: "unicast", Gone: true},
				diag.Selection{Dst: peerGUA, Bound: "eth0", Interface: "eth0", Source: ourGUA, Via: router},
			), "peer-nd", []string{"nd us-global>peer-global kernel via-router router", "nd us-global>peer-global wire"},
		},
		"a peer on another interface": {
			instance(func(r *diag.Run) { r.Peers = []netip.Addr{peerLL.WithZone("eth1")} }), "peer-nd", []string{},
		},
		"without the tap": {
			instance(nil, noTap), "internet", []string{
				"echo us-global>far kernel", "tcp us-global>far kernel", "echo us-global>far wire no-raw",
				"echo us-global>far app", "tcp us-global>far app",
			},
		},
		"all nodes":     {instance(nil), "all-nodes", []string{"echo us>ff02::1 kernel", "echo us>ff02::1 wire"}},
		"no Internet":   {instance(func(r *diag.Run) { r.InternetOff = true }), "internet", []string{}},
		"left out":      {instance(func(r *diag.Run) { r.Skip = []string{"ra"} }), "ra", []string{}},
		"not asked for": {instance(func(r *diag.Run) { r.Only = []string{"ra"} }), "internet", []string{}},
		"configured addresses, not our own candidates nor failed ones": {
			instance(
				nil,
				diag.Address{Interface: "eth0", Address: addr("2001:db8:1:2::bad"), PrefixLen: 64, Flags: diag.Permanent, ValidS: diag.Forever, PreferredS: diag.Forever},
				diag.Address{Interface: "eth0", Address: addr("2001:db8:1:2::ca"), PrefixLen: 128, Flags: diag.NoPrefixRoute | diag.Deprecated, ValidS: 17},
				diag.Address{Interface: "eth0", Address: addr("2001:db8:1:2::df"), PrefixLen: 64, Flags: diag.DADFailed | diag.Tentative, ValidS: diag.Forever},
			), "source",
			[]string{
				"nd 2001:db8:1:2::bad>router wire", "echo 2001:db8:1:2::bad>far kernel", "echo 2001:db8:1:2::bad>far wire",
				"nd us-global>router wire", "echo us-global>far kernel", "echo us-global>far wire", "nd us>router wire",
			},
		},
		"no candidates by default": {instance(nil), "added", []string{}},
		"interface down": {
			instance(nil, diag.Link{Interface: "eth0", MAC: ourMAC, Ethernet: true}), "ra", []string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if have := plan(tc.state, tc.check); !slices.Equal(have, tc.want) {
				t.Errorf("planned\n  %s\nwant\n  %s", strings.Join(have, "\n  "), strings.Join(tc.want, "\n  "))
			}
		})
	}
}

// The kernel is asked about no more than 64 targets that it has no entry for, on all interfaces
// together and with the routers.
func TestPlanFresh(t *testing.T) {
	var peers []netip.Addr
	for i := range 100 {
		b := subnet.Addr().As16()
		b[15] = byte(100 + i)
		peers = append(peers, netip.AddrFrom16(b))
	}
	for i := range 30 {
		b := linkLocalPrefix.Addr().As16()
		b[15] = byte(100 + i)
		peers = append(peers, netip.AddrFrom16(b).WithZone("eth1"))
	}
	s := instance(
		func(r *diag.Run) { r.Interfaces, r.Peers = []string{"eth0", "eth1"}, peers },
		diag.Link{Interface: "eth1", MAC: otherMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Address{Interface: "eth1", Address: otherMAC.LinkLocal(), PrefixLen: 64, Flags: diag.Permanent, ValidS: diag.Forever, PreferredS: diag.Forever},
		diag.Neighbour{Interface: "eth0", Address: peers[99], MAC: peerMAC, State: diag.Reachable},
	)
	fresh, known := map[Lane]bool{}, false
	for _, q := range Plan(s) {
		hop := q.Target
		switch {
		case q.NextHop.IsValid():
			hop = q.NextHop
		case q.TargetClass == diag.TargetInternet || q.TargetClass == diag.TargetService:
			continue // nobody leads there
		}
		if q.Via != diag.ViaKernel || !q.Planned() || hop.IsMulticast() {
			continue
		}
		if n, ok := s.Neighbours.Find(diag.InterfaceAddr{Interface: q.Interface, Address: hop}); ok && n.Fact.State.Resolved() {
			known = known || q.Check == "peer-nd"
			continue
		}
		fresh[Lane{Interface: q.Interface, Target: hop}] = true
	}
	if len(fresh) > 64 || len(fresh) < 60 {
		t.Errorf("the kernel is asked about %d targets without an entry, want 64 at most", len(fresh))
	}
	if !known {
		t.Error("nor about the one that it knows")
	}
}

func TestPlanIsStable(t *testing.T) {
	s := instance(func(r *diag.Run) { r.Add, r.Peers = diag.AddKernel, []netip.Addr{peerGUA, peerLL} })
	for _, only := range [][]string{nil, {"added"}} {
		s.Run.Only = only
		planTwice(t, s)
	}
}

func planTwice(t *testing.T, s *diag.State) {
	t.Helper()
	first, second := Plan(s), Plan(s)
	seen := map[string]bool{}
	for i, q := range first {
		if q.ID != second[i].ID {
			t.Errorf("question %d: %s, then %s", i, q.ID, second[i].ID)
		}
		if seen[q.ID] {
			t.Errorf("%s is planned twice", q.ID)
		}
		seen[q.ID] = true
	}
	p := newPlanner(s, priors(first))
	p.guess = true
	if more := p.run(); len(more) > 0 {
		t.Errorf("planned again: %+v", more)
	}
}

// priors are questions as a later round has them before it.
func priors(list []Question) (prior []*Question) {
	for _, q := range list {
		prior = append(prior, &q)
	}
	return prior
}

func TestCandidates(t *testing.T) {
	of := func(s *diag.State) []candidate {
		p := newPlanner(s, nil)
		p.iface, p.link = "eth0", s.Links["eth0"]
		return p.candidates()
	}
	t.Run("the same every run, of every kind", func(t *testing.T) {
		list := of(instance(nil))
		kinds := []candidateKind{nextToAssigned, elsewhere, uniqueLocal, linkLocal}
		for i, c := range list {
			if c.kind != kinds[i] || c.detail != "" {
				t.Errorf("candidate %d: %+v", i, c)
			}
		}
		if list[0].addr != ourGUA.Next() {
			t.Errorf("next to the assigned address: %s", list[0].addr)
		}
		if !subnet.Contains(list[1].addr) || diag.ScopeOf(list[2].addr) != diag.ULAScope || !linkLocalPrefix.Contains(list[3].addr) {
			t.Errorf("%v", list)
		}
		if !slices.Equal(list, of(instance(nil))) {
			t.Error("another run has others")
		}
	})
	t.Run("another host has others", func(t *testing.T) {
		other := of(instance(nil, diag.Link{Interface: "eth0", MAC: otherMAC, Up: true, Ethernet: true}))
		for i, c := range of(instance(nil)) {
			if i > 0 && slices.ContainsFunc(other, func(o candidate) bool { return o.addr == c.addr }) {
				t.Errorf("%s is a candidate of both", c.addr)
			}
		}
	})
	t.Run("never what is somebody's", func(t *testing.T) {
		next := ourGUA.Next()
		delegated := netip.MustParsePrefix("2001:db8:1:2:f557::/80")
		for name, s := range map[string]*diag.State{
			"configured":     instance(nil, diag.Address{Interface: "eth0", Address: next, PrefixLen: 64, Flags: diag.Permanent, ValidS: diag.Forever}),
			"on another eth": instance(nil, diag.Address{Interface: "eth1", Address: next, PrefixLen: 64, Flags: diag.Permanent, ValidS: diag.Forever}),
			"assigned":       instance(func(r *diag.Run) { r.Assigned = []netip.Prefix{netip.PrefixFrom(next, 128)} }),
			"delegated":      instance(func(r *diag.Run) { r.Assigned = []netip.Prefix{delegated} }),
			"a neighbour":    instance(nil, diag.Neighbour{Interface: "eth0", Address: next, MAC: peerMAC, State: diag.Stale}),
			"a peer":         instance(func(r *diag.Run) { r.Peers = []netip.Addr{next} }),
			"routed away":    instance(nil, diag.Route{Interface: "veth1", Dst: delegated, Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever}),
		} {
			for _, c := range of(s) {
				if c.addr == next {
					t.Errorf("%s: %s is a candidate", name, next)
				}
			}
		}
	})
	t.Run("never a reserved one", func(t *testing.T) {
		last := addr("2001:db8:1:2:ffff:ffff:ffff:fffe")
		s := instance(nil, diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{
			MAC: ourMAC, Addresses: []netip.Addr{last}, Subnets: []netip.Prefix{subnet},
		}}})
		for _, c := range of(s) {
			if c.addr == last.Next() || c.addr == addr("2001:db8:1:3::") {
				t.Errorf("%s is a candidate", c.addr)
			}
		}
	})
	t.Run("what the user names, unless it is somebody's", func(t *testing.T) {
		list := of(instance(func(r *diag.Run) {
			r.Try = []netip.Addr{addr("2001:db8:1:2::1"), ourGUA, addr("fe80::1234%eth0"), addr("fe80::9%eth1")}
		}))
		have := map[netip.Addr]string{}
		for _, c := range list {
			if c.kind == tried {
				have[c.addr] = c.detail
			}
		}
		want := map[netip.Addr]string{addr("2001:db8:1:2::1"): "", ourGUA: DetailConfigured, addr("fe80::1234"): ""}
		for a, detail := range want {
			if d, ok := have[a]; !ok || d != detail {
				t.Errorf("%s: %q (there: %v), want %q", a, d, ok, detail)
			}
		}
		if len(have) != len(want) {
			t.Errorf("%v", have)
		}
	})
}

func TestDryRun(t *testing.T) {
	s := instance(func(r *diag.Run) { r.Add, r.Peers = diag.AddClaim, []netip.Addr{peerGUA, peerLL} })
	lines, frames, again := DryRun(s)
	sum, changes := 0, map[string]bool{}
	for _, l := range lines {
		sum += l.Frames
		for _, c := range l.Changes {
			changes[c] = true
		}
	}
	if sum != frames || frames == 0 || frames > 250 {
		t.Errorf("%d packets, the lines say %d", frames, sum)
	}
	for _, key := range []string{"changes.ra", "changes.neighbour", "changes.mld", "changes.alarm"} {
		if !changes[key] {
			t.Errorf("%s is not said", key)
		}
	}
	if changes["changes.address"] {
		t.Error("a claim configures no address")
	}
	silent, connections, alone := 0, 0, 0 // paths that can be asked again, and at the MAC that is known
	for _, l := range lines {
		if l.Asks == diag.AsksTCP { // on each port once more
			connections++
		}
		if l.Planned() && (l.Asks == diag.AsksND || l.Asks == diag.AsksEcho || l.Asks == diag.AsksMTU || l.Asks == diag.AsksService) && !l.Target.IsMulticast() {
			silent++
		}
		if l.Planned() && l.Asks == diag.AsksND && l.Via == diag.ViaWire && l.Ours() {
			alone++
		}
	}
	if least := 12*silent + 6*connections + alone; again < least || again > least+12 {
		t.Errorf("at most %d packets more for %d paths and %d connections, want 12 and 6 each, and %d", again, silent, connections, alone)
	}
	if lines, frames, again := DryRun(instance(func(r *diag.Run) { r.Passive = true })); len(lines) > 0 || frames > 0 || again > 0 {
		t.Errorf("passive: %d lines, %d packets, %d more", len(lines), frames, again)
	}
	many := instance(func(r *diag.Run) {
		for i := range 1000 {
			b := subnet.Addr().As16()
			b[13], b[14], b[15] = 9, byte(i>>8), byte(i)
			r.Peers = append(r.Peers, netip.AddrFrom16(b))
		}
	})
	if _, frames, again := DryRun(many); frames+again > 8*1000 {
		t.Errorf("%d packets and %d more, the bound is 8 a peer", frames, again)
	}
}

// Whatever is shown in order is declared, and whatever is declared is shown.
func TestOneListOfChecks(t *testing.T) {
	if ids := IDs(); !slices.Equal(ids, diag.CheckOrder) || len(ids) != len(declared) {
		t.Errorf("shown are %v, there are %v of %d declared", diag.CheckOrder, ids, len(declared))
	}
}

func TestCatalogue(t *testing.T) {
	keys := []string{"change.address", "detail.no-hosts", "detail.no-peer"}
	for _, d := range Details {
		keys = append(keys, "detail."+d)
	}
	for _, c := range All() {
		keys = append(keys, "check."+c.ID+".title", "check."+c.ID+".asks", "check."+c.ID+".sends", "check."+c.ID+".changes")
		for _, b := range c.Sends {
			keys = append(keys, b.Key, b.Per)
		}
		keys = append(keys, c.Changes...)
	}
	for _, key := range keys {
		if !words.Has(key) {
			t.Errorf("the catalogue has no %s", key)
		}
	}
}
