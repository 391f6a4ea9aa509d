package ui

import "sync"

// A Mailbox hands Frames to the program: it has one slot, and a newer Frame replaces one that was
// not taken, so that a slow terminal gets fewer Frames and never older ones.
type Mailbox struct {
	slot   chan Frame
	closed chan struct{}
	once   sync.Once
}

// NewMailbox returns an empty mailbox.
func NewMailbox() *Mailbox {
	return &Mailbox{slot: make(chan Frame, 1), closed: make(chan struct{})}
}

// Put leaves a Frame. It never blocks; one goroutine puts.
func (b *Mailbox) Put(f Frame) {
	select {
	case <-b.slot:
	default:
	}
	b.slot <- f
}

// Take waits for a Frame. It returns false once the mailbox is closed.
func (b *Mailbox) Take() (Frame, bool) {
	select {
	case f := <-b.slot:
		return f, true
	case <-b.closed:
		return Frame{}, false
	}
}

// Close ends every Take. It must be called when the program has ended.
func (b *Mailbox) Close() { b.once.Do(func() { close(b.closed) }) }
