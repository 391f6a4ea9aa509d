package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/outfile"
	"ndwhy/diag/redact"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
	"ndwhy/ui"
	"ndwhy/ui/plain"
	"ndwhy/ui/term"
)

// framesEvery bounds how often the screen is drawn anew: ten times a second, however much happens.
const framesEvery = 100 * time.Millisecond

// tuiOptions are the flags of the faces that stay open: the screens, and the lines instead of them.
type tuiOptions struct {
	options
	plain bool
	mouse bool
	tour  bool
}

// stay registers the flags of how a face that stays open is drawn.
func (o *tuiOptions) stay(f *pflag.FlagSet) {
	f.BoolVar(&o.plain, "plain", false, words.Say("cli.flag.plain"))
	f.BoolVar(&o.mouse, "mouse", false, words.Say("cli.flag.mouse"))
	o.look(f)
}

// show opens the interactive face on live sources, or writes lines where there is no terminal to
// draw on.
func (o *tuiOptions) show(cmd *cobra.Command, _ []string) error {
	if err := o.environment(cmd.Flags()); err != nil {
		return err
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
	live, err := open(ctx, &o.options, true, lens.Note, told)
	if err != nil {
		return err
	}
	defer live.close()
	w := &wishes{ctx: ctx, live: live, timeout: o.timeout, clipboard: profile.TakesClipboard()}
	run := func() {
		live.settle(ctx)
		if !o.passive {
			w.again(o.only, diag.AddMode(o.add))
		}
	}
	w.bench = labBench(w.quiet, run, lens.Stir)
	defer w.bench.close()
	var beside sync.WaitGroup
	beside.Go(func() {
		defer guard.Rescue()
		run()
	})
	farewell := ""
	if profile.Level == term.Dumb {
		err = o.lines(ctx, cmd.OutOrStdout(), w, lens)
	} else {
		config := ui.Config{Mode: ui.Live, Intents: w, Tour: o.tour}
		if w.bench != nil {
			config.Mode, config.Bench = ui.InLab, w.bench
		}
		farewell, err = o.screens(ctx, profile, live.Session, lens, config, w.note)
	}
	end()
	beside.Wait()
	w.wait()
	kept := live.close()
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
func (o *tuiOptions) screens(ctx context.Context, profile term.Profile, s looker, lens *ui.Lens, config ui.Config, note func(*ui.Frame)) (farewell string, err error) {
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
		frames(drawing, s, lens, box, note)
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

// lines writes the summary and then every change as a line, until ctx ends.
func (o *tuiOptions) lines(ctx context.Context, stdout io.Writer, w *wishes, lens *ui.Lens) (err error) {
	out := plain.New(stdout, o.style(stdout), o.hide.Text)
	for {
		w.live.Look(func(s *diag.State) {
			o.hide.Learn(redact.Names(s)...)
			err = out.Update(s, why.Diagnose(s))
		})
		if err == nil {
			err = w.bench.tell(out)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-lens.Wake():
		}
		if !pause(ctx, time.Second) {
			return exitCode(exitInterrupted)
		}
	}
}

// looker is what has a state: a session, or a player.
type looker interface{ Look(func(*diag.State)) }

// frames hands a frame to the program whenever there is something new to see, and not oftener than
// ten times a second, until ctx ends.
func frames(ctx context.Context, s looker, lens *ui.Lens, box *ui.Mailbox, note func(*ui.Frame)) {
	defer box.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-lens.Wake():
		}
		var f ui.Frame
		s.Look(func(st *diag.State) { f = lens.Snapshot(st) })
		note(&f)
		box.Put(f)
		if !pause(ctx, framesEvery) {
			return
		}
	}
}

// pause waits for d, and reports whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wishes does what the screens ask for.
type wishes struct {
	ctx       context.Context // of the face: runs end with it
	live      *live
	timeout   time.Duration
	clipboard bool // the terminal is known to take what is copied

	bench *bench // nil outside the lab

	mu     sync.Mutex
	cancel context.CancelFunc // of the run under way
	ended  chan struct{}      // closed when that has ended
}

func (w *wishes) note(f *ui.Frame) {
	w.bench.note(f)
	f.Recording = w.live.recordingTo(w.live)
}

// asked is the Run that would run only these checks, in this way; none means all that apply, and no
// mode the one that was configured.
func asked(r diag.Run, ids []string, add diag.AddMode) diag.Run {
	if len(ids) > 0 {
		r.Only, r.Skip = ids, nil
	}
	if add != "" {
		r.Add = add
	}
	return r
}

func (w *wishes) Plan(ids []string, add diag.AddMode) (plan ui.Plan, err error) {
	w.live.Look(func(s *diag.State) {
		// A copy with another Run: planning reads the rest and changes nothing.
		would := *s
		would.Run = asked(s.Run, ids, add)
		lines, frames, _ := checks.DryRun(&would)
		plan.Frames = frames
		for _, l := range lines {
			plan.Lines = append(plan.Lines, ui.PlanLine{Path: l.Path, Frames: l.Frames, Changes: l.Changes})
		}
	})
	return plan, nil
}

// errBusy: one run at a time, or two would measure one another.
var errBusy = errors.New(words.Say("cli.busy"))

func (w *wishes) Run(ids []string, add diag.AddMode) error {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	w.mu.Lock()
	if w.cancel != nil {
		w.mu.Unlock()
		return errBusy
	}
	ended := make(chan struct{})
	w.cancel, w.ended = cancel, ended
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.cancel = nil
		w.mu.Unlock()
		close(ended)
	}()
	var was diag.Run
	w.live.Look(func(s *diag.State) { was = s.Run })
	w.live.Emit(asked(was, ids, add))
	err := w.live.ask(ctx, part{w.live.Session, len(ids) > 0}, w.timeout)
	w.live.Emit(was) // what the user wants by default is as it was before
	return err
}

// again runs checks, and first stops those under way: what they measure has been changed.
func (w *wishes) again(ids []string, add diag.AddMode) {
	for errors.Is(w.Run(ids, add), errBusy) {
		w.quiet()
	}
}

// quiet ends the run under way, and returns when what it added is removed.
func (w *wishes) quiet() {
	w.Stop()
	w.wait()
}

// wait waits until the run under way has ended, and what it added is removed.
func (w *wishes) wait() {
	w.mu.Lock()
	ended := w.ended
	w.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// A part is the session of a run of some checks: what it leaves out is not said to be skipped.
type part struct {
	checks.Session
	some bool
}

func (p part) Emit(b diag.Body) diag.Event {
	if c, ok := b.(diag.Check); ok && p.some && c.State == diag.CheckSkipped && c.User {
		return diag.Event{}
	}
	return p.Session.Emit(b)
}

func (w *wishes) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
	}
}

func (w *wishes) Record(on bool) (string, error) { return w.live.record(w.live, on) }

func (w *wishes) Save(markdown string) (string, error) {
	return keep(fileName("report", "md"), markdown)
}

func (w *wishes) Keep(text string) (string, error) {
	if w.clipboard {
		return "", nil
	}
	return keep(filepath.Join(os.TempDir(), datedName("copy", "txt")), text)
}

// fileName names a file of this moment in the working directory, or where that cannot be written
// to, in the one for temporary files. The first is a bare name: it is to be said in one line.
func fileName(what, ext string) string {
	name := datedName(what, ext)
	file, err := os.CreateTemp(".", ".ndwhy-*")
	if err != nil {
		return filepath.Join(os.TempDir(), name)
	}
	file.Close()
	os.Remove(file.Name())
	return name
}

func datedName(what, ext string) string {
	return fmt.Sprintf("ndwhy-%s-%s.%s", what, time.Now().Format("20060102-150405"), ext)
}

func keep(path, text string) (string, error) {
	file, err := outfile.Create(path)
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return path, errors.Join(err, file.Close())
}
