package words

// causesBeyond has the words of what is as possible as a way that is cut, where but one kind of packet could be tried.
var causesBeyond = map[string]string{
	"cause.more.no-tap": "Without the right to see frames, ndwhy cannot tell what left this host and what arrived. The fault may be on this host.",

	"cause.path.icmp-blocked.alone.summary":     "No ping is answered beyond the router, and nothing else could be tried: something may drop only ICMPv6.",
	"cause.path.icmp-blocked.alone.explanation": "No connection left this host, so only ping was tried there. A filter on the way that drops ICMPv6 looks the same as a broken way.",
	"cause.path.tcp-blocked.alone.summary":      "No connection is answered beyond the router, and nothing else could be tried: something may drop only TCP.",
	"cause.path.tcp-blocked.reset.summary":      "Something on the way resets connections: the reset from {target} port {port} passed fewer routers ({hops}) than its answer to ping ({away}).",
	"cause.path.tcp-blocked.reset.explanation":  "A reset says that the port is closed. This one has the address of {target}, but its hop limit says that it was made nearer to this host: by a firewall on the way. No connection of this run was accepted.",
	"cause.path.tcp-blocked.alone.explanation":  "No ping left this host, so only connections were tried there. A filter on the way that drops them looks the same as a broken way.",
}
