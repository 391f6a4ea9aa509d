package probe

import (
	"slices"
	"testing"

	"ndwhy/diag/drops"
)

// What is asked by TCP or UDP is what the kernel's drops are followed of.
func TestAskedPortsAreFollowed(t *testing.T) {
	t.Parallel()
	for service, p := range protocols {
		if p.port != 0 && !slices.Contains(drops.AskedPorts, uint16(p.port)) {
			t.Errorf("%s: port %d is not", service, p.port)
		}
	}
}
