//go:build interop

package host

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

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
	r := New(&log{}, os.DirFS("/"), []diag.Link{{Interface: "eth0", Index: nstest.Link(t, "eth0").Attrs().Index}})
	var lines []string
	for _, f := range filtersOf(t, r) {
		if len(f.Matches) == 0 {
			continue // every stateful rule set drops what belongs to no connection, or some of what comes: that stops nothing else
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %v: %s", f.Table, f.Chain, f.Hook, f.Verdict, f.Matches, f.Rule))
	}
	return lines
}

// Rule sets as they come: what a distribution or program ships lets all through that a host needs.
// Then what people made of them.
func TestInteropRuleSets(t *testing.T) {
	without := func(lines ...string) func(string) string {
		return func(rules string) string {
			for _, l := range lines {
				if !strings.Contains(rules, l) {
					panic("no rule " + l)
				}
				rules = strings.Replace(rules, l, "", 1)
			}
			return rules
		}
	}
	with := func(table, line string) func(string) string {
		return func(rules string) string { return strings.Replace(rules, table, table+"\n"+line, 1) }
	}
	const errors = "unreachable packet-too-big time-exceeded parameter-problem"
	tests := []struct {
		name, file string
		change     func(string) string
		want       []string
	}{
		{"ufw", "ufw.save", nil, nil},
		{"firewalld", "firewalld.nft", nil, nil},
		{"redhat", "redhat.save", nil, nil},
		{"docker", "docker.save", nil, nil},
		{"kubernetes", "kubernetes.save", nil, nil},
		{"stateful", "stateful.nft", nil, nil},

		{"ufw without NA", "ufw.save", without("-A ufw6-before-input -p icmpv6 --icmpv6-type neighbor-advertisement -m hl --hl-eq 255 -j ACCEPT"), []string{
			"ip6 filter INPUT input drop [na]: policy drop",
		}},
		{"ufw without DHCPv6 and SSH", "ufw.save", without("-A ufw6-before-input -p udp -s fe80::/10 --sport 547 -d fe80::/10 --dport 546 -j ACCEPT", "-A ufw6-user-input -p tcp -m tcp --dport 22 -j ACCEPT"), []string{
			"ip6 filter INPUT input drop [dhcpv6 tcp-syn]: policy drop",
		}},
		{"ufw denying all that leaves", "ufw.save", func(rules string) string {
			return without("-A ufw6-track-output -p tcp -m conntrack --ctstate NEW -j ACCEPT", "-A ufw6-track-output -p udp -m conntrack --ctstate NEW -j ACCEPT")(strings.Replace(rules, ":OUTPUT ACCEPT", ":OUTPUT DROP", 1))
		}, []string{"ip6 filter OUTPUT output drop [dhcpv6 udp tcp-syn]: policy drop"}},
		{"firewalld without ICMP", "firewalld.nft", without("meta l4proto { icmp, ipv6-icmp } accept"), []string{
			"inet firewalld filter_IN_public input reject [echo-request mld]: reject with icmpx admin-prohibited",
		}},
		{"redhat without ICMP", "redhat.save", without("-A INPUT -p ipv6-icmp -j ACCEPT"), []string{
			"ip6 filter INPUT input reject [ra ns na echo-request mld]: counter -j REJECT",
		}},
		{"a stateful one that forgot discovery", "stateful.nft", without("meta l4proto { icmp, ipv6-icmp } accept", "udp dport 546 ip6 daddr fe80::/10 accept"), []string{
			"inet filter input input reject [ra ns na echo-request mld dhcpv6]: counter reject",
		}},
		{"INVALID in the raw table", "redhat.save", with("COMMIT", "*raw\n-A PREROUTING -p icmpv6 -m conntrack --ctstate INVALID -j DROP\nCOMMIT"), []string{
			"ip6 raw PREROUTING prerouting drop [ra ns na redirect echo-request echo-reply " + errors + " mld]: meta l4proto ipv6-icmp -m conntrack --ctstate INVALID counter drop",
		}},
		{"UNTRACKED dropped", "redhat.save", with(":OUTPUT ACCEPT [0:0]", "-A INPUT -m conntrack --ctstate UNTRACKED -j DROP"), []string{
			"ip6 filter INPUT input drop [ra ns na mld]: -m conntrack --ctstate UNTRACKED counter drop",
		}},
		{"kube-router's default policy on the node", "kubernetes.save", with("-A INPUT -j KUBE-FIREWALL", "-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j KUBE-NWPLCY-DEFAULT\n-A INPUT -m mark --mark 0x10000/0x10000 -j DROP"), []string{
			"ip6 filter INPUT input drop [ra ns na redirect echo-request echo-reply " + errors + " mld dhcpv6 udp]: meta mark & 65536 65536 counter drop",
		}},
		{"MLD reports", "stateful.nft", with("hook output priority filter; policy accept;", "icmpv6 type { mld-listener-report, mld2-listener-report } drop"), []string{
			"inet filter output output drop [mld]: icmpv6 type { mld-listener-report, mld2-listener-report } drop",
		}},
		{"MLD by its own next header", "stateful.nft", with("hook output priority filter; policy accept;", "ip6 nexthdr hopopt drop"), []string{
			"inet filter output output drop [mld]: meta nfproto ipv6 ip6 nexthdr 0 drop",
		}},
		{"no SYN out, and none answered", "stateful.nft", with("hook output priority filter; policy accept;", "tcp flags syn / syn,ack drop\ntcp flags & (syn|ack) == (syn|ack) drop"), []string{
			"inet filter output output drop [tcp-syn]: tcp flags & 0x12 0x02 drop",
			"inet filter output output drop [tcp-synack]: tcp flags & 0x12 0x12 drop",
		}},
		{"packet too big", "redhat.save", with(":OUTPUT ACCEPT [0:0]", "-A INPUT -p icmpv6 --icmpv6-type packet-too-big -j DROP\n-A OUTPUT -p icmpv6 --icmpv6-type destination-unreachable -j DROP"), []string{
			"ip6 filter INPUT input drop [packet-too-big]: -m icmp6 --icmpv6-type packet-too-big counter drop",
			"ip6 filter OUTPUT output drop [unreachable]: -m icmp6 --icmpv6-type destination-unreachable counter drop",
		}},
		{"a hop limit of 255 wanted of all", "redhat.save", with(":OUTPUT ACCEPT [0:0]", "-A INPUT -p icmpv6 -m hl ! --hl-eq 255 -j DROP"), []string{
			"ip6 filter INPUT input drop [echo-request echo-reply " + errors + " mld]: meta l4proto ipv6-icmp -m hl counter drop",
		}},
		{"another interface's", "stateful.nft", with("iif \"lo\" accept", "iifname \"eth1\" drop"), nil},
		{"only out of the subnet", "stateful.nft", with("hook output priority filter; policy accept;", "ip6 saddr != 2001:db8::/64 drop\nip6 daddr ff02::/16 drop"), []string{
			"inet filter output output drop [rs mld]: meta nfproto ipv6 ip6 daddr ff02::/16 drop",
			"inet filter output output drop [dhcpv6]: meta nfproto ipv6 ip6 saddr != 2001:db8::/64 drop",
		}},
	}
	for _, tt := range tests {
		rules := func() string {
			b, err := os.ReadFile("testdata/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				return tt.change(string(b))
			}
			return string(b)
		}
		t.Run(tt.name, func(t *testing.T) {
			if !nstest.Enter(t) {
				return
			}
			program := []string{"nft", "-f", "-"}
			if strings.HasSuffix(tt.file, ".save") {
				program = []string{"ip6tables-nft-restore"}
			}
			if diff := cmp.Diff(tt.want, load(t, rules(), program[0], program[1:]...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
		if !strings.HasSuffix(tt.file, ".save") {
			continue
		}
		t.Run(tt.name+" in x_tables", func(t *testing.T) {
			if !nstest.Enter(t) {
				return
			}
			if _, err := os.Stat("/proc/net/ip6_tables_names"); err != nil {
				t.Skip("this kernel has no ip6_tables")
			}
			// The same rules, written a little otherwise.
			stops := func(lines []string) (list []string) {
				for _, l := range lines {
					l, _, _ = strings.Cut(l, ":")
					list = append(list, l)
				}
				return list
			}
			if diff := cmp.Diff(stops(tt.want), stops(load(t, rules(), "ip6tables-legacy-restore"))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
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
		"ip6 t in input drop [redirect unreachable packet-too-big time-exceeded parameter-problem]: ct state vmap { related : drop, untracked : accept }",
		"ip6 t sub input reject [echo-request]: ip6 nexthdr ipv6-icmp reject with icmpv6 no-route",
		"ip6 t in input drop [echo-reply]: icmpv6 type echo-reply ip6 saddr != 2001:db8::/33 drop",
	}
	if diff := cmp.Diff(want, load(t, rules, "nft", "-f", "-")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
