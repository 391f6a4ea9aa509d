package main

import (
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
)

// In the lab somebody pings ubuntu1 while it listens: what comes is said, what this host does with it, and why.
func TestListenInTheLab(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario string
		args     []string
		code     int
		want     []string
	}{
		{"pinged", []string{"--count", "2"}, 0, []string{"Listening for " + ubuntu1, "arrived", "answered", "Everything that came was answered"}},
		{"pinged-in-vain", []string{ubuntu1, "--count", "1"}, 1, []string{"arrived", "host.inbound-unanswered", "packet filter blocks ping"}},
		{"vpc", []string{next, "--timeout", "500ms"}, 3, []string{"no interface here has it", "Nothing came for it"}},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			r := labtest.Run(t, tt.scenario, append([]string{"ndwhy", "listen"}, tt.args...)...)
			if r.Code != tt.code {
				t.Errorf("exit %d, want %d", r.Code, tt.code)
			}
			said := strings.Join(strings.Fields(r.Stdout), " ") // lines are broken between words
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not said:\n%s%s", want, r.Stdout, r.Stderr)
				}
			}
		})
	}
}

func TestListenUsage(t *testing.T) {
	for _, args := range []string{"listen nonsense", "listen 192.0.2.1", "listen ff02::1", "listen ::1", "listen 2001:db8::1 2001:db8::2", "listen --count -1"} {
		var out, errs strings.Builder
		if code := run(strings.Fields(args), nil, &out, &errs); code != exitUsage || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%s: exit %d, %q", args, code, errs.String())
		}
	}
}
