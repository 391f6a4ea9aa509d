package render

import (
	"net/netip"
	"slices"

	"ndwhy/diag/report"
)

// sourcesOf names the sources that an address is known to be assigned from.
func sourcesOf(r report.Report, a report.Address) []string {
	addr, err := netip.ParseAddr(a.Address)
	if err != nil {
		return nil
	}
	var list []string
	for _, row := range r.Assigned {
		p, err := netip.ParsePrefix(row.Prefix)
		if err == nil && row.Interface == a.Interface && p.Contains(addr) && !slices.Contains(list, string(row.Source)) {
			list = append(list, string(row.Source))
		}
	}
	return list
}

// covered reports whether an address is configured of what is assigned.
func covered(r report.Report, a report.Assigned) bool {
	p, err := netip.ParsePrefix(a.Prefix)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(r.Addresses, func(x report.Address) bool {
		addr, err := netip.ParseAddr(x.Address)
		return err == nil && x.Interface == a.Interface && p.Contains(addr)
	})
}
