package words

// causesLink has the words of the causes that are about how hosts of one link find each other.
var causesLink = map[string]string{
	"cause.mac.duplicate.title":       "Another machine uses this interface's MAC address",
	"cause.mac.duplicate.summary":     "Another machine on the link uses {mac}, the MAC address of {interface}: it sent a frame from {from}.",
	"cause.mac.duplicate.explanation": "Frames came in from the interface's own MAC address, {frames} so far, that this host had not sent. A switch delivers what is for a MAC to the port that it last came from, so answers go now to the one machine, now to the other. Copies of a virtual machine, of its disk or of its configuration have this, and bridges and containers that were given a MAC by hand. An attacker can do it on purpose.",
	"cause.mac.duplicate.means":       "Two machines have the same hardware address, and the network cannot tell them apart. Details: frames with our own source MAC arrive that were never seen leaving; the switch's MAC table flaps between two ports.",
	"cause.mac.duplicate.evidence":    "A frame that arrived from the interface's own MAC address, while the tap saw no such frame leave in the second before; certain with two of them.",
	"cause.mac.duplicate.contradicts": "The same frame being seen leaving just before: then the network only sent it back.",
	"cause.mac.duplicate.apart":       "frames from {mac} arrive that this host did not send",
	"cause.mac.duplicate.see":         "tcpdump -eni IF -Q in ether src MAC; ip link show dev IF",
	"cause.mac.duplicate.source":      "IEEE 802.1Q §8.7 (learning); RFC 9568 §7.3 for MAC addresses that are meant to be shared",

	"cause.address.looped-back.title":       "The kernel took its own question for a duplicate",
	"cause.address.looped-back.summary":     "Duplicate address detection failed for {address}, and nobody else has it: the network sends {interface}'s own frames back to it.",
	"cause.address.looped-back.explanation": "Before the kernel uses an address it asks whether somebody has it. Here the question came back to the host that asked (an access point, a switch port with hairpin or a loop does that), and looked like another host that asks the same. Since Linux 4.11 the kernel puts a nonce in and knows its own question by that (enhanced_dad, on by default).",
	"cause.address.looped-back.means":       "This machine heard its own echo and took it for a rival. Details: the address is dadfailed, frames with our own source MAC come back unchanged, and a solicitation for the address gets no answer.",
	"cause.address.looped-back.evidence":    "The kernel's dadfailed flag, a frame of this host that came back to it, and no answer for the address; certain where enhanced_dad is off.",
	"cause.address.looped-back.contradicts": "An answer for the address; enhanced_dad=1.",
	"cause.address.looped-back.apart":       "nobody answers for {address}, and the frames of {interface} come back to it",
	"cause.address.looped-back.see":         "ip -6 addr show dev IF dadfailed; sysctl net.ipv6.conf.IF.enhanced_dad; tcpdump -eni IF -Q in ether src MAC",
	"cause.address.looped-back.source":      "RFC 7527; Linux net/ipv6/addrconf.c (addrconf_dad_kick), net/ipv6/ndisc.c (ndisc_recv_ns)",

	"cause.neighbour.stale-lladdr.title":              "A neighbour moved to another MAC address, and the kernel does not know",
	"cause.neighbour.stale-lladdr.summary":            "The kernel sends what is for {address} to {old}, and on the wire {new} answers for it: the entry is stale.",
	"cause.neighbour.stale-lladdr.explanation":        "Another machine, or another interface, has the address now: a failover, or an instance that was replaced. Who takes an address over must say so to all nodes, by an unsolicited advertisement with the override flag (RFC 4861 §7.2.6). If that is missing or lost, the kernel goes on with the old MAC: after 5 seconds of sending it asks that MAC three times, and only then everybody. A connection hangs for 8 seconds, and longer where each try is new.",
	"cause.neighbour.stale-lladdr.healed.summary":     "Before this run the kernel had {old} for {address}, and {new} answers for it: the entry was stale, and what was asked mended it.",
	"cause.neighbour.stale-lladdr.healed.explanation": "Another machine, or another interface, has the address now: a failover, or an instance that was replaced. Until somebody asked, everything that this host sent to it went to the old MAC. Nothing came from that MAC in this run. Who takes an address over must say so to all nodes, by an unsolicited advertisement with the override flag (RFC 4861 §7.2.6).",
	"cause.neighbour.stale-lladdr.means":              "A neighbour lives at another place now, and this machine still sends its mail to the old one. Details: the neighbour entry had a MAC from which nothing comes any more, and a solicitation for the address is answered from another.",
	"cause.neighbour.stale-lladdr.evidence":           "The kernel's entry as it was before anything was asked, and an advertisement for the address with another MAC. Certain where the kernel's own packets got no answer; else it was mended by what was asked, which tells the kernel too.",
	"cause.neighbour.stale-lladdr.contradicts":        "Any frame from the old MAC; an answer to a packet that the kernel sent to it.",
	"cause.neighbour.stale-lladdr.apart":              "ip neigh has another MAC for {address} than ndisc6 shows",
	"cause.neighbour.stale-lladdr.see":                "ip -6 neigh show ADDRESS; ndisc6 -m ADDRESS IF",
	"cause.neighbour.stale-lladdr.source":             "RFC 4861 §§7.2.6, 7.3.3; Linux net/core/neighbour.c (neigh_timer_handler)",
}
