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

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/record"
	"ndwhy/diag/words"
	"ndwhy/ui"
	"ndwhy/ui/plain"
	"ndwhy/ui/term"
)

// framesEvery bounds how often the screen is drawn anew: ten times a second, however much happens.
const framesEvery = 100 * time.Millisecond

// tuiOptions are the flags of the interactive face.
type tuiOptions struct {
	options
	plain  bool
	mouse  bool
	redact bool
	tour   bool
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
	profile, why := o.terminal(cmd.OutOrStdout())
	if profile.Level == term.Dumb {
		if why != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "ndwhy: "+why)
		}
		return o.lines(cmd.Context(), cmd.OutOrStdout())
	}
	profile.Mouse = o.mouse
	screen, err := term.Open(os.Stdin, os.Stdout, profile, os.Getenv)
	if err != nil {
		return err
	}
	lens := ui.NewLens()
	live, err := open(cmd.Context(), &o.options, true, lens.Note)
	if err != nil {
		return err
	}
	defer live.close()
	w := &wishes{live: live, timeout: o.timeout, recording: o.record, clipboard: profile.Clipboard}
	box := ui.NewMailbox()
	config := ui.Config{
		Mode: ui.Live, Frames: box.Take, Want: lens.Want, Intents: w, Checks: checks.IDs(),
		ASCII: profile.ASCII, NoColor: !profile.Color, Mouse: o.mouse, Redact: o.redact, Tour: o.tour,
	}
	run := func() {
		live.settle(cmd.Context())
		if !o.passive {
			w.again(o.only, diag.AddMode(o.add))
		}
	}
	if w.bench = labBench(run, lens.Stir); w.bench != nil {
		defer w.bench.close()
		config.Mode, config.Bench = ui.InLab, w.bench
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	stop := frames(ctx, screen, live.Session, lens, box, w.note)
	screen.Go(run)
	model, err := screen.Run(ctx, ui.New(config))
	cancel()
	w.Stop()
	stop()
	if err != nil && cmd.Context().Err() != nil {
		return exitCode(exitInterrupted)
	}
	if err != nil {
		return err
	}
	if err := live.close(); err != nil {
		return err
	}
	if m, ok := model.(*ui.Model); ok {
		_, err = io.WriteString(cmd.OutOrStdout(), m.Farewell())
	}
	return err
}

// terminal says what may be written to out, and why lines are.
func (o *tuiOptions) terminal(out io.Writer) (term.Profile, string) {
	if o.plain {
		return term.Profile{}, ""
	}
	p, _ := o.profileOf(out)
	if p.Why == "" {
		return p, ""
	}
	return p, plain.Why(p)
}

// lines writes the summary and then every change as a line, until ctx ends.
func (o *tuiOptions) lines(ctx context.Context, stdout io.Writer) error {
	lens := ui.NewLens() // it says when there is something new to diagnose
	live, err := open(ctx, &o.options, true, lens.Note)
	if err != nil {
		return err
	}
	defer live.close()
	live.settle(ctx)
	if !o.passive {
		if err := live.ask(ctx, live.Session, o.timeout); err != nil {
			return err
		}
	}
	out := plain.New(stdout, o.style(stdout))
	for {
		live.Look(func(s *diag.State) { err = out.Update(s, diag.Diagnose(s)) })
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return live.interrupted()
		case <-lens.Wake():
		}
		if !pause(ctx, time.Second) {
			return live.interrupted()
		}
	}
}

// frames hands a frame to the program whenever there is something new to see, and not oftener than
// ten times a second. The function it returns waits for the last.
func frames(ctx context.Context, screen *term.Terminal, s interface{ Look(func(*diag.State)) }, lens *ui.Lens, box *ui.Mailbox, note func(*ui.Frame)) (stop func()) {
	done := make(chan struct{})
	screen.Go(func() {
		defer close(done)
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
	})
	return func() { <-done }
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
	live      *live
	timeout   time.Duration
	clipboard bool

	bench *bench // nil outside the lab

	mu        sync.Mutex
	cancel    context.CancelFunc // of the run under way
	ended     chan struct{}      // closed when that has ended
	recording string
}

func (w *wishes) note(f *ui.Frame) {
	w.bench.note(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	f.Recording = w.recording
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
	ctx, cancel := context.WithCancel(context.Background())
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
		w.mu.Lock()
		stop, ended := w.cancel, w.ended
		w.mu.Unlock()
		if stop != nil {
			stop()
		}
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

func (w *wishes) Record(on bool) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !on {
		was := w.recording
		w.recording = ""
		return was, w.live.stopRecording()
	}
	path := fileName("recording", "jsonl")
	if err := w.live.startRecording(path); err != nil {
		return "", err
	}
	w.recording = path
	return path, nil
}

func (w *wishes) Save(markdown string) (string, error) {
	return keep(fileName("report", "md"), markdown)
}

func (w *wishes) Keep(text string) (string, error) {
	if w.clipboard {
		return "", nil
	}
	return keep(fileName("copy", "txt"), text)
}

// startRecording begins a recording in the middle: with what is known so far.
func (l *live) startRecording(path string) error {
	r, err := createRecording(path)
	if err != nil {
		return err
	}
	l.Look(func(s *diag.State) {
		for _, e := range s.Events() {
			if err = r.Write(e); err != nil {
				return
			}
		}
		l.recording = r
	})
	if err != nil {
		r.Close()
	}
	return err
}

// fileName names a file of this moment in the working directory, or where that cannot be written
// to, in the one for temporary files.
func fileName(what, ext string) string {
	name := fmt.Sprintf("ndwhy-%s-%s.%s", what, time.Now().Format("20060102-150405"), ext)
	if dir, err := os.Getwd(); err == nil {
		if file, err := os.CreateTemp(dir, ".ndwhy-*"); err == nil {
			file.Close()
			os.Remove(file.Name())
			return filepath.Join(dir, name)
		}
	}
	return filepath.Join(os.TempDir(), name)
}

func keep(path, text string) (string, error) {
	file, err := record.Create(path)
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return path, errors.Join(err, file.Close())
}
