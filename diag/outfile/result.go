package outfile

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
)

// A Result is written to its file as a whole, by Commit: until then, and for ever if it never comes,
// the file is what it was. A regular file is replaced by a new one of the same mode and owner, which
// is written beside it and renamed; what is none, a device or a pipe, is written to.
type Result struct {
	pieces [][]byte // as they were written: one buffer would be copied each time it grows
	path   string   // as the user named it
	name   string   // of the regular file, links followed; empty: none
	file   *os.File // of what is open already; nil: none
}

// Prepare returns a Result for path, and an error of one line if it could not be written there now.
func Prepare(path string) (*Result, error) {
	if f, err := descriptor(path); f != nil || err != nil {
		return &Result{path: path, file: f}, err
	}
	name, err := follow(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, explain(path, err)
	case info.IsDir():
		return nil, explain(path, syscall.EISDIR)
	default:
		if err := unix.Faccessat(unix.AT_FDCWD, name, unix.W_OK, unix.AT_EACCESS); err != nil {
			return nil, explain(path, err)
		}
	}
	switch {
	case info == nil:
	case info.Mode()&fs.ModeNamedPipe != 0:
		return &Result{path: path}, nil // its reader may come later
	case !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY, 0)
		if err != nil {
			return nil, explain(path, err)
		}
		return &Result{path: path, file: f}, nil
	default:
		if err := errors.Join(foreign(name, info), idle(name)); err != nil {
			return nil, err
		}
	}
	// Whether there can be a file is tried; it is not kept, or a killed process would leave it.
	f, err := beside(name, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	return &Result{path: path, name: name}, os.Remove(f.Name())
}

// Write keeps a piece of the result.
func (r *Result) Write(piece []byte) (int, error) {
	r.pieces = append(r.pieces, bytes.Clone(piece))
	return len(piece), nil
}

// Empty reports whether there is no result.
func (r *Result) Empty() bool { return len(r.pieces) == 0 }

// WriteTo writes what there is of the result.
func (r *Result) WriteTo(w io.Writer) (n int64, err error) {
	for _, piece := range r.pieces {
		k, err := w.Write(piece)
		if n += int64(k); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Fd is the descriptor of what is written to; where that is a file to be replaced it is no valid one.
func (r *Result) Fd() uintptr {
	if r.file == nil {
		return ^uintptr(0)
	}
	return r.file.Fd()
}

// Commit writes the result to its file. Only a named pipe that nobody reads makes it wait, until ctx
// ends.
func (r *Result) Commit(ctx context.Context) error {
	switch {
	case r.name != "":
		return r.replace()
	case r.file != nil:
		return r.into(r.file)
	}
	type opening struct {
		*os.File
		err error
	}
	opened := make(chan opening)
	go func() {
		defer guard.Rescue()
		f, err := os.OpenFile(r.path, os.O_WRONLY, 0)
		select {
		case opened <- opening{f, err}:
		case <-ctx.Done():
			f.Close()
		}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case o := <-opened:
		if o.err != nil {
			return explain(r.path, o.err)
		}
		return r.into(o.File)
	}
}

func (r *Result) into(f *os.File) error {
	_, err := r.WriteTo(f)
	return errors.Join(err, f.Close())
}

func (r *Result) replace() error {
	// The umask sees to the mode of one that is new.
	f, err := beside(r.name, 0o644)
	if err != nil {
		return err
	}
	err = r.into(f)
	if info, serr := os.Stat(r.name); err == nil && serr == nil {
		err = resemble(f.Name(), info)
	}
	if err == nil {
		err = os.Rename(f.Name(), r.name)
	}
	if err != nil {
		return errors.Join(explain(r.path, err), os.Remove(f.Name()))
	}
	return nil
}

// resemble gives a file the owner and mode of another. What a group that it cannot be given was
// allowed, its own is not.
func resemble(name string, info fs.FileInfo) error {
	mode := info.Mode().Perm()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Lchown(name, int(stat.Uid), int(stat.Gid)); err != nil {
			mode &^= 0o070
		}
	}
	return os.Chmod(name, mode)
}

// beside makes a file in the directory of another.
func beside(name string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(dirOf(name)+"/.ndwhy-"+rand.Text(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, explain(name, err)
	}
	return f, nil
}

// idle refuses a file that is being written: the writer would go on in one that has no name.
func idle(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return nil //nolint:nilerror // one that may not be read is none of ours
	}
	defer f.Close()
	return reserve(f, name)
}

// follow returns where the symbolic links that path ends in lead to, whether or not it is there. As
// the kernel with protected_symlinks, it follows no link that another user put into a directory that
// everybody may write to.
func follow(path string) (string, error) {
	for range 40 {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", explain(path, err)
		}
		if err := foreign(path, info); err != nil {
			return "", err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", explain(path, err)
		}
		if !filepath.IsAbs(to) {
			to = dirOf(path) + "/" + to // not joined, for the same reason
		}
		path = to
	}
	return "", fmt.Errorf("%q: %w", path, syscall.ELOOP)
}

// Same reports whether two paths name one file that is there or would be. Devices can be shared.
func Same(a, b string) bool {
	x, xerr := os.Stat(a)
	y, yerr := os.Stat(b)
	if xerr == nil && yerr == nil {
		return os.SameFile(x, y) && x.Mode()&fs.ModeDevice == 0
	}
	if !errors.Is(xerr, fs.ErrNotExist) || !errors.Is(yerr, fs.ErrNotExist) {
		return false
	}
	a, xerr = follow(a)
	b, yerr = follow(b)
	if xerr != nil || yerr != nil || filepath.Base(a) != filepath.Base(b) {
		return false
	}
	x, xerr = os.Stat(dirOf(a))
	y, yerr = os.Stat(dirOf(b))
	return xerr == nil && yerr == nil && os.SameFile(x, y)
}
