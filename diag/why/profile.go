package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// An Expectation is the outcome of a question that is normal somewhere.
type Expectation int

// What can be expected. ExpectUnknown is neither normal nor a symptom, whatever comes.
const (
	ExpectUnknown Expectation = iota
	ExpectAnswer
	ExpectSilence
	ExpectEither
)

// A Basis says what a line about a network rests on.
type Basis string

// What lines rest on, the surest first.
const (
	Documented Basis = "documented" // by who runs the network, by a standard, or by the source code that runs there
	Observed   Basis = "observed"   // somebody saw it, and said when
	Inferred   Basis = "inferred"   // it follows from what is documented or observed
)

// A Source is where a line about a network comes from. A line without one holds for any link by IPv6's own rules.
type Source struct {
	Basis Basis
	Text  string // what to look up, with its date
}

// A cell is a row of a profile's table: the outcome that is normal for questions of these kinds.
// An empty list matches all.
type cell struct {
	asks   []diag.Asks
	from   []diag.SourceClass
	to     []diag.TargetClass
	via    diag.Via
	expect Expectation
	by     Source
}

func (c cell) matches(p diag.Path) bool {
	return (len(c.asks) == 0 || slices.Contains(c.asks, p.Asks)) &&
		(len(c.from) == 0 || slices.Contains(c.from, p.SourceClass)) &&
		(len(c.to) == 0 || slices.Contains(c.to, p.TargetClass)) &&
		(c.via == "" || c.via == p.Via)
}

// A Trait names one thing that a kind of network has or does, beside what its questions come to.
type Trait string

// Traits. Those with a field in Profile decide about causes; the others are for people.
const (
	Filters       Trait = "filters"
	EUI64Required Trait = "eui64"
	OneRouter     Trait = "one-router"
	Answers       Trait = "answers"
	Reserved      Trait = "reserved"
	NoMulticast   Trait = "no-multicast"
	ByHand        Trait = "by-hand"
	ByLinkLocal   Trait = "by-link-local"
	Apart         Trait = "apart"
	Advertised    Trait = "advertised"

	Leased      Trait = "leased"
	FormedByMAC Trait = "formed-by-mac"
	OneAddress  Trait = "one-address"
	OffLink     Trait = "off-link"
	FewOnly     Trait = "few-only"
	Solicited   Trait = "solicited"
)

// A Fact is a trait of a network, and where that is known from.
type Fact struct {
	Trait Trait
	By    Source
}

// A Profile is what is known of a kind of network. The first row of Normal that matches a
// question holds; where none does, nothing is known.
type Profile struct {
	Name   string
	Facts  []Fact
	Normal []cell
	// Gateways are the addresses that the router has in every network of this kind.
	Gateways   []netip.Addr
	GatewaysBy Source
	// Platform is the profile of what the network is built with, where others are built with it too.
	Platform   string
	PlatformBy Source
	// AWS: the commands of `aws ec2` apply.
	AWS bool

	// What follows from Facts.

	// Filters: the network is documented to drop frames from addresses that it did not assign.
	Filters bool
	// EUI64Required: a link-local address that is not made from the MAC is not let through.
	EUI64Required bool
	// OneRouter: a second advertiser has no business on this link.
	OneRouter bool
	// Answers: the infrastructure answers NS for a neighbour, so a resolved one is mapped, not alive.
	Answers bool
	// Reserved: the first four addresses and the last of a subnet are the network's own.
	Reserved bool
	// NoMulticast: what is sent to ff02::1 reaches no other host.
	NoMulticast bool
	// Advertised: the router announces itself.
	Advertised bool
	// ByHand: the way out is configured, by a gateway that need not advertise itself.
	ByHand bool
	// ByLinkLocal: what comes for a host is sent to the link-local address that EUI-64 makes of its MAC.
	ByLinkLocal bool
	// Apart: hosts with addresses of one prefix reach each other by the router alone.
	Apart bool
}

// newProfile makes of the facts what follows from them.
func newProfile(p Profile) Profile {
	for trait, has := range map[Trait]*bool{
		Filters: &p.Filters, EUI64Required: &p.EUI64Required, OneRouter: &p.OneRouter, Answers: &p.Answers, Reserved: &p.Reserved,
		NoMulticast: &p.NoMulticast, ByHand: &p.ByHand, ByLinkLocal: &p.ByLinkLocal, Apart: &p.Apart, Advertised: &p.Advertised,
	} {
		*has = slices.ContainsFunc(p.Facts, func(f Fact) bool { return f.Trait == trait })
	}
	return p
}

// profiles are the profiles by name.
var profiles = byName(networks)

func byName(list []Profile) map[string]Profile {
	m := map[string]Profile{}
	for _, p := range list {
		m[p.Name] = newProfile(p)
	}
	return m
}

// Profiles returns the names that --profile takes, sorted.
func Profiles() []string { return diag.SortedKeys(profiles) }

// ProfileNamed returns a profile; of a name that is not known, the unknown one.
func ProfileNamed(name string) Profile {
	if p, ok := profiles[name]; ok {
		return p
	}
	return profiles["unknown"]
}
