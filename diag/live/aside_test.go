package live

import (
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/session"
)

// What comes of the echoes with one id goes to who asked for it, and all else into the stream.
func TestAside(t *testing.T) {
	quoted := func(id uint16) *diag.Quoted { return &diag.Quoted{Type: diag.EchoRequest, EchoID: id} }
	reply := func(id uint16) diag.Frame { return diag.Frame{Type: diag.EchoReply, EchoID: id} }
	for _, tt := range []struct {
		body        diag.Body
		taken, told bool
	}{
		{diag.Frame{Type: diag.EchoRequest, Out: true, EchoID: 7}, true, true},
		{reply(7), true, true},
		{diag.Frame{Type: diag.Unreachable, Quoted: quoted(7)}, true, false},
		{diag.Drop{Frame: reply(7)}, true, false},
		{reply(8), false, false},
		{diag.Frame{Type: diag.Unreachable, Quoted: quoted(8)}, false, false},
		{diag.Drop{Frame: reply(8)}, false, false},
		{diag.Frame{Type: diag.NA}, false, false},
		{diag.Tick{}, false, false},
	} {
		l := &Session{Session: session.New(nil)}
		events, told := 0, 0
		l.Watch(func(diag.Event) { events++ })
		sifted{l}.Emit(tt.body)
		if l.Aside(7, func(diag.Frame) { told++ }) {
			t.Error("what nobody can see is promised")
		}
		sifted{l}.Emit(tt.body)
		if taken := events == 1; taken != tt.taken || (told == 1) != tt.told {
			t.Errorf("%+v: taken %v, told %v, want %v, %v", tt.body, taken, told == 1, tt.taken, tt.told)
		}
	}
}
