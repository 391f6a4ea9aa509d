package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/pcap"
	"ndwhy/diag/record"
	"ndwhy/diag/words"
)

// A source is a file that --from names.
type source struct {
	name string
	// host is what its host is called, where there are several.
	host    string
	capture bool
	profile string // of a capture: the kind of network that it is of, where --profile says so
	// as is the host of a capture that --as names, of the MAC address that made it.
	as pcap.Host
	of diag.MAC
	// guess says what was taken for granted of it.
	guess string
}

// replay reads a recording, over which the diagnosis is that of the run that made it, or the capture of whatever
// program. Recordings and captures that others made at the same time tell where between the hosts something was lost; the
// first is of here.
func (o *checkOptions) replay(ctx context.Context, stderr io.Writer) (state *diag.State, err error) {
	sources, err := o.sources(ctx, stderr)
	if err != nil {
		return nil, err
	}
	for _, from := range sources {
		problems, err := from.read(ctx, stderr, &state)
		if from.guess != "" {
			problems = append(problems, from.guess)
		}
		switch {
		case ctx.Err() != nil:
			return nil, exitCode(exitInterrupted)
		case err != nil:
			return nil, usagef("--from %s: %w", from.name, err)
		}
		for _, p := range problems {
			fmt.Fprintln(stderr, "ndwhy: "+words.Say("cli.from-problem", "file", from.name, "problem", p))
		}
	}
	return state, nil
}

// sources are the files of --from. Where there are several it is found out which host made each capture: as --as says, in
// the order of the captures, or as the frames do.
func (o *checkOptions) sources(ctx context.Context, stderr io.Writer) (list []source, err error) {
	var hosts []pcap.Host
	for _, name := range o.as {
		h, err := pcap.ParseHost(name)
		if err != nil {
			return nil, usagef("--as: %w", err)
		}
		hosts = append(hosts, h)
	}
	if len(o.from) == 1 {
		if len(hosts) > 1 {
			return nil, usagef("%s", words.Say("cli.as-many"))
		}
		return []source{{name: o.from[0], profile: o.network, as: append(hosts, pcap.Host{})[0]}}, nil
	}
	var makers []pcap.Maker
	var known []diag.MAC // of hosts that made recordings
	for _, name := range o.from {
		from := source{name: name, host: filepath.Base(name), profile: o.network}
		if slices.ContainsFunc(o.from, func(other string) bool { return other != name && filepath.Base(other) == from.host }) {
			from.host = name
		}
		maker := pcap.Maker{}
		err := from.open(ctx, stderr, func(kept *record.Input) error {
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				return errors.New(words.Say("cli.from-twice"))
			}
			if !from.capture {
				known = append(known, linksOf(kept)...)
				return nil
			}
			if len(hosts) > 0 {
				from.as, hosts = hosts[0], hosts[1:]
			}
			c, err := pcap.NewReader(kept)
			if err == nil {
				maker = pcap.Find(c, from.as)
			}
			return err
		})
		switch {
		case ctx.Err() != nil:
			return nil, exitCode(exitInterrupted)
		case err != nil:
			return nil, usagef("--from %s: %w", name, err)
		}
		list, makers = append(list, from), append(makers, maker)
	}
	if len(hosts) > 0 {
		return nil, usagef("%s", words.Say("cli.as-many"))
	}
	if err := whose(list, makers, known); err != nil {
		return nil, err
	}
	return list, apart(list)
}

// apart refuses two captures of one host, unless --as says that they are not: between the parts of one capture everything
// would seem to be lost.
func apart(list []source) error {
	for i, a := range list {
		for _, b := range list[:i] {
			if a.of != (diag.MAC{}) && a.of == b.of && a.as == (pcap.Host{}) && b.as == (pcap.Host{}) {
				return usagef("--from %s: %s", a.name, words.Say("cli.from-same", "a", b.name, "b", a.name, "mac", a.of))
			}
		}
	}
	return nil
}

// linksOf are the MACs of the host that made a recording, as it begins.
func linksOf(r io.Reader) (list []diag.MAC) {
	for e, err := range record.Read(r) {
		switch b := e.Body.(type) {
		case diag.Link:
			if err == nil && b.MAC != (diag.MAC{}) {
				list = append(list, b.MAC)
			}
		case diag.Feed:
			if b.Name == diag.FeedNetlink && b.State == diag.Synced {
				return list
			}
		}
	}
	return list
}

// whose settles which host made each capture, those first of which the others leave no doubt: known are the MACs of those
// that made something else.
func whose(list []source, makers []pcap.Maker, known []diag.MAC) error {
	settled := make([]bool, len(list))
	for {
		var doubts []int
		some := false
		for i := range list {
			if settled[i] || !list[i].capture {
				continue
			}
			mac, ok := makers[i].MakerOf(known, beside(list, makers, i))
			if !ok {
				doubts = append(doubts, i)
				continue
			}
			list[i].of, settled[i], some = mac, true, true
			known = append(known, mac)
		}
		if len(doubts) == 0 {
			return nil
		}
		if some {
			continue
		}
		for n, i := range doubts {
			mac, ok := makers[i].HostOf(known, beside(list, makers, i))
			// Two ends of one conversation: either may be the host's.
			if !ok || slices.ContainsFunc(slices.Delete(slices.Clone(doubts), n, n+1), func(j int) bool {
				return slices.Contains(makers[j].Candidates(known, beside(list, makers, j)), mac)
			}) {
				continue
			}
			list[i].of, list[i].guess = mac, words.Say("cli.from-guess", "mac", mac)
			known, settled[i], some = append(known, mac), true, true
		}
		if some {
			continue
		}
		return usagef("--from %s: %s", list[doubts[len(doubts)-1]].name, ambiguous(list, makers, known))
	}
}

// beside are the other captures of one; none where something else is among them, of which it is not known what it heard.
func beside(list []source, makers []pcap.Maker, i int) []pcap.Maker {
	if slices.ContainsFunc(list, func(s source) bool { return !s.capture }) {
		return nil
	}
	return slices.Delete(slices.Clone(makers), i, i+1)
}

// mayMost is how many hosts are named that may have made a capture.
const mayMost = 4

// ambiguous says what to type where the captures do not say whose they are: an example, with who may be meant.
func ambiguous(list []source, makers []pcap.Maker, known []diag.MAC) string {
	var example []string
	var more strings.Builder
	for i, from := range list {
		if !from.capture {
			continue
		}
		as := "ADDRESS"
		switch {
		case from.as != (pcap.Host{}):
			as = from.as.String()
		case from.of != (diag.MAC{}):
			as = from.of.String()
		default:
			var may []string
			for _, mac := range makers[i].Candidates(known, beside(list, makers, i)) {
				may = append(may, called(&makers[i], mac))
				if as == "ADDRESS" && !slices.Contains(example, "--as "+mac.String()) {
					as = mac.String()
				}
			}
			if len(may) > mayMost {
				may = append(may[:mayMost], "…")
			}
			if len(may) > 1 {
				more.WriteString(words.Say("cli.from-whose-of", "file", from.host, "macs", strings.Join(may, ", ")))
			}
		}
		example = append(example, "--as "+as)
	}
	return words.Say("cli.from-whose", "example", strings.Join(example, " ")) + more.String() + words.Say("cli.from-parts")
}

// called is a MAC with what tells a person whose it is.
func called(m *pcap.Maker, mac diag.MAC) string {
	name := mac.String()
	if addr, ok := m.Uses(mac); ok {
		name = words.Say("cli.from-whose-uses", "mac", mac, "address", addr)
	}
	if m.Routes(mac) {
		name = words.Say("cli.from-whose-router", "host", name)
	}
	return name
}

// open opens the file for one reading, and notes whether it is a capture.
func (from *source) open(ctx context.Context, stderr io.Writer, read func(*record.Input) error) error {
	kept, err := openKept(ctx, from.name, record.Stream)
	if err != nil {
		return err
	}
	defer kept.Close()
	if _, size := kept.Progress(); size > 0 {
		defer showProgress(stderr, func() string {
			read, size := kept.Progress()
			return words.Say("cli.progress", "file", from.name, "percent", 100*read/size)
		})()
	}
	head, _ := kept.Peek(8)
	from.capture = pcap.Detect(head) != ""
	return read(kept)
}

// read reads the file: the first makes the state, another is read beside it.
func (from *source) read(ctx context.Context, stderr io.Writer, state **diag.State) (problems []string, err error) {
	err = from.open(ctx, stderr, func(kept *record.Input) (err error) {
		switch {
		case !from.capture && from.as != (pcap.Host{}):
			err = errors.New(words.Say("cli.as-capture", "file", from.name))
		case !from.capture && from.profile != "":
			err = errors.New(words.Say("cli.profile-capture", "file", from.name))
		case from.capture:
			problems, err = from.readCapture(kept, state)
		case *state != nil:
			problems, err = record.Beside(*state, from.host, kept)
		default:
			head, _ := kept.Peek(1)
			*state, problems, err = record.Replay(kept)
			if errors.Is(err, record.ErrNothing) && len(head) > 0 && head[0] != '{' {
				err = errors.New(words.Say("cli.from-neither"))
			}
		}
		return err
	})
	return problems, err
}

// readCapture folds a capture. The strings say, a line each, what of it is not read.
func (from *source) readCapture(r io.Reader, state **diag.State) (problems []string, err error) {
	c, err := pcap.NewReader(r)
	if err != nil {
		return nil, err
	}
	options := pcap.Options{Version: versionText(), Profile: from.profile, As: from.as, Of: from.of, Name: from.host}
	var take func(diag.Event)
	end := func() {}
	if *state == nil {
		*state = diag.NewState()
		take = (*state).Apply
	} else {
		take, end = record.Other(*state, from.host)
	}
	sum, err := pcap.Read(c, options, take)
	end()
	if err != nil {
		problems = append(problems, err.Error())
	}
	if sum.Other > 0 {
		problems = append(problems, words.Say("cli.capture-link", "n", sum.Other, "type", sum.Link))
	}
	if sum.Short > 0 {
		problems = append(problems, words.Say("cli.capture-short", "n", sum.Short))
	}
	if sum.Unseen {
		return nil, errors.New(words.Say("cli.as-unseen", "host", from.as))
	}
	return problems, nil
}
