package main

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ndwhy/cmd/internal/app"
	"ndwhy/diag"
	"ndwhy/diag/redact"
	"ndwhy/diag/render"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

func listenCommand() *cobra.Command {
	var o options
	var count int
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "listen [ADDR]",
		Short:   words.Say("cli.listen.short"),
		Long:    words.Say("cli.listen.long"),
		Example: words.Say("cli.listen.example"),
		Args:    usageArgs(cobra.MaximumNArgs(1)),
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.interfaces, "interface", "i", nil, words.Say("cli.flag.interface"))
	f.StringVar(&o.imds, "imds", "", words.Say("cli.flag.imds")+" [$NDWHY_IMDS]")
	f.StringVar(&o.record, "record", "", words.Say("cli.flag.record"))
	f.StringVar(&o.pcap, "pcap", "", words.Say("cli.flag.pcap"))
	f.BoolVar(&o.hide.On, "redact", false, words.Say("cli.flag.redact"))
	f.IntVar(&count, "count", 0, words.Say("cli.flag.listen-count"))
	f.DurationVar(&timeout, "timeout", 0, words.Say("cli.flag.listen-timeout"))
	cmd.RunE = ends(func(cmd *cobra.Command, args []string) error {
		var addr netip.Addr
		if len(args) > 0 {
			z, err := listensFor(args[0])
			if err != nil {
				return err
			}
			addr = z.addr
			if z.zone != "" {
				o.interfaces = append(o.interfaces, z.zone)
			}
		}
		if count < 0 || timeout < 0 {
			return usagef("--count and --timeout: want 0 or more")
		}
		return o.listen(cmd, f, addr, count, timeout)
	})
	return cmd
}

// listensFor reads the address of the command line.
func listensFor(text string) (zoned, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is6() || addr.Is4In6() || addr.IsMulticast() || addr.IsUnspecified() || addr.IsLoopback() {
		return zoned{}, usagef("listen %q: not an IPv6 address that this host could have", text)
	}
	return zoned{addr.WithZone(""), addr.Zone()}, nil
}

// listen listens until there is enough, and says what it means.
func (o *options) listen(cmd *cobra.Command, f *pflag.FlagSet, addr netip.Addr, count int, timeout time.Duration) error {
	if err := o.environment(f); err != nil {
		return err
	}
	o.add, o.count, o.timeout, o.passive = string(diag.AddNone), 1, defaultTimeout, true
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	out := &lineWriter{w: cmd.OutOrStdout(), o: o, end: end}
	listener := app.NewListener(addr, count, out.at)
	live, err := o.open(ctx, true, func(e diag.Event) {
		o.hide.Event(e) // which learns what is to be hidden of the lines
		listener.Take(e)
	}, warnOn(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer live.Close()
	live.Settle(ctx)
	live.Look(func(s *diag.State) {
		o.hide.Learn(redact.Names(s)...)
		out.lines(listener.Begin(s))
	})
	enough := make(<-chan time.Time)
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		enough = timer.C
	}
	for listening := true; listening; {
		select {
		case <-enough:
			listener.Enough() // and what has come has its second
			continue
		case <-ctx.Done():
		case <-live.Done():
		case <-listener.Done():
		}
		listening = false
	}
	live.Collect()
	kept := live.Close()
	var verdict why.Verdict
	live.Look(func(s *diag.State) {
		var said []app.Line
		said, verdict = listener.End(s, why.Diagnose(s))
		out.lines(said)
	})
	switch {
	case out.failed != nil:
		return out.failed
	case cmd.Context().Err() != nil:
		return exitCode(exitInterrupted)
	case kept != nil:
		return exitCode(exitUnknown)
	}
	if code := why.ExitCode(verdict, string(why.VerdictUnknown)); code != 0 {
		return exitCode(code)
	}
	return nil
}

// A lineWriter writes lines of several goroutines, hidden as they are to be, and ends what writes when it cannot.
type lineWriter struct {
	mu     sync.Mutex
	w      io.Writer
	o      *options
	end    func()
	failed error
}

// at writes what happened at a moment.
func (l *lineWriter) at(at time.Time, line string) {
	what, text, _ := strings.Cut(line, " ")
	l.write(l.o.happened(l.w, at, what, words.Clean(text)))
}

func (l *lineWriter) lines(list []app.Line) {
	for _, line := range list {
		text := l.o.hide.Text(words.Clean(line.Text))
		if !line.Command {
			text = strings.Join(render.Wrap("", "  ", text, l.o.style(l.w).Width), "\n")
		}
		l.write(text + "\n")
	}
}

func (l *lineWriter) write(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return
	}
	if _, l.failed = io.WriteString(l.w, text); l.failed != nil {
		l.end()
	}
}
