package words

// acrossHosts has what is said of other hosts that watch at the same time.
var acrossHosts = map[string]string{
	"report.section.far": "Other hosts that watched",

	"place.not-sent":       "it never left this host",
	"place.not-arrived":    "it left here and never arrived at {host}",
	"place.not-answered":   "it arrived at {host}, which sent no answer",
	"place.answer-lost":    "{host} answered, and the answer never arrived here",
	"place.returned":       "{host} answered, and the answer arrived here",
	"place.drop":           "it arrived at {host}, whose packet filter threw it or the answer away ({what})",
	"place.filter":         "it arrived at {host}, where a rule stops it or the answer ({what})",
	"place.not-configured": "it arrived at {host}, which does not have the address configured",
	"place.ignored":        "it arrived at {host}, which is told to answer no echo ({what})",
	"place.unresolved":     "it arrived at {host}, which asked for {what} in vain",

	"far.silent":   "it ended",
	"far.nothing":  "nothing came of it",
	"far.too-much": "it printed more than {n} MB in a minute",
	"far.hangs":    "nothing came for {time}",
	"far.left-out": "a part of it could not be read: {problem}",

	"far.state.started":        "{host} watches ({command}).",
	"far.state.complete":       "{host} watched the whole time ({command}).",
	"far.state.behind":         "{host} had not told all that it saw when the time was up ({command}){why}. What it did not tell of is not known.",
	"far.state.ended":          "{host} told no more before the end ({command}){why}. What it did not tell of is not known.",
	"far.state.recording":      "{host} watched at the same time ({command}).",
	"far.clock":                "Its clock shows {offset} more than this one's.",
	"far.no-clock":             "No packet was seen by both hosts, so the difference of their clocks is not known.",
	"far.asked.not-arrived":    "{host} asked {target} of this host from {source} ({asks}): {sent} left there, and none arrived here.",
	"far.asked.not-answered":   "{host} asked {target} of this host from {source} ({asks}): {arrived} of {sent} arrived here, and this host sent no answer{why}.",
	"far.asked.answer-lost":    "{host} asked {target} of this host from {source} ({asks}): {arrived} of {sent} arrived here, this host answered, and no answer arrived there.",
	"far.asked.returned":       "{host} asked {target} of this host from {source} ({asks}): of {sent}, {arrived} arrived here; {answered} answers left, and {returned} arrived there.",
	"far.asked.drop":           ", for its packet filter threw it away ({what})",
	"far.asked.filter":         ", for a rule stops the question or the answer ({what})",
	"far.asked.not-configured": ", for it does not have the address configured",
	"far.asked.ignored":        ", as it is told to ({what})",
	"far.asked.unresolved":     ", for it asked for {what} in vain",
	"far.finding":              "On {host}, {severity}: {summary}",
}
