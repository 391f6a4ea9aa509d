package words

// causesCaptured has the words of causes that a packet capture shows, of hosts that are not this one.
var causesCaptured = map[string]string{
	"captured.answered-before": "It was answered earlier in the capture.",
	"captured.alive":           "{holder} uses the address in the same capture. So that host is there, but it does not answer, or its answers do not get through.",
	"captured.probes":          "The question was only whether a known neighbour is still there, as hosts ask some seconds after they sent it something. Nobody had anything to send to it since. An address that its host gave up looks like that.",
	"captured.by-router":       "Only routers ask: somebody beyond them looks for an address that nobody has, as scans do. That alone is expected.",
	"captured.elsewhere":       "The capture has no unicast to the hosts that ask, so it might not show an answer. But they ask again, which shows that they got none.",

	"cause.peer.unmapped.captured.summary":          "Nobody answers for {peer}.",
	"cause.peer.unmapped.captured.explanation":      "Its MAC address was asked for {count|time|times} in a row until the end of the capture, by {askers}, and no neighbour advertisement came.",
	"cause.peer.unmapped.captured-many.summary":     "Nobody answers for {n} of the addresses that hosts ask for.",
	"cause.peer.unmapped.captured-many.explanation": "The first are {addresses}. Each was asked for at least three times in a row. So many at once are a scan, or part of the network is gone.",

	"captured.tell-whose": "Nothing in the capture says whose address it is. If it belongs to a host that made one of these captures, name the host of each capture in their order, this one by --as {address}. Then the captures tell where the question was lost.",

	"cause.address.unassigned.captured.summary":           "Nobody answers what {address} asks, but {other} of the same host is answered.",
	"cause.address.unassigned.captured.explanation":       "The host {host} asked {target} {count|time|times} from {address}, and nothing came for that address. From {other} it asked {target} too, and was answered. So somebody lets only one of the two addresses through. In a cloud that happens if the address was not assigned.",
	"cause.address.unassigned.captured-tried.summary":     "A program tried {n|address|addresses} whose questions nobody answers.",
	"cause.address.unassigned.captured-tried.explanation": "Tried: {addresses}. The questions came faster than a kernel asks, as from ndwhy check, which tries addresses. Another address of the same host asked the same and was answered. So somebody lets only some addresses through, as clouds do.",

	"cause.peer.echo-blocked.captured.summary":     "{peer} does not answer the pings of {from}.",
	"cause.peer.echo-blocked.captured.explanation": "{from} sent {count|ping|pings} in a row until the end of the capture, and no reply came back. A capture does not say where they were lost: {peer}, a packet filter or the network on the way.",

	"cause.path.mtu.captured.summary":     "{target} answers the small pings of {from}, and none of the large ones.",
	"cause.path.mtu.captured.explanation": "Pings of up to {most} bytes were answered, and {lost|ping|pings} of {least} bytes and more were not. Something on the way drops large packets without a word, so connections begin and then hang. A filter that drops fragments does the same to large pings alone.",

	"cause.path.lossy.captured-pings.summary":     "{target} answered only some of the pings of {from}.",
	"cause.path.lossy.captured-pings.explanation": "{lost} of {sent} pings got no reply within a second. Either packets get lost on the way, or {target} answers only so many pings a second, as many hosts do. A capture at {target} at the same time tells which way packets are lost.",

	"cause.path.refused.captured.summary":     "{from} refuses packets to {target}: {error}.",
	"cause.path.refused.captured.explanation": "{count|ICMPv6 error|ICMPv6 errors} came back. \"No route\" comes from a router, \"administratively prohibited\" from a filter, and \"address unreachable\" from the last router, which found nobody there.",

	"cause.router.unresolvable.captured.summary":     "Nobody answers for the router {router}.",
	"cause.router.unresolvable.captured.explanation": "The router advertises itself. {askers} asked for its MAC address {count|time|times} in a row until the end of the capture, and no neighbour advertisement came.",

	"cause.address.duplicate.captured.summary":             "When {host} asked whether {address} is free, {other} answered that it has it, or asked for it too.",
	"cause.address.duplicate.captured.explanation":         "Duplicate address detection then fails (RFC 4862 §5.4), and the host that asked does not use the address.",
	"cause.address.duplicate.captured-claimed.summary":     "More than one host claims {address} as its own: {macs}.",
	"cause.address.duplicate.captured-claimed.explanation": "Their claims alternate ({changes|change|changes}). After a failover an address changes hands once, and hosts that share an address on purpose (anycast) clear the override flag. Packets to this address reach one host or the other.",

	"cause.address.looped-back.captured.summary":            "When {host} asked whether {address} is free, its question came back to the link.",
	"cause.address.looped-back.captured.explanation":        "The same frame is in the capture again, moments later. Nothing in it tells the host that it is its own, so it takes it for another's and gives up the address (RFC 7527). A switch or an access point returns it, or a loop in the network does.",
	"cause.address.looped-back.captured-marked.summary":     "{host} asked whether addresses are free, and its questions came back to the link.",
	"cause.address.looped-back.captured-marked.explanation": "They ask for {addresses}. The same frames are in the capture again, moments later: a switch or an access point returns them. They carry a nonce, by which the host knows its own question again (RFC 7527), so its addresses work. A host without it gives them up.",

	"cause.link.flood.captured.summary":     "Somebody floods the link: {what}.",
	"cause.link.flood.captured.explanation": "They come from {senders|MAC address|MAC addresses}; {mac} sends the most. No network needs so many. Each one costs every host time, and may take up an entry of its neighbour table.",

	"cause.path.unheard.captured.summary":     "Nobody answers the host {host}.",
	"cause.path.unheard.captured.explanation": "It asked for {n} addresses, each at least three times in a row, and got no answer: {addresses}. Some of them are in use in the same capture. So its frames do not get through, or the answers do not: the port that it is connected to may accept only another MAC address.",

	"cause.router.asks-again.captured.summary":     "The router {router} asks for {address} again and again, though it is answered.",
	"cause.router.asks-again.captured.explanation": "After an answer it asked all hosts again, within seconds, and sent nothing to that address in between ({count|time|times}). So the answers do not reach the router, or it does not believe them, and what comes for the address from beyond it is lost.",

	"cause.far.answer-lost.captured-again.summary":     "{from} asks for {peer} again and again, though it is answered.",
	"cause.far.answer-lost.captured-again.explanation": "After an answer it asked all hosts again, within seconds, and sent nothing to that address in between ({count|time|times}). So the answers do not reach it, or it drops them, as a packet filter that stops neighbour advertisements (ICMPv6 type 136) does.",

	"captured.nothing-from":                       "Nothing in the capture comes from {mac}.",
	"cause.router.redirects.captured.summary":     "The router {router} redirects packets for {target} to {via}, and nothing comes back that way.",
	"cause.router.redirects.captured.explanation": "A redirect names a better first hop. {count|packet was|packets were} sent that way after it, in a row until the end of the capture, and nothing came from {target}.",

	"cause.dhcpv6.client-fails.captured.summary":     "{server} offers the DHCPv6 client {client} an address again and again, and the client never asks for it.",
	"cause.dhcpv6.client-fails.captured.explanation": "The client began {count} exchanges, and each was answered with an offer. A client that gets an offer requests the address. So the offers do not reach it (a packet filter on its host drops UDP port 546), or the client rejects them.",

	"cause.router.no-advertisement.captured.summary":          "The router {router} advertised itself for {lifetime} s and has been silent for {gap} s since.",
	"cause.router.no-advertisement.captured.explanation":      "When the lifetime of an advertisement ends, every host drops its default route through that router. The router stopped, or its advertisements no longer get here.",
	"cause.router.no-advertisement.captured-late.summary":     "The router {router} advertises itself for {lifetime} s at a time, but its next advertisement came after {gap} s.",
	"cause.router.no-advertisement.captured-late.explanation": "In between, no host had a default route through that router. Advertisements got lost, or the router's interval is longer than its lifetime.",

	"cause.router.not-default.captured.summary":               "The router {router} advertises with lifetime 0: it does not offer to be the way out.",
	"cause.router.not-default.captured.explanation":           "Hosts make no default route from such an advertisement (RFC 4861 §6.3.4), and no other router in the capture offers one.",
	"cause.router.not-default.captured-withdrawn.summary":     "The router {router} withdrew its offer to be the way out.",
	"cause.router.not-default.captured-withdrawn.explanation": "It advertised a lifetime before, and its last advertisement has lifetime 0, as a router sends when it shuts down. Hosts drop their default route through it at once.",

	"cause.dhcpv6.silent.captured.summary":     "Nobody answers the DHCPv6 client {client}.",
	"cause.dhcpv6.silent.captured.explanation": "It sent the same {message} {count|time|times}, and the capture has no answer to it.",

	"cause.dhcpv6.no-address.captured.summary":     "The DHCPv6 server {server} has no address for {client}.",
	"cause.dhcpv6.no-address.captured.explanation": "It answers: {status}.",

	"cause.link.spoofed.captured.summary":              "The capture has {n|neighbour discovery message|neighbour discovery messages} from {sender} that cannot come from this link.",
	"cause.link.spoofed.captured.explanation":          "The newest is {what} from {from} with hop limit {hops}. Neighbour discovery is sent with hop limit 255, and each router lowers it by one. Every host drops messages with less.",
	"cause.link.spoofed.captured-checksum.summary":     "The capture has {n|neighbour discovery message|neighbour discovery messages} from {sender} with a wrong checksum.",
	"cause.link.spoofed.captured-checksum.explanation": "The newest is {what} from {from}. Every host drops them: they were damaged on their way, or somebody forged them badly.",

	"cause.router.rogue.captured-many.summary":     "{n} routers announce themselves besides {expected}.",
	"cause.router.rogue.captured-many.explanation": "The first are {addresses}. No link has so many: most likely one machine makes them up, to flood hosts with routes and addresses.",
	"cause.link.spoofed.captured-many.summary":     "The capture has forged or damaged neighbour discovery from {senders|sender|senders}.",
	"cause.link.spoofed.captured-many.explanation": "The newest is {what} from {from} ({sender}). Its hop limit or checksum is wrong, so every host drops it. One machine most likely makes up so many senders.",

	"headline.capture":             "This capture shows no fault (frames: {frames}, hosts: {hosts}); what frames alone do not tell stays unknown.",
	"headline.capture-sent":        "This capture has only what {sender} sent (frames: {frames}). Either it was made so (tcpdump -Q out), or nothing came in.",
	"headline.capture-silent":      "{summary}. Whether that is a fault frames alone do not tell.",
	"headline.capture-silent-more": "{summary} ({more} more are like it). Whether that is a fault frames alone do not tell.",
	"headline.capture-cut":         "This capture shows no fault, but {cut|frame is|frames are} cut short, of {frames}: what they say is not known.",
	"headline.capture-none":        "The capture has no neighbour discovery that ndwhy can read.",
	"unknown.capture":              "a capture has only frames: it does not say what the hosts have configured, filter or were assigned",
	"unknown.capture-cut":          "{n|frame of neighbour discovery is|frames of neighbour discovery are} cut short: only their first bytes were captured (tcpdump -s 0 takes whole packets)",
	"unknown.capture-full":         "the capture has more hosts than ndwhy looks at",
}
