package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ndwhy/diag/guard"
	"ndwhy/diag/privilege"
)

// endsWithin is how long the program may take to end when a signal has asked it to: to take back what it added, to put
// the terminal back, to write files to their end. What takes longer hangs: a file on a server that is gone, a kernel
// under a flood. The kernel takes back by itself what is left then, and takes its time to let the process go.
const endsWithin = time.Second

// confine gives up the privileges that a command need not have. Where the kernel does not let it, it runs as it is. A
// program that it is to start, to look from the other end, may need them.
func confine(cmd *cobra.Command) {
	if far := cmd.Flags().Lookup("far"); !confines || far != nil && far.Changed {
		return
	}
	from, output := cmd.Flags().Lookup("from"), cmd.Flags().Lookup("output")
	switch reads := from != nil && from.Changed; { // a recording, which may be anybody's
	case reads && !output.Changed:
		if privilege.Drop() == nil {
			_ = privilege.Seal()
		}
	case reads, cmd.Name() == "replay":
		_ = privilege.Drop()
	default:
		_ = privilege.Confine()
	}
}

// ends makes sure that a command ends when its context does. It runs with no more privileges than it needs.
func ends(command func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		confine(cmd)
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
