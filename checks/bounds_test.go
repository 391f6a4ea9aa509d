package checks

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
)

// Whatever gets lost, and whenever the interface goes: no candidate is solicited more often than was declared,
// no more is sent than the dry run says, and nothing stays behind.
func TestRunBounds(t *testing.T) {
	never := time.Duration(0)
	for _, add := range []diag.AddMode{diag.AddClaim, diag.AddKernel} {
		for _, lost := range []int{1, 2, 3} { // one frame of so many between the same two
			for _, gone := range []time.Duration{never, 250 * time.Millisecond, 700 * time.Millisecond, 1900 * time.Millisecond} {
				inWorld(t, fmt.Sprintf("%s, one of %d lost, gone at %s", add, lost+1, gone), func(w *world) {
					w.edit(func(r *diag.Run) { r.Add = add })
					seen := map[string]int{}
					w.lose = func(f diag.Frame) bool {
						key := fmt.Sprint(f.Type, f.Src, f.Dst, f.Target)
						seen[key]++
						return seen[key]%(lost+1) == 1
					}
					if gone != never {
						time.AfterFunc(gone, func() { w.sess.Emit(diag.Link{Interface: "eth0", Gone: true}) })
					}
					keepsBounds(w)
				})
			}
		}
	}
}

func keepsBounds(w *world) {
	w.t.Helper()
	lines, frames, again := DryRun(w.state())
	w.run(w.t.Context(), nil)
	declared := map[string]int{} // solicitations for a candidate
	for _, l := range lines {
		if l.Asks == diag.AsksDAD && l.Planned() {
			declared[l.Target.String()] += l.Frames
			if l.Via == diag.ViaWire {
				declared[l.Target.String()] -= mldReports
			}
		}
	}
	if len(declared) != 4 {
		w.t.Errorf("%d candidates are tried, want 4", len(declared))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	asked, packets := map[string]int{}, 0
	for _, what := range w.log {
		if _, target, ok := strings.Cut(what, " > "); ok {
			packets++
			if strings.Contains(what, " ns ") {
				asked[target]++
			}
		}
	}
	for target, most := range declared {
		if asked[target] > most {
			w.t.Errorf("%s was solicited %d times, at most %d are declared", target, asked[target], most)
		}
	}
	if packets > frames+again {
		w.t.Errorf("%d packets; the dry run says at most %d and %d more", packets, frames, again)
	}
	if len(w.added) > 0 || w.joined > 0 {
		w.t.Errorf("left behind: %v, %d groups", w.added, w.joined)
	}
}

// A busy host is one on which every look at the state takes long.
type busyHost struct {
	Session
	takes time.Duration
}

func (s busyHost) Look(fn func(*diag.State)) {
	time.Sleep(s.takes)
	s.Session.Look(fn)
}

// Where every step takes long, a run ends before its deadline by as much as there is still to do: planning, which is
// under way when time is up, makes nothing late.
func TestRunKeepsDeadlineOnBusyHost(t *testing.T) {
	inWorld(t, "everybody is silent", func(w *world) {
		w.lose = func(diag.Frame) bool { return true }
		const whole = 3 * time.Second
		ctx, cancel := context.WithTimeout(w.t.Context(), whole)
		defer cancel()
		begun := time.Now()
		err := Run(ctx, Runner{Session: busyHost{w.sess, 60 * time.Millisecond}, Net: w, Expect: func(diag.Path) bool { return true }})
		if took := time.Since(begun); err != nil || took > whole+100*time.Millisecond || took < whole/2 {
			w.t.Errorf("it took %s, of %s: %v", took, whole, err)
		}
		late := 0
		for _, p := range w.state().Paths() {
			if p.Detail == DetailTimeout {
				late++
			}
		}
		if late == 0 {
			w.t.Error("nothing was left to ask")
		}
	})
}

// A run leaves time for the diagnosis, and for the sources and the process to end, where nothing yet has told how long
// anything takes.
func TestRunLeavesTime(t *testing.T) {
	for whole, least := range map[time.Duration]time.Duration{
		2 * time.Second: 150 * time.Millisecond, 400 * time.Millisecond: 50 * time.Millisecond,
	} {
		inWorld(t, whole.String(), func(w *world) {
			w.lose = func(diag.Frame) bool { return true }
			ctx, cancel := context.WithTimeout(w.t.Context(), whole)
			defer cancel()
			if took := w.run(ctx, func(diag.Path) bool { return true }); took > whole-least || took < whole/2 {
				w.t.Errorf("it took %s, of %s", took, whole)
			}
		})
	}
}
