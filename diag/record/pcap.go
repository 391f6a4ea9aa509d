package record

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"ndwhy/diag"
)

// ethernetHeader is the length of an Ethernet header, which Frame.Size does not count.
const ethernetHeader = 14

// Blocks and options of pcapng (draft-ietf-opsawg-pcapng, §§3.5, 4.1–4.3). They are written here
// because the one library that writes them brings 6 MB of protocol decoders.
const (
	sectionHeader        = 0x0a0d0d0a
	interfaceDescription = 1
	enhancedPacket       = 6

	byteOrderMagic = 0x1a2b3c4d
	linkEthernet   = 1
	toTheEnd       = ^uint64(0) // a section's length that is not known

	optComment     = 1
	optName        = 2 // of an interface
	optFlags       = 2 // of a packet
	optApplication = 4
	optResolution  = 9
	inbound        = 1
	outbound       = 2
)

var order = binary.LittleEndian

// A Pcap writes the frames of neighbour discovery, and no others, as a pcapng capture: an interface block for each
// interface, the direction of each frame, and as its comment the number and the description that the program gives it
// ("e12 NS …"), which names the evidence of a report. It is not safe for concurrent use.
type Pcap struct {
	*outlet
	interfaces []string // by index in the capture
}

// NewPcap writes the head of a capture of the given interfaces at once, so that a place that cannot be written to
// shows. version is that of the program. Where w is a Packer it is flushed with the Pcap.
func NewPcap(w io.Writer, version string, started time.Time, interfaces []string) (*Pcap, error) {
	p := &Pcap{outlet: newOutlet("capture", w, started)}
	head := order.AppendUint32(nil, byteOrderMagic)
	head = order.AppendUint16(head, 1) // version 1.0
	head = order.AppendUint16(head, 0)
	head = order.AppendUint64(head, toTheEnd)
	head = option(head, optApplication, []byte("ndwhy "+version))
	if err := p.block(sectionHeader, head); err != nil {
		return nil, err
	}
	for _, name := range interfaces {
		if _, err := p.index(name); err != nil {
			return nil, err
		}
	}
	return p, p.Flush()
}

// index returns the number of an interface in the capture, and describes it there if it is new.
func (p *Pcap) index(name string) (int, error) {
	if i := slices.Index(p.interfaces, name); i >= 0 {
		return i, nil
	}
	body := order.AppendUint16(nil, linkEthernet)
	body = order.AppendUint16(body, 0)
	body = order.AppendUint32(body, 0) // no limit of length
	body = option(body, optName, []byte(name))
	body = option(body, optResolution, []byte{9}) // nanoseconds
	p.interfaces = append(p.interfaces, name)
	return len(p.interfaces) - 1, p.block(interfaceDescription, body)
}

// Write adds the frame of an event that is of neighbour discovery, and nothing for any other. It is on its way to the
// file as a Writer's event is, which takes that all events of the stream are given.
func (p *Pcap) Write(e diag.Event) error {
	if f, ok := e.Body.(diag.Frame); ok && f.Type.IsND() && len(f.Raw) > 0 {
		if err := p.frame(e, f); err != nil {
			return err
		}
	}
	return p.passed(e)
}

func (p *Pcap) frame(e diag.Event, f diag.Frame) error {
	i, err := p.index(f.Interface)
	if err != nil {
		return err
	}
	at := uint64(e.At.UnixNano())
	body := order.AppendUint32(nil, uint32(i))
	body = order.AppendUint32(body, uint32(at>>32))
	body = order.AppendUint32(body, uint32(at))
	body = order.AppendUint32(body, uint32(len(f.Raw)))
	body = order.AppendUint32(body, uint32(max(len(f.Raw), ethernetHeader+f.Size)))
	body = pad(append(body, f.Raw...))
	direction := uint32(inbound)
	if f.Out {
		direction = outbound
	}
	body = option(body, optFlags, order.AppendUint32(nil, direction))
	body = option(body, optComment, []byte(oneLine(fmt.Sprintf("e%d %s", e.Seq, diag.Describe(e)))))
	return p.block(enhancedPacket, body)
}

// block writes one block: its type and length stand around the body, whose options end here.
func (p *Pcap) block(kind uint32, body []byte) error {
	body = order.AppendUint32(body, 0) // opt_endofopt
	length := uint32(len(body) + 12)
	b := order.AppendUint32(nil, kind)
	b = order.AppendUint32(b, length)
	b = append(b, body...)
	b = order.AppendUint32(b, length)
	return p.put(b)
}

// option appends an option, its value padded to four bytes.
func option(b []byte, code uint16, value []byte) []byte {
	value = value[:min(len(value), 0xffff)]
	b = order.AppendUint16(b, code)
	b = order.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

// pad fills up to a multiple of four bytes.
func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
