package drops

import (
	"errors"
	"fmt"
	"strings"
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

// typesRead are the types that a layout is of.
var typesRead = []string{"btf_trace_kfree_skb", "sk_buff", "dst_entry", "net_device", "net"}

// readLayout reads the layout of the running kernel.
func readLayout() (*layout, error) {
	types, release, err := loadTypes(typesRead...)
	if err != nil {
		return nil, fmt.Errorf("this kernel describes no types of its own (CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	defer release()
	return findLayout(types)
}

func findLayout(types *kernelTypes) (*layout, error) {
	l := &layout{reasons: types.reasons()}
	if l.reasons == nil {
		return nil, errNoReasons
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
		s, ok := types.named(f.name, btfStruct)
		if !ok {
			return nil, fmt.Errorf("this kernel has no one struct %s", f.name)
		}
		at, size, ok := types.field(s, strings.Split(f.path, ".")...)
		if !ok || size != f.size || at != uint32(int16(at)) {
			return nil, fmt.Errorf("this kernel's struct %s has no %s as it is known", f.name, f.path)
		}
		*f.at = int16(at)
	}
	return l, nil
}

// reasons returns what the drop reasons that the tracepoint tells are called; nil: it tells none.
func (t *kernelTypes) reasons() map[uint32]string {
	// typedef void (*btf_trace_kfree_skb)(void *, struct sk_buff *skb, void *location, enum skb_drop_reason reason, …):
	// the first is the tracepoint's own.
	tracepoint, _ := t.named("btf_trace_kfree_skb", btfTypedef)
	function := t.number(t.number(tracepoint.size).size)
	if function.kind != btfFunction || function.members <= 3 {
		return nil
	}
	reason := t.under(word(function.more[8*3+4:]))
	if reason.kind != btfEnum || t.text(reason.name) != "skb_drop_reason" {
		return nil
	}
	reasons := map[uint32]string{}
	for i := range reason.members {
		name := t.text(word(reason.more[8*i:]))
		reasons[word(reason.more[8*i+4:])] = strings.TrimPrefix(strings.TrimPrefix(name, "SKB_"), "DROP_REASON_")
	}
	return reasons
}
