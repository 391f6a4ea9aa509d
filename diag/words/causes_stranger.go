package words

// causesStranger has the words of what rules of a host do beside stopping all packets of a kind.
var causesStranger = map[string]string{
	"cause.host.firewall.some.summary":          "A rule of this host probably stops packets: {rule}.",
	"cause.host.firewall.some.explanation":      "The network is not at fault: something on this host stops these packets, and this is the only rule that concerns them. It stops some packets of this kind and not others, by address, port, user, size, rate, or a condition that ndwhy cannot evaluate.",
	"cause.host.firewall.some.or":               "; or ",
	"cause.host.firewall.queue.summary":         "A rule of this host gives packets to a program, which does not let them pass: {rule}.",
	"cause.host.firewall.queue.explanation":     "The network is not at fault: something on this host stops these packets, and this rule has a program decide about them (NFQUEUE). If the program does not run, the kernel drops them.",
	"cause.host.firewall.translate.summary":     "A rule of this host changes the addresses of packets, and no answer comes: {rule}.",
	"cause.host.firewall.translate.explanation": "What programs on this host ask is rewritten before it leaves: it goes to another address or port, or has another source. So the one that they ask may never hear of it, or the answer goes elsewhere. Frames that ndwhy itself sends pass below this rule.",
}
