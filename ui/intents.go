package ui

import (
	"time"

	"ndwhy/diag"
)

// Intents is what the screens can ask for. Every method is called inside a command, never inside
// Update, so it may block and do I/O. What comes of it arrives in Frames.
type Intents interface {
	// Plan returns what Run would send and change with what is known now. It sends nothing.
	Plan(checks []string, add diag.AddMode) (Plan, error)
	// Run runs checks by ID, all that apply where none is named, and returns when they are done
	// or stopped. An empty add means the way that the program was started with.
	Run(checks []string, add diag.AddMode) error
	// Stop ends what runs.
	Stop()
	// Every has the checks run every so often, candidates aside; 0 ends that.
	Every(d time.Duration)
	// Record starts or ends the recording and returns its file.
	Record(on bool) (path string, err error)
	// Save writes the Markdown report and returns its file.
	Save(markdown string) (path string, err error)
	// Keep writes what was copied where the terminal may not have taken it and returns the file;
	// an empty path means that the terminal is known to take it.
	Keep(text string) (path string, err error)
}

// Player drives a replay.
type Player interface {
	Pause(on bool)
	Step()                // the next event
	Speed(factor float64) // 1 is as recorded
	NextFinding()         // on to where the findings change
	Restart()             // from the beginning again
}

// Bench breaks and mends things in the lab.
type Bench interface {
	// Break breaks (on) or mends the thing with an ID of Lab.Breaks.
	Break(id string, on bool) error
}

// A Plan is what running checks would do.
type Plan struct {
	Lines  []PlanLine
	Frames int // packets at most
}

// A PlanLine is one question that would be asked; its Outcome is skipped (Detail says why) where
// it would not.
type PlanLine struct {
	diag.Path
	Frames  int      // packets at most
	Changes []string // keys of the catalogue: what may change on this host
}
