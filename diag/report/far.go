package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/across"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// Far is another host that watched at the same time. Command is what its stream was read from. OffsetMS is what its
// clock shows more than this one's, nil where no frame was seen by both. Findings are its own, of its own stream.
type Far struct {
	Command   string        `json:"command"`
	Host      string        `json:"host"`
	Version   string        `json:"version"`
	State     diag.FarState `json:"state"`
	Why       *string       `json:"why"`
	OffsetMS  *float64      `json:"offset_ms"`
	Addresses []string      `json:"addresses"`
	// Asked is what became of what it asked of addresses of this host in its last minute.
	Asked    []FarAsked   `json:"asked"`
	Findings []FarFinding `json:"findings"`

	self bool // it is this host, as far as can be seen
}

// FarAsked is a question of another host to this one, as often as it was asked, with how far it came. Port is of TCP.
type FarAsked struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Port   *int   `json:"port"`
	Place
}

// FarFinding is a cause that holds on another host.
type FarFinding struct {
	Conclusion
	Remedy []string `json:"remedy"`
}

// Place is how far a question, or its answer, came between two hosts: of Sent questions that left here Arrived were seen
// there, Answered answers were seen leaving there and Returned arriving here. Asks is what was followed. Why is why the
// other host did not answer.
type Place struct {
	Place    across.Place   `json:"place"`
	Host     string         `json:"host"`
	Asks     diag.Asks      `json:"asks"`
	Sent     int            `json:"sent"`
	Arrived  int            `json:"arrived"`
	Answered int            `json:"answered"`
	Returned int            `json:"returned"`
	Why      *across.Reason `json:"why"`
	What     *string        `json:"what"`
}

// String says it as a part of a sentence.
func (p *Place) String() string {
	key := string(p.Place)
	if p.Why != nil && *p.Why != across.Unexplained {
		key = string(*p.Why)
	}
	what := ""
	if p.What != nil {
		what = *p.What
	}
	return words.Say("place."+key, "host", p.Host, "what", what)
}

func (b *reporter) place(p diag.Path) *Place {
	t, ok := b.d.Traces[p.ID]
	if !ok {
		return nil
	}
	row := placeOf(t, t.Host.Name())
	return &row
}

// placeOf is how far the questions to a host came.
func placeOf(t across.Trace, host string) Place {
	row := Place{
		Place: t.Place, Host: host, Asks: t.Asks, Sent: t.Sent, Arrived: t.Arrived, Answered: t.Answered, Returned: t.Returned,
		What: text(t.What),
	}
	if t.Why != "" {
		row.Why = &t.Why
	}
	return row
}

// Fars tells of the other hosts whose streams the diagnosis of a state rests on.
func Fars(s *diag.State, d why.Diagnosis) []Far {
	here := s.Run.Host
	list := []Far{}
	for _, h := range d.Fars {
		row := Far{
			Command: h.From, Host: h.State.Run.Host, Version: h.State.Run.Version, State: cmp.Or(h.Reading, diag.FarBehind), Why: text(h.Why),
			Addresses: []string{}, Asked: []FarAsked{}, Findings: []FarFinding{},
			self: isSelf(s, h.State),
		}
		if missed, _ := h.Missed(); missed != "" && row.State != diag.FarEnded {
			row.State, row.Why = diag.FarBehind, text(missed)
		}
		if h.Pairs > 0 {
			row.OffsetMS = new(float64(h.Offset.Round(time.Millisecond)) / float64(time.Millisecond))
		}
		for _, iface := range h.State.InterfacesOf() {
			for _, a := range h.State.AddressesOn(iface) {
				row.Addresses = append(row.Addresses, a.Fact.Address.String())
			}
		}
		for _, c := range h.Asked() {
			asked := FarAsked{Source: c.Source.String(), Target: c.Target.String(), Place: placeOf(c.Trace, here)}
			if c.Port != 0 {
				asked.Port = new(int(c.Port))
			}
			row.Asked = append(row.Asked, asked)
		}
		for _, f := range why.Diagnose(h.State).Findings {
			row.Findings = append(row.Findings, FarFinding{concludes(f), append([]string{}, f.Remedy...)})
		}
		list = append(list, row)
	}
	return list
}

// isSelf reports whether another stream is of this very host: the same name, and on the same interfaces the same MACs and
// an address that only one host can have.
func isSelf(s, other *diag.State) bool {
	names := other.InterfacesOf()
	for _, name := range names {
		l, known := other.Links[name]
		if !known || l.MAC == (diag.MAC{}) || l.MAC != s.Links[name].MAC {
			return false
		}
		shared := func(a diag.At[diag.Address]) bool {
			_, ours := s.Addresses[diag.InterfaceAddr{Interface: name, Address: a.Fact.Address}]
			return ours
		}
		if !slices.ContainsFunc(other.AddressesOn(name), shared) {
			return false
		}
	}
	return len(names) > 0 && other.Run.Host == s.Run.Host
}

// Stands says how its stream stands.
func (f Far) Stands() string {
	key := "far.state." + string(f.State)
	if f.self {
		key = "far.state.self"
	}
	if f.Host == "" && (f.State == diag.FarEnded || f.State == diag.FarBehind) {
		key = "far.state.never"
	}
	return words.Say(key, "host", f.name(), "command", f.Command, "why", colon(f.Why))
}

func (f Far) name() string { return cmp.Or(f.Host, f.Command) }

// Says are the lines on another host: how its stream stands, what its clock shows, what became of what it asked, and what
// it found itself.
func (f Far) Says() []string {
	first := f.Stands()
	switch {
	case f.self:
		return []string{first} // what else it tells this host knows
	case f.OffsetMS != nil:
		offset, key := time.Duration(*f.OffsetMS*float64(time.Millisecond)), "far.ahead"
		if offset < 0 {
			key = "far.behind"
		}
		if offset.Abs() > across.Slack { // else it cannot be told
			first += " " + words.Say(key, "offset", offset.Abs().String())
		}
	case f.Host+f.Version != "": // it told something
		first += " " + words.Say("far.no-clock")
	}
	list := append([]string{first}, f.Calls()...)
	for _, x := range f.Findings {
		list = append(list, f.Own(x))
	}
	return list
}

// Calls says what became of what it asked of this host, where that is not all well.
func (f Far) Calls() (list []string) {
	for _, a := range f.Asked {
		if a.Place.Place != across.Returned || a.Asks != diag.AsksND && a.Returned < a.Sent {
			list = append(list, a.says(f.name()))
		}
	}
	return list
}

// Own says a finding that is its own.
func (f Far) Own(x FarFinding) string {
	return words.Say("far.finding", "host", f.name(), "severity", words.Say("severity."+string(x.Severity)), "summary", x.Summary)
}

// says tells of what a host of that name asked.
func (a FarAsked) says(host string) string {
	reason := ""
	if a.Why != nil && *a.Why != across.Unexplained {
		what := ""
		if a.What != nil {
			what = *a.What
		}
		reason = words.Say("far.asked."+string(*a.Why), "what", what)
	}
	asks := words.Say("asks." + string(a.Asks))
	if a.Port != nil {
		asks = fmt.Sprint(asks, " ", *a.Port)
	}
	return words.Say("far.asked."+string(a.Place.Place), "host", host, "source", a.Source, "target", a.Target, "asks", asks,
		"sent", a.Sent, "arrived", a.Arrived, "answered", a.Answered, "returned", a.Returned, "why", reason)
}

func colon(why *string) string {
	if why == nil {
		return ""
	}
	return ": " + *why
}
