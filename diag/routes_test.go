package diag_test

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// Of more routes than are kept the first stay, those that say most have a share of their own, and one that goes
// makes room.
func TestRoutesKept(t *testing.T) {
	t.Parallel()
	many := diagtest.Crowd{Routes: diag.GatewaysKept + 1000, Routers: diag.RoutesKept}.Bodies()
	w := diagtest.LAN().Say(slices.DeleteFunc(many, diagtest.OfKind(func(diag.Frame) bool { return true }))...)
	s := w.State()
	if most := diag.RoutesKept + diag.GatewaysKept; s.Routes.Len() != most {
		t.Fatalf("%d routes are kept, want %d", s.Routes.Len(), most)
	}
	if l := s.LinkOf("eth0"); len(l.Gateways()) != 8 || l.Gateways()[0] != diagtest.RouterAddr && !l.IsRouter(diagtest.RouterAddr) {
		t.Errorf("gateways %v", l.Gateways())
	}
	say := func(b diag.Body) { s.Apply(diag.Event{Seq: s.Seq + 1, At: s.Now, Body: b}) }
	late := diagtest.DefaultRoute("static")
	late.Via = netip.MustParseAddr("fe80::1")
	say(late)
	if s.LinkOf("eth0").IsRouter(late.Via) {
		t.Error("there was room for one more")
	}
	gone := diagtest.DefaultRoute("ra")
	gone.Gone = true
	say(gone)
	say(late)
	if !s.LinkOf("eth0").IsRouter(late.Via) {
		t.Error("there was no room for another when one had gone")
	}
	say(diag.Link{Interface: "eth0", Gone: true})
	say(late)
	if s.Routes.Len() != 1 {
		t.Errorf("%d routes where the interface went and one came", s.Routes.Len())
	}
}
