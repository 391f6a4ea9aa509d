//go:build interop

package host

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/google/go-cmp/cmp"
)

// load has a rule set installed by somebody else's program, and returns what is found in it, a line
// a rule.
func load(t *testing.T, rules, program string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing := t.Skipf
		if os.Getenv("CI") == "true" {
			missing = t.Fatalf
		}
		missing("%v: apt install nftables iptables", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(rules)
	// iptables keeps a lock in /run, which an ordinary user may not write to.
	cmd.Env = append(os.Environ(), "XTABLES_LOCKFILE="+t.TempDir()+"/lock")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	nstest.Veth(t, "eth0", "w0")
	r := New(&log{}, fstest.MapFS{}, []diag.Link{{Interface: "eth0", Index: nstest.Link(t, "eth0").Attrs().Index}})
	lines := []string{}
	for _, f := range filtersOf(t, r) {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %v: %s", f.Table, f.Chain, f.Hook, f.Verdict, f.Matches, f.Rule))
	}
	return lines
}

// firewalld's rules, shortened: all of ICMPv6 is let in, the reverse path is checked, and all that
// cannot be told from the rules alone is left unsaid.
const firewalld = `
table inet firewalld {
	chain filter_PREROUTING {
		type filter hook prerouting priority filter + 10; policy accept;
		icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
		meta nfproto ipv6 fib saddr . mark . iif oif missing drop
	}
	chain filter_IN_public_allow {
		tcp dport 22 ct state { new, untracked } accept
	}
	chain filter_IN_public {
		jump filter_IN_public_allow
		ICMP
		reject with icmpx type admin-prohibited
	}
	chain filter_INPUT_ZONES {
		iifname "eth0" goto filter_IN_public
		goto filter_IN_public
	}
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		jump filter_INPUT_ZONES
		reject with icmpx type admin-prohibited
	}
	chain filter_OUTPUT {
		type filter hook output priority filter + 10; policy accept;
		oifname "lo" accept
		ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } reject with icmpv6 type addr-unreachable
	}
}
`

func TestInteropFirewalld(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	rules := strings.Replace(firewalld, "ICMP", "meta l4proto { icmp, ipv6-icmp } accept", 1)
	if got := load(t, rules, "nft", "-f", "-"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestInteropFirewalldWithoutICMP(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	want := []string{"inet firewalld filter_IN_public input reject [ra ns na echo-request]: reject with icmpx admin-prohibited"}
	if diff := cmp.Diff(want, load(t, strings.Replace(firewalld, "ICMP", "", 1), "nft", "-f", "-")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestInteropNft(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const rules = `
table ip6 t {
	set neighbours {
		type icmpv6_type; flags interval
		elements = { 135-136 }
	}
	map types {
		type icmpv6_type : verdict
		elements = { echo-request : jump sub, nd-router-advert : drop }
	}
	chain out {
		type filter hook output priority 0; policy accept;
		ip6 saddr . icmpv6 type { fe80::1 . nd-router-solicit } drop
		meta mark & 0x8000 == 0x8000 drop
		socket wildcard 0 drop
		icmpv6 type @neighbours drop
		icmpv6 type echo-request meta length > 1000 drop
		ip6 hoplimit != 255 icmpv6 type 133-134 drop
	}
	chain sub {
		ip6 daddr ff00::/8 drop
		ip6 nexthdr ipv6-icmp reject with icmpv6 type no-route
	}
	chain in {
		type filter hook input priority 0; policy accept;
		icmpv6 type vmap @types
		icmpv6 type echo-reply ip6 saddr fe80::/10 return
		icmpv6 type echo-reply ip6 saddr != 2001:db8::/33 drop
		ct state vmap { untracked : accept, related : drop }
	}
}
`
	want := []string{
		"ip6 t out output drop [ns na]: icmpv6 type @neighbours drop",
		"ip6 t in input drop [ra]: icmpv6 type vmap @types",
		"ip6 t sub input reject [echo-request]: ip6 nexthdr ipv6-icmp reject with icmpv6 no-route",
		"ip6 t in input drop [echo-reply]: icmpv6 type echo-reply ip6 saddr != 2001:db8::/33 drop",
		"ip6 t in input drop [packet-too-big]: ct state vmap { related : drop, untracked : accept }",
	}
	if diff := cmp.Diff(want, load(t, rules, "nft", "-f", "-")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// ufw's rules come through ip6tables; here somebody lost the one that lets advertisements of
// neighbours in.
func TestInteropUfwByIP6Tables(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	const rules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw6-before-input - [0:0]
:ufw6-logging-deny - [0:0]
:ufw6-user-input - [0:0]
-A INPUT -j ufw6-before-input
-A ufw6-before-input -i lo -j ACCEPT
-A ufw6-before-input -m rt --rt-type 0 -j DROP
-A ufw6-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw6-before-input -p icmpv6 --icmpv6-type echo-reply -j ACCEPT
-A ufw6-before-input -m conntrack --ctstate INVALID -j ufw6-logging-deny
-A ufw6-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw6-before-input -p icmpv6 --icmpv6-type packet-too-big -j ACCEPT
-A ufw6-before-input -p icmpv6 --icmpv6-type echo-request -j ACCEPT
-A ufw6-before-input -p icmpv6 --icmpv6-type router-advertisement -m hl --hl-eq 255 -j ACCEPT
-A ufw6-before-input -p icmpv6 --icmpv6-type neighbor-solicitation -m hl --hl-eq 255 -j ACCEPT
-A ufw6-before-input -j ufw6-user-input
-A ufw6-user-input -p tcp --dport 22 -j ACCEPT
-A ufw6-logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min --limit-burst 10 -j RETURN
-A ufw6-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A OUTPUT -m mark --mark 0x8000/0x8000 -j DROP
-A OUTPUT -o eth0 -p icmpv6 --icmpv6-type neighbor-solicitation -m comment --comment "test it" -j REJECT --reject-with icmp6-adm-prohibited
COMMIT
`
	want := []string{
		"ip6 filter INPUT input drop [na]: policy drop",
		`ip6 filter OUTPUT output reject [ns]: oifname "eth0" -m icmp6 --icmpv6-type nd-neighbor-solicit comment "test it" counter -j REJECT`,
	}
	if diff := cmp.Diff(want, load(t, rules, "ip6tables-nft-restore")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
