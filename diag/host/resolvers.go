package host

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
)

// The files that name the name servers to ask (resolv.conf(5)), and those that systemd-resolved asks where the first names
// itself (systemd-resolved(8)).
const (
	resolvConf   = "etc/resolv.conf"
	resolvedConf = "run/systemd/resolve/resolv.conf"
)

// stubs are systemd-resolved's own.
var stubs = []string{"127.0.0.53", "127.0.0.54"}

// resolvers says which name servers this host asks by IPv6.
func (r *Reader) resolvers() {
	file, list := resolvConf, r.servers(resolvConf)
	if slices.ContainsFunc(list, func(s string) bool { return slices.Contains(stubs, s) }) {
		file, list = resolvedConf, r.servers(resolvedConf)
	}
	said := diag.Resolvers{File: "/" + file}
	for _, s := range list {
		// As many as are asked, whatever their family.
		switch a, err := netip.ParseAddr(s); {
		case err != nil || len(a.Zone()) >= maxZone:
		case a.Is6() && !a.Is4In6():
			said.Addresses = append(said.Addresses, a)
		default:
			said.Others++
		}
	}
	if _, before := r.said[said.Kind()]; before || len(said.Addresses) > 0 {
		if len(said.Addresses) == 0 {
			said.Others = 0 // nothing of IPv6 hangs on them
		}
		r.say(said.Kind(), said)
	}
}

// maxZone bounds the name of an interface (IFNAMSIZ).
const maxZone = 16

// servers are the name servers that a file names, as far as they are asked.
func (r *Reader) servers(file string) []string {
	content, _ := r.content(file)
	var list []string
	for line := range strings.Lines(content) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" && len(list) < diag.ResolversKept {
			list = append(list, f[1])
		}
	}
	return list
}
