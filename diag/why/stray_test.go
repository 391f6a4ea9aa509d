package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/words"
)

// TestRouterOfAStrayPrefix: who announces a prefix for addresses that reach nothing is named, with or without a list of what
// is assigned. A unique-local prefix of a router that is no way out is what such a router is for.
func TestRouterOfAStrayPrefix(t *testing.T) {
	mac := diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	for name, c := range map[string]struct {
		prefix   string
		lifetime int64
		vpc      bool
		cause    string // of the finding that names the router; empty: none may be a fault
	}{
		"a LAN":                             {"3fff:bad::/64", 0, false, "router.rogue"},
		"a LAN with two ways out":           {"3fff:bad::/64", 1800, false, "host.routing"},
		"a LAN with a prefix for the link":  {"fd00:bad::/64", 0, false, ""},
		"a network that knows its own ones": {"3fff:bad::/64", 0, true, "address.unassigned"},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := netip.MustParsePrefix(c.prefix)
			stray := prefix.Addr().Next()
			w, class := slaac(), diag.SourceUnknown
			if c.vpc {
				w, class = diagtest.VPC(), diag.SourceUnassigned
			}
			made := diagtest.ByHand(stray, 64)
			made.Flags, made.PreferredS, made.ValidS, made.Origin = made.Flags&^diag.Permanent, 7200, 7200, "kernel_ra"
			w.Say(made, diagtest.RaFrame(mac.LinkLocal(), mac, diag.Advertisement{
				LifetimeS: c.lifetime, LLAddr: mac, Prefixes: []diag.PrefixInfo{{Prefix: prefix, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}},
			}))
			w.Both(diag.Path{
				Check: "source", Asks: diag.AsksEcho, Source: stray, SourceClass: class, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent, Sent: 3,
			})
			d := Diagnose(w.State())
			if c.cause == "" {
				for _, f := range d.Findings {
					if f.Severity != Info {
						t.Errorf("%s: %s", f.Cause, f.Summary)
					}
				}
				return
			}
			f := find(t, d, c.cause)
			if f.Confidence == Possible || f.Severity == Info || len(f.Remedies) == 0 {
				t.Errorf("%s, %s", f.Confidence, f.Severity)
			}
			if asks := "stop a"; c.lifetime == 0 && !slices.ContainsFunc(f.Remedies, func(a Advice) bool {
				return len(a.Do) == 0 && strings.Contains(a.Does, asks) && strings.Contains(a.Does, mac.String())
			}) {
				t.Errorf("nobody is asked to silence the router: %v", f.Remedies)
			}
		})
	}
}

// TestNoAddressOfTheLink: an address from elsewhere beside a setting that keeps the announced one out is no sign that the way
// is cut beyond the router, unless it is answered, or one of the announced prefix is as silent.
func TestNoAddressOfTheLink(t *testing.T) {
	stray := netip.MustParseAddr("fd33::2")
	full := diag.Sysctl{Scope: "eth0", Name: "max_addresses", Value: "1"}
	internet := func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }
	strayed := func(o diag.Outcome) *diagtest.World {
		w := slaac().NoAddress().Silence(internet).Say(full, diagtest.ByHand(stray, 64))
		w.Both(diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Source: stray, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: o, Sent: 3,
		})
		return w
	}
	for name, c := range map[string]struct {
		world *diagtest.World
		want  []string
	}{
		"nothing answers":                        {strayed(diag.Silent), []string{"router.advertisement-ignored"}},
		"it is translated on the way":            {strayed(diag.Answered), []string{}},
		"an announced one is there, and as mute": {slaac().Say(full).Silence(internet), []string{"path.beyond-router"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := Diagnose(c.world.State()); !slices.Equal(faults(d), c.want) {
				t.Errorf("named %v, want %v", faults(d), c.want)
			}
		})
	}
}

// TestTwinThatKeptQuiet: who has the address that is made of this interface's MAC has the MAC, unless another MAC was seen to
// have it, or the address is made of something else.
func TestTwinThatKeptQuiet(t *testing.T) {
	failed := func(addr netip.Addr) *diagtest.World {
		a := diagtest.ByHand(addr, 64)
		a.Flags |= diag.DADFailed | diag.Tentative
		return slaac().Say(a)
	}
	made := diagtest.MyMAC.LinkLocal()
	answer := diag.Frame{Interface: "eth0", Type: diag.NA, Src: made, Dst: diag.AllNodes, SrcMAC: diagtest.OtherMAC, LLAddr: diagtest.OtherMAC, Target: made, HopLimit: 255, Override: true}
	for name, c := range map[string]struct {
		world *diagtest.World
		want  string
	}{
		"nobody was seen":            {failed(made), "address.mac-duplicate"},
		"another MAC has it":         {failed(made).Say(answer), "address.duplicate"},
		"of something else than MAC": {failed(diagtest.Hand), "address.duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := faults(Diagnose(c.world.State())); !slices.Contains(got, c.want) || len(got) > 1 {
				t.Errorf("named %v, want %s alone", got, c.want)
			}
		})
	}
}

// TestNobodySolicits: where the kernel is told to ask for no router, that is why there was none, and no switch is blamed.
func TestNobodySolicits(t *testing.T) {
	for _, c := range diagtest.CauseTests {
		if c.Cause != "router.advertisements-lost" {
			continue
		}
		for value, want := range map[string]string{"0": "router_solicitations=-1", "-1": "multicast"} {
			w := c.World()
			w.Bodies = slices.Insert(w.Bodies, 0, diag.Body(diag.Sysctl{Scope: "eth0", Name: "router_solicitations", Value: value}))
			f := find(t, Diagnose(w.State()), c.Cause)
			if !slices.ContainsFunc(f.Remedies, func(a Advice) bool { return strings.Contains(a.Does+strings.Join(a.Do, " "), want) }) {
				t.Errorf("router_solicitations=%s: %v", value, f.Remedies)
			}
		}
	}
}

// TestRulesInPart: a rule that stops some of what arrives, by what ndwhy does not ask for, is told, and is no fault.
func TestRulesInPart(t *testing.T) {
	for hook, what := range map[string]string{"input": UnaskedRulesIn, "output": UnaskedRules} {
		for by, rule := range map[string]string{"rate": "limit rate over 10/second drop", "hops": "ip6 hoplimit < 10 drop", "port": "tcp dport 25 drop"} {
			d := Diagnose(diagtest.VPC().Say(diag.Filter{
				Table: "inet t", Chain: "c", Hook: hook, Rule: rule, Handle: 2, Verdict: "drop", Matches: []string{}, Partly: []string{"tcp-syn"}, By: []string{by},
			}).State())
			if d.Verdict != VerdictOK || !slices.ContainsFunc(d.NotAsked, func(u Unasked) bool {
				return u.What == what && strings.Contains(u.Why, rule) && strings.Contains(u.Why, words.Say("unasked.by."+by))
			}) {
				t.Errorf("%s by %s: %s, not asked %v", hook, by, d.Verdict, d.NotAsked)
			}
		}
	}
}
