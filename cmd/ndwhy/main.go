// Command ndwhy explains IPv6 neighbour discovery on a cloud instance: it watches the neighbour
// table and the routers' advertisements, asks the network questions of its own, and says why each
// answer came or did not.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"ndwhy/diag/words"
)

func main() {
	if code, handled := labEntry(); handled {
		os.Exit(code)
	}
	confines = true
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// confines: commands give up what they need not. Tests that call run themselves go on after it, and need all of theirs.
var confines bool

// memory is what the runtime takes at most before it collects garbage more often, of the 64 MB that the program may
// take in all: its own text takes up to 18. A link with very much on it fills two thirds of it.
const memory = 40 << 20

// run is the whole program but for the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A reader that has gone shows as EPIPE: what was added to the host is removed first.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	out := &output{Writer: stdout}
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exitCode
	var usage usageError
	switch {
	case errors.Is(out.failed, syscall.EPIPE):
		return exitPipe
	case out.failed != nil:
		fmt.Fprintf(stderr, "ndwhy: %s\n", words.Say("cli.undelivered", "to", words.Say("cli.stdout"), "problem", reason(out.failed)))
		return exitUnknown
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "ndwhy: %s\n", printable(usage.Error()))
		return exitUsage
	default:
		fmt.Fprintf(stderr, "ndwhy: %s\n", printable(err.Error()))
		return exitUnknown
	}
}

// An output is standard output, and remembers that something could not be written there: nobody who
// prints need ask.
type output struct {
	io.Writer
	failed error // the first of it: nothing is written after it
}

func (o *output) Write(b []byte) (n int, err error) {
	if o.failed == nil {
		n, o.failed = o.Writer.Write(b)
	}
	return n, o.failed
}

// Fd is the descriptor, for those who ask for a terminal; none for what is no file.
func (o *output) Fd() uintptr {
	if f, ok := o.Writer.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// reason is what the system says of a write, without what the file is called inside.
func reason(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
