package checks

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
)

// privateLL is a link-local address that is not made of the MAC (RFC 7217).
var privateLL = addr("fe80::9c3f:41d2:77aa:e08b")

// private gives the host of a world a link-local address of its own in place of the one that is made of the MAC.
func (w *world) private() {
	w.linkLocal = privateLL
	w.sess.Emit(diag.Address{Interface: "eth0", Address: ourLL, PrefixLen: 64, Gone: true})
	w.sess.Emit(diag.Address{Interface: "eth0", Address: privateLL, PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever})
}

// TestAskedByMAC: where nobody answers the link-local address, the one that is made of the MAC asks once, in frames
// alone, after everybody who may have it was given the time to say so; and nowhere else.
func TestAskedByMAC(t *testing.T) {
	const (
		free = "source/eth0/::/fe80::4df:a5ff:fe6c:5d57/dad/wire"
		asks = "source/eth0/fe80::4df:a5ff:fe6c:5d57/fe80::4fd:d1ff:fec8:f9cf/nd/wire"
	)
	for _, mode := range []diag.AddMode{diag.AddNone, diag.AddClaim, diag.AddKernel} {
		inWorld(t, "a port with security, --add "+string(mode), func(w *world) {
			w.edit(func(r *diag.Run) { r.Add = mode })
			w.private()
			w.run(w.t.Context(), nil)
			w.want(free, diag.Silent, "")
			if p := w.want(asks, diag.Answered, ""); p.SourceClass != diag.SourceAssigned {
				w.t.Errorf("%+v", p)
			}
			if silent, at := w.when("wire ns :: > "+ourLL.String()), w.when("wire ns "+ourLL.String()+" > "+router.String()); at-silent < guardTime {
				w.t.Errorf("it spoke %s after it was asked for", at-silent)
			}
			if w.happened("add "+ourLL.String()) > 0 {
				w.t.Error("the kernel was given the address")
			}
		})
	}
	inWorld(t, "an open link", func(w *world) {
		w.private()
		allow := w.filtered
		w.filtered = func(src netip.Addr) bool { return src != privateLL && allow(src) }
		w.run(w.t.Context(), nil)
		if _, asked := w.state().Path(asks); asked {
			w.t.Error("it was asked from, and the other is answered")
		}
	})
	inWorld(t, "an address that is made of the MAC", func(w *world) {
		w.filtered = func(netip.Addr) bool { return true }
		w.run(w.t.Context(), nil)
		if _, asked := w.state().Path(free); asked {
			w.t.Error("the host's own address was claimed")
		}
	})
	inWorld(t, "somebody else has it", func(w *world) {
		w.private()
		w.holders[ourLL] = otherMAC
		w.run(w.t.Context(), nil)
		w.want(asks, diag.OutcomeSkipped, DetailAnsweredFor)
	})
	inWorld(t, "a host that forwards", func(w *world) {
		w.private()
		w.sess.Emit(diag.Sysctl{Scope: "all", Name: "forwarding", Value: "1"})
		w.run(w.t.Context(), nil)
		if _, asked := w.state().Path(asks); asked {
			w.t.Error("the kernel would meddle with the claim")
		}
	})
	inWorld(t, "what a dry run tells", func(w *world) {
		w.private()
		lines, _, _ := DryRun(w.state())
		told := false
		for _, l := range lines {
			told = told || l.ID == asks
		}
		if !told {
			w.t.Error("a dry run does not tell of it")
		}
	})
}
