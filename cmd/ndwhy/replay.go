package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"ndwhy/cmd/internal/app"
	"ndwhy/diag/guard"
	"ndwhy/diag/record"
	"ndwhy/diag/words"
	"ndwhy/ui"
	"ndwhy/ui/plain"
	"ndwhy/ui/term"
)

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
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("%s", words.Say("cli.one-recording"))
			}
			return nil
		},
		RunE: ends(func(cmd *cobra.Command, args []string) error { return o.replay(cmd, args[0]) }),
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
	recording, err := openKept(cmd.Context(), name, record.Open)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return usagef("%s: %w", name, errno)
	}
	if err != nil {
		return err
	}
	defer recording.Close()
	lens := ui.NewLens()
	player, err := record.NewPlayer(versionText(), recording, lens.Note, lens.Settle)
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
		out := plain.New(cmd.OutOrStdout(), o.style(cmd.OutOrStdout()), o.hide.Text)
		err = ended(app.Retell(ctx, out, player, &o.hide, o.speed))
	} else {
		config := ui.Config{Mode: ui.Replaying, Player: player, Intents: app.Viewer{Saver: app.Saver{Clipboard: profile.TakesClipboard()}}}
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
