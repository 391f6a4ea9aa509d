// Package imds asks the EC2 instance metadata service, version 2, what the infrastructure assigned
// to each network interface of this instance. It never speaks version 1, never goes through a
// proxy, and believes nothing that is not a well-formed address or identifier.
package imds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"ndwhy/diag"
	"ndwhy/diag/guard"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"golang.org/x/sync/errgroup"
)

// Endpoints are where EC2 has the service: over IPv4 always, over IPv6 where HttpProtocolIpv6 is
// enabled (EC2 user guide, "Configure the instance metadata options").
var Endpoints = []string{"http://169.254.169.254", "http://[fd00:ec2::254]"}

const (
	// On an instance the service is a fraction of a millisecond away, unless the instance is busy. Where
	// there is none, the whole of stagger and dialTimeout is what asking costs.
	dialTimeout   = 500 * time.Millisecond
	stagger       = 50 * time.Millisecond
	headerTimeout = 500 * time.Millisecond

	defaultTimeout = 2 * time.Second

	maxBody       = 64 << 10
	maxInterfaces = 256
	maxEntries    = 1024 // of one list: an ENI has at most some dozens of addresses
	parallel      = 4    // the service throttles, so interfaces are not read all at once
)

// Options says where and how long to ask.
type Options struct {
	// Endpoints are base URLs, "http://169.254.169.254" or "http://[fd00:ec2::254]", in order of
	// preference: the first that answers is read. Empty means Endpoints of this package.
	Endpoints []string
	// Timeout bounds the whole reading; 0 means 2 s.
	Timeout time.Duration
}

// CheckEndpoint reports what is wrong with a base URL given by the user, nil for a good one.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("metadata endpoint %q: %w", endpoint, errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("metadata endpoint %q: want http://ADDRESS[:PORT]", endpoint)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return fmt.Errorf("metadata endpoint %q: want http://ADDRESS[:PORT] and nothing after it", endpoint)
	}
	return nil
}

// Read asks the service once. It returns an answer in every case: State says how the asking went
// and Why, one line without control characters, what was missing and what to do about it. An
// interface of which any list could not be read whole is left out, since an address that is missing
// from a partial list would be taken for one that is not assigned. With AWS_EC2_METADATA_DISABLED=true
// nothing is asked.
func Read(ctx context.Context, opts Options) diag.Metadata {
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return diag.Metadata{State: diag.MetadataNotAsked, Why: "AWS_EC2_METADATA_DISABLED=true"}
	}
	if len(opts.Endpoints) == 0 {
		opts.Endpoints = Endpoints
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	c, macs, err := firstAnswer(ctx, opts.Endpoints)
	if err != nil {
		return diag.Metadata{
			Endpoint: clean(opts.Endpoints[0]),
			State:    diag.MetadataUnreachable,
			Why:      clean(err.Error()),
			Mute:     errors.Is(err, errMute),
			Refused:  errors.Is(err, errOff),
		}
	}
	defer c.close()
	return c.read(ctx, macs)
}

// A client asks one endpoint.
type client struct {
	endpoint string
	imds     *imds.Client
	http     *http.Client
}

func newClient(endpoint string) *client {
	c := &client{endpoint: endpoint, http: &http.Client{
		Transport: &http.Transport{
			// A proxy of the environment must not learn what only this instance may ask.
			Proxy:                  nil,
			DialContext:            dial,
			ResponseHeaderTimeout:  headerTimeout,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost:    parallel,
			IdleConnTimeout:        defaultTimeout,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.imds = imds.New(imds.Options{
		Endpoint:          endpoint,
		EnableFallback:    aws.FalseTernary,
		ClientEnableState: imds.ClientEnabled,
		HTTPClient:        bounded{c.http},
		// Else the SDK waits up to a second before it asks again.
		DisableDefaultMaxBackoff: true,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 2
			o.MaxBackoff = 100 * time.Millisecond
			// No connection errors among them: where nobody listens, once is enough.
			o.Retryables = []retry.IsErrorRetryable{
				retry.NoRetryCanceledError{},
				retry.RetryableError{},
				retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{429: {}, 500: {}, 502: {}, 503: {}, 504: {}}},
			}
		}),
	})
	return c
}

func (c *client) close() { c.http.CloseIdleConnections() }

// bounded ends a body that is longer than any the service has, as the SDK reads bodies whole, and
// notes what came of the request, as the SDK's errors about tokens do not unwrap.
type bounded struct{ client *http.Client }

func (b bounded) Do(r *http.Request) (*http.Response, error) {
	resp, err := b.client.Do(r)
	last, _ := r.Context().Value(requestKey{}).(*request)
	if last != nil {
		*last = request{token: r.Method == http.MethodPut, err: err}
	}
	if err != nil {
		return resp, err
	}
	resp.Body = &boundedBody{resp.Body, maxBody}
	if last != nil {
		last.status = resp.StatusCode
	}
	return resp, nil
}

// A request is the last that was sent for an item, and what came of it.
type request struct {
	token  bool  // it asked for a session token
	status int   // of the answer; 0 for none
	err    error // of the transport
}

type requestKey struct{}

// A failure is an item that could not be read.
type failure struct {
	request
	err error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

var errOff = errors.New("the metadata service is switched off for this instance, or a policy forbids it")

var errMute = errors.New("it takes the connection and does not answer the token request")

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxBody)

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// firstAnswer returns a client for the first endpoint that lists the interfaces, and the list. Each
// endpoint has a head start on the next, so that with several answering it is always the same one.
func firstAnswer(ctx context.Context, endpoints []string) (*client, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		client *client
		text   string
		err    error
	}
	answers := make(chan answer, len(endpoints))
	ask := func(endpoint string) {
		if err := CheckEndpoint(endpoint); err != nil {
			answers <- answer{err: err}
			return
		}
		c := newClient(endpoint)
		text, err := c.get(ctx, "network/interfaces/macs/")
		if err != nil {
			c.close()
			err = c.explain(err)
		}
		answers <- answer{c, text, err}
	}
	var errs []error
	next, asking := 0, 0
	for {
		if next < len(endpoints) {
			go func(endpoint string) {
				defer guard.Rescue()
				ask(endpoint)
			}(endpoints[next])
			next++
			asking++
		}
		var turn <-chan time.Time
		if next < len(endpoints) {
			turn = time.After(stagger)
		}
		select {
		case a := <-answers:
			asking--
			if a.err == nil {
				// The rest end with ctx; answers has room for all of them.
				return a.client, a.text, nil
			}
			errs = append(errs, a.err)
			if asking == 0 && next == len(endpoints) {
				return nil, "", joined(errs)
			}
		case <-turn:
		}
	}
}

// joined puts errors in one line, those that say more than "no answer" first.
func joined(errs []error) error {
	diag.SortFunc(errs, func(a, b error) int { return rank(a) - rank(b) })
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return line{strings.Join(texts, "; "), errs}
}

// A line is errors told in one.
type line struct {
	text string
	errs []error
}

func (l line) Error() string   { return l.text }
func (l line) Unwrap() []error { return l.errs }

func rank(err error) int {
	if _, absent := errors.AsType[*net.OpError](err); absent {
		return 1
	}
	return 0
}

// get reads one item of the metadata, at most maxBody long. Its error is a *failure.
func (c *client) get(ctx context.Context, path string) (string, error) {
	var last request
	out, err := c.imds.GetMetadata(context.WithValue(ctx, requestKey{}, &last), &imds.GetMetadataInput{Path: path})
	if err != nil {
		return "", &failure{last, err}
	}
	defer out.Content.Close()
	text, err := io.ReadAll(out.Content)
	if err != nil {
		return "", &failure{last, err}
	}
	return string(text), nil
}

// explain says in one line what went wrong with an endpoint and what to do next.
func (c *client) explain(err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return fmt.Errorf("%s: %w", c.endpoint, err)
	}
	var refused *net.OpError
	var timeout interface{ Timeout() bool }
	silent := errors.As(errors.Join(f.request.err, err), &timeout) && timeout.Timeout()
	switch {
	case errors.As(f.request.err, &refused) && refused.Op == "dial" && refused.Timeout():
		return fmt.Errorf("%s: %w: nothing answers there: not on EC2, or a local firewall or route stands before it", c.endpoint, refused)
	case errors.Is(f.request.err, syscall.ENETUNREACH), errors.Is(f.request.err, syscall.EHOSTUNREACH):
		return fmt.Errorf("%s: no route to it from here, so whether the service is there is not known: see `ip route get` for its address", c.endpoint)
	case errors.As(f.request.err, &refused) && refused.Op == "dial":
		return fmt.Errorf("%s: %w: no metadata service there: see --imds, and `ip route get` for its address", c.endpoint, refused)
	case errors.Is(err, errTooLong):
		return fmt.Errorf("%s: %w: not an EC2 metadata service", c.endpoint, errTooLong)
	case f.status == http.StatusForbidden:
		return fmt.Errorf("%s: status 403: %w: "+
			"aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled", c.endpoint, errOff)
	case f.status == http.StatusUnauthorized:
		return fmt.Errorf("%s: status 401: the service does not take the session token that it gave: try again", c.endpoint)
	case f.token && f.status >= 300:
		return fmt.Errorf("%s: status %d to the token request (PUT /latest/api/token): not an EC2 metadata service, version 2", c.endpoint, f.status)
	case f.status == http.StatusNotFound:
		return fmt.Errorf("%s: status 404: it has no network/interfaces/macs/: not an EC2 metadata service", c.endpoint)
	case f.status >= 300:
		return fmt.Errorf("%s: status %d: try again; the service throttles each instance", c.endpoint, f.status)
	case f.token && silent:
		return fmt.Errorf("%s: %w: in a container its hop limit of 1 ends before us: "+
			"aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2", c.endpoint, errMute)
	case silent:
		return fmt.Errorf("%s: no answer in time: try again", c.endpoint)
	case f.token:
		return fmt.Errorf("%s: token request: %w: not an EC2 metadata service, version 2", c.endpoint, innermost(err))
	default:
		return fmt.Errorf("%s: %w: try again", c.endpoint, innermost(err))
	}
}

// innermost takes off the SDK's wrappings, which repeat one another.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// read asks for each listed interface in turn, some at a time.
func (c *client) read(ctx context.Context, list string) diag.Metadata {
	macs, bad := parseMACs(list)
	m := diag.Metadata{Endpoint: clean(c.endpoint)}
	var (
		mu    sync.Mutex
		wrong []string
		read  = make([]*diag.MetadataInterface, len(macs))
		group errgroup.Group
	)
	if bad > 0 {
		wrong = append(wrong, fmt.Sprintf("%s in network/interfaces/macs/", lines(bad)))
	}
	group.SetLimit(parallel)
	group.Go(func() error {
		defer guard.Rescue()
		if text, err := c.get(ctx, "placement/region"); err == nil {
			m.Region = parseID("", text)
		}
		return nil
	})
	for i, mac := range macs {
		group.Go(func() error {
			defer guard.Rescue()
			found, complaints, whole := c.readInterface(ctx, mac)
			mu.Lock()
			defer mu.Unlock()
			wrong = append(wrong, complaints...)
			if whole {
				read[i] = &found
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no error

	missing, assigned := 0, 0
	for _, r := range read {
		if r == nil {
			missing++
			continue
		}
		m.Interfaces = append(m.Interfaces, *r)
		assigned += len(r.Addresses) + len(r.Prefixes)
	}
	slices.Sort(wrong)
	m.Why = clean(strings.Join(wrong, "; "))
	switch {
	case assigned > 0:
		m.State = diag.MetadataOK
	case missing > 0, len(macs) == 0, bad > 0:
		m.State = diag.MetadataUnreachable
		if m.Why == "" {
			m.Why = clean(c.endpoint + ": it lists no network interface: try again")
		}
	default:
		m.State = diag.MetadataNone
		m.Why = "no IPv6 address or prefix is assigned to any network interface of this instance"
	}
	return m
}

// readInterface reads what is known of one interface. whole is false when one of the lists that say
// what is assigned could not be read.
func (c *client) readInterface(ctx context.Context, mac diag.MAC) (m diag.MetadataInterface, wrong []string, whole bool) {
	m.MAC, whole = mac, true
	item := func(name string) string {
		text, err := c.get(ctx, "network/interfaces/macs/"+mac.String()+"/"+name)
		var f *failure
		switch {
		case err == nil:
			return text
		case errors.As(err, &f) && f.status == http.StatusNotFound && !f.token:
			// 404 is how the service says "none" (EC2 user guide, instance metadata).
			return ""
		}
		wrong = append(wrong, fmt.Sprintf("%s of %s: %v", name, mac, c.explain(err)))
		whole = whole && !says(name)
		return ""
	}
	count := func(name string, bad int) {
		if bad > 0 {
			wrong = append(wrong, fmt.Sprintf("%s in %s of %s", lines(bad), name, mac))
			whole = whole && !says(name)
		}
	}
	var bad int
	m.Addresses, bad = parseAddrs(item("ipv6s"))
	count("ipv6s", bad)
	m.Prefixes, bad = parsePrefixes(item("ipv6-prefix"))
	count("ipv6-prefix", bad)
	m.ID = parseID("eni-", item("interface-id"))
	m.Subnet = parseID("subnet-", item("subnet-id"))
	m.Subnets, bad = parsePrefixes(item("subnet-ipv6-cidr-blocks"))
	count("subnet-ipv6-cidr-blocks", bad)
	return m, wrong, whole
}

// says reports whether an item of an interface says what is assigned to it.
func says(name string) bool { return name == "ipv6s" || name == "ipv6-prefix" }

func lines(n int) string {
	if n == 1 {
		return "1 line that cannot be read"
	}
	return fmt.Sprintf("%d lines that cannot be read", n)
}

// parseList splits a list of the service, one entry a line, and parses each. It returns the entries
// without repetition in the order given, and how many lines were not what they should be.
func parseList[T comparable](text string, limit int, parse func(string) (T, bool)) (list []T, bad int) {
	seen := map[T]bool{}
	for line := range strings.Lines(text) {
		line = strings.Trim(line, " \t\r\n")
		if line == "" {
			continue
		}
		v, ok := parse(line)
		switch {
		case !ok, !seen[v] && len(list) == limit:
			bad++
		case !seen[v]:
			seen[v] = true
			list = append(list, v)
		}
	}
	return list, bad
}

func parseMACs(text string) ([]diag.MAC, int) {
	return parseList(text, maxInterfaces, func(line string) (diag.MAC, bool) {
		mac, err := diag.ParseMAC(strings.TrimSuffix(line, "/"))
		return mac, err == nil && mac != diag.MAC{} && mac[0]&1 == 0
	})
}

// assignable reports whether an infrastructure can give addr to one interface.
func assignable(addr netip.Addr) bool {
	return addr.Is6() && !addr.Is4In6() && addr.Zone() == "" &&
		!addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsMulticast() && !addr.IsLinkLocalUnicast()
}

func parseAddrs(text string) ([]netip.Addr, int) {
	return parseList(text, maxEntries, func(line string) (netip.Addr, bool) {
		addr, err := netip.ParseAddr(line)
		return addr, err == nil && assignable(addr)
	})
}

// parsePrefixes reads prefixes of /32 or longer: a shorter one belongs to no subnet, and a
// delegated ::/0 would make every address an assigned one.
func parsePrefixes(text string) ([]netip.Prefix, int) {
	return parseList(text, maxEntries, func(line string) (netip.Prefix, bool) {
		p, err := netip.ParsePrefix(line)
		return p.Masked(), err == nil && assignable(p.Addr()) && p.Bits() >= 32
	})
}

// parseID reads an identifier such as "eni-0f95d3625f5c521cc" or "eu-west-1"; anything else is "".
func parseID(prefix, text string) string {
	id := strings.Trim(text, " \t\r\n")
	if len(id) > 64 || !strings.HasPrefix(id, prefix) {
		return ""
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return ""
		}
	}
	return id
}

// clean makes text from outside fit for one line of a report.
func clean(s string) string {
	const limit = 1000
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(s, "."))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + " …"
	}
	return s
}
