// Package outfile opens the files that the program writes, so that what was there before is lost only
// to what takes its place: streams are written as they come (Open, Empty), results as a whole
// (Result).
package outfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Create opens path to be written anew: Open and then Empty.
func Create(path string) (*os.File, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	if err := Empty(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Open opens path for a stream, a recording or a capture or a log, which only the user is to read
// (0600). What it holds is kept until Empty. A symbolic link is not followed, and in a directory that
// everybody may write to another user's file is not touched: the program is often run by root. The
// error is one line that names the path, what is wrong and what to do.
func Open(path string) (*os.File, error) {
	if f, err := descriptor(path); f != nil || err != nil {
		return f, err
	}
	// Without O_NONBLOCK a FIFO without a reader would block.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, explain(path, err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		if err = foreign(path, info); err == nil {
			err = reserve(f, path)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Empty empties a file of Open, and makes it private. It does nothing to a device or a pipe, nor to
// what another program opened.
func Empty(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return explain(f.Name(), err)
	}
	if _, is := descriptorNumber(f.Name()); is || !info.Mode().IsRegular() {
		return nil
	}
	if err := errors.Join(f.Chmod(0o600), f.Truncate(0)); err != nil {
		return explain(f.Name(), err)
	}
	return nil
}

// descriptor returns a copy of the descriptor that path stands for, as /dev/stdout does; nil if it is
// an ordinary path. Opened by its name a file would be written from its beginning again, whatever
// others wrote to it, and a socket could not be.
func descriptor(path string) (*os.File, error) {
	n, is := descriptorNumber(path)
	if !is {
		return nil, nil
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func descriptorNumber(path string) (n int, is bool) {
	path = filepath.Clean(path)
	switch path {
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range [...]string{"/dev/fd/", "/proc/self/fd/"} {
		if text, ok := strings.CutPrefix(path, dir); ok {
			n, err := strconv.Atoi(text)
			return n, err == nil
		}
	}
	return 0, false
}

// foreign refuses a file of another user in a directory that everybody may write to.
func foreign(path string, info fs.FileInfo) error {
	dir, err := os.Stat(dirOf(path))
	if err != nil {
		return explain(path, err)
	}
	stat, _ := info.Sys().(*syscall.Stat_t)
	if stat != nil && int(stat.Uid) != os.Geteuid() && dir.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%q: belongs to user %d in a directory that everybody may write to: choose another name", path, stat.Uid)
	}
	return nil
}

// dirOf returns the directory that path is in. filepath.Dir would take "link/.." for nothing.
func dirOf(path string) string {
	dir, _ := filepath.Split(path)
	return cmp.Or(dir, ".")
}

// reserve refuses a file that another ndwhy writes, or this one by another flag, and keeps this one from others for as long as
// f is open, in this process or in one that inherits it.
func reserve(f *os.File, path string) error {
	// A file system without locks has none to heed.
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%q: another program is writing it: choose another name", path)
	}
	return nil
}

func explain(path string, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("%q: %w", path, err)
	}
	next := "choose another place"
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR:
		next = "make the directory first"
	case syscall.EISDIR:
		next = "name a file in it"
	case syscall.EACCES, syscall.EPERM:
		next = "choose a place that you may write to"
	case syscall.ELOOP:
		return fmt.Errorf("%q: a symbolic link, which is not followed: name the file itself", path)
	case syscall.ENXIO:
		next = "a named pipe needs its reader first"
	}
	return fmt.Errorf("%q: %w: %s", path, errno, next)
}
