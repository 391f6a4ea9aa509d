package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ndwhy/diag/lab"
)

// labEntry does the work of the lab's helper processes, which are this executable again. main asks
// it first.
func labEntry() (code int, handled bool) { return lab.Entry() }

func labCommand() *cobra.Command {
	var switchLog string
	cmd := &cobra.Command{
		Use:   "lab [SCENARIO] [-- COMMAND...]",
		Short: "A VPC subnet on this machine, in network namespaces",
		Long: `Builds a VPC subnet in network namespaces: the instances ubuntu1 and ubuntu2, real
kernels both, and between them a switch that plays the cloud's network: its filter, its
router, DHCPv6, metadata service and a host on the Internet. COMMAND (without one: a
shell) runs inside ubuntu1; ndwhy in there is this very program. Nothing of this machine
is touched, everything ends with COMMAND, and root is not needed where user namespaces
are allowed.

SCENARIO is what the network is and what is broken in it: "vpc" by default, or any of
"ndwhy lab list", joined by +, as in lan+peer-down.

Exit codes: that of COMMAND (128+n where signal n ended it), 125 the lab itself failed.`,
		Example: `  ndwhy lab -- ndwhy check --add kernel
  ndwhy lab article -- ping -c1 -W1 fe80::4fd:d1ff:fec8:f9cf%eth0
  ndwhy lab unassigned-address --switch-log switch.jsonl
  ndwhy lab exec ubuntu2 -- tcpdump -ni eth0 icmp6`,
		Args: func(cmd *cobra.Command, args []string) error {
			scenario, _ := splitDash(cmd, args)
			if len(scenario) > 1 {
				return usagef("one scenario at most, and the command after --: ndwhy lab %s -- %s", scenario[0], strings.Join(scenario[1:], " "))
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
				return usageError{err}
			}
			if len(command) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "ndwhy lab %s: a shell on ubuntu1. ndwhy check explains the network; exit ends it.\n", name)
			}
			code, err := lab.Run(lab.Options{
				Spec: spec, Command: command, SwitchLog: switchLog, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			})
			return labResult(cmd, code, err)
		},
	}
	cmd.Flags().StringVar(&switchLog, "switch-log", "", "write each frame's verdict and its reason to FILE (JSON Lines)")
	cmd.AddCommand(labListCommand(), labExecCommand())
	return cmd
}

func labListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The scenarios: name, what it is, what a diagnosis must find",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, s := range lab.Scenarios {
				on := ""
				if s.On != "" && s.On != "vpc" {
					on = " (on " + s.On + ")"
				}
				fmt.Fprintf(w, "%s\t%s%s\n\t  %s\n", s.Name, s.Title, on, strings.Join(s.Causes, ", "))
			}
			return w.Flush()
		},
	}
}

func labExecCommand() *cobra.Command {
	var pid int
	cmd := &cobra.Command{
		Use:     "exec HOST -- COMMAND...",
		Short:   "Run a command inside a host of a running lab",
		Long:    "Enters the lab that runs in another terminal: HOST is ubuntu1, ubuntu2 or internet.",
		Example: "  ndwhy lab exec ubuntu2 -- tcpdump -ni eth0 icmp6\n  ndwhy lab exec ubuntu2 -- bash",
		Args: func(cmd *cobra.Command, args []string) error {
			host, command := splitDash(cmd, args)
			if len(host) != 1 || len(command) == 0 {
				return usagef("want a host and, after --, a command: ndwhy lab exec ubuntu2 -- ip -6 addr")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			host, command := splitDash(cmd, args)
			code, err := lab.Exec(lab.ExecOptions{
				Lab: pid, Host: host[0], Command: command, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			})
			return labResult(cmd, code, err)
		},
	}
	cmd.Flags().IntVar(&pid, "lab", 0, "process ID of the ndwhy lab that is meant, where several run")
	return cmd
}

// labResult makes the exit code: the command's, or the lab's own with its one line.
func labResult(cmd *cobra.Command, code int, err error) error {
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "ndwhy: lab: %s\n", printable(err.Error()))
		return exitCode(lab.Failed)
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
