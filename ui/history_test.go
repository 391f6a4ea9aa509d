package ui

import (
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// The ways in which one run asks a host are one outcome, of which an answer counts; so much is kept and no more, and a
// Frame that holds the old samples is not changed.
func TestHistory(t *testing.T) {
	h := history{}
	at := time.Unix(1000, 0)
	ask := func(after time.Duration, outcome diag.Outcome, rtt float64) {
		at = at.Add(after)
		p := diag.Path{Interface: "eth0", Target: netip.MustParseAddr("2001:db8::1"), Asks: diag.AsksEcho, SourceClass: diag.SourceAssigned, Outcome: outcome, RTTMS: rtt}
		h.note(diag.Event{At: at, Body: p}, p)
	}
	ask(0, diag.Silent, 0)
	ask(100*time.Millisecond, diag.Answered, 40) // the same run, by the kernel
	ask(time.Minute, diag.Silent, 0)
	ask(time.Minute, diag.Answered, 10)
	host := Host{"eth0", "2001:db8::1"}
	held := h[host]
	if got := strip(held); got != "▇×▂" || lost(held) != 1 {
		t.Errorf("%q, %d lost", got, lost(held))
	}
	for range 3 * historySamples {
		ask(time.Minute, diag.Answered, 1)
	}
	if got := strip(h[host]); len(h[host]) != historySamples || strip(held) != "▇×▂" {
		t.Errorf("%q of the last %d, what a Frame held became %q", got, len(h[host]), strip(held))
	}
}

// Who stopped answering is not shown as well until the checks have found out.
func TestQuietIsNotOK(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).fold(diagtest.VPC())
	s.want("✓ OK", "✓ ping")
	f := s.m.frame
	f.Quiet = map[diag.InterfaceAddr]time.Time{{Interface: "eth0", Address: diagtest.PeerLocal}: f.At}
	s.send(frameMsg{f})
	s.want("ASKING", "No answer from "+diagtest.PeerLocal.String()+" since", "? silent since").wantNot("✓ OK")
}
