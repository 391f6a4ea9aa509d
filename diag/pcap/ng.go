package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Blocks and options of pcapng (draft-ietf-opsawg-pcapng §§3.5, 4).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockOldPacket = 2 // obsolete, and still found
	blockSimple    = 3
	blockPacket    = 6

	optName       = 2
	optFlags      = 2
	optResolution = 9
	optOffset     = 14

	byteOrderMagic = 0x1a2b3c4d
)

// An ngInterface is an interface as pcapng describes it.
type ngInterface struct {
	name   string
	link   int
	snap   int
	second uint64 // units of time in a second
	offset int64  // seconds to add
}

// nextNG reads on to the next block with a packet.
func (c *Reader) nextNG() (Packet, error) {
	for {
		if err := c.more(); err != nil {
			return Packet{}, err
		}
		kind, body, err := c.block()
		if err != nil {
			return Packet{}, err
		}
		p, ok := Packet{}, false
		switch kind {
		case blockInterface:
			err = c.describe(body)
		case blockPacket:
			p, ok = c.enhanced(body)
		case blockOldPacket:
			p, ok = c.old(body)
		case blockSimple:
			p, ok = c.simple(body)
		}
		if err != nil || ok {
			return p, err
		}
	}
}

// block reads a block, of which it leaves out what is too large.
func (c *Reader) block() (kind uint32, body []byte, err error) {
	head, err := c.in.Peek(12)
	if err != nil {
		return 0, nil, cut(err)
	}
	if binary.BigEndian.Uint32(head) == blockSection { // reads the same in both orders
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(head[8:]):
			c.order = binary.LittleEndian
		case binary.BigEndian.Uint32(head[8:]):
			c.order = binary.BigEndian
		default:
			return 0, nil, errors.New("damaged: a section without its byte order")
		}
		c.interfaces = nil
	}
	if c.order == nil {
		return 0, nil, errors.New("damaged: no section")
	}
	kind = c.order.Uint32(head)
	length := int64(c.order.Uint32(head[4:]))
	if length < 12 || length%4 != 0 {
		return 0, nil, fmt.Errorf("damaged: a block of %d bytes", length)
	}
	if length > blockMax {
		n, err := io.CopyN(io.Discard, c.in, length)
		if n < length {
			err = cut(err)
		}
		return 0, nil, err
	}
	b, err := c.take(int(length))
	if err != nil {
		return 0, nil, err
	}
	return kind, b[8 : length-4], nil
}

// describe takes an interface.
func (c *Reader) describe(b []byte) error {
	if len(b) < 8 {
		return errors.New("damaged: an interface cut short")
	}
	if len(c.interfaces) == interfacesMax {
		return fmt.Errorf("more than %d interfaces", interfacesMax)
	}
	i := ngInterface{link: int(c.order.Uint16(b)), snap: int(c.order.Uint32(b[4:])), second: 1e6}
	c.options(b[8:], func(code uint16, value []byte) {
		switch {
		case code == optName:
			i.name = strings.ToValidUTF8(strings.TrimRight(string(value[:min(len(value), nameMax)]), "\x00"), "")
		case code == optResolution && len(value) == 1 && value[0]&0x80 == 0 && value[0] <= 18:
			i.second = uint64(math.Pow10(int(value[0])))
		case code == optResolution && len(value) == 1 && value[0]&0x80 != 0 && value[0]&0x7f <= 62:
			i.second = 1 << (value[0] & 0x7f)
		case code == optOffset && len(value) == 8:
			i.offset = int64(c.order.Uint64(value))
		}
	})
	c.interfaces = append(c.interfaces, i)
	return nil
}

func (c *Reader) options(b []byte, each func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, n := c.order.Uint16(b), int(c.order.Uint16(b[2:]))
		if code == 0 || 4+n > len(b) {
			return
		}
		each(code, b[4:4+n])
		b = b[min(len(b), 4+(n+3)/4*4):]
	}
}

func (c *Reader) enhanced(b []byte) (Packet, bool) {
	if len(b) < 20 {
		return Packet{}, false
	}
	p, rest, ok := c.packet(int64(c.order.Uint32(b)), b[4:12], c.order.Uint32(b[12:]), b[20:])
	c.options(rest, func(code uint16, value []byte) {
		if code == optFlags && len(value) == 4 {
			p.Direction = Direction(c.order.Uint32(value) & 3)
		}
	})
	if p.Direction > Outbound {
		p.Direction = Unknown
	}
	return p, ok
}

func (c *Reader) old(b []byte) (Packet, bool) {
	if len(b) < 20 {
		return Packet{}, false
	}
	p, _, ok := c.packet(int64(c.order.Uint16(b)), b[4:12], c.order.Uint32(b[12:]), b[20:])
	return p, ok
}

// simple takes a packet without a time or an interface: it has those of the section's first, and no time.
func (c *Reader) simple(b []byte) (Packet, bool) {
	if len(b) < 4 || len(c.interfaces) == 0 {
		return Packet{}, false
	}
	n := min(int64(c.order.Uint32(b)), int64(len(b)-4))
	if snap := c.interfaces[0].snap; snap > 0 {
		n = min(n, int64(snap))
	}
	p, _, ok := c.packet(0, make([]byte, 8), uint32(n), b[4:])
	p.At = time.Time{}
	return p, ok
}

// packet takes n bytes of data, and returns what follows them.
func (c *Reader) packet(index int64, at []byte, n uint32, data []byte) (p Packet, rest []byte, ok bool) {
	if index >= int64(len(c.interfaces)) || int64(n) > int64(len(data)) || n > packetMax {
		return p, nil, false
	}
	i := c.interfaces[index]
	units := uint64(c.order.Uint32(at))<<32 | uint64(c.order.Uint32(at[4:]))
	sec, frac := units/i.second, float64(units%i.second)/float64(i.second)
	p = Packet{
		At:        time.Unix(int64(sec)+i.offset, int64(math.Round(frac*1e9))),
		Interface: i.name, Link: i.link, Data: data[:n],
	}
	return p, data[min(len(data), (int(n)+3)/4*4):], true
}
