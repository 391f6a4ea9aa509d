package metadata

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

var (
	ours  = netip.MustParseAddr("2001:db8::11")
	peers = netip.MustParseAddr("2001:db8::12")
)

// world is a service for two instances, of which the second has no IPv6 prefix, and a clock.
func world() (http.Handler, *time.Time) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return New([]Instance{
		{ID: "i-1", Interfaces: []Interface{{
			MAC: "06:00:00:00:00:01", ID: "eni-1", IPv6: []netip.Addr{ours, netip.MustParseAddr("2001:db8::13")},
			IPv4: netip.MustParseAddr("10.0.0.11"), Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:0:0:1::/80")},
		}}},
		{ID: "i-2", Interfaces: []Interface{{MAC: "06:00:00:00:00:02", ID: "eni-2", IPv6: []netip.Addr{peers}}}},
	}, func() time.Time { return now }), &now
}

func do(h http.Handler, from netip.Addr, method, path string, header ...string) (int, string) {
	r := httptest.NewRequest(method, "http://[fd00:ec2::254]"+path, nil)
	r.RemoteAddr = netip.AddrPortFrom(from, 40000).String()
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func token(t *testing.T, h http.Handler, from netip.Addr, ttl string) string {
	t.Helper()
	code, text := do(h, from, "PUT", "/latest/api/token", ttlHeader, ttl)
	if code != http.StatusOK || text == "" {
		t.Fatalf("token: %d %q", code, text)
	}
	return text
}

func TestRead(t *testing.T) {
	t.Parallel()
	h, _ := world()
	const at = "/latest/meta-data/network/interfaces/macs/06:00:00:00:00:01/"
	for _, tt := range []struct {
		from netip.Addr
		path string
		code int
		body string
	}{
		{ours, "/latest/meta-data/mac", 200, "06:00:00:00:00:01"},
		{netip.MustParseAddr("10.0.0.11"), "/latest/meta-data/instance-id", 200, "i-1"},
		{peers, "/latest/meta-data/mac", 200, "06:00:00:00:00:02"},
		{ours, at + "ipv6s", 200, "2001:db8::11\n2001:db8::13"},
		{ours, at + "ipv6-prefix", 200, "2001:db8:0:0:1::/80"},
		{peers, "/latest/meta-data/network/interfaces/macs/06:00:00:00:00:02/ipv6-prefix", 404, "404 - Not Found\n"},
		{peers, at + "ipv6s", 404, "404 - Not Found\n"}, // another's
		{ours, "/latest/meta-data/network/interfaces/macs/", 200, "06:00:00:00:00:01/"},
		{ours, "/latest/meta-data/network/interfaces", 200, "macs/"},
		{ours, "/latest/user-data", 404, "404 - Not Found\n"},
		{ours, "/latest/meta-data/../api/nonsense", 404, "404 - Not Found\n"},
		{netip.MustParseAddr("2001:db8::99"), "/latest/meta-data/mac", 403, "403 - Forbidden\n"},
	} {
		code, body := do(h, tt.from, "GET", tt.path, tokenHeader, token(t, h, ours, "60"))
		if code != tt.code || body != tt.body {
			t.Errorf("%s from %s: %d %q, want %d %q", tt.path, tt.from, code, body, tt.code, tt.body)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	h, now := world()
	for _, tt := range []struct {
		method string
		header []string
		code   int
	}{
		{"PUT", nil, 400},
		{"PUT", []string{ttlHeader, "0"}, 400},
		{"PUT", []string{ttlHeader, "21601"}, 400},
		{"PUT", []string{ttlHeader, "60", "X-Forwarded-For", "192.0.2.1"}, 403},
		{"GET", []string{ttlHeader, "60"}, 405},
		{"PUT", []string{ttlHeader, "21600"}, 200},
	} {
		if code, _ := do(h, ours, tt.method, "/latest/api/token", tt.header...); code != tt.code {
			t.Errorf("%s with %v: %d, want %d", tt.method, tt.header, code, tt.code)
		}
	}
	held := token(t, h, ours, "10")
	read := func() int {
		code, _ := do(h, ours, "GET", "/latest/meta-data/mac", tokenHeader, held)
		return code
	}
	if code := read(); code != 200 {
		t.Errorf("with a token: %d", code)
	}
	*now = now.Add(11 * time.Second)
	if code := read(); code != 401 {
		t.Errorf("with an expired token: %d, want 401", code)
	}
	if code, _ := do(h, ours, "GET", "/latest/meta-data/mac"); code != 401 {
		t.Errorf("without a token: %d, want 401", code)
	}
}
