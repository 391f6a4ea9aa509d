package checks

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// The candidates of the modelled host.
func (w *world) candidates(t *testing.T) []candidate {
	t.Helper()
	p := newPlanner(w.state(), nil)
	p.iface, p.link = "eth0", w.state().Links["eth0"]
	return p.candidates()
}

func (w *world) row(c netip.Addr, target netip.Addr, rest string) string {
	return "added/eth0/" + name(c) + "/" + name(target) + "/" + rest
}

var unspecified = netip.IPv6Unspecified()

func TestAddedClaim(t *testing.T) {
	inWorld(t, "filtered", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add = diag.AddClaim })
		w.knows(router, routerMAC, diag.Reachable)
		took := w.run(t.Context(), nil)
		cs := w.candidates(t)
		if len(cs) != 4 {
			t.Fatalf("candidates %v, want four", cs)
		}
		for _, c := range cs {
			w.want(w.row(unspecified, c.addr, "dad/wire"), diag.Silent, "")
			peer := peerGUA
			if c.kind == linkLocal {
				peer = peerLL
			}
			if p := w.want(w.row(c.addr, peer, "nd/wire"), diag.Silent, ""); p.Sent != 2 || p.SourceClass != diag.SourceCandidate {
				t.Errorf("%s: %+v", p.ID, p)
			}
			w.want(w.row(c.addr, peer, "echo/wire"), diag.Silent, "")
			if c.kind != linkLocal {
				w.want(w.row(c.addr, farHost, "echo/wire"), diag.Silent, "")
			}
			if at := w.when("wire ns " + c.addr.String() + " > " + peer.String()); at < guardTime {
				t.Errorf("candidate %s spoke at %s, within the guard's time", c.addr, at)
			}
			if w.happened("wire ns :: > "+c.addr.String()) != 1 {
				t.Errorf("no DAD solicitation for %s", c.addr)
			}
		}
		if took > 1700*time.Millisecond {
			t.Errorf("took %s, want the 1.7 s that silence needs", took)
		}
		if w.joined != 0 {
			t.Errorf("%d groups still joined", w.joined)
		}
	})
	inWorld(t, "open", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add = diag.AddClaim })
		w.filtered = func(netip.Addr) bool { return false }
		w.run(t.Context(), nil)
		for _, c := range w.candidates(t)[:2] {
			w.want(w.row(c.addr, peerGUA, "nd/wire"), diag.Answered, "")
			w.want(w.row(c.addr, peerGUA, "echo/wire"), diag.Answered, "")
			w.want(w.row(c.addr, farHost, "echo/wire"), diag.Answered, "")
		}
	})
	inWorld(t, "somebody has it", func(w *world) {
		t := w.t
		theirs := addr("2001:db8:1:2::1")
		w.holders[theirs] = routerMAC
		w.edit(func(r *diag.Run) { r.Add, r.Try = diag.AddClaim, []netip.Addr{theirs} })
		w.run(t.Context(), nil)
		if p := w.want(w.row(unspecified, theirs, "dad/wire"), diag.Answered, ""); p.Responders[0].MAC != routerMAC {
			t.Errorf("responders %v", p.Responders)
		}
		p := w.want(w.row(theirs, peerGUA, "nd/wire"), diag.OutcomeSkipped, DetailAnsweredFor)
		if p.Note != routerMAC.String() {
			t.Errorf("note %q", p.Note)
		}
		if w.happened("wire ns "+theirs.String()+" > "+peerGUA.String()) != 0 {
			t.Error("spoke from an address that somebody has")
		}
	})
	inWorld(t, "somebody says so late", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add = diag.AddClaim })
		c := w.candidates(t)[0]
		time.AfterFunc(600*time.Millisecond, func() {
			w.sess.Emit(diag.Frame{
				Interface: "eth0", Type: diag.NA, SrcMAC: otherMAC, LLAddr: otherMAC, Src: c.addr, Dst: diag.AllNodes,
				Target: c.addr, HopLimit: 255, Override: true,
			})
		})
		w.run(t.Context(), nil)
		w.want(w.row(c.addr, peerGUA, "echo/wire"), diag.OutcomeSkipped, DetailAnsweredFor)
		w.want(w.row(w.candidates(t)[1].addr, peerGUA, "echo/wire"), diag.Silent, "")
	})
	inWorld(t, "a forwarding host", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add = diag.AddClaim })
		w.sess.Emit(diag.Sysctl{Scope: "all", Name: "forwarding", Value: "1"})
		w.run(t.Context(), nil)
		c := w.candidates(t)[0]
		if p := w.want(w.row(unspecified, c.addr, "dad/wire"), diag.OutcomeSkipped, DetailForwarding); p.Note != "all.forwarding" {
			t.Errorf("note %q", p.Note)
		}
		if w.joined != 0 || w.happened("wire ns :: > "+c.addr.String()) != 0 {
			t.Error("the candidate was used")
		}
	})
	inWorld(t, "nothing answers an assigned address", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add = diag.AddClaim })
		w.holders = map[netip.Addr]diag.MAC{router: routerMAC}
		w.run(t.Context(), nil)
		c := w.candidates(t)[0]
		w.want(w.row(c.addr, peerGUA, "nd/wire"), diag.OutcomeSkipped, DetailNoControl)
	})
}

// Left alone, the experiment brings its own positive control.
func TestAddedAlone(t *testing.T) {
	filter := func(w *world) {
		w.t.Helper()
		for _, f := range why.Diagnose(w.state()).Findings {
			if f.Cause == "net.per-address-filter" {
				return
			}
		}
		w.t.Error("the controls do not show the filter")
	}
	for mode, via := range map[diag.AddMode]string{diag.AddClaim: "wire", diag.AddKernel: "kernel"} {
		inWorld(t, string(mode), func(w *world) {
			t := w.t
			w.edit(func(r *diag.Run) {
				r.Add, r.Only, r.Peers = mode, []string{"added"}, []netip.Addr{peerGUA, peerLL, peerGUA2}
			})
			took := w.run(t.Context(), nil)
			w.want(w.row(ourGUA, peerGUA, "nd/"+via), diag.Answered, "")
			w.want(w.row(ourGUA, peerGUA, "echo/"+via), diag.Answered, "")
			w.want(w.row(ourLL, peerLL, "nd/"+via), diag.Answered, "")
			w.want(w.row(ourGUA, farHost, "echo/"+via), diag.Answered, "")
			for _, c := range w.candidates(t) {
				peer := peerGUA
				if c.kind == linkLocal {
					peer = peerLL
				}
				w.want(w.row(c.addr, peer, "nd/wire"), diag.Silent, "")
				w.want(w.row(c.addr, peer, "echo/"+via), diag.Silent, "")
				if c.kind != linkLocal {
					w.want(w.row(c.addr, farHost, "echo/"+via), diag.Silent, "")
				}
			}
			filter(w)
			if mode == diag.AddClaim && took > 1700*time.Millisecond {
				t.Errorf("took %s", took)
			}
			if mode == diag.AddKernel {
				p := w.want(w.row(w.candidates(t)[0].addr, peerGUA2, "nd/kernel/fresh"), diag.Silent, "")
				if p.NUD != diag.Incomplete {
					t.Errorf("the entry ended %q", p.NUD)
				}
			}
		})
	}
	inWorld(t, "with the neighbour cache's peers", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add, r.Only, r.Peers = diag.AddClaim, []string{"added"}, nil })
		w.knows(peerGUA, peerMAC, diag.Stale)
		w.run(t.Context(), nil)
		w.want(w.row(ourGUA, peerGUA, "echo/wire"), diag.Answered, "")
		w.want(w.row(w.candidates(t)[0].addr, peerGUA, "echo/wire"), diag.Silent, "")
		filter(w)
	})
	inWorld(t, "the first peer is gone", func(w *world) {
		t := w.t
		delete(w.holders, peerGUA)
		w.edit(func(r *diag.Run) {
			r.Add, r.Only, r.Peers = diag.AddClaim, []string{"added"}, []netip.Addr{peerGUA, peerGUA2}
		})
		w.run(t.Context(), nil)
		w.want(w.row(ourGUA, peerGUA, "nd/wire"), diag.Silent, "")
		w.want(w.row(ourGUA, peerGUA2, "nd/wire"), diag.Answered, "")
		w.want(w.row(w.candidates(t)[0].addr, peerGUA2, "echo/wire"), diag.Silent, "")
	})
	inWorld(t, "not where other checks ask the same", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add = diag.AddClaim })
		w.run(t.Context(), nil)
		for _, p := range w.state().Paths() {
			if p.Check == "added" && p.SourceClass == diag.SourceAssigned {
				t.Errorf("%s: asked twice", p.ID)
			}
		}
	})
	inWorld(t, "what the others leave out", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Add, r.Skip = diag.AddClaim, []string{"peer-echo"} })
		w.run(t.Context(), nil)
		w.want(w.row(ourGUA, peerGUA, "echo/wire"), diag.Answered, "")
		if _, ok := w.state().Path(w.row(ourGUA, peerGUA, "nd/wire")); ok {
			t.Error("peer-nd asks that")
		}
	})
}

func TestAddedKernel(t *testing.T) {
	kernelRun := func(r *diag.Run) {
		r.Add, r.Peers = diag.AddKernel, []netip.Addr{peerGUA, peerLL, peerGUA2}
	}
	inWorld(t, "as the article did", func(w *world) {
		t := w.t
		w.edit(kernelRun)
		w.knows(router, routerMAC, diag.Reachable)
		w.knows(peerGUA, peerMAC, diag.Stale)
		w.knows(peerLL, peerMAC, diag.Stale)
		w.run(t.Context(), nil)
		cs := w.candidates(t)
		next := cs[0].addr
		for _, c := range cs {
			w.want(w.row(unspecified, c.addr, "dad/wire"), diag.Silent, "")
			w.want(w.row(unspecified, c.addr, "dad/kernel"), diag.Silent, "")
			if w.happened("add "+c.addr.String()) != 1 || w.happened("del "+c.addr.String()) != 1 {
				t.Errorf("%s: not added and removed once", c.addr)
			}
		}
		if len(w.added) != 0 {
			t.Errorf("left behind: %v", w.added)
		}
		p := w.want(w.row(next, peerGUA2, "nd/kernel/fresh"), diag.Silent, "")
		if p.NUD != diag.Incomplete || p.Sent < 2 {
			t.Errorf("the entry stayed %q, %d solicitations; want INCOMPLETE and 2 at least: each question makes the kernel solicit", p.NUD, p.Sent)
		}
		// Nobody waits until the kernel gives up by itself, after 3 s.
		if took := w.when("kernel ns "+ourGUA.String()+" > "+peerGUA2.String()) - w.when("kernel ns "+next.String()+" > "+peerGUA2.String()); took > 1300*time.Millisecond {
			t.Errorf("the candidate's question to the reserved peer took %s", took)
		}
		w.want(w.row(next, peerGUA2, "echo/kernel/fresh"), diag.Silent, DetailUnresolved)
		w.want(w.row(next, peerGUA, "echo/kernel"), diag.Silent, "")
		w.want(w.row(next, peerGUA, "echo/wire"), diag.Silent, "")
		w.want(w.row(next, peerGUA, "nd/wire"), diag.Silent, "")
		w.want(w.row(next, farHost, "echo/kernel"), diag.Silent, "")
		// The reserved peer is asked by the host's own address only when the entry is gone again.
		forgot := w.when("forget " + peerGUA2.String())
		if at := w.when("kernel ns " + ourGUA.String() + " > " + peerGUA2.String()); at < forgot {
			t.Errorf("the reserved peer was asked at %s, the candidate's entry went at %s", at, forgot)
		}
		w.want("peer-nd/eth0/"+ourGUA.String()+"/"+peerGUA2.String()+"/kernel", diag.Answered, "")
		for i, what := range w.log {
			if slices.ContainsFunc(cs[1:], func(c candidate) bool { return what == "kernel ns "+c.addr.String()+" > "+peerGUA2.String() }) ||
				what == "kernel ns "+next.String()+" > "+router.String() {
				t.Errorf("at %s: %s", w.at[i], what)
			}
		}
		undone := 0
		for _, c := range w.state().Changes {
			if c.Undone {
				undone++
			}
		}
		if undone != len(cs) || len(w.state().Changes) != 2*len(cs) {
			t.Errorf("changes %+v", w.state().Changes)
		}
	})
	inWorld(t, "what is forgotten is told late", func(w *world) {
		w.edit(kernelRun)
		w.toldLate, w.latency = 200*time.Millisecond, 100*time.Millisecond
		var silent []string
		defer w.sess.Watch(func(e diag.Event) {
			if p, ok := e.Body.(diag.Path); ok && p.Source == ourGUA && p.Target == peerGUA2 && p.Outcome != diag.Answered {
				silent = append(silent, p.ID)
			}
		})()
		w.run(w.t.Context(), nil)
		if len(silent) > 0 {
			w.t.Errorf("taken for the end of the next discovery: %v", silent)
		}
	})
	inWorld(t, "cancelled in the middle", func(w *world) {
		t := w.t
		w.edit(kernelRun)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		w.run(ctx, nil)
		if len(w.added) != 0 || w.joined != 0 {
			t.Errorf("left behind: %v, %d groups", w.added, w.joined)
		}
		c := w.candidates(t)[0]
		w.want(w.row(c.addr, peerGUA, "echo/kernel"), diag.OutcomeSkipped, DetailCancelled)
	})
	inWorld(t, "a duplicate", func(w *world) {
		t := w.t
		w.edit(kernelRun)
		w.dupOnDAD = true
		w.run(t.Context(), nil)
		c := w.candidates(t)[0]
		w.want(w.row(unspecified, c.addr, "dad/kernel"), diag.Answered, "")
		w.want(w.row(c.addr, peerGUA, "echo/kernel"), diag.OutcomeSkipped, DetailAnsweredFor)
		w.want("peer-nd/eth0/"+ourGUA.String()+"/"+peerGUA2.String()+"/kernel", diag.Answered, "")
	})
	inWorld(t, "no other address of the scope", func(w *world) {
		t := w.t
		w.edit(kernelRun)
		w.sess.Emit(diag.Address{Interface: "eth0", Address: ourGUA, PrefixLen: 128, Flags: diag.Deprecated, ValidS: 450})
		c := w.candidates(t)[0]
		w.run(t.Context(), nil)
		w.want(w.row(unspecified, c.addr, "dad/wire"), diag.OutcomeSkipped, DetailNoOther)
		for _, what := range w.log {
			if what == "add "+c.addr.String() {
				t.Error("added all the same")
			}
		}
	})
	inWorld(t, "DAD off", func(w *world) {
		t := w.t
		w.edit(kernelRun)
		w.sess.Emit(diag.Sysctl{Scope: "all", Name: "accept_dad", Value: "0"})
		w.sess.Emit(diag.Sysctl{Scope: "eth0", Name: "accept_dad", Value: "0"})
		w.run(t.Context(), nil)
		w.want(w.row(unspecified, w.candidates(t)[0].addr, "dad/kernel"), diag.OutcomeSkipped, DetailOff)
	})
}

func TestSourceRule(t *testing.T) {
	handAdded := addr("2001:db8:1:2::bad")
	add := func(w *world) {
		w.sess.Emit(diag.Address{
			Interface: "eth0", Address: handAdded, PrefixLen: 64, Flags: diag.Permanent,
			PreferredS: diag.Forever, ValidS: diag.Forever,
		})
	}
	inWorld(t, "an unassigned address never makes the kernel resolve", func(w *world) {
		t := w.t
		add(w)
		took := w.run(t.Context(), nil)
		row := "source/eth0/" + handAdded.String() + "/"
		w.want(row+router.String()+"/nd/wire", diag.Silent, "")
		w.want(row+farHost.String()+"/echo/wire", diag.Silent, "")
		for i, what := range w.log {
			if what == "kernel ns "+handAdded.String()+" > "+router.String() {
				t.Errorf("at %s: %s", w.at[i], what)
			}
		}
		if took > 3*time.Second {
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "the kernel turns to a router that it does not know", func(w *world) {
		t := w.t
		add(w)
		w.knows(router, routerMAC, diag.Reachable)
		other := addr("fe80::dead")
		const turns = 100 * time.Millisecond // between the first question and the second
		time.AfterFunc(turns, func() {
			w.mu.Lock()
			w.gateway = other
			w.mu.Unlock()
		})
		w.run(t.Context(), nil)
		w.want("source/eth0/"+handAdded.String()+"/"+farHost.String()+"/echo/kernel", diag.Silent, "")
		if n := w.happened("kernel ns " + handAdded.String() + " > " + other.String()); n > 0 {
			t.Errorf("%d solicitations from an address that may be nobody's", n)
		}
	})
	inWorld(t, "nothing known of assignment", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Assigned = nil })
		w.run(t.Context(), nil)
		w.want(idNDWire, diag.Answered, "")
		w.want(idEchoKernel, diag.Answered, "")
		w.want(idNDKernel, diag.Answered, "")
		first := w.when("wire ns " + ourGUA.String() + " > " + peerGUA.String())
		if at := w.when("kernel ns " + ourGUA.String() + " > " + peerGUA.String()); at < first {
			t.Errorf("the kernel asked at %s, before the network was seen to answer (%s)", at, first)
		}
	})
	inWorld(t, "nothing known, and filtered", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Assigned = nil })
		w.filtered = func(src netip.Addr) bool { return src == ourGUA }
		w.run(t.Context(), nil)
		w.want(idNDWire, diag.Silent, "")
		w.want(idEchoKernel, diag.OutcomeSkipped, DetailUnproven)
		if w.happened("kernel ns "+ourGUA.String()+" > "+peerGUA.String()) != 0 {
			t.Error("the kernel asked from a source that nobody answers")
		}
	})
}
