package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"

	"ndwhy/diag/guard"
)

// quietFor is how long nothing is said of what goes on.
const quietFor = 500 * time.Millisecond

// showProgress tells on a terminal that can take a line back what goes on, where that takes long, until stop is called.
func showProgress(stderr io.Writer, says func() string) (stop func()) {
	file, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(file.Fd()) || os.Getenv("TERM") == "dumb" {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer guard.Rescue()
		defer close(ended)
		tick := time.NewTicker(quietFor)
		defer tick.Stop()
		shown := ""
		for {
			select {
			case <-done:
				if shown != "" {
					fmt.Fprint(file, "\r\x1b[K")
				}
				return
			case <-tick.C:
				if text := printable(says()); text != shown {
					fmt.Fprint(file, "\r\x1b[K"+text)
					shown = text
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
