// Package plain is the face for whoever cannot or does not want to be drawn at: a screen reader, a
// log, a terminal whose cursor does not move. It says the same as the screens do, in sentences: a
// summary first, and then each change as one line. It draws nothing, moves no cursor, and no
// colour means anything in it.
package plain

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/render"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
	"ndwhy/ui/term"
)

// A Writer turns successive states into lines. It is not safe for concurrent use.
type Writer struct {
	w     io.Writer
	ascii bool
	mask  func(string) string
	err   error

	asked bool // what is being asked has been said
	told  bool // the summary has been written
	was   known

	dropped map[string]bool // the kinds of drops that were said
	drop    int64           // the newest drop that was looked at

	lab    bool            // the lab has been spoken of
	broken map[string]bool // what is broken in it, by what it is called
	marks  map[string]bool // what the switch did that was said, since something was last broken or mended
}

// New returns a Writer. Of style only ASCII counts: lines are not broken, for that is what the
// reader's own device does best. mask is what every line goes through, to hide what it may not show.
func New(w io.Writer, style render.Style, mask func(string) string) *Writer {
	return &Writer{w: w, ascii: style.ASCII, mask: mask}
}

// Why says in a sentence why lines are written instead of the screens.
func Why(p term.Profile) string { return words.Say("plain.why." + p.Why) }

// known is what was last said, for telling what is new. What is settled by checks is apart: while
// they run it is not yet true.
type known struct {
	links      map[string]string
	feeds      map[diag.FeedName]string
	addresses  map[diag.InterfaceAddr]string
	routers    map[diag.InterfaceAddr]string
	neighbours map[diag.InterfaceAddr]neighbour

	verdict  why.Verdict
	headline string
	findings map[finding]string
	symptoms map[string]string
	unknown  map[string]string
	paths    map[string]string
	fars     map[string]string // what other hosts found out about themselves, and how their streams stand
}

type finding struct {
	cause, iface string
	subject      why.Subject
}

// neighbour is what a user would notice of an entry: REACHABLE, STALE, DELAY and PROBE come and go
// as they should, and mean the same.
type neighbour struct {
	key string // of the catalogue, after "plain.neighbour."
	mac diag.MAC
}

// Update says what is new in s and d since the last call. The first summary waits until no check
// runs any more; after that, what they settle is said when they have settled it, and everything else
// at once. It returns the first error of writing.
func (w *Writer) Update(s *diag.State, d why.Diagnosis) error {
	running := false
	for _, c := range s.Checks {
		running = running || c.State == diag.CheckRunning
	}
	switch {
	case !w.told && (running || len(s.Checks) == 0 && !s.Run.Passive):
		if running && !w.asked {
			w.asked = true
			w.say(s, words.Say("plain.asking", "interfaces", strings.Join(s.InterfacesOf(), ", ")))
		}
	case !w.told:
		w.summary(s, d)
	default:
		w.changes(s, d, running)
	}
	return w.err
}

// End writes the summary if none was written: the stream is over. It returns the first error of
// writing.
func (w *Writer) End(s *diag.State, d why.Diagnosis) error {
	if !w.told {
		w.summary(s, d)
	}
	return w.err
}

// line writes a line, whatever text holds.
func (w *Writer) line(text string) {
	if w.err != nil {
		return
	}
	text = words.Clean(strings.Join(strings.Fields(text), " "))
	if w.ascii {
		text = term.ASCII(text)
	}
	_, w.err = io.WriteString(w.w, w.mask(text)+"\n")
}

// say writes a line with the time at its end, where it does not stand before what is new.
func (w *Writer) say(s *diag.State, text string) {
	w.line(words.Say("plain.at", "text", text, "time", s.Now.Format("15:04:05")))
}

// command writes a line that is there to be copied.
func (w *Writer) command(text string) { w.line(words.Say("plain.do", "command", text)) }

func (w *Writer) summary(s *diag.State, d why.Diagnosis) {
	w.told = true
	w.was = w.now(s, d)
	r := report.New(s, d)
	w.say(s, verdict(d))
	if p := r.Problems(); len(p) > 0 && len(p[0].Remedy) > 0 { // what to do stands first, too
		w.line(words.Say("plain.fix", "command", p[0].Remedy[0]))
	}
	w.line(words.Say("plain.profile", "profile", words.Say("profile."+r.Profile.Name+".name"),
		"confidence", words.Say("confidence."+string(r.Profile.Confidence)), "because", strings.Join(r.Profile.Because, "; ")))
	if unasked := r.Beside(); unasked != "" {
		w.line(unasked)
	}
	problems := r.Faults()
	for i, f := range d.Findings { // the worst first: the problems, and then what only looks like one
		key := "plain.finding-of"
		if i >= problems {
			key = "plain.note"
		}
		w.line(words.Say(key, "n", i+1, "of", problems, "finding", findingText(s, f)))
		if i > 0 && d.Findings[i-1].Cause == f.Cause && d.Findings[i-1].Explanation == f.Explanation {
			w.advise(f) // why was just said
			continue
		}
		w.explain(f)
	}
	for _, x := range sorted(w.was.symptoms) {
		w.line(x)
	}
	w.drops(s)
	var fixes []string // what would help many is said once
	for _, u := range d.Unknown {
		w.line(w.was.unknown[u.What])
		if u.Fix == "" || slices.Contains(fixes, u.Fix) {
			continue
		}
		fixes = append(fixes, u.Fix)
		commands := why.Fixes(u.Fix)
		if commands == nil {
			commands = []string{u.Fix}
		}
		for _, command := range commands {
			w.command(command)
		}
	}
	for _, x := range slices.Concat(sorted(w.was.links), sorted(w.was.addresses), sorted(w.was.routers)) {
		w.line(x)
	}
	for _, text := range questions(s, d) {
		w.line(text)
	}
	for _, n := range r.Neighbours.Asked {
		mac := ""
		if n.MAC != nil {
			mac = *n.MAC
		}
		w.line(words.Say("plain.neighbour", "address", n.Address, "interface", n.Interface, "state", n.State, "mac", mac))
	}
	for _, f := range r.Far {
		for _, text := range f.Says() {
			w.line(text)
		}
	}
	for _, c := range r.Skipped {
		w.line(words.Say("plain.skipped", "check", c.Check, "why", c.Why))
	}
	w.line(words.Say("plain.follows"))
}

// explain writes what stands behind a finding, and what to do.
func (w *Writer) explain(f why.Finding) {
	w.line(f.Explanation)
	for _, a := range f.Alternatives {
		w.line(words.Say("plain.alternative", "cause", a.Cause, "tell", a.TellApart))
	}
	w.advise(f)
}

// advise says what to do about a finding, and what shows more.
func (w *Writer) advise(f why.Finding) {
	for _, s := range why.Steps(f.Remedies, nil) {
		if s.Command {
			w.command(s.Text)
		} else {
			w.line(s.Text)
		}
	}
	for _, command := range f.Look {
		w.line(words.Say("plain.see", "command", command))
	}
}

func verdict(d why.Diagnosis) string {
	return words.Say("plain.verdict", "verdict", words.Say("verdict."+string(d.Verdict)), "headline", d.Headline)
}

func findingText(s *diag.State, f why.Finding) string {
	if len(s.InterfacesOf()) > 1 {
		f.Summary = words.On(f.Interface, f.Summary)
	}
	return words.Say("plain.finding", "cause", f.Cause, "severity", words.Say("severity."+string(f.Severity)),
		"confidence", words.Say("confidence."+string(f.Confidence)), "summary", f.Summary)
}

// now returns what would be said of everything.
func (w *Writer) now(s *diag.State, d why.Diagnosis) known {
	k := known{
		links: map[string]string{}, feeds: map[diag.FeedName]string{}, addresses: map[diag.InterfaceAddr]string{},
		routers: map[diag.InterfaceAddr]string{}, neighbours: map[diag.InterfaceAddr]neighbour{},
		verdict: d.Verdict, headline: d.Headline,
		findings: map[finding]string{}, symptoms: map[string]string{}, unknown: map[string]string{}, paths: map[string]string{}, fars: map[string]string{},
	}
	for _, name := range s.InterfacesOf() {
		l, ok := s.Links[name]
		if !ok && s.Overheard != nil {
			continue // a capture has frames alone
		}
		if !ok {
			l = diag.Link{Interface: name, Gone: true}
		}
		k.links[name] = words.Say("plain.link", "link", diag.Describe(diag.Event{Body: l}))
		for _, a := range s.AddressesOn(name) {
			k.addresses[diag.InterfaceAddr{Interface: name, Address: a.Fact.Address}] = addressText(s, a.Fact)
		}
	}
	for _, x := range s.NotExamined() {
		if x.Why == diag.ExamineAppeared {
			k.links[x.Interface] = words.Say("plain.link-new", "interface", x.Interface)
		}
	}
	for name, f := range s.Feeds {
		k.feeds[name] = words.Say("plain.feed."+string(f.State), "feed", name, "why", f.Why)
	}
	for key, r := range s.Routers {
		state := "alive"
		if s.Left(r.Last.LifetimeS, r.At) == 0 {
			state = "lapsed"
		}
		if r.Last.LifetimeS == 0 {
			state = "no-default"
		}
		k.routers[key] = words.Say("plain.router."+state, "address", r.Address, "interface", r.Interface, "mac", r.MAC)
	}
	paths := s.Paths()
	for _, p := range paths {
		k.paths[p.ID] = pathText(p, d.Normal[p.ID], words.Say("plain.via."+string(p.Via)))
		if p.Target.IsValid() && !p.Target.IsMulticast() && p.TargetClass != diag.TargetInternet {
			key := diag.InterfaceAddr{Interface: p.Interface, Address: p.Target}
			k.neighbours[key] = entry(s, key)
		}
	}
	for _, f := range report.Fars(s, d) {
		k.fars[f.Command] = f.Stands()
		for _, x := range f.Findings {
			k.fars[fmt.Sprint(f.Command, x.Cause, x.Interface, x.Subject)] = f.Own(x)
		}
	}
	for _, f := range d.Findings {
		k.findings[finding{f.Cause, f.Interface, f.Subject}] = findingText(s, f)
	}
	for _, x := range d.Unexplained {
		k.symptoms[x.Text] = words.Say("plain.unexplained", "symptom", x.Text)
	}
	for _, u := range d.Unknown {
		k.unknown[u.What] = words.Say("plain.unknown", "what", u.What, "why", u.Why)
	}
	return k
}

func entry(s *diag.State, key diag.InterfaceAddr) neighbour {
	n, ok := s.Neighbours.Find(key)
	switch {
	case !ok:
		return neighbour{key: "none"}
	case n.Fact.State == diag.Incomplete:
		return neighbour{key: "asking"}
	case n.Fact.State.Resolved():
		return neighbour{key: "resolved", mac: n.Fact.MAC}
	default:
		return neighbour{key: "failed"}
	}
}

func addressText(s *diag.State, a diag.Address) string {
	var flags strings.Builder
	for _, f := range []struct {
		flag diag.AddrFlags
		key  string
	}{{diag.DADFailed, "duplicate"}, {diag.Tentative, "tentative"}, {diag.Deprecated, "deprecated"}} {
		if a.Flags&f.flag != 0 {
			flags.WriteString(words.Say("plain.flag." + f.key))
		}
	}
	class := "plain.class." + string(s.ClassOf(a.Interface, a.Address))
	if !words.Has(class) {
		class = "plain.class.unknown"
	}
	return words.Say("plain.address", "address", netip.PrefixFrom(a.Address, a.PrefixLen), "interface", a.Interface,
		"class", words.Say(class), "flags", flags.String())
}

// questions says what was asked, what is not as it should be first, and what applications get before the rest;
// what came out the same in several ways is said once.
func questions(s *diag.State, d why.Diagnosis) []string {
	rank := func(p diag.Path) int {
		switch normal := d.Normal[p.ID]; {
		case p.Outcome == diag.OutcomeSkipped:
			return 3
		case normal == nil:
			return 1
		case *normal:
			return 2
		default:
			return 0
		}
	}
	paths := s.Paths()
	diag.SortFunc(paths, func(a, b diag.Path) int {
		return cmp.Or(rank(a)-rank(b), slices.Index(diag.Ways, a.Via)-slices.Index(diag.Ways, b.Via))
	})
	var order []string
	vias := map[string][]diag.Via{} // by the sentence that says nothing of them
	first := map[string]diag.Path{}
	for _, p := range paths {
		key := pathText(p, d.Normal[p.ID], "")
		if vias[key] == nil {
			order, first[key] = append(order, key), p
		}
		if !slices.Contains(vias[key], p.Via) {
			vias[key] = append(vias[key], p.Via)
		}
	}
	for i, key := range order {
		var ways []string
		for _, via := range diag.Ways {
			if slices.Contains(vias[key], via) {
				ways = append(ways, words.Say("plain.via."+string(via)))
			}
		}
		via := ways[len(ways)-1]
		if len(ways) > 1 {
			via = words.Say("plain.via.several", "list", strings.Join(ways[:len(ways)-1], ", "), "last", via)
		}
		p := first[key]
		says := "plain.asked"
		if p.Outcome == diag.OutcomeSkipped {
			says = "plain.left-out"
		}
		order[i] = words.Say(says, "text", pathText(p, d.Normal[p.ID], via))
	}
	return order
}

// pathText says a question and what came of it, whom it concerns first.
func pathText(p diag.Path, normal *bool, via string) string {
	source := words.Say("plain.no-source")
	if p.Source.IsValid() && !p.Source.IsUnspecified() {
		source = p.Source.String()
	}
	expected := "plain.normal.unknown"
	if normal != nil {
		expected = fmt.Sprintf("plain.normal.%t", *normal)
	}
	detail := ""
	if p.Detail != "" {
		detail = words.Say("plain.detail", "detail", words.Detail(string(p.Asks), p.Detail, p.Note))
	}
	key := "plain.path." + string(p.Outcome)
	if dad := "plain.dad." + string(p.Outcome); p.Asks == diag.AsksDAD && words.Has(dad) {
		key = dad
	}
	class := ""
	if p.TargetClass != "" {
		class = words.Say("target." + string(p.TargetClass))
	}
	return words.Say(key, "class", class, "target", p.Target, "interface", p.Interface,
		"asks", words.Say("plain.asks."+string(p.Asks)), "via", via,
		"source", source, "detail", detail, "normal", words.Say(expected))
}
