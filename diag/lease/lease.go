// Package lease reads what the DHCPv6 client of this host wrote down about its leases: the client's
// own files, or the state of the daemon that has the client built in. It asks no daemon anything.
//
// What each of them keeps, and where, was read in their sources and, for dhclient 4.4 and dhcpcd
// 9.4, in the files they wrote:
//
//   - dhclient: a text file of lease6 declarations, the last of an interface being the one held
//     (dhclient.c, write_client6_lease), also where NetworkManager ran it;
//   - dhcpcd: the server's Reply as it came, IFACE.lease6 (dhcp6.c, dhcp6_bind);
//   - NetworkManager: a [dhcp6] group in /run/NetworkManager/devices/IFINDEX (nm-config.c,
//     nm_config_device_state_write): addresses without lifetimes, if its own client is used;
//   - systemd-networkd: only who its client is, DHCP6_CLIENT_IAID and DHCP6_CLIENT_DUID, in
//     /run/systemd/netif/links/IFINDEX (networkd-dhcp6.c, link_serialize_dhcp6_client).
package lease

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/host/process"
)

// maxFile bounds what is read of one file: dhclient starts its file anew after some hundred leases.
const maxFile = 1 << 20

// Read returns what is written down below root, "/" on a live host, for the given links: at most
// one lease for each, in the order of links. Expired addresses are left out; a lease without
// addresses still says who the client is (DUID, IAID). Lifetimes of 0 with no time At are not
// written down. The error, which may come with leases, joins one error for each file that is there
// and could not be read; it names the file and says what to do.
func Read(root fs.FS, links []diag.Link) ([]diag.Lease, error) {
	return read(root, links, time.Now())
}

func read(root fs.FS, links []diag.Link, now time.Time) ([]diag.Lease, error) {
	r := &reader{root: root, links: links, now: now}
	if r.ours("dhclient") {
		for _, dir := range []string{"var/lib/dhcp", "var/lib/dhclient", "var/lib/NetworkManager"} {
			for _, name := range r.list(dir) {
				// dhclient6.leases, dhclient6.eth0.leases, dhclient6-UUID-eth0.lease.
				if strings.HasPrefix(name, "dhclient6") && strings.Contains(name, ".lease") {
					r.file(dir+"/"+name, time.Time{}, parseDhclient)
				}
			}
		}
	}
	dhcpcd, networkManager, networkd := r.ours("dhcpcd"), r.ours("NetworkManager"), r.ours("systemd-networkd")
	for _, l := range links {
		for _, path := range []string{
			"var/lib/dhcpcd/" + l.Interface + ".lease6",
			"var/lib/dhcpcd5/dhcpcd-" + l.Interface + ".lease6",
			"var/db/dhcpcd/" + l.Interface + ".lease6",
		} {
			if written, ok := r.modified(path); ok && dhcpcd {
				r.file(path, written, parseReply(l.Interface))
			}
		}
		index := strconv.Itoa(l.Index)
		if path := "run/NetworkManager/devices/" + index; networkManager && r.exists(path) {
			r.file(path, time.Time{}, parseNetworkManager(l.Interface))
		}
		if path := "run/systemd/netif/links/" + index; networkd && r.exists(path) {
			r.file(path, time.Time{}, parseNetworkd(l.Interface))
		}
	}
	var best []diag.Lease
	for _, l := range links {
		if lease, ok := r.best(l.Interface); ok {
			best = append(best, lease)
		}
	}
	return best, errors.Join(r.errs...)
}

type reader struct {
	root  fs.FS
	links []diag.Link
	now   time.Time
	found []diag.Lease
	errs  []error
}

// A parser makes leases of a file's content, which was acquired at the given time if the content
// does not say so itself.
type parser func(content string, at time.Time) ([]diag.Lease, error)

// ours reports whether what a client wrote is about this network namespace: an instance's own file
// outlives its client, but in a container, or in a namespace made by hand, the host's files are
// about other interfaces of the same names.
func (r *reader) ours(client string) bool {
	return process.Initial(r.root) || process.Runs(r.root, client)
}

func (r *reader) fail(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: run as root, or name what is assigned with --assigned", err)
	}
	r.errs = append(r.errs, fmt.Errorf("lease file /%s: %w", path, err))
}

func (r *reader) list(dir string) []string {
	entries, err := fs.ReadDir(r.root, dir)
	if err != nil {
		r.fail(dir, err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (r *reader) modified(path string) (time.Time, bool) {
	info, err := fs.Stat(r.root, path)
	if err != nil {
		r.fail(path, err)
		return time.Time{}, false
	}
	return info.ModTime(), info.Mode().IsRegular()
}

func (r *reader) exists(path string) bool {
	_, ok := r.modified(path)
	return ok
}

func (r *reader) file(path string, at time.Time, parse parser) {
	content, err := readBounded(r.root, path)
	if err != nil {
		r.fail(path, err)
		return
	}
	leases, err := parse(content, at)
	if err != nil {
		r.fail(path, fmt.Errorf("%w: not read; name what is assigned with --assigned", err))
		return
	}
	for _, l := range leases {
		l.File = "/" + path
		l.Addresses = slices.DeleteFunc(l.Addresses, func(a diag.LeaseAddress) bool { return expired(a, r.now) })
		if len(l.Addresses) > 0 || l.DUID != "" {
			r.found = append(r.found, l)
		}
	}
}

func readBounded(root fs.FS, path string) (string, error) {
	f, err := root.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("longer than %d bytes", maxFile)
	}
	return string(content), err
}

func expired(a diag.LeaseAddress, now time.Time) bool {
	return a.ValidS != diag.Forever && !a.At.IsZero() && !now.Before(a.At.Add(time.Duration(a.ValidS)*time.Second))
}

// best returns the lease of an interface that says most: one with addresses, the newest of those. A
// client that was used before may have left its own.
func (r *reader) best(iface string) (best diag.Lease, ok bool) {
	for _, l := range r.found {
		if l.Interface != iface {
			continue
		}
		better := !ok || len(l.Addresses) > 0 && (len(best.Addresses) == 0 || newest(l).After(newest(best)))
		if better {
			best, ok = l, true
		}
	}
	return best, ok
}

func newest(l diag.Lease) (at time.Time) {
	for _, a := range l.Addresses {
		if a.At.After(at) {
			at = a.At
		}
	}
	return at
}

// assignable reports whether p can be an address or a delegated prefix of a lease.
func assignable(p netip.Prefix) bool {
	a := p.Addr()
	return p.IsValid() && a.Is6() && !a.Is4In6() && a.Zone() == "" && p.Bits() > 0 &&
		!a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast()
}

func seconds(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	if n == 1<<32-1 {
		return diag.Forever, err == nil
	}
	return int64(n), err == nil
}
