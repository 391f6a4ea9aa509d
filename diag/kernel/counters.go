package kernel

import (
	"bytes"
	"os"
	"strconv"
)

// A counter follows Icmp6OutNeighborSolicits of an interface: one more for each solicitation that
// the kernel makes, so also for an entry that became INCOMPLETE.
type counter struct {
	iface string
	last  uint64
}

// newCounter returns a counter that rises with the next solicitation.
func newCounter(iface string) counter {
	c := counter{iface: iface}
	c.rose()
	return c
}

// rose reports whether the kernel solicited since the last call. A counter that cannot be read, as
// of an interface without IPv6, stands still.
func (c *counter) rose() bool {
	b, err := os.ReadFile("/proc/net/dev_snmp6/" + c.iface)
	if err != nil {
		return false
	}
	n, ok := solicits(b)
	rose := ok && n != c.last
	if ok {
		c.last = n
	}
	return rose
}

// solicits finds the counter in a /proc/net/dev_snmp6 file: a name and a number a line.
func solicits(b []byte) (uint64, bool) {
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) == 2 && string(fields[0]) == "Icmp6OutNeighborSolicits" {
			n, err := strconv.ParseUint(string(fields[1]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
