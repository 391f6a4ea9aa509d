package diag

import (
	"net/netip"
	"testing"
	"time"
)

// Reckoned with are the servers that can be asked from a link: no loopback, no own address, none of another link, none whose
// lifetime is over, and no more of them than anybody needs.
func TestNameServers(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	addr := netip.MustParseAddr
	own, near, far := addr("2001:db8::1"), addr("fe80::53"), addr("2001:db8:1::53")
	ra := func(life int64, servers ...netip.Addr) Frame {
		return Frame{Interface: "eth0", Type: RA, Src: addr("fe80::1"), Dst: AllNodes, HopLimit: 255, RA: &Advertisement{LifetimeS: 1800, RDNSS: servers, RDNSSLifeS: life}}
	}
	many := []netip.Addr{}
	for range 100 {
		far = far.Next()
		many = append(many, far)
	}
	for name, c := range map[string]struct {
		bodies []Body
		later  time.Duration
		want   []string
	}{
		"none": {},
		"of this host": {
			bodies: []Body{Resolvers{Addresses: []netip.Addr{addr("::1"), near.WithZone("eth0"), addr("2001:db8::53")}}},
			want:   []string{"fe80::53 ", "2001:db8::53 "},
		},
		"its own address, and another link's": {bodies: []Body{Resolvers{Addresses: []netip.Addr{own, near.WithZone("eth1"), near}}}},
		"announced": {
			bodies: []Body{Resolvers{Addresses: []netip.Addr{addr("2001:db8::53")}}, ra(60, addr("2001:db8::53"), near, own)},
			want:   []string{"2001:db8::53 ", "fe80::53 fe80::1"},
		},
		"announced for a while": {bodies: []Body{ra(60, near)}, later: time.Minute},
		"announced for ever":    {bodies: []Body{ra(Forever, near)}, later: time.Hour, want: []string{"fe80::53 fe80::1"}},
		"withdrawn":             {bodies: []Body{ra(60, near), ra(0, near)}},
		"very many": {
			bodies: []Body{Resolvers{Addresses: many[:50]}, ra(60, many[50:]...)},
			want: []string{
				many[0].String() + " ", many[1].String() + " ", many[2].String() + " ", many[50].String() + " fe80::1", many[51].String() + " fe80::1",
				many[52].String() + " fe80::1", many[53].String() + " fe80::1",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewState()
			list := append([]Body{Link{Interface: "eth0", Ethernet: true, Up: true}, Address{Interface: "eth0", Address: own, PrefixLen: 64}}, c.bodies...)
			for i, b := range append(list, Tick{}) {
				s.Apply(Event{Seq: int64(i + 1), At: at.Add(time.Duration(max(0, i-len(list)+1)) * c.later), Body: b})
			}
			link := s.LinkOf("eth0")
			var got []string
			for _, n := range link.NameServers() {
				router := ""
				if n.Router.IsValid() {
					router = n.Router.String()
				}
				got = append(got, n.Address.String()+" "+router)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
			if _, ok := link.NameServer(own); ok {
				t.Errorf("%s is one", own)
			}
		})
	}
}
