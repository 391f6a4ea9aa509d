package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What a host under systemd-networkd shows of it: the kernel's own handling of advertisements is
// off, a process of that name acts on them, and the state of each interface stands below /run.

// networkdName is the name under which the executable enters itself again for it.
const networkdName = "ndwhy-lab-networkd"

// networkdComm is the process's name as the kernel cuts it off (TASK_COMM_LEN).
const networkdComm = "systemd-network"

// networkdEnv tells the beginning of a command which interfaces networkd configures.
const networkdEnv = "NDWHY_LAB_NETWORKD"

// namespaceFD is where the process finds the instance's network namespace.
const namespaceFD = 3

// startNetworkd starts the process for one interface.
func (w *world) startNetworkd(p port) error {
	mode := ""
	if p.host.Networkd.NoGateway {
		mode = "no-gateway"
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	ns := w.namespaces[p.host.Name]
	_, err = syscall.ForkExec(self, []string{networkdName, p.nic.Name, mode}, &syscall.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []uintptr{null.Fd(), null.Fd(), os.Stderr.Fd(), ns.Fd()},
	})
	if err != nil {
		return fmt.Errorf("start networkd: %w", err)
	}
	return nil
}

// networkd is that process: it solicits routers and acts on what they advertise, for as long as the
// lab lasts. args are the interface and whether it makes default routes.
func networkd(args []string) int {
	if err := unix.Setns(namespaceFD, unix.CLONE_NEWNET); err != nil {
		return Failed
	}
	unix.CloseOnExec(namespaceFD)
	if name, err := unix.BytePtrFromString(networkdComm); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	}
	if err := actOnAdvertisements(args[0], args[1] == ""); err != nil {
		fmt.Fprintln(os.Stderr, "ndwhy lab: networkd:", err)
		return Failed
	}
	return 0
}

func actOnAdvertisements(nic string, gateway bool) error {
	ifi, err := net.InterfaceByName(nic)
	if err != nil {
		return err
	}
	var c *ndp.Conn
	for {
		// The link-local address comes a moment after the interface.
		if c, _, err = ndp.Listen(ifi, ndp.LinkLocal); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	defer c.Close()
	answered := false
	for {
		if !answered {
			// RFC 4861 §6.3.7; the interface may not be quite up yet, then the next one does it.
			_ = c.WriteTo(&ndp.RouterSolicitation{
				Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: ifi.HardwareAddr}},
			}, nil, netip.IPv6LinkLocalAllRouters())
			if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				return err
			}
		}
		m, _, from, err := c.ReadFrom()
		ra, ok := m.(*ndp.RouterAdvertisement)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded), err == nil && !ok:
			continue
		case err != nil:
			return err
		}
		answered = true
		if err := c.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		if err := configure(ifi.Index, ra, from.WithZone(""), gateway); err != nil {
			return err
		}
	}
}

// configure makes routes of an advertisement, as networkd does: protocol ra, metric 1024.
func configure(index int, ra *ndp.RouterAdvertisement, router netip.Addr, gateway bool) error {
	const metric = 1024
	protocol := netlink.RouteProtocol(unix.RTPROT_RA)
	for _, o := range ra.Options {
		p, ok := o.(*ndp.PrefixInformation)
		if !ok || !p.OnLink {
			continue
		}
		dst := &net.IPNet{IP: p.Prefix.AsSlice(), Mask: net.CIDRMask(int(p.PrefixLength), 128)}
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: index, Dst: dst, Protocol: protocol, Priority: metric}); err != nil {
			return fmt.Errorf("on-link route: %w", err)
		}
	}
	if !gateway {
		return nil
	}
	route := &netlink.Route{
		LinkIndex: index, Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}, Gw: router.AsSlice(),
		Protocol: protocol, Priority: metric,
	}
	if ra.RouterLifetime == 0 {
		if err := netlink.RouteDel(route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("default route: %w", err)
		}
		return nil
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	return nil
}

// networkdState puts what networkd keeps of its interfaces where a command looks for it. The
// calling thread is in the instance's namespace and has a mount namespace of its own.
func networkdState(nics []string) error {
	run := "/run/systemd"
	if info, err := os.Stat(run); err != nil || !info.IsDir() {
		run = "/run"
	}
	if err := tmpfs(run); err != nil {
		return err
	}
	write := func(name, content string) error {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, []byte(content), 0o644)
	}
	for _, nic := range nics {
		ifi, err := net.InterfaceByName(nic)
		if err != nil {
			return err
		}
		file := "/run/systemd/network/70-" + nic + ".network"
		if err := errors.Join(
			write(file, "[Match]\nName="+nic+"\n\n[Network]\nDHCP=ipv6\nIPv6AcceptRA=yes\n"),
			write("/run/systemd/netif/links/"+strconv.Itoa(ifi.Index),
				"# This is private data. Do not parse.\nADMIN_STATE=configured\nOPER_STATE=routable\nNETWORK_FILE="+file+"\n"),
		); err != nil {
			return err
		}
	}
	return nil
}

// ownState makes the files below /run and /sys those of the instance, as far as the system allows it.
func ownState() {
	if err := ownMachine(); err != nil && os.Getenv(machineEnv) != "" {
		fmt.Fprintln(os.Stderr, "ndwhy lab: what the firmware says:", err)
	}
	// The name servers of the machine that the lab runs on are out of reach here. Where there is no such file none is named.
	_ = unix.Mount("/dev/null", "/etc/resolv.conf", "", unix.MS_BIND, "")
	if list := os.Getenv(networkdEnv); list != "" {
		if err := networkdState(strings.Split(list, ",")); err != nil {
			fmt.Fprintln(os.Stderr, "ndwhy lab: networkd's state:", err)
		}
	}
}
