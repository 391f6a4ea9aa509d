package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag/lab/vswitch"
)

// A fault is something that can be broken and mended while the lab runs. What it is called stands in
// the catalogue of package words under lab.break.<id>.
type fault struct {
	id     string
	broken func(w *world) bool
	set    func(w *world, on bool) error // it is no error if it is so already
}

// farewell is the lifetime that a router which falls silent leaves behind: a real one leaves half an
// hour, and nobody who watches would see it end.
const farewell = 10 * time.Second

// wrongMAC is nobody's.
var wrongMAC = mac("06:00:5e:00:53:99")

// faults is everything that can be broken, in the order in which it is shown.
var faults = []fault{
	{
		"stop-peer",
		func(w *world) bool {
			return slices.ContainsFunc(w.portsOf("ubuntu2"), w.wire.isUnplugged)
		},
		func(w *world, on bool) error {
			w.stopped("ubuntu2", on)
			return nil
		},
	},
	{"add-address", (*world).hasAdded, (*world).setAdded},
	{
		"drop-ra",
		func(w *world) bool {
			return w.wire.is(func(c *vswitch.Config) bool { return c.Routers[0].Silent })
		},
		func(w *world, on bool) error {
			if !on {
				w.wire.alter(func(c *vswitch.Config) { c.Routers[0].Silent = false })
				w.wire.advertise()
				return nil
			}
			var full time.Duration
			w.wire.alter(func(c *vswitch.Config) {
				full = c.Routers[0].Lifetime
				c.Routers[0].Lifetime = min(full, farewell)
			})
			w.wire.advertise()
			w.wire.alter(func(c *vswitch.Config) { c.Routers[0].Lifetime, c.Routers[0].Silent = full, true })
			return nil
		},
	},
	ofPort("block-echo", "ubuntu2", func(p *vswitch.Port) *bool { return &p.NoEchoIn }),
	ofPort("detach-peer", "ubuntu2", func(p *vswitch.Port) *bool { return &p.Detached }),
	ofSwitch("cut-internet",
		func(c *vswitch.Config) bool { return c.Beyond.Internet != vswitch.Open },
		func(c *vswitch.Config, on bool) {
			c.Beyond.Internet = vswitch.Open
			if on {
				c.Beyond.Internet = vswitch.Blackhole
			}
		}),
	ofSwitch("shrink-mtu",
		func(c *vswitch.Config) bool { return c.Beyond.NoPTB },
		func(c *vswitch.Config, on bool) {
			c.Beyond.MTU, c.Beyond.NoPTB = internetMTU, false
			if on {
				c.Beyond.MTU, c.Beyond.NoPTB = 1400, true
			}
		}),
	{
		"lose-frames",
		func(w *world) bool {
			return w.wire.is(func(c *vswitch.Config) bool { return w.port(c, "ubuntu1").Loss > 0 })
		},
		func(w *world, on bool) error {
			w.wire.alter(func(c *vswitch.Config) {
				p := w.port(c, "ubuntu1")
				p.Loss = 0
				if on {
					p.Loss = 30
				}
			})
			return nil
		},
	},
	ofSwitch("silence-dhcpv6",
		func(c *vswitch.Config) bool { return c.Routers[0].DHCP.Off },
		func(c *vswitch.Config, on bool) { c.Routers[0].DHCP.Off = on }),
	{"wrong-neighbour", (*world).hasWrongNeighbour, (*world).setWrongNeighbour},
	{"forward", (*world).forwards, (*world).setForwards},
}

// Breakable lists the IDs of all that can be broken and mended in a lab.
func Breakable() []string {
	var ids []string
	for _, f := range faults {
		ids = append(ids, f.id)
	}
	return ids
}

// ofSwitch is a fault of the switch's configuration.
func ofSwitch(id string, broken func(*vswitch.Config) bool, set func(c *vswitch.Config, on bool)) fault {
	return fault{
		id,
		func(w *world) bool { return w.wire.is(broken) },
		func(w *world, on bool) error {
			w.wire.alter(func(c *vswitch.Config) { set(c, on) })
			return nil
		},
	}
}

// ofPort is a flag of a host's first port.
func ofPort(id, host string, flag func(*vswitch.Port) *bool) fault {
	return fault{
		id,
		func(w *world) bool {
			return w.wire.is(func(c *vswitch.Config) bool { return *flag(w.port(c, host)) })
		},
		func(w *world, on bool) error {
			w.wire.alter(func(c *vswitch.Config) { *flag(w.port(c, host)) = on })
			return nil
		},
	}
}

// portsOf returns the indices of a host's ports.
func (w *world) portsOf(host string) []int {
	_, ports := w.spec.config()
	var list []int
	for i, p := range ports {
		if p.host.Name == host {
			list = append(list, i)
		}
	}
	return list
}

// port returns a host's first port.
func (w *world) port(c *vswitch.Config, host string) *vswitch.Port {
	return &c.Ports[w.portsOf(host)[0]]
}

// stopped stops a host, or starts it again, as far as the network can tell.
func (w *world) stopped(host string, on bool) {
	for _, p := range w.portsOf(host) {
		w.wire.unplug(p, on)
	}
}

func (w *world) hasAdded() bool { return w.added() != nil }

// added returns the address as the kernel has it, or nil.
func (w *world) added() *netlink.Addr {
	list, err := w.handles["ubuntu1"].AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return nil
	}
	for _, a := range list {
		if a.IP.Equal(neighbouring.AsSlice()) {
			return &a
		}
	}
	return nil
}

func (w *world) setAdded(on bool) error {
	have := w.added()
	if !on {
		if have == nil {
			return nil
		}
		link, err := w.handles["ubuntu1"].LinkByIndex(have.LinkIndex)
		if err == nil {
			err = w.handles["ubuntu1"].AddrDel(link, have)
		}
		if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("delete address %s: %w", neighbouring, err)
		}
		return nil
	}
	if have != nil {
		return nil
	}
	return w.add(w.spec.ubuntu1(), Added{
		// Deprecated, so that no program uses it unless told to.
		NIC: w.spec.ubuntu1().NICs[0].Name, Prefix: netip.PrefixFrom(neighbouring, 64), Deprecated: true, DAD: true,
	})
}

// wrong is the entry that says where ubuntu2 is not.
func (w *world) wrong() (*netlink.Neigh, error) {
	link, err := w.handles["ubuntu1"].LinkByName(w.spec.ubuntu1().NICs[0].Name)
	if err != nil {
		return nil, err
	}
	peer := w.spec.ubuntu2().NICs[0]
	address := peer.LinkLocal()
	if len(peer.Addresses) > 0 {
		address = peer.Addresses[0]
	}
	return &netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: netlink.FAMILY_V6, State: netlink.NUD_PERMANENT,
		IP: address.AsSlice(), HardwareAddr: net.HardwareAddr(wrongMAC[:]),
	}, nil
}

func (w *world) hasWrongNeighbour() bool {
	n, err := w.wrong()
	if err != nil {
		return false
	}
	list, err := w.handles["ubuntu1"].NeighList(n.LinkIndex, netlink.FAMILY_V6)
	return err == nil && slices.ContainsFunc(list, func(x netlink.Neigh) bool {
		return x.IP.Equal(n.IP) && x.State&netlink.NUD_PERMANENT != 0
	})
}

func (w *world) setWrongNeighbour(on bool) error {
	n, err := w.wrong()
	if err != nil {
		return err
	}
	if on {
		err = w.handles["ubuntu1"].NeighSet(n)
	} else if w.hasWrongNeighbour() {
		if err = w.handles["ubuntu1"].NeighDel(n); errors.Is(err, unix.ENOENT) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("neighbour %s: %w", n.IP, err)
	}
	return nil
}

const forwarding = "ipv6/conf/all/forwarding"

func (w *world) forwards() bool {
	on := false
	_ = within(w.namespaces["ubuntu1"], func() error {
		b, err := os.ReadFile("/proc/sys/net/" + forwarding)
		on = err == nil && strings.TrimSpace(string(b)) != "0"
		return err
	})
	return on
}

func (w *world) setForwards(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	if err := within(w.namespaces["ubuntu1"], func() error { return sysctl(forwarding, value) }); err != nil {
		return err
	}
	if !on {
		w.wire.advertise() // it dropped its route, and asks nobody for another
	}
	return nil
}
