package host

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ndwhy/diag"
)

const (
	// socketsText bounds how much of a table of sockets is read, of some 150 bytes each.
	socketsText = 1 << 20
	accessKept  = 16
	ancestors   = 16
	sshPort     = 22
)

// access says by what addresses and interfaces somebody is logged in by SSH, and where IPv4's default routes
// are: the established connections to sshd's port, and what it told this process and those that started it.
func (r *Reader) access() {
	routes, default4 := r.routes4()
	a := diag.Access{Default4: default4}
	add := func(local netip.Addr) {
		switch local = local.Unmap().WithZone(""); {
		case !local.IsValid() || local.IsLoopback():
		case local.Is6():
			if !slices.Contains(a.SSH, local) && len(a.SSH) < accessKept {
				a.SSH = append(a.SSH, local)
			}
		default:
			iface := routes.to(local)
			if iface != "" && !slices.Contains(a.SSH4, iface) && len(a.SSH4) < accessKept {
				a.SSH4 = append(a.SSH4, iface)
			}
		}
	}
	ports := []uint16{sshPort}
	if own, ok := r.connection(); ok {
		add(own.Addr())
		ports = append(ports, own.Port())
	}
	for _, local := range r.ends(slices.Compact(ports)) {
		add(local)
	}
	diag.SortFunc(a.SSH, netip.Addr.Compare)
	slices.Sort(a.SSH4)
	if _, said := r.said[a.Kind()]; said || len(a.SSH)+len(a.SSH4)+len(a.Default4) > 0 {
		r.say(a.Kind(), a)
	}
}

// ends are this host's addresses in the connections that are established on some of its ports.
func (r *Reader) ends(ports []uint16) (list []netip.Addr) {
	if r.Ends != nil {
		var failed error
		for _, port := range ports {
			more, err := r.Ends(port)
			list, failed = append(list, more...), cmp.Or(failed, err)
		}
		if failed == nil {
			return list
		}
	}
	list = nil
	for _, table := range []string{"proc/net/tcp6", "proc/net/tcp"} {
		for line := range strings.Lines(r.some(table, socketsText)) {
			if local, ok := established(line); ok && slices.Contains(ports, local.Port()) {
				list = append(list, local.Addr())
			}
		}
	}
	return list
}

// some returns the beginning of a file.
func (r *Reader) some(path string, most int64) string {
	f, err := r.root.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, most))
	return string(b)
}

// connection returns this host's end of the SSH connection that this process was started by, as SSH_CONNECTION
// says (ssh(1)) in its own environment or, since sudo takes it away, that of a process that started it.
func (r *Reader) connection() (local netip.AddrPort, ok bool) {
	pid := "self"
	for range ancestors {
		for variable := range strings.SplitSeq(r.some("proc/"+pid+"/environ", socketsText), "\x00") {
			value, found := strings.CutPrefix(variable, "SSH_CONNECTION=")
			if fields := strings.Fields(value); found && len(fields) == 4 {
				addr, err := netip.ParseAddr(fields[2])
				port, err2 := strconv.ParseUint(fields[3], 10, 16)
				return netip.AddrPortFrom(addr, uint16(port)), err == nil && err2 == nil
			}
		}
		stat, _ := r.content("proc/" + pid + "/stat")
		// After the name, which may hold anything: state, parent.
		fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || fields[1] == "0" {
			return local, false
		}
		pid = fields[1]
	}
	return local, false
}

// established reads a line of /proc/net/tcp or tcp6 (Documentation/networking/proc_net_tcp.rst): the local end
// of an established connection.
func established(line string) (local netip.AddrPort, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != "01" {
		return local, false
	}
	host, port, _ := strings.Cut(fields[1], ":")
	addr, ok := kernelAddr(host)
	n, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr, uint16(n)), ok && err == nil
}

// kernelAddr reads an address that the kernel printed as words of its own byte order.
func kernelAddr(text string) (netip.Addr, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		return netip.Addr{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	return netip.AddrFromSlice(b)
}

// routes4 are IPv4's routes, by interface.
type routes4 map[netip.Prefix]string

// to returns the interface that an address is on, or would be reached by.
func (list routes4) to(addr netip.Addr) (iface string) {
	bits := -1
	for p, name := range list {
		if p.Contains(addr) && p.Bits() > bits {
			iface, bits = name, p.Bits()
		}
	}
	return iface
}

// routes4 reads /proc/net/route: interface, destination, gateway, flags, …, mask.
func (r *Reader) routes4() (list routes4, defaults []string) {
	list = routes4{}
	for line := range strings.Lines(r.some("proc/net/route", socketsText)) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		dst, ok := kernelAddr(fields[1])
		mask, ok2 := kernelAddr(fields[7])
		if !ok || !ok2 || !dst.Is4() || !mask.Is4() {
			continue
		}
		bits := 0
		for _, b := range mask.As4() {
			for ; b&0x80 != 0; b <<= 1 {
				bits++
			}
		}
		prefix := netip.PrefixFrom(dst, bits).Masked()
		if _, known := list[prefix]; !known {
			list[prefix] = clean(fields[0])
		}
		if bits == 0 && !slices.Contains(defaults, clean(fields[0])) && len(defaults) < accessKept {
			defaults = append(defaults, clean(fields[0]))
		}
	}
	slices.Sort(defaults)
	return list, defaults
}
