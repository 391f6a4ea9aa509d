package main

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/words"
)

func watchCommand() *cobra.Command {
	var o options
	var asJSON bool
	var kinds []string
	var about string
	cmd := &cobra.Command{
		Use:     "watch",
		Short:   words.Say("cli.watch.short"),
		Long:    words.Say("cli.watch.long"),
		Example: words.Say("cli.watch.example"),
		Args:    usageArgs(cobra.NoArgs),
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, words.Say("cli.flag.interface"))
	f.StringVar(&o.imds, "imds", "", words.Say("cli.flag.imds")+" [$NDWHY_IMDS]")
	f.StringVar(&o.record, "record", "", words.Say("cli.flag.record"))
	f.StringVar(&o.pcap, "pcap", "", words.Say("cli.flag.pcap"))
	f.BoolVar(&o.hide.On, "redact", false, words.Say("cli.flag.redact"))
	f.BoolVar(&asJSON, "json", false, words.Say("cli.flag.watch-json"))
	f.StringSliceVar(&kinds, "only", nil, words.Say("cli.flag.watch-only", "kinds", strings.Join(watchable(), ", ")))
	f.StringVar(&about, "for", "", words.Say("cli.flag.watch-for"))
	cmd.RunE = ends(func(cmd *cobra.Command, _ []string) error {
		ctx, end := context.WithCancel(cmd.Context())
		defer end()
		for _, k := range kinds {
			if !slices.Contains(watchable(), k) {
				return usagef("--only %q: no such kind of event%s; there are %s", k, perhaps(k, watchable()), strings.Join(watchable(), ", "))
			}
		}
		var addr netip.Addr
		if about != "" {
			z, err := parseAddr("for", about)
			if err != nil {
				return err
			}
			addr = z.addr
			if z.zone != "" {
				o.interfaces = append(o.interfaces, z.zone)
			}
		}
		if err := o.environment(f); err != nil {
			return err
		}
		o.add, o.count, o.timeout, o.passive = string(diag.AddNone), 1, defaultTimeout, true
		said := func(e diag.Event, text string) string {
			if asJSON {
				b, err := e.MarshalJSON()
				if err != nil {
					return "" // there is no such event
				}
				return o.hide.JSON(string(b)) + "\n"
			}
			return o.happened(cmd.OutOrStdout(), e.At, e.Kind(), diag.Describe(e)+text)
		}
		w := watcher{kinds: kinds, addr: addr, ticks: asJSON}
		w.brief = !asJSON && len(kinds) == 0 && !addr.IsValid()
		w.opening = w.brief
		feed := &feeder{out: cmd.OutOrStdout(), news: make(chan struct{}, 1)}
		feed.line = func(e diag.Event) (string, bool) {
			hidden := o.hide.Event(e) // which learns of what is not shown, too
			because := w.because(e)
			if !w.wants(e) {
				return "", false
			}
			return said(hidden, because), true
		}
		beside := func(at time.Time) string {
			return o.happened(cmd.OutOrStdout(), at, "watch", words.Say("watch.beside", "list", w.beside))
		}
		feed.gap = func(e diag.Event) string {
			if f, ok := e.Body.(diag.Feed); ok && w.brief && f.State == diag.Synced {
				return beside(e.At)
			}
			return said(e, "")
		}
		live, err := o.open(ctx, true, feed.add, warnOn(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer live.Close()
		feed.facts = func(taken func()) (facts []diag.Event) {
			live.Look(func(s *diag.State) {
				if facts = s.Facts(); w.brief {
					facts = w.briefly(s)
				}
				taken()
			})
			return facts
		}
		written := make(chan error, 1)
		go func() {
			defer guard.Rescue()
			written <- feed.run()
		}()
		if w.brief {
			live.Settle(ctx)
			live.Look(func(s *diag.State) {
				feed.begin(func() string {
					w.opening = false
					var lines strings.Builder
					for _, e := range w.briefly(s) {
						text, _ := feed.line(e)
						lines.WriteString(text)
					}
					return lines.String() + beside(s.Now)
				})
			})
		}
		var failed error
		select {
		case <-ctx.Done():
		case <-live.Done():
		case failed = <-written:
		}
		closed := live.Close()
		if failed == nil {
			feed.end()
			select {
			case failed = <-written:
			case <-time.After(lastWords):
			}
		}
		if failed != nil {
			return failed
		}
		if closed != nil {
			return exitCode(exitUnknown)
		}
		return exitCode(exitInterrupted)
	})
	return cmd
}

// packets are the types of frames that `--only` takes beside the kinds of events.
var packets = []diag.FrameType{
	diag.RS, diag.RA, diag.NS, diag.NA, diag.RedirectFrame, diag.MLD, diag.DHCPv6Frame, diag.EchoRequest, diag.EchoReply,
}

// watchable are the names that `--only` takes.
func watchable() []string {
	list := diag.Kinds()
	for _, t := range packets {
		list = append(list, string(t))
	}
	return list
}

// A watcher knows which events are wanted, and why an entry came to be.
type watcher struct {
	kinds []string
	addr  netip.Addr
	ticks bool                              // a program that reads on knows by them that nothing else happened
	asked map[diag.InterfaceAddr]diag.Event // the newest solicitation of this host's for an address

	// For a person who asked for nothing in particular: of what is so when it begins, and after a gap, only what most
	// want to see (briefly), and nothing again that is asked again and is what it was.
	brief, opening bool
	beside         string            // what else is so
	newest         map[string]string // what was said of what is asked again
}

// askedMost bounds those that are remembered: an entry is INCOMPLETE moments after its solicitation.
const askedMost = 1024

// wants reports whether an event is to be shown.
func (w *watcher) wants(e diag.Event) bool {
	if w.addr.IsValid() && !diag.Concerns(e, w.addr) {
		return false
	}
	if w.brief && !w.news(e) {
		return false
	}
	if len(w.kinds) == 0 {
		_, tick := e.Body.(diag.Tick)
		return !tick || w.ticks // that time passes is no news to a person, unless somebody asks for it
	}
	f, ok := e.Body.(diag.Frame)
	return slices.Contains(w.kinds, e.Kind()) || ok && slices.Contains(w.kinds, string(f.Type))
}

// news reports whether an event is to be shown to a person who asked for nothing in particular.
func (w *watcher) news(e diag.Event) bool {
	same := false
	switch b := e.Body.(type) {
	case diag.Run, diag.Frame, diag.Drop, diag.Socket, diag.Flood, diag.Change:
		return true // it passes by
	case diag.Feed, diag.Metadata, diag.Flows, diag.Lease:
		key, says := e.Kind(), diag.Describe(e)
		switch b := b.(type) {
		case diag.Feed:
			key += string(b.Name)
		case diag.Lease:
			key += b.File
		}
		if w.newest == nil {
			w.newest = map[string]string{}
		}
		feed, of := e.Body.(diag.Feed)
		same = w.newest[key] == says && (!of || feed.State == diag.Synced)
		w.newest[key] = says
	}
	return !same && !w.opening
}

// brieflyMost bounds what is shown of a kind.
const brieflyMost = 8

// briefly returns what is so now of that which most want to see, and notes how much else is.
func (w *watcher) briefly(s *diag.State) (facts []diag.Event) {
	ours := s.InterfacesOf()
	shown, rest := map[string]int{}, map[string]int{}
	for _, e := range s.Facts() {
		wanted := false
		switch b := e.Body.(type) {
		case diag.Feed:
			if wanted = b.State != diag.Synced; !wanted {
				continue
			}
		case diag.Link:
			wanted = slices.Contains(ours, b.Interface)
		case diag.Address:
			wanted = slices.Contains(ours, b.Interface)
		case diag.Neighbour:
			wanted = slices.Contains(ours, b.Interface) && !b.Proxy
		case diag.Route:
			wanted = b.Dst.Bits() == 0
		}
		if wanted && shown[e.Kind()] < brieflyMost {
			shown[e.Kind()]++
			facts = append(facts, e)
		} else {
			rest[e.Kind()]++
		}
	}
	var list []string
	for _, kind := range diag.SortedKeys(rest) {
		list = append(list, words.Say("watch.beside.kind", "kind", kind, "n", rest[kind]))
	}
	w.beside = strings.Join(list, ", ")
	return facts
}

// because says by which way a frame came or left, and which solicitation an entry of the neighbour cache rests on that
// waits for an answer.
func (w *watcher) because(e diag.Event) string {
	switch b := e.Body.(type) {
	case diag.Frame:
		if !b.Out {
			return words.Say("watch.came", "interface", b.Interface)
		}
		if b.Type == diag.NS {
			if w.asked == nil || len(w.asked) == askedMost {
				w.asked = map[diag.InterfaceAddr]diag.Event{}
			}
			w.asked[diag.InterfaceAddr{Interface: b.Interface, Address: b.Target}] = e
		}
		return words.Say("watch.left", "interface", b.Interface)
	case diag.Neighbour:
		ns, asked := w.asked[diag.InterfaceAddr{Interface: b.Interface, Address: b.Address}].Body.(diag.Frame)
		if asked && !b.Gone && (b.State == diag.Incomplete || b.State == diag.Probing) {
			at := w.asked[diag.InterfaceAddr{Interface: b.Interface, Address: b.Address}].At
			return words.Say("watch.asked", "from", ns.Src, "at", at.Format("15:04:05.000"))
		}
	}
	return ""
}
