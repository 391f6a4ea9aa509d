package outfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.jsonl")
	if err := os.WriteFile(path, []byte("what was there before"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "new")
	f.Close()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 3 {
		t.Errorf("%v %v", info, err)
	}
	fresh, err := Create(filepath.Join(dir, "fresh"))
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if info, err := fresh.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	// As /dev/stdout is: a link below /dev is one the user means.
	if out, err := Create(fmt.Sprintf("/dev/fd/%d", fresh.Fd())); err != nil {
		t.Error(err)
	} else {
		out.Close()
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	victim, link, pipe := filepath.Join(dir, "victim"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o644), os.Symlink(victim, link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		link:                               "a symbolic link, which is not followed",
		dir:                                "name a file in it",
		pipe:                               "its reader first",
		filepath.Join(dir, "none", "file"): "make the directory first",
		filepath.Join(victim, "file"):      "make the directory first",
		"/proc/version/x\x1b":              "make the directory first",
	} {
		f, err := Create(path)
		if err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
			continue
		}
		if s := err.Error(); !strings.HasPrefix(s, fmt.Sprintf("%q: ", path)) || !strings.HasSuffix(s, want) && !strings.Contains(s, want) || strings.ContainsAny(s, "\n\x1b") {
			t.Errorf("%s: %q, want %q", path, s, want)
		}
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the link's target has %q %v", b, err)
	}
}

// Root that records into /tmp must not write into what somebody else put there.
func TestCreateLeavesForeignFilesInSharedDirectories(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a file of another user")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "theirs")
	if err := errors.Join(os.WriteFile(path, []byte("x"), 0o666), os.Chown(path, 65534, 65534)); err != nil {
		t.Skip(err) // root of a user namespace that maps one user
	}
	f, err := Create(path)
	if err != nil {
		t.Fatalf("in a directory of one's own: %v", err)
	}
	f.Close()
	if err := errors.Join(os.WriteFile(path, []byte("x"), 0o666), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	if f, err := Create(path); err == nil || !strings.Contains(err.Error(), "user 65534") {
		t.Errorf("%v", err)
		f.Close()
	}
	if b, _ := os.ReadFile(path); string(b) != "x" {
		t.Errorf("the file has %q", b)
	}
}
