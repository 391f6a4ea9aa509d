package diag

import (
	"net/netip"
	"testing"
	"time"
)

// A reset is the other host's only if what it answers left this one: else a rule of this host refused it.
func TestResetThatNobodySent(t *testing.T) {
	me, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("3fff::1")
	start := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	socket := func(event SocketEvent, answer string) Socket {
		return Socket{Interface: "eth0", Event: event, Source: me, Target: far, Service: "tcp", Port: 443, LocalPort: 40000, Answer: answer}
	}
	syn := Frame{Interface: "eth0", Out: true, Type: TCPSyn, Src: me, Dst: far, SrcPort: 40000, DstPort: 443}
	later := Frame{Interface: "eth0", Type: EchoReply, Src: far, Dst: me}
	path := Path{
		ID: "p", Interface: "eth0", Asks: AsksTCP, Source: me, Target: far, Via: ViaKernel, Outcome: Answered, Detail: DetailClosed,
		Sent: 1, Received: 1, Evidence: []int64{3, 4},
	}
	type told struct {
		after time.Duration
		body  Body
	}
	for name, c := range map[string]struct {
		more []told
		want Outcome
	}{
		"nothing left":                    {[]told{{40 * time.Millisecond, later}}, Unsent},
		"it left, and the reset was slow": {[]told{{time.Millisecond, syn}, {40 * time.Millisecond, later}}, Answered},
		"the tap is not there yet":        {nil, Answered},
		"the tap lost some":               {[]told{{40 * time.Millisecond, later}, {41 * time.Millisecond, Feed{Name: FeedTCP, State: Lost}}}, Answered},
	} {
		s := NewState()
		seq := int64(0)
		say := func(after time.Duration, b Body) {
			seq++
			s.Apply(Event{Seq: seq, At: start.Add(after), Body: b})
		}
		say(0, Feed{Name: FeedFrames, State: Synced})
		say(0, Feed{Name: FeedTCP, State: Synced})
		say(time.Millisecond, socket(SocketSent, ""))
		say(30*time.Millisecond, socket(SocketReply, "closed"))
		say(30*time.Millisecond, path)
		for _, m := range c.more {
			say(m.after, m.body)
		}
		p, _ := s.Path("p")
		if p.Outcome != c.want || (c.want == Unsent) != (p.Errno == "ECONNREFUSED") || s.Paths()[0].Outcome != c.want || s.PathsSorted()[0].Outcome != c.want {
			t.Errorf("%s: %s %s, want %s", name, p.Outcome, p.Errno, c.want)
		}
	}
}
