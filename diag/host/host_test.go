package host

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"ndwhy/diag"

	"github.com/google/go-cmp/cmp"
)

var eth0 = diag.Link{Interface: "eth0", Index: 2}

// A log is a Sink that keeps what it is told.
type log struct {
	mu     sync.Mutex
	bodies []diag.Body
}

func (l *log) Emit(b diag.Body) diag.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bodies = append(l.bodies, b)
	return diag.Event{Seq: int64(len(l.bodies)), Body: b}
}

func (l *log) EmitAt(_ time.Time, b diag.Body) diag.Event { return l.Emit(b) }

// take returns what came since the last time, without what FeedFilters says: it depends on who runs
// the test.
func (l *log) take() []diag.Body {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.DeleteFunc(l.bodies, func(b diag.Body) bool {
		_, filter := b.(diag.Filter)
		f, _ := b.(diag.Feed)
		return filter || f.Name == diag.FeedFilters
	})
	l.bodies = nil
	return list
}

func of[T diag.Body](bodies []diag.Body) (list []T) {
	for _, b := range bodies {
		if t, ok := b.(T); ok {
			list = append(list, t)
		}
	}
	return list
}

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func link(s string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(s), Mode: fs.ModeSymlink | 0o777}
}

const stat = "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n"

func instance(more fstest.MapFS) fstest.MapFS {
	root := fstest.MapFS{
		"sys/class/dmi/id/sys_vendor":                         file("Amazon EC2\n"),
		"sys/class/dmi/id/product_name":                       file("t4g.nano\n"),
		"sys/class/dmi/id/bios_vendor":                        file("Amazon \x1b[2JEC2\n"),
		"sys/class/dmi/id/bios_version":                       file("1.0\n"),
		"sys/class/dmi/id/chassis_asset_tag":                  file("Amazon EC2\n"),
		"proc/self/ns/net":                                    link("net:[1]"),
		"proc/1/comm":                                         file("systemd\n"),
		"proc/1/ns/net":                                       link("net:[1]"),
		"proc/sys/net/ipv6/conf/all/forwarding":               file("0\n"),
		"proc/sys/net/ipv6/conf/all/accept_dad":               file("0\n"),
		"proc/sys/net/ipv6/conf/default/accept_ra":            file("1\n"),
		"proc/sys/net/ipv6/conf/eth0/accept_ra":               file("1\n"),
		"proc/sys/net/ipv6/conf/eth0/forwarding":              file("0\n"),
		"proc/sys/net/ipv6/conf/eth1/accept_ra":               file("2\n"),
		"proc/sys/net/ipv6/icmp/echo_ignore_all":              file("0\n"),
		"proc/sys/net/ipv6/neigh/default/gc_thresh3":          file("1024\n"),
		"proc/net/stat/ndisc_cache":                           file(stat + "00000010 1 1 0 0 0 0 0 0 0 0 0 00000002\n00000010 1 1 0 0 0 0 0 0 0 0 0 0000000a\n"),
		"proc/sys/net/ipv6/conf/eth0/a_setting_of_the_future": file("1\n"),
	}
	maps.Copy(root, more)
	return root
}

func TestRead(t *testing.T) {
	var l log
	New(&l, instance(nil), []diag.Link{eth0}).Read(t.Context())
	got := l.take()
	want := []diag.Body{
		diag.Machine{SysVendor: "Amazon EC2", Product: "t4g.nano", BIOS: "Amazon .[2JEC2", BIOSVersion: "1.0", ChassisID: "Amazon EC2"},
		diag.Sysctl{Scope: "all", Name: "forwarding", Value: "0"},
		diag.Sysctl{Scope: "all", Name: "accept_dad", Value: "0"},
		diag.Sysctl{Scope: "default", Name: "accept_ra", Value: "1"},
		diag.Sysctl{Scope: "eth0", Name: "accept_ra", Value: "1"},
		diag.Sysctl{Scope: "eth0", Name: "forwarding", Value: "0"},
		diag.Sysctl{Name: "icmp.echo_ignore_all", Value: "0"},
		diag.Sysctl{Name: "neigh.default.gc_thresh3", Value: "1024"},
		diag.TableUse{Entries: 16, Thresh3: 1024, TableFulls: 12},
		diag.Manager{Interface: "eth0", Name: "none"},
		diag.Feed{Name: diag.FeedHost, State: diag.Synced},
	}
	byText := func(a, b diag.Body) int {
		return strings.Compare(diag.Describe(diag.Event{Body: a}), diag.Describe(diag.Event{Body: b}))
	}
	last := got[len(got)-1]
	if diff := cmp.Diff(slices.SortedFunc(slices.Values(want), byText), slices.SortedFunc(slices.Values(got), byText)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if last != want[len(want)-1] {
		t.Errorf("the last word was %v: the feed is whole before everything was said", last)
	}
}

// A container or namespace has no DMI, no table statistics and no thresholds; a kernel may have no
// IPv6 at all.
func TestReadWhatIsNotThere(t *testing.T) {
	var l log
	New(&l, fstest.MapFS{}, []diag.Link{eth0}).Read(t.Context())
	got := l.take()
	if len(of[diag.Machine](got))+len(of[diag.TableUse](got))+len(of[diag.Sysctl](got)) != 0 {
		t.Errorf("%v", got)
	}
	if feeds := of[diag.Feed](got); len(feeds) != 1 || feeds[0].State != diag.Unavailable || feeds[0].Why == "" || feeds[0].Fix == "" {
		t.Errorf("%v", feeds)
	}
}

// A shared file system may change while it is read.
type shared struct {
	mu sync.Mutex
	fs fstest.MapFS
}

func (s *shared) set(name string, f *fstest.MapFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fs[name] = f
}

func (s *shared) Open(name string) (fs.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fs.Open(name)
}

func (s *shared) ReadLink(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fs.ReadLink(name)
}

func (s *shared) Lstat(name string) (fs.FileInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fs.Lstat(name)
}

func TestWatchSaysWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l log
		root := &shared{fs: instance(nil)}
		done := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(done)
			New(&l, root, []diag.Link{eth0}).Watch(ctx)
		}()
		synctest.Wait()
		if got := l.take(); len(of[diag.Sysctl](got)) == 0 {
			t.Errorf("at first: %v", got)
		}
		time.Sleep(interval)
		synctest.Wait()
		if got := l.take(); len(got) != 0 {
			t.Errorf("nothing changed, and it said %v", got)
		}

		root.set("proc/sys/net/ipv6/conf/eth0/forwarding", file("1\n"))
		root.set("proc/net/stat/ndisc_cache", file(stat+"00000011 1 1 0 0 0 0 0 0 0 0 0 0000000c\n")) // one entry more
		time.Sleep(interval)
		synctest.Wait()
		if diff := cmp.Diff([]diag.Body{diag.Sysctl{Scope: "eth0", Name: "forwarding", Value: "1"}}, l.take()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}

		// Who runs is looked at every half minute.
		root.set("proc/9/comm", file("dhclient\n"))
		root.set("proc/9/ns/net", link("net:[1]"))
		root.set("proc/9/cmdline", file("dhclient\x00-6\x00eth0\x00"))
		root.set("proc/net/stat/ndisc_cache", file(stat+"00000300 1 1 0 0 0 0 0 0 0 0 0 0000000d\n"))
		time.Sleep((processesEvery - 2) * interval)
		synctest.Wait()
		want := []diag.Body{diag.TableUse{Entries: 768, Thresh3: 1024, TableFulls: 13}, diag.Manager{Interface: "eth0", Name: "dhclient"}}
		if diff := cmp.Diff(want, l.take()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		cancel()
		<-done
	})
}

func TestManager(t *testing.T) {
	run := func(pid, comm, args string) fstest.MapFS {
		return fstest.MapFS{
			"proc/" + pid + "/comm":    file(comm + "\n"),
			"proc/" + pid + "/cmdline": file(strings.ReplaceAll(args, " ", "\x00") + "\x00"),
			"proc/" + pid + "/ns/net":  link("net:[1]"),
		}
	}
	with := func(a fstest.MapFS, path, content string) fstest.MapFS {
		a = maps.Clone(a)
		a[path] = file(content)
		return a
	}
	networkd := run("50", "systemd-network", "/usr/lib/systemd/systemd-networkd")
	configured := func(network string) fstest.MapFS {
		return with(with(networkd, "run/systemd/netif/links/2",
			"# This is private data. Do not parse.\nADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10.network\nNETWORK_FILE_DROPINS=\"/run/a.conf:/run/b.conf\"\n"),
			"etc/systemd/network/10.network", network)
	}
	nm := with(run("60", "NetworkManager", "/usr/sbin/NetworkManager --no-daemon"),
		"run/NetworkManager/devices/2", "[device]\nmanaged=true\nconnection-uuid=uu-1\n")
	const zero = "proc/sys/net/ipv6/conf/eth0/accept_ra"
	for name, c := range map[string]struct {
		more fstest.MapFS
		want diag.Manager
	}{
		"nobody":                     {nil, diag.Manager{Name: "none"}},
		"networkd":                   {configured("[Match]\nName=eth*\n[Network]\nDHCP=yes\n"), diag.Manager{Name: "networkd", File: "/etc/systemd/network/10.network", RA: true}},
		"networkd ignores RAs":       {configured("[Network]\nDHCP=yes\nIPv6AcceptRA=no\n"), diag.Manager{Name: "networkd", File: "/etc/systemd/network/10.network"}},
		"drop-in says otherwise":     {with(configured("[Network]\nIPv6AcceptRA=no\n"), "run/b.conf", "[Network]\nIPv6AcceptRA=true\n"), diag.Manager{Name: "networkd", File: "/etc/systemd/network/10.network", RA: true}},
		"no link-local":              {configured("[Network]\nLinkLocalAddressing=ipv4\n"), diag.Manager{Name: "networkd", File: "/etc/systemd/network/10.network"}},
		"networkd on a router":       {with(configured("[Network]\n"), "proc/sys/net/ipv6/conf/eth0/forwarding", "1\n"), diag.Manager{Name: "networkd", File: "/etc/systemd/network/10.network"}},
		"networkd, unmanaged":        {with(networkd, "run/systemd/netif/links/2", "ADMIN_STATE=unmanaged\n"), diag.Manager{Name: "none"}},
		"networkd failed":            {with(networkd, "run/systemd/netif/links/2", "ADMIN_STATE=failed\n"), diag.Manager{Name: "networkd"}},
		"networkd stopped":           {fstest.MapFS{"run/systemd/netif/links/2": file("ADMIN_STATE=configured\n")}, diag.Manager{Name: "none"}},
		"networkd elsewhere":         {with(configured("[Network]\n"), "proc/50/ns/net", ""), diag.Manager{Name: "none"}},
		"NetworkManager":             {with(nm, zero, "0\n"), diag.Manager{Name: "NetworkManager", RA: true}},
		"NetworkManager, RAs off":    {with(with(nm, zero, "0\n"), "etc/NetworkManager/system-connections/a", "[connection]\nuuid=uu-1\n[ipv6]\nmethod=dhcp\n"), diag.Manager{Name: "NetworkManager"}},
		"NetworkManager, kernel RAs": {nm, diag.Manager{Name: "NetworkManager"}},
		"NetworkManager, unmanaged":  {with(nm, "run/NetworkManager/devices/2", "[device]\nmanaged=false\n"), diag.Manager{Name: "none"}},
		"dhclient -6":                {run("70", "dhclient", "/sbin/dhclient -6 -pf /run/x -lf eth1 eth0"), diag.Manager{Name: "dhclient"}},
		"dhclient -6 of another":     {run("70", "dhclient", "/sbin/dhclient -6 -pf eth0 eth1"), diag.Manager{Name: "none"}},
		"dhclient for IPv4":          {run("70", "dhclient", "/sbin/dhclient eth0"), diag.Manager{Name: "none"}},
		"dhcpcd":                     {with(run("80", "dhcpcd", "dhcpcd: eth0 [ip6]"), zero, "0\n"), diag.Manager{Name: "dhcpcd", RA: true}},
		"dhcpcd, all interfaces":     {run("80", "dhcpcd", "dhcpcd: [manager] [ip4] [ip6]"), diag.Manager{Name: "dhcpcd"}},
		"dhcpcd for IPv4":            {run("80", "dhcpcd", "dhcpcd: eth0 [ip4]"), diag.Manager{Name: "none"}},
		"netplan by networkd": {
			with(with(networkd, "run/systemd/netif/links/2", "ADMIN_STATE=configured\nNETWORK_FILE=/run/systemd/network/10-netplan-eth0.network\n"),
				"run/systemd/network/10-netplan-eth0.network", "[Network]\n"),
			diag.Manager{Name: "networkd", RA: true, Writer: "netplan", File: "/run/systemd/network/10-netplan-eth0.network"},
		},
		"netplan by NetworkManager": {
			with(nm, "run/NetworkManager/system-connections/netplan-eth0.nmconnection", "[connection]\nuuid=uu-1\n"),
			diag.Manager{Name: "NetworkManager", RA: true, Writer: "netplan"},
		},
		"ifupdown":              {fstest.MapFS{"run/network/ifstate": file("lo=lo\neth0=home\n")}, diag.Manager{Name: "none", Writer: "ifupdown"}},
		"ifupdown, a file each": {with(run("70", "dhclient", "dhclient -6 eth0"), "run/network/ifstate.eth0", "eth0\n"), diag.Manager{Name: "dhclient", Writer: "ifupdown"}},
		"ifupdown of another":   {fstest.MapFS{"run/network/ifstate": file("lo=lo\neth1=eth1\n")}, diag.Manager{Name: "none"}},
		"dhcpcd of another":     {run("80", "dhcpcd", "dhcpcd -6 eth1"), diag.Manager{Name: "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := instance(c.more)
			if name == "networkd elsewhere" {
				root["proc/50/ns/net"] = link("net:[2]")
			}
			var l log
			New(&l, root, []diag.Link{eth0}).Read(t.Context())
			c.want.Interface = "eth0"
			if got := of[diag.Manager](l.take()); len(got) != 1 || got[0] != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// What is tracked is told where there is hardly room for another connection.
func TestTracked(t *testing.T) {
	for most, full := range map[string]bool{"65536": true, "262144": false, "0": false} {
		var l log
		New(&l, instance(fstest.MapFS{
			"proc/sys/net/netfilter/nf_conntrack_count": file("65500\n"), "proc/sys/net/netfilter/nf_conntrack_max": file(most + "\n"),
		}), nil).tableUse()
		use := of[diag.TableUse](l.take())[0]
		if (use.Tracked == 65500 && use.TrackedMost == 65536) != full || !full && use.TrackedMost > 0 {
			t.Errorf("65500 of %s: %+v", most, use)
		}
	}
}

func FuzzTableUse(f *testing.F) {
	f.Add(stat + "00000010 1 1 0 0 0 0 0 0 0 0 0 00000002\n")
	f.Add("table_fulls entries\nffffffff 7fffffff\n1")
	f.Fuzz(func(t *testing.T, content string) {
		if use, ok := parseTableUse(content); ok && use.Entries < 0 {
			t.Errorf("%+v", use)
		}
		_ = key(content, "Network", "IPv6AcceptRA")
	})
}
