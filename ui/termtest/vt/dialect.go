// Package vt is a terminal for tests: a screen model that takes what a program writes and records
// an error for everything that its dialect does not define. The strictest dialect is a VT220 as
// the "VT220 Programmer Reference Manual" (EK-VT220-RM-002, chapters 2 and 4) has it, in 7-bit
// mode: a real one, or an emulator that prints what it does not know, shows garbage where this
// package reports an error.
//
// It shares no code with the filter that it tests.
package vt

// A Dialect is what a terminal understands, as data.
type Dialect struct {
	Name string
	// UTF8: text is UTF-8; else 7-bit ASCII.
	UTF8 bool
	// Colour: SGR 30–37, 39, 40–47, 49, 90–97 and 100–107 (ECMA-48 §8.3.117 and aixterm).
	Colour bool
	// Colour256: SGR 38;5 and 48;5.
	Colour256 bool
	// TrueColour: SGR 38;2 and 48;2.
	TrueColour bool
	// Decor: SGR 2, 3, 9 and what ends them.
	Decor bool
	// AltScreen: DECSET 1049.
	AltScreen bool
	// Paste: DECSET 2004, bracketed paste.
	Paste bool
	// Sync: DECSET 2026, synchronised output, and the question whether there is one.
	Sync bool
	// Clipboard: OSC 52. Title: OSC 0 and 2.
	Clipboard, Title bool
	// Absolute: CHA, HPA, VPA, SU and SD, which the VT220 lacks.
	Absolute bool
}

// The dialects.
var (
	// VT220 is the strict one: no colours, no second screen, 7-bit text.
	VT220 = Dialect{Name: "vt220"}
	// Linux is the kernel's console (drivers/tty/vt/vt.c).
	Linux = Dialect{Name: "linux", UTF8: true, Colour: true, Decor: true, Absolute: true}
	// Xterm is what every terminal that calls itself xterm has had since the nineties, and
	// bracketed paste: no keyboard protocol, no mode queries.
	Xterm = Dialect{
		Name: "xterm", UTF8: true, Colour: true, Colour256: true, Decor: true, AltScreen: true,
		Paste: true, Clipboard: true, Title: true, Absolute: true,
	}
	// Modern is Xterm with synchronised output.
	Modern = Dialect{
		Name: "modern", UTF8: true, Colour: true, Colour256: true, Decor: true, AltScreen: true,
		Paste: true, Clipboard: true, Title: true, Absolute: true, Sync: true,
	}
)
