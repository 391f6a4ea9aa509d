package why

import "ndwhy/diag"

var linkSpoofed = Cause{
	ID: "link.spoofed", Severity: Info,
	find: findSpoofed,
}

// findSpoofed tells of neighbour discovery that came and that nobody may believe: it did not come from this link, or was
// spoilt on its way. The kernel drops it, and no other finding rests on it.
func findSpoofed(iv *ifaceView) []hypothesis {
	// What came from elsewhere comes first: that is nobody's accident.
	list, as := iv.traffic.beyond, ""
	if len(list) == 0 {
		list, as = iv.traffic.spoilt, "checksum"
	}
	if len(list) == 0 {
		return nil
	}
	newest := list[len(list)-1]
	f := newest.Body.(diag.Frame)
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{newest}, as: as,
		args: []any{"interface", iv.name, "n", len(list), "what", f.Type, "from", f.Src, "mac", f.SrcMAC, "hops", f.HopLimit},
	}
	return []hypothesis{h}
}

// spoofed reports whether a frame is neighbour discovery that cannot be what it says: RFC 4861 §§6.1, 7.1, 8.1.
func spoofed(f diag.Frame) bool {
	switch f.Type {
	case diag.RA, diag.NS, diag.NA, diag.RedirectFrame:
		return !f.Out && f.Bad != "" && (f.HopLimit != 255 || f.Bad == diag.BadChecksum)
	default:
		return false
	}
}
