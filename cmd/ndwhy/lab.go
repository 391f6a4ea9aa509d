package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ndwhy/diag/lab"
	"ndwhy/diag/words"
)

// labEntry does the work of the lab's helper processes, which are this executable again. main asks
// it first.
func labEntry() (code int, handled bool) { return lab.Entry() }

func labCommand() *cobra.Command {
	var switchLog string
	var o tuiOptions // for the ndwhy that it opens
	opens := pflag.NewFlagSet("lab", pflag.ContinueOnError)
	o.stay(opens)
	o.across(opens)
	opens.BoolVar(&o.tour, "tour", false, words.Say("cli.lab.flag.tour"))
	cmd := &cobra.Command{
		Use:     "lab [SCENARIO] [-- COMMAND...]",
		Short:   words.Say("cli.lab.short"),
		Long:    words.Say("cli.lab.long"),
		Example: words.Say("cli.lab.example"),
		Args: func(cmd *cobra.Command, args []string) error {
			scenario, _ := splitDash(cmd, args)
			if len(scenario) > 1 {
				return usagef("%s", words.Say("cli.lab.one-scenario", "scenario", scenario[0], "command", strings.Join(scenario[1:], " ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			scenario, command := splitDash(cmd, args)
			name := "vpc"
			if len(scenario) == 1 {
				name = scenario[0]
			}
			spec, _, err := lab.Find(name)
			if err != nil {
				for part := range strings.SplitSeq(name, "+") {
					if !slices.Contains(scenarioNames(), part) {
						return usagef("%w%s", err, perhaps(part, scenarioNames()))
					}
				}
				return usageError{err}
			}
			var opened []string
			opens.VisitAll(func(f *pflag.Flag) {
				values := []string{f.Value.String()}
				if list, several := f.Value.(pflag.SliceValue); several {
					values = list.GetSlice()
				}
				for _, v := range values {
					if f.Changed {
						opened = append(opened, "--"+f.Name+"="+v)
					}
				}
			})
			if len(command) > 0 && len(opened) > 0 {
				flag, _, _ := strings.Cut(opened[0], "=")
				return usagef("%s", words.Say("cli.lab.with-command", "flag", flag))
			}
			if len(command) == 0 {
				command = append([]string{"ndwhy"}, opened...)
			}
			if err := distinct(append([]named{{"--switch-log", switchLog}}, filesOf(command)...)); err != nil {
				return err
			}
			code, err := lab.Run(lab.Options{
				Spec: spec, Command: command, SwitchLog: switchLog, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
				Slow: func() { labSlow(cmd.ErrOrStderr(), &spec) },
			})
			return labResult(cmd, code, err)
		},
	}
	cmd.Flags().StringVar(&switchLog, "switch-log", "", words.Say("cli.lab.flag.switch-log"))
	cmd.Flags().AddFlagSet(opens)
	cmd.ValidArgsFunction = cobra.FixedCompletions(scenarioNames(), cobra.ShellCompDirectiveNoFileComp)
	cmd.AddCommand(labListCommand(), labExecCommand(), labBreakCommand(true), labBreakCommand(false))
	return cmd
}

// labSlow says what is being built, to somebody who waits for it.
func labSlow(w io.Writer, spec *lab.Spec) {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(f.Fd()) {
		return
	}
	var hosts []string
	for i := range spec.Hosts {
		hosts = append(hosts, spec.Hosts[i].Name)
	}
	text := words.Say("cli.lab.slow", "scenario", spec.Scenario, "hosts", strings.Join(hosts, ", "))
	if spec.Age > 0 {
		text += "\n" + words.Say("cli.lab.slow-aged", "time", int(spec.Age.Round(time.Second).Seconds()))
	}
	fmt.Fprintln(w, text)
}

// filesOf are the files that a command names, if it is ndwhy.
func filesOf(command []string) (files []named) {
	if command[0] != "ndwhy" {
		return nil
	}
	for i, arg := range command[1:] {
		flag, path, joined := strings.Cut(arg, "=")
		if next := i + 2; !joined && next < len(command) {
			path = command[next]
		}
		if slices.Contains([]string{"--record", "--pcap", "--output", "--from"}, flag) {
			files = append(files, named{flag, path})
		}
	}
	return files
}

func scenarioNames() []string {
	names := make([]string, 0, len(lab.Scenarios))
	for _, s := range lab.Scenarios {
		names = append(names, s.Name)
	}
	return names
}

func labListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: words.Say("cli.lab.list.short"),
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, s := range lab.Scenarios {
				on := ""
				if s.On != "" && s.On != "vpc" {
					on = " " + words.Say("cli.lab.list.on", "base", s.On)
				}
				find := strings.Join(s.Causes, ", ")
				if find == "" {
					find = words.Say("cli.lab.list.healthy")
				}
				if len(s.Args) > 0 {
					find += "; " + words.Say("cli.lab.list.args", "args", strings.Join(s.Args, " "))
				}
				if spec, _, err := lab.Find(s.Name); err == nil && spec.Age > 0 {
					find += "; " + words.Say("cli.lab.list.aged", "time", int(spec.Age.Round(time.Second).Seconds()))
				}
				fmt.Fprintf(w, "%s\t%s%s\n\t  %s\n", s.Name, s.Title, on, find)
			}
			return w.Flush()
		},
	}
}

func labExecCommand() *cobra.Command {
	var pid int
	cmd := &cobra.Command{
		Use:     "exec HOST -- COMMAND...",
		Short:   words.Say("cli.lab.exec.short"),
		Long:    words.Say("cli.lab.exec.long"),
		Example: words.Say("cli.lab.exec.example"),
		Args: func(cmd *cobra.Command, args []string) error {
			host, command := splitDash(cmd, args)
			if len(host) != 1 || len(command) == 0 {
				return usagef("%s", words.Say("cli.lab.exec.usage"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			host, command := splitDash(cmd, args)
			return labExec(cmd, pid, host[0], command)
		},
	}
	cmd.Flags().IntVar(&pid, "lab", 0, words.Say("cli.lab.flag.pid"))
	return cmd
}

func labExec(cmd *cobra.Command, pid int, host string, command []string) error {
	code, err := lab.Exec(lab.ExecOptions{
		Lab: pid, Host: host, Command: command, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	return labResult(cmd, code, err)
}

// labBreakCommand is "lab break", or "lab mend".
func labBreakCommand(on bool) *cobra.Command {
	var pid int
	name, use, args := "break", "break [ID]", cobra.MaximumNArgs(1)
	if !on {
		name, use, args = "mend", "mend ID", cobra.ExactArgs(1)
	}
	cmd := &cobra.Command{
		Use:       use,
		Short:     words.Say("cli.lab." + name + ".short"),
		Long:      words.Say("cli.lab." + name + ".long"),
		Example:   words.Say("cli.lab.break.example"),
		ValidArgs: lab.Breakable(),
		Args:      usageArgs(args),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && !slices.Contains(lab.Breakable(), args[0]) {
				return usagef("%s", words.Say("cli.lab.unbreak", "id", args[0], "all", strings.Join(lab.Breakable(), ", ")))
			}
			control, err := lab.Dial(os.Getenv, func(lab.News) {})
			if errors.Is(err, lab.ErrOutside) {
				return labExec(cmd, pid, "ubuntu1", append([]string{"ndwhy", "lab", name}, args...))
			}
			if err != nil {
				return labResult(cmd, 0, err)
			}
			defer control.Close()
			if len(args) > 0 {
				return labResult(cmd, 0, control.Break(args[0], on))
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, b := range control.Breaks() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", b.ID, broken(b.Broken), words.Say("lab.break."+b.ID))
			}
			return w.Flush()
		},
	}
	cmd.Flags().IntVar(&pid, "lab", 0, words.Say("cli.lab.flag.pid"))
	return cmd
}

func broken(is bool) string {
	if is {
		return words.Say("lab.broken")
	}
	return words.Say("lab.whole")
}

// labResult makes the exit code: the command's, or where that says nothing the lab's own; of what went
// wrong with the lab it tells in one line.
func labResult(cmd *cobra.Command, code int, err error) error {
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "ndwhy: lab: %s\n", printable(err.Error()))
		if code == 0 {
			code = lab.Failed
		}
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

// splitDash parts the arguments at the double dash.
func splitDash(cmd *cobra.Command, args []string) (before, after []string) {
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		return args[:at], args[at:]
	}
	return args, nil
}
