package why

import (
	"testing"

	"ndwhy/diag/diagtest"
)

// The ports of a host that the user named may be filtered there: a connection of this host's own that goes on says that TCP
// passes. Those of two operators' well-known hosts are not, so that one may have been opened before.
func TestConnectionOfOurOwnGoesOn(t *testing.T) {
	if f := find(t, Diagnose(diagtest.ConnectionsLost(false, false).State()), "path.tcp-blocked"); f.Confidence != Possible || f.Severity != Warning {
		t.Errorf("%s, %s", f.Confidence, f.Severity)
	}
	if d := Diagnose(diagtest.ConnectionsLost(false, true).State()); d.Verdict != VerdictOK {
		t.Errorf("%s: %s", d.Verdict, d.Headline)
	}
}
