package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/lab"
)

// A Case is one network to be tried: what is broken in it, as the lab names it, and how the run goes beside that.
type Case struct {
	Network string
	Weather Weather
	Seed    uint64
}

// Fair is the weather of a lab: a network as fast as a cable, and a host that has time.
var Fair = Weather{
	Delay: 50 * time.Microsecond, Jitter: 50 * time.Microsecond, Tap: 200 * time.Microsecond, Sock: 200 * time.Microsecond,
	Kern: 500 * time.Microsecond, Call: 300 * time.Microsecond, Add: diag.AddClaim,
}

// Run runs the case and holds what it finds against the truth.
func (c Case) Run() (*World, Verdict) {
	spec, _, err := lab.Find(c.Network)
	if err != nil {
		panic(err)
	}
	w := New(spec, c.Seed, c.Weather)
	d := w.Run()
	v := Judge(c.Network, w, d)
	if w.Late > 0 && !c.Weather.Patient && c.Weather.Forged == 0 {
		v.Late = w.Late
		c.Weather.Patient = true
		_, full := c.Run()
		v.Differs = !slices.Equal(v.Got, full.Got)
	}
	return w, v
}

// Singles are all scenarios of the lab, on every network that they fit.
func Singles() (list []string) {
	for _, s := range lab.Scenarios {
		for _, base := range Networks(s) {
			list = append(list, join(base, s))
		}
	}
	return list
}

func join(base string, faults ...lab.Scenario) string {
	var name strings.Builder
	name.WriteString(base)
	for _, f := range faults {
		if f.Name != base {
			name.WriteString("+" + f.Name)
		}
	}
	if len(faults) == 1 && faults[0].On == base {
		return faults[0].Name
	}
	return name.String()
}

// Pairs are every two faults of the lab that can be had at once, on every network that both fit.
func Pairs() (list []string) {
	for i, a := range lab.Scenarios {
		for _, b := range lab.Scenarios[i+1:] {
			if a.On == "" || b.On == "" || !Together(a.Name, b.Name) {
				continue
			}
			for _, base := range Networks(a) {
				if slices.Contains(Networks(b), base) {
					list = append(list, join(base, a, b))
				}
			}
		}
	}
	return list
}

// modelled are the scenarios that can be simulated, and faultsOn those of them that break something, by the networks
// that they fit.
var (
	modelled = sync.OnceValue(func() []lab.Scenario {
		return slices.DeleteFunc(slices.Clone(lab.Scenarios), func(s lab.Scenario) bool { return !Models(s.Name) })
	})
	faultsOn = sync.OnceValue(func() map[string][]lab.Scenario {
		on := map[string][]lab.Scenario{}
		for _, s := range modelled() {
			if s.On == "" {
				continue
			}
			for _, base := range Networks(s) {
				on[base] = append(on[base], s)
			}
		}
		return on
	})
)

// Random makes up the case of a seed: most often one fault or two, in a weather in which most of a day is fair.
func Random(seed uint64) Case {
	dice := rand.New(rand.NewPCG(seed, 1))
	one := func(in int) bool { return dice.IntN(in) == 0 }
	up := func(most time.Duration) time.Duration { return time.Duration(dice.Int64N(int64(most))) }
	c := Case{Seed: seed, Weather: Fair}
	pick := func(list []lab.Scenario) lab.Scenario { return list[dice.IntN(len(list))] }
	first := pick(modelled())
	list := Networks(first)
	base := list[dice.IntN(len(list))]
	fitting := faultsOn()[base]
	var names []string
	var broken []lab.Scenario
	add := func(f lab.Scenario) {
		if f.On != "" && Together(append(slices.Clone(names), f.Name)...) {
			names, broken = append(names, f.Name), append(broken, f)
		}
	}
	if want := []int{0, 1, 1, 1, 2, 2, 2, 2, 3, 3}[dice.IntN(10)]; want > 0 {
		add(first)
		for ; want > 1 && len(fitting) > 0; want-- {
			add(pick(fitting))
		}
	}
	c.Network = join(base, broken...)
	w := &c.Weather
	switch dice.IntN(5) {
	case 0: // across a campus
		w.Delay, w.Jitter = up(2*time.Millisecond), up(2*time.Millisecond)
	case 1: // a tunnel, a radio link
		w.Delay, w.Jitter = up(20*time.Millisecond), up(30*time.Millisecond)
	case 2: // a satellite
		if one(3) {
			w.Delay, w.Jitter = 50*time.Millisecond+up(70*time.Millisecond), up(20*time.Millisecond)
		}
	}
	if one(5) {
		w.Loss = dice.Float64() * dice.Float64() * 0.1
	}
	if one(5) {
		w.Duplicate = dice.Float64() * 0.05
	}
	if one(5) {
		w.Reorder = dice.Float64() * 0.1
	}
	if one(5) { // a busy host
		w.Tap, w.Sock, w.Kern, w.Call = up(200*time.Millisecond), up(200*time.Millisecond), up(200*time.Millisecond), up(20*time.Millisecond)
	}
	if one(8) {
		w.PeerDelay = up(50 * time.Millisecond)
	}
	if one(5) {
		w.Forged = 1 + dice.IntN(20)
	}
	if one(20) {
		w.Moves = 1 + dice.IntN(3)
	}
	if one(8) {
		w.TicksAlways = true
	}
	if one(10) {
		w.Timeout = 100*time.Millisecond + up(3*time.Second)
	}
	w.WithoutTap, w.Bare = one(40), one(40)
	w.Add = []diag.AddMode{diag.AddClaim, diag.AddClaim, diag.AddClaim, diag.AddKernel, diag.AddNone}[dice.IntN(5)]
	return c
}

// Kinds are the names by which the results of cases are told apart.
func (w Weather) Kinds() (list []string) {
	add := func(is bool, kind string) {
		if is {
			list = append(list, kind)
		}
	}
	add(w.Delay+w.Jitter > time.Millisecond, "slow")
	add(w.Loss > 0, "loss")
	add(w.Duplicate > 0, "duplicates")
	add(w.Reorder > 0, "reordering")
	add(w.Tap > time.Millisecond, "busy host")
	add(w.PeerDelay > 0, "slow peers")
	add(w.Forged > 0, "forged frames")
	add(w.Moves > 0, "moving")
	add(w.Timeout > 0, "cut short")
	add(w.WithoutTap || w.Bare, "few privileges")
	add(w.Add == diag.AddKernel, "--add kernel")
	add(w.Add == diag.AddNone, "--add none")
	if len(list) == 0 {
		list = []string{"fair"}
	}
	return list
}

// String is a verdict in one line.
func (v Verdict) String() string {
	var b strings.Builder
	fmt.Fprint(&b, v.Network)
	for _, part := range []struct {
		name string
		list []string
	}{{"missed", v.Missed}, {"invented", v.Invented}, {"supposed", v.Supposed}, {"unexplained", v.Unexplained}, {"broken", v.Broken}} {
		if len(part.list) > 0 {
			fmt.Fprintf(&b, " %s %q", part.name, part.list)
		}
	}
	return b.String()
}
