package host

import (
	"net/netip"
	"os"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/vishvananda/netlink"
)

func TestGroups(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	nstest.Address(t, "eth0", "2001:db8::1:2345/64")
	own, other := netip.MustParseAddr("2001:db8::1:2345"), netip.MustParseAddr("2001:db8::1:6789")
	var l log
	r := New(&l, os.DirFS("/"), []diag.Link{{Interface: "eth0", Index: nstest.Link(t, "eth0").Attrs().Index}})
	read := func() []diag.Groups {
		l.bodies = nil
		r.groups()
		return of[diag.Groups](l.bodies)
	}
	got := read()
	if len(got) != 1 || got[0].Interface != "eth0" || got[0].Partial || !slices.Contains(got[0].Joined, diag.AllNodes) {
		t.Fatalf("%+v", got)
	}
	if joined, device := got[0].Hears(own); !joined || !device {
		t.Errorf("its own address: joined %v, let through %v", joined, device)
	}
	if joined, device := got[0].Hears(other); joined || device {
		t.Errorf("another's: joined %v, let through %v", joined, device)
	}
	if got := read(); len(got) != 0 {
		t.Errorf("nothing changed, and it said %+v", got)
	}
	address, err := netlink.ParseAddr(own.String() + "/64")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrDel(nstest.Link(t, "eth0"), address); err != nil {
		t.Fatal(err)
	}
	if got = read(); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	if joined, device := got[0].Hears(own); joined || device {
		t.Errorf("removed: joined %v, let through %v", joined, device)
	}
}
