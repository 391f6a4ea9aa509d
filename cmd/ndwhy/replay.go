package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/record"
	"ndwhy/diag/redact"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
	"ndwhy/ui"
	"ndwhy/ui/plain"
	"ndwhy/ui/term"
)

// mostPiped bounds what is taken from a pipe, which has to be kept in memory: it cannot be counted
// and then read.
const mostPiped = 256 << 20

// replayOptions are the flags of `replay`.
type replayOptions struct {
	tuiOptions
	speed float64
}

func replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:     "replay FILE",
		Short:   words.Say("cli.replay.short"),
		Long:    words.Say("cli.replay.long"),
		Example: words.Say("cli.replay.example"),
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.replay(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.Float64Var(&o.speed, "speed", 1, words.Say("cli.flag.speed"))
	o.stay(f)
	return cmd
}

// replay plays a recording on the screens, or as lines where there is no terminal to draw on.
func (o *replayOptions) replay(cmd *cobra.Command, name string) (err error) {
	if !(o.speed >= record.Slowest && o.speed <= record.Fastest) {
		return usagef("--speed %g: want %g to %g", o.speed, float64(record.Slowest), float64(record.Fastest))
	}
	recording, err := openRecording(cmd.Context(), name)
	if err != nil {
		return err
	}
	defer recording.Close()
	lens := ui.NewLens()
	player, err := record.NewPlayer(recording, lens.Note, lens.Settle)
	if err != nil {
		return usagef("%s: %w", name, err)
	}
	player.Speed(o.speed)
	defer func() {
		// Only now are all of them known, and is the screen free.
		for _, p := range player.Problems() {
			fmt.Fprintln(cmd.ErrOrStderr(), "ndwhy: "+words.Say("cli.from-problem", "file", name, "problem", p))
		}
	}()
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	profile := o.terminal(cmd)
	if profile.Level == term.Dumb {
		player.Pause(true) // it goes on by steps: lines miss nothing, however busy this machine is
	}
	var beside sync.WaitGroup
	beside.Go(func() {
		defer guard.Rescue()
		player.Run(ctx)
	})
	farewell := ""
	if profile.Level == term.Dumb {
		err = o.tell(ctx, cmd.OutOrStdout(), player)
	} else {
		config := ui.Config{Mode: ui.Replaying, Player: player, Intents: &viewing{wishes{clipboard: profile.TakesClipboard()}}}
		farewell, err = o.screens(ctx, profile, player, lens, config, func(f *ui.Frame) {
			p := player.Progress()
			f.Replay = &ui.Replay{
				Event: p.Event, Events: p.Events, Paused: p.Paused, Ended: p.Ended, Speed: p.Speed,
				Quiet: p.Quiet, Problems: player.Problems(),
			}
		})
	}
	end()
	beside.Wait()
	if err == nil {
		_, err = io.WriteString(cmd.OutOrStdout(), farewell)
	}
	return err
}

// tell writes what a recording says as lines, at the pace at which it happened.
func (o *replayOptions) tell(ctx context.Context, stdout io.Writer, player *record.Player) (err error) {
	out := plain.New(stdout, o.style(stdout), o.hide.Text)
	var passed time.Duration // of the recording's own time, since something was said
	for {
		player.Step()
		gap, more := player.Ahead()
		if passed += gap; passed >= time.Second || !more {
			passed = 0
			player.Look(func(s *diag.State) {
				o.hide.Learn(redact.Names(s)...)
				d := why.Diagnose(s)
				if err = out.Update(s, d); !more && err == nil {
					err = out.End(s, d)
				}
			})
		}
		if err != nil || !more {
			return err
		}
		if !pause(ctx, time.Duration(float64(gap)/o.speed)) {
			return exitCode(exitInterrupted)
		}
	}
}

// viewing does what the screens ask for over a recording, as far as it asks nothing of the network.
type viewing struct{ wishes }

var errReplay = errors.New(words.Say("cli.replay.asks-nothing"))

func (*viewing) Plan([]string, diag.AddMode) (ui.Plan, error) { return ui.Plan{}, errReplay }
func (*viewing) Run([]string, diag.AddMode) error             { return errReplay }
func (*viewing) Record(bool) (string, error)                  { return "", errReplay }

// openRecording opens a file as it is, and reads a pipe to its end.
func openRecording(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, usageError{err}
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		file, err := os.Open(name)
		if err != nil {
			return nil, usageError{err}
		}
		return file, nil
	case mode&os.ModeNamedPipe == 0:
		return nil, usagef("%s: neither a file nor a pipe", name)
	}
	// Whoever should write may never begin: opening waits for that.
	read := make(chan func() ([]byte, error), 1)
	go func() {
		defer guard.Rescue()
		b, err := readPipe(name)
		read <- func() ([]byte, error) { return b, err }
	}()
	select {
	case <-ctx.Done():
		return nil, exitCode(exitInterrupted)
	case result := <-read:
		b, err := result()
		if err != nil {
			return nil, usageError{err}
		}
		return memory{bytes.NewReader(b)}, nil
	}
}

func readPipe(name string) ([]byte, error) {
	pipe, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer pipe.Close()
	b, err := io.ReadAll(io.LimitReader(pipe, mostPiped+1))
	if err == nil && len(b) > mostPiped {
		err = fmt.Errorf("%s: more than %d MB by a pipe: name a file", name, mostPiped>>20)
	}
	return b, err
}

// memory is a recording that was read.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
