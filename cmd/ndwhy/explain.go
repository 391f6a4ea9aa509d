package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ndwhy/checks"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CAUSE|CHECK]",
		Short:   words.Say("cli.explain.short"),
		Long:    words.Say("cli.explain.long"),
		Example: words.Say("cli.explain.example"),
		Args:    usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(checks.IDs(), why.CauseNames()...), cobra.ShellCompDirectiveNoFileComp
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
				return nil
			}
			text, ok := why.Explain(args[0])
			if !ok {
				names := append(checks.IDs(), why.CauseNames()...)
				return usagef("explain %q: no such cause or check%s; `ndwhy explain` lists them", args[0], perhaps(args[0], names))
			}
			fmt.Fprint(out, text)
			return nil
		},
	}
}
