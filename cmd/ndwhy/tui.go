package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"ndwhy/checks"
	"ndwhy/cmd/internal/app"
	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/words"
	"ndwhy/ui"
	"ndwhy/ui/plain"
	"ndwhy/ui/term"
)

// defaultEvery is how often everything is asked again once a is pressed.
const defaultEvery = 30 * time.Second

// tuiOptions are the flags of the faces that stay open: the screens, and the lines instead of them.
type tuiOptions struct {
	options
	plain bool
	mouse bool
	tour  bool
	every time.Duration
}

// stay registers the flags of how a face that stays open is drawn.
func (o *tuiOptions) stay(f *pflag.FlagSet) {
	f.BoolVar(&o.plain, "plain", false, words.Say("cli.flag.plain"))
	f.BoolVar(&o.mouse, "mouse", false, words.Say("cli.flag.mouse"))
	f.DurationVar(&o.every, "every", 0, words.Say("cli.flag.every"))
	o.look(f)
}

// show opens the interactive face on live sources, or writes lines where there is no terminal to
// draw on.
func (o *tuiOptions) show(cmd *cobra.Command, _ []string) error {
	if err := o.environment(cmd.Flags()); err != nil {
		return err
	}
	if o.every < 0 || o.every > 0 && o.every < time.Second {
		return usagef("--every %v: want a second or more, or 0 for not at all", o.every)
	}
	if o.every > 0 && o.passive {
		return usagef("--every asks, and --passive sends nothing: choose one")
	}
	if o.tour && os.Getenv("NDWHY_LAB") == "" {
		return usagef("%s", words.Say("cli.lab.tour-outside"))
	}
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	profile := o.terminal(cmd)
	lens := ui.NewLens()
	warn := warnOn(cmd.ErrOrStderr())
	told := warn
	var late []error // what would stand in the middle of a screen
	if profile.Level > term.Dumb {
		told = func(err error) { late = append(late, err) }
	}
	live, err := o.open(ctx, true, lens.Note, told)
	if err != nil {
		return err
	}
	defer live.Close()
	runner := app.NewRunner(ctx, live, o.timeout, app.Saver{Clipboard: profile.TakesClipboard()}, o.only)
	run := func() {
		live.Settle(ctx)
		live.Meet(ctx)
		if !o.passive {
			runner.Again(o.only, diag.AddMode(o.add))
		}
	}
	bench := app.DialBench(runner.Quiet, run, lens.Stir)
	defer bench.Close()
	pulse := app.NewPulse(live, func(ids []string) error { return runner.Run(ids, "") }, lens.Stir)
	var beside sync.WaitGroup
	if still := o.every == 0 && cmd.Flags().Changed("every"); !o.passive && !still {
		beside.Go(func() {
			defer guard.Rescue()
			pulse.Live(ctx, live)
		})
	}
	beside.Go(func() {
		defer guard.Rescue()
		run()
		if !o.passive {
			runner.Every(o.every)
			runner.Refresh(ctx)
		}
	})
	farewell := ""
	if profile.Level == term.Dumb {
		out := plain.New(cmd.OutOrStdout(), o.style(cmd.OutOrStdout()), o.hide.Text)
		err = ended(app.Lines(ctx, out, live, &o.hide, lens, bench))
	} else {
		config := ui.Config{Mode: ui.Live, Intents: runner, Tour: o.tour, Every: cmp.Or(o.every, defaultEvery)}
		if bench != nil {
			config.Mode, config.Bench = ui.InLab, bench
		}
		farewell, err = o.screens(ctx, profile, live, lens, config, func(f *ui.Frame) {
			bench.Note(f)
			f.Recording, f.Every, f.Quiet = live.Recording(), runner.Period(), pulse.Quiet()
		})
	}
	end()
	beside.Wait()
	runner.Wait()
	kept := live.Close()
	for _, err := range late {
		warn(err)
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), farewell); err != nil {
		return err
	}
	if kept != nil {
		return exitCode(exitUnknown)
	}
	return nil
}

// screens draws until the user leaves, or ctx ends, and returns what is to stay on the terminal.
func (o *tuiOptions) screens(ctx context.Context, profile term.Profile, s app.Looker, lens *ui.Lens, config ui.Config, note func(*ui.Frame)) (farewell string, err error) {
	profile.Mouse = o.mouse
	screen, err := term.Open(os.Stdin, os.Stdout, profile, os.Getenv)
	if err != nil {
		return "", err
	}
	box := ui.NewMailbox()
	config.Frames, config.Want, config.Checks = box.Take, lens.Want, checks.IDs()
	config.ASCII, config.NoColor, config.Mouse, config.Redact = profile.ASCII, !profile.Color, o.mouse, o.hide.On
	drawing, end := context.WithCancel(ctx)
	defer end()
	var beside sync.WaitGroup
	beside.Go(func() {
		defer guard.Rescue()
		app.Frames(drawing, s, lens, box, note)
	})
	model, err := screen.Run(ctx, ui.New(config))
	end()
	beside.Wait()
	switch m, ok := model.(*ui.Model); {
	case err != nil && ctx.Err() != nil:
		return "", exitCode(exitInterrupted)
	case err != nil || !ok:
		return "", err
	default:
		return m.Farewell(o.style(os.Stdout)), nil
	}
}

// terminal says what may be written to where cmd writes to, and on its standard error why that is
// lines, if it is and nobody asked for them.
func (o *tuiOptions) terminal(cmd *cobra.Command) term.Profile {
	if o.plain {
		return term.Profile{}
	}
	p, _ := o.profileOf(cmd.OutOrStdout())
	if _, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err != nil && p.Level > term.Dumb {
		p = term.ProfileOf(os.Getenv, false) // there is a screen and no keys
	}
	if p.Why != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "ndwhy: "+plain.Why(p))
	}
	return p
}
