package checks

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
)

const idDHCPv6 = "dhcpv6"

// The check dhcpv6 asks, where a router says that addresses come by DHCPv6, whether a server answers, and with
// which address. The solicitation commits to nothing: no Rapid Commit, no request after it.
func init() {
	declare(Check{
		ID:      idDHCPv6,
		Needs:   NeedsNetRaw,
		Sends:   []Bound{{"sends.dhcpv6", dhcpSolicits, "per.interface"}},
		Changes: []string{"changes.port"},
		plan:    planDHCPv6,
		nothing: whyNotManaged,
	})
}

// dhcpServers is All_DHCP_Relay_Agents_and_Servers (RFC 8415 §7.1).
var dhcpServers = netip.MustParseAddr("ff02::1:2")

// dhcpSolicits is how often a server is asked before its silence is sure; SOL_TIMEOUT is 1 s.
const dhcpSolicits = 3

// managedBy reports whether a router of an interface says that addresses come by DHCPv6, and whether
// one was heard at all.
func managedBy(s *diag.State, iface string) (managed, heard bool) {
	for k, r := range s.Routers {
		if k.Interface == iface {
			managed, heard = managed || r.Last.Managed, true
		}
	}
	return managed, heard
}

// whyNotManaged says why no server was asked.
func whyNotManaged(s *diag.State, iface string) string {
	if _, heard := managedBy(s, iface); !heard {
		return "detail.no-advertisement"
	}
	return "detail.not-managed"
}

func planDHCPv6(p *planner) {
	managed, heard := managedBy(p.s, p.iface)
	// A list of what would be sent has what a router may yet call for.
	managed = managed || p.guess && !heard
	if !managed || !p.wire() {
		return
	}
	q := Question{Path: diag.Path{Target: dhcpServers, TargetClass: diag.TargetService}}
	src, ok := p.linkLocal()
	if !ok {
		p.skip(q, DetailNoSource, "", dhcpByWire{})
		return
	}
	q.Source = src
	p.add(q, dhcpByWire{})
}

// A Client is who solicits a DHCPv6 server: servers offer to a DUID and an IAID (RFC 8415 §§11, 12).
type Client struct {
	DUID []byte
	IAID uint32
}

// clientOf returns the identity of the host's own client where it is known, so that the server
// offers what it would offer that; else one made from the MAC.
func clientOf(s *diag.State, iface string) Client {
	lease, reply := s.Leases[iface], s.Replies[iface].Fact
	for _, known := range []struct {
		duid string
		iaid uint32
	}{{lease.DUID, lease.IAID}, {reply.ClientDUID, reply.IAID}} {
		if duid, err := hex.DecodeString(known.duid); err == nil && len(duid) > 2 && len(duid) <= 130 {
			return Client{duid, known.iaid}
		}
	}
	mac := s.Links[iface].MAC
	return Client{
		DUID: append([]byte{0, 3, 0, 1}, mac[:]...), // DUID-LL over Ethernet
		IAID: binary.BigEndian.Uint32(mac[2:]),
	}
}

// dhcpByWire solicits a server for an offer, again where silence would be a symptom and the time allows.
type dhcpByWire struct{ byWire }

func (dhcpByWire) asks() diag.Asks { return diag.AsksDHCP }

func (dhcpByWire) cost(Question, int) (first, again int) { return dhcpSolicits, reasks }

func (dhcpByWire) adjust(l *lane, a *asking) {
	a.count, a.again = 1, func(a *asking) bool {
		limit := dhcpSolicits
		if l.r.lossy {
			limit *= 2
		}
		if a.sent >= limit || !l.symptom(a.tallies) || !l.r.timeFor(l.r.now.Add(l.r.wait)) {
			return false
		}
		a.count, a.next = a.sent+1, l.r.now
		return true
	}
}

func (dhcpByWire) compose(l *lane, t *tally) func() Frame {
	var transaction [3]byte
	_, _ = rand.Read(transaction[:])
	t.transaction = hex.EncodeToString(transaction[:])
	var client Client
	l.r.Session.Look(func(s *diag.State) { client = clientOf(s, t.q.Interface) })
	return func() Frame {
		return Frame{
			Type: diag.DHCPv6Frame, Src: t.q.Source, Dst: dhcpServers, DstMAC: diag.MulticastMAC(dhcpServers),
			Client: client, Transaction: transaction,
		}
	}
}

// frame follows one transaction.
func (dhcpByWire) frame(t *tally, e diag.Event, f diag.Frame) {
	d := f.DHCPv6
	if d == nil || t.transaction == "" || d.Transaction != t.transaction {
		return
	}
	switch {
	case f.Out && d.Message == "solicit":
		t.leaves(e)
	case !f.Out && (d.Message == "advertise" || d.Message == "reply"):
		rtt := milliseconds(e.At.Sub(t.last))
		t.path.Received++
		if t.path.Received == 1 {
			t.path.RTTMS = rtt
			t.path.Detail, t.path.Note = offered(*d)
		}
		t.responder(f.Src, f.SrcMAC, rtt)
		t.note(e)
	}
}

// offered says what a server has for us.
func offered(d diag.DHCPv6) (detail, note string) {
	var names []string
	for _, a := range d.Addresses {
		if len(names) < 4 {
			names = append(names, cmp.Or(strings.TrimSuffix(a.Prefix.String(), "/128"), a.Prefix.String()))
		}
	}
	if len(names) == 0 {
		return DetailNoAddress, d.Status
	}
	slices.Sort(names)
	return DetailOffers, strings.Join(names, ", ")
}
