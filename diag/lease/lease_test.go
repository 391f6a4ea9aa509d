package lease

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ndwhy/diag"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var (
	eth0  = diag.Link{Interface: "eth0", Index: 2}
	eth1  = diag.Link{Interface: "eth1", Index: 3}
	equal = cmp.Options{cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateApproxTime(0)}
)

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// instance is a host's own namespace with the given files.
func instance(files fstest.MapFS) fstest.MapFS {
	files["proc/net/stat/ndisc_cache"] = file("")
	return files
}

func file(content string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(content), Mode: 0o644}
}

func address(prefix string, preferred, valid int64, at time.Time) diag.LeaseAddress {
	return diag.LeaseAddress{Prefix: netip.MustParsePrefix(prefix), PreferredS: preferred, ValidS: valid, At: at}
}

// began is when testdata/dhclient6.leases says its lease started.
var began = time.Unix(1795390769, 0).UTC()

func TestReadDhclient(t *testing.T) {
	want := []diag.Lease{{
		Interface: "eth0", File: "/var/lib/dhcp/dhclient6.eth0.leases",
		Addresses: []diag.LeaseAddress{address("2001:db8:1::1f20/128", 450, 450, began)},
		DUID:      "00010001329639b056298826797c", IAID: 0x8826797c,
	}}
	for path, now := range map[string]time.Time{
		"/var/lib/dhcp/dhclient6.eth0.leases":                                                        began.Add(449 * time.Second),
		"/var/lib/dhclient/dhclient6--eth0.leases":                                                   began,
		"/var/lib/NetworkManager/dhclient6-6604b755-b04f-33a3-8a74-8eec86f491b6-eth0.lease":          began,
		"/var/lib/NetworkManager/dhclient6-6604b755-b04f-33a3-8a74-8eec86f491b6-not-the-name0.lease": began,
	} {
		root := fstest.MapFS{path[1:]: {Data: testdata(t, "dhclient6.leases")}}
		got, err := read(instance(root), []diag.Link{eth1, eth0}, now)
		want[0].File = path
		if diff := cmp.Diff(want, got, equal); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", path, err, diff)
		}
	}
}

func TestReadExpiredLeaseHoldsNothing(t *testing.T) {
	root := fstest.MapFS{"var/lib/dhcp/dhclient6.leases": {Data: testdata(t, "dhclient6.leases")}}
	got, err := read(instance(root), []diag.Link{eth0}, began.Add(450*time.Second))
	if err != nil || len(got) != 1 || len(got[0].Addresses) != 0 || got[0].DUID == "" {
		t.Errorf("%+v, %v: want the client's DUID and no address", got, err)
	}
}

// dhclient appends: the last lease of an interface is the one it holds.
func TestReadDhclientsLastWord(t *testing.T) {
	lease := func(iface, body string) string {
		return fmt.Sprintf("lease6 { interface %q; %s }\n", iface, body)
	}
	ia := func(addr, life string) string {
		return fmt.Sprintf("ia-na 0:0:0:7 { starts %[2]d; iaaddr %[1]s { starts %[2]d; preferred-life %[3]s; max-life %[3]s; } }", addr, began.Unix(), life)
	}
	pd := fmt.Sprintf("ia-pd 0:0:0:8 { iaprefix 2001:db8:5::/56 { starts %d; preferred-life 100; max-life 200; } }", began.Unix())
	for name, c := range map[string]struct {
		content string
		want    []string // prefixes
	}{
		"renewed":     {lease("eth0", ia("2001:db8::1", "60")) + lease("eth1", ia("2001:db8::9", "60")) + lease("eth0", ia("2001:db8::2", "60")), []string{"2001:db8::2/128"}},
		"released":    {lease("eth0", ia("2001:db8::1", "60")) + lease("eth0", "released; "+ia("2001:db8::1", "60")), nil},
		"for ever":    {lease("eth0", ia("2001:db8::1", "4294967295")), []string{"2001:db8::1/128"}},
		"delegated":   {lease("eth0", ia("2001:db8::1", "60")+pd), []string{"2001:db8::1/128", "2001:db8:5::/56"}},
		"cut off":     {lease("eth0", ia("2001:db8::1", "60")) + "lease6 { interface \"eth0\"; ia-na 0:0", []string{"2001:db8::1/128"}},
		"commented":   {"# lease6 {\n" + lease("eth0", ia("2001:db8::1", "60")) + "# end", []string{"2001:db8::1/128"}},
		"not for use": {lease("eth0", ia("fe80::1", "60")+ia("ff02::1", "60")+ia("10.0.0.1", "60")+ia("x", "60")+ia("2001:db8::3", "-1")), nil},
	} {
		root := fstest.MapFS{"var/lib/dhclient/dhclient6.leases": file(c.content)}
		got, err := read(instance(root), []diag.Link{eth0}, began)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var prefixes []string
		for _, l := range got {
			for _, a := range l.Addresses {
				prefixes = append(prefixes, a.Prefix.String())
			}
			if l.IAID != 7 && c.want != nil {
				t.Errorf("%s: IAID %d, want that of the IA_NA, 7", name, l.IAID)
			}
		}
		if diff := cmp.Diff(c.want, prefixes); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestReadDhcpcd(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 40, 0, 0, time.UTC)
	root := fstest.MapFS{"var/lib/dhcpcd/eth0.lease6": {Data: testdata(t, "eth0.lease6"), ModTime: at}}
	got, err := read(instance(root), []diag.Link{eth0}, at.Add(time.Minute))
	want := []diag.Lease{{
		Interface: "eth0", File: "/var/lib/dhcpcd/eth0.lease6",
		Addresses: []diag.LeaseAddress{address("2001:db8:1::1dfd/128", 450, 450, at)},
		DUID:      "00010001329639dcc632b5c71036", IAID: 1,
	}}
	if diff := cmp.Diff(want, got, equal); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if got, _ := read(instance(root), []diag.Link{eth0}, at.Add(451*time.Second)); len(got) != 1 || len(got[0].Addresses) != 0 {
		t.Errorf("after its lifetime: %+v", got)
	}
}

func TestReadNetworkManager(t *testing.T) {
	const head = "[device]\nmanaged=true\nconnection-uuid=6604b755-b04f-33a3-8a74-8eec86f491b6\n\n[dhcp4]\ndhcp4.ip_address=10.0.0.4\n\n"
	own := head + "[dhcp6]\ndhcp6.dhcp6_client_id=00:04:9f:1c\ndhcp6.iaid=a5:6c:5d:57\ndhcp6.ip6_address=2001:db8::5 2001:db8::6\n"
	root := fstest.MapFS{
		"run/NetworkManager/devices/2": file(own),
		"run/NetworkManager/devices/3": file(head + "[dhcp6]\ndhcp6.ip6_address=2001:db8::7\ndhcp6.life_starts=" +
			fmt.Sprint(began.Unix()) + "\ndhcp6.preferred_life=140\ndhcp6.max_life=450\n"),
	}
	got, err := read(instance(root), []diag.Link{eth0, eth1}, began)
	want := []diag.Lease{{
		Interface: "eth0", File: "/run/NetworkManager/devices/2", DUID: "00049f1c", IAID: 0xa56c5d57,
		Addresses: []diag.LeaseAddress{address("2001:db8::5/128", 0, 0, time.Time{}), address("2001:db8::6/128", 0, 0, time.Time{})},
	}, {
		Interface: "eth1", File: "/run/NetworkManager/devices/3",
		Addresses: []diag.LeaseAddress{address("2001:db8::7/128", 140, 450, began)},
	}}
	if diff := cmp.Diff(want, got, equal); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestReadNetworkdKnowsTheClient(t *testing.T) {
	for value, want := range map[string]string{
		"DUID-EN/Vendor:0000ab11d258482fc7eee651": "00020000ab11d258482fc7eee651",
		"DUID-EN:0000ab11d258482fc7eee651":        "00020000ab11d258482fc7eee651",
		"DUID-LL:000106dfa56c5d57":                "0003000106dfa56c5d57",
		"UUID:00112233445566778899aabbccddeeff":   "000400112233445566778899aabbccddeeff",
		"0900:0011":                               "",
		"DUID-LL:zz":                              "",
	} {
		root := fstest.MapFS{"run/systemd/netif/links/2": file(
			"# This is private data. Do not parse.\nADMIN_STATE=configured\nDHCP6_CLIENT_IAID=0xa56c5d57\nDHCP6_CLIENT_DUID=" + value + "\n")}
		got, err := read(instance(root), []diag.Link{eth0}, began)
		switch {
		case err != nil:
			t.Errorf("%s: %v", value, err)
		case want == "":
			if len(got) != 0 {
				t.Errorf("%s: %+v", value, got)
			}
		case len(got) != 1 || got[0].DUID != want || got[0].IAID != 0xa56c5d57:
			t.Errorf("%s: %+v, want DUID %s", value, got, want)
		}
	}
}

// A file left by a client of former days, not expired yet, gives way to a newer one.
func TestReadNewestLeaseOfAnInterface(t *testing.T) {
	root := fstest.MapFS{
		"var/lib/dhcp/dhclient6.leases": {Data: testdata(t, "dhclient6.leases")},
		"var/lib/dhcpcd/eth0.lease6":    {Data: testdata(t, "eth0.lease6"), ModTime: began.Add(time.Second)},
		"run/systemd/netif/links/2":     file("DHCP6_CLIENT_DUID=DUID-LL:000106dfa56c5d57\n"),
	}
	got, err := read(instance(root), []diag.Link{eth0}, began.Add(2*time.Second))
	if err != nil || len(got) != 1 || got[0].File != "/var/lib/dhcpcd/eth0.lease6" {
		t.Errorf("%+v, %v", got, err)
	}
}

// denied is a file system that has a file nobody may read.
type denied struct {
	fstest.MapFS
	path string
}

func (d denied) Open(name string) (fs.File, error) {
	if name == d.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func (d denied) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == d.path {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.ReadDir(name)
}

func TestReadNamesWhatItCouldNotRead(t *testing.T) {
	good := fstest.MapFS{"var/lib/dhcp/dhclient6.leases": {Data: testdata(t, "dhclient6.leases")}}
	for name, c := range map[string]struct {
		path    string
		content string
		denied  bool
		want    string
	}{
		"unreadable file":      {path: "run/NetworkManager/devices/2", denied: true, want: "run as root"},
		"unreadable directory": {path: "var/lib/NetworkManager", denied: true, want: "run as root"},
		"too deep":             {path: "var/lib/dhclient/dhclient6.leases", content: strings.Repeat("a {", 100), want: "nested deeper"},
		"unbalanced":           {path: "var/lib/dhclient/dhclient6.leases", content: "}", want: "closing brace"},
		"huge":                 {path: "var/lib/dhclient/dhclient6.leases", content: strings.Repeat("#", maxFile+1), want: "longer than"},
		"no message":           {path: "var/lib/dhcpcd/eth0.lease6", content: "hello", want: "not a DHCPv6 Reply"},
		"cut message":          {path: "var/lib/dhcpcd/eth0.lease6", content: "\x07\x00\x00\x00\x00\x03\x00\x10x", want: "shorter"},
	} {
		t.Run(name, func(t *testing.T) {
			m := fstest.MapFS{}
			maps.Copy(m, good)
			if c.path != "var/lib/NetworkManager" {
				m[c.path] = file(c.content)
			}
			var root fs.FS = instance(m)
			if c.denied {
				root = denied{m, c.path}
			}
			got, err := read(root, []diag.Link{eth0}, began)
			if len(got) != 1 || len(got[0].Addresses) != 1 {
				t.Errorf("the readable file was lost: %+v", got)
			}
			if err == nil || !strings.Contains(err.Error(), "/"+c.path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to name /%s and say %q", err, c.path, c.want)
			}
			if c.denied && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("error %v is not fs.ErrPermission", err)
			}
		})
	}
}

// In another network namespace the host's files speak of other interfaces of the same names.
func TestReadAnotherNamespace(t *testing.T) {
	root := fstest.MapFS{
		"proc/1/comm":                   file("init\n"),
		"proc/self/ns/net":              {Data: []byte("net:[2]"), Mode: fs.ModeSymlink},
		"var/lib/dhcp/dhclient6.leases": {Data: testdata(t, "dhclient6.leases")},
	}
	if got, err := read(root, []diag.Link{eth0}, began); len(got) != 0 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	maps.Copy(root, fstest.MapFS{
		"proc/7/comm":   file("dhclient\n"),
		"proc/7/ns/net": {Data: []byte("net:[2]"), Mode: fs.ModeSymlink},
	})
	if got, err := read(root, []diag.Link{eth0}, began); len(got) != 1 || err != nil {
		t.Errorf("with its client in the namespace: %+v, %v", got, err)
	}
}

func TestReadNothingThere(t *testing.T) {
	if got, err := Read(fstest.MapFS{}, []diag.Link{eth0}); len(got) != 0 || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(testdata(f, "dhclient6.leases")))
	f.Add(string(testdata(f, "eth0.lease6")))
	f.Add("[dhcp6]\ndhcp6.ip6_address=2001:db8::5\ndhcp6.iaid=a5:6c:5d:57\ndhcp6.life_starts=1\n")
	f.Add("DHCP6_CLIENT_IAID=0x1\nDHCP6_CLIENT_DUID=DUID-LL:000106dfa56c5d57\n")
	f.Add("\x07\x00\x00\x00\x00\x19\x00\x29\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x1a\x00\x19\x00\x00\x00\x01\x00\x00\x00\x02\xff 0123456789abcdef")
	f.Fuzz(func(t *testing.T, content string) {
		for _, parse := range []parser{parseDhclient, parseReply("eth0"), parseNetworkManager("eth0"), parseNetworkd("eth0")} {
			leases, _ := parse(content, began)
			for _, l := range leases {
				for _, a := range l.Addresses {
					if !a.Prefix.IsValid() || a.Prefix.Bits() == 0 || a.Prefix != a.Prefix.Masked() || diag.ScopeOf(a.Prefix.Addr()) == diag.MulticastScope ||
						a.PreferredS < diag.Forever || a.ValidS < diag.Forever {
						t.Errorf("%+v", a)
					}
				}
				if len(l.DUID) > 2*maxDUID || strings.Trim(l.DUID, "0123456789abcdef") != "" {
					t.Errorf("DUID %q", l.DUID)
				}
			}
		}
	})
}
