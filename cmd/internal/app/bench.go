package app

import (
	"os"
	"slices"
	"sync"

	"ndwhy/diag/guard"
	"ndwhy/diag/lab"
	"ndwhy/diag/words"
	"ndwhy/ui"
	"ndwhy/ui/plain"
)

// keepVerdicts bounds what is kept of the switch's log for the screens.
const keepVerdicts = 300

// A Bench is the lab that this process runs in: what the switch did, and what can be broken and
// mended. A nil Bench is none, which is what there is elsewhere.
type Bench struct {
	control *lab.Control
	quiet   func() // ends what is asked, and removes what that added
	again   func() // asks everything once more
	stir    func() // there is something new to show

	mu    sync.Mutex
	lab   ui.Lab       // Verdicts only ever grows behind what a frame was given
	fresh []ui.Verdict // those that no line was given
}

// DialBench returns the lab that this process runs in, or nil. quiet is called before something is
// broken or mended from here, again after that was done, here or in another terminal, to see what became
// of it, and stir whenever there is something new to show.
func DialBench(quiet, again, stir func()) *Bench {
	b := &Bench{quiet: quiet, again: again, stir: stir}
	b.lab.Scenario = os.Getenv("NDWHY_LAB")
	var err error
	if b.control, err = lab.Dial(os.Getenv, b.take); err != nil {
		return nil
	}
	return b
}

// newest returns the last n of a list, in an array of its own if that is half of it or less.
func newest[T any](list []T, n int) []T {
	if len(list) < 2*n {
		return list
	}
	return slices.Clone(list[len(list)-n:])
}

// take notes what the lab tells.
func (b *Bench) take(n lab.News) {
	b.mu.Lock()
	for _, e := range n.Entries {
		v := ui.Verdict{Time: e.Time, Port: e.Port, Verdict: string(e.Verdict), Reason: e.Reason, Summary: e.Frame}
		b.lab.Verdicts = append(b.lab.Verdicts, v)
		b.fresh = append(b.fresh, v)
	}
	b.lab.Verdicts, b.fresh = newest(b.lab.Verdicts, keepVerdicts), newest(b.fresh, keepVerdicts)
	if n.Breaks != nil {
		b.lab.Breaks = nil
		for _, x := range n.Breaks {
			b.lab.Breaks = append(b.lab.Breaks, ui.Break{ID: x.ID, Title: words.Say("lab.break." + x.ID), Broken: x.Broken})
		}
	}
	b.mu.Unlock()
	b.stir()
	if n.Turned {
		go func() {
			defer guard.Rescue()
			b.again()
		}()
	}
}

// Note puts the lab into a frame.
func (b *Bench) Note(f *ui.Frame) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.lab
	now.Verdicts = now.Verdicts[max(0, len(now.Verdicts)-keepVerdicts):len(now.Verdicts):len(now.Verdicts)]
	f.Lab = &now
}

// tell writes what is new as lines.
func (b *Bench) tell(out *plain.Writer) error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	fresh, breaks := b.fresh, b.lab.Breaks
	b.fresh = nil
	b.mu.Unlock()
	return out.Lab(b.lab.Scenario, fresh, breaks)
}

// Break implements ui.Bench.
func (b *Bench) Break(id string, on bool) error {
	b.quiet()
	return b.control.Break(id, on)
}

// Close ends the line to the lab.
func (b *Bench) Close() {
	if b != nil {
		b.control.Close()
	}
}
