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

// readLayout reads the layout of the running kernel.
func readLayout() (*layout, error) {
	t, release, err := kernelTypes(layoutNames...)
	if err != nil {
		return nil, fmt.Errorf("this kernel describes no types of its own (CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	defer release()
	return findLayout(t)
}

// tracepoint is the type of the function that is called at the tracepoint.
const tracepoint = "btf_trace_kfree_skb"

// layoutNames are the types that a layout is read from.
var layoutNames = []string{tracepoint, "sk_buff", "dst_entry", "net_device", "net"}

func findLayout(t *types) (*layout, error) {
	l := &layout{reasons: map[uint32]string{}}
	// struct sk_buff *skb, void *location, enum skb_drop_reason reason, behind the tracepoint's own.
	var reasons map[uint32]string
	if params := t.parameters(tracepoint); len(params) > 3 {
		reasons = t.values(params[3], "skb_drop_reason")
	}
	if reasons == nil {
		return nil, errNoReasons
	}
	for value, name := range reasons {
		l.reasons[value] = strings.TrimPrefix(strings.TrimPrefix(name, "SKB_"), "DROP_REASON_")
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
		at, size, ok := t.field(t.named[f.name], f.path)
		if !ok || size != f.size || at != uint32(int16(at)) {
			return nil, fmt.Errorf("this kernel's struct %s has no %s as it is known", f.name, f.path)
		}
		*f.at = int16(at)
	}
	return l, nil
}
