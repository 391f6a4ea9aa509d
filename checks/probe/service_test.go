package probe

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const (
	imds6 = "fd00:ec2::254"
	dns6  = "fd00:ec2::253"
	ntp6  = "fd00:ec2::123"
)

// across runs f on the other side.
func (h *host) across(f func() error) {
	h.t.Helper()
	done := make(chan error)
	h.far <- func() { done <- f() }
	must(h.t, <-done)
}

// holds gives the other side an address.
func (h *host) holds(address string) {
	h.t.Helper()
	h.across(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(address + "/128")
		if err != nil {
			return err
		}
		a.Flags = unix.IFA_F_NODAD
		return netlink.AddrAdd(lo, a)
	})
}

// serveUDP answers on the other side; a nil answer is none.
func (h *host) serveUDP(at string, answer func([]byte) []byte) {
	h.t.Helper()
	h.holds(at[1:strings.Index(at, "]")])
	h.across(func() error {
		c, err := net.ListenPacket("udp6", at)
		if err != nil {
			return err
		}
		h.t.Cleanup(func() { c.Close() })
		go func() {
			buf := make([]byte, 2048)
			for {
				n, from, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				if b := answer(buf[:n]); b != nil {
					_, _ = c.WriteTo(b, from)
				}
			}
		}()
		return nil
	})
}

// serveTCP accepts on the other side and answers what f says once the request has been read.
func (h *host) serveTCP(at string, f func(request string) string) {
	h.t.Helper()
	h.holds(at[1:strings.Index(at, "]")])
	h.across(func() error {
		l, err := net.Listen("tcp6", at)
		if err != nil {
			return err
		}
		h.t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					buf := make([]byte, 2048)
					n, _ := c.Read(buf)
					for part := range strings.SplitSeq(f(string(buf[:n])), "|") {
						_, _ = c.Write([]byte(part))
						time.Sleep(20 * time.Millisecond) // another segment
					}
				}()
			}
		}()
		return nil
	})
}

func dnsAnswer(request []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(request) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.RCode = true, dnsmessage.RCodeRefused
	b, _ := m.Pack()
	return b
}

// synthesised answers as a resolver with DNS64 does, behind an alias.
func synthesised(request []byte, made string) []byte {
	var m dnsmessage.Message
	if m.Unpack(request) != nil || len(m.Questions) != 1 {
		return nil
	}
	header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}
	m.Response = true
	m.Answers = []dnsmessage.Resource{
		{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("alias.test.")}},
		{Header: header, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(made).As16()}},
	}
	b, _ := m.Pack()
	return b
}

func TestDNS64(t *testing.T) {
	for made, want := range map[string]string{
		"64:ff9b::c000:aa":      checks.DNSTranslates + "64:ff9b::/96",
		"2001:db8:64::c000:ab":  checks.DNSTranslates + "2001:db8:64::/96",
		"2001:db8::1":           checks.DNSServes, // whatever that is
		"fe80::c000:aa":         checks.DNSServes,
		"2001:db8:c000:aa::":    checks.DNSTranslates + "2001:db8::/32",
		"::ffff:192.0.0.170":    checks.DNSServes,
		"2001:db8:64::c0a8:101": checks.DNSServes,
	} {
		if says, ok := dnsCode(synthesised(namesQuery(netip.Addr{}, 3), made), 3); !ok || says != want {
			t.Errorf("%s: %q %t, want %q", made, says, ok, want)
		}
	}
}

// A name server that will not hear of ipv4only.arpa is asked for what it cannot but have.
func TestDNSAskedOtherwise(t *testing.T) {
	if nstest.Enter(t) {
		answersOnly(t, func(q dnsmessage.Question) bool { return q.Name.String() == "." })
	}
}

// One that has only IPv4 addresses serves.
func TestDNSOfIPv4Alone(t *testing.T) {
	if nstest.Enter(t) {
		answersOnly(t, func(q dnsmessage.Question) bool { return q.Type == dnsmessage.TypeA })
	}
}

func answersOnly(t *testing.T, serves func(dnsmessage.Question) bool) {
	t.Helper()
	h := newHost(t)
	h.serveUDP("["+dns6+"]:53", func(request []byte) []byte {
		var m dnsmessage.Message
		if m.Unpack(request) != nil || len(m.Questions) != 1 {
			return nil
		}
		if m.Response, m.RCode = true, dnsmessage.RCodeRefused; serves(m.Questions[0]) {
			m.RCode = dnsmessage.RCodeSuccess
		}
		b, _ := m.Pack()
		return b
	})
	h.services()
	h.service(dns6, diag.Answered, "")
}

func ntpAnswer(request []byte) []byte {
	if len(request) != 48 || request[0] != 0x23 {
		return nil
	}
	b := make([]byte, 48)
	b[0], b[1] = 0x24, 4
	copy(b[24:], request[40:])
	return b
}

// services asks for the three, and returns what the sockets saw.
func (h *host) services() (seen []diag.Socket) {
	h.t.Helper()
	h.run.Profile, h.run.Only = "aws", []string{"services"}
	h.open()
	h.sess.Emit(diag.Metadata{State: diag.MetadataUnreachable})
	stop := h.sess.Watch(func(e diag.Event) {
		if s, ok := e.Body.(diag.Socket); ok && s.Service != "" {
			seen = append(seen, s)
		}
	})
	defer stop()
	h.check()
	return seen
}

func (h *host) service(target string, outcome diag.Outcome, detail string) {
	h.t.Helper()
	h.want("services", diag.AsksService, target, diag.ViaKernel, outcome, detail)
}

func TestServices(t *testing.T) {
	t.Run("all answer", func(t *testing.T) {
		if !nstest.Enter(t) {
			return
		}
		h := newHost(t)
		asked := make(chan string, 4)
		h.serveTCP("["+imds6+"]:80", func(request string) string {
			asked <- request
			return "HTTP/1.|1 403 For|bidden\r\n\r\n"
		})
		h.serveUDP("["+dns6+"]:53", dnsAnswer)
		h.serveUDP("["+ntp6+"]:123", ntpAnswer)
		seen := h.services()
		answers := map[string]string{}
		for _, s := range seen {
			answers[s.Service] += s.Answer
		}
		for service, want := range map[string]string{"imds": "HTTP 403", "dns": "Refused", "ntp": "stratum 4"} {
			if answers[service] != want {
				t.Errorf("%s: %q, want %q", service, answers[service], want)
			}
		}
		for target, detail := range map[string]string{imds6: diag.DetailDeclines, dns6: diag.DetailDeclines, ntp6: ""} {
			h.service(target, diag.Answered, detail)
		}
		if request := <-asked; !strings.HasPrefix(request, "PUT /latest/api/token HTTP/1.1\r\n") || !strings.Contains(request, "\r\nX-aws-ec2-metadata-token-ttl-seconds: ") {
			t.Errorf("asked %q", request)
		}
	})
	t.Run("refused, silent, nowhere", func(t *testing.T) {
		if !nstest.Enter(t) {
			return
		}
		h := newHost(t)
		h.holds(imds6) // nobody listens
		h.serveUDP("["+dns6+"]:53", func([]byte) []byte { return nil })
		h.services() // and the other side has no route to NTP
		h.service(imds6, diag.Silent, checks.DetailClosed)
		h.service(dns6, diag.Silent, "")
		h.service(ntp6, diag.Refused, "")
	})
	t.Run("port unreachable", func(t *testing.T) {
		if !nstest.Enter(t) {
			return
		}
		h := newHost(t)
		h.holds(dns6)
		h.services()
		h.service(dns6, diag.Refused, "")
		h.service(imds6, diag.Refused, "") // no route, said to a connection
		h.sess.Look(func(s *diag.State) {
			for _, p := range s.Paths() {
				want := 4
				if p.Target.String() != dns6 {
					want = 0
				}
				if p.Error == nil || p.Error.Code != want || p.Error.Type != diag.Unreachable {
					t.Errorf("%s: %+v, want code %d", p.Target, p.Error, want)
				}
			}
		})
	})
	t.Run("no route here", func(t *testing.T) {
		if !nstest.Enter(t) {
			return
		}
		h := newHost(t)
		must(t, netlink.RouteDel(&netlink.Route{
			LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Gw: h.peer.AsSlice(), Family: unix.AF_INET6,
		}))
		h.services()
		h.service(dns6, diag.Unsent, "")
	})
	t.Run("the router is gone", func(t *testing.T) {
		if !nstest.Enter(t) {
			return
		}
		h := newHost(t)
		h.across(func() error {
			l, err := netlink.LinkByName("wire")
			if err != nil {
				return err
			}
			return netlink.LinkSetARPOff(l)
		})
		must(t, netlink.RouteReplace(&netlink.Route{
			LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Gw: net.ParseIP("fe80::dead"), Family: unix.AF_INET6,
		}))
		h.services()
		h.service(dns6, diag.Silent, checks.DetailUnresolved)
		h.service(imds6, diag.Silent, checks.DetailUnresolved)
	})
}

func TestInquireEnds(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t)
	h.serveUDP("["+dns6+"]:53", func([]byte) []byte { return nil })
	h.open()
	q, err := h.net.Inquire("eth0", netip.MustParseAddr(instance), checks.DNS)
	must(t, err)
	for seq := range 20 {
		q.Ask(netip.AddrPortFrom(netip.MustParseAddr(dns6), 0), uint16(seq))
	}
	begun := time.Now()
	must(t, q.Close())
	if took := time.Since(begun); took > 500*time.Millisecond {
		t.Errorf("closing waited %s for answers", took)
	}
	if _, err := h.net.Inquire("nosuch0", netip.MustParseAddr(instance), checks.DNS); err == nil {
		t.Error("no error for an interface that is not there")
	}
}

func FuzzAnswers(f *testing.F) {
	query := namesQuery(netip.Addr{}, 7)
	f.Add(dnsAnswer(query), uint64(7))
	f.Add(synthesised(query, "64:ff9b::c000:aa"), uint64(7))
	f.Add(ntpAnswer(timeRequest(netip.Addr{}, 7)), uint64(7))
	f.Add([]byte("HTTP/1.1 200 OK\r\n"), uint64(0))
	f.Add([]byte("HTTP/1.1 \x1b[3\n"), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, nonce uint64) {
		for name, p := range protocols {
			if p.answer == nil {
				continue // TCP says nothing
			}
			says, ok := p.answer(b, nonce)
			if !ok {
				continue
			}
			if len(says) > 60 || strings.ContainsFunc(says, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s says %q", name, says)
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	ntp := ntpAnswer(timeRequest(netip.Addr{}, 1<<63))
	if says, ok := timeStratum(ntp, 1<<63); !ok || says != "stratum 4" {
		t.Errorf("%q %v", says, ok)
	}
	for name, wrong := range map[string]bool{
		"another's DNS answer": okay(dnsCode(dnsAnswer(namesQuery(netip.Addr{}, 1)), 2)),
		"our own DNS query":    okay(dnsCode(namesQuery(netip.Addr{}, 1), 1)),
		"another's time":       okay(timeStratum(ntp, 1)),
		"our own time request": okay(timeStratum(timeRequest(netip.Addr{}, 5), 5)),
		"half a status line":   okay(httpStatus([]byte("HTTP/1.1 403 For"), 0)),
		"no HTTP":              okay(httpStatus([]byte("SSH-2.0-OpenSSH\r\n"), 0)),
	} {
		if wrong {
			t.Errorf("taken for an answer: %s", name)
		}
	}
	if n := binary.BigEndian.Uint64(timeRequest(netip.Addr{}, 9)[40:]); n != 9 {
		t.Errorf("nonce %d", n)
	}
}

func okay(_ string, ok bool) bool { return ok }
