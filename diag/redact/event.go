package redact

import (
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
)

// Event returns an event without what has addresses in a form that no mask fits, whole frames and what
// a DHCPv6 client makes of a MAC, and learns the names in it. The rest Text hides.
func (d *Redactor) Event(e diag.Event) diag.Event {
	if !d.On {
		return e
	}
	switch b := e.Body.(type) {
	case diag.Run:
		d.Learn(b.Host)
		b.Host = d.Name(b.Host)
		e.Body = b
	case diag.Machine:
		b.ChassisID = "" // a number that a site glues on
		e.Body = b
	case diag.Metadata:
		if host := endpointHost(b.Endpoint); host != "" {
			d.Learn(host)
			b.Endpoint = strings.Replace(b.Endpoint, host, d.Name(host), 1)
		}
		e.Body = b
	case diag.Frame:
		e.Body = d.frame(b)
	case diag.Drop:
		b.Frame = d.frame(b.Frame)
		e.Body = b
	case diag.Far:
		b.From, b.Why = d.Name(b.From), ""
		if b.Event != nil {
			there := d.Event(*b.Event)
			b.Event = &there
		}
		e.Body = b
	case diag.Lease:
		b.DUID, b.IAID = "", 0
		e.Body = b
	}
	return e
}

func (d *Redactor) frame(b diag.Frame) diag.Frame {
	b.Raw = nil
	if b.RA != nil {
		ra := *b.RA
		ra.Unknown, ra.DNSSL = nil, nil
		d.Learn(b.RA.DNSSL...)
		for _, name := range b.RA.DNSSL {
			ra.DNSSL = append(ra.DNSSL, d.Name(name))
		}
		b.RA = &ra
	}
	if b.DHCPv6 != nil {
		m := *b.DHCPv6
		m.ClientDUID, m.ServerDUID, m.IAID = "", "", 0
		b.DHCPv6 = &m
	}
	return b
}

// Report takes out of a report what no mask fits, and learns the names of the state that it is of. The
// rest Text hides, or JSON.
func (d *Redactor) Report(r *report.Report, s *diag.State) {
	if !d.On {
		return
	}
	d.Learn(Names(s)...)
	r.Host = d.Name(r.Host)
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Subject.Kind == "host" {
			f.Subject.Value = r.Host
		}
	}
	for i := range r.Far {
		f := &r.Far[i]
		f.Command, f.Host, f.Why = d.Name(f.Command), d.Name(f.Host), nil
		for k := range f.Asked {
			f.Asked[k].Host = d.Name(f.Asked[k].Host)
		}
	}
	for i := range r.Paths {
		if p := r.Paths[i].Place; p != nil {
			p.Host = d.Name(p.Host)
		}
	}
	for i := range r.Evidence {
		r.Evidence[i].Frame = nil
	}
}
