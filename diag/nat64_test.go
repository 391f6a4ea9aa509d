package diag

import (
	"net/netip"
	"testing"
)

// The examples of RFC 6052 §2.4, and what a resolver makes of ipv4only.arpa with the same prefixes.
func TestPref64(t *testing.T) {
	v4, known := netip.MustParseAddr("192.0.2.33"), netip.MustParseAddr("192.0.0.171")
	for prefix, want := range map[string]string{
		"2001:db8::/32":             "2001:db8:c000:221::",
		"2001:db8:100::/40":         "2001:db8:1c0:2:21::",
		"2001:db8:122::/48":         "2001:db8:122:c000:2:2100::",
		"2001:db8:122:300::/56":     "2001:db8:122:3c0:0:221::",
		"2001:db8:122:344::/64":     "2001:db8:122:344:c0:2:2100::",
		"2001:db8:122:344::/96":     "2001:db8:122:344::c000:221",
		WellKnownPref64.String():    "64:ff9b::c000:221",
		"2001:db8:122:344:a::/80":   "",
		"2001:db8:122:344:5:6::/97": "",
	} {
		p := netip.MustParsePrefix(prefix)
		got := Embed(p, v4)
		if want == "" {
			if got.IsValid() {
				t.Errorf("%s: %s, of a length that none may have", prefix, got)
			}
			continue
		}
		if got != netip.MustParseAddr(want) || Embedded(p, got) != v4 {
			t.Errorf("%s: %s, want %s; back %s", prefix, got, want, Embedded(p, got))
		}
		if back, ok := Pref64In(Embed(p, known)); !ok || back != p {
			t.Errorf("%s: read as %s, %t", prefix, back, ok)
		}
	}
	for _, other := range []string{"2001:db8::1", "::ffff:192.0.0.170", "fe80::c000:aa", "ff02::c000:aa"} {
		if p, ok := Pref64In(netip.MustParseAddr(other)); ok {
			t.Errorf("%s: taken for an address with prefix %s", other, p)
		}
	}
}
