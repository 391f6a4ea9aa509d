// Package ui is the interactive face: one Bubble Tea model that draws Frames and asks for checks.
//
// It opens nothing and reads no clock. What it shows is an immutable Frame, which a Lens makes of
// the session's state: at most ten a second, and only what the screen at hand needs, so that a
// table of 100,000 neighbours costs no more than its visible rows. What it wants done it asks of
// the interfaces in intents.go, inside commands, never inside Update.
package ui
