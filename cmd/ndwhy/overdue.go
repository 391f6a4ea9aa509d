package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ndwhy/diag/guard"
)

// endsWithin is how long the program may take to end when a signal has asked it to: to take back what it added, to put
// the terminal back, to write files to their end. What takes longer hangs: a file on a server that is gone, a kernel
// under a flood. The kernel takes back by itself what is left then.
const endsWithin = 1500 * time.Millisecond

// ends makes sure that a command ends when its context does.
func ends(command func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		done := make(chan struct{})
		defer close(done)
		context.AfterFunc(cmd.Context(), func() {
			defer guard.Rescue()
			select {
			case <-done:
			case <-time.After(endsWithin):
				guard.Put()
				os.Exit(exitInterrupted) //nolint:forbidigo // who would return it hangs
			}
		})
		return command(cmd, args)
	}
}
