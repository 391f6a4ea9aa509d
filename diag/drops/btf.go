package drops

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// kernelBTF is the type information of the running kernel (Documentation/bpf/btf.rst).
const kernelBTF = "/sys/kernel/btf/vmlinux"

// A btfKind is what a type is.
type btfKind uint32

// The kinds that the program knows what to do with.
const (
	btfInt      btfKind = 1
	btfPointer  btfKind = 2
	btfStruct   btfKind = 4
	btfUnion    btfKind = 5
	btfEnum     btfKind = 6
	btfTypedef  btfKind = 8
	btfVolatile btfKind = 9
	btfConst    btfKind = 10
	btfRestrict btfKind = 11
	btfFunction btfKind = 13 // its parameters and its result
	btfTag      btfKind = 18
)

// btfMore is how many bytes follow a type of each kind: once, and for each of its members.
var btfMore = [...]struct{ once, each int }{
	1: {once: 4}, 2: {}, 3: {once: 12}, 4: {each: 12}, 5: {each: 12}, 6: {each: 8}, 7: {}, 8: {}, 9: {}, 10: {},
	11: {}, 12: {}, 13: {each: 8}, 14: {once: 4}, 15: {each: 12}, 16: {}, 17: {once: 4}, 18: {}, 19: {each: 12},
}

const (
	btfMagic  = 0xeb9f
	btfHeader = 24 // bytes
	// btfHead is how many bytes all types begin with: name, kind and how many members, size or another type.
	btfHead = 12
	// btfDeepest bounds how many names of a type are looked behind, btfMost how many members are looked through for one.
	btfDeepest, btfMost = 32, 1 << 14
	// pointerSize is that of the machines that the program runs on with this source of events.
	pointerSize = 8
)

var errBTF = errors.New("its type information is not understood")

// A kernelTypes is the types of a kernel. Of their names only a few are looked for: a library that makes an index of all
// of them takes longer than the rest of a check.
type kernelTypes struct {
	raw, names []byte
	at         []uint32 // where in raw each begins, by its number; 0 is void
	found      map[string][]uint32
}

// A kernelType is one of them.
type kernelType struct {
	name    uint32 // where that stands
	kind    btfKind
	members int
	bits    bool   // members' offsets tell of bit fields
	size    uint32 // in bytes, or the number of the type that it refers to
	more    []byte
}

// loadTypes reads the types of the running kernel, and finds those of some names. What it returns holds until release.
func loadTypes(wanted ...string) (t *kernelTypes, release func(), err error) {
	file, err := os.Open(kernelBTF)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	release = func() {}
	// It never changes.
	raw, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err == nil {
		release = func() { _ = unix.Munmap(raw) }
	} else if raw, err = os.ReadFile(kernelBTF); err != nil { // before Linux 6.16
		return nil, nil, err
	}
	if t, err = parseTypes(raw, wanted...); err != nil {
		release()
	}
	return t, release, err
}

// parseTypes looks through all types for structs and typedefs of some names. What it returns refers to raw.
func parseTypes(raw []byte, wanted ...string) (*kernelTypes, error) {
	if len(raw) < btfHeader || binary.NativeEndian.Uint16(raw) != btfMagic {
		return nil, errBTF
	}
	section := func(at int) []byte {
		from := uint64(word(raw[4:])) + uint64(word(raw[at:]))
		to := from + uint64(word(raw[at+4:]))
		if to > uint64(len(raw)) {
			return nil
		}
		return raw[from:to]
	}
	t := &kernelTypes{raw: section(8), names: section(16), found: map[string][]uint32{}}
	t.at = make([]uint32, 1, 1+len(t.raw)/btfHead/2)
	type name struct {
		at   uint32
		text string
	}
	var names []name // a few are found sooner in a list
	for _, text := range wanted {
		if at := bytes.Index(t.names, []byte("\x00"+text+"\x00")); at >= 0 {
			names = append(names, name{uint32(at) + 1, text})
		}
	}
	for at := 0; at < len(t.raw); {
		if len(t.raw)-at < btfHead {
			return nil, errBTF
		}
		info := word(t.raw[at+4:])
		kind := info >> 24 & 0x1f
		if kind == 0 || int(kind) >= len(btfMore) {
			return nil, fmt.Errorf("%w: a type of kind %d", errBTF, kind)
		}
		if k := btfKind(kind); k == btfStruct || k == btfTypedef {
			called := word(t.raw[at:])
			for _, n := range names {
				if n.at == called {
					t.found[n.text] = append(t.found[n.text], uint32(len(t.at)))
				}
			}
		}
		t.at = append(t.at, uint32(at))
		at += btfHead + btfMore[kind].once + int(info&0xffff)*btfMore[kind].each
	}
	return t, nil
}

func word(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// number returns the type that has a number; the zero kernelType where there is none.
func (t *kernelTypes) number(n uint32) (k kernelType) {
	if n == 0 || uint64(n) >= uint64(len(t.at)) {
		return k
	}
	b := t.raw[t.at[n]:]
	info := word(b[4:])
	k = kernelType{name: word(b), kind: btfKind(info >> 24 & 0x1f), members: int(info & 0xffff), bits: info>>31 != 0, size: word(b[8:]), more: b[btfHead:]}
	if more := btfMore[k.kind]; len(k.more) < more.once+k.members*more.each {
		return kernelType{}
	}
	return k
}

// named returns the one type that has a name and is of a kind.
func (t *kernelTypes) named(name string, kind btfKind) (k kernelType, ok bool) {
	for _, n := range t.found[name] {
		if one := t.number(n); one.kind == kind {
			if ok {
				return one, false // two: whose is meant is not known
			}
			k, ok = one, true
		}
	}
	return k, ok
}

// under returns what a number stands for, behind the names and qualifiers that it has.
func (t *kernelTypes) under(n uint32) kernelType {
	k := t.number(n)
	for range btfDeepest {
		switch k.kind {
		case btfTypedef, btfVolatile, btfConst, btfRestrict, btfTag:
			k = t.number(k.size)
		default:
			return k
		}
	}
	return kernelType{}
}

// text returns a name by where it stands.
func (t *kernelTypes) text(at uint32) string {
	if uint64(at) >= uint64(len(t.names)) {
		return ""
	}
	name, _, _ := bytes.Cut(t.names[at:], []byte{0})
	return string(name)
}

// field finds a member of a struct or union by its path (a.b), also in those without a name, and returns its offset and
// size in bytes.
func (t *kernelTypes) field(k kernelType, path ...string) (offset, size uint32, ok bool) {
	left := btfMost
	return t.fieldWithin(k, path, &left)
}

func (t *kernelTypes) fieldWithin(k kernelType, path []string, left *int) (offset, size uint32, ok bool) {
	if k.kind != btfStruct && k.kind != btfUnion {
		return 0, 0, false
	}
	for i := range k.members {
		if *left--; *left < 0 {
			return 0, 0, false
		}
		b := k.more[12*i:]
		name, of, at := t.text(word(b)), t.under(word(b[4:])), word(b[8:])
		if k.bits {
			if at>>24 != 0 {
				continue // a bit field
			}
			at &= 0xffffff
		}
		switch {
		case name == "":
			offset, size, ok = t.fieldWithin(of, path, left)
		case name != path[0]:
		case len(path) > 1:
			offset, size, ok = t.fieldWithin(of, path[1:], left)
		default:
			size, ok = of.bytes()
		}
		if ok {
			return at/8 + offset, size, true
		}
	}
	return 0, 0, false
}

// bytes is how many a value takes, of what has one size.
func (k kernelType) bytes() (n uint32, ok bool) {
	switch k.kind {
	case btfPointer:
		return pointerSize, true
	case btfInt, btfEnum, btfStruct, btfUnion:
		return k.size, true
	default:
		return 0, false
	}
}
