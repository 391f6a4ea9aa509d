package why

import (
	"fmt"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// An icmpv6Name is what the front ends of the packet filter call a frame: nft and firewalld by name, ip6tables
// by number.
type icmpv6Name struct {
	frame     diag.FrameType
	nft       []string
	numbers   []int
	firewalld []string
}

var icmpv6Names = []icmpv6Name{
	{diag.Unreachable, []string{"destination-unreachable"}, []int{1}, []string{"destination-unreachable"}},
	{diag.PacketTooBig, []string{"packet-too-big"}, []int{2}, []string{"packet-too-big"}},
	{diag.TimeExceeded, []string{"time-exceeded"}, []int{3}, []string{"time-exceeded"}},
	{diag.ParameterProblem, []string{"parameter-problem"}, []int{4}, []string{"parameter-problem"}},
	{diag.EchoRequest, []string{"echo-request"}, []int{128}, []string{"echo-request"}},
	{diag.EchoReply, []string{"echo-reply"}, []int{129}, []string{"echo-reply"}},
	{diag.RS, []string{"nd-router-solicit"}, []int{133}, []string{"router-solicitation"}},
	{diag.RA, []string{"nd-router-advert"}, []int{134}, []string{"router-advertisement"}},
	{diag.NS, []string{"nd-neighbor-solicit"}, []int{135}, []string{"neighbour-solicitation"}},
	{diag.NA, []string{"nd-neighbor-advert"}, []int{136}, []string{"neighbour-advertisement"}},
	{
		diag.MLD,
		[]string{"mld-listener-query", "mld-listener-report", "mld-listener-done", "mld2-listener-report"},
		[]int{130, 131, 132, 143},
		[]string{"mld-listener-query", "mld-listener-report", "mld-listener-done", "mld2-listener-report"},
	},
}

// blocked are the frames that a rule stops and that are to pass, and whether DHCPv6's are. Who may begin to ask
// this host is its owner's to say: echo requests that come in are not among them.
func blocked(v *view, h *hypothesis, f diag.Filter) (list []icmpv6Name, dhcpv6 bool) {
	iv := v.on(h.iface)
	never := []diag.FrameType{diag.EchoRequest, diag.RS}
	if !f.Inbound() {
		never = []diag.FrameType{diag.EchoReply, diag.RA}
	}
	if h.as == "invalid" {
		f.Matches = f.Invalid
	}
	for _, n := range icmpv6Names {
		if f.Stops(n.frame) && !slices.Contains(never, n.frame) {
			list = append(list, n)
		}
	}
	return list, f.Stops(diag.DHCPv6Frame) && iv.livesByDHCPv6()
}

// toolOf is what a rule belongs to; an older recording does not say.
func toolOf(f diag.Filter) diag.FilterTool {
	switch {
	case f.Tool != "":
		return f.Tool
	case f.Legacy:
		return diag.ToolLegacy
	default:
		return diag.ToolNFT
	}
}

// letThrough lets what a rule stops pass before it, by what the rule belongs to.
func letThrough(v *view, h *hypothesis) []string {
	f, ok := factOf[diag.Filter](h)
	if !ok || !ruleNamed(v, h) || f.Handle != 0 && (h.as == "invalid" || h.as == "some") { // there it is not the kind of packet that is wrong
		return nil
	}
	if h.as == "some" {
		f.Matches = f.Partly
	}
	names, dhcpv6 := blocked(v, h, f)
	ports := portsBlocked(v, h, f)
	var commands []string
	switch tool := toolOf(f); tool {
	case diag.ToolIPsec:
	case diag.ToolFirewalld:
		commands = firewalldLets(names, dhcpv6, f)
	case diag.ToolUFW, diag.ToolIPTables, diag.ToolLegacy:
		for _, spec := range ip6tablesSpecs(names, dhcpv6, ports, f) {
			commands = append(commands, fmt.Sprintf("%s -I %s %s", ip6tables(f), passChain(f), spec))
		}
	default:
		commands = nftLets(names, dhcpv6, ports, f)
	}
	return commands
}

// portsBlocked are the protocols of what applications asked and a rule stops. On the way out only a policy is passed so:
// a rule that refuses what this host begins is somebody's word, and to delete it is the other way.
func portsBlocked(v *view, h *hypothesis, f diag.Filter) (list []string) {
	has := map[string]bool{}
	for _, y := range h.symptoms {
		switch p := v.symptoms[y].path; {
		case p == nil:
		case p.Asks == diag.AsksTCP:
			has["tcp"] = true
		case p.Asks == diag.AsksService: // names and time by UDP, metadata by TCP
			has["tcp"], has["udp"] = true, true
		}
	}
	if !f.Inbound() && f.Handle != 0 {
		return nil
	}
	return diag.SortedKeys(has)
}

func nftLets(names []icmpv6Name, dhcpv6 bool, ports []string, f diag.Filter) (commands []string) {
	insert := func(what string) {
		commands = append(commands, "nft "+quote("insert rule "+f.Table+" "+f.Chain+" "+what+" accept"))
	}
	var types []string
	for _, n := range names {
		types = append(types, n.nft...)
	}
	switch len(types) {
	case 0:
	case 1:
		insert("icmpv6 type " + types[0])
	default:
		insert("icmpv6 type { " + strings.Join(types, ", ") + " }")
	}
	if dhcpv6 && f.Inbound() {
		insert("udp sport 547 udp dport 546")
	} else if dhcpv6 {
		insert("udp sport 546 udp dport 547")
	}
	switch {
	case len(ports) == 0:
	case f.Inbound():
		insert("ct state established,related")
	case len(ports) == 1:
		insert("meta l4proto " + ports[0])
	default:
		insert("meta l4proto { " + strings.Join(ports, ", ") + " }")
	}
	return commands
}

// ip6tables is the program that has a rule's table.
func ip6tables(f diag.Filter) string {
	program := "ip6tables"
	if f.Legacy {
		program = "ip6tables-legacy"
	}
	if _, table, _ := strings.Cut(f.Table, " "); table != "filter" {
		program += " -t " + quote(table)
	}
	return program
}

// passChain is the chain that what is to pass stands in: ufw's own, which it reads again from its file.
func passChain(f diag.Filter) string {
	switch {
	case toolOf(f) != diag.ToolUFW:
		return quote(f.Chain)
	case f.Inbound():
		return "ufw6-before-input"
	default:
		return "ufw6-before-output"
	}
}

// ip6tablesSpecs are the rules that let frames pass.
func ip6tablesSpecs(names []icmpv6Name, dhcpv6 bool, ports []string, f diag.Filter) (list []string) {
	for _, n := range names {
		for _, number := range n.numbers {
			list = append(list, fmt.Sprintf("-p icmpv6 --icmpv6-type %d -j ACCEPT", number))
		}
	}
	if dhcpv6 && f.Inbound() {
		list = append(list, "-p udp --sport 547 --dport 546 -j ACCEPT")
	} else if dhcpv6 {
		list = append(list, "-p udp --sport 546 --dport 547 -j ACCEPT")
	}
	if len(ports) > 0 && f.Inbound() {
		return append(list, "-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
	}
	for _, protocol := range ports {
		list = append(list, "-p "+protocol+" -j ACCEPT")
	}
	return list
}

const zone = `--zone="$(firewall-cmd --get-zone-of-interface={interface})"`

// firewalldLets changes the zone of the interface. What leaves is no zone's.
func firewalldLets(names []icmpv6Name, dhcpv6 bool, f diag.Filter) (commands []string) {
	if !f.Inbound() {
		return nil
	}
	for _, n := range names {
		for _, name := range n.firewalld {
			if strings.HasSuffix(f.Chain, "_deny") {
				commands = append(commands, "firewall-cmd "+zone+" --remove-icmp-block="+name)
			} else {
				commands = append(commands, "firewall-cmd "+zone+` --add-rich-rule='rule family="ipv6" icmp-type name="`+name+`" accept'`)
			}
		}
	}
	if dhcpv6 {
		commands = append(commands, "firewall-cmd "+zone+" --add-service=dhcpv6-client")
	}
	return commands
}

// ruleDeleted takes a rule away, by what it belongs to; a policy is none, and firewalld and ufw would put theirs
// back.
func ruleDeleted(v *view, h *hypothesis) []string {
	f, ok := factOf[diag.Filter](h)
	if !ok || f.Handle == 0 {
		return nil
	}
	switch toolOf(f) {
	case diag.ToolNFT:
		return []string{fmt.Sprintf("nft delete rule %s %s handle %d", quoteWords(f.Table), quote(f.Chain), f.Handle)}
	case diag.ToolIPTables:
		return []string{fmt.Sprintf("%s -D %s %d", ip6tables(f), quote(f.Chain), f.Number)}
	case diag.ToolLegacy:
		return []string{fmt.Sprintf("%s -D %s %d", ip6tables(f), quote(f.Chain), f.Handle)}
	case diag.ToolIPsec:
		if waits(v, h) {
			return nil
		}
		return []string{fmt.Sprintf("ip xfrm policy delete index %d dir %s", f.Handle, strings.TrimPrefix(f.Chain, "policy "))}
	default:
		return nil
	}
}

func quoteWords(s string) string {
	list := strings.Fields(s)
	for i, w := range list {
		list[i] = quote(w)
	}
	return strings.Join(list, " ")
}

func listRule(_ *view, h *hypothesis) []string {
	f, ok := factOf[diag.Filter](h)
	switch {
	case !ok:
		return nil
	case toolOf(f) == diag.ToolIPsec:
		return []string{"ip xfrm policy", "ip xfrm state count"}
	case f.Legacy, toolOf(f) == diag.ToolIPTables, toolOf(f) == diag.ToolUFW:
		return []string{ip6tables(f) + " -S " + quote(f.Chain)}
	default:
		return []string{"nft -a list chain " + quoteWords(f.Table) + " " + quote(f.Chain)}
	}
}

// keptFilter says how a change of the packet filter is kept.
func keptFilter(h *hypothesis, commands []string) (list []string, lasts string) {
	f, _ := factOf[diag.Filter](h)
	switch toolOf(f) {
	case diag.ToolUFW:
		var edits []string
		for _, c := range commands {
			_, spec, _ := strings.Cut(c, " -I ")
			edits = append(edits, "-e "+quote("/^COMMIT/i -I "+spec))
		}
		return []string{"sudo sed -i " + strings.Join(edits, " ") + " /etc/ufw/before6.rules", "sudo ufw reload"}, ""
	case diag.ToolFirewalld:
		for _, c := range commands {
			list = append(list, strings.Replace(c, "sudo firewall-cmd ", "sudo firewall-cmd --permanent ", 1))
		}
		return list, ""
	case diag.ToolIPTables, diag.ToolLegacy:
		return []string{}, words.Say("remedy.lasts.ip6tables")
	case diag.ToolIPsec:
		return []string{}, words.Say("remedy.lasts.ipsec")
	default:
		return []string{}, words.Say("remedy.lasts.nft")
	}
}

// waits reports whether what stops packets is a policy of IPsec that no association was agreed on for.
func waits(_ *view, h *hypothesis) bool {
	f, ok := factOf[diag.Filter](h)
	return ok && toolOf(f) == diag.ToolIPsec && strings.Contains(f.Rule, " tmpl ")
}
