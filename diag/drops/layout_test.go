package drops

import (
	"bytes"
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
func kernelOf(t *testing.T, arguments int, tail btf.Type) *btf.Spec {
	t.Helper()
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
	must(t, err)
	raw, err := b.Marshal(nil, &btf.MarshalOptions{Order: binary.NativeEndian})
	must(t, err)
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	must(t, err)
	return spec
}

func TestLayout(t *testing.T) {
	t.Parallel()
	for _, arguments := range []int{4, 5} { // before Linux 6.11, and since
		l, err := findLayout(kernelOf(t, arguments, u32))
		must(t, err)
		if l.dev != 16 || l.tail != 184 || l.mac != 182 || l.net != 24 || l.inum != 136 || l.reasons[8] != "NETFILTER_DROP" || l.reasons[1] != "CONSUMED" {
			t.Errorf("%+v", l)
		}
	}
	if _, err := findLayout(kernelOf(t, 3, u32)); !errors.Is(err, errNoReasons) {
		t.Errorf("a kernel that gives no reason: %v", err)
	}
	// As on a 32-bit machine, where it is a pointer.
	if _, err := findLayout(kernelOf(t, 4, pointer)); err == nil || !strings.Contains(err.Error(), "tail") {
		t.Errorf("a kernel that is put together otherwise: %v", err)
	}
}
