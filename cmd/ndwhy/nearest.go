package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/render"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// perhaps asks whether a name that is most like what was typed was meant; empty where none is like it.
func perhaps(typed string, names []string) string {
	best, least := "", max(1, len(typed)/3) // a letter of three may be wrong
	for _, name := range names {
		d := distance(strings.ToLower(typed), name)
		if name == "--"+typed {
			d = 1 // a flag that was taken for a command
		}
		if d > 0 && (strings.HasPrefix(name, typed) && len(typed) > 2 || strings.HasSuffix(name, "."+typed)) {
			d = 1 // the beginning, or a cause without its group
		}
		if d <= least && (best == "" || d < least) {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return words.Say("cli.perhaps", "name", best)
}

// distance is how many letters are missing, too many, wrong or exchanged with the next (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			wrong := 1
			if a[i] == b[j] {
				wrong = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+wrong)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// flagError makes what pflag refuses a usage error, with the flag that may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		name := unknown.GetSpecifiedName()
		if hint = elsewhere(cmd, name); hint == "" {
			hint = perhaps("--"+name, names)
		}
	}
	return usagef("%w%s; see: %s --help", err, hint, cmd.CommandPath())
}

// elsewhere names what has the name of a flag that cmd has not: a command below it, or a command that has that flag;
// empty where there is none.
func elsewhere(cmd *cobra.Command, name string) string {
	if below, _, err := cmd.Find([]string{name}); err == nil && below != cmd {
		return words.Say("cli.perhaps", "name", below.CommandPath())
	}
	root := cmd.Root()
	for _, other := range append([]*cobra.Command{root}, root.Commands()...) {
		if other.Flags().Lookup(name) != nil {
			return words.Say("cli.flag-of", "command", other.CommandPath())
		}
	}
	return ""
}

// commandArgs refuses a command that is not there, with the one that may have been meant.
func commandArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if cmd.Flags().Lookup(args[0]) != nil {
		names = append(names, "--"+args[0])
	}
	return usageError{fmt.Errorf("unknown command %q%s; see: %s --help", args[0], perhaps(args[0], names), cmd.CommandPath())}
}

// completions completes the values of flags, of every command that has them.
func completions(root *cobra.Command) {
	values := map[string][]string{
		"add": {string(diag.AddNone), string(diag.AddClaim), string(diag.AddKernel)}, "profile": why.Profiles(),
		"format": diag.SortedKeys(render.Formats), "fail-on": failOnWords, "only": checks.IDs(), "skip": checks.IDs(),
		"imds": {"none"}, "internet": {"none"},
	}
	for _, cmd := range append(root.Commands(), root) {
		for flag, list := range values {
			if cmd.Flags().Lookup(flag) == nil {
				continue
			}
			if cmd.Name() == "watch" && flag == "only" {
				list = diag.Kinds()
			}
			_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)) // cmd has the flag
		}
	}
}
