package why

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity.rank(), a.Severity.rank()),
		cmp.Compare(min(b.Confidence.rank(), Likely.rank()), min(a.Confidence.rank(), Likely.rank())), // what is merely possible comes last
		cmp.Compare(causeRank[a.Cause], causeRank[b.Cause]),
		cmp.Compare(a.Interface, b.Interface),
		cmp.Compare(a.Subject.Kind, b.Subject.Kind),
		compareValues(a.Subject.Value, b.Subject.Value),
	)
}

// Kin is the same of findings that say the same, each of its own subject: of each of a host's addresses, say. It is empty
// where a finding has no subject.
func (f Finding) Kin() string {
	if f.Subject.Value == "" {
		return ""
	}
	return strings.Join([]string{
		f.Subject.Kind, f.Cause, f.Interface, string(f.Severity), string(f.Confidence), f.Explanation,
		strings.ReplaceAll(f.Summary, f.Subject.Value, "\x00"),
	}, "\x00")
}

// compareValues orders addresses as addresses and the rest as text.
func compareValues(a, b string) int {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX == nil && errY == nil {
		return x.Compare(y)
	}
	return strings.Compare(a, b)
}

// finding writes a chosen hypothesis down in words.
func (v *view) finding(c choice, evidence map[int64]diag.Event) Finding {
	h := &c.hypothesis
	args := v.args(h)
	id := "cause." + h.cause.ID
	if h.as != "" {
		id += "." + h.as
	}
	f := Finding{
		Cause: h.cause.ID, Interface: h.iface, Subject: Subject{h.subject.Kind, words.Clean(h.subject.Value)}, Severity: h.severity,
		Confidence: h.confidence, Summary: words.Say(id+".summary", args...),
	}
	f.Remedies, f.Look = v.advise(h, args)
	for _, a := range f.Remedies {
		f.Remedy = append(f.Remedy, a.Do...)
	}
	parts := []string{words.Say(id+".explanation", args...)}
	for _, where := range []string{v.profile.Name, "any"} {
		// What it may be beyond this host depends on the kind of network.
		if key := id + ".in." + where; words.Has(key) {
			parts = append(parts, words.Say(key, args...))
			break
		}
	}
	for _, key := range h.more {
		parts = append(parts, words.Say(key, args...))
	}
	f.Explanation = strings.Join(parts, " ")
	seqs := slices.Clone(h.evidence)
	for _, e := range h.facts {
		if e.Body != nil {
			evidence[e.Seq] = e
			seqs = append(seqs, e.Seq)
		}
	}
	explains := slices.Clone(h.paths)
	for _, id := range h.paths {
		seqs = append(seqs, v.paths[v.place[id]].Evidence...)
	}
	for _, y := range h.symptoms {
		if p := v.symptoms[y].path; p != nil {
			explains = append(explains, p.ID)
			seqs = append(seqs, p.Evidence...)
		}
	}
	f.Explains = v.inOrder(explains)
	// In the order of the argument, not of time: a reader who stops early has seen what counts.
	for _, seq := range seqs {
		if !slices.Contains(f.Evidence, seq) {
			f.Evidence = append(f.Evidence, seq)
		}
	}
	for _, a := range c.alternatives {
		f.Alternatives = append(f.Alternatives, Alternative{
			a.cause.ID, words.Say("cause."+a.cause.ID+".apart", v.args(a)...),
		})
	}
	f.Confidence = c.sure()
	return f
}

// sure is how sure a choice is beside what would do as well: what is as likely leaves it merely possible, and what is less
// likely not certain.
func (c *choice) sure() Confidence {
	sure := c.confidence
	for _, a := range c.alternatives {
		sure = weaker(sure, Likely)
		if a.confidence.rank() >= c.confidence.rank() {
			sure = Possible
		}
	}
	return sure
}

// inOrder returns the paths' IDs once each, in the order of the report.
func (v *view) inOrder(ids []string) []string {
	diag.SortFunc(ids, func(a, b string) int { return cmp.Compare(v.place[a], v.place[b]) })
	return slices.Compact(ids)
}

// args are the values that every cause's words may use, after those of the hypothesis itself, which
// come first and win.
func (v *view) args(h *hypothesis) []any {
	eni, subnet := "<eni-id>", "<subnet-id>"
	mac := v.s.Links[h.iface].MAC
	for _, m := range v.s.Metadata.Interfaces {
		if m.MAC == mac && m.ID != "" {
			eni = m.ID
			if m.Subnet != "" {
				subnet = m.Subnet
			}
		}
	}
	args := append(slices.Clone(h.args),
		"interface", h.iface, "value", h.subject.Value, "network", words.Say("profile."+v.profile.Name+".name"),
		"eni", eni, "subnet", subnet, "mac", mac, "paths", len(h.symptoms))
	if h.addr.IsValid() {
		args = append(args, "address", h.addr)
	}
	return args
}
