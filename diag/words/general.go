package words

// general has the words of verdicts, outcomes, profiles and headlines.
var general = map[string]string{
	"verdict.ok":       "ok",
	"verdict.warning":  "warning",
	"verdict.critical": "critical",
	"verdict.unknown":  "unknown",

	"severity.info":     "info",
	"severity.warning":  "warning",
	"severity.critical": "critical",

	"confidence.certain":  "certain",
	"confidence.likely":   "likely",
	"confidence.possible": "possible",

	"outcome.answered": "answered",
	"outcome.silent":   "silent",
	"outcome.refused":  "refused",
	"outcome.unsent":   "not sent",
	"outcome.skipped":  "skipped",

	"headline.ok":          "Everything that was asked is as it should be in this network ({network}).",
	"headline.ok-filter":   "Everything is as it should be in this network ({network}): it lets only assigned addresses speak, and yours do.",
	"headline.ok-open":     "Everything is as it should be in this network ({network}): any address may speak on this link.",
	"headline.faults":      "{summary} (and {more} more).",
	"headline.unexplained": "{count} answers differ from what is normal here and nothing known explains them: {symptom}.",
	"headline.unknown":     "Could not tell: {what}: {why}.",

	"symptom.path":       "{path}, which is not normal here ({interface})",
	"symptom.no-global":  "{interface} has no global address that the network lets through",
	"symptom.no-default": "there is no default route",
	"symptom.absent":     "{address} is assigned to {interface} and not configured on it",

	"unknown.feed":      "the {feed} source of events gave nothing",
	"unknown.nothing":   "nothing was asked, so nothing can be said",
	"unknown.interface": "there is no interface {interface}",

	"report.undone": "{what} (undone)",

	"word.unknown": "unknown",
	"word.forever": "for ever",

	"profile.aws.name":       "an Amazon VPC",
	"profile.openstack.name": "an OpenStack network",
	"profile.azure.name":     "an Azure virtual network",
	"profile.gcp.name":       "a Google Cloud VPC",
	"profile.oci.name":       "an Oracle cloud network",
	"profile.lan.name":       "a plain LAN",
	"profile.unknown.name":   "a network of unknown kind",

	"profile.because.given":        "given by --profile",
	"profile.because.nothing":      "nothing that is known of clouds was recognised",
	"profile.because.imds":         "the EC2 instance metadata service answered ({endpoint})",
	"profile.because.dmi":          "the machine calls itself \"{value}\"",
	"profile.because.azure-router": "the router is {address} with MAC {mac}, as in every Azure subnet",
	"profile.because.vpc-router":   "{address}, which every VPC subnet has, resolved",
	"profile.because.open":         "{source}, which nobody assigned, was answered by {target}",
	"profile.because.multicast":    "{count} other hosts answered ff02::1",

	"explain.details":     "In detail:",
	"explain.evidence":    "Evidence:",
	"explain.contradicts": "Contradicted by:",
	"explain.remedy":      "To put it right (capitals stand for your values; ndwhy never runs these):",
	"explain.see":         "To see it for yourself:",
	"explain.source":      "Source:",
	"explain.sends":       "Sends:",
	"explain.changes":     "Changes:",

	"doc.causes.title": "Causes",
	"doc.causes.intro": "What ndwhy can find, generated from its own catalogue (`ndwhy explain NAME` prints the same). The names are stable. Severity is in brackets; *info* describes the network and is no fault. In commands, capitals stand for your values.",
	"doc.checks.title": "Checks",

	"cause.address.not-configured.severity":   "warning; info where it is routed to another local interface",
	"cause.router.rogue.severity":             "critical in a VPC and in Azure, else info",
	"cause.dhcpv6.no-client.severity":         "critical while no assigned global address is configured, else info",
	"cause.dhcpv6.silent.severity":            "critical while no assigned global address is configured, else info",
	"cause.dhcpv6.no-address.severity":        "critical while no assigned global address is configured, else info",
	"cause.peer.unmapped.severity":            "warning for a peer that was named, else info",
	"cause.peer.echo-blocked.severity":        "warning for a peer that was named, else info",
	"cause.path.beyond-router.severity":       "critical for hosts that were named, else info",
	"cause.path.refused.severity":             "critical for a target that was named, else info",
	"cause.path.mtu.severity":                 "warning for a target that was named, else info",
	"cause.path.lossy.severity":               "warning; info where a limit on one host's answers explains it",
	"cause.host.forwards-unassigned.severity": "warning in a network that filters by address, else info",
}
