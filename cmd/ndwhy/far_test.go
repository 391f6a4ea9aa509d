package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/across"
	"ndwhy/diag/lab"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/record"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/ui/termtest"
)

// far runs `ndwhy check` in ubuntu1 of a lab, with another host watching, and returns its result and both recordings.
func far(t *testing.T, scenario, host string) (r labtest.Result, here, there string) {
	t.Helper()
	dir := t.TempDir()
	here, there = filepath.Join(dir, "ubuntu1.jsonl"), filepath.Join(dir, host+".jsonl")
	watching := strings.ReplaceAll(watching, "ubuntu2", host)
	return labtest.Run(t, scenario, "ndwhy", "check", "--json", "--record", here, "--far", watching+" --record "+there), here, there
}

// otherHost is the host of a scenario that is asked, and its address: ubuntu3, where a gateway leads to that.
func otherHost(t *testing.T, scenario string) (name, address string) {
	t.Helper()
	spec, _, err := lab.Find(scenario)
	if err != nil {
		t.Fatal(err)
	}
	if spec.Other != nil {
		return "ubuntu3", "2001:db8:1f16:8df1:4c1:eff:fe00:5303"
	}
	return "ubuntu2", "2001:db8:1f16:8df0:d326:143a:2015:79fa"
}

// watching has ubuntu2 of the lab around watch.
const watching = "ndwhy lab exec ubuntu2 -- ndwhy watch --json"

// rewrite copies a recording but for what change leaves out.
func rewrite(t *testing.T, from string, change func(*diag.Event) bool) string {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(from + ".changed")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := record.NewWriter(out, "test", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range record.Read(in) {
		if err == nil && change(&e) {
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

// captured makes a plain capture of a recording's frames, which says nothing of directions, as by a clock that shows so much
// more.
func captured(t *testing.T, recording string, ahead time.Duration) string {
	t.Helper()
	in, err := os.Open(recording)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	word := binary.LittleEndian.AppendUint32
	b := word(nil, 0xa1b2c3d4)
	for _, w := range []uint32{2 | 4<<16, 0, 0, 1 << 18, 1} {
		b = word(b, w)
	}
	packet := func(at time.Time, raw []byte) {
		for _, w := range []int{int(at.Unix()), at.Nanosecond() / 1000, len(raw), len(raw)} {
			b = word(b, uint32(w))
		}
		b = append(b, raw...)
	}
	var frames []diag.Event
	var router []byte
	for e, err := range record.Read(in) {
		if f, ok := e.Body.(diag.Frame); ok && err == nil {
			e.At = e.At.Add(ahead)
			frames = append(frames, e)
			if f.Type == diag.RA {
				router = f.Raw
			}
		}
	}
	// A capture is begun before the questions, and goes on when they end.
	packet(frames[0].At.Add(-5*time.Second), router)
	for _, e := range frames {
		f, _ := e.Body.(diag.Frame)
		packet(e.At, f.Raw)
	}
	packet(frames[len(frames)-1].At.Add(5*time.Second), router)
	name := recording + ".pcap"
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Wherever a question or its answer dies between two hosts, both together name the place, live and from two recordings, or
// two captures, of which the clocks are 3 s apart.
func TestFar(t *testing.T) {
	const own = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3"
	for _, tt := range []struct {
		scenario, cause, says string
	}{
		{"peer-drops-echo", "far.not-answered", "icmpv6 type echo-request"},
		{"peer-drops-reply", "far.not-answered", "icmpv6 type echo-reply"},
		{"peer-drops-ns", "far.not-answered", "icmpv6 type nd-neighbor-solicit"},
		{"peer-drops-na", "far.not-answered", "icmpv6 type nd-neighbor-advert"},
		{"peer-not-configured", "far.not-answered", "does not have that address"},
		{"peer-echo-blocked", "far.not-arrived", "never arrived at ubuntu2"},
		{"peer-unheard", "far.answer-lost", "ubuntu2 answered"},
		{"peer-lossy", "path.lossy", "ubuntu2"},
		{"gateway-drops", "far.not-arrived", "never arrived at ubuntu3"},
		{"gateway-drops-answer", "far.answer-lost", "ubuntu3 answered"},
		{"two-subnets", "", ""},
		{"lan", "", ""},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			host, peer := otherHost(t, tt.scenario)
			run1, here, there := far(t, tt.scenario, host)
			// Where nothing of the one host reaches the other, nothing compares their clocks.
			unpaired := tt.scenario == "peer-echo-blocked" || tt.scenario == "gateway-drops"
			judge := func(how string, got report.Report, offset float64) {
				t.Helper()
				if unpaired {
					if len(got.Far) != 1 || got.Far[0].OffsetMS != nil {
						t.Errorf("%s: far %+v", how, got.Far)
					}
				} else if len(got.Far) != 1 || got.Far[0].Host != host || got.Far[0].OffsetMS == nil || max(*got.Far[0].OffsetMS-offset, offset-*got.Far[0].OffsetMS) > 50 {
					t.Errorf("%s: far %+v", how, got.Far)
				}
				if tt.cause == "" {
					if got.Verdict != why.VerdictOK {
						t.Errorf("%s: %s: %s", how, got.Verdict, got.Headline)
					}
					return
				}
				i := slices.IndexFunc(got.Findings, func(f report.Finding) bool {
					return f.Cause == tt.cause && (f.Subject.Value == peer || f.Subject.Kind != "peer")
				})
				if i < 0 {
					t.Errorf("%s: no %s: %s", how, tt.cause, got.Headline)
					return
				}
				f := got.Findings[i]
				if text := f.Summary + " " + f.Explanation; !strings.Contains(text, tt.says) || f.Confidence != why.Certain && tt.cause != "path.lossy" && (!unpaired || offset == 0) {
					t.Errorf("%s: %s: %s", how, f.Confidence, text)
				}
				for _, f := range got.Findings {
					if strings.HasPrefix(f.Cause, "peer.") {
						t.Errorf("%s: %s is inferred beside what was seen: %s", how, f.Cause, f.Summary)
					}
				}
			}
			judge("live", readReport(t, run1), 0)
			from := func(first string, more ...string) labtest.Result {
				var out, errs bytes.Buffer
				args := append([]string{"check", "--json", "--from", first}, more...)
				code := run(args, nil, &out, &errs)
				return labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code}
			}
			if again := from(here); again.Stdout != run1.Stdout {
				t.Error("the recording replays to another report")
			}
			alone := rewrite(t, here, func(e *diag.Event) bool { return e.Kind() != "far" })
			later := rewrite(t, there, func(e *diag.Event) bool {
				e.At = e.At.Add(3 * time.Second)
				return true
			})
			judge("two recordings", readReport(t, from(alone, "--from", later)), 3000)

			named := func(got report.Report) int {
				return slices.IndexFunc(got.Findings, func(f report.Finding) bool {
					return f.Cause == tt.cause && (f.Subject.Value == peer || f.Cause == "path.lossy")
				})
			}
			capturedHere, capturedThere := captured(t, here, 0), captured(t, there, 3*time.Second)
			for how, args := range map[string][]string{
				"a recording and a capture": {alone, "--from", capturedThere, "--as", peer},
				"a capture and a recording": {capturedHere, "--as", own, "--from", later},
			} {
				got := readReport(t, from(args[0], args[1:]...))
				fault := slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Severity != why.Info })
				if i := named(got); (i < 0) != (tt.cause == "") || fault != (tt.cause != "") || i >= 0 && strings.HasPrefix(got.Findings[i].Summary, "cause.") {
					t.Errorf("%s: %s: %s", how, got.Verdict, got.Headline)
				}
			}

			got := readReport(t, from(capturedHere, "--as", own, "--from", capturedThere, "--as", peer))
			i := named(got)
			switch {
			case tt.cause == "":
				if slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Severity != why.Info }) {
					t.Errorf("two captures: %s", got.Headline)
				}
			case i < 0:
				t.Errorf("two captures: no %s: %s", tt.cause, got.Headline)
			case !unpaired && (got.Findings[i].Confidence != why.Certain || got.Far[0].OffsetMS == nil || max(*got.Far[0].OffsetMS-3000, 3000-*got.Far[0].OffsetMS) > 50):
				t.Errorf("two captures: %s: %s: %+v", got.Findings[i].Confidence, got.Findings[i].Summary, got.Far)
			}
		})
	}
}

// Of what a VPC delivers to nobody, what is sent to all nodes and what comes from an address that it did not assign, both
// hosts say that it never arrived, and that is no fault.
func TestFarUnassigned(t *testing.T) {
	const own, peer = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3", "2001:db8:1f16:8df0:d326:143a:2015:7a01"
	run1, here, there := far(t, "vpc", "ubuntu2")
	lost := func(how string, got report.Report) {
		t.Helper()
		toAll, added := false, false
		for _, p := range got.Paths {
			if p.Place != nil && p.Place.Place == across.NotArrived {
				toAll = toAll || p.Target == diag.AllNodes.String()
				added = added || p.TargetClass == diag.TargetPeer && p.SourceClass == diag.SourceCandidate
			}
		}
		if !toAll || !added || got.Verdict != why.VerdictOK {
			t.Errorf("%s: %s: to all %v, from an address that nobody assigned %v", how, got.Headline, toAll, added)
		}
	}
	lost("live", readReport(t, run1))
	alone := rewrite(t, here, func(e *diag.Event) bool { return e.Kind() != "far" })
	later := rewrite(t, there, func(e *diag.Event) bool {
		e.At = e.At.Add(3 * time.Second)
		return true
	})
	from := func(args ...string) report.Report {
		var out, errs bytes.Buffer
		code := run(append([]string{"check", "--json"}, args...), nil, &out, &errs)
		return readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code})
	}
	lost("two recordings", from("--from", alone, "--from", later))
	got := from("--from", captured(t, here, 0), "--as", own, "--from", captured(t, there, 3*time.Second), "--as", peer)
	for _, target := range []string{diag.AllNodes.String(), "2001:"} {
		if !slices.ContainsFunc(got.Findings, func(f report.Finding) bool {
			return f.Cause == "far.not-arrived" && strings.HasPrefix(f.Subject.Value, target) && f.Severity == why.Info
		}) {
			t.Errorf("two captures: nothing of %s: %s: %+v", target, got.Headline, got.Findings)
		}
	}
}

// What would be asked of the other host's addresses is said beforehand.
func TestFarDryRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stream")
	stream := `{"seq":1,"at":"2026-11-27T08:00:00Z","kind":"run","body":{"host":"far","interfaces":["eth0"]}}
{"seq":2,"at":"2026-11-27T08:00:00Z","kind":"address","body":{"interface":"eth0","address":"2001:db8:1f16:8df0::abcd","prefix_len":64,"flags":[]}}
`
	if err := os.WriteFile(file, []byte(stream), 0o600); err != nil {
		t.Fatal(err)
	}
	r := labtest.Run(t, "lan", "ndwhy", "check", "--dry-run", "--far", "cat "+file)
	if r.Code != 0 || !strings.Contains(r.Stdout, "> 2001:db8:1f16:8df0::abcd") {
		t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// Whatever a command prints, or does not, the diagnosis of this host stands, in time, and says so; nothing of it
// reaches the terminal as it came.
func TestFarThatFails(t *testing.T) {
	for name, tt := range map[string]struct{ command, state, says string }{
		"dies":            {"echo 'no such host' >&2; exit 7", "ended", "exit status 7: no such host"},
		"is silent":       {"exec sleep 60", "behind", "nothing came"},
		"rubbish":         {`yes "$(printf '\033[2Jrubbish')"`, "ended", "line 1"},
		"asks":            {"printf 'their password: '; echo 'sudo waits' >&2; exec sleep 60", "behind", "only this came: their password: sudo waits"},
		"its child stays": {"sleep 60 & exit 0", "behind", "nothing came"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			r := labtest.Run(t, "lan", "ndwhy", "check", "--json", "--timeout", "8s", "--far", tt.command)
			got := readReport(t, r)
			if got.Verdict == why.VerdictUnknown || len(got.Far) != 1 || string(got.Far[0].State) != tt.state || got.Far[0].Why == nil || !strings.Contains(*got.Far[0].Why, tt.says) {
				text, _ := json.Marshal(got.Far)
				t.Errorf("%s: %s: far %s", got.Verdict, got.Headline, text)
			}
			if strings.Contains(r.Stdout+r.Stderr, "\x1b") || strings.Contains(r.Stdout, `\u001b`) {
				t.Error("a control character came through")
			}
			if d := time.Since(begun); d > 30*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// A command that watches this very host is no other side, which is said.
func TestFarIsHere(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "ndwhy", "check", "--far", "ndwhy lab exec ubuntu1 -- ndwhy watch --json")
	if said := strings.Join(strings.Fields(r.Stdout), " "); !strings.Contains(said, "watches this host itself") || strings.Contains(said, "On ubuntu1") {
		t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// The screens show where between two hosts something is lost, as check does; and of another stream that ends or is
// rubbish they say so, and show what they would without it.
func TestFarScreens(t *testing.T) {
	t.Parallel()
	p := startLab(t, termtest.Config{Width: 120, Height: 60}, func(ndwhy string) []string {
		return []string{
			ndwhy, "lab", "peer-drops-reply", "--far", strings.ReplaceAll(watching, "ndwhy", ndwhy),
			"--far", `printf '\033]0;rubbish\007\033[2J\n'; echo no such host >&2; exit 7`,
		}
	})
	p.Wait("arrived at ubuntu2, wh") // which has a rule, or whose filter threw it away
	p.Send("1")
	p.Wait("ping silent, arrived there")
	p.WaitFor("the stream that ended", rowWith("Nothing is known of the other host"))
	p.Send("2")
	p.Wait("it arrived at ubuntu2")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// What the other host asks of this one, while both watch, has a place as well.
func TestFarAsks(t *testing.T) {
	t.Parallel()
	for scenario, want := range map[string]across.Place{"guarded": across.NotArrived, "lan": across.Returned} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			asking := `ndwhy lab exec ubuntu2 -- sh -c "ndwhy check >/dev/null 2>&1 & exec ndwhy watch --json"`
			// It asks for as long as the other takes to have asked, and to be answered.
			r := labtest.Run(t, scenario, "ndwhy", "check", "--json", "--internet", "none", "--count", "8", "--far", asking)
			got := readReport(t, r)
			lost := slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Cause == "far.call-lost" })
			if len(got.Far) != 1 || lost != (want == across.NotArrived) {
				t.Fatalf("far.call-lost: %v: %+v", lost, got.Far)
			}
			if !slices.ContainsFunc(got.Far[0].Asked, func(a report.FarAsked) bool {
				return a.Asks == diag.AsksEcho && strings.HasPrefix(a.Target, "2001:") && a.Place.Place == want
			}) {
				t.Errorf("no echo of %s: %+v", want, got.Far[0].Asked)
			}
		})
	}
}
