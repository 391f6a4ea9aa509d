package app

import (
	"errors"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/outfile"
	"ndwhy/diag/words"
	"ndwhy/ui"
)

// A Saver writes files that the screens ask for.
type Saver struct {
	Clipboard bool // the terminal is known to take what is copied
}

// Save implements ui.Intents.
func (Saver) Save(markdown string) (string, error) {
	path := outfile.Dated("report", "md")
	return path, outfile.Save(path, markdown)
}

// Keep implements ui.Intents.
func (k Saver) Keep(text string) (string, error) {
	if k.Clipboard {
		return "", nil
	}
	path := outfile.Temporary("copy", "txt")
	return path, outfile.Save(path, text)
}

// A Viewer does what the screens ask for over a recording, as far as it asks nothing of the network.
type Viewer struct{ Saver }

var errReplay = errors.New(words.Say("cli.replay.asks-nothing"))

// Plan implements ui.Intents.
func (Viewer) Plan([]string, diag.AddMode) (ui.Plan, error) { return ui.Plan{}, errReplay }

// Run implements ui.Intents.
func (Viewer) Run([]string, diag.AddMode) error { return errReplay }

// Stop implements ui.Intents.
func (Viewer) Stop() {}

// Every implements ui.Intents.
func (Viewer) Every(time.Duration) {}

// Record implements ui.Intents.
func (Viewer) Record(bool) (string, error) { return "", errReplay }
