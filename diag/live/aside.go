package live

import (
	"time"

	"ndwhy/diag"
)

// An aside is who takes the echoes that are no events.
type aside struct {
	id   uint16
	take func(diag.Frame)
}

// takes takes what is to be no event, and reports whether it did.
func (a *aside) takes(b diag.Body) bool {
	if a == nil {
		return false
	}
	switch b := b.(type) {
	case diag.Frame:
		if (b.Type == diag.EchoRequest || b.Type == diag.EchoReply) && b.EchoID == a.id {
			a.take(b)
			return true
		}
		return b.Quoted != nil && b.Quoted.Type == diag.EchoRequest && b.Quoted.EchoID == a.id
	case diag.Drop: // an answer that no socket waits for
		return (b.Frame.Type == diag.EchoRequest || b.Frame.Type == diag.EchoReply) && b.Frame.EchoID == a.id
	default:
		return false
	}
}

// sifted is the stream without what the session's aside takes.
type sifted struct{ *Session }

// Emit implements diag.Sink.
func (s sifted) Emit(b diag.Body) diag.Event { return s.EmitAt(time.Now(), b) }

// EmitAt implements diag.Sink.
func (s sifted) EmitAt(at time.Time, b diag.Body) diag.Event {
	if s.aside.Load().takes(b) {
		return diag.Event{}
	}
	return s.Session.EmitAt(at, b)
}
