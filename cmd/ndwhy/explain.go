package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"ndwhy/checks"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CAUSE|CHECK|NETWORK]",
		Short:   words.Say("cli.explain.short"),
		Long:    words.Say("cli.explain.long"),
		Example: words.Say("cli.explain.example"),
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return explained(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				for _, id := range checks.IDs() {
					fmt.Fprintf(out, "%-28s %s\n", id, words.Say("check."+id+".title"))
				}
				fmt.Fprintln(out)
				for _, name := range why.CauseNames() {
					fmt.Fprintf(out, "%-28s %s\n", name, words.Say("cause."+name+".title"))
				}
				fmt.Fprintln(out)
				for _, name := range why.Profiles() {
					fmt.Fprintf(out, "%-28s %s\n", name, words.Say("profile."+name+".name"))
				}
				return nil
			}
			text, ok := why.Explain(args[0])
			if !ok {
				return usagef("explain %q: no such cause, check or network%s; `ndwhy explain` lists them", args[0], perhaps(args[0], explained()))
			}
			fmt.Fprint(out, text)
			return nil
		},
	}
}

// explained are the names that explain takes.
func explained() []string { return slices.Concat(checks.IDs(), why.CauseNames(), why.Profiles()) }
