package measure

import (
	"fmt"
	"path/filepath"
	"testing"
)

// theCheck holds the check against the same experiments by stock tools, in the lab.
func theCheck(t *testing.T, ndwhy string) string {
	t.Helper()
	const runs = 7
	script, err := filepath.Abs("experiments.sh")
	if err != nil {
		t.Fatal(err)
	}
	tab := newTable("in `lab vpc`", "`ndwhy check --json --add X`, s", "`experiments.sh eth0 X`, s", "ratio", "CPU, s", "CPU, s", "peak, MB")
	lab := []string{ndwhy, "lab", "vpc", "--"}
	lacks := missing("ping", "ndisc6", "rdisc6", "ip")
	for _, x := range []struct{ add, what string }{
		{"none", "what asks for nothing new"}, {"claim", "with candidates, in frames"}, {"kernel", "with candidates, configured"},
	} {
		commands := [][]string{{ndwhy, "check", "--json", "--add", x.add}}
		if lacks == "" {
			commands = append(commands, []string{"sh", script, "eth0", x.add})
		}
		took := measured(t, lab, runs, commands...)
		for _, s := range took[0] {
			if s.Code != 0 {
				t.Errorf("check --add %s: exit %d", x.add, s.Code)
			}
		}
		ours, spread := of(took[0], wall)
		ourCPU, _ := of(took[0], cpu)
		memory, _ := of(took[0], peak)
		theirs := []string{lacks, "", ""}
		if lacks == "" {
			m, other := of(took[1], wall)
			c, _ := of(took[1], cpu)
			theirs = []string{other, fmt.Sprintf("%.1f", m/ours), number(c)}
		}
		tab.row("X = "+x.add+": "+x.what, spread, theirs[0], theirs[1], number(ourCPU), theirs[2], number(memory))
	}
	return tab.String() + `
The script (cmd/internal/measure/experiments.sh) has ping, ndisc6, rdisc6 and ip ask everything at once, as fast as one
who knows them would: it asks no DHCPv6, no TCP and no service, does not tell the host from the network, and leaves what
comes of it to the reader.
`
}

// oneQuestion times a single solicitation and its answer.
func oneQuestion(t *testing.T, ndwhy string) string {
	t.Helper()
	const runs, peer = 21, "2001:db8:1f16:8df0:d326:143a:2015:79fa"
	lab := []string{ndwhy, "lab", "vpc", "--"}
	ours := []string{ndwhy, "check", "peer-nd", "--json", "--peer", peer, "--internet", "none", "--imds", "none", "--profile", "unknown"}
	tab := newTable("one NS → NA, whole process", "ms", "CPU, ms")
	commands, shown, rest := [][]string{ours}, []string{"ndwhy check peer-nd --peer P"}, [][2]string{}
	add := func(lacks, show string, command ...string) {
		if lacks != "" {
			rest = append(rest, [2]string{show, lacks})
			return
		}
		commands, shown = append(commands, command), append(shown, show)
	}
	add(missing("ndisc6"), "ndisc6 -1 P eth0", "ndisc6", "-1", peer, "eth0")
	ndp, lacks := ndpCommand(t)
	add(lacks, "ndp -i eth0 ns P", ndp, "-i", "eth0", "-a", "linklocal", "ns", peer)
	for i, samples := range measured(t, lab, runs, commands...) {
		ms := func(what func(sample) float64) (string, float64) {
			var list []float64
			for _, s := range samples {
				list = append(list, 1000*what(s))
			}
			m, spread := median(list)
			return spread, m
		}
		w, _ := ms(wall)
		c, _ := ms(cpu)
		if samples[0].Code > 1 {
			w = fmt.Sprintf("exit %d: %s", samples[0].Code, w)
		}
		tab.row(code(shown[i]), w, c)
	}
	for _, r := range rest {
		tab.row(code(r[0]), r[1], "")
	}
	return tab.String() + `
` + "`ndp` is `github.com/mdlayher/ndp/cmd/ndp@" + ndpVersion + "`" + `, built apart from this module. A check reads all of the
host first: its tables, settings, rules and what it drops, which is nearly all that it takes here.
`
}
