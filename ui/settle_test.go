package ui

import (
	"testing"
	"time"

	"ndwhy/diag"
)

// Where a replay stands still, what it shows is of that very moment.
func TestSettle(t *testing.T) {
	lens, s := NewLens(), diag.NewState()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	say := func(b diag.Body) {
		at = at.Add(time.Millisecond)
		e := diag.Event{Seq: s.Seq + 1, At: at, Body: b}
		s.Apply(e)
		lens.Note(e)
	}
	say(diag.Run{Interfaces: []string{"eth0"}})
	lens.Snapshot(s)
	say(diag.Neighbour{Interface: "eth0", Address: diag.VPCRouter, State: diag.Stale})
	if f := lens.Snapshot(s); f.Report.Neighbours.ByState[diag.Stale] != 0 {
		t.Fatal("a report is made for every neighbour that changes")
	}
	lens.Settle()
	if f := lens.Snapshot(s); f.Report.Neighbours.ByState[diag.Stale] != 1 {
		t.Errorf("the report is of an earlier moment: %v", f.Report.Neighbours.ByState)
	}
}
