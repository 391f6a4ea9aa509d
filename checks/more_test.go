package checks

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

func TestDHCPv6(t *testing.T) {
	id := "dhcpv6/eth0/" + ourLL.String() + "/ff02::1:2/wire"
	inWorld(t, "an offer", func(w *world) {
		t := w.t
		w.offers = []netip.Addr{ourGUA}
		w.sess.Emit(diag.Lease{Interface: "eth0", DUID: "00010001aabbccdd02005e100001", IAID: 7})
		w.run(t.Context(), nil)
		if p := w.want(id, diag.Answered, DetailOffers); p.Note != ourGUA.String() || p.Sent != 1 {
			t.Errorf("%+v", p)
		}
		asked := false
		for _, e := range w.state().Frames() {
			if f, ok := e.Body.(diag.Frame); ok && f.Out && f.DHCPv6 != nil {
				asked = true
				if f.DHCPv6.ClientDUID != "00010001aabbccdd02005e100001" || f.DHCPv6.IAID != 7 {
					t.Errorf("asked as %+v, not as the host's own client", f.DHCPv6)
				}
			}
		}
		if !asked {
			t.Error("not asked")
		}
	})
	inWorld(t, "no address", func(w *world) {
		w.offers = []netip.Addr{}
		w.run(w.t.Context(), nil)
		if p := w.want(id, diag.Answered, DetailNoAddress); p.Note != "NoAddrsAvail" {
			w.t.Errorf("note %q", p.Note)
		}
	})
	inWorld(t, "silent", func(w *world) {
		w.run(w.t.Context(), func(p diag.Path) bool { return p.Asks == diag.AsksDHCP })
		if p := w.want(id, diag.Silent, ""); p.Sent != dhcpSolicits {
			w.t.Errorf("%d solicits", p.Sent)
		}
	})
	nothing := func(w *world, want string) {
		w.t.Helper()
		w.noRA = true
		w.run(w.t.Context(), nil)
		if _, ok := w.state().Path(id); ok {
			w.t.Error("asked though no router says that addresses come by DHCPv6")
		}
		if c := w.state().Checks[diag.CheckKey{ID: "dhcpv6", Interface: "eth0"}]; c.State != diag.CheckDone || c.Why != words.Say(want) {
			w.t.Errorf("%+v, want %q", c, words.Say(want))
		}
	}
	inWorld(t, "not managed", func(w *world) {
		w.sess.Emit(diag.Frame{
			Interface: "eth0", Type: diag.RA, Src: router, SrcMAC: routerMAC, HopLimit: 255,
			RA: &diag.Advertisement{LifetimeS: 1800},
		})
		nothing(w, "detail.not-managed")
	})
	inWorld(t, "no advertisement", func(w *world) { nothing(w, "detail.no-advertisement") })
}

func TestMTU(t *testing.T) {
	far := "mtu/eth0/" + ourGUA.String() + "/" + farHost.String() + "/wire"
	inWorld(t, "all of it arrives", func(w *world) {
		w.run(w.t.Context(), nil)
		w.want(far, diag.Answered, "")
		w.want("mtu/eth0/"+ourGUA.String()+"/"+peerGUA.String()+"/wire", diag.Answered, "")
		w.want("mtu/eth0/"+ourGUA.String()+"/"+peerGUA.String()+"/kernel", diag.Answered, "")
		if _, ok := w.state().Path("mtu/eth0/" + ourLL.String() + "/" + router.String() + "/wire"); ok {
			w.t.Error("asked a router that answers no echo at all")
		}
	})
	inWorld(t, "a link whose router says less", func(w *world) {
		w.run(w.t.Context(), nil)
		w.sess.Emit(diag.Frame{
			Interface: "eth0", Type: diag.RA, Src: router, SrcMAC: routerMAC, HopLimit: 255,
			RA: &diag.Advertisement{LifetimeS: 1800, MTU: 1400},
		})
		for _, q := range Plan(w.state()) {
			if q.Check == "mtu" && q.Size != 1400 {
				w.t.Errorf("%s: %d bytes, the link takes 1400", q.ID, q.Size)
			}
		}
	})
	inWorld(t, "a link whose router says less, and a kernel that does not listen", func(w *world) {
		w.run(w.t.Context(), nil)
		w.sess.Emit(diag.Sysctl{Scope: "eth0", Name: "accept_ra_mtu", Value: "0"})
		w.sess.Emit(diag.Frame{
			Interface: "eth0", Type: diag.RA, Src: router, SrcMAC: routerMAC, HopLimit: 255,
			RA: &diag.Advertisement{LifetimeS: 1800, MTU: 1400},
		})
		for _, q := range Plan(w.state()) {
			if q.Check == "mtu" && q.Size != 1500 {
				w.t.Errorf("%s: %d bytes, the kernel sends 1500", q.ID, q.Size)
			}
		}
	})
	inWorld(t, "a route whose MTU is less", func(w *world) {
		w.run(w.t.Context(), nil)
		w.sess.Emit(diag.Selection{Dst: farHost, Bound: "eth0", Interface: "eth0", Source: ourGUA, Via: router, MTU: 1280})
		for _, q := range Plan(w.state()) {
			want := 1500
			if q.Target == farHost {
				want = 1280
			}
			if q.Check == "mtu" && q.Size != want {
				w.t.Errorf("%s: %d bytes, want %d", q.ID, q.Size, want)
			}
		}
	})
	inWorld(t, "a narrower path that says so", func(w *world) {
		w.pathMTU = 1400
		w.run(w.t.Context(), nil)
		if p := w.want(far, diag.Answered, DetailTooBig); p.Note != "1400" || p.Sent != 1 || p.Received != 1 {
			w.t.Errorf("%+v", p)
		}
	})
	inWorld(t, "a narrower path that does not", func(w *world) {
		w.pathMTU, w.noPTB = 1400, true
		w.run(w.t.Context(), nil)
		w.want(far, diag.Silent, "")
		w.want("internet/eth0/"+ourGUA.String()+"/"+farHost.String()+"/wire", diag.Answered, "")
	})
}

func TestAssignment(t *testing.T) {
	absent := addr("2001:db8:1:2::99")
	id := "assignment/eth0/" + ourGUA.String() + "/" + absent.String() + "/wire"
	assigned := func(r *diag.Run) { r.Assigned = append(r.Assigned, netip.PrefixFrom(absent, 128)) }
	inWorld(t, "nobody has it", func(w *world) {
		w.edit(assigned)
		w.run(w.t.Context(), nil)
		w.want(id, diag.Silent, "")
	})
	inWorld(t, "somebody has it", func(w *world) {
		w.edit(assigned)
		w.holders[absent] = otherMAC
		w.run(w.t.Context(), nil)
		if p := w.want(id, diag.Answered, ""); p.Responders[0].MAC != otherMAC {
			w.t.Errorf("%+v", p.Responders)
		}
	})
}
