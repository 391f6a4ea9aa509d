package checks

import (
	"slices"
	"testing"

	"ndwhy/diag/drops"
)

// What becomes of the connections that are tried is followed in the kernel.
func TestConnectionsAreFollowed(t *testing.T) {
	t.Parallel()
	for _, port := range tcpPorts {
		if !slices.Contains(drops.AskedPorts, port) {
			t.Errorf("port %d is not", port)
		}
	}
}
