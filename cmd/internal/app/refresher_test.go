package app

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/session"
)

// What changes the ground has the checks run again, soon and once; what only goes by itself, or what the run itself
// brings about, does not; and periodically only when it is wanted.
func TestRefresher(t *testing.T) {
	peer := netip.MustParseAddr("2001:db8::2")
	link := diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Up: true, Carrier: true, Ethernet: true}
	down := link
	down.Carrier = false
	route := diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr("fe80::1"), Table: diag.MainTable, Type: "unicast", ExpiresS: 1800}
	renewed := route
	renewed.ExpiresS = 1700
	for name, tt := range map[string]struct {
		body diag.Body
		want int
	}{
		"the link goes down":             {down, 1},
		"a second route":                 {diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8:1::/48"), Via: route.Via, Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever}, 1},
		"the default route is renewed":   {renewed, 0},
		"a candidate":                    {diag.Address{Interface: "eth0", Address: peer.Next(), PrefixLen: 128, ValidS: 20, Flags: diag.NoPrefixRoute}, 0},
		"an address":                     {diag.Address{Interface: "eth0", Address: peer.Next(), PrefixLen: 64, ValidS: diag.Forever, PreferredS: diag.Forever}, 1},
		"a neighbour that answered":      {diag.Neighbour{Interface: "eth0", Address: peer, State: diag.Failed}, 1},
		"one that nobody asked for":      {diag.Neighbour{Interface: "eth0", Address: peer.Next(), State: diag.Failed}, 0},
		"the clock":                      {diag.Tick{}, 0},
		"a rule of this host's own":      {diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "drop", Verdict: "drop"}, 1},
		"the policy rule of a VPN":       {diag.PolicyRule{Priority: 100, Table: 51820, Action: "to_table"}, 1},
		"a neighbour answers once more":  {diag.Neighbour{Interface: "eth0", Address: peer, MAC: diag.MAC{2, 0, 0, 0, 0, 2}, State: diag.Reachable}, 0},
		"the peer's entry is thrown out": {diag.Neighbour{Interface: "eth0", Address: peer, Gone: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s := session.New(nil)
				var runs atomic.Int32
				ask := func() {
					check := diag.Check{ID: "peer-nd", Interface: "eth0", State: diag.CheckRunning}
					s.Emit(check)
					s.Emit(diag.Path{ID: "1", Check: "peer-nd", Interface: "eth0", Asks: diag.AsksND, Target: peer, Outcome: diag.Answered})
					// What asking brings about is no reason to ask.
					s.Emit(diag.Neighbour{Interface: "eth0", Address: peer, MAC: diag.MAC{2, 0, 0, 0, 0, 2}, State: diag.Reachable})
					time.Sleep(time.Second)
					check.State = diag.CheckDone
					s.Emit(check)
				}
				r := NewRefresher(s, nil, func(ids []string) {
					runs.Add(1)
					for _, id := range ids {
						if id == "added" {
							t.Error("candidates are tried by itself")
						}
					}
					ask()
				})
				s.Watch(r.Note)
				s.Emit(diag.Run{Interfaces: []string{"eth0"}})
				s.Emit(link)
				s.Emit(route)
				ask()
				go r.Refresh(ctx)
				time.Sleep(2 * time.Second)
				s.Emit(tt.body)
				time.Sleep(2 * time.Second)
				if got := int(runs.Load()); got != tt.want {
					t.Errorf("asked again %d times within 2 s, want %d", got, tt.want)
				}
				time.Sleep(5 * time.Minute)
				if got := int(runs.Load()); got != tt.want {
					t.Errorf("asked again %d times in the end, want %d", got, tt.want)
				}
				r.Every(time.Minute)
				time.Sleep(10*time.Minute + 30*time.Second)
				if got := int(runs.Load()) - tt.want; got < 9 || got > 11 {
					t.Errorf("asked %d times in ten minutes, once a minute was wanted", got)
				}
				r.Every(0)
				before := runs.Load()
				time.Sleep(5 * time.Minute)
				if more := runs.Load() - before; more > 1 {
					t.Errorf("asked %d times more after that was ended", more)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}
