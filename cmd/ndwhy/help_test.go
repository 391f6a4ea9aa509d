package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

const commandsFile = "../../docs/commands.md"

// The help of every command fits on a terminal, and docs/commands.md has it.
func TestCommandsDoc(t *testing.T) {
	var doc strings.Builder
	doc.WriteString("# Commands\n\nWhat `ndwhy COMMAND --help` says.\n")
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(help.String()) {
			if line = strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(line) > helpWidth || strings.TrimRight(line, " ") != line {
				t.Errorf("%s --help: over %d columns or with blanks at its end: %q", cmd.CommandPath(), helpWidth, line)
			}
		}
		doc.WriteString("\n## " + cmd.CommandPath() + "\n\n```\n" + help.String() + "```\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
				each(sub)
			}
		}
	}
	root := rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	each(root)
	if *update {
		if err := os.WriteFile(commandsFile, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(commandsFile); err != nil || string(got) != doc.String() {
		t.Errorf("%s is not what the commands say (%v): go test -run TestCommandsDoc ./cmd/ndwhy -update", commandsFile, err)
	}
}
