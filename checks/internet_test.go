package checks

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
)

// Where a name server makes up addresses for IPv4 hosts, two of those are asked, unless the user wants nobody beyond asked.
func TestTranslated(t *testing.T) {
	server := netip.MustParseAddr("2001:db8:53::53")
	row := func(host string) string {
		return "internet/eth0/" + ourGUA.String() + "/" + host + "/wire"
	}
	never := func(diag.Path) bool { return false }
	serves := func(w *world, says string) {
		w.sess.Emit(diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{server}})
		w.answers = map[Service]string{DNS: says}
	}
	inWorld(t, "it makes them up", func(w *world) {
		serves(w, DNSTranslates+"64:ff9b::/96")
		w.run(w.t.Context(), never)
		w.want("services/eth0/"+ourGUA.String()+"/"+server.String()+"/service/kernel", diag.Answered, DetailTranslates)
		w.path(row("64:ff9b::808:808"))
		w.path(row("64:ff9b::101:101"))
	})
	for name, says := range map[string]string{"it makes none up": DNSServes, "it does not know the name": DNSUnknown} {
		inWorld(t, name, func(w *world) {
			serves(w, says)
			w.run(w.t.Context(), never)
			w.want("services/eth0/"+ourGUA.String()+"/"+server.String()+"/service/kernel", diag.Answered, "")
			if _, asked := w.state().Path(row("64:ff9b::808:808")); asked {
				w.t.Error("an IPv4 host was asked")
			}
		})
	}
	inWorld(t, "--internet none", func(w *world) {
		serves(w, DNSTranslates+"64:ff9b::/96")
		w.edit(func(r *diag.Run) { r.InternetOff = true })
		w.run(w.t.Context(), never)
		if _, asked := w.state().Path(row("64:ff9b::808:808")); asked {
			w.t.Error("an IPv4 host was asked")
		}
	})
}
