package host

import (
	"bufio"
	"encoding/hex"
	"io"
	"net/netip"
	"strings"

	"ndwhy/diag"
)

// What is read of the kernel's lists of groups: a host may have thousands of interfaces.
const (
	groupsText = 1 << 20 // bytes of each list
	groupsMost = 512     // of an interface
)

// groups reads which multicast groups are joined on the links, and which their devices let through.
func (r *Reader) groups() {
	joined, ok := r.lines("proc/net/igmp6")
	device, too := r.lines("proc/net/dev_mcast")
	if !ok || !too {
		return
	}
	for _, l := range r.links {
		g := diag.Groups{Interface: l.Interface, Joined: []netip.Addr{}, Device: []diag.MAC{}}
		// Index, name, group, users, flags, timer (net/ipv6/mcast.c, igmp6_mc_seq_show).
		for _, f := range joined {
			if b, err := hex.DecodeString(field(f, 2)); err == nil && len(b) == 16 && field(f, 1) == l.Interface {
				g.Partial = g.Partial || len(g.Joined) == groupsMost
				if !g.Partial {
					g.Joined = append(g.Joined, netip.AddrFrom16([16]byte(b)))
				}
			}
		}
		// Index, name, users, global users, address (net/core/dev_addr_lists.c).
		for _, f := range device {
			if b, err := hex.DecodeString(field(f, 4)); err == nil && len(b) == 6 && b[0] == 0x33 && b[1] == 0x33 && field(f, 1) == l.Interface {
				g.Partial = g.Partial || len(g.Device) == groupsMost
				if !g.Partial {
					g.Device = append(g.Device, diag.MAC(b))
				}
			}
		}
		diag.SortFunc(g.Joined, netip.Addr.Compare)
		diag.SortFunc(g.Device, func(a, b diag.MAC) int { return strings.Compare(a.String(), b.String()) })
		r.say(diag.Groups{Interface: l.Interface}.Kind()+l.Interface, g)
	}
}

func field(fields []string, i int) string {
	if i < len(fields) {
		return fields[i]
	}
	return ""
}

// lines reads a list of fields a line.
func (r *Reader) lines(path string) (list [][]string, ok bool) {
	f, err := r.root.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	for s := bufio.NewScanner(io.LimitReader(f, groupsText)); s.Scan(); {
		list = append(list, strings.Fields(s.Text()))
	}
	return list, true
}
