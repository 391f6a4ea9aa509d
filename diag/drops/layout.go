package drops

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A layout is where the fields that the program reads stand in this kernel, in bytes, and what its drop
// reasons are called: both differ from kernel to kernel, and the kernel's own type information tells.
type layout struct {
	protocol, dev, dst, iif  int16 // in struct sk_buff
	head, tail, network, mac int16
	dstDev                   int16 // in struct dst_entry
	ifindex, net             int16 // in struct net_device
	inum                     int16 // in struct net: the namespace's inode number
	reasons                  map[uint32]string
}

// errNoReasons: the tracepoint tells that a packet was dropped, and not why.
var errNoReasons = errors.New("this kernel gives no reason for what it drops (Linux 5.17 and later do)")

// readLayout reads the layout of the running kernel.
func readLayout() (*layout, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("this kernel describes no types of its own (CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	return findLayout(spec)
}

func findLayout(spec *btf.Spec) (*layout, error) {
	l := &layout{reasons: map[uint32]string{}}
	var reason *btf.Enum
	// struct sk_buff *skb, void *location, enum skb_drop_reason reason, behind the tracepoint's own.
	if params := parameters(spec, "btf_trace_kfree_skb"); len(params) > 3 {
		reason, _ = btf.UnderlyingType(params[3].Type).(*btf.Enum)
	}
	if reason == nil || reason.Name != "skb_drop_reason" {
		return nil, errNoReasons
	}
	for _, v := range reason.Values {
		l.reasons[uint32(v.Value)] = strings.TrimPrefix(strings.TrimPrefix(v.Name, "SKB_"), "DROP_REASON_")
	}
	for _, f := range []struct {
		at         *int16
		size       uint32
		name, path string
	}{
		{&l.protocol, 2, "sk_buff", "protocol"},
		{&l.dev, 8, "sk_buff", "dev"},
		{&l.dst, 8, "sk_buff", "_skb_refdst"},
		{&l.iif, 4, "sk_buff", "skb_iif"},
		{&l.head, 8, "sk_buff", "head"},
		{&l.tail, 4, "sk_buff", "tail"},
		{&l.network, 2, "sk_buff", "network_header"},
		{&l.mac, 2, "sk_buff", "mac_header"},
		{&l.dstDev, 8, "dst_entry", "dev"},
		{&l.ifindex, 4, "net_device", "ifindex"},
		{&l.net, 8, "net_device", "nd_net.net"},
		{&l.inum, 4, "net", "ns.inum"},
	} {
		var s *btf.Struct
		if err := spec.TypeByName(f.name, &s); err != nil {
			return nil, fmt.Errorf("struct %s: %w", f.name, err)
		}
		at, size, ok := field(s, f.path)
		if !ok || size != f.size || at != uint32(int16(at)) {
			return nil, fmt.Errorf("this kernel's struct %s has no %s as it is known", f.name, f.path)
		}
		*f.at = int16(at)
	}
	return l, nil
}

func parameters(spec *btf.Spec, name string) []btf.FuncParam {
	var t *btf.Typedef
	if spec.TypeByName(name, &t) != nil {
		return nil
	}
	p, ok := t.Type.(*btf.Pointer)
	if !ok {
		return nil
	}
	f, ok := p.Target.(*btf.FuncProto)
	if !ok {
		return nil
	}
	return f.Params
}

// field finds a member by its path (a.b), also in structs and unions without a name, and returns its
// offset and size in bytes.
func field(t btf.Type, path string) (offset, size uint32, ok bool) {
	name, rest, deeper := strings.Cut(path, ".")
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		switch {
		case m.BitfieldSize != 0:
		case m.Name == "":
			if offset, size, ok = field(m.Type, path); ok {
				return m.Offset.Bytes() + offset, size, true
			}
		case m.Name == name && deeper:
			offset, size, ok = field(m.Type, rest)
			return m.Offset.Bytes() + offset, size, ok
		case m.Name == name:
			n, err := btf.Sizeof(m.Type)
			return m.Offset.Bytes(), uint32(n), err == nil
		}
	}
	return 0, 0, false
}
