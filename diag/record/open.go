package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
)

const (
	// mostPiped bounds what Open takes from a pipe, which has to be kept in memory: it cannot be counted
	// and then read.
	mostPiped = 256 << 20
	// windowMost bounds the memory that a file compressed by zstd may ask for; level 19 takes 8 MB, --long more.
	windowMost = 32 << 20
)

// An Input is a file or a pipe that is read once, from the beginning on, uncompressed on the way where it was
// compressed by gzip or zstd. It takes no more memory however long it is.
type Input struct {
	*bufio.Reader
	size int64
	read atomic.Int64
	stop []func()
}

// Progress is how many bytes have been read of how many there are; of a pipe size is 0.
func (in *Input) Progress() (read, size int64) { return in.read.Load(), in.size }

// Close ends the reading.
func (in *Input) Close() error {
	for _, stop := range in.stop {
		stop()
	}
	return nil
}

// Stream opens a file or a pipe. The error, and later that of reading, is ctx's where that ends first.
func Stream(ctx context.Context, name string) (*Input, error) {
	info, err := kind(name)
	if err != nil {
		return nil, err
	}
	in := &Input{}
	// Whoever should write to a pipe may never begin, or never go on: both are waited for beside.
	from, to := io.Pipe()
	if info.Mode().IsRegular() {
		file, err := file(name)
		if err != nil {
			return nil, err
		}
		in.size = info.Size()
		in.stop = append(in.stop, func() { file.Close() })
		in.Reader, err = in.plain(contextReader{ctx, file})
		if err != nil {
			in.Close()
			return nil, err
		}
		return in, nil
	}
	go func() {
		defer guard.Rescue()
		pipe, err := file(name)
		if err == nil {
			_, err = io.Copy(to, pipe)
			pipe.Close()
		}
		to.CloseWithError(err)
	}()
	unhook := context.AfterFunc(ctx, func() {
		defer guard.Rescue()
		to.CloseWithError(ctx.Err())
	})
	in.stop = append(in.stop, func() { unhook() }, func() { from.Close() })
	if in.Reader, err = in.plain(from); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// plain returns what r holds, uncompressed.
func (in *Input) plain(r io.Reader) (*bufio.Reader, error) {
	text, stop, err := uncompressed(bufio.NewReaderSize(&counter{r, &in.read}, 1<<16))
	if err != nil {
		return nil, err
	}
	in.stop = append(in.stop, stop)
	return bufio.NewReaderSize(text, 1<<16), nil
}

// kind tells what a file is, which is a file or a pipe, or a socket, as standard input is to whom sshd starts.
func kind(name string) (os.FileInfo, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		err = fmt.Errorf("%s: neither a file nor a pipe", name)
	}
	return info, err
}

// file opens a file. Standard input is open already, and may be what cannot be opened again.
func file(name string) (*os.File, error) {
	if name != os.Stdin.Name() {
		return os.Open(name)
	}
	fd, err := unix.FcntlInt(os.Stdin.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// compression tells by what a file was compressed that begins with head.
func compression(head []byte) string {
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return "gzip"
	case len(head) >= 4 && [4]byte(head) == [4]byte{0x28, 0xb5, 0x2f, 0xfd}:
		return "zstd"
	default:
		return ""
	}
}

// uncompressed returns what in holds, and what frees it.
func uncompressed(in *bufio.Reader) (io.Reader, func(), error) {
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch compression(head) {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowMost))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return in, func() {}, nil
	}
}

// A counter counts what is read.
type counter struct {
	io.Reader
	n *atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// A contextReader reads until ctx ends.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// Open opens a recording that is to be read again and again: a file as it is, compressed or not, and a pipe by reading
// it to its end. The error is ctx's where that ends first. Seek goes to the beginning, and nowhere else.
func Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	info, err := kind(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		file, err := file(name)
		if err != nil {
			return nil, err
		}
		return &rewinder{file: file, Closer: file}, nil
	}
	in, err := Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, mostPiped+1))
	if err == nil && len(b) > mostPiped {
		err = fmt.Errorf("%s: more than %d MB by a pipe: name a file", name, mostPiped>>20)
	}
	if err != nil {
		return nil, err
	}
	return memory{bytes.NewReader(b)}, nil
}

// A rewinder is a file that is uncompressed anew each time it is read.
type rewinder struct {
	io.Closer
	file io.ReadSeeker
	text io.Reader // nil: at the beginning
	free func()
}

func (r *rewinder) Read(b []byte) (n int, err error) {
	if r.text == nil {
		if r.text, r.free, err = uncompressed(bufio.NewReaderSize(r.file, 1<<16)); err != nil {
			return 0, err
		}
	}
	return r.text.Read(b)
}

func (r *rewinder) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	if r.text != nil {
		r.free()
		r.text = nil
	}
	return r.file.Seek(0, io.SeekStart)
}

func (r *rewinder) Close() error {
	if r.text != nil {
		r.free()
	}
	return r.Closer.Close()
}

// memory is a recording that was read.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
