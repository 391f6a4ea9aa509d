package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// serveUDP answers datagrams to an address of the stack behind the router, for as long as the
// process lasts. answer returns nil where there is nothing to say.
func (w *world) serveUDP(at netip.AddrPort, answer func(request []byte) []byte) error {
	var c *net.UDPConn
	if err := within(w.namespaces[beyondHost], func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	}); err != nil {
		return fmt.Errorf("service at %s: %w", at, err)
	}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				continue // an ICMPv6 error about an answer; the next one may be taken
			}
			if reply := answer(buf[:n]); reply != nil {
				_, _ = c.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
	return nil
}

// services starts the resolver and the time server, as EC2's instances have them.
func (w *world) services() error {
	m := w.spec.Metadata
	ntp := func(request []byte) []byte { return tell(request, time.Now()) }
	if err := w.serveUDP(netip.AddrPortFrom(dns6, 53), unless(m.NoDNS, resolve)); err != nil {
		return err
	}
	return w.serveUDP(netip.AddrPortFrom(ntp6, 123), unless(m.NoNTP, ntp))
}

// unless returns what answers, or what never does: who is broken is there and silent, as the socket keeps the kernel from
// refusing.
func unless(broken bool, answer func(request []byte) []byte) func(request []byte) []byte {
	if broken {
		return func([]byte) []byte { return nil }
	}
	return answer
}

// refuse answers as a name server that serves somebody else (RFC 1035 §4.1.1).
func refuse(request []byte) []byte {
	answer := resolve(request)
	if len(answer) > 3 {
		answer[3] = answer[3]&0xf0 | byte(dnsmessage.RCodeRefused)
	}
	return answer
}

// synthesise is a resolver that knows no name but the one by which hosts find out the prefix that it makes up addresses
// of (RFC 7050 §3).
func synthesise(request []byte) []byte {
	var m dnsmessage.Message
	name := dnsmessage.MustNewName("ipv4only.arpa.")
	if m.Unpack(resolve(request)) != nil || m.Questions[0].Name != name || m.Questions[0].Type != dnsmessage.TypeAAAA {
		return resolve(request)
	}
	made := nat64Prefix.Addr().As16()
	copy(made[12:], []byte{192, 0, 0, 170})
	m.RCode = dnsmessage.RCodeSuccess
	m.Answers = []dnsmessage.Resource{{
		Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 60}, Body: &dnsmessage.AAAAResource{AAAA: made},
	}}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

// resolve is a resolver that knows no names but the root, whose name server it is itself.
func resolve(request []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(request)
	if err != nil || h.Response || h.OpCode != 0 {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: h.ID, Response: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true,
			RCode: dnsmessage.RCodeNameError,
		},
		Questions: []dnsmessage.Question{q},
	}
	if root := dnsmessage.MustNewName("."); q.Name == root {
		m.RCode = dnsmessage.RCodeSuccess
		if q.Type == dnsmessage.TypeNS {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: root, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.NSResource{NS: dnsmessage.MustNewName("resolver.test.")},
			}}
		}
	}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

// tell answers an NTP client's request (RFC 5905 §7.3) with the time.
func tell(request []byte, now time.Time) []byte {
	const client, server, header = 3, 4, 48
	if len(request) < header || request[0]&7 != client {
		return nil
	}
	// Seconds since 1900, and their 2^32nd parts.
	const since1900 = 2208988800
	stamp := uint64(now.Unix()+since1900)<<32 | uint64(now.Nanosecond())<<32/uint64(time.Second)
	b := make([]byte, header)
	b[0] = request[0]&0x38 | server // the client's version
	b[1] = 4                        // stratum
	b[2] = request[2]
	copy(b[12:], "NDWL")
	binary.BigEndian.PutUint64(b[16:], stamp)
	copy(b[24:32], request[40:48])
	binary.BigEndian.PutUint64(b[32:], stamp)
	binary.BigEndian.PutUint64(b[40:], stamp)
	return b
}
