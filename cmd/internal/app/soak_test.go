package app

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/live"
)

// churn changes the neighbour cache, routes and addresses of an interface until ctx ends, and returns how often.
func churn(ctx context.Context, link netlink.Link) (changes int) {
	index := link.Attrs().Index
	for i := 0; ctx.Err() == nil; i++ {
		address := func(n int) net.IP {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[13], a[14], a[15] = byte(n>>16), byte(n>>8), byte(n)
			return a[:]
		}
		entry := &netlink.Neigh{
			LinkIndex: index, IP: address(0x1000 + i%20_000), State: netlink.NUD_STALE,
			HardwareAddr: net.HardwareAddr{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)},
		}
		_ = netlink.NeighSet(entry) // where the table is full, one goes
		if i%2 == 1 {
			_ = netlink.NeighDel(entry)
		}
		if i%16 == 0 {
			route := &netlink.Route{LinkIndex: index, Dst: &net.IPNet{IP: address(0x200000 + i%4096<<4), Mask: net.CIDRMask(124, 128)}}
			_ = netlink.RouteReplace(route)
			_ = netlink.RouteDel(route)
		}
		if i%256 == 0 {
			own := &netlink.Addr{IPNet: &net.IPNet{IP: address(0x400000 + i), Mask: net.CIDRMask(128, 128)}}
			_ = netlink.AddrAdd(link, own)
			_ = netlink.AddrDel(link, own)
		}
		changes++
		time.Sleep(200 * time.Microsecond)
	}
	return changes
}

// held is what a process holds: memory in use after a collection, descriptors and goroutines.
type held struct{ heap, files, goroutines int }

func holds(t *testing.T) held {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return held{int(m.HeapAlloc), len(files), runtime.NumGoroutine()}
}

// TestSoak keeps a session on a link where everything changes all the time, and asks again and again: what the process
// holds does not grow. NDWHY_SOAK is for how long, of which the first half is for what grows to its bound.
func TestSoak(t *testing.T) {
	whole, err := time.ParseDuration(os.Getenv("NDWHY_SOAK"))
	if err != nil {
		t.Skip("NDWHY_SOAK is not set: for how long, as 20s")
	}
	if !nstest.EnterAsRoot(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", "2001:db8::1/64")
	ctx, cancel := context.WithTimeout(t.Context(), whole)
	defer cancel()
	done := make(chan int)
	go func() { done <- churn(ctx, nstest.Link(t, "eth0")) }()
	links, _, err := live.Interfaces(ctx, []string{"eth0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := live.Keep("", "", "", nil, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	session, err := live.Open(ctx, live.Options{
		Run: diag.Run{
			Interfaces: []string{"eth0"}, Peers: []netip.Addr{netip.MustParseAddr("2001:db8::2")}, InternetOff: true,
			Add: diag.AddNone, Count: 2, IntervalMS: 100, WaitMS: 200,
		},
		Links: links, IMDS: "none", Stay: true, Files: files,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	session.Settle(ctx)
	var early, late held
	runs, begun := 0, time.Now()
	for ctx.Err() == nil {
		if err := Ask(ctx, session, session.Session, time.Now().Add(2*time.Second)); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		runs++
		switch {
		case ctx.Err() != nil || time.Since(begun) < whole/2:
		case early.heap == 0:
			early = holds(t)
		default:
			if now := holds(t); ctx.Err() == nil { // else the sources are ending already
				late = now
			}
		}
	}
	changes := <-done
	t.Logf("%d changes, %d runs: %+v, then %+v", changes, runs, early, late)
	const slack = 4 << 20 // of memory: what is kept of frames and events comes and goes
	if early.heap == 0 || late.heap == 0 || changes < 100 {
		t.Fatal("it had no time")
	}
	if late.heap > early.heap+slack || late.files > early.files+2 || late.goroutines > early.goroutines+2 {
		t.Errorf("it grows: %+v, then %+v", early, late)
	}
}
