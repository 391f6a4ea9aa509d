package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ndwhy/checks"
	"ndwhy/cmd/internal/app"
	"ndwhy/diag"
	"ndwhy/diag/outfile"
	"ndwhy/diag/render"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
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
	as     []string
	// network is what --profile says of captures: not what the environment says of this host.
	network string
	detail  int
}

var failOnWords = []string{"unknown", "warning", "critical", "never"}

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
	complete(cmd)
	o.look(f)
	f.StringVar(&o.format, "format", "text", words.Say("cli.flag.format"))
	f.BoolVar(&o.json, "json", false, words.Say("cli.flag.json"))
	f.StringVar(&o.output, "output", "", words.Say("cli.flag.output"))
	f.StringVar(&o.failOn, "fail-on", "unknown", words.Say("cli.flag.fail-on"))
	f.BoolVar(&o.dryRun, "dry-run", false, words.Say("cli.flag.dry-run"))
	f.CountVarP(&o.detail, "verbose", "v", words.Say("cli.flag.verbose"))
	o.across(f)
	f.StringArrayVar(&o.from, "from", nil, words.Say("cli.flag.from"))
	f.StringArrayVar(&o.as, "as", nil, words.Say("cli.flag.as"))
	cmd.RunE = ends(func(cmd *cobra.Command, ids []string) error {
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
		if render.Formats[o.format] == nil {
			return usagef("--format %q: no such format%s; there are %s", o.format, perhaps(o.format, diag.SortedKeys(render.Formats)), strings.Join(diag.SortedKeys(render.Formats), ", "))
		}
		if !slices.Contains(failOnWords, o.failOn) {
			return usagef("--fail-on %q: want %s", o.failOn, strings.Join(failOnWords, ", "))
		}
		return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	})
	return cmd
}

// reading are the flags that say something where a recording is read.
var reading = []string{"from", "as", "profile", "format", "json", "output", "fail-on", "no-color", "ascii", "redact", "verbose"}

// onlyReads refuses, beside --from, what would be asked of a network.
func (o *checkOptions) onlyReads(f *pflag.FlagSet, ids []string) (err error) {
	if len(o.from) == 0 {
		if len(o.as) > 0 {
			return usagef("%s", words.Say("cli.as-from"))
		}
		return nil
	}
	if len(ids) > 0 {
		return usagef("%s", words.Say("cli.from-asks", "what", ids[0]))
	}
	if o.network = o.profile; o.network != "" {
		if err := o.knownProfile(); err != nil {
			return err
		}
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
	if o.output == "-" {
		o.output = "" // standard output
	}
	files := append(o.files(), named{"--output", o.output})
	for _, name := range o.from {
		files = append(files, named{"--from", name})
	}
	if err := distinct(files); err != nil {
		return err
	}
	if o.output == "" {
		return o.write(ctx, stdout, stderr)
	}
	// What cannot be written is said before anything is sent.
	file, err := outfile.Prepare(o.output)
	if err != nil {
		return usagef("--output: %w", err)
	}
	err = o.write(ctx, file, stderr)
	if file.Empty() {
		return err // there is no result
	}
	if failed := file.Commit(ctx); failed != nil {
		_, _ = file.WriteTo(stdout) // so that it is not lost; that it is not where it should be is said
		return fmt.Errorf("--output: %w", failed)
	}
	return err
}

// write is run but for where the result goes.
func (o *checkOptions) write(ctx context.Context, out, stderr io.Writer) error {
	if len(o.from) > 0 {
		state, err := o.replay(ctx, stderr)
		if err != nil {
			return err
		}
		return o.conclude(out, state)
	}
	begun := time.Now()
	deadline := begun.Add(o.timeout)
	live, err := o.open(ctx, false, nil, warnOn(stderr))
	if err != nil {
		return err
	}
	defer live.Close()
	// What took long to read takes as long to conclude from.
	opening := min(time.Since(begun), o.timeout/5)
	settling, settled := context.WithDeadline(ctx, begun.Add(o.timeout/2)) // the rest is for asking
	live.Settle(settling)
	settled()
	meeting, met := context.WithDeadline(ctx, deadline)
	live.Meet(meeting)
	met()
	if o.dryRun {
		live.Look(func(s *diag.State) { err = app.DryRun(out, s, o.hide.Text) })
		return err
	}
	asked := showProgress(stderr, func() string {
		return words.Say("cli.asking", "seconds", int(time.Since(begun).Seconds()), "most", o.timeout.Seconds())
	})
	err = app.Ask(ctx, live, live.Session, deadline.Add(-opening))
	asked()
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "ndwhy: "+words.Say("cli.interrupted"))
		return exitCode(exitInterrupted)
	}
	if err != nil {
		return err
	}
	live.CatchUp(ctx, deadline)
	live.Stop()
	live.Look(func(s *diag.State) { err = o.conclude(out, s) })
	if kept := live.Close(); err == nil && kept != nil {
		return exitCode(exitUnknown)
	}
	return err
}

// conclude diagnoses and writes the result; the exit code is the verdict's.
func (o *checkOptions) conclude(out io.Writer, s *diag.State) error {
	r := report.New(s, why.Diagnose(s))
	o.hide.Report(&r, s)
	style := o.style(out)
	style.Mask, style.Detail = o.hide.Text, render.Detail(o.detail)
	to := lineByLine{w: out, say: o.hide.Text}
	if o.format == "json" {
		to.say = o.hide.JSON
	}
	err := render.Formats[o.format](&to, r, style)
	if err == nil {
		err = to.end()
	}
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if code := why.ExitCode(r.Verdict, o.failOn); code != 0 {
		return exitCode(code)
	}
	return nil
}

// A lineByLine writes what is said of each line instead of it, some of them at once: a result of many megabytes is not
// held as a whole.
type lineByLine struct {
	w    io.Writer
	say  func(lines string) string
	rest []byte // not yet written
}

// linesAtOnce is how many bytes of lines are gathered.
const linesAtOnce = 1 << 16

func (l *lineByLine) Write(text []byte) (int, error) {
	l.rest = append(l.rest, text...)
	if len(l.rest) < linesAtOnce {
		return len(text), nil
	}
	whole := bytes.LastIndexByte(l.rest, '\n') + 1
	_, err := io.WriteString(l.w, l.say(string(l.rest[:whole])))
	l.rest = append(l.rest[:0], l.rest[whole:]...)
	return len(text), err
}

// end writes the rest.
func (l *lineByLine) end() error {
	_, err := io.WriteString(l.w, l.say(string(l.rest)))
	return err
}
