package main

import (
	"bytes"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is that of the terminal that help is written for.
const helpWidth = 80

// foldUsage has a command's usage, and that of those below it, fit on a terminal.
func foldUsage(root *cobra.Command) {
	whole := new(cobra.Command).UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		var text bytes.Buffer
		copied := *cmd
		copied.SetOut(&text)
		copied.SetErr(&text)
		if err := whole(&copied); err != nil {
			return err
		}
		_, err := io.WriteString(cmd.OutOrStderr(), foldLines(text.String()))
		return err
	})
}

// foldLines folds the lines of a list of flags or commands, what is said of each below itself.
func foldLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		_, says, listed := strings.Cut(strings.TrimLeft(line, " "), "   ")
		if says = strings.TrimLeft(says, " "); len(line) <= helpWidth || !listed {
			b.WriteString(line + "\n")
			continue
		}
		at := len(line) - len(says)
		row := strings.TrimRight(line[:at], " ")
		for word := range strings.FieldsSeq(says) {
			if len(row)+1+len(word) > helpWidth {
				b.WriteString(row + "\n")
				row = ""
			}
			row += strings.Repeat(" ", max(1, at-len(row))) + word
		}
		b.WriteString(row + "\n")
	}
	return b.String()
}
