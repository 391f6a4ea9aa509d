package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

func watchCommand() *cobra.Command {
	var o options
	var asJSON bool
	var kinds []string
	var about string
	cmd := &cobra.Command{
		Use:     "watch",
		Short:   words.Say("cli.watch.short"),
		Long:    words.Say("cli.watch.long"),
		Example: words.Say("cli.watch.example"),
		Args:    usageArgs(cobra.NoArgs),
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, words.Say("cli.flag.interface"))
	f.StringVar(&o.imds, "imds", "", words.Say("cli.flag.imds")+" [$NDWHY_IMDS]")
	f.StringVar(&o.record, "record", "", words.Say("cli.flag.record"))
	f.StringVar(&o.pcap, "pcap", "", words.Say("cli.flag.pcap"))
	f.BoolVar(&o.hide.On, "redact", false, words.Say("cli.flag.redact"))
	f.BoolVar(&asJSON, "json", false, words.Say("cli.flag.watch-json"))
	f.StringSliceVar(&kinds, "only", nil, words.Say("cli.flag.watch-only", "kinds", strings.Join(diag.Kinds(), ", ")))
	f.StringVar(&about, "for", "", words.Say("cli.flag.watch-for"))
	cmd.RunE = ends(func(cmd *cobra.Command, _ []string) error {
		ctx, end := context.WithCancel(cmd.Context())
		defer end()
		for _, k := range kinds {
			if !slices.Contains(diag.Kinds(), k) {
				return usagef("--only %q: no such kind of event%s; there are %s", k, perhaps(k, diag.Kinds()), strings.Join(diag.Kinds(), ", "))
			}
		}
		var addr netip.Addr
		if about != "" {
			z, err := parseAddr("for", about)
			if err != nil {
				return err
			}
			addr = z.addr
			if z.zone != "" {
				o.interfaces = append(o.interfaces, z.zone)
			}
		}
		if err := o.environment(f); err != nil {
			return err
		}
		o.add, o.count, o.timeout, o.passive = string(diag.AddNone), 1, defaultTimeout, true
		wanted := func(e diag.Event) bool {
			// That time passes is no news to a person, unless somebody asks for it; a program that reads on knows by it
			// that nothing else happened.
			_, tick := e.Body.(diag.Tick)
			return (len(kinds) == 0 && (!tick || asJSON) || slices.Contains(kinds, e.Kind())) && (!addr.IsValid() || diag.Concerns(e, addr))
		}
		var failed error
		show := func(e diag.Event) {
			hidden := o.hide.Event(e) // which learns of what is not shown, too
			if failed != nil || !wanted(e) {
				return
			}
			e = hidden
			line := fmt.Sprintf("%s %-9s %s", e.At.Format("15:04:05.000"), e.Kind(), diag.Describe(e))
			if asJSON {
				text, err := json.Marshal(e)
				if failed = err; err != nil {
					return
				}
				line = o.hide.JSON(string(text))
			} else {
				line = o.hide.Text(line)
			}
			if _, failed = io.WriteString(cmd.OutOrStdout(), line+"\n"); failed != nil {
				end()
			}
		}
		live, err := o.open(ctx, true, show, warnOn(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer live.Close()
		select {
		case <-ctx.Done():
		case <-live.Done():
		}
		if err := live.Close(); failed == nil && err != nil {
			return exitCode(exitUnknown)
		}
		if failed != nil {
			return failed
		}
		return exitCode(exitInterrupted)
	})
	return cmd
}
