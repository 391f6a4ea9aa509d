package render

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// Prometheus writes the report as node_exporter's textfile collector reads it (prometheus.io, "Exposition
// formats", text format 0.0.4). Labels are interfaces, roles, states and names of the program's own: never
// an address, of which there are too many.
func Prometheus(w io.Writer, r report.Report) error {
	var m metrics
	m.add("ndwhy_verdict", float64(why.ExitCode(r.Verdict, string(why.VerdictUnknown))))
	type finding struct{ cause, iface, severity string }
	findings := map[finding]int{}
	for _, f := range r.Findings {
		findings[finding{f.Cause, f.Interface, string(f.Severity)}]++
	}
	for f, n := range findings {
		m.add("ndwhy_finding", float64(n), "cause", f.cause, "interface", f.iface, "severity", f.severity)
	}
	m.add("ndwhy_unexplained", float64(len(r.Unexplained)))
	type question struct{ iface, role, asks, via, outcome string }
	questions := map[question]int{}
	for _, p := range r.Paths {
		questions[question{p.Interface, string(p.TargetClass), string(p.Asks), string(p.Via), string(p.Outcome)}]++
	}
	for q, n := range questions {
		m.add("ndwhy_questions", float64(n), "interface", q.iface, "role", q.role, "asks", q.asks, "via", q.via, "outcome", q.outcome)
	}
	for _, t := range trips(r) {
		m.add("ndwhy_round_trip_seconds", t.ms/1000, "role", string(t.class))
	}
	for iface, states := range r.Neighbours.ByInterface {
		for state, n := range states {
			m.add("ndwhy_neighbours", float64(n), "interface", iface, "state", string(state))
		}
	}
	age, expiry := map[string]int64{}, map[string]int64{}
	for _, x := range r.Routers {
		if old, ok := age[x.Interface]; !ok || x.AgeS < old {
			age[x.Interface] = x.AgeS
		}
		if left := x.RouteLeftS; left != nil && *left != diag.Forever && *left > expiry[x.Interface] {
			expiry[x.Interface] = *left
		}
	}
	for iface, s := range age {
		m.add("ndwhy_router_advertisement_age_seconds", float64(s), "interface", iface)
	}
	for iface, s := range expiry {
		m.add("ndwhy_default_route_expiry_seconds", float64(s), "interface", iface)
	}
	m.add("ndwhy_packets_sent", float64(r.Traffic.Sent))
	m.add("ndwhy_check_duration_seconds", float64(r.DurationMS)/1000)
	if started, err := time.Parse(time.RFC3339, r.Started); err == nil {
		m.add("ndwhy_check_timestamp_seconds", float64(started.Unix())+float64(r.DurationMS)/1000)
	}
	_, err := io.WriteString(w, m.text())
	return err
}

// metrics are samples by the name of their metric.
type metrics map[string][]string

func (m *metrics) add(name string, value float64, labels ...string) {
	if *m == nil {
		*m = metrics{}
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, fmt.Sprintf(`%s="%s"`, labels[i], labelValue.Replace(labels[i+1])))
	}
	sample := name
	if len(pairs) > 0 {
		sample += "{" + strings.Join(pairs, ",") + "}"
	}
	(*m)[name] = append((*m)[name], sample+" "+strconv.FormatFloat(value, 'f', -1, 64))
}

var labelValue = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (m metrics) text() string {
	var b strings.Builder
	for _, name := range diag.SortedKeys(m) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, words.Say("prometheus."+name), name)
		samples := m[name]
		diag.SortFunc(samples, strings.Compare)
		b.WriteString(strings.Join(samples, "\n") + "\n")
	}
	return b.String()
}
