package words

// acrossHosts has what is said of other hosts that watch at the same time.
var acrossHosts = map[string]string{
	"report.section.far": "Other hosts that watched",

	"place.not-sent":       "it never left this host",
	"place.not-arrived":    "it left here and never arrived at {host}",
	"place.not-answered":   "it arrived at {host}, which sent no answer",
	"place.answer-lost":    "{host} answered, and the answer never arrived here",
	"place.returned":       "{host} answered, and the answer arrived here",
	"place.drop":           "it arrived at {host}, whose packet filter dropped it or the answer ({what})",
	"place.filter":         "it arrived at {host}, where a rule stops it or the answer ({what})",
	"place.not-configured": "it arrived at {host}, which does not have the address configured",
	"place.ignored":        "it arrived at {host}, which is set to ignore pings ({what})",
	"place.unresolved":     "it arrived at {host}, which asked for the MAC address of {what} and got no answer",

	"far.silent":   "it ended",
	"far.nothing":  "nothing came",
	"far.only":     "only this came: {text}",
	"far.too-much": "it printed more than {n} MB in a minute",
	"far.hangs":    "nothing came for {time}",
	"far.left-out": "part of it could not be read: {problem}",

	"far.state.never":          "Nothing is known of the other host: {command} told nothing that it saw{why}.",
	"far.state.started":        "{host} watches ({command}).",
	"far.state.complete":       "{host} watched the whole time ({command}).",
	"far.state.behind":         "{host} had not reported everything that it saw when time ran out ({command}){why}. The rest is not known.",
	"far.state.ended":          "{host} stopped reporting before the end ({command}){why}. The rest is not known.",
	"far.state.recording":      "{host} watched at the same time ({command}).",
	"far.ahead":                "Its clock is {offset} ahead of this one's.",
	"far.behind":               "Its clock is {offset} behind this one's.",
	"far.no-clock":             "No packet was seen by both hosts, so the difference between their clocks is not known.",
	"far.asked.not-arrived":    "{host} asked {target} of this host from {source} ({asks}): {sent} left there, and none arrived here.",
	"far.asked.not-answered":   "{host} asked {target} of this host from {source} ({asks}): {arrived} of {sent} arrived here, and this host sent no answer{why}.",
	"far.asked.answer-lost":    "{host} asked {target} of this host from {source} ({asks}): {arrived} of {sent} arrived here, this host answered, and no answer arrived there.",
	"far.asked.returned":       "{host} asked {target} of this host from {source} ({asks}): of {sent}, {arrived} arrived here; {answered|answer|answers} left, and {returned} arrived there.",
	"far.asked.drop":           ", because its packet filter dropped it ({what})",
	"far.asked.filter":         ", because a rule stops the question or the answer ({what})",
	"far.asked.not-configured": ", because it does not have the address configured",
	"far.asked.ignored":        ", as it is set to ({what})",
	"far.asked.unresolved":     ", because it asked for the MAC address of {what} and got no answer",
	"far.finding":              "On {host}, {severity}: {summary}",
}
