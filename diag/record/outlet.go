package record

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"ndwhy/diag"
)

// flushAfter bounds what a killed process leaves unwritten.
const flushAfter = 250 * time.Millisecond

// An outlet is what a stream of events is written to: soon after something was put there it is in the file, compressed
// or not.
type outlet struct {
	what    string // is written, for errors
	w       *bufio.Writer
	packer  Packer // nil: nothing is compressed
	flushed time.Time
}

// newOutlet returns an outlet to w, which is flushed with it where it is a Packer.
func newOutlet(what string, w io.Writer, started time.Time) *outlet {
	o := &outlet{what: what, w: bufio.NewWriterSize(w, 64<<10), flushed: started}
	o.packer, _ = w.(Packer)
	return o
}

func (o *outlet) put(b []byte) error {
	if _, err := o.w.Write(b); err != nil {
		return fmt.Errorf("%s: %w", o.what, err)
	}
	return nil
}

// passed hands over what was put there where the stream, which has come to e, says that it is time.
func (o *outlet) passed(e diag.Event) error {
	if _, tick := e.Body.(diag.Tick); tick || e.At.Sub(o.flushed) >= flushAfter {
		o.flushed = e.At
		return o.Flush()
	}
	return nil
}

// Flush hands over everything written so far.
func (o *outlet) Flush() error {
	err := o.w.Flush()
	if err == nil && o.packer != nil {
		err = o.packer.Flush()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.what, err)
	}
	return nil
}
