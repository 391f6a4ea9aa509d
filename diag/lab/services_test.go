package lab

import (
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func query(tb testing.TB, name string, typ dnsmessage.Type) []byte {
	tb.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}},
	}
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		typ     dnsmessage.Type
		rcode   dnsmessage.RCode
		answers int
	}{
		{".", dnsmessage.TypeNS, dnsmessage.RCodeSuccess, 1},
		{".", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, 0},
		{"example.org.", dnsmessage.TypeAAAA, dnsmessage.RCodeNameError, 0},
	} {
		var m dnsmessage.Message
		if err := m.Unpack(resolve(query(t, tt.name, tt.typ))); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if m.ID != 7 || !m.Response || !m.RecursionAvailable || m.RCode != tt.rcode || len(m.Answers) != tt.answers || len(m.Questions) != 1 {
			t.Errorf("%s %s: %+v", tt.name, tt.typ, m)
		}
	}
	if b := resolve(resolve(query(t, ".", dnsmessage.TypeNS))); b != nil {
		t.Error("a response is answered: two resolvers would never stop")
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	request := make([]byte, 48)
	request[0] = 4<<3 | 3
	copy(request[40:], "transmit")
	now := time.Date(2026, 11, 22, 12, 0, 0, int(time.Second/2), time.UTC)
	b := tell(request, now)
	if len(b) != 48 || b[0] != 4<<3|4 || b[1] != 4 || string(b[24:32]) != "transmit" {
		t.Fatalf("%x", b)
	}
	stamp := binary.BigEndian.Uint64(b[40:])
	if got := time.Unix(int64(stamp>>32)-2208988800, 0).UTC(); !got.Equal(now.Truncate(time.Second)) || uint32(stamp) != 1<<31 {
		t.Errorf("the time is %s and %#x parts, want %s", got, uint32(stamp), now)
	}
	if tell(b, now) != nil {
		t.Error("a server's packet is answered")
	}
}

// FuzzServices: whatever is sent to the resolver and to the time server, they live, and answer no
// more than was asked.
func FuzzServices(f *testing.F) {
	f.Add(query(f, ".", dnsmessage.TypeNS))
	f.Add(query(f, "a.b.example.", dnsmessage.TypeAAAA))
	f.Add(append([]byte{0x23}, make([]byte, 47)...))
	f.Add([]byte{0x1b})
	f.Fuzz(func(t *testing.T, b []byte) {
		if answer := resolve(b); len(answer) > len(b)+64 {
			t.Errorf("%d bytes in answer to %d", len(answer), len(b))
		}
		if answer := tell(b, time.Unix(0, 0)); len(answer) > len(b) {
			t.Errorf("%d bytes in answer to %d", len(answer), len(b))
		}
	})
}
