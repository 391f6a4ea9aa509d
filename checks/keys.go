package checks

import "ndwhy/diag"

// The details that an outcome can have: catalogue keys of the group "detail". What {note} stands
// for is said beside those that have one.
const (
	DetailResolved    = "already-resolved" // the kernel had the entry: it had nothing to ask
	DetailUnresolved  = "unresolved"       // its neighbour discovery failed, so the echo never left
	DetailXDP         = "xdp"              // an XDP program may have dropped the answer unseen
	DetailOff         = "off"              // DAD is switched off; {note}: the setting
	DetailNoAdmin     = "no-admin"
	DetailNoRaw       = "no-raw"
	DetailNoSocket    = "no-socket"    // not even an unprivileged echo socket
	DetailAnsweredFor = "answered-for" // {note}: who answered
	DetailConfigured  = "configured"   // the candidate is an address of this host
	DetailAssigned    = "assigned"     // the candidate is assigned to this host; {note}: the prefix
	DetailForwarding  = "forwarding"   // {note}: the setting
	DetailNoRoute     = "no-route"     // no route to the candidate: the kernel would refuse what comes for it
	DetailNoOther     = "no-other"     // no other preferred address of that scope
	DetailNoControl   = "no-control"   // nothing answered an assigned address there
	DetailNoPeer      = "no-peer"      // no peer to ask
	DetailNoRouter    = "no-router"
	DetailNoFresh     = "no-fresh-peer" // every peer has an entry already
	DetailNoSource    = "no-source"     // no address to ask from
	DetailUnproven    = "unproven-source"
	DetailTimeout     = "timeout"
	DetailCancelled   = "cancelled"
	DetailBudget      = "budget"
	DetailOwn         = "own-address"
	DetailNotSeen     = "not-seen-leaving"
	DetailRouted      = "via-router"        // {note}: the gateway
	DetailEchoUnsent  = "echo-unsent"       // the kernel refused the echo that would have made it ask
	DetailTooMany     = "too-many"          // the kernel is not asked about more than 64 unknown targets
	DetailInterrupted = "interrupted"       // the check broke; the check's Why says how
	DetailOffers      = "offers"            // {note}: the addresses that the server has for us
	DetailNoAddress   = "no-address"        // {note}: the server's status
	DetailTooBig      = "too-big"           // {note}: how much fits, in bytes
	DetailClosed      = diag.DetailClosed   // the service's host refused the connection
	DetailDeclines    = diag.DetailDeclines // the service says that it does not serve; {note}: what it says
	DetailAlone       = diag.DetailAlone    // a solicitation to its MAC alone is answered; {note}: that
	DetailTranslates  = diag.DetailTranslates
	DetailTold        = diag.DetailTold // who is to find this host answers only when it is told its MAC
	DetailKnown       = "known"         // who is to find this host knows it already
	DetailNotAdded    = "not-added"     // the kernel refused the candidate; {note}: its error
	DetailElsewhere   = "elsewhere"     // the kernel chose another interface; {note}: which
)

// Details lists them all, for the test of the catalogue.
var Details = []string{
	DetailResolved, DetailUnresolved, DetailXDP, DetailOff, DetailNoAdmin, DetailNoRaw, DetailNoSocket,
	DetailAnsweredFor, DetailConfigured, DetailAssigned, DetailForwarding, DetailNoRoute, DetailNoOther,
	DetailNoControl, DetailNoRouter, DetailNoFresh, DetailNoSource, DetailUnproven,
	DetailTimeout, DetailCancelled, DetailBudget, DetailOwn, DetailNotSeen, DetailRouted,
	DetailEchoUnsent, DetailTooMany, DetailInterrupted, DetailClosed, DetailDeclines, DetailNotAdded, DetailAlone, DetailTold, DetailKnown, DetailTranslates,
	DetailOffers, DetailNoAddress, DetailTooBig, DetailElsewhere,
}
