package words

// causesSeen has the words of the causes of which the evidence is what was seen without asking.
var causesSeen = map[string]string{
	"cause.dhcpv6.client-fails.title":                "A DHCPv6 client asks and does not get the address",
	"cause.dhcpv6.client-fails.summary":              "A DHCPv6 client on {interface} asks in vain: the network offers {address}, and nobody answers the client.",
	"cause.dhcpv6.client-fails.explanation":          "The router {router} says that addresses come by DHCPv6 (M flag). The server answered our own Solicit with {address}. A client of this host was seen asking for longer than a server takes, and no answer to it was seen. The server may not know the identity (DUID) that the client asks with, as after an instance was copied.",
	"cause.dhcpv6.client-fails.answered.summary":     "A DHCPv6 client on {interface} is answered, and {address} is still not configured.",
	"cause.dhcpv6.client-fails.answered.explanation": "The router {router} says that addresses come by DHCPv6 (M flag), and the server offers {address}. A client of this host was seen asking, and the server was seen answering it. So the client does not take the answer, or does not configure what it got. Its log says why.",
	"cause.dhcpv6.client-fails.begun.summary":        "The network offers {address} by DHCPv6, and {interface} does not hold it yet: a client has just begun to ask.",
	"cause.dhcpv6.client-fails.begun.explanation":    "The router {router} says that addresses come by DHCPv6 (M flag), and the server offers {address}. A client of this host asked for the first time less than a second ago. Run the check again: if the address is still missing then, the client fails.",
	"cause.dhcpv6.client-fails.means":                "A program on this machine asks the network for an address and does not get there. Details: RA with M=1, a DHCPv6 Advertise to our own Solicit, DHCPv6 messages of another client leaving this host, and no such address on the interface.",
	"cause.dhcpv6.client-fails.evidence":             "The client's messages, the answers to them if any were seen, and the server's Advertise.",
	"cause.dhcpv6.client-fails.contradicts":          "The offered address configured here; or a rule of this host that drops DHCPv6, which is host.firewall.",
	"cause.dhcpv6.client-fails.apart":                "a DHCPv6 client of this host was seen asking",
	"cause.dhcpv6.client-fails.see":                  "journalctl -u systemd-networkd; ss -ulpn sport = :546; tcpdump -vv -ni IF udp port 546 or udp port 547",
	"cause.dhcpv6.client-fails.source":               "RFC 8415 §§7.6, 18.2.1, 18.2.10",
}
