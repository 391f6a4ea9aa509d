package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// What others ask of this host and get no answer to is told, by what keeps it from them; what is answered is not, nor
// what came a moment ago.
func TestInboundUnanswered(t *testing.T) {
	const quiet = ""
	ask, knock := diagtest.Call(1), diagtest.Knock(8080)
	dropped := func(f diag.Frame, reason, function string) diag.Drop {
		return diag.Drop{Frame: f, Reason: reason, Function: function}
	}
	fed := []diag.Body{
		diag.Feed{Name: diag.FeedDrops, State: diag.Synced}, diag.Feed{Name: diag.FeedPorts, State: diag.Synced}, diag.Feed{Name: diag.FeedFilters, State: diag.Synced},
	}
	blind := []diag.Body{diag.Feed{Name: diag.FeedDrops, State: diag.NotAsked}, diag.Feed{Name: diag.FeedFilters, State: diag.Unavailable}}
	rule := diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "icmpv6 type echo-request drop", Verdict: "drop", Matches: []string{"echo-request"}}
	leaving := diag.Filter{Table: "inet filter", Chain: "output", Hook: "output", Rule: "icmpv6 type echo-reply drop", Verdict: "drop", Matches: []string{"echo-reply"}}
	policy := diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"tcp-syn"}}
	ignore := diag.Sysctl{Name: "icmp.echo_ignore_all", Value: "1"}
	elsewhere := diagtest.Answer(ask)
	elsewhere.Interface = "eth1"
	gone := func(f diag.Frame) diag.Frame {
		f.Dst = diagtest.MineNext
		return f
	}
	for name, c := range map[string]struct {
		seen     []diag.Body
		severity Severity
		sure     Confidence
		says     string
	}{
		"answered":                      {[]diag.Body{ask, diagtest.Answer(ask)}, "", "", quiet},
		"answered in part":              {[]diag.Body{ask, diagtest.Answer(ask), diagtest.Call(2), diagtest.Call(3)}, "", "", quiet},
		"an address that is not ours":   {[]diag.Body{gone(ask)}, "", "", quiet},
		"a connection that is answered": {[]diag.Body{knock, diagtest.Answer(knock)}, "", "", quiet},
		"a connection, nobody knows":    {[]diag.Body{knock}, "", "", quiet},
		"dropped, by a rule":            {[]diag.Body{rule, ask, dropped(ask, "NETFILTER_DROP", "nft_do_chain")}, Info, Certain, "inet filter input"},
		"dropped, by none that is read": {[]diag.Body{ask, dropped(ask, "NETFILTER_DROP", "nft_do_chain")}, Info, Certain, "could not identify"},
		"a rule alone":                  {append(slices.Clone(blind), rule, ask), Info, Likely, "inet filter input"},
		"the reply is dropped":          {[]diag.Body{ask, dropped(diagtest.Answer(ask), "NETFILTER_DROP", "nft_do_chain")}, Info, Certain, "no echo reply out"},
		"a rule on what leaves, alone":  {append(slices.Clone(blind), leaving, ask), Info, Likely, "no echo reply out"},
		"ignored":                       {[]diag.Body{ignore, ask, dropped(ask, "NOT_SPECIFIED", "icmpv6_rcv")}, Info, Certain, "echo_ignore_all=1"},
		"no way back":                   {[]diag.Body{ask, dropped(ask, "NOT_SPECIFIED", "icmpv6_rcv")}, Warning, Likely, "no way to send the reply"},
		"by another interface":          {[]diag.Body{ask, elsewhere}, Warning, Certain, "left by eth1"},
		"for no reason":                 {[]diag.Body{ask}, Warning, Likely, "no reply left"},
		"for no reason that is read":    {append(slices.Clone(blind), ask), Info, Possible, "no reply left"},
		"a connection is dropped":       {[]diag.Body{knock, dropped(knock, "NETFILTER_DROP", "nft_do_chain")}, Info, Certain, "port 8080"},
		"a connection that no tap saw":  {[]diag.Body{dropped(knock, "NETFILTER_DROP", "nft_do_chain")}, Info, Certain, "port 8080"},
		"a connection, by a rule alone": {append(slices.Clone(blind), policy, knock), Info, Likely, "port 8080"},
	} {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC()
			w.Bodies = slices.Concat(w.Bodies, fed, c.seen)
			d := Diagnose(w.State())
			i := slices.IndexFunc(d.Findings, func(f Finding) bool { return f.Cause == "host.inbound-unanswered" })
			switch {
			case i < 0 && c.says != quiet:
				t.Fatalf("nothing is said: %v", faults(d))
			case i < 0:
				return
			}
			f := d.Findings[i]
			if c.says == quiet || f.Severity != c.severity || f.Confidence != c.sure || !strings.Contains(f.Summary+f.Explanation, c.says) {
				t.Errorf("%s %s: %s %s", f.Severity, f.Confidence, f.Summary, f.Explanation)
			}
			if f.Severity == Info && d.Verdict != VerdictOK {
				t.Errorf("verdict %s: %s", d.Verdict, d.Headline)
			}
		})
	}
	t.Run("a moment ago", func(t *testing.T) {
		w := diagtest.VPC().Say(ask)
		w.Elapsed = time.Millisecond
		if d := Diagnose(w.State()); slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Cause == "host.inbound-unanswered" }) {
			t.Error("it is said at once")
		}
	})
}

// Many that knock at many ports are one finding.
func TestManyKnocks(t *testing.T) {
	w := diagtest.VPC()
	for port := range uint16(200) {
		w.Say(diag.Drop{Frame: diagtest.Knock(1000 + port), Reason: "NETFILTER_DROP", Function: "nft_do_chain"})
	}
	d := Diagnose(w.State())
	n := 0
	for _, f := range d.Findings {
		if f.Cause == "host.inbound-unanswered" {
			n++
			if len(f.Evidence) > 2*callFacts || len(f.Summary) > 200 {
				t.Errorf("%d events: %s", len(f.Evidence), f.Summary)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d findings", n)
	}
}

// A router that asks again is told where it matters: one whose answers come has reasons of its own, and who probes what
// it knows asks by unicast.
func TestRouterAsksAgain(t *testing.T) {
	silent := func(w *diagtest.World) *diagtest.World {
		return w.Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
	}
	for name, c := range map[string]struct {
		world *diagtest.World
		want  []string
	}{
		"nothing comes from beyond":  {diagtest.AsksAgain(silent(diagtest.LAN()), 1), []string{"router.asks-again"}},
		"once, and all is well":      {diagtest.AsksAgain(diagtest.LAN(), 1), nil},
		"thrice, and all is well":    {diagtest.AsksAgain(diagtest.LAN(), 3), nil},
		"nobody hears the interface": {diagtest.AsksAgain(diagtest.LAN(), 3).Silence(func(p diag.Path) bool { return p.Asks != diag.AsksDAD }), []string{"path.unheard"}},
		"never, and nothing comes":   {diagtest.AsksAgain(silent(diagtest.LAN()), 0), []string{"path.beyond-router"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(c.world.State())
			if got := faults(d); !slices.Equal(got, c.want) || len(d.Unexplained) > 0 {
				t.Errorf("named %v, want %v; unexplained %v", got, c.want, d.Unexplained)
			}
		})
	}
}

// A redirect is a fault where this host follows it to nowhere, and otherwise a router's good advice.
func TestRedirects(t *testing.T) {
	stranger := diagtest.Better()
	stranger.Src, stranger.SrcMAC = diagtest.PeerLocal, diagtest.PeerMAC
	rule := diag.Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"redirect"}}
	before := diagtest.Redirected().Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.RedirectFrame || f.Type == diag.EchoRequest }))
	before.Each(func(p diag.Path) bool { return p.Target == diagtest.Host1 }, func(p *diag.Path) { p.Evidence = nil })
	before.Drop(diagtest.OfKind(func(s diag.Selection) bool { return s.Dst == diagtest.Host1 }))
	for _, from := range []netip.Addr{{}, diagtest.Mine} {
		before.Say(diag.Selection{Dst: diagtest.Host1, From: from, Source: diagtest.Mine, Interface: "eth0", Type: "unicast", Via: diagtest.NobodyMAC.LinkLocal()})
	}
	for name, c := range map[string]struct {
		world *diagtest.World
		cause string
		want  Severity
	}{
		"before anybody looked":        {before, "router.redirects", Warning},
		"to nowhere":                   {diagtest.Redirected(), "router.redirects", Warning},
		"not followed":                 {diagtest.VPC().Say(diagtest.Better()), "", ""},
		"not followed, by a rule":      {diagtest.VPC().Say(diagtest.Better(), rule), "host.firewall", Info},
		"such a rule, and no redirect": {diagtest.VPC().Say(rule), "", ""},
		"from a stranger in a VPC":     {diagtest.VPC().Say(stranger), "router.redirects", Warning},
		"from a stranger on a LAN":     {diagtest.LAN().Say(stranger), "router.redirects", Info},
	} {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(c.world.State())
			var got []string
			for _, f := range d.Findings {
				if strings.HasPrefix(f.Cause, "router.redirects") || f.Cause == "host.firewall" {
					got = append(got, f.Cause+" "+string(f.Severity))
				}
			}
			want := []string{c.cause + " " + string(c.want)}
			if c.cause == "" {
				want = nil
			}
			if !slices.Equal(got, want) || len(d.Unexplained) > 0 || c.want != Warning && d.Verdict != VerdictOK {
				t.Errorf("named %v, want %v; verdict %s, unexplained %v", got, want, d.Verdict, d.Unexplained)
			}
		})
	}
}

// Whoever knocks at all ports makes a diagnosis not slow.
func BenchmarkDiagnoseKnocks(b *testing.B) {
	w := diagtest.VPC()
	for i := range 2 * diag.EventsKept {
		knock := diagtest.Knock(uint16(i))
		w.Say(knock, diag.Drop{Frame: knock, Reason: "NETFILTER_DROP", Function: "nft_do_chain"})
	}
	s := w.State()
	for b.Loop() {
		Diagnose(s)
	}
}
