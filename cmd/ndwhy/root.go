package main

import (
	"fmt"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"ndwhy/diag/words"
)

// Exit codes, as the monitoring plugins have them.
const (
	exitOK          = 0
	exitUnknown     = 3
	exitUsage       = 64 // EX_USAGE of sysexits.h
	exitInterrupted = 130
	exitPipe        = 141 // 128+SIGPIPE, what a shell says of a program whose reader has gone
)

// exitCode ends the program silently with a code: what there was to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is bad input: one line and exit code 64.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// version is set by the release build.
var version = ""

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(text, s.Value[:12]) {
			text += " " + s.Value[:12]
		}
	}
	return strings.TrimSpace(text)
}

func rootCommand() *cobra.Command {
	var o tuiOptions
	root := &cobra.Command{
		Use:           "ndwhy",
		Short:         words.Say("cli.root.short"),
		Long:          words.Say("cli.root.long"),
		Example:       words.Say("cli.root.example"),
		Version:       versionText(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          commandArgs,
		RunE:          ends(o.show),
	}
	root.SetFlagErrorFunc(flagError)
	o.register(root.Flags())
	complete(root)
	o.stay(root.Flags())
	o.across(root.Flags())
	root.Flags().BoolVar(&o.tour, "tour", false, words.Say("cli.lab.flag.tour"))
	_ = root.Flags().MarkHidden("tour") // it is ndwhy lab that gives it
	foldUsage(root)
	root.AddCommand(checkCommand(), watchCommand(), listenCommand(), explainCommand(), labCommand(), replayCommand())
	completions(root)
	return root
}

// usageArgs makes what a validator of arguments refuses a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usagef("%w; see: %s --help", err, cmd.CommandPath())
		}
		return nil
	}
}

// printable makes text one safe line: what came from outside may hold control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}
