package why

// A Cause is one thing that can be so and explains what is seen. Its words are in the catalogue
// under cause.<ID>: title, means, evidence, contradicts, see, source, summary, explanation, apart.
type Cause struct {
	ID       string
	Severity Severity // unless a hypothesis says otherwise
	// Answers is the question about its subject that it answers: of the causes that answer the same of one
	// address, or of the interface, the first in the catalogue holds.
	Answers answer
	// Whole: with it nothing on the interface works, so what speaks of a Working one is not said.
	Whole, Working bool
	Remedy         []Remedy

	// find returns the hypotheses that the observations of an interface call for.
	find func(*ifaceView) []hypothesis
	// contradicted reports whether an observation rules a hypothesis out.
	contradicted func(*ifaceView, hypothesis) bool
}

// An answer is what several causes say, each more exactly than the next.
type answer string

const (
	maySpeak       answer = "why the network does not let an address speak"
	noAddress      answer = "why there is no address to be had"
	noDefaultRoute answer = "why what is advertised made no default route"
)

// causes is the catalogue, in the order in which findings of one severity are shown: what is
// wrong on this host, then with its addresses, then with the router, then beyond.
var causes = []*Cause{
	&linkDown,
	&linkFlood,
	&linkSpoofed,
	&macDuplicate,
	&ipv6Disabled,
	&discoveryOff,
	&onPort,
	&loopbackDown,
	&neighbourTableFull,
	&neighbourOverride,
	&staleLinkLayer,
	&groupNotJoined,
	&egressHook,
	&firewall,
	&sourceSelection,
	&routing,
	&forwardsUnassigned,
	&proxyMissing,
	&inboundUnanswered,
	&assignmentNone,
	&loopedBack,
	&duplicate,
	&wrongInterface,
	&reserved,
	&linkLocalNotEUI64,
	&unassigned,
	&prefixWithdrawn,
	&notConfigured,
	&expiring,
	&noAdvertisement,
	&advertisementsLost,
	&advertisementIgnored,
	&notDefault,
	&routeMissing,
	&nobodyHears,
	&routerUnresolvable,
	&rogue,
	&inconsistent,
	&routerRedirects,
	&routerAsksAgain,
	&noClient,
	&clientFails,
	&dhcpv6Silent,
	&dhcpv6NoAddress,
	&farNotArrived,
	&farNotAnswered,
	&farAnswerLost,
	&farCallLost,
	&peerUnmapped,
	&peerIsolated,
	&snooping,
	&echoBlocked,
	&hopLimit,
	&refused,
	&nat64Missing,
	&beyondRouter,
	&icmpBlocked,
	&tcpBlocked,
	&pathMTU,
	&lossyPath,
	&imdsIPv6Off,
	&imdsHopLimit,
	&imdsOff,
	&serviceUnreachable,
	&perAddressFilter,
	&openLink,
	&multicastSuppressed,
	&routerSilent,
}

var causeRank = map[string]int{}

func init() {
	for i, c := range causes {
		causeRank[c.ID] = i
	}
}

// CauseNames returns the names of all causes in the order of the catalogue.
func CauseNames() []string {
	names := make([]string, len(causes))
	for i, c := range causes {
		names[i] = c.ID
	}
	return names
}
