package why

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/words"
)

// ec2 are the commands of remedies on the cloud's side, with the options that they take: as `aws ec2 NAME
// --generate-cli-skeleton` of aws-cli 1.45 accepts them.
var ec2 = map[string]string{
	"assign-ipv6-addresses":                    "--network-interface-id --ipv6-addresses --ipv6-address-count --ipv6-prefix-count",
	"unassign-ipv6-addresses":                  "--network-interface-id --ipv6-addresses",
	"associate-subnet-cidr-block":              "--subnet-id --ipv6-cidr-block",
	"authorize-security-group-ingress":         "--group-id --ip-permissions",
	"authorize-security-group-egress":          "--group-id --ip-permissions",
	"create-route":                             "--route-table-id --destination-ipv6-cidr-block --gateway-id --nat-gateway-id --network-interface-id",
	"modify-network-interface-attribute":       "--network-interface-id --no-source-dest-check",
	"modify-instance-metadata-options":         "--instance-id --http-endpoint --http-protocol-ipv6 --http-tokens --http-put-response-hop-limit",
	"modify-subnet-attribute":                  "--subnet-id --no-enable-dns64",
	"modify-vpc-attribute":                     "--vpc-id --enable-dns-support",
	"describe-network-interfaces":              "--network-interface-ids --filters --query",
	"describe-subnets":                         "--subnet-ids --query",
	"describe-route-tables":                    "--filters",
	"describe-network-acls":                    "--filters",
	"describe-vpc-block-public-access-options": "",
}

var option = regexp.MustCompile(`(?:^| )(--[a-z0-9-]+)`)

// checkAWS holds a command against ec2.
func checkAWS(t *testing.T, command string) {
	t.Helper()
	rest, ok := strings.CutPrefix(command, "aws ec2 ")
	if !ok {
		return
	}
	name, _, _ := strings.Cut(rest, " ")
	options, known := ec2[name]
	if !known {
		t.Errorf("aws ec2 %s is not known", name)
	}
	for _, m := range option.FindAllStringSubmatch(rest, -1) {
		if !slices.Contains(strings.Fields(options), m[1]) {
			t.Errorf("%s takes no %s: %s", name, m[1], command)
		}
	}
}

func TestRemediesAreWhole(t *testing.T) {
	for _, c := range causes {
		choices := 0
		for _, r := range c.Remedy {
			if r.Does != "" && !words.Has("remedy."+r.Does) {
				t.Errorf("%s: nothing says what %q is", c.ID, r.Does)
			}
			if r.Does == "" && !slices.ContainsFunc(r.Do, func(command string) bool { return !looks(command) }) {
				continue // it only shows
			}
			if choices++; choices > 1 && r.Does == "" {
				t.Errorf("%s: one of several remedies does not say what it does: %v", c.ID, r.Do)
			}
			for _, command := range r.Do {
				checkAWS(t, command)
				if strings.HasPrefix(command, "aws ") && !r.AWS {
					t.Errorf("%s: outside of a VPC: %s", c.ID, command)
				}
			}
			for _, text := range fills(r.Do) {
				if strings.HasPrefix(text, "remedy.fill.") {
					t.Errorf("%s: nothing says how to fill %s", c.ID, text)
				}
			}
		}
		if c.Severity != Info && choices == 0 {
			t.Errorf("%s: nothing mends it, and nothing says whom to ask", c.ID)
		}
	}
}

var managers = map[string]diag.Manager{
	"nobody":         {Name: "none"},
	"networkd":       {Name: "networkd", RA: true, File: "/etc/systemd/network/10-eth0.network"},
	"netplan":        {Name: "networkd", RA: true, Writer: "netplan", File: "/run/systemd/network/10-netplan-eth0.network"},
	"NetworkManager": {Name: "NetworkManager", RA: true},
	"ifupdown":       {Name: "dhclient", Writer: "ifupdown"},
}

// TestRemediesFit holds what is advised in every network that is known, under every manager, against what can
// work: no value is missing, root's commands have sudo, and what only shows is no remedy.
func TestRemediesFit(t *testing.T) {
	left := regexp.MustCompile(`\{[a-z]`)
	for _, tt := range diagtest.CauseTests {
		for name, m := range managers {
			m.Interface = "eth0"
			d := Diagnose(tt.World().Say(m).State())
			for _, f := range d.Findings {
				if f.Severity != Info && len(f.Remedies) == 0 {
					t.Errorf("%s, %s: %s has no remedy", tt.Name, name, f.Cause)
				}
				for i, a := range f.Remedies {
					if len(f.Remedies) > 1 && a.Does == "" {
						t.Errorf("%s, %s: choice %d of %s does not say what it does", tt.Name, name, i, f.Cause)
					}
					for _, c := range a.Do {
						if looks(c) {
							t.Errorf("%s: only looks: %s", f.Cause, c)
						}
						checkAWS(t, c)
						if strings.HasPrefix(c, "aws ") && (d.Profile.Name != "aws" && d.Profile.Name != "container" || strings.Contains(c, "fe80:")) {
							t.Errorf("%s: cannot work in %s: %s", f.Cause, d.Profile.Name, c)
						}
					}
					for _, text := range slices.Concat(a.Do, a.Persistent, a.Fill, []string{a.Does, a.Caution, a.Lasts}) {
						if left.MatchString(text) || strings.HasPrefix(text, "remedy.") {
							t.Errorf("%s, %s: %s: not filled in: %s", tt.Name, name, f.Cause, text)
						}
					}
					for _, c := range slices.Concat(a.Do, a.Persistent) {
						if rooted.MatchString(c) {
							t.Errorf("%s: without sudo: %s", f.Cause, c)
						}
					}
				}
				for _, c := range f.Look {
					if !looks(c) || left.MatchString(c) {
						t.Errorf("%s: shows: %s", f.Cause, c)
					}
				}
			}
		}
	}
}

// TestRemediesAreKept: what would be lost at the next boot says how to keep it, by whoever configures the interface.
func TestRemediesAreKept(t *testing.T) {
	offered := diagtest.VPC().Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{
		MAC: diagtest.MyMAC, ID: "eni-1", Subnets: []netip.Prefix{diagtest.Subnet}, Addresses: []netip.Addr{diagtest.Mine, diagtest.Hand},
	}}})
	hand := diagtest.Hand.String()
	for name, want := range map[string][]string{
		"nobody": {},
		"networkd": {
			"sudo mkdir -p /etc/systemd/network/10-eth0.network.d",
			`printf '%s\n' '[Address]' Address=` + hand + "/128 | sudo tee -a /etc/systemd/network/10-eth0.network.d/90-ndwhy.conf",
			"sudo networkctl reload",
		},
		"netplan":        {"sudo netplan set --origin-hint=90-ndwhy 'ethernets.eth0.addresses=[" + hand + "/128]'", "sudo netplan try"},
		"NetworkManager": {`sudo nmcli connection modify "$(nmcli -g GENERAL.CON-UUID device show eth0)" +ipv6.addresses ` + hand + "/128"},
		"ifupdown": {
			`printf '%s\n' '#!/bin/sh' '[ "$IFACE" = eth0 ] || exit 0' 'ip -6 addr add ` + hand + `/128 dev eth0' | sudo tee -a /etc/network/if-up.d/ndwhy`,
			"sudo chmod +x /etc/network/if-up.d/ndwhy",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := managers[name]
			m.Interface = "eth0"
			a := find(t, Diagnose(offered.Say(m).State()), "address.not-configured").Remedies[0]
			if diff := cmp.Diff(want, a.Persistent); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if (a.Lasts == "") != (len(want) > 0) {
				t.Errorf("it lasts: %q", a.Lasts)
			}
		})
	}
}

// TestInterfaceNames: a dot in a name is none between the parts of a setting's, and what a shell would take for
// its own is quoted.
func TestInterfaceNames(t *testing.T) {
	v := &view{s: diag.NewState()}
	for name, want := range map[string]string{
		"eth0":     "sudo sysctl -w net.ipv6.conf.eth0.accept_ra=2 && sudo ip link set dev eth0 up",
		"eth0.100": "sudo sysctl -w net.ipv6.conf.eth0/100.accept_ra=2 && sudo ip link set dev eth0.100 up",
		"a$(b);c":  "sudo sysctl -w 'net.ipv6.conf.a$(b);c'.accept_ra=2 && sudo ip link set dev 'a$(b);c' up",
	} {
		h := &hypothesis{iface: name, cause: &Cause{Remedy: always("sysctl -w net.ipv6.conf.{interface}.accept_ra=2 && ip link set dev {interface} up")}}
		if list, _ := v.advise(h, []any{"interface", name}); len(list) != 1 || list[0].Do[0] != want {
			t.Errorf("%q: %+v", name, list)
		}
	}
}

// TestNoWayOutIsTaken: no remedy deletes the only default route, and none says nothing of an SSH session or of
// IPv4 that it cuts off.
func TestNoWayOutIsTaken(t *testing.T) {
	gone := diagtest.RouterAddr.String()
	mine := diagtest.Mine
	route := func(via netip.Addr, dev string) diag.Route {
		return diag.Route{Interface: dev, Dst: netip.MustParsePrefix("::/0"), Via: via, Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever}
	}
	link := diag.Address{Interface: "eth0", Address: mine, PrefixLen: 64}
	for _, c := range []struct {
		name, command string
		state         []diag.Body
		offered       bool
		caution       string
	}{
		{"the only default route", "ip -6 route del default via " + gone + " dev eth0", []diag.Body{route(diagtest.RouterAddr, "eth0")}, false, ""},
		{
			"another in its place", "ip -6 route del default dev eth0 metric 512 && ip -6 route add default via " + gone + " dev eth0 metric 512",
			[]diag.Body{route(netip.Addr{}, "eth0")},
			true, "",
		},
		{"there is another", "ip -6 route del default via " + gone + " dev eth0", []diag.Body{route(diagtest.RouterAddr, "eth0"), route(diagtest.PeerLocal, "eth0")}, true, ""},
		{"on another interface", "ip -6 route del default via " + gone + " dev eth0", []diag.Body{route(diagtest.RouterAddr, "eth0"), route(diagtest.RouterAddr, "eth1")}, true, ""},
		{"a session by the address", "ip -6 addr del " + mine.String() + "/64 dev eth0", []diag.Body{link, diag.Access{SSH: []netip.Addr{mine}}}, true, mine.String()},
		{"a session by another address", "ip -6 addr del " + mine.String() + "/64 dev eth0", []diag.Body{diag.Access{SSH: []netip.Addr{diagtest.Hand}}}, true, ""},
		{"a session by the interface", "ip link set dev eth0 down && ip link set dev eth0 up", []diag.Body{link, diag.Access{SSH: []netip.Addr{mine}}}, true, "SSH session"},
		{"IPv4's session", "ip link set dev eth0 down && ip link set dev eth0 up", []diag.Body{diag.Access{SSH4: []string{"eth0"}}}, true, "SSH session"},
		{"IPv4's way out", "ip link set dev eth0 down && ip link set dev eth0 up", []diag.Body{diag.Access{Default4: []string{"eth0"}}}, true, "IPv4's default route"},
		{"another interface", "ip link set dev eth0 down && ip link set dev eth0 up", []diag.Body{link, diag.Access{SSH4: []string{"eth1"}, Default4: []string{"eth1"}}}, true, ""},
		{"a route, and a session", "ip -6 route del 2001:db8::/32 dev eth0", []diag.Body{diag.Access{SSH: []netip.Addr{mine}}}, true, "over IPv6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := diag.NewState()
			for i, b := range c.state {
				s.Apply(diag.Event{Seq: int64(i + 1), At: diagtest.Start, Body: b})
			}
			h := &hypothesis{iface: "eth0", cause: &Cause{Remedy: always(c.command)}}
			list, _ := (&view{s: s}).advise(h, nil)
			if (len(list) == 1) != c.offered {
				t.Fatalf("%+v", list)
			}
			if c.offered && (!strings.Contains(list[0].Caution, c.caution) || c.caution == "" && list[0].Caution != "") {
				t.Errorf("caution %q, want %q", list[0].Caution, c.caution)
			}
		})
	}
}

// TestNoCarrierIsNotSwitchedOn: what is switched on already needs its other end.
func TestNoCarrierIsNotSwitchedOn(t *testing.T) {
	down := diag.Link{Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, MTU: 1500, Ethernet: true}
	up, vlan := down, down
	up.Up = true
	vlan.Up, vlan.Parent, vlan.Type = true, 3, "vlan"
	parent := diag.Link{Interface: "eth9", Index: 3, MTU: 1500}
	for _, c := range []struct {
		name  string
		links []diag.Body
		want  string
	}{
		{"off", []diag.Body{down}, "sudo ip link set dev eth0 up"},
		{"no carrier", []diag.Body{up}, ""},
		{"what it rests on is off", []diag.Body{vlan, parent}, "sudo ip link set dev eth9 up"},
	} {
		f := find(t, Diagnose(diagtest.VPC().Say(c.links...).State()), "host.link-down")
		if got := strings.Join(f.Remedy, "; "); got != c.want || len(f.Remedies) == 0 {
			t.Errorf("%s: %q, want %q; %+v", c.name, got, c.want, f.Remedies)
		}
	}
}

// TestUFWKeeps: what is to pass stands in ufw's own file, where its chain is there and nothing is committed yet.
func TestUFWKeeps(t *testing.T) {
	sed, err := exec.LookPath("sed")
	if err != nil {
		t.Skip(err)
	}
	h := &hypothesis{facts: []diag.Event{{Body: diag.Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Tool: diag.ToolUFW}}}}
	list, _ := keptFilter(h, []string{"sudo ip6tables -I ufw6-before-input -p icmpv6 --icmpv6-type 136 -j ACCEPT", "sudo ip6tables -I ufw6-before-input -p udp --sport 547 --dport 546 -j ACCEPT"})
	file := filepath.Join(t.TempDir(), "before6.rules")
	const was = "*filter\n:ufw6-before-input - [0:0]\n-A ufw6-before-input -i lo -j ACCEPT\n# don't delete the 'COMMIT' line or these rules won't be processed\n"
	if err := os.WriteFile(file, []byte(was+"COMMIT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := strings.NewReplacer("sudo sed", sed, "/etc/ufw/before6.rules", file).Replace(list[0])
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", command, err, out)
	}
	const want = was + "-I ufw6-before-input -p icmpv6 --icmpv6-type 136 -j ACCEPT\n-I ufw6-before-input -p udp --sport 547 --dport 546 -j ACCEPT\nCOMMIT\n"
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
}

// TestPoliciesLetApplicationsThrough: a policy that drops what applications ask, or its answers, has a rule before it that
// lets that pass: on the way in what belongs to a connection, on the way out the protocols that were asked.
func TestPoliciesLetApplicationsThrough(t *testing.T) {
	v := newView(diagtest.VPC().State())
	v.symptoms = []symptom{{path: &path{Path: &diag.Path{Asks: diag.AsksTCP}}}, {path: &path{Path: &diag.Path{Asks: diag.AsksService}}}}
	for _, c := range []struct {
		hook     string
		tool     diag.FilterTool
		handle   uint64
		symptoms []int
		want     []string
	}{
		{"input", diag.ToolIPTables, 0, []int{0}, []string{"ip6tables -I C -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"}},
		{"input", diag.ToolNFT, 0, []int{0, 1}, []string{"nft 'insert rule ip6 filter C ct state established,related accept'"}},
		{"output", diag.ToolIPTables, 0, []int{0}, []string{"ip6tables -I C -p tcp -j ACCEPT"}},
		{"output", diag.ToolNFT, 0, []int{0, 1}, []string{"nft 'insert rule ip6 filter C meta l4proto { tcp, udp } accept'"}},
		{"output", diag.ToolNFT, 7, []int{0}, nil}, // a rule that says so: it can be deleted
	} {
		f := diag.Filter{Table: "ip6 filter", Chain: "C", Hook: c.hook, Rule: "policy drop", Verdict: "drop", Tool: c.tool, Handle: c.handle}
		h := &hypothesis{iface: "eth0", cause: &firewall, as: "ports", subject: Subject{"rule", ruleName(f)}, symptoms: c.symptoms, facts: []diag.Event{{Seq: 1, Body: f}}}
		if got := letThrough(v, h); !slices.Equal(got, c.want) {
			t.Errorf("%s, %s: %q, want %q", c.hook, c.tool, got, c.want)
		}
	}
}

// TestFirewallRemedies: the command is one of whoever holds the rule, and lets pass what the rule is not to drop.
func TestFirewallRemedies(t *testing.T) {
	rule := diag.Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Rule: "drop", Handle: 7, Number: 3, Verdict: "drop", Matches: []string{"na", "echo-request"}}
	policy := rule
	policy.Rule, policy.Handle, policy.Number = "policy drop", 0, 0
	policy.Matches = []string{"na", "echo-reply"}
	with := func(f diag.Filter, tool diag.FilterTool) diag.Filter {
		f.Tool = tool
		f.Legacy = tool == diag.ToolLegacy
		return f
	}
	nft := with(rule, diag.ToolNFT)
	nft.Table, nft.Chain = "inet filter", "in"
	firewalld := with(rule, diag.ToolFirewalld)
	firewalld.Table, firewalld.Chain = "inet firewalld", "filter_IN_public_deny"
	for _, c := range []struct {
		filter diag.Filter
		want   []string
		kept   string
	}{
		{nft, []string{"sudo nft 'insert rule inet filter in icmpv6 type nd-neighbor-advert accept'", "sudo nft delete rule inet filter in handle 7"}, ""},
		{with(rule, diag.ToolIPTables), []string{"sudo ip6tables -I INPUT -p icmpv6 --icmpv6-type 136 -j ACCEPT", "sudo ip6tables -D INPUT 3"}, ""},
		{with(rule, diag.ToolLegacy), []string{"sudo ip6tables-legacy -I INPUT -p icmpv6 --icmpv6-type 136 -j ACCEPT", "sudo ip6tables-legacy -D INPUT 7"}, ""},
		{with(policy, diag.ToolNFT), []string{"sudo nft 'insert rule ip6 filter INPUT icmpv6 type { echo-reply, nd-neighbor-advert } accept'"}, ""},
		{
			with(rule, diag.ToolUFW),
			[]string{"sudo ip6tables -I ufw6-before-input -p icmpv6 --icmpv6-type 136 -j ACCEPT"},
			"sudo sed -i -e '/^COMMIT/i -I ufw6-before-input -p icmpv6 --icmpv6-type 136 -j ACCEPT' /etc/ufw/before6.rules; sudo ufw reload",
		},
		{
			firewalld,
			[]string{`sudo firewall-cmd --zone="$(firewall-cmd --get-zone-of-interface=eth0)" --remove-icmp-block=neighbour-advertisement`},
			`sudo firewall-cmd --permanent --zone="$(firewall-cmd --get-zone-of-interface=eth0)" --remove-icmp-block=neighbour-advertisement`,
		},
	} {
		t.Run(string(c.filter.Tool)+" "+c.filter.Rule, func(t *testing.T) {
			h := &hypothesis{
				iface: "eth0", cause: &firewall, subject: Subject{"rule", ruleName(c.filter)},
				facts: []diag.Event{{Seq: 1, Body: c.filter}},
			}
			v := newView(diagtest.VPC().State())
			list, look := v.advise(h, v.args(h))
			var got []string
			for _, a := range list {
				got = append(got, a.Do...)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if kept := strings.Join(list[0].Persistent, "; "); kept != c.kept || (kept == "") != (list[0].Lasts != "") {
				t.Errorf("kept by %q, %q", kept, list[0].Lasts)
			}
			if len(look) != 1 {
				t.Errorf("shows %q", look)
			}
		})
	}
}
