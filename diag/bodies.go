package diag

import (
	"net/netip"
	"slices"
	"time"
)

// This file has the body of every kind of event. They are plain data: slices in them are never
// changed after the event was made. Addresses carry no zone; Interface is the zone.

// Run says what was asked of the program; it opens every stream. A recording therefore knows
// which targets the user named.
type Run struct {
	Version    string   `json:"version"`
	Host       string   `json:"host"`
	Interfaces []string `json:"interfaces"` // those the run is about
	// NICs are interfaces that play an instance's own, though they look like a container's: the lab's.
	NICs []string `json:"nics,omitempty"`
	// NotExamined are those that it is not about, and why: see State.NotExamined.
	NotExamined []NotExamined `json:"not_examined,omitempty"`
	Peers       []netip.Addr  `json:"peers,omitempty"`    // --peer
	Internet    []netip.Addr  `json:"internet,omitempty"` // --internet, or the built-in two
	// InternetGiven: the user named the Internet hosts; else their silence proves little.
	InternetGiven bool `json:"internet_given,omitempty"`
	// InternetOff is --internet none.
	InternetOff bool           `json:"internet_off,omitempty"`
	Assigned    []netip.Prefix `json:"assigned,omitempty"` // --assigned
	Try         []netip.Addr   `json:"try,omitempty"`      // --try
	Add         AddMode        `json:"add"`
	Profile     string         `json:"profile,omitempty"` // --profile
	Passive     bool           `json:"passive,omitempty"`
	Only        []string       `json:"only,omitempty"`
	Skip        []string       `json:"skip,omitempty"`
	// Now are the checks that are asked again, while the others stand as they were asked before. None: all that Only and Skip
	// leave.
	Now        []string `json:"now,omitempty"`
	Count      int      `json:"count"`       // questions per silent path
	IntervalMS int      `json:"interval_ms"` // between them
	WaitMS     int      `json:"wait_ms"`     // after the last
	// Capture is there where the stream was made of one.
	Capture *Capture `json:"capture,omitempty"`
	// Resumed is there where the stream begins in the middle: see State.Events.
	Resumed *Resumed `json:"resumed,omitempty"`
}

// Capture says that the events were made of a packet capture by whatever program: there is nothing but frames, of any
// number of hosts. A frame is Out where the capture says so, which is of no account to what is found.
type Capture struct {
	Format string `json:"format"`
	// As is the host whose view it is, by address or MAC; empty: all are alike.
	As string `json:"as,omitempty"`
	// Of is the MAC of the host that made it, where that is known: what has it as its source left that host.
	Of MAC `json:"of,omitzero"`
}

// Resumed is what events alone would not tell of a stream whose beginning is left out. Until and the
// lists are Seqs.
type Resumed struct {
	// Until is the last event before the stream went on: those up to it are what was remembered.
	Until int64 `json:"until"`
	// Foreign are the frames among them whose source was not configured when they left.
	Foreign []int64 `json:"foreign,omitempty"`
	// Evidence is what paths point at and the newest events have pushed out.
	Evidence []int64         `json:"evidence,omitempty"`
	Routers  []ResumedRouter `json:"routers,omitempty"`
	// Ruleset is the newest event by which a rule of the packet filter or a hook went or changed.
	Ruleset int64 `json:"ruleset,omitempty"`
	// Before are what the interfaces were like when the newest runs on them began.
	Before []Before `json:"before,omitempty"`
}

// ResumedRouter sums up the advertisements of a router, of which only the newest are remembered: see
// RouterSeen.
type ResumedRouter struct {
	Interface     string     `json:"interface"`
	Address       netip.Addr `json:"address"`
	First         time.Time  `json:"first"`
	LastMulticast time.Time  `json:"last_multicast,omitzero"`
	Count         int        `json:"count"`
	IntervalS     float64    `json:"interval_s,omitempty"`
}

// AddMode is how candidates are tried.
type AddMode string

// The values of --add.
const (
	AddNone   AddMode = "none"
	AddClaim  AddMode = "claim"  // in frames only
	AddKernel AddMode = "kernel" // configured for a few seconds, as the article did
)

// Tick says that time passed: the stream's clock when nothing else happens.
type Tick struct{}

// Feed says how complete a source of events is. Until a feed is synced, and after it is lost or
// unavailable, what depends on it is unknown.
type Feed struct {
	Name  FeedName  `json:"name"`
	State FeedState `json:"state"`
	Why   string    `json:"why,omitempty"`
	Fix   string    `json:"fix,omitempty"` // the exact line that would give it
}

// FeedName names a source of events.
type FeedName string

// The sources of events.
const (
	FeedNetlink FeedName = "netlink" // links, addresses, routes, policy rules, neighbours
	FeedFrames  FeedName = "frames"  // the packet tap; needs CAP_NET_RAW
	FeedTCP     FeedName = "tcp"     // of it the TCP segments, which a busy host has too many of
	FeedIMDS    FeedName = "imds"
	FeedLease   FeedName = "lease"
	FeedHost    FeedName = "host"    // sysctls, managers, table use, who is logged in
	FeedFilters FeedName = "filters" // packet-filter rules; needs CAP_NET_ADMIN
	FeedFlows   FeedName = "flows"   // connections of this host
	FeedDrops   FeedName = "drops"   // what the kernel threw away; needs CAP_BPF and CAP_PERFMON
	FeedPorts   FeedName = "ports"   // of it what TCP and UDP carry between this host and what is asked here
	FeedWatch   FeedName = "watch"   // not a source: whether the reader of `ndwhy watch` keeps up
	FeedAdmin   FeedName = "admin"   // not a source: whether kernel-added addresses are possible (CAP_NET_ADMIN)
)

// FeedState is the completeness of a feed.
type FeedState string

// A lost feed is a gap: it is synced again after a resync.
const (
	Synced      FeedState = "synced"
	Lost        FeedState = "lost"
	Unavailable FeedState = "unavailable"
	NotAsked    FeedState = "not-asked"
)

// Link is a network interface as the kernel has it, or (Gone) had it.
type Link struct {
	Interface string `json:"interface"`
	Index     int    `json:"index"`
	MAC       MAC    `json:"mac"`
	MTU       int    `json:"mtu"`
	Up        bool   `json:"up"`      // administratively (IFF_UP)
	Carrier   bool   `json:"carrier"` // IFF_LOWER_UP
	// Ethernet: it does neighbour discovery over Ethernet, or would but for NoARP or Port (ARPHRD_ETHER).
	Ethernet bool `json:"ethernet"`
	// NoARP: somebody told the kernel to look for no neighbours there (IFF_NOARP, as ip-link(8)'s "arp off" sets it).
	NoARP bool `json:"no_arp,omitempty"`
	// Port is the kind of interface that it is a port of, which does IPv6 in its stead: bridge, bond …
	Port     string `json:"port,omitempty"`
	Loopback bool   `json:"loopback,omitempty"`
	Type     string `json:"type,omitempty"` // veth, bridge, wireguard …; empty for a NIC
	// XDP: a program is attached, which may drop what no tap ever sees (IFLA_XDP).
	XDP bool `json:"xdp,omitempty"`
	// PermMAC is the MAC that the hardware came with (IFLA_PERM_ADDRESS); zero where it tells none.
	PermMAC MAC `json:"perm_mac,omitzero"`
	// Parent is the index of the interface beneath (of a VLAN or macvlan), or of a veth's other end
	// (IFLA_LINK); Elsewhere: that is in another network namespace, as of a container's or pod's eth0.
	Parent    int  `json:"parent,omitempty"`
	Elsewhere bool `json:"elsewhere,omitempty"`
	Master    int  `json:"master,omitempty"` // the index of the bridge, bond or VRF that it belongs to
	// Mode is that of a macvlan or ipvlan: private, vepa, bridge, passthru, source; l2, l3, l3s.
	Mode string `json:"mode,omitempty"`
	// Promiscuous: it takes every frame; AllMulticast: every multicast frame, whatever groups are joined.
	Promiscuous  bool `json:"promiscuous,omitempty"`
	AllMulticast bool `json:"all_multicast,omitempty"`
	Gone         bool `json:"gone,omitempty"`
}

// Groups are the multicast groups of an interface: those that this host listens to, and those that the
// device was told to let through. It replaces what an earlier one said.
type Groups struct {
	Interface string       `json:"interface"`
	Joined    []netip.Addr `json:"joined"` // /proc/net/igmp6
	Device    []MAC        `json:"device"` // /proc/net/dev_mcast, those of IPv6
	// Partial: there are more than were read.
	Partial bool `json:"partial,omitempty"`
}

// Hears reports whether the group that a holder of an address is solicited by is joined, and whether
// the device lets its frames through.
func (g Groups) Hears(addr netip.Addr) (joined, device bool) {
	group := SolicitedNode(addr)
	return slices.Contains(g.Joined, group), slices.Contains(g.Device, MulticastMAC(group))
}

// Address is an IPv6 address configured on an interface. Lifetimes are seconds left at the
// event's time, Forever for ever.
type Address struct {
	Interface  string     `json:"interface"`
	Address    netip.Addr `json:"address"`
	PrefixLen  int        `json:"prefix_len"`
	Flags      AddrFlags  `json:"flags"`
	PreferredS int64      `json:"preferred_s"`
	ValidS     int64      `json:"valid_s"`
	// UpdatedS is how long ago the lifetimes were last set (IFA_CACHEINFO tstamp), in seconds.
	UpdatedS float64 `json:"updated_s"`
	// Origin is IFA_PROTO where the kernel tells it: "kernel_ra", "kernel_ll"; else empty.
	Origin string `json:"origin,omitempty"`
	Gone   bool   `json:"gone,omitempty"`
}

// Route is an IPv6 route of the main or another table.
type Route struct {
	Interface string       `json:"interface"`
	Dst       netip.Prefix `json:"dst"`           // ::/0 for a default route
	From      netip.Prefix `json:"from,omitzero"` // the sources that it is for, where not for all
	Via       netip.Addr   `json:"via,omitzero"`
	PrefSrc   netip.Addr   `json:"src,omitzero"`
	Metric    int          `json:"metric"`
	Table     int          `json:"table"`
	Protocol  string       `json:"protocol"`  // ra, kernel, boot, static, dhcp …
	Type      string       `json:"type"`      // unicast, local, unreachable, blackhole …
	ExpiresS  int64        `json:"expires_s"` // Forever without an expiry
	Gone      bool         `json:"gone,omitempty"`
}

// PolicyRule is a routing policy rule (`ip -6 rule`).
type PolicyRule struct {
	Priority  int          `json:"priority"`
	Src       netip.Prefix `json:"src,omitzero"`
	Dst       netip.Prefix `json:"dst,omitzero"`
	Interface string       `json:"iif,omitempty"`
	Out       string       `json:"oif,omitempty"`
	Mark      uint32       `json:"mark,omitempty"`
	MarkMask  uint32       `json:"mark_mask,omitempty"` // 0: all of the mark
	UIDs      string       `json:"uids,omitempty"`      // whose sockets: "1000-1000"
	L3MDev    bool         `json:"l3mdev,omitempty"`    // the table of the packet's VRF, instead of Table
	// Also are conditions beside these, as `ip rule` writes them: "ipproto 6 dport 53-53".
	Also   string `json:"also,omitempty"`
	Table  int    `json:"table"`
	Action string `json:"action"`         // to_table, unreachable, blackhole, prohibit, goto
	Goto   int    `json:"goto,omitempty"` // the priority to go on from
	// SuppressBelow: routes of Table with a prefix of fewer bits are passed over; suppress_prefixlength 0
	// is 1 here, and passes over default routes.
	SuppressBelow int  `json:"suppress_below,omitempty"`
	Invert        bool `json:"invert,omitempty"`
	Gone          bool `json:"gone,omitempty"`
}

// Neighbour is an entry of the kernel's IPv6 neighbour cache.
type Neighbour struct {
	Interface string     `json:"interface"`
	Address   netip.Addr `json:"address"`
	MAC       MAC        `json:"mac"`
	State     NUD        `json:"state"`
	Router    bool       `json:"router,omitempty"`
	// Proxy: it is no neighbour, but an address that this host answers for (`ip -6 neigh add proxy`).
	Proxy bool `json:"proxy,omitempty"`
	// ConfirmedS is how long ago reachability was last confirmed (NDA_CACHEINFO), in seconds.
	ConfirmedS float64 `json:"confirmed_s"`
	Gone       bool    `json:"gone,omitempty"`
}

// Sysctl is a setting as read, under net.ipv6. Scope is an interface, "all", "default", or empty
// for one that has none.
type Sysctl struct {
	Scope string `json:"scope"`
	Name  string `json:"name"` // accept_ra, forwarding, disable_ipv6, accept_dad …
	Value string `json:"value"`
}

// Manager says who configures an interface.
type Manager struct {
	Interface string `json:"interface"`
	Name      string `json:"name"` // networkd, NetworkManager, dhclient, dhcpcd, none
	// RA: this manager handles router advertisements itself, so accept_ra=0 is its doing.
	RA bool `json:"ra"`
	// Writer is what writes the manager's configuration, or starts it, where that is not the user: netplan, ifupdown.
	Writer string `json:"writer,omitempty"`
	// File is the configuration that is in force, where the manager says which: networkd's .network file.
	File string `json:"file,omitempty"`
}

// Access is what a change of this host's network may cut off without a way back: the SSH sessions, and IPv4. It
// replaces what an earlier one said.
type Access struct {
	SSH []netip.Addr `json:"ssh,omitempty"` // own IPv6 addresses by which somebody is logged in
	// SSH4 are the interfaces by which somebody is logged in over IPv4, and Default4 those of IPv4's default routes.
	SSH4     []string `json:"ssh4,omitempty"`
	Default4 []string `json:"default4,omitempty"`
}

// Selection is what the kernel answered when asked how it would reach Dst: RTM_GETROUTE.
type Selection struct {
	Dst  netip.Addr `json:"dst"`
	From netip.Addr `json:"from,omitzero"` // asked with this source; zero: the kernel chose
	// Bound is the interface that it was asked for, as a socket bound to it would be routed; empty:
	// the kernel was free to choose.
	Bound     string     `json:"bound,omitempty"`
	Source    netip.Addr `json:"source,omitzero"`
	Interface string     `json:"interface,omitempty"`
	Via       netip.Addr `json:"via,omitzero"`
	MTU       int        `json:"mtu,omitempty"`
	// HopLimit is the route's own, which goes before the interface's setting; 0: it has none.
	HopLimit int `json:"hop_limit,omitempty"`
	// Of the route that was found: its table, metric, protocol and type, as Route has them.
	Table    int    `json:"table,omitempty"`
	Metric   int    `json:"metric,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Type     string `json:"type,omitempty"`
	Errno    string `json:"errno,omitempty"` // ENETUNREACH, EACCES …
}

// Filter is a packet-filter rule of this host that stops messages of ICMPv6, DHCPv6 or TCP.
type Filter struct {
	Interface string `json:"interface,omitempty"`
	Table     string `json:"table"` // "inet filter", "ip6 filter", "netdev t"
	Chain     string `json:"chain"`
	Hook      string `json:"hook"` // input, output, prerouting, ingress, egress …
	Rule      string `json:"rule"` // as nft would list it
	Handle    uint64 `json:"handle,omitempty"`
	// Legacy: it is of ip6tables-legacy, which nft does not show, and Handle is its number in the chain.
	Legacy bool `json:"legacy,omitempty"`
	// Number is its place in the chain, from 1, as `ip6tables -D CHAIN NUMBER` counts; 0: not known, or a policy.
	Number int `json:"number,omitempty"`
	// Tool is what its table belongs to, and so what may change it.
	Tool FilterTool `json:"tool,omitempty"`
	// Verdict is what it does: drop or reject; hop-limit, which has neighbour discovery dropped by whom it arrives at; queue, where a program decides, and without one the packet is lost; or
	// translate, where it changes whom a packet is for or from. What does the last two stops nothing for certain.
	Verdict string `json:"verdict"`
	// Matches are the frame types it stops, in Hook's direction: that of mld is a query coming in, a
	// report going out; of dhcpv6 what a server sends, what a client sends; of udp a question to DNS going out, its
	// answer coming in. A firewall that lets no new connection in stops tcp-syn, and nothing else is wrong with it;
	// one that lets some in does not. Going out, tcp-syn is to HTTPS.
	Matches []string `json:"matches"`
	// Invalid are the answers that it stops besides where connection tracking takes them for none (ct state invalid).
	Invalid []string `json:"invalid,omitempty"`
	// Partly are the frame types of which its verdict concerns some: by address, size, port, user, rate, or what ndwhy
	// does not know of.
	Partly []string `json:"partly,omitempty"`
	// By is what decides about those, beside kind and addresses: port, hops (hop limit), length, user, group, cgroup, class
	// (DSCP and flow label), rate, count (of connections), quota, chance.
	By []string `json:"by,omitempty"`
	// Src and Dst are the addresses that it speaks of, where it speaks of one prefix.
	Src netip.Prefix `json:"src,omitzero"`
	Dst netip.Prefix `json:"dst,omitzero"`
	// To is the address that it gives a packet, of a rule that translates.
	To   netip.Addr `json:"to,omitzero"`
	Gone bool       `json:"gone,omitempty"`
}

// FilterTool is a front end of the kernel's packet filter.
type FilterTool string

// The front ends. What none of the others made is nft's.
const (
	ToolNFT       FilterTool = "nft"
	ToolIPTables  FilterTool = "ip6tables" // the one that is there: iptables-nft
	ToolLegacy    FilterTool = "ip6tables-legacy"
	ToolUFW       FilterTool = "ufw"
	ToolFirewalld FilterTool = "firewalld"
	ToolIPsec     FilterTool = "ipsec" // a policy of IPsec: no packet filter, but it drops as one does
)

// Stops reports whether the rule stops frames of a type.
func (f Filter) Stops(t FrameType) bool { return slices.Contains(f.Matches, string(t)) }

// Concerns reports whether the rule's verdict concerns some frames of a type, or all.
func (f Filter) Concerns(t FrameType) bool {
	return f.Stops(t) || slices.Contains(f.Partly, string(t))
}

// Inbound reports whether the rule judges what arrives for this host; else what leaves.
func (f Filter) Inbound() bool {
	switch f.Hook {
	case "prerouting", "input", "ingress":
		return true
	default:
		return false
	}
}

// Hook is a place on a packet's way through this host where something may drop it that this program
// cannot read, so that the rules it knows may not be all.
type Hook struct {
	// Interface is empty where it is of the whole host.
	Interface string   `json:"interface,omitempty"`
	Name      HookName `json:"name"`
	// What is there, as far as it tells: the kinds and names of tc filters.
	What string `json:"what,omitempty"`
	Gone bool   `json:"gone,omitempty"`
}

// HookName says where a Hook is.
type HookName string

// Hooks beside IFLA_XDP, which Link tells.
const (
	HookLegacy  HookName = "ip6tables-legacy" // x_tables that may not be read
	HookIngress HookName = "tc ingress"
	HookEgress  HookName = "tc egress"
)

// Flows are the TCP connections over IPv6 that this host has with others at one moment, of which no
// packet is ours: of those that were acknowledged the one heard of last for each own address and /64
// beyond, and those that wait for an answer. It replaces what an earlier one said.
type Flows struct {
	List  []Flow `json:"list,omitempty"` // those that wait first; the rest by the age of their acknowledgement
	Count int    `json:"count"`          // of all that were looked at
	// Partial: there are more than were looked at.
	Partial bool `json:"partial,omitempty"`
}

// Flow is one connection. Ages are in seconds at the event's time.
type Flow struct {
	Local     netip.AddrPort `json:"local"`
	Remote    netip.AddrPort `json:"remote"`
	Interface string         `json:"interface,omitempty"` // where it is bound to one
	State     FlowState      `json:"state"`
	// Inbound: somebody listens on the local port, so it was the other end that connected.
	Inbound bool `json:"inbound,omitempty"`

	AckedS    float64 `json:"acked_s"` // since the last acknowledgement arrived
	SentS     float64 `json:"sent_s"`  // since data was last sent
	ReceivedS float64 `json:"received_s"`
	RTTMS     float64 `json:"rtt_ms,omitempty"`
	MTU       int     `json:"mtu,omitempty"` // of the path, as the kernel has learnt it

	Unacked int `json:"unacked,omitempty"` // segments sent and not acknowledged
	// Retransmits are the timeouts since anything was acknowledged, Backoff the doublings of the wait;
	// Retransmitted are the segments sent again in all its life.
	Retransmits   int    `json:"retransmits,omitempty"`
	Backoff       int    `json:"backoff,omitempty"`
	Retransmitted int    `json:"retransmitted,omitempty"`
	BytesAcked    uint64 `json:"bytes_acked,omitempty"`
	BytesReceived uint64 `json:"bytes_received,omitempty"`
}

// Stuck reports whether the connection waits for an answer and has asked again in vain.
func (f Flow) Stuck() bool { return f.Retransmits > 0 }

// FlowState is a state of TCP (RFC 9293 §3.3.2).
type FlowState string

// The states that are told of.
const (
	FlowEstablished FlowState = "established"
	FlowSynSent     FlowState = "syn-sent"
	FlowSynRecv     FlowState = "syn-received"
)

// TableUse is the pressure on the kernel's tables: that of neighbours, which all namespaces share, and that of
// connections.
type TableUse struct {
	Entries    int  `json:"entries"`
	Thresh3    int  `json:"gc_thresh3,omitempty"` // 0: not readable here
	TableFulls int  `json:"table_fulls"`          // /proc/net/stat/ndisc_cache
	NoBuffers  bool `json:"enobufs,omitempty"`    // a question of ours was refused with ENOBUFS
	// Tracked connections and how many there may be at most; 0: far from full, or not readable.
	Tracked     int `json:"tracked,omitempty"`
	TrackedMost int `json:"tracked_most,omitempty"`
}

// Resolvers are the name servers that this host is configured to ask by IPv6.
type Resolvers struct {
	File      string       `json:"file"`                // that names them, "/etc/resolv.conf"
	Addresses []netip.Addr `json:"addresses,omitempty"` // those of the link with their zone, at most three
	Others    int          `json:"others,omitempty"`    // how many it asks by IPv4 beside them
}

// Machine is what the hardware says of itself (DMI), for recognising the cloud.
type Machine struct {
	SysVendor string `json:"sys_vendor,omitempty"`
	Product   string `json:"product_name,omitempty"`
	BIOS      string `json:"bios_vendor,omitempty"`
	// BIOSVersion is how EC2's Xen instances say that they are on EC2: "4.11.amazon".
	BIOSVersion string `json:"bios_version,omitempty"`
	ChassisID   string `json:"chassis_asset_tag,omitempty"`
}

// Metadata is what the instance metadata service (EC2 IMDSv2) says the infrastructure assigned.
// It replaces what an earlier one said.
type Metadata struct {
	Endpoint   string              `json:"endpoint,omitempty"`
	State      MetadataState       `json:"state"`
	Why        string              `json:"why,omitempty"`
	Region     string              `json:"region,omitempty"`
	Interfaces []MetadataInterface `json:"interfaces,omitempty"`
	// Mute: the service took a connection, and gave no session token to who asked for one.
	Mute bool `json:"mute,omitempty"`
	// Refused: the service turns every request away (HTTP status 403).
	Refused bool `json:"refused,omitempty"`
}

// MetadataState says how asking went.
type MetadataState string

// What asking for an assignment can come to. "none" is an answer: nothing is assigned.
const (
	MetadataOK          MetadataState = "ok"
	MetadataNone        MetadataState = "none"
	MetadataUnreachable MetadataState = "unreachable"
	MetadataNotAsked    MetadataState = "not-asked"
)

// MetadataInterface is one elastic network interface of the instance.
type MetadataInterface struct {
	MAC       MAC            `json:"mac"`
	ID        string         `json:"interface_id,omitempty"` // eni-…
	Subnet    string         `json:"subnet_id,omitempty"`
	Addresses []netip.Addr   `json:"ipv6s,omitempty"`
	Prefixes  []netip.Prefix `json:"ipv6_prefix,omitempty"`
	Subnets   []netip.Prefix `json:"subnet_ipv6_cidr_blocks,omitempty"`
}

// Lease is what a DHCPv6 client on this host recorded (a lease file, or its manager's state).
type Lease struct {
	Interface string         `json:"interface"`
	File      string         `json:"file"`
	Addresses []LeaseAddress `json:"addresses"`
	DUID      string         `json:"duid,omitempty"` // hexadecimal
	IAID      uint32         `json:"iaid,omitempty"`
}

// LeaseAddress is one address or prefix of a lease, with the lifetimes as given.
type LeaseAddress struct {
	Prefix     netip.Prefix `json:"prefix"`
	PreferredS int64        `json:"preferred_s"`
	ValidS     int64        `json:"valid_s"`
	At         time.Time    `json:"at,omitzero"`
}

// FrameType names what a captured frame carries.
type FrameType string

// The frames that the tap lets through.
const (
	RS               FrameType = "rs"
	RA               FrameType = "ra"
	NS               FrameType = "ns"
	NA               FrameType = "na"
	RedirectFrame    FrameType = "redirect"
	EchoRequest      FrameType = "echo-request"
	EchoReply        FrameType = "echo-reply"
	Unreachable      FrameType = "unreachable"
	PacketTooBig     FrameType = "packet-too-big"
	TimeExceeded     FrameType = "time-exceeded"
	ParameterProblem FrameType = "parameter-problem"
	MLD              FrameType = "mld"
	DHCPv6Frame      FrameType = "dhcpv6"
	TCPSyn           FrameType = "tcp-syn"
	TCPSynAck        FrameType = "tcp-synack"
	TCPFin           FrameType = "tcp-fin"
	TCPRst           FrameType = "tcp-rst"
	UDPFrame         FrameType = "udp" // other than DHCPv6: of what the kernel dropped alone
)

// IsND reports whether t is a message of neighbour discovery (RFC 4861 §4).
func (t FrameType) IsND() bool {
	switch t {
	case RS, RA, NS, NA, RedirectFrame:
		return true
	default:
		return false
	}
}

// IsTCP reports whether t is a segment with which TCP begins or ends a connection.
func (t FrameType) IsTCP() bool {
	switch t {
	case TCPSyn, TCPSynAck, TCPFin, TCPRst:
		return true
	default:
		return false
	}
}

// HasPorts reports whether t is of TCP or UDP, and no DHCPv6.
func (t FrameType) HasPorts() bool { return t.IsTCP() || t == UDPFrame }

// IsError reports whether t is an ICMPv6 error message.
func (t FrameType) IsError() bool {
	switch t {
	case Unreachable, PacketTooBig, TimeExceeded, ParameterProblem:
		return true
	default:
		return false
	}
}

// Frame is a frame that the tap saw leave or arrive.
type Frame struct {
	Interface string     `json:"interface"`
	Out       bool       `json:"out,omitempty"` // PACKET_OUTGOING: it left this host's stack
	SrcMAC    MAC        `json:"src_mac"`
	DstMAC    MAC        `json:"dst_mac"`
	Src       netip.Addr `json:"src"`
	Dst       netip.Addr `json:"dst"`
	HopLimit  int        `json:"hop_limit"`
	Type      FrameType  `json:"type"`
	Code      int        `json:"code,omitempty"`
	// Bad says why the frame is not to be believed (RFC 4861 §§6.1, 7.1, 8.1): empty for a good one.
	Bad string `json:"bad,omitempty"`

	Target    netip.Addr `json:"target,omitzero"`  // NS, NA, redirect
	LLAddr    MAC        `json:"ll_addr,omitzero"` // source or target link-layer address option
	Router    bool       `json:"router,omitempty"` // NA flags R, S, O
	Solicited bool       `json:"solicited,omitempty"`
	Override  bool       `json:"override,omitempty"`
	Nonce     []byte     `json:"nonce,omitempty"`

	EchoID  uint16 `json:"echo_id,omitempty"`
	EchoSeq uint16 `json:"echo_seq,omitempty"`
	Size    int    `json:"size"` // of the IPv6 packet, bytes

	SrcPort uint16 `json:"src_port,omitempty"` // of TCP and UDP
	DstPort uint16 `json:"dst_port,omitempty"`

	MTU    int            `json:"mtu,omitempty"` // packet too big
	MLD    *MLDMessage    `json:"mld,omitempty"`
	Quoted *Quoted        `json:"quoted,omitempty"`
	RA     *Advertisement `json:"ra,omitempty"`
	DHCPv6 *DHCPv6        `json:"dhcpv6,omitempty"`

	// Raw is the whole frame, from the Ethernet header on, at most 2,048 bytes; of TCP the headers.
	Raw []byte `json:"raw"`
}

// Quoted is the packet that an ICMPv6 error quotes, as far as it could be read.
type Quoted struct {
	Src     netip.Addr `json:"src"`
	Dst     netip.Addr `json:"dst"`
	Type    FrameType  `json:"type,omitempty"`
	EchoID  uint16     `json:"echo_id,omitempty"`
	EchoSeq uint16     `json:"echo_seq,omitempty"`
	SrcPort uint16     `json:"src_port,omitempty"` // of TCP or UDP
	DstPort uint16     `json:"dst_port,omitempty"`
}

// MLDMessage is a message of Multicast Listener Discovery, of either version (RFC 2710, RFC 3810).
type MLDMessage struct {
	Message string `json:"message"` // query, report or done
	// Groups are those asked for, none for a general query, or those listened to; Left those not any more.
	Groups     []netip.Addr `json:"groups,omitempty"`
	Left       []netip.Addr `json:"left,omitempty"`
	MaxDelayMS int          `json:"max_delay_ms,omitempty"` // of a query: how late the answer may come
}

// Drop is a packet that this host's kernel threw away: its tracepoint kfree_skb. A packet that the tap
// saw arrive and that died afterwards is a Frame and a Drop; one that died on its way out is a Drop alone.
type Drop struct {
	// Frame is the packet, Out where it was to leave. It has no MACs where it had none yet; Raw has zeros
	// in their place and is cut short (Size tells the whole).
	Frame Frame `json:"frame"`
	// Reason is why, as the kernel names it: NETFILTER_DROP, NOT_SPECIFIED (enum skb_drop_reason).
	Reason string `json:"reason"`
	// Function is where in the kernel: nft_do_chain; empty where it does not tell.
	Function string `json:"function,omitempty"`
}

// Advertisement is a router advertisement (RFC 4861 §4.2). Lifetimes are seconds, Forever for
// infinity; MTU 0 means that the option was absent.
type Advertisement struct {
	Managed     bool         `json:"managed"`
	Other       bool         `json:"other"`
	HopLimit    int          `json:"hop_limit"`
	LifetimeS   int64        `json:"lifetime_s"`
	Preference  string       `json:"preference"` // low, medium, high
	ReachableMS int64        `json:"reachable_ms"`
	RetransMS   int64        `json:"retrans_ms"`
	MTU         int          `json:"mtu,omitempty"`
	LLAddr      MAC          `json:"ll_addr,omitzero"`
	Prefixes    []PrefixInfo `json:"prefixes,omitempty"`
	RDNSS       []netip.Addr `json:"rdnss,omitempty"`
	RDNSSLifeS  int64        `json:"rdnss_lifetime_s,omitempty"`
	DNSSL       []string     `json:"dnssl,omitempty"` // control characters escaped
	Routes      []RouteInfo  `json:"routes,omitempty"`
	Unknown     []Option     `json:"unknown,omitempty"`
}

// PrefixInfo is a prefix information option (RFC 4861 §4.6.2).
type PrefixInfo struct {
	Prefix     netip.Prefix `json:"prefix"`
	OnLink     bool         `json:"on_link"`
	Autonomous bool         `json:"autonomous"`
	ValidS     int64        `json:"valid_s"`
	PreferredS int64        `json:"preferred_s"`
}

// RouteInfo is a route information option (RFC 4191 §2.3).
type RouteInfo struct {
	Prefix     netip.Prefix `json:"prefix"`
	LifetimeS  int64        `json:"lifetime_s"`
	Preference string       `json:"preference"`
}

// Option is a neighbour discovery option kept as it came.
type Option struct {
	Type int    `json:"type"`
	Raw  []byte `json:"raw"`
}

// DHCPv6 is a DHCPv6 message (RFC 8415) as far as the program uses it.
type DHCPv6 struct {
	Message     string         `json:"message"` // solicit, advertise, request, reply, renew …
	Transaction string         `json:"transaction"`
	ClientDUID  string         `json:"client_duid,omitempty"` // hexadecimal
	ServerDUID  string         `json:"server_duid,omitempty"`
	IAID        uint32         `json:"iaid,omitempty"`
	Addresses   []LeaseAddress `json:"addresses,omitempty"` // IA_NA as /128, IA_PD as given
	T1S         int64          `json:"t1_s,omitempty"`
	T2S         int64          `json:"t2_s,omitempty"`
	Status      string         `json:"status,omitempty"` // NoAddrsAvail …
}

// Socket is what happened at a socket of ours that asks as any application would.
type Socket struct {
	Interface string      `json:"interface"`
	Event     SocketEvent `json:"event"`
	Source    netip.Addr  `json:"source,omitzero"`
	Target    netip.Addr  `json:"target"`
	EchoID    uint16      `json:"echo_id"`
	EchoSeq   uint16      `json:"echo_seq"`
	From      netip.Addr  `json:"from,omitzero"` // who replied, or sent the error
	Errno     string      `json:"errno,omitempty"`
	Type      FrameType   `json:"type,omitempty"` // of an ICMPv6 error
	Code      int         `json:"code,omitempty"`
	// Via is "app" of a socket that was not bound: Source is then the kernel's choice, and Interface the one in whose
	// name it asked.
	Via Via `json:"via,omitempty"`
	// Service is what was asked where it was no echo: "imds", "dns", "ntp" or "tcp". Then EchoID and EchoSeq
	// number the requests, and Answer is what a reply says: "HTTP 403", of TCP "open" or "closed".
	Service string `json:"service,omitempty"`
	Port    int    `json:"port,omitempty"` // of TCP
	// LocalPort is what a service was asked from.
	LocalPort uint16 `json:"local_port,omitempty"`
	Answer    string `json:"answer,omitempty"`
}

// SocketEvent is what a socket saw.
type SocketEvent string

// What happens at a socket.
const (
	SocketSent  SocketEvent = "sent"  // the kernel took the packet
	SocketReply SocketEvent = "reply" // an echo reply, or a service's answer, was delivered
	SocketError SocketEvent = "error" // send refused, or the error queue had an ICMPv6 error
)

// Check says how a check stands.
type Check struct {
	ID        string     `json:"id"`
	Interface string     `json:"interface,omitempty"`
	State     CheckState `json:"state"`
	Why       string     `json:"why,omitempty"`
	// Fix is the exact line that would let a skipped check run.
	Fix string `json:"fix,omitempty"`
	// User: it was skipped because the user turned it off, so it never counts as unknown.
	User bool `json:"user,omitempty"`
}

// CheckState is the state of a check.
type CheckState string

// A check is running, done, or skipped (why).
const (
	CheckRunning CheckState = "running"
	CheckDone    CheckState = "done"
	CheckSkipped CheckState = "skipped"
)

// Change is something the program changed on this host, or undid.
type Change struct {
	Interface string `json:"interface"`
	What      string `json:"what"` // a sentence, from the catalogue
	// Address is the address that was configured for some seconds, where that is what changed.
	Address netip.Addr `json:"address,omitzero"`
	Undone  bool       `json:"undone,omitempty"`
}

// Kind returns "run", the body's name in recordings.
func (Run) Kind() string { return "run" }

// Kind returns "tick", the body's name in recordings.
func (Tick) Kind() string { return "tick" }

// Kind returns "feed", the body's name in recordings.
func (Feed) Kind() string { return "feed" }

// Kind returns "link", the body's name in recordings.
func (Link) Kind() string { return "link" }

// Kind returns "address", the body's name in recordings.
func (Address) Kind() string { return "address" }

// Kind returns "route", the body's name in recordings.
func (Route) Kind() string { return "route" }

// Kind returns "rule", the body's name in recordings.
func (PolicyRule) Kind() string { return "rule" }

// Kind returns "neighbour", the body's name in recordings.
func (Neighbour) Kind() string { return "neighbour" }

// Kind returns "sysctl", the body's name in recordings.
func (Sysctl) Kind() string { return "sysctl" }

// Kind returns "manager", the body's name in recordings.
func (Manager) Kind() string { return "manager" }

// Kind returns "access", the body's name in recordings.
func (Access) Kind() string { return "access" }

// Kind returns "selection", the body's name in recordings.
func (Selection) Kind() string { return "selection" }

// Kind returns "filter", the body's name in recordings.
func (Filter) Kind() string { return "filter" }

// Kind returns "hook", the body's name in recordings.
func (Hook) Kind() string { return "hook" }

// Kind returns "flows", the body's name in recordings.
func (Flows) Kind() string { return "flows" }

// Kind returns "groups", the body's name in recordings.
func (Groups) Kind() string { return "groups" }

// Kind returns "table-use", the body's name in recordings.
func (TableUse) Kind() string { return "table-use" }

// Kind returns "resolvers", the body's name in recordings.
func (Resolvers) Kind() string { return "resolvers" }

// Kind returns "machine", the body's name in recordings.
func (Machine) Kind() string { return "machine" }

// Kind returns "metadata", the body's name in recordings.
func (Metadata) Kind() string { return "metadata" }

// Kind returns "lease", the body's name in recordings.
func (Lease) Kind() string { return "lease" }

// Kind returns "frame", the body's name in recordings.
func (Frame) Kind() string { return "frame" }

// Kind returns "drop", the body's name in recordings.
func (Drop) Kind() string { return "drop" }

// Kind returns "socket", the body's name in recordings.
func (Socket) Kind() string { return "socket" }

// Kind returns "check", the body's name in recordings.
func (Check) Kind() string { return "check" }

// Kind returns "path", the body's name in recordings.
func (Path) Kind() string { return "path" }

// Kind returns "change", the body's name in recordings.
func (Change) Kind() string { return "change" }

// Holds reports whether an address is the interface's own or in one of its prefixes.
func (m MetadataInterface) Holds(addr netip.Addr) bool {
	return slices.Contains(m.Addresses, addr) ||
		slices.ContainsFunc(m.Prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func (sel Selection) key() SelectionKey { return SelectionKey{sel.Dst, sel.From, sel.Bound} }

// Forms returns the first prefix of a router that hosts are to make an address from.
func (r *RouterSeen) Forms() (PrefixInfo, bool) {
	i := slices.IndexFunc(r.Last.Prefixes, func(p PrefixInfo) bool {
		return p.Autonomous && p.ValidS != 0 && p.Prefix.Bits() == formable && !p.Prefix.Addr().IsLinkLocalUnicast()
	})
	if i < 0 {
		return PrefixInfo{}, false
	}
	return r.Last.Prefixes[i], true
}

// formable is the length of the prefixes that addresses are made from (RFC 4862 §5.5.3 and RFC 4291
// §2.5.1: an interface identifier has 64 bits).
const formable = 64
