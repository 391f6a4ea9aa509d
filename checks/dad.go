package checks

import (
	"slices"

	"ndwhy/diag"
)

// dad asks whether somebody else has an address (RFC 4862 §5.4): a claim does, before it uses one.
var dad = ways{kernel: dadByKernel{}, wire: dadByWire{}}

// dadByKernel is the kernel's own detection, of an address that it was given.
type dadByKernel struct{ byKernel }

func (dadByKernel) asks() diag.Asks                          { return diag.AsksDAD }
func (dadByKernel) cost(Question, int) (first, again int)    { return 3, 0 } // dad_transmits is 1; two more where a system has that
func (dadByKernel) entry(*tally, diag.Event, diag.Neighbour) {}

func (dadByKernel) frame(t *tally, e diag.Event, f diag.Frame) { t.seeDAD(e, f) }

// address follows the address itself. A failed one with a lifetime shows in the deletion alone.
func (dadByKernel) address(t *tally, e diag.Event, a diag.Address) {
	switch {
	case a.Flags&diag.DADFailed != 0:
		t.path.Received = max(1, t.path.Received)
		t.note(e)
	case !a.Gone && a.Flags&diag.Tentative == 0:
		t.passed = true
		t.note(e)
	}
}

func (dadByKernel) judge(t *tally, p *diag.Path) {
	if p.Received > 0 || p.Error != nil {
		t.usual(p)
	} else {
		p.Outcome = diag.Silent
	}
}

// dadByWire solicits from the unspecified address.
type dadByWire struct{ byWire }

func (dadByWire) asks() diag.Asks { return diag.AsksDAD }

// cost: one solicitation, that of the guard, and what the group costs.
func (dadByWire) cost(Question, int) (first, again int) { return 2 + mldReports, 0 }

func (dadByWire) compose(_ *lane, t *tally) func() Frame {
	return func() Frame { return solicit(t.q, t.nonce) }
}

func (dadByWire) frame(t *tally, e diag.Event, f diag.Frame) { t.seeDAD(e, f) }

// seeDAD looks for another holder of the address (RFC 4862 §5.4.3), or another that wants it at the
// same moment, which its nonce tells from our own solicitation looped back (RFC 7527).
func (t *tally) seeDAD(e diag.Event, f diag.Frame) {
	switch {
	case f.Target != t.q.Target:
	case f.Out && f.Type == diag.NS && f.Src.IsUnspecified():
		if len(t.nonce) > 0 && !slices.Equal(f.Nonce, t.nonce) {
			return // the kernel's own
		}
		t.leaves(e)
	case f.Out || f.SrcMAC == t.host.MAC:
	case f.Type == diag.NS && len(t.nonce) > 0 && slices.Equal(f.Nonce, t.nonce): // ours, looped back
	case f.Type == diag.NA, f.Type == diag.NS && f.Src.IsUnspecified():
		t.path.Received++
		t.held(e, f)
	}
}
