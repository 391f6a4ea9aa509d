package diag

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ndwhy/diag/words"
)

// Describe says in one line what an event tells: "NS fe80::1 > ff02::1:ff00:2: who has fe80::2?".
// The line has no control characters, whatever the event holds.
func Describe(e Event) string {
	if e.Body == nil {
		return ""
	}
	return words.Clean(describe(e.Body))
}

func describe(body Body) string {
	switch b := body.(type) {
	case Run:
		return words.Say("event.run", "version", b.Version, "interfaces", strings.Join(b.Interfaces, " "))
	case Tick:
		return words.Say("event.tick")
	case Feed:
		return words.Say("event.feed", "name", b.Name, "state", b.State, "why", colon(b.Why))
	case Link:
		return describeLink(b)
	case Groups:
		return describeGroups(b)
	case Address:
		return describeAddress(b)
	case Route:
		key := "event.route"
		if b.Gone {
			key = "event.route-gone"
		}
		return words.Say(key, "route", DescribeRoute(b, b.ExpiresS))
	case PolicyRule:
		key := "event.rule"
		if b.Gone {
			key = "event.rule-gone"
		}
		return words.Say(key, "rule", describeRule(b))
	case Neighbour:
		return describeNeighbour(b)
	case Sysctl:
		return words.Say("event.sysctl", "name", SysctlName(b.Scope, b.Name), "value", b.Value)
	case Manager:
		return words.Say("event.manager", "interface", b.Interface, "name", b.Name)
	case Access:
		return describeAccess(b)
	case Selection:
		return describeSelection(b)
	case Filter:
		what := b.Matches
		for _, frame := range b.Invalid {
			what = append(slices.Clip(what), words.Say("event.filter.invalid", "frame", frame))
		}
		return words.Say("event.filter", "table", b.Table, "chain", b.Chain, "hook", b.Hook, "rule", b.Rule,
			"matches", strings.Join(what, ", "))
	case Hook:
		return describeHook(b)
	case Flows:
		return describeFlows(b)
	case TableUse:
		said := words.Say("event.table-use", "entries", b.Entries, "limit", OrUnknown(b.Thresh3), "fulls", b.TableFulls)
		if b.TrackedMost > 0 {
			said += words.Say("event.table-use.tracked", "entries", b.Tracked, "limit", b.TrackedMost)
		}
		return said
	case Resolvers:
		list := make([]string, len(b.Addresses))
		for i, a := range b.Addresses {
			list[i] = a.String()
		}
		return words.Say("event.resolvers", "file", b.File, "list", cmp.Or(strings.Join(list, ", "), words.Say("event.access.none")))
	case Machine:
		return words.Say("event.machine", "vendor", b.SysVendor, "product", b.Product)
	case Metadata:
		return words.Say("event.metadata", "state", b.State, "interfaces", len(b.Interfaces), "why", colon(b.Why))
	case Lease:
		return words.Say("event.lease", "interface", b.Interface, "file", b.File, "addresses", leaseText(b.Addresses))
	case Frame:
		return describeFrame(b)
	case Drop:
		return describeDrop(b)
	case Far:
		return describeFar(b)
	case Flood:
		return words.Say("event.flood", "type", b.Type, "n", b.Packets, "over", b.OverS, "interface", b.Interface, "senders", b.Senders, "mac", b.MAC)
	case Socket:
		return describeSocket(b)
	case Check:
		return words.Say("event.check", "id", b.ID, "state", b.State, "why", colon(SkippedWhy(b)))
	case Path:
		return DescribePath(b)
	case Change:
		key := "event.change"
		if b.Undone {
			key = "event.change-undone"
		}
		return words.Say(key, "what", b.What)
	default:
		return body.Kind()
	}
}

func colon(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// OrUnknown is a number that is not known while it is 0.
func OrUnknown(n int) string {
	if n == 0 {
		return words.Say("word.unknown")
	}
	return fmt.Sprint(n)
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return words.Say("word.unknown")
	}
	return a.String()
}

func describeLink(l Link) string {
	mac := l.MAC.String()
	if l.MAC == (MAC{}) {
		mac = words.Say("event.no-mac")
	}
	switch {
	case l.Gone:
		return words.Say("event.link-gone", "interface", l.Interface)
	case !l.Up:
		return words.Say("event.link-down", "interface", l.Interface, "mac", mac)
	case !l.Carrier:
		return words.Say("event.link-no-carrier", "interface", l.Interface, "mac", mac)
	default:
		return words.Say("event.link-up", "interface", l.Interface, "mac", mac, "mtu", l.MTU)
	}
}

func describeGroups(g Groups) string {
	var names []string
	for _, a := range g.Joined {
		names = append(names, a.String())
	}
	return words.Say("event.groups", "interface", g.Interface, "n", len(g.Device), "list", strings.Join(names, " "))
}

func describeAddress(a Address) string {
	key := "event.address"
	switch {
	case a.Flags&DADFailed != 0:
		key = "event.address-duplicate"
	case a.Gone:
		key = "event.address-gone"
	}
	flags := ""
	if names := a.Flags.Names(); len(names) > 0 {
		flags = " " + strings.Join(names, " ")
	}
	return words.Say(key, "interface", a.Interface, "address", a.Address, "len", a.PrefixLen,
		"flags", flags, "preferred", Seconds(a.PreferredS), "valid", Seconds(a.ValidS))
}

// Seconds is a lifetime in words.
func Seconds(s int64) string {
	if s == Forever {
		return words.Say("word.forever")
	}
	return fmt.Sprintf("%d s", s)
}

// DescribeRoute writes a route as `ip -6 route` does; expires is the lifetime left.
func DescribeRoute(r Route, expires int64) string {
	var b strings.Builder
	if r.Type != "" && r.Type != "unicast" {
		b.WriteString(r.Type + " ")
	}
	if r.Dst.Bits() == 0 {
		b.WriteString("default")
	} else {
		b.WriteString(r.Dst.String())
	}
	if r.From.IsValid() {
		b.WriteString(" from " + r.From.String())
	}
	if r.Via.IsValid() {
		b.WriteString(" via " + r.Via.String())
	}
	b.WriteString(" dev " + r.Interface)
	if r.Table != MainTable && r.Table != 0 {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	if r.Protocol != "" {
		b.WriteString(" proto " + r.Protocol)
	}
	if r.PrefSrc.IsValid() {
		b.WriteString(" src " + r.PrefSrc.String())
	}
	fmt.Fprintf(&b, " metric %d", r.Metric)
	if expires != Forever {
		fmt.Fprintf(&b, " expires %dsec", expires)
	}
	return b.String()
}

// describeRule writes a policy rule as `ip -6 rule` does.
func describeRule(r PolicyRule) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", r.Priority)
	if r.Invert {
		b.WriteString(" not")
	}
	if r.Src.IsValid() && r.Src.Bits() > 0 {
		b.WriteString(" from " + r.Src.String())
	} else {
		b.WriteString(" from all")
	}
	if r.Dst.IsValid() && r.Dst.Bits() > 0 {
		b.WriteString(" to " + r.Dst.String())
	}
	if r.Mark != 0 {
		fmt.Fprintf(&b, " fwmark %#x", r.Mark)
		if r.MarkMask != 0 {
			fmt.Fprintf(&b, "/%#x", r.MarkMask)
		}
	}
	if r.Interface != "" {
		b.WriteString(" iif " + r.Interface)
	}
	if r.Out != "" {
		b.WriteString(" oif " + r.Out)
	}
	if r.UIDs != "" {
		b.WriteString(" uidrange " + r.UIDs)
	}
	if r.Also != "" {
		b.WriteString(" " + r.Also)
	}
	switch {
	case r.L3MDev:
		b.WriteString(" lookup [l3mdev-table]")
	case r.Action == "" || r.Action == "to_table":
		fmt.Fprintf(&b, " lookup %d", r.Table)
	case r.Goto != 0:
		fmt.Fprintf(&b, " goto %d", r.Goto)
	default:
		b.WriteString(" " + r.Action)
	}
	if r.SuppressBelow > 0 {
		fmt.Fprintf(&b, " suppress_prefixlength %d", r.SuppressBelow-1)
	}
	return b.String()
}

func describeNeighbour(n Neighbour) string {
	switch {
	case n.Proxy && n.Gone:
		return words.Say("event.proxy-gone", "interface", n.Interface, "address", n.Address)
	case n.Proxy:
		return words.Say("event.proxy", "interface", n.Interface, "address", n.Address)
	case n.Gone:
		return words.Say("event.neighbour-gone", "interface", n.Interface, "address", n.Address)
	case n.MAC == (MAC{}):
		return words.Say("event.neighbour-unresolved", "interface", n.Interface, "address", n.Address, "state", NudName(n.State))
	case n.Router:
		return words.Say("event.neighbour-router", "interface", n.Interface, "address", n.Address, "mac", n.MAC, "state", n.State)
	default:
		return words.Say("event.neighbour", "interface", n.Interface, "address", n.Address, "mac", n.MAC, "state", n.State)
	}
}

// SysctlName is a setting's name as sysctl(8) has it: a dot in an interface's name is a slash there.
func SysctlName(scope, name string) string {
	if scope == "" {
		return "net.ipv6." + name
	}
	return "net.ipv6.conf." + strings.ReplaceAll(scope, ".", "/") + "." + name
}

func describeAccess(a Access) string {
	list := func(names []string) string { return cmp.Or(words.List(names), words.Say("event.access.none")) }
	var ssh []string
	for _, addr := range a.SSH {
		ssh = append(ssh, addr.String())
	}
	return words.Say("event.access", "ssh", list(append(ssh, a.SSH4...)), "default4", list(a.Default4))
}

func describeSelection(s Selection) string {
	if s.Errno != "" {
		return words.Say("event.selection-refused", "target", s.Dst, "from", fromText(s.From), "errno", s.Errno)
	}
	return words.Say("event.selection", "target", s.Dst, "from", fromText(s.From), "source", addrText(s.Source),
		"interface", s.Interface, "via", viaText(s.Via), "table", tableText(s.Table))
}

// tableText names a table that is none of those which everybody has.
func tableText(table int) string {
	if table == 0 || table == MainTable || table == LocalTable {
		return ""
	}
	return " of table " + strconv.Itoa(table)
}

func describeHook(h Hook) string {
	key := "event.hook"
	if h.Gone {
		key = "event.hook-gone"
	}
	on := ""
	if h.Interface != "" {
		on = " on " + h.Interface
	}
	return words.Say(key, "name", h.Name, "on", on, "what", colon(h.What))
}

// flowsNamed bounds the connections that a line names.
const flowsNamed = 3

func describeFlows(f Flows) string {
	count := fmt.Sprint(f.Count)
	if f.Partial {
		count += "+"
	}
	var names []string
	for _, c := range f.List {
		if len(names) == flowsNamed {
			names = append(names, "…")
			break
		}
		key := "event.flow"
		switch {
		case c.Stuck():
			key = "event.flow-stuck"
		case c.Inbound:
			key = "event.flow-inbound"
		}
		names = append(names, words.Say(key, "local", c.Local, "remote", c.Remote, "state", c.State,
			"age", fmt.Sprintf("%.1f", c.AckedS), "n", c.Retransmits))
	}
	key := "event.flows"
	if count == "1" {
		key = "event.flows-one"
	}
	return words.Say(key, "count", count, "list", colon(strings.Join(names, ", ")))
}

func fromText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return " from " + a.String()
}

func viaText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return " via " + a.String()
}

func leaseText(list []LeaseAddress) string {
	var parts []string
	for _, a := range list {
		parts = append(parts, a.Prefix.String())
	}
	return strings.Join(parts, " ")
}

// frameNames are the names of frame types as RFC 4861, RFC 4443 and tcpdump shorten them.
var frameNames = map[FrameType]string{
	RS: "RS", RA: "RA", NS: "NS", NA: "NA", RedirectFrame: "redirect",
	EchoRequest: "echo request", EchoReply: "echo reply", Unreachable: "destination unreachable",
	PacketTooBig: "packet too big", TimeExceeded: "time exceeded", ParameterProblem: "parameter problem",
	MLD: "MLD", DHCPv6Frame: "DHCPv6", TCPSyn: "TCP SYN", TCPSynAck: "TCP SYN-ACK", TCPFin: "TCP FIN", TCPRst: "TCP RST", UDPFrame: "UDP",
}

func describeFrame(f Frame) string {
	name := frameNames[f.Type]
	if name == "" {
		name = string(f.Type)
	}
	line := fmt.Sprintf("%s %s > %s", name, f.Src, f.Dst) + frameDetail(f)
	if f.Bad != "" {
		line += " " + words.Say("event.frame-bad", "why", f.Bad)
	}
	return line
}

// describeDrop names the packet as the one who asks thinks of it: a reply that came, a request that was to
// leave.
func describeDrop(d Drop) string {
	key := "event.drop-in"
	switch {
	case !d.Telling() && d.Frame.Out:
		key = "event.drop-given-up"
	case !d.Telling():
		key = "event.drop-normal"
	case d.Frame.Out:
		key = "event.drop-out"
	}
	reason := d.Reason
	if d.Function != "" {
		reason = words.Say("event.drop-place", "reason", d.Reason, "function", d.Function)
	}
	return words.Say(key, "interface", d.Frame.Interface, "reason", reason, "frame", describeFrame(d.Frame))
}

func frameDetail(f Frame) string {
	switch {
	case f.Type == NS:
		return ": " + words.Say("event.ns", "target", addrText(f.Target))
	case f.Type == NA:
		return ": " + words.Say("event.na", "target", addrText(f.Target), "mac", naMAC(f), "flags", naFlags(f))
	case f.Type == EchoRequest || f.Type == EchoReply:
		return fmt.Sprintf(": id %d seq %d, %d bytes", f.EchoID, f.EchoSeq, f.Size)
	case f.Type.HasPorts():
		return fmt.Sprintf(": %d > %d", f.SrcPort, f.DstPort)
	case f.Type == MLD && f.MLD != nil:
		return ": " + describeMLD(*f.MLD)
	case f.Type == RA && f.RA != nil:
		return ": " + describeRA(*f.RA)
	case f.Type == DHCPv6Frame && f.DHCPv6 != nil:
		d := f.DHCPv6.Message
		if a := leaseText(f.DHCPv6.Addresses); a != "" {
			d += " " + a
		}
		if f.DHCPv6.Status != "" {
			d += " " + f.DHCPv6.Status
		}
		return ": " + d
	case f.Type == PacketTooBig:
		return ": " + words.Say("event.too-big", "mtu", f.MTU) + quoted(f.Quoted)
	case f.Type.IsError():
		return ": " + words.Say(errorKey(f.Type, f.Code), "code", f.Code) + quoted(f.Quoted)
	case f.Type == RedirectFrame:
		return ": " + words.Say("event.redirect", "target", addrText(f.Target))
	default:
		return ""
	}
}

func describeMLD(m MLDMessage) string {
	parts := []string{m.Message}
	for _, g := range m.Groups {
		parts = append(parts, g.String())
	}
	for _, g := range m.Left {
		parts = append(parts, "-"+g.String())
	}
	return strings.Join(parts, " ")
}

func naMAC(f Frame) MAC {
	if f.LLAddr != (MAC{}) {
		return f.LLAddr
	}
	return f.SrcMAC
}

func naFlags(f Frame) string {
	var flags []string
	if f.Router {
		flags = append(flags, "router")
	}
	if f.Solicited {
		flags = append(flags, "solicited")
	}
	if f.Override {
		flags = append(flags, "override")
	}
	if len(flags) == 0 {
		return ""
	}
	return " (" + strings.Join(flags, ", ") + ")"
}

func quoted(q *Quoted) string {
	if q == nil {
		return ""
	}
	return ", " + words.Say("event.quoted", "source", addrText(q.Src), "target", addrText(q.Dst))
}

// errorKey is the catalogue key of an ICMPv6 error (RFC 4443 §3).
func errorKey(t FrameType, code int) string {
	if key := fmt.Sprintf("icmp.%s.%d", t, code); words.Has(key) {
		return key
	}
	return "icmp." + string(t)
}

func describeRA(a Advertisement) string {
	var parts []string
	flags := ""
	if a.Managed {
		flags += "M"
	}
	if a.Other {
		flags += "O"
	}
	if flags != "" {
		parts = append(parts, flags)
	}
	parts = append(parts, words.Say("event.ra-lifetime", "lifetime", Seconds(a.LifetimeS)))
	for _, p := range a.Prefixes {
		f := ""
		if p.OnLink {
			f += "L"
		}
		if p.Autonomous {
			f += "A"
		}
		parts = append(parts, strings.TrimSpace(p.Prefix.String()+" "+f))
	}
	for _, r := range a.Routes {
		parts = append(parts, words.Say("offer.route", "prefix", r.Prefix))
	}
	if a.MTU != 0 {
		parts = append(parts, fmt.Sprintf("MTU %d", a.MTU))
	}
	for _, r := range a.RDNSS {
		parts = append(parts, "RDNSS "+r.String())
	}
	return strings.Join(parts, ", ")
}

func describeSocket(k Socket) string {
	if k.Service != "" {
		return describeRequest(k)
	}
	switch k.Event {
	case SocketReply:
		return words.Say("event.socket-reply", "target", k.Target, "from", addrText(k.From), "seq", k.EchoSeq)
	case SocketError:
		return words.Say("event.socket-error", "target", k.Target, "why", whyFailed(k), "seq", k.EchoSeq)
	default:
		return words.Say("event.socket-sent", "source", addrText(k.Source), "target", k.Target, "seq", k.EchoSeq)
	}
}

// whyFailed names a socket's error, and the ICMPv6 error behind it.
func whyFailed(k Socket) string {
	if k.Type == "" {
		return k.Errno
	}
	return strings.TrimSpace(words.Say(errorKey(k.Type, k.Code), "code", k.Code) + " " + k.Errno)
}

// describeRequest says what happened to a request to a service.
func describeRequest(k Socket) string {
	service := k.Service
	if key := "service." + service; words.Has(key) {
		service = words.Say(key)
	}
	if k.Port != 0 {
		service += " " + strconv.Itoa(k.Port)
	}
	switch k.Event {
	case SocketReply:
		return words.Say("event.service-reply", "service", service, "target", k.Target, "answer", k.Answer)
	case SocketError:
		return words.Say("event.service-error", "service", service, "target", k.Target, "why", whyFailed(k))
	default:
		return words.Say("event.service-sent", "service", service, "source", addrText(k.Source), "target", k.Target)
	}
}

// DescribePath says in one line what was asked and what came of it.
func DescribePath(p Path) string {
	line := words.Say("event.path", "check", p.Check, "asks", words.Say("asks."+string(p.Asks)),
		"source", addrText(p.Source), "target", addrText(p.Target), "via", words.Say("via."+string(p.Via)),
		"outcome", words.Say("outcome."+string(p.Outcome)))
	if p.Detail != "" {
		line += ": " + words.Say("detail."+p.Detail, "note", p.Note)
	}
	return line
}

// Concerns reports whether an event is about an address: it is a source, a target, a neighbour, or
// named in what the event carries. The solicited-node group of an address belongs to it.
func Concerns(e Event, addr netip.Addr) bool {
	addr = addr.WithZone("")
	group := SolicitedNode(addr)
	is := func(list ...netip.Addr) bool {
		for _, a := range list {
			if a.IsValid() && (a.WithZone("") == addr || a == group) {
				return true
			}
		}
		return false
	}
	in := func(list []LeaseAddress) bool {
		for _, a := range list {
			if a.Prefix.Contains(addr) {
				return true
			}
		}
		return false
	}
	body := e.Body
	if f, ok := body.(Far); ok && f.Event != nil {
		body = f.Event.Body
	}
	if d, ok := body.(Drop); ok {
		body = d.Frame
	}
	switch b := body.(type) {
	case Address:
		return is(b.Address)
	case Route:
		return is(b.Via, b.PrefSrc) || b.Dst.IsSingleIP() && is(b.Dst.Addr())
	case Neighbour:
		return is(b.Address)
	case Selection:
		return is(b.Dst, b.From, b.Source, b.Via)
	case Lease:
		return in(b.Addresses)
	case Flows:
		return slices.ContainsFunc(b.List, func(f Flow) bool { return is(f.Local.Addr(), f.Remote.Addr()) })
	case Frame:
		if b.Quoted != nil && is(b.Quoted.Src, b.Quoted.Dst) || b.DHCPv6 != nil && in(b.DHCPv6.Addresses) {
			return true
		}
		return is(b.Src, b.Dst, b.Target)
	case Socket:
		return is(b.Source, b.Target, b.From)
	case Path:
		return is(b.Source, b.Target)
	default:
		return false
	}
}

// DescribeError is an ICMPv6 error in words.
func DescribeError(e PathError) string {
	return words.Say(errorKey(e.Type, e.Code), "code", e.Code)
}

// SkippedWhy is the reason of a skipped check as a sentence: Why is a key of the group "detail",
// or a sentence already.
func SkippedWhy(c Check) string {
	if words.Has("detail." + c.Why) {
		return words.Say("detail."+c.Why, "note", "")
	}
	return words.Clean(c.Why)
}

// NudName gives the state without a name, which the kernel calls NUD_NONE, one.
func NudName(n NUD) NUD {
	if n == "" {
		return "NONE"
	}
	return n
}
