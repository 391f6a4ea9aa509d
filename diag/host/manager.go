package host

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/host/process"
)

// manager says who configures an interface, by what, and whether he handles router advertisements himself,
// in which case the kernel's accept_ra is 0 and no fault.
func (r *Reader) manager(l diag.Link) diag.Manager {
	m := r.daemon(l)
	if m.Writer == "" && r.ifupdown(l.Interface) {
		m.Writer = "ifupdown"
	}
	return m
}

// ifupdown reports whether ifup brought an interface up: it keeps a file of those, one "NAME=LOGICAL NAME" a
// line (ifupdown), or a file for each (ifupdown2, newer ones).
func (r *Reader) ifupdown(iface string) bool {
	if state, ok := r.content("run/network/ifstate." + iface); ok && strings.TrimSpace(state) != "" {
		return true
	}
	state, _ := r.content("run/network/ifstate")
	return key(state, "", iface) != ""
}

// netplanWrote reports whether a configuration is one that netplan made of its own: it says so in the name.
func netplanWrote(file string) bool {
	name := path.Base(file)
	return strings.HasPrefix(name, "10-netplan-") || strings.HasPrefix(name, "netplan-")
}

// daemon returns the process that configures an interface.
func (r *Reader) daemon(l diag.Link) diag.Manager {
	iface, index := l.Interface, strconv.Itoa(l.Index)
	if r.runs("systemd-networkd") {
		if state, ok := r.content("run/systemd/netif/links/" + index); ok {
			if managed, ra := r.networkd(iface, state); managed {
				m := diag.Manager{Interface: iface, Name: "networkd", RA: ra, File: clean(key(state, "", "NETWORK_FILE"))}
				if netplanWrote(m.File) {
					m.Writer = "netplan"
				}
				return m
			}
		}
	}
	if r.runs("NetworkManager") {
		if state, ok := r.content("run/NetworkManager/devices/" + index); ok && key(state, "device", "managed") == "true" {
			m := diag.Manager{Interface: iface, Name: "NetworkManager"}
			var file string
			m.RA, file = r.networkManager(iface, key(state, "device", "connection-uuid"))
			if netplanWrote(file) {
				m.Writer = "netplan"
			}
			return m
		}
	}
	for _, p := range r.processes {
		switch {
		case p.Name == "dhcpcd" && dhcpcdServes(p.Args, iface):
			// dhcpcd handles advertisements itself unless told not to; then accept_ra stays as it was.
			ra, _ := r.text("proc/sys/net/ipv6/conf/" + iface + "/accept_ra")
			return diag.Manager{Interface: iface, Name: p.Name, RA: ra == "0"}
		case p.Name == "dhclient" && dhclientServes(p.Args, iface):
			return diag.Manager{Interface: iface, Name: p.Name}
		}
	}
	return diag.Manager{Interface: iface, Name: "none"}
}

func (r *Reader) runs(name string) bool {
	return slices.ContainsFunc(r.processes, func(p process.Process) bool { return p.Name == name }) ||
		len(r.processes) == 0 && process.Hidden(r.root)
}

// networkd reads the state of a link (networkd-state-file.c, link_save) and what its .network file
// says about advertisements. networkd always switches the kernel's handling off, and by default does
// it itself unless the interface forwards (systemd.network(5), IPv6AcceptRA=).
func (r *Reader) networkd(iface, state string) (managed, ra bool) {
	switch key(state, "", "ADMIN_STATE") {
	case "", "unmanaged", "linger":
		return false, false
	case "configuring", "configured":
	default: // pending, initialized: not begun yet; failed: given up
		return true, false
	}
	forwarding, _ := r.text("proc/sys/net/ipv6/conf/" + iface + "/forwarding")
	ra = forwarding != "1"
	files := []string{key(state, "", "NETWORK_FILE")}
	files = append(files, strings.Split(strings.Trim(key(state, "", "NETWORK_FILE_DROPINS"), `"`), ":")...)
	for _, file := range files {
		content, ok := r.content(strings.TrimPrefix(file, "/"))
		if file == "" || !ok {
			continue
		}
		switch strings.ToLower(key(content, "Network", "IPv6AcceptRA")) {
		case "yes", "true", "on", "1", "y", "t":
			ra = true
		case "no", "false", "off", "0", "n", "f":
			ra = false
		}
		switch strings.ToLower(key(content, "Network", "LinkLocalAddressing")) {
		case "no", "false", "off", "0", "n", "f", "ipv4":
			return true, false // advertisements are heard from a link-local address only
		}
	}
	return true, ra
}

// networkManager reports whether NetworkManager handles advertisements: with the method "auto" it
// does, with "dhcp" it takes an address alone (nm-settings(5), ipv6.method); and the file of the connection.
// Where that cannot be read, accept_ra tells: NetworkManager switches the kernel's handling off.
func (r *Reader) networkManager(iface, uuid string) (ra bool, file string) {
	for _, dir := range []string{"run/NetworkManager/system-connections", "etc/NetworkManager/system-connections"} {
		entries, _ := fs.ReadDir(r.root, dir)
		for _, e := range entries {
			content, ok := r.content(dir + "/" + e.Name())
			if !ok || uuid == "" || key(content, "connection", "uuid") != uuid {
				continue
			}
			method := key(content, "ipv6", "method")
			return method == "" || method == "auto", e.Name()
		}
	}
	accepts, _ := r.text("proc/sys/net/ipv6/conf/" + iface + "/accept_ra")
	return accepts == "0", ""
}

// key returns the last value of a key in a group of an INI-like file; group "" is what comes before
// any group.
func key(content, group, name string) (value string) {
	in := ""
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			in = line[1 : len(line)-1]
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if ok && in == group && strings.TrimSpace(k) == name {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

// dhclientServes reports whether a dhclient does DHCPv6 on an interface: with -6, and either the
// interface or none named.
func dhclientServes(args []string, iface string) bool {
	if !slices.Contains(args, "-6") {
		return false
	}
	named := false
	for i := 1; i < len(args); i++ {
		switch a := args[i]; {
		case slices.Contains([]string{"-p", "-e", "-D", "-s", "-g", "-cf", "-df", "-lf", "-pf", "-sf", "-H", "-F", "-V", "-timeout"}, a):
			i++ // its value
		case strings.HasPrefix(a, "-"):
		case a == iface:
			return true
		default:
			named = true
		}
	}
	return !named
}

// dhcpcdServes reports whether a dhcpcd does IPv6 on an interface. Running, it shows what it does
// in place of its command line: "dhcpcd: eth0 [ip6]", "dhcpcd: [manager] [ip4] [ip6]".
func dhcpcdServes(args []string, iface string) bool {
	if len(args) > 1 && args[0] == "dhcpcd:" {
		all := slices.Contains(args, "[manager]") || slices.Contains(args, "[master]")
		v6 := slices.Contains(args, "[ip6]") || !slices.Contains(args, "[ip4]")
		v6 = v6 && !slices.Contains(args, "[BPF") // a helper, "dhcpcd: [BPF ARP] eth0 10.0.0.4"
		return v6 && (all || slices.Contains(args, iface))
	}
	if slices.Contains(args, "-4") || slices.Contains(args, "--ipv4only") {
		return false
	}
	named := slices.ContainsFunc(args[min(1, len(args)):], func(a string) bool { return a != "" && a[0] != '-' && a[0] != '/' })
	return !named || slices.Contains(args, iface)
}
