package vswitch

import (
	"time"

	"golang.org/x/sys/unix"
)

// handleBoth is Handle where there is another subnet: what leaves the one for the other comes into that from beyond.
func (s *Switch) handleBoth(now time.Time, port int, frame []byte) (outs []Output, entries []Entry) {
	type arrival struct {
		in    *Switch
		port  int
		frame []byte
	}
	first := arrival{s, port, frame}
	switch {
	case port >= len(s.cfg.Ports):
		first = arrival{s.other, port - len(s.cfg.Ports), frame}
	case port == BeyondPort && s.other.takes(frame):
		first.in = s.other
	}
	for queue := []arrival{first}; len(queue) > 0; queue = queue[1:] {
		in, over := queue[0].in, s
		if in == s {
			over = s.other
		}
		made, log := in.handle(now, queue[0].port, queue[0].frame)
		if len(entries) > 0 {
			log[0].Port = over.gateway().Name
		}
		for _, o := range made {
			switch {
			case o.Port == BeyondPort && over.takes(o.Frame):
				if log[0].Verdict == Forwarded {
					log[0].To = []string{over.gateway().Name}
				}
				queue = append(queue, arrival{over, BeyondPort, o.Frame}) // each costs it a hop
			case in == s:
				outs = append(outs, o)
			default:
				outs = append(outs, s.beside(o))
			}
		}
		entries = append(entries, log...)
	}
	return outs, entries
}

// takes reports whether a frame that comes from beyond is for the subnet.
func (s *Switch) takes(frame []byte) bool {
	p, err := parse6(frame)
	return err == nil && p.ether.Type == unix.ETH_P_IPV6 && s.cfg.onLink(p.Dst)
}

// beside is an output of the other subnet, numbered as this switch does.
func (s *Switch) beside(o Output) Output {
	if o.Port != BeyondPort {
		o.Port += len(s.cfg.Ports)
	}
	return o
}
