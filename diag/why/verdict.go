package why

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// couldNot are the details with which a path was skipped although it was wanted.
var couldNot = map[string]bool{"no-raw": true, "no-admin": true, "no-socket": true, "timeout": true, "interrupted": true, "budget": true}

// doesNotApply are the reasons for which a check is skipped because there is nothing to ask, which
// leaves nothing unknown.
var doesNotApply = map[string]bool{
	"not-applicable": true, "no-peer": true, "off": true, "passive": true, "no-fresh-peer": true,
	"not-managed": true, "no-hosts": true, "no-service": true,
}

// unknown lists what some cause needs and could not be had. What the user turned off is not in it.
func (v *view) unknown() []Unknown {
	var list []Unknown
	add := func(u Unknown) {
		u.What = words.Clean(u.What)
		if !slices.ContainsFunc(list, func(x Unknown) bool { return x.What == u.What && x.Why == u.Why }) {
			list = append(list, u)
		}
	}
	if v.s.Overheard != nil {
		add(Unknown{"capture", words.Say("unknown.capture"), ""})
		for _, o := range v.s.Overheard {
			if o.Cut > 0 {
				add(Unknown{"capture", words.Say("unknown.capture-cut", "n", o.Cut), ""})
			}
			if o.Full {
				add(Unknown{"capture", words.Say("unknown.capture-full"), ""})
			}
		}
		return list
	}
	for _, u := range v.gone {
		add(u)
	}
	for _, name := range []diag.FeedName{diag.FeedNetlink, diag.FeedFrames, diag.FeedIMDS, diag.FeedHost} {
		f, said := v.s.Feeds[name]
		switch {
		case f.State == diag.Lost || f.State == diag.Unavailable:
			add(Unknown{string(name), feedWhy(f), words.Clean(f.Fix)})
		case !said && name == diag.FeedNetlink:
			add(Unknown{string(name), words.Say("unknown.feed", "feed", name), ""})
		}
	}
	// It is asked where the machine is an EC2 instance, or where the user names it; what it would have said
	// may be known from elsewhere, and of a container's link it says nothing.
	if m := v.s.Metadata; m.State == diag.MetadataUnreachable && v.rec.Name != "container" && slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool {
		return !v.s.AssignmentKnown(iv.name, diag.GlobalScope)
	}) {
		add(Unknown{string(diag.FeedIMDS), words.Clean(m.Why), ""})
	}
	for _, c := range v.s.ChecksSorted() {
		if c.State != diag.CheckSkipped || c.User || doesNotApply[c.Why] {
			continue
		}
		add(Unknown{c.ID, diag.SkippedWhy(c), words.Clean(c.Fix)})
	}
	for i := range v.paths {
		p := &v.paths[i]
		told := slices.ContainsFunc(list, func(u Unknown) bool {
			return u.What == p.Check || u.What == string(diag.FeedFrames) && p.Detail == "no-raw"
		})
		if p.Outcome == diag.OutcomeSkipped && couldNot[p.Detail] && !told {
			add(Unknown{p.Check, words.Say("detail."+p.Detail, "note", p.Note), ""})
		}
		if other := v.outOfSight(p); other != "" {
			add(Unknown{p.Check, words.Say("unknown.out-of-sight", "target", p.Target, "other", other), "ndwhy check -i " + words.Clean(other)})
		}
		if v.leftToSockets(p) {
			add(Unknown{p.Check, words.Say("unknown.by-frames-alone", "target", p.Target, "source", p.Source), "ndwhy check --assigned " + p.Source.String()})
		}
	}
	for _, u := range v.unmet() {
		add(u)
	}
	if len(v.checked()) == 0 {
		idle := false
		for _, c := range v.s.ChecksSorted() {
			if c.State == diag.CheckDone && c.Why != "" {
				add(Unknown{c.ID, diag.SkippedWhy(c), ""})
				idle = true
			}
		}
		if !idle && len(list) == 0 { // else it was said why
			add(Unknown{nothingAsked, words.Say("unknown.nothing"), ""})
		}
	}
	return list
}

// outOfSight names the interface by which the kernel sends what applications ask of an Internet host or a named peer, where that was
// not asked, for it would have disturbed the host, and the interface was not examined; "" where it is not so. That the
// examined ones are well then says nothing of what applications get.
func (v *view) outOfSight(p *diag.Path) string {
	sel, known := v.s.Selections[diag.SelectionKey{Dst: p.Target}]
	if p.Via != diag.ViaApp || p.Outcome != diag.OutcomeSkipped || p.TargetClass != diag.TargetInternet && (p.TargetClass != diag.TargetPeer || !p.Given) || !strings.HasSuffix(p.Detail, "-source") ||
		!known || sel.Errno != "" || slices.Contains(v.s.Run.Interfaces, sel.Interface) {
		return ""
	}
	if slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool {
		return iv.name == p.Interface && slices.ContainsFunc(iv.takenInside(), func(h hypothesis) bool { return slices.Contains(h.paths, p.ID) })
	}) {
		return "" // it is told what becomes of it
	}
	return sel.Interface
}

// leftToSockets reports whether an Internet host, or a named peer, answered frames of ours and no socket asked it, for the source
// is not known to be assigned: a frame goes to the router whatever the routes say, so what applications get is not known.
func (v *view) leftToSockets(p *diag.Path) bool {
	return p.Via == diag.ViaApp && p.Outcome == diag.OutcomeSkipped && strings.HasSuffix(p.Detail, "-source") && p.Asks == diag.AsksEcho && p.Source.IsValid() &&
		(p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetPeer && p.Given) && v.outOfSight(p) == "" &&
		v.s.Answered(diag.ViaWire, diag.QuestionOf(*p)) &&
		!slices.ContainsFunc(v.paths, func(q diag.Path) bool {
			return q.Target == p.Target && q.Via != diag.ViaWire && q.Outcome != diag.OutcomeSkipped
		})
}

// nothingAsked is what is not known where nothing was asked at all.
const nothingAsked = "check"

// checked returns the IDs of the checks that came to anything: something was asked, or what they read
// was there to be read.
func (v *view) checked() []string {
	asked := map[string]bool{}
	for i := range v.paths {
		if p := &v.paths[i]; p.Outcome != diag.OutcomeSkipped {
			asked[p.Check] = true
		}
	}
	for key, c := range v.s.Checks {
		switch {
		case c.State != diag.CheckDone:
		case c.ID == "host":
			asked[c.ID] = asked[c.ID] || v.s.Complete(diag.FeedHost)
		case c.ID == "assignment":
			asked[c.ID] = asked[c.ID] || v.s.Complete(diag.FeedNetlink) && v.s.AssignmentKnown(key.Interface, diag.GlobalScope)
		}
	}
	var list []string
	for _, id := range diag.CheckOrder {
		if asked[id] {
			list = append(list, id)
		}
	}
	return list
}

func feedWhy(f diag.Feed) string {
	if f.Why != "" {
		return words.Clean(f.Why)
	}
	return words.Say("unknown.feed", "feed", f.Name)
}

func verdict(d Diagnosis) Verdict {
	worst := VerdictOK
	if len(d.Unknown) > 0 {
		worst = VerdictUnknown
	}
	if len(d.Unexplained) > 0 {
		worst = VerdictWarning
	}
	for _, f := range d.Findings {
		switch f.Severity {
		case Critical:
			return VerdictCritical
		case Warning:
			worst = VerdictWarning
		case Info:
		}
	}
	return worst
}
