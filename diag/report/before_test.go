package report

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/why"
)

// told is a stream that a test tells event by event.
type told struct {
	s  *diag.State
	at time.Time
}

func tell(bodies ...diag.Body) *told {
	c := &told{diag.NewState(), diagtest.Start}
	c.say(bodies...)
	return c
}

func (c *told) say(bodies ...diag.Body) (seq int64) {
	for _, b := range bodies {
		c.at = c.at.Add(time.Millisecond)
		c.s.Apply(diag.Event{Seq: c.s.Seq + 1, At: c.at, Body: b})
	}
	return c.s.Seq
}

var (
	autonomous = netip.MustParsePrefix("2001:db8:a::/64")
	slaac      = diag.Address{Interface: "eth0", Address: netip.MustParseAddr("2001:db8:a::1"), PrefixLen: 64, PreferredS: 7200, ValidS: 7200}
	running    = diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckRunning}
	solicits   = diag.Frame{Interface: "eth0", Out: true, Type: diag.RS, Src: diagtest.MyLocal, Dst: diag.AllRouters}
)

// host is an instance that has its lease, and of whose tables all is known.
func host(bodies ...diag.Body) *told {
	return tell(append([]diag.Body{
		diag.Run{Version: "test", Host: "ubuntu1", Interfaces: []string{"eth0"}},
		diag.Link{Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
		diagtest.Leased(diagtest.Mine),
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
	}, bodies...)...)
}

// asks is the check ra: what it solicits, what comes, and what the kernel makes of it.
func (c *told) asks(then ...diag.Body) {
	ra := diagtest.VpcRA()
	ra.Prefixes = append(ra.Prefixes, diag.PrefixInfo{Prefix: autonomous, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200})
	c.say(running)
	rs := c.say(solicits)
	answer := c.say(diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, ra))
	c.say(then...)
	c.say(
		diag.Path{
			ID: "ra", Interface: "eth0", Check: "ra", Asks: diag.AsksRS, Source: diagtest.MyLocal, Target: diag.AllRouters, TargetClass: diag.TargetRouter,
			Via: diag.ViaWire, Outcome: diag.Answered, Sent: 1, Received: 1, Evidence: []int64{rs, answer},
		},
		diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckDone},
	)
}

func TestChangedTellsWhatAskingBrought(t *testing.T) {
	elsewhere := diagtest.DefaultRoute("static")
	elsewhere.Via, elsewhere.Table = diagtest.PeerLocal, 10000
	for name, tc := range map[string]struct {
		before []diag.Body
		then   []diag.Body
		want   []string // parts of the sentences
	}{
		"a default route and an address": {nil, []diag.Body{diagtest.DefaultRoute("ra"), slaac}, []string{diagtest.RouterAddr.String(), slaac.Address.String()}},
		"they were there":                {[]diag.Body{diagtest.DefaultRoute("ra"), slaac}, []diag.Body{diagtest.DefaultRoute("ra"), slaac}, nil},
		"another was":                    {[]diag.Body{elsewhere}, []diag.Body{diagtest.DefaultRoute("ra")}, []string{diagtest.RouterAddr.String()}},
		"nothing came of it":             {nil, nil, nil},
		"somebody else's doing":          {nil, []diag.Body{elsewhere, diagtest.ByHand(diagtest.Hand, 64)}, nil},
		"what was there was not known":   {[]diag.Body{diag.Feed{Name: diag.FeedNetlink, State: diag.Lost}}, []diag.Body{diagtest.DefaultRoute("ra")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := host(tc.before...)
			c.asks(tc.then...)
			for _, s := range []*diag.State{c.s, again(t, c.s)} {
				got := New(s, why.Diagnose(s)).Changed
				if len(got) != len(tc.want) {
					t.Fatalf("changed %q, want %q", got, tc.want)
				}
				for i, part := range tc.want {
					if !strings.Contains(got[i], part) || !strings.Contains(got[i], "solicitation") {
						t.Errorf("%q says nothing of %s", got[i], part)
					}
				}
			}
		})
	}
}

// What was so before a run stays what it was while the run lasts, and is looked at anew with the next.
func TestBefore(t *testing.T) {
	c := host(
		diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: diagtest.PeerLocal, Table: 51820, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
		diag.Neighbour{Interface: "eth0", Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC, State: diag.Stale},
	)
	if _, ok := c.s.Before("eth0"); ok {
		t.Error("nothing was asked yet")
	}
	ran := diagtest.DefaultRoute("ra")
	ran.ExpiresS = 3
	c.say(ran)
	c.at = c.at.Add(2 * time.Second)
	began := c.say(running)
	c.say(
		diag.Check{ID: "internet", Interface: "eth0", State: diag.CheckRunning}, slaac,
		diag.Neighbour{Interface: "eth0", Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC, State: diag.Reachable},
		diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckDone}, diag.Check{ID: "mtu", Interface: "eth0", State: diag.CheckRunning},
	)
	for _, s := range []*diag.State{c.s, again(t, c.s)} {
		b, ok := s.Before("eth0")
		if !ok || b.Seq != began || !b.Complete || len(b.Routes) != 2 || len(b.Addresses) != 1 || len(b.Routers) != 1 {
			t.Fatalf("%+v", b)
		}
		if b.Routes[0].Via != diagtest.RouterAddr || b.Routes[0].ExpiresS != 1 || b.Routes[1].Table != 51820 {
			t.Errorf("routes %+v", b.Routes)
		}
		if b.Addresses[0].Address != diagtest.Mine || b.Routers[0].State != diag.Stale {
			t.Errorf("%+v", b)
		}
	}
	c.say(
		diag.Check{ID: "internet", Interface: "eth0", State: diag.CheckDone}, diag.Check{ID: "mtu", Interface: "eth0", State: diag.CheckDone},
	)
	c.at = c.at.Add(time.Minute)
	recorded := again(t, c.s)
	for _, s := range []*diag.State{c.s, recorded} {
		s.Apply(diag.Event{Seq: c.s.Seq + 1, At: c.at, Body: running})
		b, _ := s.Before("eth0")
		if len(b.Routes) != 1 || len(b.Addresses) != 2 || b.Routers[0].State != diag.Reachable || !b.At.Equal(c.at) {
			t.Errorf("the next run: %+v", b)
		}
	}
}

// What an earlier run found by asking as applications do does not stand beside what is found now by asking otherwise.
func TestAnotherOutcomeForgetsTheOtherWays(t *testing.T) {
	paths := func(c *told) (vias []diag.Via) {
		for _, p := range c.s.Paths() {
			vias = append(vias, p.Via)
		}
		return vias
	}
	p := diag.Path{ID: "kernel", Interface: "eth0", Check: "internet", Asks: diag.AsksEcho, Source: diagtest.Mine, Target: diagtest.Host1, Via: diag.ViaKernel, Outcome: diag.Answered}
	app := p
	app.ID, app.Via, app.Source = "app", diag.ViaApp, diagtest.UlaCand
	other := p
	other.ID, other.Source = "other", diagtest.Hand
	begun := diag.Check{ID: "internet", Interface: "eth0", State: diag.CheckRunning}
	c := host(begun, p, app, other, begun)
	c.say(p)
	if got := paths(c); len(got) != 3 {
		t.Errorf("%v are left of what is as it was", got)
	}
	p.Outcome = diag.Silent
	c.say(p)
	if got := paths(c); !slices.Equal(got, []diag.Via{diag.ViaKernel, diag.ViaKernel}) {
		t.Errorf("%v are left, want what was asked by kernel, from both addresses", got)
	}
}
