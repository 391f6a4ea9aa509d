package words

// causesScope has the words of the causes that are about how far an address of this host reaches.
var causesScope = map[string]string{
	"cause.host.source-selection.scope.summary":     "For {target} the kernel chooses the source {address}, a {kind} address: no answer comes from there, and {better} gets one.",
	"cause.host.source-selection.scope.explanation": "A {kind} address does not reach the Internet: routers do not forward what comes from it, or the answers find no way back. Left to itself, the kernel chooses an address that reaches as far as the target (RFC 6724 §5). So something here makes it choose otherwise: a route that names this source (src), or an entry in the table of address labels (ip addrlabel).",
	"word.scope.link-local":                         "link-local",
	"word.scope.unique-local":                       "unique local",
	"remedy.route-source":                           "Have the route name the source that gets answers.",
}
