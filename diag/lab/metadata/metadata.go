// Package metadata is an instance metadata service of version 2 for a few instances, as EC2's is
// documented (EC2 user guide, "Instance metadata and user data"): a token is asked for by PUT, every
// read needs one, and what does not exist is 404. Each instance is known by the address it asks from.
package metadata

import (
	"crypto/rand"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An Instance is what one instance may read about itself.
type Instance struct {
	ID, Type, Region, Zone string
	Interfaces             []Interface // the first one is the primary
}

// An Interface is what is known of one network interface. What is zero or empty is absent: 404.
type Interface struct {
	ID, MAC, Owner, SubnetID, VPCID string
	SecurityGroup, SecurityGroupID  string
	Device                          int
	IPv4                            netip.Addr
	IPv6                            []netip.Addr
	Prefixes                        []netip.Prefix
	Subnet4, Subnet6, VPC4, VPC6    netip.Prefix
}

// Bounds of EC2's, and of what the service remembers.
const (
	maxTTL    = 21600
	maxTokens = 1024

	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
)

type service struct {
	trees map[netip.Addr]map[string]string // by the asking address: path below meta-data/ to text
	now   func() time.Time

	mu     sync.Mutex
	tokens map[string]time.Time // until when each is valid
}

// New returns the service. now is the clock by which tokens expire.
func New(instances []Instance, now func() time.Time) http.Handler {
	s := &service{trees: map[netip.Addr]map[string]string{}, now: now, tokens: map[string]time.Time{}}
	for _, i := range instances {
		tree := i.tree()
		for _, nic := range i.Interfaces {
			for _, a := range append([]netip.Addr{nic.IPv4}, nic.IPv6...) {
				if a.IsValid() {
					s.trees[a] = tree
				}
			}
		}
	}
	return s
}

// tree lists every path with its text.
func (i *Instance) tree() map[string]string {
	t := map[string]string{}
	set := func(path, text string) {
		if text != "" {
			t[path] = text
		}
	}
	set("instance-id", i.ID)
	set("instance-type", i.Type)
	set("placement/region", i.Region)
	set("placement/availability-zone", i.Zone)
	set("services/domain", "amazonaws.com")
	set("services/partition", "aws")
	for n, nic := range i.Interfaces {
		if n == 0 {
			set("mac", nic.MAC)
			set("local-ipv4", text(nic.IPv4))
			if len(nic.IPv6) > 0 {
				set("ipv6", nic.IPv6[0].String())
			}
			set("security-groups", nic.SecurityGroup)
		}
		at := "network/interfaces/macs/" + nic.MAC + "/"
		set(at+"mac", nic.MAC)
		set(at+"interface-id", nic.ID)
		set(at+"owner-id", nic.Owner)
		set(at+"device-number", strconv.Itoa(nic.Device))
		set(at+"subnet-id", nic.SubnetID)
		set(at+"vpc-id", nic.VPCID)
		set(at+"security-groups", nic.SecurityGroup)
		set(at+"security-group-ids", nic.SecurityGroupID)
		set(at+"local-ipv4s", text(nic.IPv4))
		set(at+"ipv6s", lines(nic.IPv6))
		set(at+"ipv6-prefix", lines(nic.Prefixes))
		set(at+"subnet-ipv4-cidr-block", prefix(nic.Subnet4))
		set(at+"subnet-ipv6-cidr-blocks", prefix(nic.Subnet6))
		set(at+"vpc-ipv4-cidr-block", prefix(nic.VPC4))
		set(at+"vpc-ipv4-cidr-blocks", prefix(nic.VPC4))
		set(at+"vpc-ipv6-cidr-blocks", prefix(nic.VPC6))
	}
	return t
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.Masked().String()
}

func lines[T interface{ String() string }](list []T) string {
	var b []string
	for _, x := range list {
		b = append(b, x.String())
	}
	return strings.Join(b, "\n")
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	tree := s.trees[from.Addr().Unmap().WithZone("")]
	if err != nil || tree == nil {
		// Another address than an instance's own cannot have come through the network's filter.
		status(w, http.StatusForbidden)
		return
	}
	if r.URL.Path == "/latest/api/token" {
		s.token(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		status(w, http.StatusMethodNotAllowed)
		return
	}
	if !s.valid(r.Header.Get(tokenHeader)) {
		status(w, http.StatusUnauthorized)
		return
	}
	below, ok := strings.CutPrefix(path.Clean(r.URL.Path), "/latest/meta-data")
	if !ok || below != "" && below[0] != '/' {
		status(w, http.StatusNotFound)
		return
	}
	body, ok := read(tree, strings.Trim(below, "/"))
	if !ok {
		status(w, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(body))
}

// token answers PUT /latest/api/token. A forwarded request is refused, as EC2 does against open
// proxies.
func (s *service) token(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		status(w, http.StatusMethodNotAllowed)
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		status(w, http.StatusForbidden)
		return
	}
	ttl, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || ttl < 1 || ttl > maxTTL {
		status(w, http.StatusBadRequest)
		return
	}
	token := rand.Text()
	now := s.now()
	s.mu.Lock()
	for t, until := range s.tokens {
		if now.After(until) || len(s.tokens) >= maxTokens {
			delete(s.tokens, t)
		}
	}
	s.tokens[token] = now.Add(time.Duration(ttl) * time.Second)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set(ttlHeader, strconv.Itoa(ttl))
	_, _ = w.Write([]byte(token))
}

func (s *service) valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.tokens[token]
	return ok && !s.now().After(until)
}

// read returns the text of a leaf, or the listing of a directory: one name a line, directories with
// a slash.
func read(tree map[string]string, at string) (string, bool) {
	if text, ok := tree[at]; ok {
		return text, true
	}
	if at != "" {
		at += "/"
	}
	var names []string
	for p := range tree {
		rest, ok := strings.CutPrefix(p, at)
		if !ok {
			continue
		}
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			rest = rest[:i+1]
		}
		names = append(names, rest)
	}
	if len(names) == 0 {
		return "", false
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "\n"), true
}

// status answers with nothing but a status, in the service's own words of it.
func status(w http.ResponseWriter, code int) {
	http.Error(w, strconv.Itoa(code)+" - "+http.StatusText(code), code)
}
