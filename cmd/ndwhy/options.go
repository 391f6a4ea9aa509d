package main

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/imds"
	"ndwhy/diag/lab"
	"ndwhy/diag/outfile"
	"ndwhy/diag/redact"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// options are the flags that every command which asks or watches shares, as given.
type options struct {
	interfaces []string
	peers      []string
	internet   string
	assigned   []string
	try        []string
	add        string
	profile    string
	imds       string
	passive    bool
	count      int
	timeout    time.Duration
	record     string
	pcap       string
	only, skip []string
	far        []string
	noColor    bool
	ascii      bool
	hide       redact.Redactor
}

// The time between two questions to one target, and after the last: what the budgets are made of.
const (
	interval = 200 * time.Millisecond
	wait     = time.Second
)

// builtInInternet are addresses of two operators that have answered echo for many years: Google
// Public DNS and Cloudflare's resolver. Either answering counts.
var builtInInternet = []netip.Addr{
	netip.MustParseAddr("2001:4860:4860::8888"),
	netip.MustParseAddr("2606:4700:4700::1111"),
}

// envFlags are the flags that an environment variable gives a default: how a lab or a fleet's
// profile sets what is the same for every command. A flag on the command line wins.
var envFlags = map[string]string{
	"peer": "NDWHY_PEER", "internet": "NDWHY_INTERNET", "assigned": "NDWHY_ASSIGNED",
	"try": "NDWHY_TRY", "add": "NDWHY_ADD", "imds": "NDWHY_IMDS",
}

func (o *options) register(f *pflag.FlagSet) {
	say := func(name string) string {
		text := words.Say("cli.flag." + name)
		if env, ok := envFlags[name]; ok {
			text += " [$" + env + "]"
		}
		return text
	}
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, say("interface"))
	f.StringSliceVar(&o.peers, "peer", nil, say("peer"))
	f.StringVar(&o.internet, "internet", "", say("internet"))
	f.StringSliceVar(&o.assigned, "assigned", nil, say("assigned"))
	f.StringSliceVar(&o.try, "try", nil, say("try"))
	f.StringVar(&o.add, "add", string(diag.AddNone), say("add"))
	f.StringVar(&o.profile, "profile", "", say("profile"))
	f.StringVar(&o.imds, "imds", "", say("imds"))
	f.BoolVar(&o.passive, "passive", false, say("passive"))
	f.IntVar(&o.count, "count", 2, say("count"))
	f.DurationVar(&o.timeout, "timeout", defaultTimeout, say("timeout"))
	f.StringVar(&o.record, "record", "", say("record"))
	f.StringVar(&o.pcap, "pcap", "", say("pcap"))
	f.StringSliceVar(&o.only, "only", nil, say("only"))
	f.StringSliceVar(&o.skip, "skip", nil, say("skip"))
}

// complete has the shell complete the values of flags of cmd that are one of a list.
func complete(cmd *cobra.Command) {
	// It fails only where there is no such flag.
	_ = cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(why.Profiles(), cobra.ShellCompDirectiveNoFileComp))
}

// across registers the flag of other hosts that watch meanwhile.
func (o *options) across(f *pflag.FlagSet) {
	f.StringArrayVar(&o.far, "far", nil, words.Say("cli.flag.far"))
}

// look registers the flags of how anything is written.
func (o *options) look(f *pflag.FlagSet) {
	f.BoolVar(&o.noColor, "no-color", false, words.Say("cli.flag.no-color"))
	f.BoolVar(&o.ascii, "ascii", false, words.Say("cli.flag.ascii"))
	f.BoolVar(&o.hide.On, "redact", false, words.Say("cli.flag.redact"))
}

// A named is a file that a flag names.
type named struct{ flag, path string }

// files are those that the flags name for what is kept.
func (o *options) files() []named { return []named{{"--record", o.record}, {"--pcap", o.pcap}} }

// distinct refuses a file that is named twice: one of the two would be lost.
func distinct(files []named) error {
	for i, a := range files {
		for _, b := range files[i+1:] {
			if a.path != "" && b.path != "" && outfile.Same(a.path, b.path) {
				return usagef("%s", words.Say("cli.same-file", "a", a.flag, "b", b.flag, "file", b.path))
			}
		}
	}
	return nil
}

// environment fills the flags that were not given from their variables, and refuses names that are empty.
func (o *options) environment(f *pflag.FlagSet) (err error) {
	f.Visit(func(flag *pflag.Flag) {
		list, several := flag.Value.(pflag.SliceValue)
		if several && (len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")) {
			err = usagef("--%s: the name is empty", flag.Name)
		}
	})
	if err != nil {
		return err
	}
	// What the command line rules out, a variable does not ask for.
	noTry := o.passive || f.Changed("add") && o.add == string(diag.AddNone)
	for name, env := range envFlags {
		value := os.Getenv(env)
		if noTry && name == "try" || o.passive && name == "add" {
			continue
		}
		if value == "" || f.Lookup(name) == nil || f.Changed(name) {
			continue
		}
		if err := f.Set(name, value); err != nil {
			return usagef("%s=%q: %w", env, value, err)
		}
	}
	return nil
}

// shortestAssigned is the shortest prefix that can be one interface's own: a site gets a /48 (RFC
// 6177), and with less every peer would look like one of our addresses.
const shortestAssigned = 48

// zoned is an address with the interface that its zone named, if any.
type zoned struct {
	addr netip.Addr
	zone string
}

func parseAddr(flag, text string) (zoned, error) {
	a, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(text), "[]"))
	if err != nil || !a.Is6() || a.Is4In6() {
		return zoned{}, usagef("--%s %q: not an IPv6 address", flag, text)
	}
	return zoned{a.WithZone(""), a.Zone()}, nil
}

// resolved are the options after parsing.
type resolved struct {
	run   diag.Run
	zones []string // interfaces that zones of addresses named
}

// parse turns the flags into what the stream's Run event says; interfaces are chosen later.
func (o *options) parse() (resolved, error) {
	r := resolved{run: diag.Run{
		Version: versionText(), Passive: o.passive, Profile: o.profile, Add: diag.AddMode(o.add),
		NICs: lab.NICs(), Only: o.only, Skip: o.skip, Count: o.count,
		IntervalMS: int(interval / time.Millisecond), WaitMS: int(wait / time.Millisecond),
	}}
	// A zone stays where a target is asked by that interface alone.
	unicast := func(flag string, texts []string, keep bool) ([]netip.Addr, error) {
		var list []netip.Addr
		for _, text := range texts {
			z, err := parseAddr(flag, text)
			if err != nil {
				return nil, err
			}
			if z.addr.IsMulticast() || z.addr.IsUnspecified() || z.addr.IsLoopback() {
				return nil, usagef("--%s %s: not a unicast address that a neighbour could have", flag, z.addr)
			}
			if z.zone != "" && !slices.Contains(r.zones, z.zone) {
				r.zones = append(r.zones, z.zone)
			}
			addr := z.addr
			if keep {
				addr = addr.WithZone(z.zone)
			}
			if !slices.Contains(list, addr) {
				list = append(list, addr)
			}
		}
		return list, nil
	}
	var err error
	if r.run.Peers, err = unicast("peer", o.peers, true); err != nil {
		return r, err
	}
	if r.run.Try, err = unicast("try", o.try, false); err != nil {
		return r, err
	}
	switch o.internet {
	case "none":
		r.run.InternetOff = true
	case "":
		r.run.Internet = builtInInternet
	default:
		r.run.InternetGiven = true
		if r.run.Internet, err = unicast("internet", strings.Split(o.internet, ","), false); err != nil {
			return r, err
		}
	}
	for _, text := range o.assigned {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			z, aerr := parseAddr("assigned", text)
			if aerr != nil {
				return r, usagef("--assigned %q: not an IPv6 address or prefix", text)
			}
			p = netip.PrefixFrom(z.addr, 128)
		}
		if !p.Addr().Is6() || p.Addr().Is4In6() {
			return r, usagef("--assigned %q: not an IPv6 address or prefix", text)
		}
		if p.Bits() < shortestAssigned {
			return r, usagef("--assigned %s: want an address, or a prefix of %d bits or more", text, shortestAssigned)
		}
		r.run.Assigned = append(r.run.Assigned, p.Masked())
	}
	switch r.run.Add {
	case diag.AddNone, diag.AddClaim, diag.AddKernel:
	default:
		return r, usagef("--add %q: want none, claim or kernel", o.add)
	}
	if len(o.far) > diag.FarsKept {
		return r, usagef("--far: %d hosts, want at most %d", len(o.far), diag.FarsKept)
	}
	if err := o.contradictions(); err != nil {
		return r, err
	}
	if err := o.knownProfile(); err != nil {
		return r, err
	}
	if o.count < 1 || o.count > 100 {
		return r, usagef("--count %d: want 1 to 100", o.count)
	}
	if o.timeout < 100*time.Millisecond || o.timeout > time.Hour {
		return r, usagef("--timeout %s: want 100ms to 1h", o.timeout)
	}
	if o.imds != "" && o.imds != "none" {
		if err := imds.CheckEndpoint(o.imds); err != nil {
			return r, usagef("--imds: %w", err)
		}
	}
	for flag, ids := range map[string][]string{"only": o.only, "skip": o.skip} {
		if err := knownChecks("--"+flag, ids); err != nil {
			return r, err
		}
	}
	if r.run.Host, err = os.Hostname(); err != nil {
		r.run.Host = ""
	}
	return r, nil
}

// contradictions refuses flags that take back what another says, and names that are none.
func (o *options) contradictions() error {
	adds := o.add != string(diag.AddNone)
	switch {
	case o.passive && adds:
		return usagef("%s", words.Say("cli.contradiction", "a", "--passive", "what-a", words.Say("cli.sends-nothing"), "b", "--add "+o.add))
	case len(o.try) > 0 && !adds:
		return usagef("%s", words.Say("cli.try-without-add"))
	case o.record == "-" || o.pcap == "-":
		return usagef("%s", words.Say("cli.kept-to-stdout"))
	}
	return nil
}

func knownChecks(where string, ids []string) error {
	known := checks.IDs()
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return usagef("%s %q: no such check%s; there are %s", where, id, perhaps(id, known), strings.Join(known, ", "))
		}
	}
	return nil
}

// knownProfile refuses a --profile that there is none of.
func (o *options) knownProfile() error {
	if o.profile != "" && !slices.Contains(why.Profiles(), o.profile) {
		return usagef("--profile %q: no such profile%s; there are %s", o.profile, perhaps(o.profile, why.Profiles()), strings.Join(why.Profiles(), ", "))
	}
	return nil
}
