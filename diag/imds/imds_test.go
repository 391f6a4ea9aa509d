package imds

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"ndwhy/diag"

	"github.com/google/go-cmp/cmp"
)

const (
	mac0 = "06:df:a5:6c:5d:57"
	mac1 = "06:f0:13:eb:c6:1d"
	at   = "network/interfaces/macs/"
)

// A service is a metadata service of version 2: items by path under /latest/meta-data/.
type service struct {
	items  map[string]string
	status map[string]int // an item's status instead of its text; "token" for the token request
	slow   map[string]time.Duration
	puts   atomic.Int32
	gets   atomic.Int32
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const token = "AQAEAL"
	name, isItem := strings.CutPrefix(r.URL.Path, "/latest/meta-data/")
	if r.URL.Path == "/latest/api/token" {
		name = "token"
	}
	select {
	case <-time.After(s.slow[name]):
	case <-r.Context().Done():
		return
	}
	if code := s.status[name]; code != 0 {
		w.WriteHeader(code)
		return
	}
	switch {
	case name == "token" && r.Method == http.MethodPut:
		s.puts.Add(1)
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		fmt.Fprint(w, token)
	case !isItem || r.Method != http.MethodGet:
		w.WriteHeader(http.StatusForbidden)
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != token:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		s.gets.Add(1)
		text, ok := s.items[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, text)
	}
}

func start(t *testing.T, s *service) string {
	t.Helper()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func instance() *service {
	return &service{items: map[string]string{
		"placement/region":                      "eu-central-1",
		at:                                      mac0 + "/\n" + mac1 + "/",
		at + mac0 + "/interface-id":             "eni-0f95d3625f5c521cc",
		at + mac0 + "/subnet-id":                "subnet-0ac62554",
		at + mac0 + "/ipv6s":                    "2001:db8:f:a:f557:112e:f9bd:c7f3\n2001:db8:f:a::5\n",
		at + mac0 + "/subnet-ipv6-cidr-blocks":  "2001:db8:f:a::/64",
		at + mac1 + "/interface-id":             "eni-1",
		at + mac1 + "/subnet-id":                "subnet-1",
		at + mac1 + "/ipv6-prefix":              "2001:db8:f:b:1::/80",
		at + mac1 + "/subnet-ipv6-cidr-blocks":  "2001:db8:f:b::/64",
		at + mac1 + "/unrelated":                "x",
		at + mac0 + "/local-ipv4s":              "10.0.0.4",
		at + mac0 + "/security-group-ids":       "sg-1",
		at + mac0 + "/vpc-ipv6-cidr-blocks":     "2001:db8:f::/56",
		at + mac1 + "/vpc-ipv6-cidr-blocks":     "2001:db8:f::/56",
		at + mac1 + "/subnet-ipv4-cidr-block":   "10.0.1.0/24",
		at + mac0 + "/subnet-ipv4-cidr-block":   "10.0.0.0/24",
		at + mac0 + "/ipv4-associations/1.2.3.": "10.0.0.4",
	}}
}

func ask(url ...string) diag.Metadata { return Read(context.Background(), Options{Endpoints: url}) }

func mac(t *testing.T, s string) diag.MAC {
	t.Helper()
	m, err := diag.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadSaysWhatEachInterfaceWasAssigned(t *testing.T) {
	s := instance()
	url := start(t, s)
	want := diag.Metadata{
		Endpoint: url, State: diag.MetadataOK, Region: "eu-central-1",
		Interfaces: []diag.MetadataInterface{{
			MAC: mac(t, mac0), ID: "eni-0f95d3625f5c521cc", Subnet: "subnet-0ac62554",
			Addresses: []netip.Addr{netip.MustParseAddr("2001:db8:f:a:f557:112e:f9bd:c7f3"), netip.MustParseAddr("2001:db8:f:a::5")},
			Subnets:   []netip.Prefix{netip.MustParsePrefix("2001:db8:f:a::/64")},
		}, {
			MAC: mac(t, mac1), ID: "eni-1", Subnet: "subnet-1",
			Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:f:b:1::/80")},
			Subnets:  []netip.Prefix{netip.MustParsePrefix("2001:db8:f:b::/64")},
		}},
	}
	got := ask(url)
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := s.puts.Load(); n != 1 {
		t.Errorf("%d session tokens were asked for, want 1", n)
	}
}

// A proxy named in the environment must see nothing.
func TestReadUsesNoProxy(t *testing.T) {
	url := start(t, instance())
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if m := ask(strings.Replace(url, "127.0.0.1", "localhost", 1)); m.State != diag.MetadataOK {
		t.Errorf("%+v", m)
	}
}

func TestReadNothingAssigned(t *testing.T) {
	s := instance()
	delete(s.items, at+mac0+"/ipv6s")
	delete(s.items, at+mac1+"/ipv6-prefix")
	m := ask(start(t, s))
	if m.State != diag.MetadataNone || len(m.Interfaces) != 2 {
		t.Errorf("%+v", m)
	}
}

// What an interface was assigned is either known whole or not at all: a partial list would make its
// other addresses look unassigned.
func TestReadLeavesOutWhatItCouldNotReadWhole(t *testing.T) {
	for name, breakIt := range map[string]func(*service){
		"error": func(s *service) { s.status = map[string]int{at + mac0 + "/ipv6-prefix": 500} },
		"slow":  func(s *service) { s.slow = map[string]time.Duration{at + mac0 + "/ipv6s": time.Minute} },
		"huge": func(s *service) {
			s.items[at+mac0+"/ipv6s"] = strings.Repeat("2001:db8:f:a::5\n", maxBody)
		},
		"garbage": func(s *service) { s.items[at+mac0+"/ipv6s"] += "\x1b[2J\nfe80::1\nff02::1\n::ffff:10.0.0.1\n" },
	} {
		t.Run(name, func(t *testing.T) {
			s := instance()
			breakIt(s)
			m := ask(start(t, s))
			if m.State != diag.MetadataOK || len(m.Interfaces) != 1 || m.Interfaces[0].MAC != mac(t, mac1) {
				t.Errorf("%+v", m)
			}
			if !strings.Contains(m.Why, mac0) || !oneLine(m.Why) {
				t.Errorf("why: %q", m.Why)
			}
			if name == "garbage" && !strings.Contains(m.Why, "4 lines") {
				t.Errorf("the bad lines were not counted: %q", m.Why)
			}
		})
	}
}

func oneLine(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func TestReadTriesOnceMoreAfterAServerError(t *testing.T) {
	var failed atomic.Bool
	s := instance()
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ipv6s") && failed.CompareAndSwap(false, true) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	if m := ask(server.URL); m.State != diag.MetadataOK || len(m.Interfaces) != 2 {
		t.Errorf("%+v", m)
	}
}

func TestReadSaysWhyItGotNothing(t *testing.T) {
	for name, c := range map[string]struct {
		status map[string]int
		slow   map[string]time.Duration
		items  map[string]string
		want   string
	}{
		"switched off": {status: map[string]int{"token": 403}, want: "--http-endpoint enabled"},
		"another kind": {status: map[string]int{"token": 404}, want: "not an EC2 metadata service"},
		"bad token":    {status: map[string]int{at: 401}, want: "session token"},
		"hop limit":    {slow: map[string]time.Duration{"token": time.Minute}, want: "--http-put-response-hop-limit 2"},
		"throttled":    {status: map[string]int{at: 503}, want: "throttles"},
		"no list":      {items: map[string]string{}, want: "network/interfaces/macs/"},
		"empty list":   {items: map[string]string{at: "\n"}, want: "lists no network interface"},
		"bad list":     {items: map[string]string{at: "<html>\n../..\x07/\n"}, want: "2 lines"},
		"huge list":    {items: map[string]string{at: strings.Repeat("x", maxBody+1)}, want: "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := instance()
			s.status, s.slow = c.status, c.slow
			if c.items != nil {
				s.items = c.items
			}
			url := start(t, s)
			m := ask(url)
			if m.State != diag.MetadataUnreachable || m.Endpoint != url || m.Refused != (name == "switched off") {
				t.Errorf("%+v", m)
			}
			if m.Mute != (name == "hop limit") {
				t.Errorf("mute: %v", m.Mute)
			}
			if !strings.Contains(m.Why, c.want) || !oneLine(m.Why) {
				t.Errorf("why: %q, want it to say %q", m.Why, c.want)
			}
		})
	}
}

// Another version of the protocol, or another service altogether, answers the token request with
// what is no token.
func TestReadDoesNotFallBackToVersion1(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			t.Errorf("%s %s without a token", r.Method, r.URL)
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "\u202eevil")
		fmt.Fprint(w, "hello")
	}))
	defer server.Close()
	if m := ask(server.URL); m.State != diag.MetadataUnreachable || !oneLine(m.Why) {
		t.Errorf("%+v", m)
	}
}

func TestReadFollowsNoRedirect(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	if m := ask(server.URL); m.State != diag.MetadataUnreachable {
		t.Errorf("%+v", m)
	}
}

func TestReadDisabled(t *testing.T) {
	s := instance()
	url := start(t, s)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if m := ask(url); m.State != diag.MetadataNotAsked || m.Why == "" || s.gets.Load()+s.puts.Load() != 0 {
		t.Errorf("%+v", m)
	}
}

// refused returns the URL of a port where nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestReadTakesTheEndpointThatAnswers(t *testing.T) {
	url := start(t, instance())
	for _, endpoints := range [][]string{{refused(t), url}, {url, refused(t)}} {
		if m := ask(endpoints...); m.State != diag.MetadataOK || m.Endpoint != url {
			t.Errorf("%v: %+v", endpoints, m)
		}
	}
	first, second := start(t, instance()), start(t, instance())
	if m := ask(first, second); m.Endpoint != first {
		t.Errorf("both answer: read %s, want the first", m.Endpoint)
	}
}

func TestReadNobodyThere(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	a, b := refused(t), refused(t)
	m := ask(a, b)
	if m.State != diag.MetadataUnreachable || !strings.Contains(m.Why, a) || !strings.Contains(m.Why, b) ||
		!strings.Contains(m.Why, "refused") || !oneLine(m.Why) {
		t.Errorf("%+v", m)
	}
}

func TestReadEndsWithItsTimeout(t *testing.T) {
	s := instance()
	s.slow = map[string]time.Duration{at + mac0 + "/ipv6s": time.Minute, at + mac1 + "/ipv6s": time.Minute}
	url := start(t, s)
	began := time.Now()
	m := Read(t.Context(), Options{Endpoints: []string{url}, Timeout: 100 * time.Millisecond})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if m.State != diag.MetadataUnreachable || len(m.Interfaces) != 0 {
		t.Errorf("%+v", m)
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, good := range []string{
		"http://169.254.169.254", "http://[fd00:ec2::254]", "http://[::1]:1338/", "http://[fe80::a9fe:a9fe%25eth0]",
	} {
		if err := CheckEndpoint(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "169.254.169.254", "ftp://h", "http://", "http://h/latest", "http://h?x", "http://u:p@h", "http://[::1", "none"} {
		err := CheckEndpoint(bad)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
		t.Setenv("AWS_EC2_METADATA_DISABLED", "")
		if m := ask(bad); m.State != diag.MetadataUnreachable {
			t.Errorf("%q: %+v", bad, m)
		}
	}
}

func TestPrefixesThatNoSubnetHas(t *testing.T) {
	good, bad := parsePrefixes("::/0\n2000::/3\n2001:db8::/32\nfe80::/64\n10.0.0.0/28\n2001:db8:1::5/80\n")
	want := []netip.Prefix{netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2001:db8:1::/80")}
	if !slices.Equal(good, want) || bad != 4 {
		t.Errorf("got %v and %d bad, want %v and 4", good, bad, want)
	}
}

func FuzzLists(f *testing.F) {
	f.Add("2001:db8::1\n2001:db8::2")
	f.Add(mac0 + "/\n" + mac1 + "/\n")
	f.Add("2001:db8:1::/80\r\n::/0")
	f.Add("eni-0f95d3625f5c521cc\x1b[2J")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		macs, bad := parseMACs(text)
		if len(macs)+bad > lines || len(macs) > maxInterfaces {
			t.Errorf("%d MACs and %d bad of %d lines", len(macs), bad, lines)
		}
		addrs, bad := parseAddrs(text)
		if len(addrs)+bad > lines || len(addrs) > maxEntries {
			t.Errorf("%d addresses and %d bad of %d lines", len(addrs), bad, lines)
		}
		for _, a := range addrs {
			if a.Zone() != "" || diag.ScopeOf(a) == diag.LinkLocalScope || diag.ScopeOf(a) == diag.MulticastScope || a.Is4() {
				t.Errorf("%v was taken", a)
			}
		}
		prefixes, _ := parsePrefixes(text)
		for _, p := range prefixes {
			if p.Bits() < 32 || p != p.Masked() {
				t.Errorf("%v was taken", p)
			}
		}
		for _, s := range []string{parseID("", text), clean(text)} {
			if s != "" && !oneLine(s) {
				t.Errorf("%q was passed on", s)
			}
		}
	})
}

// A service that drips, or never ends, costs no more than the time that there is, and no memory.
func TestADrippingService(t *testing.T) {
	for name, pause := range map[string]time.Duration{"drips": 5 * time.Millisecond, "never ends": 0} {
		t.Run(name, func(t *testing.T) {
			s := instance()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "token") {
					s.ServeHTTP(w, r)
					return
				}
				for r.Context().Err() == nil {
					if _, err := w.Write([]byte("2001:db8::5\n\x1b[2J")); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
					time.Sleep(pause)
				}
			}))
			defer server.Close()
			start := time.Now()
			m := Read(t.Context(), Options{Endpoints: []string{server.URL}, Timeout: 300 * time.Millisecond})
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			if m.State == diag.MetadataOK || !oneLine(m.Why) {
				t.Errorf("%+v", m)
			}
		})
	}
}
