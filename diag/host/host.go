// Package host reads what this host does to neighbour discovery: who configures its interfaces,
// their IPv6 settings, the pressure on the neighbour table, the packet-filter rules, and what the
// hardware says of itself. It changes nothing and starts no program.
package host

import (
	"context"
	"io"
	"io/fs"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"ndwhy/diag"
	"ndwhy/diag/host/process"
)

const (
	interval = 5 * time.Second
	// A look through /proc costs more than all the rest, and daemons do not come and go.
	processesEvery = 6

	maxText = 4096
)

// A Reader reads what there is to know of the host and some links. Its methods may be called from
// several goroutines.
type Reader struct {
	// Ends, if set, returns this host's addresses in the TCP connections that are established on a port. Else, and where it
	// fails, the tables below /proc tell, which take the kernel long.
	Ends func(port uint16) ([]netip.Addr, error)

	sink  diag.Sink
	root  fs.FS
	links []diag.Link

	said      map[any]diag.Body // the last body of each key
	table     diag.TableUse
	processes []process.Process
	filters   filters

	mu    sync.Mutex // held while it reads
	reads int
}

// New returns a reader; root is "/" on a live host.
func New(sink diag.Sink, root fs.FS, links []diag.Link) *Reader {
	return &Reader{sink: sink, root: root, links: links, said: map[any]diag.Body{}}
}

// Read emits all that can be read, and then how complete it is: FeedHost, and FeedFilters for the
// packet-filter rules, which need CAP_NET_ADMIN. Later it emits what has changed since.
func (r *Reader) Read(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read(ctx, r.reads%processesEvery == 0)
	r.reads++
}

// Watch reads every five seconds until ctx ends.
func (r *Reader) Watch(ctx context.Context) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		r.Read(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// say emits a body if it differs from the last one of its key.
func (r *Reader) say(key any, body diag.Body) {
	if old, ok := r.said[key]; ok && reflect.DeepEqual(old, body) {
		return
	}
	r.said[key] = body
	r.sink.Emit(body)
}

func (r *Reader) read(ctx context.Context, processes bool) {
	if processes {
		r.processes = process.Find(r.root, "systemd-networkd", "NetworkManager", "dhclient", "dhcpcd")
	}
	r.machine()
	r.sysctls()
	r.tableUse()
	r.groups()
	r.resolvers()
	for _, l := range r.links {
		r.say(diag.Manager{Interface: l.Interface}, r.manager(l))
	}
	feed := diag.Feed{Name: diag.FeedHost, State: diag.Synced}
	if _, err := fs.Stat(r.root, "proc/sys/net/ipv6"); err != nil {
		feed.State, feed.Why = diag.Unavailable, "/proc/sys/net/ipv6 is missing: this kernel has no IPv6, or /proc is not mounted"
		feed.Fix = "Take ipv6.disable=1 off the kernel's command line."
	}
	r.say(feed.Name, feed)
	r.readFilters(ctx)
	if processes { // last: nothing that is asked rests on it, and the kernel looks long for connections
		r.access()
	}
}

// text reads a small file as one line, without what does not belong on a terminal.
func (r *Reader) text(path string) (string, bool) {
	content, ok := r.content(path)
	return clean(strings.TrimSpace(content)), ok
}

func (r *Reader) content(path string) (string, bool) {
	f, err := r.root.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxText))
	return string(b), err == nil
}

func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(s, "."))
}

func (r *Reader) machine() {
	get := func(name string) string {
		s, _ := r.text("sys/class/dmi/id/" + name)
		return s
	}
	m := diag.Machine{
		SysVendor: get("sys_vendor"), Product: get("product_name"),
		BIOS: get("bios_vendor"), BIOSVersion: get("bios_version"), ChassisID: get("chassis_asset_tag"),
	}
	if m != (diag.Machine{}) {
		r.say(m.Kind(), m)
	}
}

// The settings under net.ipv6.conf (Documentation/networking/ip-sysctl.rst) that decide about
// neighbour discovery. A kernel without one of them leaves it out.
var confNames = []string{
	"disable_ipv6", "accept_ra", "accept_ra_defrtr", "accept_ra_pinfo", "autoconf", "router_solicitations",
	"forwarding", "force_forwarding", "accept_dad", "dad_transmits", "optimistic_dad", "addr_gen_mode",
	"use_tempaddr", "enhanced_dad", "ndisc_notify", "proxy_ndp", "drop_unsolicited_na", "accept_redirects",
	"accept_ra_rtr_pref", "accept_ra_rt_info_min_plen", "accept_ra_rt_info_max_plen", "accept_ra_min_lft",
	"accept_ra_mtu", "accept_ra_min_hop_limit", "max_addresses", "hop_limit", "mtu",
}

// Settings that have no interface, by path under /proc/sys/net/ipv6 and by name.
var plainNames = map[string]string{
	"icmp/echo_ignore_all":       "icmp.echo_ignore_all",
	"icmp/echo_ignore_multicast": "icmp.echo_ignore_multicast",
	"icmp/echo_ignore_anycast":   "icmp.echo_ignore_anycast",
	"neigh/default/gc_thresh1":   "neigh.default.gc_thresh1",
	"neigh/default/gc_thresh2":   "neigh.default.gc_thresh2",
	"neigh/default/gc_thresh3":   "neigh.default.gc_thresh3",
}

func (r *Reader) sysctls() {
	emit := func(scope, name, path string) {
		if value, ok := r.text("proc/sys/net/ipv6/" + path); ok {
			r.say(diag.SysctlKey{Scope: scope, Name: name}, diag.Sysctl{Scope: scope, Name: name, Value: value})
		}
	}
	scopes := []string{"all", "default"}
	for _, l := range r.links {
		scopes = append(scopes, l.Interface)
	}
	for _, scope := range scopes {
		for _, name := range confNames {
			emit(scope, name, "conf/"+scope+"/"+name)
		}
	}
	for _, l := range r.links {
		emit(l.Interface, "neigh.mcast_solicit", "neigh/"+l.Interface+"/mcast_solicit")
	}
	for path, name := range plainNames {
		emit("", name, path)
	}
}

// tableUse reads /proc/net/stat/ndisc_cache, a line of hexadecimal counters for each CPU under a
// line of names (net/core/neighbour.c, neigh_stat_seq_show). The number of entries is the whole
// table's on every line. Only what changed by a tenth is said again.
func (r *Reader) tableUse() {
	content, ok := r.content("proc/net/stat/ndisc_cache")
	if !ok {
		return
	}
	use, ok := parseTableUse(content)
	if !ok {
		return
	}
	if s, ok := r.text("proc/sys/net/ipv6/neigh/default/gc_thresh3"); ok {
		use.Thresh3, _ = strconv.Atoi(s)
	}
	use.Tracked, use.TrackedMost = r.tracked()
	old := r.table
	delta := use.Entries - old.Entries
	if (old.TrackedMost > 0) == (use.TrackedMost > 0) && old.Thresh3 == use.Thresh3 && old.TableFulls == use.TableFulls && max(delta, -delta) <= max(8, old.Entries/10) && old != (diag.TableUse{}) {
		return
	}
	r.table = use
	r.sink.Emit(use)
}

// tracked returns how many connections are tracked, and how many may be, where there is hardly room for another.
func (r *Reader) tracked() (now, most int) {
	for name, n := range map[string]*int{"count": &now, "max": &most} {
		s, _ := r.text("proc/sys/net/netfilter/nf_conntrack_" + name)
		*n, _ = strconv.Atoi(s)
	}
	if most <= 0 || now < most-most/20 { // a maximum of 0 is none
		return 0, 0
	}
	return now, most
}

func parseTableUse(content string) (use diag.TableUse, ok bool) {
	var names []string
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if names == nil {
			names = fields
			continue
		}
		for i, f := range fields[:min(len(fields), len(names))] {
			n, err := strconv.ParseUint(f, 16, 31)
			switch {
			case err != nil:
			case names[i] == "entries":
				use.Entries, ok = int(n), true
			case names[i] == "table_fulls":
				use.TableFulls += int(n)
			}
		}
	}
	return use, ok && slices.Contains(names, "table_fulls")
}
