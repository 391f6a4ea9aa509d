package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
)

// addAddress configures an address as a person would: ADDRESS/LENGTH on eth0, waiting for DAD. With a
// second argument it is deprecated.
func addAddress(args []string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(args[0])
	if err != nil {
		return err
	}
	if len(args) > 1 {
		a.ValidLft, a.PreferedLft = 3600, 0
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		return fmt.Errorf("adding %s: %w", args[0], err)
	}
	return until(10*time.Second, func() (bool, error) {
		list, err := netlink.AddrList(link, unix.AF_INET6)
		i := slices.IndexFunc(list, func(x netlink.Addr) bool { return x.IP.Equal(a.IP) })
		return i >= 0 && list[i].Flags&unix.IFA_F_TENTATIVE == 0, err
	})
}

// until polls the kernel's own tables for what they do not announce to us.
func until(limit time.Duration, cond func() (bool, error)) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		ok, err := cond()
		if err != nil || ok {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("it did not come to pass")
		}
	}
}

// An account is the part of the host that safety rule 2 protects.
type account struct {
	Addresses, Routes, Neighbours []string
	Sysctls                       map[string]string
}

// takeAccount reads the account. Of entries of the neighbour cache it keeps the MAC, the router flag
// and whether they can be used; the routes that an advertisement sets are left out.
func takeAccount() (account, error) {
	acc := account{Sysctls: map[string]string{}}
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return acc, err
	}
	addrs, err := netlink.AddrList(link, unix.AF_INET6)
	if err != nil {
		return acc, err
	}
	for _, a := range addrs {
		acc.Addresses = append(acc.Addresses, fmt.Sprintf("%s %x", a.IPNet, a.Flags))
	}
	routes, err := netlink.RouteList(link, unix.AF_INET6)
	if err != nil {
		return acc, err
	}
	for _, r := range routes {
		if r.Protocol != unix.RTPROT_RA && r.Protocol != unix.RTPROT_KERNEL {
			acc.Routes = append(acc.Routes, r.String())
		}
	}
	neighs, err := netlink.NeighList(link.Attrs().Index, unix.AF_INET6)
	if err != nil {
		return acc, err
	}
	usable := netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT
	for _, n := range neighs {
		if n.State&usable != 0 {
			acc.Neighbours = append(acc.Neighbours, fmt.Sprintf("%s %s %v", n.IP, n.HardwareAddr, n.Flags&netlink.NTF_ROUTER != 0))
		}
	}
	for _, dir := range []string{"all", "default", "eth0"} {
		root := "/proc/sys/net/ipv6/conf/" + dir + "/"
		files, err := os.ReadDir(root)
		if err != nil {
			return acc, err
		}
		for _, f := range files {
			if b, err := os.ReadFile(root + f.Name()); err == nil {
				acc.Sysctls[dir+"/"+f.Name()] = strings.TrimSpace(string(b))
			}
		}
	}
	slices.Sort(acc.Addresses)
	slices.Sort(acc.Routes)
	return acc, nil
}

// A pinger asks one target every 10 ms, as an application that is in the middle of its work.
type pinger struct {
	target string
	conn   *icmp.PacketConn
	mu     sync.Mutex
	sent   map[int]time.Time
	rtts   []time.Duration
}

func (p *pinger) run(ctx context.Context) error {
	conn, err := icmp.ListenPacket("ip6:ipv6-icmp", ubuntu1)
	if err != nil {
		return err
	}
	p.conn, p.sent = conn, map[int]time.Time{}
	id := int(netip.MustParseAddr(p.target).As16()[15])<<8 | 0x5a
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 1500)
		for {
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			m, err := icmp.ParseMessage(58, b[:n])
			if err != nil || m.Type != ipv6.ICMPTypeEchoReply {
				continue
			}
			echo, ok := m.Body.(*icmp.Echo)
			if !ok || echo.ID != id {
				continue
			}
			p.mu.Lock()
			if at, ok := p.sent[echo.Seq]; ok {
				p.rtts = append(p.rtts, time.Since(at))
				delete(p.sent, echo.Seq)
			}
			p.mu.Unlock()
		}
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for seq := 1; ctx.Err() == nil; seq++ {
		b, err := (&icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: id, Seq: seq}}).Marshal(nil)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.sent[seq] = time.Now()
		p.mu.Unlock()
		if _, err := conn.WriteTo(b, &net.IPAddr{IP: net.ParseIP(p.target)}); err != nil {
			return fmt.Errorf("ping %s: %w", p.target, err)
		}
		<-tick.C
	}
	_ = until(2*time.Second, func() (bool, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.sent) == 0, nil
	})
	conn.Close()
	wg.Wait()
	return nil
}

// A witness is what besideTraffic saw.
type witness struct {
	Before, After account
	Lost          map[string]int
	Slowest       map[string]time.Duration
	Report        json.RawMessage
}

// delayed tells which pings waited for something. The lab's own delay is a fraction of a millisecond; a question that
// hangs on another's resolution waits for the 1 s tick. One to the instance itself hangs on nothing: what that takes is the
// machine's doing.
func (w witness) delayed() (list []string) {
	for target, slow := range w.Slowest {
		if busy := w.Slowest[ubuntu1]; target != ubuntu1 && slow > busy+50*time.Millisecond {
			list = append(list, fmt.Sprintf("a ping to %s took %v, one to itself %v", target, slow, busy))
		}
	}
	return list
}

// besideTraffic runs the check given in args while the instance is talking to the Internet and to
// its peer, and prints a witness.
func besideTraffic(args []string) error {
	pingers := []*pinger{{target: os.Getenv("NDWHY_INTERNET")}, {target: ubuntu2}, {target: ubuntu1}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	errs := make([]error, len(pingers))
	for i, p := range pingers {
		wg.Go(func() { errs[i] = p.run(ctx) })
	}
	if err := until(5*time.Second, func() (bool, error) {
		for _, p := range pingers {
			p.mu.Lock()
			n := len(p.rtts)
			p.mu.Unlock()
			if n < 20 {
				return false, nil
			}
		}
		return true, nil
	}); err != nil {
		return fmt.Errorf("the instance's own traffic: %w", err)
	}
	for _, p := range pingers { // resolution at the start is not the check's doing
		p.mu.Lock()
		p.rtts = nil
		p.mu.Unlock()
	}
	w := witness{Lost: map[string]int{}, Slowest: map[string]time.Duration{}}
	var err error
	if w.Before, err = takeAccount(); err != nil {
		return err
	}
	var out bytes.Buffer
	cmd := exec.Command("ndwhy", args...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("check: %w\n%s", err, out.Bytes())
	}
	w.Report = out.Bytes()
	if w.After, err = takeAccount(); err != nil {
		return err
	}
	cancel()
	wg.Wait()
	for _, p := range pingers {
		w.Lost[p.target] = len(p.sent)
		w.Slowest[p.target] = slices.Max(p.rtts)
	}
	return errors.Join(errors.Join(errs...), json.NewEncoder(os.Stdout).Encode(w))
}

// The instance's own traffic never notices a check, not even one that adds addresses, and the host
// is afterwards as it was before.
func TestSafety(t *testing.T) {
	for _, add := range []string{"claim", "kernel"} {
		t.Run(add, func(t *testing.T) {
			var w witness
			var slow []string
			for range 3 { // a busy machine may be slow; it is not every time
				w = witness{}
				r := labtest.Run(t, "vpc", "ndwhy", "test-safety", "check", "--json", "--add", add)
				if r.Code != 0 {
					t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
				}
				if err := json.Unmarshal([]byte(r.Stdout), &w); err != nil {
					t.Fatal(err)
				}
				for target, lost := range w.Lost {
					if lost > 0 {
						t.Errorf("%d pings to %s were lost", lost, target)
					}
				}
				more := w.delayed()
				if slow = append(slow, more...); len(more) == 0 {
					slow = nil
					break
				}
			}
			if slow != nil {
				t.Error(strings.Join(slow, "; "))
			}
			if !slices.Equal(w.Before.Addresses, w.After.Addresses) {
				t.Errorf("addresses before %v, after %v", w.Before.Addresses, w.After.Addresses)
			}
			if !slices.Equal(w.Before.Routes, w.After.Routes) {
				t.Errorf("routes before %v, after %v", w.Before.Routes, w.After.Routes)
			}
			if !maps.Equal(w.Before.Sysctls, w.After.Sysctls) {
				t.Errorf("sysctls before %v, after %v", w.Before.Sysctls, w.After.Sysctls)
			}
			for _, n := range w.Before.Neighbours {
				if !slices.Contains(w.After.Neighbours, n) {
					t.Errorf("neighbour %s before; after %v", n, w.After.Neighbours)
				}
			}
			var rep report.Report
			if err := json.Unmarshal(w.Report, &rep); err != nil {
				t.Fatal(err)
			}
			if seconds := float64(rep.DurationMS) / 1000; float64(rep.Traffic.Sent) > 100*seconds+40 || rep.Traffic.Sent > 2000 {
				t.Errorf("%d packets in %.1f s", rep.Traffic.Sent, seconds)
			}
		})
	}
}

// What the dry run lists is what is then sent, and no more.
func TestDryRunBoundsTheRun(t *testing.T) {
	t.Parallel()
	for _, run := range []struct{ scenario, add string }{{"vpc", "claim"}, {"vpc", "kernel"}, {"never-met", "claim"}} {
		r := labtest.Run(t, run.scenario, "sh", "-c", "ndwhy check --dry-run --add "+run.add+" >&2 && ndwhy check --json --add "+run.add)
		if r.Code != 0 {
			t.Fatalf("exit %d: %s\n%s", r.Code, readReport(t, r).Headline, r.Stderr)
		}
		// On a loaded machine what is answered late is asked again: that is announced, too.
		most := 0
		for _, n := range regexp.MustCompile(`[Aa]t most (\d+) packets`).FindAllStringSubmatch(r.Stderr, -1) {
			n, _ := strconv.Atoi(n[1])
			most += n
		}
		rep := readReport(t, r)
		if rep.Traffic.Sent > most || rep.Traffic.Sent == 0 {
			t.Errorf("%d packets sent, %d announced", rep.Traffic.Sent, most)
		}
		for _, p := range rep.Paths {
			if p.Sent > 0 && !strings.Contains(r.Stderr, p.Target) {
				t.Errorf("%s to %s was sent and not listed", p.Asks, p.Target)
			}
		}
	}
}

// After SIGKILL in the middle of --add kernel the kernel itself takes the candidates away.
func TestKilledCheckLeavesNothing(t *testing.T) {
	t.Parallel()
	const script = `
ndwhy check --add kernel >/dev/null & pid=$!
ndwhy test-vanish appear || exit 1
kill -9 $pid
exec ndwhy test-vanish gone`
	if r := labtest.Run(t, "vpc", "sh", "-c", script); r.Code != 0 {
		t.Errorf("exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// vanish waits until candidates are configured ("appear"), or until none is ("gone", 30 s).
func vanish(args []string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	return until(30*time.Second, func() (bool, error) {
		list, err := netlink.AddrList(link, unix.AF_INET6)
		n := 0
		for _, a := range list {
			if ip := a.IP.String(); ip != ubuntu1 && ip != ubuntu1LL {
				n++
			}
		}
		return (n > 0) == (args[0] == "appear"), err
	})
}
