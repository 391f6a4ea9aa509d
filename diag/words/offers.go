package words

// offers says what routers offer, and why a host does not take it.
var offers = map[string]string{
	"offer.default-route": "default route",
	"offer.on-link":       "{prefix} as on the link",
	"offer.address":       "{prefix} for making addresses",
	"offer.route":         "route to {prefix}",
	"offer.mtu":           "MTU {value}",
	"offer.hop-limit":     "hop limit {value}",

	"report.offers-taken": "in force: {list}",
	"report.offer":        "{offer}: {state} ({why})",

	"offer.taken":     "taken",
	"offer.not-taken": "not taken",
	"offer.unknown":   "not known whether taken",

	"offer.why.setting":      "{setting}={value}",
	"offer.why.forwarding":   "{besides}=1 and {setting}={value}: a host that forwards ignores advertisements then",
	"offer.why.no-support":   "this kernel has no {setting}, so it was built without route information (CONFIG_IPV6_ROUTE_INFO)",
	"offer.why.manager":      "{manager} handles advertisements here, and did not use it",
	"offer.why.length":       "addresses are only made from a prefix of 64 bits",
	"offer.why.lifetimes":    "it is advertised as preferred for longer than it is valid",
	"offer.why.below-1280":   "IPv6 does not allow an MTU below 1280",
	"offer.why.above-link":   "the interface's own MTU is lower",
	"offer.why.full":         "the interface has as many addresses as {setting} allows ({value})",
	"offer.why.duplicate":    "somebody else has the address that was made from it",
	"offer.why.nothing-says": "no setting forbids it, so something removed it again, or set another value",
	"offer.why.pending":      "it came a moment ago",
	"offer.why.unread":       "its settings are not known",
}
