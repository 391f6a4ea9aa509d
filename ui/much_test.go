package ui

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/diagtest"
)

// With as much on the link as the program is made for, what is held and what a key costs is bounded.
const (
	// muchHeld is all that is known, the report, and what the screen of the neighbours has of its own, in bytes. The
	// kernel's tables are kept once more, in as much room as the state's take of it (diag/kernel). With the runtime's own
	// share and the program's text that stays below 64 MB.
	muchHeld = 18 << 20
	// muchCost is the time of the processor that a key takes, the frame included that is made for it: half of the 100 ms
	// within which it is answered.
	muchCost = 50 * time.Millisecond
)

func TestMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector makes everything slower")
	}
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	s := newStage(t, Config{}, 120, 40)
	before := held()
	for _, b := range diagtest.LAN().Say(diagtest.Most.Bodies()...).Events() {
		s.state.Apply(b)
		s.lens.Note(b)
	}
	s.look().press("3").look()
	if took := held() - before; took > muchHeld {
		t.Errorf("%.1f MB are held, want at most %.1f", float64(took)/1e6, float64(muchHeld)/1e6)
	}
	runtime.LockOSThread() // whose time is measured: other programs may be busy
	defer runtime.UnlockOSThread()
	for screen := ScreenMap; screen < ScreenSwitch; screen++ {
		name := string(rune('0' + int(screen)))
		for _, key := range []string{name, "down", "pgdown", "end", "up", "home", "o", "O", "?", "esc", "tab"} {
			best := time.Hour
			for range 3 {
				s.press(name)
				start := spent(t)
				s.press(key)
				s.send(frameMsg{s.lens.Snapshot(s.state)})
				if best = min(best, spent(t)-start); best <= muchCost {
					break
				}
			}
			if best > muchCost {
				t.Errorf("%s: %q takes %v of the processor, want at most %v", screen.name(), key, best, muchCost)
			}
		}
	}
}

// spent is the time of the processor that this thread has had.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
