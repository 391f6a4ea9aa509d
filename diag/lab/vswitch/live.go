package vswitch

import "time"

// Config returns the configuration, which may be changed between two calls of the switch's methods:
// everything but how many ports and routers there are. What is in it counts from the next frame on.
func (s *Switch) Config() *Config { return &s.cfg }

// Hasten makes every router that advertises do so at the next Tick.
func (s *Switch) Hasten(now time.Time) {
	for i := range s.next {
		s.next[i] = now
	}
	if s.other != nil {
		s.other.Hasten(now)
	}
}
