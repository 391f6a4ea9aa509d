package host

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

// Where tc filters of a clsact or ingress queueing discipline hang (linux/pkt_sched.h).
const (
	tcIngress = 0xfffffff2 // TC_H_CLSACT, TC_H_MIN_INGRESS
	tcEgress  = 0xfffffff3
	tcMsgSize = 20 // struct tcmsg
)

// Attributes of a tc filter (linux/rtnetlink.h, linux/pkt_cls.h).
const (
	tcaKind    = 1
	tcaOptions = 2
	tcaBPFName = 7
)

// trafficControl returns the tc filters on the links, which may drop packets; none that are attached as
// tcx, of which netlink does not tell. Reading them needs no privilege.
func (r *Reader) trafficControl() (hooks []diag.Hook) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return r.filters.hooks
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(nftTimeout)); err != nil {
		return r.filters.hooks
	}
	for _, l := range r.links {
		for parent, name := range map[uint32]diag.HookName{tcIngress: diag.HookIngress, tcEgress: diag.HookEgress} {
			if what := filtersOn(c, l.Index, parent); what != "" {
				hooks = append(hooks, diag.Hook{Interface: l.Interface, Name: name, What: what})
			}
		}
	}
	diag.SortFunc(hooks, func(a, b diag.Hook) int {
		return strings.Compare(a.Interface+string(a.Name), b.Interface+string(b.Name))
	})
	return hooks
}

// filtersOn names the filters in one place: "bpf cil_from_netdev, flower".
func filtersOn(c *netlink.Conn, index int, parent uint32) string {
	request := make([]byte, tcMsgSize)
	binary.NativeEndian.PutUint32(request[4:], uint32(index))
	binary.NativeEndian.PutUint32(request[12:], parent)
	replies, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETTFILTER, Flags: netlink.Request | netlink.Dump}, Data: request,
	})
	if err != nil {
		return "" // no such queueing discipline
	}
	const most = 8
	var names []string
	for _, m := range replies {
		if len(m.Data) < tcMsgSize {
			continue
		}
		name := ""
		_ = nested(m.Data[tcMsgSize:], func(ad *netlink.AttributeDecoder) {
			switch ad.Type() {
			case tcaKind:
				name = ad.String()
			case tcaOptions:
				if name == "bpf" {
					_ = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
						if ad.Type() == tcaBPFName {
							name += " " + string(bytes.TrimRight(ad.Bytes(), "\x00"))
						}
					})
				}
			}
		})
		if name = clean(name); name != "" && !slices.Contains(names, name) && len(names) < most {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
