package diag

import (
	"strings"
	"time"
)

// Why a frame must not be believed, where something rests on which it is: its ICMPv6 checksum is wrong, only its beginning
// was captured, with which Bad begins then, or only the beginning of the packet is in it.
const (
	BadChecksum = "wrong ICMPv6 checksum"
	BadCut      = "cut short"
	BadFragment = "only the first fragment of a packet"
)

// Cut reports whether only the beginning of a frame was captured: its headers are what they say.
func (f Frame) Cut() bool { return strings.HasPrefix(f.Bad, BadCut) }

// A Flood is more packets of one kind in a second or so than are told one by one: of those that it is made of only
// some are in the stream, with all that answers what this host asked.
type Flood struct {
	Interface string    `json:"interface"`
	Type      FrameType `json:"type"`
	Packets   int       `json:"packets"` // that came
	OverS     float64   `json:"over_s"`  // in how long
	// Senders is how many Ethernet addresses they came from, as far as they were counted: SendersCounted. MAC is the one
	// that most came from, and Most how many.
	Senders int `json:"senders"`
	MAC     MAC `json:"mac"`
	Most    int `json:"most"`
}

// SendersCounted bounds how many senders of a flood are told apart.
const SendersCounted = 1024

// Kind implements Body.
func (Flood) Kind() string { return "flood" }

// Rate is how many packets came a second.
func (f Flood) Rate() int {
	if f.OverS <= 0 {
		return f.Packets
	}
	return int(float64(f.Packets) / f.OverS)
}

// A FloodKey names a flood.
type FloodKey struct {
	Interface string
	Type      FrameType
}

// floodRemembered is for how long a flood stands beside a weaker one that came later.
const floodRemembered = time.Minute

func (s *State) applyFlood(e Event, f Flood) {
	key := FloodKey{f.Interface, f.Type}
	if old, ok := s.Floods[key]; ok && old.Fact.Rate() > f.Rate() && e.At.Sub(old.At) < floodRemembered {
		return
	}
	if _, ok := s.Floods[key]; ok || len(s.Floods) < floodsKept {
		s.Floods[key] = At[Flood]{f, e.At, e.Seq}
		s.said[key] = e
	}
}
