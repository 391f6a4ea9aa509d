package checks

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
)

// Where no answer comes by the router that the kernel takes, each of several is given the ping; where answers come, none.
func TestWaysOut(t *testing.T) {
	second := addr("fe80::2")
	secondMAC := diag.MAC{2, 0, 0, 0, 0, 0x22}
	row := func(a string) string { return "internet/eth0/" + ourGUA.String() + "/" + a + "/wire" }
	two := func(w *world) {
		w.holders[second] = secondMAC
		w.sess.Emit(diag.Route{Interface: "eth0", Dst: defaultRt, Via: second, Metric: 2048, Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever})
	}
	never := func(diag.Path) bool { return false }
	inWorld(t, "the other leads out", func(w *world) {
		two(w)
		w.lose = func(f diag.Frame) bool { return f.Dst == farHost && f.DstMAC == routerMAC }
		w.run(w.t.Context(), never)
		if p := w.want(row(second.String()), diag.Answered, ""); p.Note != farHost.String() || p.Target != second || p.TargetClass != diag.TargetRouter {
			w.t.Errorf("%+v", p)
		}
		w.want(row(router.String()), diag.Silent, "")
		w.want("internet/eth0/"+ourGUA.String()+"/"+farHost.String()+"/wire", diag.Silent, "") // the answer is none of that
	})
	inWorld(t, "it works", func(w *world) {
		two(w)
		w.run(w.t.Context(), never)
		if _, asked := w.state().Path(row(second.String())); asked {
			w.t.Error("asked")
		}
	})
	inWorld(t, "it works, by both in turn", func(w *world) {
		w.holders[second] = secondMAC
		for _, via := range []netip.Addr{router, second} {
			w.sess.Emit(diag.Route{Interface: "eth0", Dst: defaultRt, Via: via, Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever})
		}
		w.lose = func(f diag.Frame) bool { return f.Dst == farHost && f.DstMAC == secondMAC }
		w.run(w.t.Context(), never)
		w.want(row(second.String()), diag.Silent, "")
		w.want(row(router.String()), diag.Answered, "")
	})
	inWorld(t, "there is one router", func(w *world) {
		w.lose = func(f diag.Frame) bool { return f.Dst == farHost }
		w.run(w.t.Context(), never)
		if _, asked := w.state().Path(row(router.String())); asked {
			w.t.Error("asked")
		}
	})
	inWorld(t, "the other does not answer for its address", func(w *world) {
		two(w)
		delete(w.holders, second)
		w.lose = func(f diag.Frame) bool { return f.Dst == farHost }
		w.run(w.t.Context(), never)
		if _, asked := w.state().Path(row(second.String())); asked {
			w.t.Error("asked")
		}
	})
}
