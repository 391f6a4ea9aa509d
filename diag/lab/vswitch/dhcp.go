package vswitch

import (
	"fmt"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"golang.org/x/sys/unix"

	"ndwhy/diag/wire"
)

const (
	maxDUID = 130 // RFC 8415 §11.1
	maxIA   = 16  // more than any client asks for; the answer has to fit into a datagram
)

// dhcp is a datagram to the DHCPv6 server: that of the router that routes, which answers from its link-local
// address (as EC2's does: amazonlinux/amazon-ec2-net-utils#68). Who asks is known by the port;
// every client of an interface gets the same address, whatever its DUID.
func (t *turn) dhcp(port *Port, p *ip6, u wire.UDP) {
	r := t.gateway()
	if !p.Dst.IsMulticast() && !r.owns(p.Dst) {
		t.unicast6(port, p)
		return
	}
	if !p.Src.IsLinkLocalUnicast() {
		t.drop("a DHCPv6 client asks from a link-local address (RFC 8415 §14)")
		return
	}
	switch {
	case u.Cut:
		t.drop("UDP datagram cut off")
		return
	case !p.Intact():
		t.drop("wrong UDP checksum")
		return
	}
	m, err := dhcpv6.MessageFromBytes(u.Payload)
	if err != nil {
		t.drop("not a DHCPv6 message")
		return
	}
	if r.DHCP.Off {
		t.drop("the DHCPv6 server does not answer")
		return
	}
	server := &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr(r.MAC[:])}
	reply, why := t.dhcpReply(port, r, m, server)
	if reply == nil {
		t.drop("%s", why)
		return
	}
	t.decide(Answered, "%s", why)
	t.to(r.Name)
	t.send(t.port, udpAnswer(p, r, u.Src, reply.ToBytes()), "the DHCPv6 server answers")
}

// dhcpReply returns the server's answer to m, or nil, and the reason of either.
func (t *turn) dhcpReply(port *Port, r *Router, m *dhcpv6.Message, server dhcpv6.DUID) (*dhcpv6.Message, string) {
	client := m.Options.ClientID()
	if client != nil && len(client.ToBytes()) > maxDUID || len(m.Options.IANA()) > maxIA {
		return nil, "a client identifier or a list of identity associations beyond all measure"
	}
	reply := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: m.TransactionID}
	reply.AddOption(dhcpv6.OptServerID(server))
	if client != nil {
		reply.AddOption(dhcpv6.OptClientID(client))
	}
	switch m.MessageType {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
		if client == nil || m.Options.ServerID() != nil {
			return nil, "without a client identifier, or with a server's, it is discarded (RFC 8415 §16)"
		}
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		if id := m.Options.ServerID(); client == nil || id == nil || !id.Equal(server) {
			return nil, "it is for another server, or without a client identifier (RFC 8415 §16)"
		}
	case dhcpv6.MessageTypeInformationRequest:
		return reply, "a request for information: there is none"
	default:
		return nil, fmt.Sprintf("a DHCPv6 server has no answer to %s", m.MessageType)
	}
	switch m.MessageType {
	case dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline, dhcpv6.MessageTypeConfirm:
		reply.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess})
		return reply, "noted: what is assigned does not change by it"
	case dhcpv6.MessageTypeSolicit:
		// A Rapid Commit is not taken up: the answer is an Advertise (RFC 8415 §18.3.1).
		reply.MessageType = dhcpv6.MessageTypeAdvertise
	}
	if !port.Lease.IsValid() || port.Detached {
		for _, ia := range m.Options.IANA() {
			ia = &dhcpv6.OptIANA{IaId: ia.IaId}
			ia.Options.Add(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail, StatusMessage: "no address"})
			reply.AddOption(ia)
		}
		return reply, fmt.Sprintf("the infrastructure has no address for %s", port.Name)
	}
	for _, asked := range m.Options.IANA() {
		ia := &dhcpv6.OptIANA{
			IaId: asked.IaId, T1: (r.DHCP.Preferred / 2).Truncate(time.Second), T2: (r.DHCP.Preferred * 4 / 5).Truncate(time.Second),
		}
		ia.Options.Add(&dhcpv6.OptIAAddress{
			IPv6Addr: port.Lease.AsSlice(), PreferredLifetime: r.DHCP.Preferred, ValidLifetime: r.DHCP.Valid,
		})
		reply.AddOption(ia)
	}
	return reply, fmt.Sprintf("%s is assigned to %s", port.Lease, port.Name)
}

// udpAnswer makes the server's datagram to the port of the client that sent p.
func udpAnswer(p *ip6, r *Router, port uint16, payload []byte) []byte {
	return wire.Packet{
		Src: r.LinkLocal(), Dst: p.Src, HopLimit: 64, Proto: unix.IPPROTO_UDP,
		Payload: wire.UDP{Src: wire.DHCPv6Server, Dst: port, Payload: payload}.Marshal(),
	}.Frame(p.ether.Src, r.MAC)
}
