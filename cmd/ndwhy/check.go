package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ndwhy/checks"
	"ndwhy/checks/probe"
	"ndwhy/diag"
	"ndwhy/diag/record"
	"ndwhy/diag/render"
	"ndwhy/diag/words"
)

// checkOptions are the flags of `check` alone.
type checkOptions struct {
	options
	format string
	json   bool
	output string
	failOn string
	dryRun bool
	from   []string
}

var (
	formats     = []string{"text", "json", "markdown"}
	failOnWords = []string{"unknown", "warning", "critical", "never"}
)

func checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:     "check [ID...]",
		Short:   words.Say("cli.check.short"),
		Long:    words.Say("cli.check.long"),
		Example: words.Say("cli.check.example"),
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return checks.IDs(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	o.register(f)
	o.look(f)
	f.StringVar(&o.format, "format", "text", words.Say("cli.flag.format"))
	f.BoolVar(&o.json, "json", false, words.Say("cli.flag.json"))
	f.StringVar(&o.output, "output", "", words.Say("cli.flag.output"))
	f.StringVar(&o.failOn, "fail-on", "unknown", words.Say("cli.flag.fail-on"))
	f.BoolVar(&o.dryRun, "dry-run", false, words.Say("cli.flag.dry-run"))
	f.StringArrayVar(&o.from, "from", nil, words.Say("cli.flag.from"))
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if err := knownChecks("check", ids); err != nil {
			return err
		}
		if err := o.onlyReads(f, ids); err != nil {
			return err
		}
		o.only = append(o.only, ids...)
		if err := o.environment(f); err != nil {
			return err
		}
		if o.json {
			if f.Changed("format") && o.format != "json" {
				return usagef("--json and --format %s: choose one", o.format)
			}
			o.format = "json"
		}
		if !slices.Contains(formats, o.format) {
			return usagef("--format %q: want %s", o.format, strings.Join(formats, ", "))
		}
		if !slices.Contains(failOnWords, o.failOn) {
			return usagef("--fail-on %q: want %s", o.failOn, strings.Join(failOnWords, ", "))
		}
		return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// reading are the flags that say something where a recording is read.
var reading = []string{"from", "format", "json", "output", "fail-on", "no-color", "ascii", "redact"}

// onlyReads refuses, beside --from, what would be asked of a network.
func (o *checkOptions) onlyReads(f *pflag.FlagSet, ids []string) (err error) {
	if len(o.from) == 0 {
		return nil
	}
	if len(o.from) > 1 {
		return usagef("%s", words.Say("cli.from-two"))
	}
	if len(ids) > 0 {
		return usagef("%s", words.Say("cli.from-asks", "what", ids[0]))
	}
	f.Visit(func(flag *pflag.Flag) {
		if !slices.Contains(reading, flag.Name) {
			err = usagef("%s", words.Say("cli.from-asks", "what", "--"+flag.Name))
		}
	})
	return err
}

// run does the checks, or reads them from a recording, and writes the result.
func (o *checkOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	// What cannot be written is said before anything is sent.
	out := stdout
	if o.output != "" {
		file, err := os.OpenFile(o.output, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return usagef("--output: %w", err)
		}
		defer file.Close()
		out = file
	}
	if len(o.from) > 0 {
		state, err := o.replay(ctx, stderr)
		if err != nil {
			return err
		}
		return o.conclude(out, state)
	}
	live, err := open(ctx, &o.options, false, nil)
	if err != nil {
		return err
	}
	defer live.close()
	live.settle(ctx)
	if o.dryRun {
		live.Look(func(s *diag.State) { err = dryRun(out, s, o.hide.Text) })
		return err
	}
	err = live.ask(ctx, live.Session, o.timeout)
	live.host.Read(ctx) // a setting that was changed meanwhile announces itself no other way
	live.flows.Read()
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "ndwhy: "+words.Say("cli.interrupted"))
		return exitCode(exitInterrupted)
	}
	if err != nil {
		return err
	}
	if err := live.close(); err != nil {
		return err
	}
	var concluded error
	live.Look(func(s *diag.State) { concluded = o.conclude(out, s) })
	return concluded
}

// ask runs the checks against the network; what comes of it goes into a session, the live one or a
// part of it.
func (l *live) ask(ctx context.Context, into checks.Session, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l.Emit(probe.Admin())
	net := probe.New(into)
	defer net.Close()
	return checks.Run(ctx, checks.Runner{
		Session: into, Net: net,
		Expect: func(p diag.Path) (expect bool) {
			l.Look(func(s *diag.State) { expect = diag.Unexpected(s, p) })
			return expect
		},
		Collect: func() {
			if l.tap != nil {
				l.tap.Collect()
			}
			net.Collect()
		},
	})
}

// conclude diagnoses and writes the result; the exit code is the verdict's.
func (o *checkOptions) conclude(out io.Writer, s *diag.State) error {
	report := diag.NewReport(s, diag.Diagnose(s))
	if o.hide.On {
		for i := range report.Evidence {
			report.Evidence[i].Frame = nil // no mask fits its bytes
		}
	}
	var b bytes.Buffer
	var err error
	switch o.format {
	case "json":
		err = render.JSON(&b, report)
	case "markdown":
		err = render.Markdown(&b, report)
	default:
		style := o.style(out)
		style.Mask = o.hide.Text
		err = render.Text(&b, report, style)
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, o.hide.Text(b.String())); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if code := diag.ExitCode(report.Verdict, o.failOn); code != 0 {
		return exitCode(code)
	}
	return nil
}

// replay reads a recording: the diagnosis over it is that of the run that made it.
func (o *checkOptions) replay(ctx context.Context, stderr io.Writer) (*diag.State, error) {
	name := o.from[0]
	file, err := openRecording(ctx, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	state, problems, err := record.Replay(file)
	if err != nil {
		return nil, usagef("--from %s: %w", name, err)
	}
	for _, p := range problems {
		fmt.Fprintln(stderr, "ndwhy: "+words.Say("cli.from-problem", "file", name, "problem", p))
	}
	return state, nil
}

// dryRun lists what would be asked, by what is known now, and what that may change.
func dryRun(w io.Writer, s *diag.State, mask func(string) string) error {
	var b bytes.Buffer
	lines, frames, again := checks.DryRun(s)
	fmt.Fprintln(&b, words.Say("dry-run.title", "n", frames))
	var changes []string
	for _, line := range lines {
		from := words.Say("report.source.unspecified")
		if line.Source.IsValid() {
			from = line.Source.String()
		}
		via := words.Say("via." + string(line.Via))
		if !line.Planned() {
			via = words.Say("outcome.skipped") + ": " + words.Say("detail."+line.Detail, "note", line.Note)
		}
		fmt.Fprintf(&b, "%4d  %-11s %-4s %s > %s (%s, %s)\n", line.Frames, line.Check, words.Say("asks."+string(line.Asks)),
			from, line.Target, line.Interface, via)
		for _, key := range line.Changes {
			if text := line.Check + ": " + words.Say(key); !slices.Contains(changes, text) {
				changes = append(changes, text)
			}
		}
	}
	if again > 0 {
		fmt.Fprintln(&b, words.Say("dry-run.again", "n", again))
	}
	if len(changes) > 0 {
		fmt.Fprintln(&b, words.Say("dry-run.changes"))
	}
	for _, text := range changes {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	_, err := io.WriteString(w, mask(b.String()))
	return err
}
