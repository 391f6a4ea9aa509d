package drops

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A typeID is the number of a type; 0 is void.
type typeID uint32

// Kinds of types, of linux/btf.h.
const (
	kindInt       = 1
	kindPointer   = 2
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindTypedef   = 8
	kindVolatile  = 9
	kindConst     = 10
	kindRestrict  = 11
	kindFuncProto = 13
	kindVar       = 14
	kindDataSec   = 15
	kindFloat     = 16
	kindDeclTag   = 17
	kindTypeTag   = 18
	kindEnum64    = 19
)

const (
	btfMagic  = 0xeb9f
	btfHeader = 24
	btfType   = 12 // struct btf_type, which what a kind has besides follows
	btfMember = 12
	btfPair   = 8 // struct btf_enum, struct btf_param
	deepest   = 32
)

var (
	native  = binary.NativeEndian
	errType = errors.New("the kernel's types are written in an unknown way")
)

// types are a kernel's types, as it describes them itself (Documentation/bpf/btf.rst). Of some 5 MB of them a few are
// wanted, so they are looked at where they are: cilium's reader indexes all of them first, which takes longer than all
// else does that comes before the first packet.
type types struct {
	section []byte   // struct btf_type after struct btf_type
	names   []byte   // zero-terminated strings
	starts  []uint32 // of each type in section, from the type 1 on
	named   map[string]typeID
}

// kernelTypes reads those of the running kernel, and finds the structs and typedefs of some names. release is to be
// called when they are needed no more.
func kernelTypes(names ...string) (t *types, release func(), err error) {
	f, err := os.Open("/sys/kernel/btf/vmlinux")
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	release = func() {}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err == nil {
		release = func() { _ = unix.Munmap(b) }
	} else if b, err = os.ReadFile(f.Name()); err != nil { // before Linux 6.16
		return nil, nil, err
	}
	if t, err = readTypes(b, names...); err != nil {
		release()
		return nil, nil, err
	}
	return t, release, nil
}

// readTypes finds the structs and typedefs of some names in type information.
func readTypes(b []byte, names ...string) (*types, error) {
	if len(b) < btfHeader || native.Uint16(b) != btfMagic {
		return nil, errType
	}
	header := uint64(native.Uint32(b[4:]))
	section := func(at int) []byte {
		from, length := header+uint64(native.Uint32(b[at:])), uint64(native.Uint32(b[at+4:]))
		if from+length > uint64(len(b)) {
			return nil
		}
		return b[from : from+length]
	}
	t := &types{section: section(8), names: section(16), named: map[string]typeID{}}
	t.starts = make([]uint32, 0, len(t.section)/(2*btfType))
	for at := 0; at < len(t.section); {
		if at+btfType > len(t.section) {
			return nil, errType
		}
		t.starts = append(t.starts, uint32(at))
		id := typeID(len(t.starts))
		kind, n := t.kind(id)
		if kind == kindStruct || kind == kindTypedef {
			for _, name := range names {
				if t.called(native.Uint32(t.section[at:]), name) && t.named[name] == 0 {
					t.named[name] = id
				}
			}
		}
		at += btfType
		switch kind {
		case kindInt, kindVar, kindDeclTag:
			at += 4
		case kindArray:
			at += 12
		case kindStruct, kindUnion, kindDataSec, kindEnum64:
			at += 12 * n
		case kindEnum, kindFuncProto:
			at += btfPair * n
		}
		if at > len(t.section) {
			return nil, errType
		}
	}
	return t, nil
}

// kind returns what a type is, and how many members, values or parameters it has.
func (t *types) kind(id typeID) (kind, n int) {
	b := t.of(id)
	if b == nil {
		return 0, 0
	}
	info := native.Uint32(b[4:])
	return int(info >> 24 & 0x1f), int(info & 0xffff)
}

// of is the description of a type, to the end of the section; nil for void, and where there is none.
func (t *types) of(id typeID) []byte {
	if id == 0 || int(id) > len(t.starts) {
		return nil
	}
	return t.section[t.starts[id-1]:]
}

// target is what a typedef, a pointer or a qualifier is of.
func (t *types) target(id typeID) typeID { return typeID(native.Uint32(t.of(id)[8:])) }

// plain is a type without its typedefs and qualifiers.
func (t *types) plain(id typeID) typeID {
	for range deepest {
		switch kind, _ := t.kind(id); kind {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = t.target(id)
		default:
			return id
		}
	}
	return 0
}

// name is the string at an offset.
func (t *types) name(at uint32) string {
	if uint64(at) >= uint64(len(t.names)) {
		return ""
	}
	text, _, _ := bytes.Cut(t.names[at:], []byte{0})
	return string(text)
}

// called reports whether the string at an offset is a name.
func (t *types) called(at uint32, name string) bool {
	end := uint64(at) + uint64(len(name))
	return end < uint64(len(t.names)) && t.names[end] == 0 && string(t.names[at:end]) == name
}

// size is that of a type in bytes; 0: it has none.
func (t *types) size(id typeID) uint32 {
	count := uint32(1)
	for range deepest {
		id = t.plain(id)
		b := t.of(id)
		switch kind, _ := t.kind(id); kind {
		case kindInt, kindStruct, kindUnion, kindEnum, kindEnum64, kindFloat:
			return count * native.Uint32(b[8:])
		case kindPointer:
			return count * strconv.IntSize / 8
		case kindArray:
			id = typeID(native.Uint32(b[btfType:]))
			count *= native.Uint32(b[btfType+8:])
		default:
			return 0
		}
	}
	return 0
}

// parameters are the types of those of the function that a typedef of a pointer is of.
func (t *types) parameters(name string) (list []typeID) {
	id := t.named[name]
	for _, kind := range []int{kindTypedef, kindPointer} {
		if is, _ := t.kind(id); is != kind {
			return nil
		}
		id = t.target(id)
	}
	kind, n := t.kind(id)
	if kind != kindFuncProto {
		return nil
	}
	for b := range slices.Chunk(t.of(id)[btfType:][:btfPair*n], btfPair) {
		list = append(list, typeID(native.Uint32(b[4:])))
	}
	return list
}

// values are those of an enum of a name; nil: it is none.
func (t *types) values(id typeID, name string) map[uint32]string {
	id = t.plain(id)
	kind, n := t.kind(id)
	if kind != kindEnum || t.name(native.Uint32(t.of(id))) != name {
		return nil
	}
	list := map[uint32]string{}
	for b := range slices.Chunk(t.of(id)[btfType:][:btfPair*n], btfPair) {
		list[native.Uint32(b[4:])] = t.name(native.Uint32(b))
	}
	return list
}

// field finds a member by its path (a.b), also in structs and unions without a name, and returns its
// offset and size in bytes.
func (t *types) field(id typeID, path string) (offset, size uint32, ok bool) {
	return t.within(id, path, deepest)
}

func (t *types) within(id typeID, path string, depth int) (offset, size uint32, ok bool) {
	id = t.plain(id)
	kind, n := t.kind(id)
	if kind != kindStruct && kind != kindUnion || depth == 0 {
		return 0, 0, false
	}
	name, rest, deeper := strings.Cut(path, ".")
	b := t.of(id)
	bitfields := native.Uint32(b[4:])>>31 != 0 // then an offset has the width of what is one in its upper byte
	for m := range slices.Chunk(b[btfType:][:btfMember*n], btfMember) {
		member, bits := typeID(native.Uint32(m[4:])), native.Uint32(m[8:])
		if bitfields {
			if bits>>24 != 0 {
				continue
			}
			bits &= 0xffffff
		}
		switch t.name(native.Uint32(m)) {
		case "":
			if offset, size, ok = t.within(member, path, depth-1); ok {
				return bits/8 + offset, size, true
			}
		case name:
			if deeper {
				offset, size, ok = t.within(member, rest, depth-1)
				return bits/8 + offset, size, ok
			}
			size = t.size(member)
			return bits / 8, size, size > 0
		}
	}
	return 0, 0, false
}
