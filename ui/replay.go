package ui

import (
	"fmt"
	"time"
)

// replayText says where a replay stands.
func replayText(r *Replay, at time.Time) string {
	state := "▶"
	switch {
	case r.Ended:
		state = say("replay.ended")
	case r.Paused:
		state = say("replay.paused")
	}
	text := fmt.Sprintf("%s %s %d", at.UTC().Format("15:04:05"), state, r.Event)
	if r.Events > 0 {
		text += fmt.Sprintf("/%d", r.Events)
	}
	if r.Speed != 1 && r.Speed > 0 {
		text += fmt.Sprintf(" ×%g", r.Speed)
	}
	return text
}
