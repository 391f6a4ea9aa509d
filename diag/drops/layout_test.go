package drops

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

var (
	u16     = &btf.Int{Name: "u16", Size: 2}
	u32     = &btf.Int{Name: "u32", Size: 4}
	pointer = &btf.Pointer{Target: &btf.Void{}}
)

// A layer is a member of a struct of a kernel that never was, at an offset in bytes.
func layer(name string, at uint32, t btf.Type) btf.Member {
	return btf.Member{Name: name, Offset: btf.Bits(8 * at), Type: t}
}

// kernelOf returns the type information of a kernel whose tracepoint has so many arguments and whose
// sk_buff.tail has a type.
func kernelOf(tb testing.TB, arguments int, tail btf.Type) []byte {
	tb.Helper()
	device := &btf.Struct{Name: "net_device", Size: 64, Members: []btf.Member{
		layer("ifindex", 16, u32),
		layer("nd_net", 24, &btf.Typedef{Name: "possible_net_t", Type: &btf.Struct{Size: 8, Members: []btf.Member{layer("net", 0, pointer)}}}),
	}}
	skb := &btf.Struct{Name: "sk_buff", Size: 256, Members: []btf.Member{
		// Nested and without a name, as the kernel has them.
		layer("", 0, &btf.Union{Size: 24, Members: []btf.Member{
			layer("", 0, &btf.Struct{Size: 24, Members: []btf.Member{layer("next", 0, pointer), layer("prev", 8, pointer), layer("dev", 16, pointer)}}),
		}}),
		layer("_skb_refdst", 88, pointer), layer("skb_iif", 140, u32), layer("protocol", 176, u16),
		layer("network_header", 180, u16), layer("mac_header", 182, u16), layer("tail", 184, tail), layer("head", 192, pointer),
	}}
	reason := &btf.Enum{Name: "skb_drop_reason", Size: 4, Values: []btf.EnumValue{
		{Name: "SKB_NOT_DROPPED_YET", Value: 0}, {Name: "SKB_CONSUMED", Value: 1}, {Name: "SKB_DROP_REASON_NETFILTER_DROP", Value: 8},
	}}
	params := []btf.FuncParam{{Type: pointer}, {Type: &btf.Pointer{Target: skb}}, {Type: pointer}, {Type: reason}, {Type: pointer}}
	b, err := btf.NewBuilder([]btf.Type{
		&btf.Typedef{Name: "btf_trace_kfree_skb", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}, Params: params[:arguments]}}},
		skb, device,
		&btf.Struct{Name: "dst_entry", Size: 16, Members: []btf.Member{layer("dev", 0, pointer)}},
		&btf.Struct{Name: "net", Size: 256, Members: []btf.Member{
			layer("ns", 120, &btf.Struct{Name: "ns_common", Size: 24, Members: []btf.Member{layer("inum", 16, u32)}}),
		}},
	}, nil)
	must(tb, err)
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.NativeEndian})
	must(tb, err)
	return raw
}

func layoutOf(tb testing.TB, raw []byte) (*layout, error) {
	tb.Helper()
	types, err := parseTypes(raw, typesRead...)
	must(tb, err)
	return findLayout(types)
}

func TestLayout(t *testing.T) {
	t.Parallel()
	for _, arguments := range []int{4, 5} { // before Linux 6.11, and since
		l, err := layoutOf(t, kernelOf(t, arguments, u32))
		must(t, err)
		if l.dev != 16 || l.tail != 184 || l.mac != 182 || l.net != 24 || l.inum != 136 || l.reasons[8] != "NETFILTER_DROP" || l.reasons[1] != "CONSUMED" {
			t.Errorf("%+v", l)
		}
	}
	if _, err := layoutOf(t, kernelOf(t, 3, u32)); !errors.Is(err, errNoReasons) {
		t.Errorf("a kernel that gives no reason: %v", err)
	}
	// As on a 32-bit machine, where it is a pointer.
	if _, err := layoutOf(t, kernelOf(t, 4, pointer)); err == nil || !strings.Contains(err.Error(), "tail") {
		t.Errorf("a kernel that is put together otherwise: %v", err)
	}
}

// What is read of the running kernel is what a library reads of it.
func TestLayoutOfThisKernel(t *testing.T) {
	t.Parallel()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skip(err)
	}
	l, err := readLayout()
	if errors.Is(err, errNoReasons) {
		t.Skip(err)
	}
	must(t, err)
	var reason *btf.Enum
	must(t, spec.TypeByName("skb_drop_reason", &reason))
	if len(reason.Values) != len(l.reasons) {
		t.Errorf("%d reasons, want %d", len(l.reasons), len(reason.Values))
	}
	for _, f := range []struct {
		at           int16
		name, member string
	}{
		{l.protocol, "sk_buff", "protocol"},
		{l.dev, "sk_buff", "dev"},
		{l.dst, "sk_buff", "_skb_refdst"},
		{l.iif, "sk_buff", "skb_iif"},
		{l.head, "sk_buff", "head"},
		{l.tail, "sk_buff", "tail"},
		{l.network, "sk_buff", "network_header"},
		{l.mac, "sk_buff", "mac_header"},
		{l.dstDev, "dst_entry", "dev"},
		{l.ifindex, "net_device", "ifindex"},
		{l.net, "net_device", "nd_net"},
	} {
		var s *btf.Struct
		must(t, spec.TypeByName(f.name, &s))
		if at, ok := memberOf(s, f.member); !ok || uint32(f.at) != at {
			t.Errorf("struct %s has %s at %d, want %d", f.name, f.member, f.at, at)
		}
	}
}

// memberOf finds a member, also in structs and unions without a name; at is in bytes.
func memberOf(t btf.Type, name string) (at uint32, ok bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		if m.Name == name {
			return m.Offset.Bytes(), true
		}
		if m.Name == "" {
			if at, ok = memberOf(m.Type, name); ok {
				return m.Offset.Bytes() + at, true
			}
		}
	}
	return 0, false
}

// Whatever stands there is read or refused.
func FuzzTypes(f *testing.F) {
	raw := kernelOf(f, 4, u32)
	f.Add(raw)
	f.Add(raw[:len(raw)-8])
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if types, err := parseTypes(raw, typesRead...); err == nil {
			_, _ = findLayout(types)
		}
	})
}
