package render

import (
	"fmt"
	"io"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// Nagios writes the report as monitoring plugins do: a line, the verdict's word first, and behind the bar
// performance data (monitoring-plugins.org, "Development Guidelines", Plugin Output). No address is a label.
func Nagios(w io.Writer, r report.Report) error {
	text := r.Headline
	for i, f := range r.Problems() {
		if on := r.On(f.Interface, f.Says()); i > 0 && !strings.Contains(text, on) {
			text += " " + on
		}
	}
	data := []string{
		fmt.Sprintf("time=%.3fs;;;0", float64(r.DurationMS)/1000),
		fmt.Sprintf("problems=%d;;;0", r.Faults()+len(r.Unexplained)),
		fmt.Sprintf("packets=%d;;;0", r.Traffic.Sent),
	}
	neighbours := 0
	for _, n := range r.Neighbours.ByState {
		neighbours += n
	}
	data = append(data, fmt.Sprintf("neighbours=%d;;;0", neighbours))
	for _, t := range trips(r) {
		data = append(data, fmt.Sprintf("%s_rtt=%.3fms;;;0", t.class, t.ms), fmt.Sprintf("%s_loss=%.0f%%;;;0;100", t.class, t.loss))
	}
	// A bar ends the text, and so does the end of the line.
	text = strings.NewReplacer("|", "/", "\n", " ").Replace(text)
	_, err := fmt.Fprintf(w, "NDWHY %s: %s | %s\n", strings.ToUpper(words.Say("verdict."+string(r.Verdict))), text, strings.Join(data, " "))
	return err
}

// A trip is how hosts of a role answered echo from sources that are to work: the shortest round trip in
// milliseconds, and the share of lost questions to those that answered, in percent.
type trip struct {
	class    diag.TargetClass
	ms, loss float64
}

func trips(r report.Report) []trip {
	var list []trip
	for _, class := range reached {
		var ms float64
		sent, received := 0, 0
		for _, p := range r.Paths {
			if p.TargetClass != class || p.Asks != diag.AsksEcho || p.Outcome != diag.Answered || p.RTTMS == nil {
				continue
			}
			if ms == 0 || *p.RTTMS < ms {
				ms = *p.RTTMS
			}
			sent, received = sent+p.Sent, received+min(p.Sent, p.Received)
		}
		if ms > 0 {
			list = append(list, trip{class, ms, 100 * float64(sent-received) / float64(max(sent, 1))})
		}
	}
	return list
}
