// Package probe is the Linux network behind the checks: frames of our own through packet sockets,
// echoes through the sockets that any application would use, and the few changes that a check may
// make on the host. It judges nothing and waits for nothing: what comes back is seen by the tap or
// becomes a socket event.
package probe

import (
	"encoding/binary"
	"fmt"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/wire"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

const (
	maxSize = wire.IPv6Len + wire.MaxPayload

	optionNonce = 14 // RFC 3971 §5.3.2, used by RFC 7527

	// hopLimitND is what a receiver insists on (RFC 4861 §7.1.1).
	hopLimitND   = 255
	hopLimitEcho = 64
)

// payload is what an echo carries: as much as ping's, and it says who asks.
const payload = "ndwhy: a neighbour discovery check, see ndwhy explain..."

// Marshal returns the Ethernet frame for f, checksums and options included. An error names the field
// that cannot be sent.
func Marshal(f checks.Frame) ([]byte, error) {
	if !f.Src.Is6() || !f.Dst.Is6() {
		return nil, fmt.Errorf("frame %s: from %s to %s: both must be IPv6 addresses", f.Type, f.Src, f.Dst)
	}
	p := wire.Packet{Src: f.Src, Dst: f.Dst, HopLimit: hopLimitND, Proto: unix.IPPROTO_ICMPV6}
	var err error
	switch f.Type {
	case diag.NS:
		if !f.Target.Is6() || f.Target.IsMulticast() {
			return nil, fmt.Errorf("neighbour solicitation for %s: want a unicast IPv6 address", f.Target)
		}
		p.Payload, err = ndp.MarshalMessage(&ndp.NeighborSolicitation{TargetAddress: f.Target, Options: options(f)})
	case diag.RS:
		p.Payload, err = ndp.MarshalMessage(&ndp.RouterSolicitation{Options: options(f)})
	case diag.EchoRequest:
		if f.Size > maxSize {
			return nil, fmt.Errorf("echo of %d bytes: at most %d fit a packet", f.Size, maxSize)
		}
		p.HopLimit = hopLimitEcho
		p.Payload = echoRequest(f.EchoID, f.EchoSeq, filled(f.Size))
	case diag.DHCPv6Frame:
		p.HopLimit, p.Proto = 1, unix.IPPROTO_UDP
		p.Payload = wire.UDP{Src: wire.DHCPv6Client, Dst: wire.DHCPv6Server, Payload: solicit(f)}.Marshal()
	default:
		return nil, fmt.Errorf("frame of type %q: only rs, ns, echo-request and dhcpv6 are sent", f.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("frame %s: %w", f.Type, err)
	}
	return p.Frame(f.DstMAC, f.SrcMAC), nil
}

// filled is what an echo carries whose packet is to have size bytes, from the IPv6 header on.
func filled(size int) []byte {
	data := append(make([]byte, 0, max(len(payload), size)), payload...)
	for len(data)+wire.EchoLen+wire.IPv6Len < size {
		data = append(data, byte(len(data)))
	}
	return data
}

func echoRequest(id, seq uint16, data []byte) []byte {
	return wire.Echo{Type: ipv6.ICMPTypeEchoRequest, ID: id, Seq: seq, Data: data}.Marshal()
}

// solicit returns a DHCPv6 Solicit (RFC 8415 §18.2.1) for one address.
func solicit(f checks.Frame) []byte {
	m := dhcpv6.Message{MessageType: dhcpv6.MessageTypeSolicit, TransactionID: f.Transaction}
	m.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionClientID, OptionData: f.Client.DUID})
	m.AddOption(dhcpv6.OptElapsedTime(0))
	ia := &dhcpv6.OptIANA{}
	binary.BigEndian.PutUint32(ia.IaId[:], f.Client.IAID)
	m.AddOption(ia)
	m.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionSolMaxRT))
	return m.ToBytes()
}

// options are those of a solicitation. From the unspecified address there must be no source
// link-layer address (RFC 4861 §§4.1, 4.3).
func options(f checks.Frame) (list []ndp.Option) {
	if !f.Src.IsUnspecified() {
		list = append(list, &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: f.SrcMAC[:]})
	}
	if len(f.Nonce) > 0 {
		n := (2 + len(f.Nonce) + 7) / 8
		value := make([]byte, n*8-2)
		copy(value, f.Nonce)
		list = append(list, &ndp.RawOption{Type: optionNonce, Length: uint8(n), Value: value})
	}
	return list
}
