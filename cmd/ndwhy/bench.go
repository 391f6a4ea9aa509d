package main

import (
	"os"
	"slices"
	"sync"

	"ndwhy/diag/lab"
	"ndwhy/diag/words"
	"ndwhy/ui"
)

// keepVerdicts bounds what is kept of the switch's log for the screens.
const keepVerdicts = 300

// A bench is the lab that this process runs in, for the screens: what the switch did, and what can
// be broken and mended. note does nothing on a nil bench, which is
// what there is elsewhere.
type bench struct {
	control *lab.Control
	again   func() // asks everything once more
	stir    func() // there is something new to show

	mu  sync.Mutex
	lab ui.Lab // Verdicts only ever grows behind what a frame was given
}

// labBench returns the lab that this process runs in, or nil. again is called after something was
// broken or mended, to see what became of it, and stir whenever there is something new to show.
func labBench(again, stir func()) *bench {
	b := &bench{again: again, stir: stir}
	b.lab.Scenario = os.Getenv("NDWHY_LAB")
	var err error
	if b.control, err = lab.Dial(os.Getenv, b.take); err != nil {
		return nil
	}
	return b
}

// take notes what the lab tells.
func (b *bench) take(n lab.News) {
	b.mu.Lock()
	for _, e := range n.Entries {
		b.lab.Verdicts = append(b.lab.Verdicts, ui.Verdict{
			Time: e.Time, Port: e.Port, Verdict: string(e.Verdict), Reason: e.Reason, Summary: e.Frame,
		})
	}
	if len(b.lab.Verdicts) > 2*keepVerdicts {
		b.lab.Verdicts = slices.Clone(b.lab.Verdicts[len(b.lab.Verdicts)-keepVerdicts:])
	}
	if n.Breaks != nil {
		b.lab.Breaks = nil
		for _, x := range n.Breaks {
			b.lab.Breaks = append(b.lab.Breaks, ui.Break{ID: x.ID, Title: words.Say("lab.break." + x.ID), Broken: x.Broken})
		}
	}
	b.mu.Unlock()
	b.stir()
}

// note puts the lab into a frame.
func (b *bench) note(f *ui.Frame) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.lab
	now.Verdicts = now.Verdicts[max(0, len(now.Verdicts)-keepVerdicts):len(now.Verdicts):len(now.Verdicts)]
	f.Lab = &now
}

// Break implements ui.Bench.
func (b *bench) Break(id string, on bool) error {
	if err := b.control.Break(id, on); err != nil {
		return err
	}
	b.again()
	return nil
}

func (b *bench) close() { b.control.Close() }
