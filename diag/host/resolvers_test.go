package host

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"ndwhy/diag"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Who is asked is in resolv.conf, or where that names systemd-resolved's stub in what that asks; three at most count.
func TestResolvers(t *testing.T) {
	const resolved = "run/systemd/resolve/resolv.conf"
	for name, c := range map[string]struct {
		files map[string]string
		want  []diag.Body
	}{
		"no file":       {},
		"IPv4 alone":    {files: map[string]string{resolvConf: "nameserver 192.0.2.53\n"}},
		"what is wrong": {files: map[string]string{resolvConf: "nameserver\nnameserver x\nnameserver ::ffff:192.0.2.1\nnameserver fe80::1%" + strings.Repeat("x", 16) + "\n"}},
		"both families": {
			files: map[string]string{resolvConf: "# nameserver 2001:db8::99\nsearch example.org\nnameserver 192.0.2.53\n\tnameserver  2001:db8::53 # here\nnameserver fe80::1%eth0\nnameserver 2001:db8::54\n"},
			want: []diag.Body{diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{
				netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("fe80::1%eth0"),
			}, Others: 1}},
		},
		"systemd-resolved": {
			files: map[string]string{resolvConf: "nameserver 127.0.0.53\noptions edns0\n", resolved: "nameserver 2001:db8::53\n"},
			want:  []diag.Body{diag.Resolvers{File: "/" + resolved, Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::53")}}},
		},
		"another stub": {files: map[string]string{resolvConf: "nameserver 127.0.0.1\n", resolved: "nameserver 2001:db8::53\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for path, content := range c.files {
				root[path] = file(content)
			}
			sink := &log{}
			r := New(sink, root, nil)
			r.resolvers()
			r.resolvers() // is not said again
			if diff := cmp.Diff(c.want, sink.take(), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
