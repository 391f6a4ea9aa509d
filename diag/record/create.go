package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Create opens path to be written anew, readable by the user alone (0600), for a recording or a
// capture. A symbolic link is not followed, and in a directory that everybody may write to another
// user's file is not touched: the program is often run by root. The error is one line that names
// the path, what is wrong and what to do.
func Create(path string) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | syscall.O_NONBLOCK // else a FIFO without a reader blocks
	if !strings.HasPrefix(filepath.Clean(path), "/dev/") {  // /dev/stdout is a link that is meant
		flags |= syscall.O_NOFOLLOW
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, explain(path, err)
	}
	if err := own(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// own empties a file that was there before, and makes it private.
func own(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return explain(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return explain(path, err)
	}
	stat, _ := info.Sys().(*syscall.Stat_t)
	if stat != nil && int(stat.Uid) != os.Geteuid() && dir.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%q: belongs to user %d in a directory that everybody may write to: choose another name", path, stat.Uid)
	}
	if err := f.Chmod(0o600); err != nil {
		return explain(path, err)
	}
	if err := f.Truncate(0); err != nil {
		return explain(path, err)
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
