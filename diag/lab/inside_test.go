package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// What the tests let run inside a lab, under the name ndwhy.

func inside(args []string) int {
	programs := map[string]func([]string) error{
		"ping": ping, "state": state, "metadata": metadata, "add": add, "wait": wait, "sleep": sleep,
	}
	if len(args) == 0 || programs[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "no such program:", args)
		return 2
	}
	for {
		next := slices.Index(args, "then")
		this := args
		if next >= 0 {
			this = args[:next]
		}
		if err := programs[this[0]](this[1:]); err != nil {
			fmt.Fprintln(os.Stderr, this, err)
			return 1
		}
		if next < 0 {
			return 0
		}
		args = args[next+1:]
	}
}

// ping TARGET [SOURCE]: two echo requests; prints who answered within 300 ms. One answer from a unicast
// target is enough.
func ping(args []string) error {
	dst := netip.MustParseAddr(args[0])
	src := netip.IPv6Unspecified()
	if len(args) > 1 {
		src = netip.MustParseAddr(args[1])
	}
	eth0, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	filter := &ipv6.ICMPFilter{}
	filter.SetAll(true)
	for _, t := range []ipv6.ICMPType{ipv6.ICMPTypeEchoReply, ipv6.ICMPTypeDestinationUnreachable, ipv6.ICMPTypePacketTooBig} {
		filter.Accept(t)
	}
	if err := errors.Join(
		unix.SetsockoptICMPv6Filter(fd, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, &unix.ICMPv6Filter{Data: filter.Data}),
		unix.BindToDevice(fd, "eth0"),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}),
		unix.Bind(fd, &unix.SockaddrInet6{Addr: src.As16(), ZoneId: uint32(eth0.Attrs().Index)}),
	); err != nil {
		return err
	}
	var from []string
	deadline := time.Now().Add(300 * time.Millisecond)
	for seq := 0; time.Now().Before(deadline) && (dst.IsMulticast() || len(from) == 0); seq++ {
		if seq < 2 {
			m := icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Seq: seq, Data: make([]byte, 48)}}
			b, err := m.Marshal(nil)
			if err != nil {
				return err
			}
			if err := unix.Sendto(fd, b, 0, &unix.SockaddrInet6{Addr: dst.As16(), ZoneId: uint32(eth0.Attrs().Index)}); err != nil {
				fmt.Printf("%s: unsent: %v\n", dst, err)
				return nil
			}
		}
		for {
			buf := make([]byte, 1500)
			_, sa, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				break
			}
			a := netip.AddrFrom16(sa.(*unix.SockaddrInet6).Addr).String()
			if buf[0] != byte(ipv6.ICMPTypeEchoReply) {
				a = fmt.Sprintf("%s(type %d code %d)", a, buf[0], buf[1])
			}
			if !slices.Contains(from, a) {
				from = append(from, a)
			}
		}
	}
	slices.Sort(from)
	fmt.Printf("%s: %s\n", dst, strings.Join(from, " "))
	return nil
}

// add PREFIX: adds an address as an operator would, but without waiting for its DAD.
func add(args []string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(args[0])
	if err != nil {
		return err
	}
	a.Flags = unix.IFA_F_NODAD
	if err := netlink.AddrAdd(link, a); err != nil {
		return err
	}
	// The kernel takes it out of its tentative state in a queue, even without DAD, and later still
	// makes the route by which answers reach it.
	for {
		list, err := netlink.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			return err
		}
		tentative := slices.ContainsFunc(list, func(b netlink.Addr) bool { return b.Flags&unix.IFA_F_TENTATIVE != 0 })
		routes, err := netlink.RouteGet(a.IP)
		if !tentative && err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

// A hostState is what the tests want to know of the kernel inside.
type hostState struct {
	Host       string
	Addresses  []string // with valid and preferred lifetime
	Default    string   // gateway and protocol of the IPv6 default route
	Links      []string // in sysfs
	PID        int
	Namespace  string
	Env        map[string]string
	AcceptDAD  string
	ListensDHC bool
}

// state prints a hostState.
func state([]string) error {
	s := hostState{PID: os.Getpid(), Env: map[string]string{}}
	s.Host, _ = os.Hostname()
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V6)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		s.Addresses = append(s.Addresses, fmt.Sprintf("%s %d %d", a.IPNet, uint32(a.ValidLft), uint32(a.PreferedLft)))
	}
	routes, err := netlink.RouteList(link, netlink.FAMILY_V6)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if r.Gw != nil {
			s.Default = fmt.Sprintf("%s %s", r.Gw, r.Protocol)
		}
	}
	entries, err := os.ReadDir("/sys/class/net")
	if err != nil {
		return err
	}
	for _, e := range entries {
		s.Links = append(s.Links, e.Name())
	}
	s.Namespace, _ = os.Readlink("/proc/self/ns/net")
	for _, e := range os.Environ() {
		if k, v, _ := strings.Cut(e, "="); strings.HasPrefix(k, "NDWHY_") {
			s.Env[k] = v
		}
	}
	dad, err := os.ReadFile("/proc/sys/net/ipv6/conf/eth0/accept_dad")
	if err != nil {
		return err
	}
	s.AcceptDAD = strings.TrimSpace(string(dad))
	udp, err := os.ReadFile("/proc/self/net/udp6")
	if err != nil {
		return err
	}
	s.ListensDHC = strings.Contains(string(udp), ":0222 ")
	return json.NewEncoder(os.Stdout).Encode(s)
}

// metadata prints what the metadata service says: status and body, one line a question.
func metadata([]string) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext}}
	do := func(method, url string, header ...string) string {
		req, err := http.NewRequest(method, url, nil)
		if err != nil {
			return err.Error()
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK {
			b = nil
		}
		fmt.Printf("%s %s %d %s\n", method, url, resp.StatusCode, strings.ReplaceAll(string(b), "\n", ","))
		return string(b)
	}
	for _, base := range []string{os.Getenv("NDWHY_IMDS"), "http://[fd00:ec2::254]"} {
		do("GET", base+"/latest/meta-data/mac")
		do("PUT", base+"/latest/api/token")
		resp := do("PUT", base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
		token := []string{"X-aws-ec2-metadata-token", resp}
		at := base + "/latest/meta-data/network/interfaces/macs/" + do("GET", base+"/latest/meta-data/mac", token...) + "/"
		for _, path := range []string{"interface-id", "device-number", "ipv6s", "ipv6-prefix", "subnet-ipv6-cidr-blocks", "local-ipv4s"} {
			do("GET", at+path, token...)
		}
	}
	return nil
}

// wait says that it runs and ends when its input does.
func wait([]string) error {
	fmt.Println("running")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// sleep DURATION.
func sleep(args []string) error {
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	time.Sleep(d)
	return nil
}
