package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/wire"
)

// tagsMax bounds the VLAN tags of a frame: two are usual where there are any.
const tagsMax = 4

// unnamed is what the interface of a capture is called that does not name it.
const unnamed = "capture"

// EtherTypes of VLAN tags: IEEE 802.1Q, 802.1ad, and what was used before that.
var tags = map[uint16]bool{unix.ETH_P_8021Q: true, unix.ETH_P_8021AD: true, unix.ETH_P_QINQ1: true}

// frame makes a Frame of a packet; ok is false for one that is none of the frame types, or of which too little was captured
// to tell, which is short then. A VLAN is a link of its own, and so is a network in a tunnel, as traffic mirroring brings it.
// A "cooked" packet has lost the MAC that it was sent to, which is then zero.
func frame(p Packet) (f diag.Frame, ok, short bool) {
	h, payload, name := wire.Ethernet{}, []byte(nil), p.Interface
	direction := p.Direction
	switch p.Link {
	case linkEthernet:
		if h, payload, ok = wire.ParseEthernet(p.Data); !ok {
			return f, false, false
		}
	case linkSLL:
		if len(p.Data) < 16 {
			return f, false, false
		}
		h, direction = cooked(p.Data[14:], p.Data[0:], p.Data[2:], p.Data[4:], p.Data[6:])
		payload = p.Data[16:]
	case linkSLL2:
		if len(p.Data) < 20 {
			return f, false, false
		}
		h, direction = cooked(p.Data, []byte{0, p.Data[10]}, p.Data[8:], []byte{0, p.Data[11]}, p.Data[12:])
		payload = p.Data[20:]
		name = fmt.Sprint("if", binary.BigEndian.Uint32(p.Data[4:]))
	default:
		return f, false, false
	}
	if name == "" {
		name = unnamed
	}
	name = untag(name, &h, &payload)
	if inner, network, mirrored := tunnelled(h.Type, payload); mirrored {
		if h, payload, ok = wire.ParseEthernet(inner); !ok {
			return f, false, false
		}
		// Which way the tunnel's packet went says nothing of the one in it.
		name, direction = network, Unknown
		name = untag(name, &h, &payload)
	}
	if h.Type != unix.ETH_P_IPV6 {
		return f, false, false
	}
	// Of UDP and TCP the hardware completes checksums after the tap, and a capture does not say of which.
	f, ok = capture.Decode(name, direction == Outbound, h.Frame(payload), true)
	if ok && legible(f) {
		f.Bad = ""
	}
	return f, ok, !ok && untold(payload)
}

// legible reports whether all that counts of a frame was captured, though it is not whole: of an echo its number, of an error
// message what it is about, of a datagram its ports.
func legible(f diag.Frame) bool {
	switch f.Type {
	case diag.EchoRequest, diag.EchoReply:
		return (f.Cut() || f.Bad == diag.BadFragment) && f.EchoID|f.EchoSeq != 0
	case diag.Unreachable, diag.PacketTooBig, diag.TimeExceeded, diag.ParameterProblem:
		return f.Cut() && f.Quoted != nil
	case diag.UDPFrame:
		return f.Cut()
	default:
		return false
	}
}

// untag takes off VLAN tags, and returns the name of the link that they make of that of the interface.
func untag(name string, h *wire.Ethernet, payload *[]byte) string {
	for range tagsMax {
		b := *payload
		if !tags[h.Type] || len(b) < 4 {
			break
		}
		if id := binary.BigEndian.Uint16(b) & 0xfff; id != 0 { // 0 has a priority alone
			name = fmt.Sprint(name, ".", id)
		}
		h.Type, *payload = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	return name
}

// untold reports whether a packet is cut off before what it carries could be seen.
func untold(packet []byte) bool {
	p, err := wire.ParsePacket(packet)
	if err != nil || p.Fragment == wire.Later {
		return len(packet) < wire.IPv6Len
	}
	return p.Cut() && (len(p.Payload) == 0 || p.Proto == unix.IPPROTO_ICMPV6 && p.ICMPType() < 0)
}

// cooked makes a header of a "cooked" one: the protocol, how the packet came by, the kind of hardware, and the length and
// bytes of its address.
func cooked(proto, kind, hardware, length, address []byte) (h wire.Ethernet, d Direction) {
	h.Type = binary.BigEndian.Uint16(proto)
	if binary.BigEndian.Uint16(hardware) == unix.ARPHRD_ETHER && binary.BigEndian.Uint16(length) == 6 {
		h.Src = diag.MAC(address)
	}
	if binary.BigEndian.Uint16(kind) == unix.PACKET_OUTGOING {
		return h, Outbound
	}
	return h, Inbound
}

// Options say how a capture is read.
type Options struct {
	Version string // of this program
	Profile string // the kind of network that it is of, where that is said
	// As is the host whose view it is to be; the zero Host: all are alike.
	As Host
	// Where another host's is read beside, Name is what the host that made this one is called, and Of its MAC, as far as
	// that is known.
	Of   diag.MAC
	Name string
}

// A Summary is what is known of a capture when it was read.
type Summary struct {
	Packets, Frames int // Frames: those of the packets that are told of
	// Other are packets with a link-layer header that is not read, and Link is the type of the last of them.
	Other, Link int
	// Short are IPv6 packets of which so little was captured that it is not known what they are.
	Short int
	// Unseen: the host whose view it was to be sends nothing in it.
	Unseen bool
}

// Events is Read as a sequence, with the error that ended the capture.
func Events(c *Reader, o Options) iter.Seq2[diag.Event, error] {
	return func(yield func(diag.Event, error) bool) {
		going := true
		_, err := each(c, o, func(e diag.Event) bool {
			going = yield(e, nil)
			return going
		})
		if err != nil && going {
			yield(diag.Event{}, err)
		}
	}
}

// Read yields what a capture holds as events: first that it is one, and which sources of events it has not,
// then its frames, with their times, in their order. An error ends the capture, and says why; what came
// before stands.
func Read(c *Reader, o Options, take func(diag.Event)) (Summary, error) {
	return each(c, o, func(e diag.Event) bool {
		take(e)
		return true
	})
}

// each is Read until yield wants no more.
func each(c *Reader, o Options, yield func(diag.Event) bool) (Summary, error) {
	var sum Summary
	var seq int64
	at, going := time.Time{}, true
	emit := func(at time.Time, b diag.Body) {
		seq++
		going = going && yield(diag.Event{Seq: seq, At: at, Body: b})
	}
	begin := func() {
		if seq > 0 {
			return
		}
		emit(at, diag.Run{
			Version: o.Version, Profile: o.Profile, Passive: true, Add: diag.AddNone, Host: o.Name,
			Capture: &diag.Capture{Format: string(c.Format), As: o.As.String(), Of: o.Of},
		})
		emit(at, diag.Feed{Name: diag.FeedFrames, State: diag.Synced})
	}
	view := &view{host: o.As}
	if o.Name != "" {
		view.host = Host{mac: o.Of} // who was named may have sent nothing
	}
	var floods capture.Floods
	for {
		p, err := c.Next()
		if !going {
			return sum, nil
		}
		if err != nil {
			begin()
			for _, f := range floods.End(at) {
				emit(at, f)
			}
			sum.Unseen = view.host != (Host{}) && view.host.mac == (diag.MAC{})
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return sum, err
		}
		sum.Packets++
		if p.At.After(at) && p.At.Year() < 10000 {
			at = p.At // so that time does not run backwards where packets are out of order
		}
		begin()
		switch p.Link {
		case linkEthernet, linkSLL, linkSLL2:
		default:
			sum.Other, sum.Link = sum.Other+1, p.Link
		}
		f, ok, short := frame(p)
		if short {
			sum.Short++
		}
		if !ok {
			continue
		}
		sum.Frames++
		for _, f := range view.take(seen{at, f}) {
			for _, over := range floods.Take(f.at, f.Frame) {
				emit(f.at, over)
			}
			emit(f.at, f.Frame)
		}
	}
}
