package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

func (v *view) headline(d Diagnosis) string {
	switch {
	case len(d.Findings) > 0 && d.Findings[0].Severity != Info:
		return v.faultsHeadline(d)
	case len(d.Unexplained) == 1:
		return words.Say("headline.unexplained-one", "symptom", v.firstSymptom(d))
	case len(d.Unexplained) > 1:
		return words.Say("headline.unexplained", "count", len(d.Unexplained), "symptom", v.firstSymptom(d))
	case v.s.Overheard != nil:
		return v.captureHeadline(d)
	case len(d.Unknown) > 0 && d.Unknown[0].What == nothingAsked:
		return words.Say("headline.nothing")
	case len(d.Unknown) > 0 && slices.Contains(diag.CheckOrder, d.Unknown[0].What):
		return words.Say("headline.unknown-check", "what", d.Unknown[0].What, "why", clause(d.Unknown[0].Why))
	case len(d.Unknown) > 0:
		return words.Say("headline.unknown", "why", clause(d.Unknown[0].Why))
	default:
		return v.goodNews(d)
	}
}

// faultsHeadline is the first fault, of how many more subjects the same is so, and how many other problems there are.
func (v *view) faultsHeadline(d Diagnosis) string {
	alike, problems := 0, 0
	first, kin := d.Findings[0].Kin(), map[string]bool{}
	for i, f := range d.Findings {
		if f.Severity == Info {
			continue
		}
		switch k := f.Kin(); {
		case i > 0 && k != "" && k == first:
			alike++
		case k == "" || !kin[k]:
			problems++
			kin[k] = true
		}
	}
	summary, more := v.summary(d.Findings[0]), problems-1+len(d.Unexplained)
	subjects := "headline.subjects"
	if _, err := netip.ParseAddr(d.Findings[0].Subject.Value); err == nil {
		subjects = "headline.subjects-addresses"
	}
	switch {
	case alike == 0 && more == 0:
		return summary
	case alike == 0:
		return words.Say("headline.faults", "summary", clause(summary), "more", more)
	case more == 0:
		return words.Say("headline.alike", "summary", clause(summary), "alike", words.Say(subjects, "n", alike))
	default:
		return words.Say("headline.alike-faults", "summary", clause(summary), "alike", words.Say(subjects, "n", alike), "more", more)
	}
}

// captureHeadline is the headline where a capture shows no fault. What somebody asked in vain may be why it was made.
func (v *view) captureHeadline(d Diagnosis) string {
	var silent []Finding
	for _, f := range d.Findings {
		if f.Cause == echoBlocked.ID {
			silent = append(silent, f)
		}
	}
	switch len(silent) {
	case 0:
	case 1:
		return words.Say("headline.capture-silent", "summary", clause(v.summary(silent[0])))
	default:
		return words.Say("headline.capture-silent-more", "summary", clause(v.summary(silent[0])), "more", len(silent)-1)
	}
	frames, hosts, cut := 0, 0, 0
	var sender diag.MAC // of all there is, who asked something
	for _, o := range v.s.Overheard {
		frames, hosts, cut = frames+o.Frames, hosts+len(o.Hosts), cut+o.Cut
		if len(v.s.Overheard) == 1 && !o.Others && len(o.Voices) > 0 {
			sender = o.Sender
		}
	}
	switch {
	case frames == 0:
		return words.Say("headline.capture-none")
	case cut > 0:
		return words.Say("headline.capture-cut", "cut", cut, "frames", frames)
	case sender != (diag.MAC{}):
		return words.Say("headline.capture-sent", "sender", sender, "frames", frames)
	}
	return words.Say("headline.capture", "frames", frames, "hosts", hosts)
}

// summary is a finding's, with its interface where there are several.
func (v *view) summary(f Finding) string {
	if len(v.ifaces)+len(v.gone) < 2 {
		return f.Summary
	}
	return words.On(f.Interface, f.Summary)
}

// clause is a sentence as part of another.
func clause(text string) string { return strings.TrimSuffix(text, ".") }

func (v *view) firstSymptom(d Diagnosis) string {
	y := d.Unexplained[0]
	if len(y.Paths) > 0 && !y.Address.IsValid() {
		p := v.paths[v.place[y.Paths[0]]]
		return words.Say("symptom.asked", "question", sayQuestion(&p), "outcome", sayOutcome(&p))
	}
	return clause(y.Text)
}

// goodNews is the headline where no fault was found: it claims no more than was seen.
func (v *view) goodNews(d Diagnosis) string {
	network := words.Say("profile." + v.profile.Name + ".name")
	if f := v.worthALook(d); f != nil {
		return words.Say("headline.look", "network", network, "summary", clause(v.summary(*f)))
	}
	answered, silent, doubt := false, false, false
	for _, iv := range v.ifaces {
		for _, p := range iv.paths {
			answered = answered || p.Outcome == diag.Answered && p.Asks != diag.AsksDAD
			silent = silent || p.Missing()
			doubt = doubt || iv.doubtful(p)
		}
	}
	switch who := v.who(); {
	case silent && !answered:
		return words.Say("headline.unproven", "network", network, "checks", listed(v.checked()))
	case doubt:
		return words.Say("headline.same", "network", network, "more", v.more(d))
	case who == "":
		return words.Say("headline.host", "network", network)
	default:
		return words.Say("headline.ok", "who", words.Say("headline.who."+who), "network", network, "more", v.more(d))
	}
}

// more is what the headline of good news goes on with: that the Internet was not asked, or else what the
// network lets speak.
func (v *view) more(d Diagnosis) string {
	switch missing, all := without(v.outward(), diag.TargetInternet); {
	case all:
		return words.Say("headline.more.no-internet")
	case len(missing) > 0:
		return words.Say("headline.more.no-internet-by", "interfaces", listed(missing))
	}
	for _, f := range d.Findings {
		switch f.Cause {
		case "net.per-address-filter":
			return words.Say("headline.more.filter")
		case "net.open-link":
			return words.Say("headline.more.open")
		}
	}
	return ""
}

// worthALook returns the finding that is no fault only because the program chose the hosts that it
// asked itself: nothing beyond the router answered.
func (v *view) worthALook(d Diagnosis) *Finding {
	i := slices.IndexFunc(d.Findings, func(f Finding) bool {
		return f.Cause == "path.refused" || f.Cause == "path.beyond-router"
	})
	if _, unasked := without(v.ifaces, diag.TargetInternet); i < 0 || unasked || slices.ContainsFunc(v.ifaces, (*ifaceView).hearsInternet) {
		return nil
	}
	return &d.Findings[i]
}

func (iv *ifaceView) hearsInternet() bool {
	return iv.any(func(p *path) bool {
		return p.TargetClass == diag.TargetInternet && p.Outcome == diag.Answered && p.Ours()
	})
}

// doubtful reports whether an answer is missing of which it is not known whether that is normal. Of
// the Internet hosts one that answers is enough.
func (iv *ifaceView) doubtful(p *path) bool {
	return p.Missing() && p.normal == nil && p.Ours() && p.Reaches() && !iv.reached[diag.QuestionOf(*p.Path)] &&
		(p.TargetClass != diag.TargetInternet || p.Outcome == diag.Refused || !iv.hearsInternet())
}

// listed puts names into a sentence.
func listed(names []string) string { return words.List(names) }
