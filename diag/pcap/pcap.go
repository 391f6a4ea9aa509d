// Package pcap reads the packet captures that other programs write, pcap and pcapng, so that neighbour
// discovery in them can be explained as if it had been seen. Of pcapng it reads what leads to the packets:
// interfaces and packets, in either byte order, of any number of sections.
//
// A capture may come from anywhere: every length in it is bounded, and reading takes the memory of one
// packet, however large the file is. It is read here because the libraries that do bring 6 MB of
// protocol decoders.
package pcap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Format is a form of captures.
type Format string

// The forms that are read.
const (
	Classic Format = "pcap"
	NG      Format = "pcapng"
)

// Bounds on what a capture may claim.
const (
	packetMax     = 1 << 20 // bytes kept of a packet; libpcap's own bound is 256 kB
	blockMax      = 1 << 24 // bytes of a pcapng block; what is larger is skipped
	interfacesMax = 256
	nameMax       = 64
)

// Link types (https://www.tcpdump.org/linktypes.html) that carry neighbour discovery.
const (
	linkEthernet = 1
	linkSLL      = 113 // "Linux cooked": tcpdump -i any
	linkSLL2     = 276
)

// A Packet is one packet of a capture, from its link-layer header on. Data is valid until the next is read.
type Packet struct {
	At        time.Time
	Interface string // as the capture names it; "" where it does not
	Link      int    // the type of Data's header
	Data      []byte
	Direction Direction
}

// Direction says whether a packet left the host that captured it, as far as the capture tells.
type Direction int

// What pcapng tells of a packet's direction.
const (
	Unknown Direction = iota
	Inbound
	Outbound
)

// Detect returns the form of a capture that begins with head, of which eight bytes are enough; "" where it is none.
func Detect(head []byte) Format {
	switch order, _ := classic(head); {
	case order != nil:
		return Classic
	case len(head) >= 4 && binary.BigEndian.Uint32(head) == blockSection:
		return NG
	default:
		return ""
	}
}

// classic tells the byte order and the unit of time of a pcap file by its magic number; nil: it is none.
func classic(head []byte) (order binary.ByteOrder, unit time.Duration) {
	if len(head) < 4 {
		return nil, 0
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(head) {
		case 0xa1b2c3d4:
			return o, time.Microsecond
		case 0xa1b23c4d:
			return o, time.Nanosecond
		}
	}
	return nil, 0
}

// A Reader reads a capture.
type Reader struct {
	Format Format

	in    *bufio.Reader
	order binary.ByteOrder
	buf   []byte

	unit time.Duration // of pcap
	link int

	interfaces []ngInterface // of the section of pcapng in hand
}

// NewReader reads the head of a capture.
func NewReader(r io.Reader) (*Reader, error) {
	c := &Reader{in: bufio.NewReaderSize(r, 1<<16)}
	head, err := c.in.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch c.Format = Detect(head); c.Format {
	case NG:
		return c, nil
	case Classic:
	default:
		return nil, errors.New("no capture: neither pcap nor pcapng")
	}
	b, err := c.take(24)
	if err != nil {
		return nil, fmt.Errorf("the head of the capture: %w", err)
	}
	c.order, c.unit = classic(b)
	c.link = int(c.order.Uint32(b[20:]) & 0xffff) // above are the length of a checksum, and flags
	return c, nil
}

// errCut is a capture that ends in the middle, as that of a program which was killed does.
var errCut = errors.New("cut off: the capture ends in the middle of a packet")

// Next returns the next packet; io.EOF after the last. After any other error there is no going on: what
// came before stands.
func (c *Reader) Next() (Packet, error) {
	if c.Format == NG {
		return c.nextNG()
	}
	if err := c.more(); err != nil {
		return Packet{}, err
	}
	b, err := c.take(16)
	if err != nil {
		return Packet{}, err
	}
	sec, frac := int64(c.order.Uint32(b)), int64(c.order.Uint32(b[4:]))
	p := Packet{At: time.Unix(sec, frac*int64(c.unit)), Link: c.link}
	n := int(c.order.Uint32(b[8:]))
	if n > packetMax {
		return Packet{}, fmt.Errorf("damaged: a packet of %d bytes", n)
	}
	p.Data, err = c.take(n)
	return p, err
}

// more reports whether there is more: io.EOF says that there is not, and that nothing is missing.
func (c *Reader) more() error {
	_, err := c.in.Peek(1)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCut // what it was compressed by
	}
	return err
}

// take reads n bytes, which are valid until it is called again.
func (c *Reader) take(n int) ([]byte, error) {
	// What is claimed to follow may not: memory is taken as there is something to put into it.
	if n <= cap(c.buf) {
		c.buf = c.buf[:n]
		_, err := io.ReadFull(c.in, c.buf)
		return c.buf, cut(err)
	}
	var b bytes.Buffer
	_, err := io.CopyN(&b, c.in, int64(n))
	c.buf = b.Bytes()
	return c.buf, cut(err)
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}
