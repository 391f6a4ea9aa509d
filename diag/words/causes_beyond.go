package words

// causesBeyond has the words of what is as possible as a way that is cut, where but one kind of packet could be tried.
var causesBeyond = map[string]string{
	"cause.more.no-tap": "Without the right to see frames this host cannot tell what left it and what came: it may as well be something on this host.",

	"cause.path.icmp-blocked.alone.summary":     "No echo is answered beyond the router, and nothing else could be tried: something may drop ICMPv6 alone.",
	"cause.path.icmp-blocked.alone.explanation": "No connection left this host, so echo is all that was asked there. A filter on the way that drops ICMPv6 looks the same as a way that is cut.",
	"cause.path.tcp-blocked.alone.summary":      "No connection is answered beyond the router, and nothing else could be tried: something may drop TCP alone.",
	"cause.path.tcp-blocked.alone.explanation":  "No echo left this host, so connections are all that was asked there. A filter on the way that drops them looks the same as a way that is cut.",
}
