package host

import (
	"net/netip"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

const (
	tcpHead  = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	tcp6Head = "  sl  local_address                         remote_address                        st\n"
	routes   = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
		"eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n" +
		"eth1\t0001000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
)

// TestAccess: what a remedy may cut off is known, from the socket tables and from the environment that sudo
// hides. The tables are those of a little-endian machine.
func TestAccess(t *testing.T) {
	mine := netip.MustParseAddr("2001:db8::10")
	v6 := tcp6Head +
		"   0: B80D0120000000000000000010000000:0016 B80D0120000000000000000099000000:D431 01 0\n" + // ssh
		"   1: B80D0120000000000000000011000000:01BB B80D0120000000000000000099000000:D431 01 0\n" + // https
		"   2: B80D0120000000000000000012000000:0016 00000000000000000000000000000000:0000 0A 0\n" // listens
	for name, c := range map[string]struct {
		root fstest.MapFS
		want []diag.Access
	}{
		"nobody": {fstest.MapFS{}, nil},
		"IPv6": {
			fstest.MapFS{"proc/net/tcp6": file(v6)},
			[]diag.Access{{SSH: []netip.Addr{mine}}},
		},
		"IPv4": {
			fstest.MapFS{"proc/net/tcp": file(tcpHead + "   0: 0501000A:0016 09090909:D431 01 0\n"), "proc/net/route": file(routes)},
			[]diag.Access{{SSH4: []string{"eth1"}, Default4: []string{"eth0"}}},
		},
		"IPv4 in a socket of IPv6": {
			fstest.MapFS{"proc/net/tcp6": file(tcp6Head + "   0: 0000000000000000FFFF00000500000A:0016 0000000000000000FFFF000009090909:D431 01 0\n"), "proc/net/route": file(routes)},
			[]diag.Access{{SSH4: []string{"eth0"}, Default4: []string{"eth0"}}},
		},
		"another port, and sudo": {
			fstest.MapFS{
				"proc/self/environ": file("PATH=/bin\x00"), "proc/self/stat": file("9 (a) b) S 7 9 9 0\n"),
				"proc/7/environ": file("A=1\x00SSH_CONNECTION=2001:db8::99 5000 2001:db8::10 2222\x00"),
			},
			[]diag.Access{{SSH: []netip.Addr{mine}}},
		},
		"nonsense": {
			fstest.MapFS{
				"proc/net/tcp6": file("a\nb c d 01\nx :: y 01\n: zz:0016 a 01\n"), "proc/net/route": file("eth0 zz\n1 2 3 4 5 6 7 8\n"),
				"proc/self/environ": file("SSH_CONNECTION=a b c d\x00"), "proc/self/stat": file("no"),
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var l log
			r := New(&l, c.root, nil)
			r.access()
			r.access() // and says nothing twice
			if diff := cmp.Diff(c.want, of[diag.Access](l.bodies), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestAccessByTheKernel: the tables are read only where the kernel does not tell.
func TestAccessByTheKernel(t *testing.T) {
	table := file(tcp6Head + "   0: B80D0120000000000000000010000000:0016 B80D0120000000000000000099000000:D431 01 0\n")
	for want, tells := range map[string]error{"2001:db8::11": nil, "2001:db8::10": unix.ENOENT} {
		var l log
		r := New(&l, fstest.MapFS{"proc/net/tcp6": table}, nil)
		r.Ends = func(port uint16) ([]netip.Addr, error) {
			if port != sshPort {
				t.Errorf("asked for port %d", port)
			}
			return []netip.Addr{netip.MustParseAddr("2001:db8::11")}, tells
		}
		r.access()
		got := of[diag.Access](l.bodies)
		if len(got) != 1 || !slices.Equal(got[0].SSH, []netip.Addr{netip.MustParseAddr(want)}) {
			t.Errorf("%v: got %+v, want %s", tells, got, want)
		}
	}
}

// TestTool: what holds a rule is what has to take it away.
func TestTool(t *testing.T) {
	chainOf := func(family uint8, table, name string, base bool) *chain {
		return &chain{chainKey: chainKey{family, table, name}, base: base}
	}
	const inet, ip6 = unix.NFPROTO_INET, unix.NFPROTO_IPV6
	for _, c := range []struct {
		name   string
		legacy bool
		chains []*chain
		want   diag.FilterTool
	}{
		{"nft", false, []*chain{chainOf(inet, "filter", "input", true)}, diag.ToolNFT},
		{"nft, of that name", false, []*chain{chainOf(ip6, "filter", "in", true)}, diag.ToolNFT},
		{"iptables-nft", false, []*chain{chainOf(ip6, "filter", "mine", false), chainOf(ip6, "filter", "INPUT", true)}, diag.ToolIPTables},
		{"ufw", false, []*chain{chainOf(ip6, "filter", "INPUT", true), chainOf(ip6, "filter", "ufw6-before-input", false)}, diag.ToolUFW},
		{"ufw, legacy", true, []*chain{chainOf(ip6, "filter", "INPUT", true), chainOf(ip6, "filter", "ufw6-before-input", false)}, diag.ToolUFW},
		{"legacy", true, []*chain{chainOf(ip6, "filter", "INPUT", true)}, diag.ToolLegacy},
		{"firewalld", false, []*chain{chainOf(inet, "firewalld", "filter_INPUT", true)}, diag.ToolFirewalld},
	} {
		rs := &ruleset{legacy: c.legacy, chains: map[chainKey]*chain{}}
		for _, ch := range c.chains {
			rs.chains[ch.chainKey] = ch
		}
		if got := rs.tool(c.chains[0]); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
