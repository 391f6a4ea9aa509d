package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"ndwhy/diag/guard"
)

// mostPiped bounds what is taken from a pipe, which has to be kept in memory: it cannot be counted
// and then read.
const mostPiped = 256 << 20

// Open opens a recording: a file as it is, and a pipe by reading it to its end. The error is ctx's where
// that ends first.
func Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		return file, nil
	case mode&os.ModeNamedPipe == 0:
		return nil, fmt.Errorf("%s: neither a file nor a pipe", name)
	}
	// Whoever should write may never begin: opening waits for that.
	read := make(chan func() ([]byte, error), 1)
	go func() {
		defer guard.Rescue()
		b, err := readPipe(name)
		read <- func() ([]byte, error) { return b, err }
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-read:
		b, err := result()
		if err != nil {
			return nil, err
		}
		return memory{bytes.NewReader(b)}, nil
	}
}

func readPipe(name string) ([]byte, error) {
	pipe, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer pipe.Close()
	b, err := io.ReadAll(io.LimitReader(pipe, mostPiped+1))
	if err == nil && len(b) > mostPiped {
		err = fmt.Errorf("%s: more than %d MB by a pipe: name a file", name, mostPiped>>20)
	}
	return b, err
}

// memory is a recording that was read.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
