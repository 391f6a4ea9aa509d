package checks

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
)

var (
	idFreeEcho = "internet/eth0/-/" + farHost.String() + "/app"
	idFreeTCP  = "internet/eth0/-/" + farHost.String() + "/tcp/app"
	idFarEcho  = "internet/eth0/" + ourGUA.String() + "/" + farHost.String() + "/kernel"
	idFarTCP   = "internet/eth0/" + ourGUA.String() + "/" + farHost.String() + "/tcp/kernel"
	idFarWire  = "internet/eth0/" + ourGUA.String() + "/" + farHost.String() + "/wire"
)

// tunnel is a choice of the kernel's that a policy rule makes.
var tunnel = diag.Selection{Interface: "wg0", Source: addr("fd86:ea04:1115::2"), Table: 51820}

func TestRunAsApplications(t *testing.T) {
	inWorld(t, "all three ways agree where all is well", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Skip = []string{idMTU} })
		took := w.run(t.Context(), nil)
		for _, id := range []string{idFreeEcho, idFreeTCP, "peer-echo/eth0/-/" + peerGUA.String() + "/app", "peer-echo/eth0/-/" + peerLL.String() + "/app"} {
			p := w.path(id)
			if p.Outcome != diag.Answered || p.Sent != 1 || p.Received != 1 || p.Out != "eth0" || p.SourceClass != diag.SourceAssigned {
				t.Errorf("%s: %+v", id, p)
			}
		}
		w.want(idFarEcho, diag.Answered, "")
		w.want(idFarWire, diag.Answered, "")
		if n := w.happened("wire echo-request " + ourGUA.String() + " > " + farHost.String()); n > 0 {
			t.Errorf("%d frames of ours for what the kernel asked by wire", n)
		}
		if took > 1300*time.Millisecond { // the router does not answer echoes
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "what a policy rule sends into a tunnel is silent, the interface works", func(w *world) {
		t := w.t
		w.sess.Emit(diag.Link{Interface: "wg0", Index: 9, MTU: 1420, Up: true, Carrier: true})
		w.free = tunnel
		w.run(t.Context(), nil)
		for _, id := range []string{idFreeEcho, idFreeTCP} {
			p := w.want(id, diag.Silent, DetailElsewhere)
			if p.Sent == 0 || p.Out != "wg0" || p.Note != "wg0" || p.Source != tunnel.Source || p.Interface != "eth0" {
				t.Errorf("%s: %+v", id, p)
			}
		}
		for _, id := range []string{idFarEcho, idFarWire} {
			w.want(id, diag.Answered, "")
		}
		w.want(idFarTCP, diag.Answered, DetailClosed)
		if sel := w.state().Selections[diag.SelectionKey{Dst: farHost}]; sel.Interface != "wg0" || sel.Table != 51820 {
			t.Errorf("the kernel's choice is not known: %+v", sel)
		}
	})
	inWorld(t, "a rule that refuses", func(w *world) {
		w.free = diag.Selection{Errno: "EACCES"}
		w.run(w.t.Context(), nil)
		for _, id := range []string{idFreeEcho, idFreeTCP} {
			if p := w.want(id, diag.Unsent, ""); p.Errno != "EACCES" || p.Source.IsValid() {
				w.t.Errorf("%s: %+v", id, p)
			}
		}
		w.want(idFarEcho, diag.Answered, "")
	})
	inWorld(t, "before frames of ours to the same target", func(w *world) {
		t := w.t
		w.dropEchoIn = true // the kernel waits in vain, so the wire is asked again
		w.run(t.Context(), func(diag.Path) bool { return true })
		first := w.when("wire echo-request " + ourGUA.String() + " > " + farHost.String())
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, what := range w.log {
			if strings.HasPrefix(what, "app echo-request") && strings.HasSuffix(what, farHost.String()) && w.at[i] > first {
				t.Errorf("asked after %s, a frame of ours left after %s", w.at[i], first)
			}
		}
	})
}

// Safety rule 2: what an unbound socket sends from a source that is not known to be assigned must make the kernel
// resolve nothing.
func TestRunAsApplicationsResolvesNothingFromStrangers(t *testing.T) {
	stranger := addr("2001:db8:1:2::bad")
	configured := diag.Address{Interface: "eth0", Address: stranger, PrefixLen: 64, PreferredS: diag.Forever, ValidS: diag.Forever, Flags: diag.Permanent}
	choice := diag.Selection{Interface: "eth0", Source: stranger, Via: router}
	resolutions := func(w *world) (n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, what := range w.log {
			if strings.HasPrefix(what, "kernel ns "+stranger.String()) {
				n++
			}
		}
		return n
	}
	inWorld(t, "the bound socket has resolved the way", func(w *world) {
		w.sess.Emit(configured)
		w.free = choice
		w.run(w.t.Context(), nil)
		p := w.want(idFreeEcho, diag.Silent, "")
		if p.SourceClass != diag.SourceUnassigned || p.Source != stranger || resolutions(w) > 0 {
			w.t.Errorf("%d solicitations from it; %+v", resolutions(w), p)
		}
	})
	inWorld(t, "nothing has", func(w *world) {
		w.sess.Emit(configured)
		w.free = choice
		delete(w.holders, router)
		w.run(w.t.Context(), nil)
		w.want(idFreeEcho, diag.OutcomeSkipped, DetailUnproven)
		w.want(idFreeTCP, diag.OutcomeSkipped, DetailUnproven)
		if resolutions(w) > 0 {
			w.t.Errorf("%d solicitations from it", resolutions(w))
		}
	})
}

func TestRunTCP(t *testing.T) {
	open := func(ports ...uint16) func(netip.Addr, uint16) string {
		return func(_ netip.Addr, port uint16) string {
			if slices.Contains(ports, port) {
				return TCPOpen
			}
			return ""
		}
	}
	expect := func(p diag.Path) bool { return p.Asks == diag.AsksTCP }
	inWorld(t, "port 80 where 443 is silent", func(w *world) {
		w.tcp = open(80)
		w.run(w.t.Context(), expect)
		for _, id := range []string{idFreeTCP, idFarTCP} {
			if p := w.want(id, diag.Answered, ""); p.Note != "80" || p.Sent != 1 || p.Received != 1 {
				w.t.Errorf("%s: %+v", id, p)
			}
		}
	})
	inWorld(t, "one is enough", func(w *world) {
		w.tcp = open(443, 80)
		w.run(w.t.Context(), expect)
		if n := w.happened("app syn 443") + w.happened("app syn 80") + w.happened("kernel syn 443") + w.happened("kernel syn 80"); n != 2 {
			w.t.Errorf("%d connections, want one each way", n)
		}
	})
	inWorld(t, "an answer that is late is no loss", func(w *world) {
		w.tcp, w.latency = open(443), 300*time.Millisecond
		w.run(w.t.Context(), nil)
		if p := w.want(idFarTCP, diag.Answered, ""); p.Sent != 1 || p.Note != "443" {
			w.t.Errorf("%+v", p)
		}
	})
	inWorld(t, "silence is asked once more, and no oftener, whatever is normal", func(w *world) {
		w.tcp = open()
		w.run(w.t.Context(), nil)
		w.want(idFarTCP, diag.Silent, "")
		w.want(idFarEcho, diag.Answered, "")
		for _, syn := range []string{"app syn 443", "app syn 80", "kernel syn 443", "kernel syn 80"} {
			if n := w.happened(syn); n != 2 {
				w.t.Errorf("%d times %s, want 2", n, syn)
			}
		}
	})
	inWorld(t, "a router refuses", func(w *world) {
		w.tcpError = addr("2001:db8:1:2::1")
		w.run(w.t.Context(), nil)
		if p := w.want(idFarTCP, diag.Refused, ""); p.Error == nil || p.Error.From != w.tcpError {
			w.t.Errorf("%+v", p)
		}
	})
	inWorld(t, "the host's own error is an answer", func(w *world) {
		w.tcpError = farHost
		w.run(w.t.Context(), nil)
		w.want(idFarTCP, diag.Answered, DetailClosed)
	})
	inWorld(t, "without privileges it is asked all the same", func(w *world) {
		w.sess.Emit(diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable})
		w.run(w.t.Context(), nil)
		w.want(idFreeTCP, diag.Answered, DetailClosed)
		w.want(idFreeEcho, diag.Answered, "")
	})
}

// A target is asked as applications do once in a run, in the name of the interface that the kernel would choose.
func TestPlanAsApplicationsOnce(t *testing.T) {
	other := []diag.Body{
		diag.Link{Interface: "eth1", MAC: otherMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Address{Interface: "eth1", Address: peerGUA2, PrefixLen: 64, PreferredS: 140, ValidS: 450},
		diag.Route{Interface: "eth1", Dst: defaultRt, Via: router, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: diag.Forever, Metric: 9},
	}
	for out, want := range map[string]string{"eth0": "eth0", "eth1": "eth1", "wg0": "eth0"} {
		s := instance(func(r *diag.Run) { r.Interfaces = []string{"eth0", "eth1"} }, append(slices.Clone(other), diag.Selection{Dst: farHost, Interface: out, Source: ourGUA})...)
		var on []string
		for _, q := range Plan(s) {
			if q.Via == diag.ViaApp && q.Target == farHost {
				on = append(on, q.Interface)
			}
		}
		if !slices.Equal(on, []string{want, want}) { // an echo, and a connection
			t.Errorf("the kernel would choose %s: asked on %v, want %s", out, on, want)
		}
	}
}
