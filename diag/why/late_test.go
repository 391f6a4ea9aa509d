package why

import (
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// An answer that comes after the wait is late; a second copy of one that came in time is not.
func TestCopyIsNotLate(t *testing.T) {
	ask := diag.Frame{
		Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: diagtest.MyLocal, Dst: diagtest.RouterAddr, SrcMAC: diagtest.MyMAC, HopLimit: 64, EchoID: 7, EchoSeq: 7,
	}
	answer := ask
	answer.Out, answer.Type, answer.Src, answer.Dst, answer.SrcMAC = false, diag.EchoReply, ask.Dst, ask.Src, diagtest.RouterMAC
	for name, tt := range map[string]struct {
		after []time.Duration // of the question
		late  bool
	}{
		"after the wait":          {[]time.Duration{tooLate}, true},
		"in time":                 {[]time.Duration{tooLate / 2}, false},
		"in time, and once again": {[]time.Duration{tooLate / 2, tooLate + time.Millisecond}, false},
	} {
		w := diagtest.LAN().Silence(func(p diag.Path) bool { return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksEcho })
		events := w.Events()
		end := events[len(events)-1]
		say := func(after time.Duration, b diag.Body) {
			end.Seq++
			events = append(events, diag.Event{Seq: end.Seq, At: end.At.Add(after), Body: b})
		}
		say(0, ask)
		for _, after := range tt.after {
			say(after, answer)
		}
		if got := named(Diagnose(diagtest.Fold(events))); slices.Contains(got, Loss) != tt.late {
			t.Errorf("%s: named %v", name, got)
		}
	}
}
