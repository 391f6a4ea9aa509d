package main

import (
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/pflag"
)

// FuzzFlags: whatever a command line says, it is understood within bounds, or refused in one printable line.
func FuzzFlags(f *testing.F) {
	f.Add("--peer 2001:db8::1 --peer fe80::1%eth0 --internet none --add claim --timeout 10s")
	f.Add("--assigned 2001:db8::/56,fe80::1 --try ::ffff:1.2.3.4 --count 99999 --timeout 1h")
	f.Add("--profile \x1b[2J --peer \u202e::1 --only a,b --skip \x00")
	f.Fuzz(func(t *testing.T, line string) {
		var o options
		flags := pflag.NewFlagSet("check", pflag.ContinueOnError)
		flags.Usage = func() {}
		o.register(flags)
		o.look(flags)
		err := flags.Parse(strings.Fields(line))
		if err == nil {
			var r resolved
			if r, err = o.parse(); err == nil && (r.run.Count < 1 || r.run.Count > 1000 || o.timeout <= 0) {
				t.Errorf("%q: count %d, timeout %s", line, r.run.Count, o.timeout)
			}
		}
		if err != nil && strings.ContainsFunc(printable(err.Error()), unicode.IsControl) {
			t.Errorf("%q: %q", line, err)
		}
	})
}
