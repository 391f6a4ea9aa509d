package report

import "testing"

// A short name in prose belongs to one address, which stands in full on the same page; no other is shortened.
func TestShortNamesTellAddressesApart(t *testing.T) {
	short := Shorten([]string{"2001:db8::1:c7f3", "2001:db8::2:c7f3", "fe80::c7f4", "fe80::4df:a5ff:fe6c:5d57"}, []string{"2001:db8::9:5d57"})
	for text, want := range map[string]string{
		"From 2001:db8::1:c7f3, not 2001:db8::2:c7f3:": "From …1:c7f3, not …2:c7f3:",
		"fe80::c7f4 is short":                          "fe80::c7f4 is short",
		"fe80::4df:a5ff:fe6c:5d57/64":                  "…fe6c:5d57/64",
		"2001:db8::9:5d57 stands nowhere in full":      "2001:db8::9:5d57 stands nowhere in full",
		"at 12:34:56, a:b":                             "at 12:34:56, a:b",
	} {
		if got := short.In(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	// A host has one identifier in every prefix: what tells its addresses apart is how they begin.
	same := []string{"2001:db8:0:4:4df:a5ff:fe6c:5d57", "2001:db8:0:e:4df:a5ff:fe6c:5d57", "3fff:1::4df:a5ff:fe6c:5d57", "fe80::4df:a5ff:fe6c:5d57"}
	short = Shorten(same, nil)
	for i, want := range []string{"2001:db8:0:4:…5d57", "2001:db8:0:e:…5d57", "3fff:…5d57", "fe80:…5d57"} {
		if got := short[same[i]]; got != want {
			t.Errorf("%s became %q, want %q", same[i], got, want)
		}
	}
}
