package why

import (
	"fmt"
	"net/netip"
	filepath "path"
	"regexp"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// A Remedy is one way to put a thing right: commands, one after another, with placeholders as in the
// catalogue. Those of a cause are alternatives to one another, the best first. One without commands says
// whom to ask. Commands that only show something (see looks) are no remedy, and told apart.
type Remedy struct {
	Do   []string
	Does string // the key in the catalogue, below remedy, of what it does; where there is no choice it may be empty
	AWS  bool   // only in a VPC
	Pod  bool   // in a container on an instance of a VPC as well
	// If says when it helps; nil: always.
	If func(*view, *hypothesis) bool
	// Make returns the commands where they depend on more than a value; Do is then for those who only read. Nil
	// commands: it does not help.
	Make func(*view, *hypothesis) []string
	Keep *keep // nil: there is nothing to keep
}

// keep is what makes a change last beyond a reboot, in the terms of whoever configures the interface.
type keep struct {
	sysctl   string // of the kernel, where nobody else does the thing: "{conf}.accept_ra=2"
	networkd string // of systemd.network(5): "[Network] IPv6AcceptRA=yes"
	netplan  string // below the interface: "accept-ra=true"
	nm       string // of nmcli connection modify: "ipv6.method auto"
	up       bool   // the commands themselves, each time that the interface comes up
	filter   bool   // where the packet filter's rules come from
	amend    bool   // where a configuration may have it otherwise
	undo     bool   // it takes away what a configuration may bring back
}

// Advice is a remedy filled in for this host. Any one of several will do.
type Advice struct {
	Does string   `json:"does"` // what it does, or whom to ask and what to tell: a sentence, or empty
	Do   []string `json:"do"`   // commands, in order; printed and never run
	// Persistent are commands that keep it beyond a reboot, Lasts a sentence about that where none do.
	Persistent []string `json:"persistent"`
	Lasts      string   `json:"lasts"`
	Caution    string   `json:"caution"` // what it may cut off: sentences, to be read first
	Fill       []string `json:"fill"`    // how to fill what stands in angle brackets
}

// always is a way that helps wherever the cause holds.
func always(commands ...string) []Remedy { return []Remedy{{Do: commands}} }

// onAWS is one that helps in a VPC.
func onAWS(commands ...string) []Remedy { return []Remedy{{Do: commands, AWS: true}} }

// way is always with what it does.
func way(does string, commands ...string) Remedy {
	r := always(commands...)[0]
	r.Does = does
	return r
}

// inVPC is onAWS with what it does.
func inVPC(does string, commands ...string) Remedy {
	r := onAWS(commands...)[0]
	r.Does = does
	return r
}

// ask says whom to ask, where nothing on this host helps.
func ask(does string) Remedy { return Remedy{Does: does} }

func (r Remedy) kept(k keep) Remedy {
	r.Keep = &k
	return r
}

// when has it help only where ok holds.
func (r Remedy) when(ok func(*view, *hypothesis) bool) Remedy {
	was := r.If
	r.If = func(v *view, h *hypothesis) bool { return (was == nil || was(v, h)) && ok(v, h) }
	return r
}

// unlike holds of the hypotheses of a cause that are not told as one of the names.
func unlike(names ...string) func(*view, *hypothesis) bool {
	return func(_ *view, h *hypothesis) bool { return !slices.Contains(names, h.as) }
}

// as holds of the hypotheses of a cause that are told as one of the names.
func as(names ...string) func(*view, *hypothesis) bool {
	return func(_ *view, h *hypothesis) bool { return slices.Contains(names, h.as) }
}

// otherwise holds where another condition does not.
func otherwise(ok func(*view, *hypothesis) bool) func(*view, *hypothesis) bool {
	return func(v *view, h *hypothesis) bool { return !ok(v, h) }
}

// notAWS holds where there is no VPC to ask.
func notAWS(v *view, _ *hypothesis) bool { return !v.profile.AWS }

// factOf returns the first fact of a kind that a hypothesis rests on.
func factOf[T diag.Body](h *hypothesis) (body T, ok bool) {
	for _, e := range h.facts {
		if body, ok = e.Body.(T); ok {
			return body, true
		}
	}
	return body, false
}

// advise returns the remedies that help here, filled in, and the commands that show more. None deletes the only
// way out, and none cuts off who reads it without a word.
func (v *view) advise(h *hypothesis, args []any) (list []Advice, look []string) {
	if v.s.Overheard != nil {
		return nil, nil // whose host would it be for
	}
	said := args
	args = v.shellArgs(h, args)
	for _, r := range h.cause.Remedy {
		if r.AWS && !v.profile.AWS && !r.Pod || r.If != nil && !r.If(v, h) {
			continue
		}
		commands := r.Do
		if r.Make != nil {
			if commands = r.Make(v, h); commands == nil {
				continue
			}
		}
		a := Advice{Do: []string{}, Persistent: []string{}, Fill: []string{}}
		for _, c := range commands {
			c = asRoot(words.Fill(confOf(c), args...))
			switch {
			case !looks(c):
				a.Do = append(a.Do, c)
			case !slices.Contains(look, c):
				look = append(look, c)
			}
		}
		if r.Does != "" {
			a.Does = words.Say("remedy."+r.Does, said...)
		}
		if len(a.Do) == 0 && a.Does == "" || v.cutsOff(a.Do) {
			continue
		}
		if r.Keep != nil {
			a.Persistent, a.Lasts = v.persistent(r.Keep, h, a.Do, args)
		}
		a.Caution = v.caution(a.Do)
		a.Fill = fills(slices.Concat(a.Do, a.Persistent))
		list = append(list, a)
	}
	return list, look
}

// confOf writes the settings of an interface in the form that takes its dots for dots: see confKey.
func confOf(command string) string {
	return strings.ReplaceAll(command, "net.ipv6.conf.{interface}.", "{conf}.")
}

// shellArgs are the values of a remedy as a shell takes them, and those that only commands have.
func (v *view) shellArgs(h *hypothesis, args []any) []any {
	list := append(slices.Clone(args), "conf", confKey(h.iface))
	for i := 1; i < len(list); i += 2 {
		list[i] = quote(fmt.Sprint(list[i]))
	}
	return list
}

var unquoted = regexp.MustCompile(`^(<[a-z0-9-]+>|[A-Za-z0-9@%+=:,./_-]+)$`)

// quote writes a word for a shell.
func quote(word string) string {
	if word = words.Clean(word); unquoted.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// confKey is where the settings of an interface are for sysctl(8): between dots a slash stands for a dot.
func confKey(iface string) string { return strings.TrimSuffix(diag.SysctlName(iface, ""), ".") }

var (
	looking = regexp.MustCompile(`^(sudo )?(aws \S+ (describe|get)-|(ip|tc|bpftool|nmcli|networkctl)( .*)? (show|get|status|list)\b|nft (-a )?list\b|` +
		`ip6tables\S* -(S|L)\b|sysctl [^-]|ip xfrm (policy|state count)$|(rdisc6|ndisc6|tcpdump|ping|tracepath|traceroute|mtr|ethtool|curl|dig|ss|journalctl|resolvectl) )`)
	rooted = regexp.MustCompile(`^(ip|sysctl|nft|ip6tables\S*|tc|bpftool|networkctl|netplan|nmcli|dhclient|dhcpcd|ufw|firewall-cmd|` +
		`systemctl|sed|tee|mkdir|chmod|rdisc6|ndisc6|tcpdump|ifup|ifdown) `)
	rootless = regexp.MustCompile(`^((ip|nmcli|networkctl)( .*)? (show|get|status|list)\b|sysctl [^-])`)
)

// looks reports whether a command changes nothing, and only shows.
func looks(command string) bool {
	for c := range strings.SplitSeq(command, " && ") {
		if !looking.MatchString(c) {
			return false
		}
	}
	return true
}

// asRoot puts sudo before what needs it.
func asRoot(command string) string {
	parts := strings.Split(command, " && ")
	for i, c := range parts {
		if rooted.MatchString(c) && !rootless.MatchString(c) {
			parts[i] = "sudo " + c
		}
	}
	return strings.Join(parts, " && ")
}

var blank = regexp.MustCompile(`<([a-z0-9-]+)>`)

// fills says how to fill what stands in angle brackets.
func fills(commands []string) []string {
	list := []string{}
	for _, c := range commands {
		for _, m := range blank.FindAllStringSubmatch(c, -1) {
			if text := words.Say("remedy.fill." + m[1]); !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	return list
}

// kinds are netplan's names of kinds of links, by the kernel's.
var kinds = map[string]string{"": "ethernets", "vlan": "vlans", "bond": "bonds", "bridge": "bridges"}

// ourFile is the name of files that a remedy writes: a reader finds them, and none is somebody else's.
const ourFile = "90-ndwhy"

// persistent returns the commands that keep a change, or a sentence where none do.
func (v *view) persistent(k *keep, h *hypothesis, commands []string, args []any) (list []string, lasts string) {
	m := v.s.Managers[h.iface]
	iface := quote(h.iface)
	dropIn := m.Name == "networkd" && m.File != "" && k.networkd != ""
	kind, known := kinds[v.s.Links[h.iface].Type]
	switch {
	case k.filter:
		return keptFilter(h, commands)
	case k.amend:
		return []string{}, words.Say("remedy.lasts.amend", "where", configured(m))
	case k.undo && m.Name == "NetworkManager" && k.nm != "":
		return append([]string{}, modifyConnection(iface, words.Fill(k.nm, args...))), ""
	case k.undo:
		return []string{}, words.Say("remedy.lasts.undo", "where", configured(m))
	case m.Writer == "netplan" && k.netplan != "" && known:
		setting := kind + "." + strings.ReplaceAll(netplanID(m), ".", `\.`) + "." + words.Fill(k.netplan, args...)
		return []string{"sudo netplan set --origin-hint=" + ourFile + " " + quote(setting), "sudo netplan try"}, ""
	case m.Name == "NetworkManager" && k.nm != "":
		return []string{modifyConnection(iface, words.Fill(k.nm, args...))}, ""
	case dropIn:
		dir := "/etc/systemd/network/" + filepath.Base(m.File) + ".d"
		return slices.Concat([]string{"sudo mkdir -p " + quote(dir)},
			write(dir+"/"+ourFile+".conf", strings.Split(strings.ReplaceAll(words.Fill(k.networkd, args...), "] ", "]; "), "; ")...), []string{"sudo networkctl reload"}), ""
	case k.sysctl != "":
		var lines []string
		for setting := range strings.FieldsSeq(words.Fill(k.sysctl, args...)) {
			lines = append(lines, setting)
		}
		return write("/etc/sysctl.d/"+ourFile+".conf", lines...), ""
	case k.up && m.Writer == "ifupdown":
		script := "/etc/network/if-up.d/ndwhy"
		lines := []string{"#!/bin/sh", `[ "$IFACE" = ` + iface + ` ] || exit 0`}
		for _, c := range commands {
			lines = append(lines, strings.ReplaceAll(c, "sudo ", ""))
		}
		return append(write(script, lines...), "sudo chmod +x "+script), ""
	default:
		return []string{}, words.Say("remedy.lasts.boot", "where", configured(m))
	}
}

func netplanID(m diag.Manager) string {
	if id, ok := strings.CutPrefix(filepath.Base(m.File), "10-netplan-"); ok {
		return strings.TrimSuffix(id, ".network")
	}
	return m.Interface
}

func modifyConnection(iface, settings string) string {
	return `sudo nmcli connection modify "$(nmcli -g GENERAL.CON-UUID device show ` + iface + `)" ` + settings
}

// write returns the command that adds lines to a file.
func write(file string, lines ...string) []string {
	quoted := make([]string, len(lines))
	for i, l := range lines {
		quoted[i] = quote(l)
	}
	return []string{"printf '%s\\n' " + strings.Join(quoted, " ") + " | sudo tee -a " + quote(file)}
}

// configured says where what configures an interface has it written.
func configured(m diag.Manager) string {
	switch {
	case m.Writer == "netplan":
		return "/etc/netplan"
	case m.Writer == "ifupdown":
		return "/etc/network/interfaces"
	case m.Name == "networkd" && m.File != "":
		return m.File
	case m.Name == "networkd":
		return "/etc/systemd/network"
	case m.Name == "NetworkManager":
		return words.Say("remedy.where.connection")
	default:
		return words.Say("remedy.where.nobody")
	}
}

// An action is one command of a line, by its words.
type action []string

// actions are the commands of some lines, without sudo.
func actions(lines []string) []action {
	var list []action
	for _, l := range lines {
		for c := range strings.SplitSeq(l, " && ") {
			list = append(list, strings.Fields(strings.TrimPrefix(c, "sudo ")))
		}
	}
	return list
}

// is reports whether a command begins with these words.
func (a action) is(prefix ...string) bool {
	return len(a) >= len(prefix) && slices.Equal(a[:len(prefix)], prefix)
}

// after returns the word after another.
func (a action) after(word string) string {
	if i := slices.Index(a, word); i >= 0 && i+1 < len(a) {
		return strings.Trim(a[i+1], "'")
	}
	return ""
}

// cutsOff reports whether commands delete the only default route there is, and add none. A router that was made
// to advertise itself just before does so again.
func (v *view) cutsOff(commands []string) bool {
	all := actions(commands)
	for i, a := range all {
		if !a.is("ip", "-6", "route", "del", "default") ||
			slices.ContainsFunc(all[i:], func(a action) bool { return a.is("ip", "-6", "route", "add", "default") }) ||
			slices.ContainsFunc(all[:i], solicits) && slices.ContainsFunc(all[i:], solicits) {
			continue
		}
		dev, via := a.after("dev"), a.after("via")
		another := false
		for k := range v.s.Routes.All() {
			another = another || k.Dst.Bits() == 0 && k.Type == "unicast" && k.Table == diag.MainTable &&
				(k.Interface != dev || (!k.Via.IsValid() && via != "") || k.Via.IsValid() && k.Via.String() != via)
		}
		if !another {
			return true
		}
	}
	return false
}

func solicits(a action) bool { return a.is("rdisc6", "-1") }

// caution says what commands may cut off, of what this host is reached by.
func (v *view) caution(commands []string) string {
	var list []string
	say := func(key string, args ...any) {
		if text := words.Say("remedy.caution."+key, args...); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	all := actions(commands)
	for _, a := range all {
		switch {
		case a.is("ip", "-6", "addr", "del"):
			addr, _ := netip.ParsePrefix(a[min(4, len(a)-1)])
			if slices.Contains(v.s.Access.SSH, addr.Addr()) {
				say("address", "address", addr.Addr())
			}
		case a.is("ip", "link", "set") && (slices.Contains(a, "down") || slices.Contains(a, "address")):
			v.cautionLink(a.after("dev"), say)
		case a.is("nmcli", "connection", "up"), a.is("networkctl", "reconfigure"), a.is("ifdown"):
			v.cautionLink(strings.Trim(a[len(a)-1], "'"), say)
		case a.is("ip", "-6", "route", "del"), a.is("ip", "-6", "route", "replace"), a.is("ip", "-6", "rule", "del"), a.is("ip", "-6", "rule", "add"):
			if len(v.s.Access.SSH) > 0 {
				say("route")
			}
		}
	}
	return strings.Join(list, " ")
}

// cautionLink says what goes with an interface.
func (v *view) cautionLink(iface string, say func(string, ...any)) {
	for _, addr := range v.s.Access.SSH {
		if _, ok := v.s.Addresses[diag.InterfaceAddr{Interface: iface, Address: addr}]; ok {
			say("link", "interface", iface)
		}
	}
	if slices.Contains(v.s.Access.SSH4, iface) {
		say("link", "interface", iface)
	}
	if slices.Contains(v.s.Access.Default4, iface) {
		say("default4", "interface", iface)
	}
}

// Together makes one list of those of several findings: what does the same is one way.
func Together(lists ...[]Advice) []Advice {
	var all []Advice
	add := func(to *[]string, more []string) {
		for _, s := range more {
			if !slices.Contains(*to, s) {
				*to = append(slices.Clip(*to), s)
			}
		}
	}
	for _, list := range lists {
		for _, a := range list {
			i := slices.IndexFunc(all, func(b Advice) bool { return b.Does == a.Does })
			if i < 0 {
				all = append(all, a)
				continue
			}
			add(&all[i].Do, a.Do)
			add(&all[i].Persistent, a.Persistent)
			add(&all[i].Fill, a.Fill)
			if !strings.Contains(all[i].Caution, a.Caution) {
				all[i].Caution += " " + a.Caution
			}
		}
	}
	return all
}

// A Step is a line of advice as a face prints it: a sentence, or a command to be copied.
type Step struct {
	Text    string
	Command bool
}

// Steps writes advice down, and what shows more, for a person who reads from the top: the caution stands before
// the command.
func Steps(list []Advice, look []string) []Step {
	var steps []Step
	say := func(key string, args ...any) { steps = append(steps, Step{Text: words.Say(key, args...)}) }
	run := func(commands []string) {
		for _, c := range commands {
			steps = append(steps, Step{c, true})
		}
	}
	for i, a := range list {
		key := "remedy.first"
		if i > 0 {
			key = "remedy.or"
		}
		if a.Does == "" {
			key += ".plain"
		}
		say(key, "does", a.Does)
		if a.Caution != "" {
			say("remedy.caution", "caution", a.Caution)
		}
		run(a.Do)
		if len(a.Persistent) > 0 {
			say("remedy.keep")
			run(a.Persistent)
		}
		if a.Lasts != "" {
			steps = append(steps, Step{Text: a.Lasts})
		}
		for _, f := range a.Fill {
			steps = append(steps, Step{Text: f})
		}
	}
	if len(look) > 0 {
		say("remedy.look")
		run(look)
	}
	return steps
}
