package outfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file is what it was until the result is there, and then has its mode, by whatever name it was
// meant.
func TestResultReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link, dangling := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	if err := errors.Join(
		os.WriteFile(file, []byte("old"), 0o600), os.Chmod(file, 0o640), os.Symlink("file", link), os.Symlink("fresh", dangling),
	); err != nil {
		t.Fatal(err)
	}
	for path, is := range map[string]string{file: file, link: file, dangling: filepath.Join(dir, "fresh")} {
		before, _ := os.ReadFile(is)
		r, err := Prepare(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(r, "new by ", path)
		if now, _ := os.ReadFile(is); string(now) != string(before) {
			t.Errorf("%s has %q before the result is there, had %q", path, now, before)
		}
		if err := r.Commit(t.Context()); err != nil {
			t.Error(err)
		}
		info, err := os.Lstat(is)
		if err != nil {
			t.Fatal(err)
		}
		if now, _ := os.ReadFile(is); string(now) != "new by "+path || is == file && info.Mode() != 0o640 {
			t.Errorf("%s has %q, %v", path, now, info.Mode())
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 4 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// What is no file is written to: a pipe, whose reader may come late, and what another program opened,
// behind what is there.
func TestResultWritesTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, opened := filepath.Join(dir, "pipe"), filepath.Join(dir, "opened")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(opened)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprint(f, "before, ")
	r, err := Prepare(fmt.Sprintf("/dev/fd/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(r, "after")
	if err := r.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(opened); string(b) != "before, after" {
		t.Errorf("the open file has %q", b)
	}

	if r, err = Prepare(pipe); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(r, "through")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Commit(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("without a reader: %v", err)
	}
	read := make(chan string, 1)
	go func() {
		f, err := os.Open(pipe)
		if err != nil {
			read <- err.Error()
			return
		}
		defer f.Close()
		b, _ := io.ReadAll(f)
		read <- string(b)
	}()
	if err := r.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-read; got != "through" {
		t.Errorf("the reader got %q", got)
	}

	full, err := Prepare("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(full, "x")
	if err := full.Commit(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full device: %v", err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken, loop := filepath.Join(dir, "taken"), filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	f, err := Create(taken)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases := map[string]string{
		taken:                              "another program is writing it",
		loop:                               "too many levels of symbolic links",
		dir:                                "name a file in it",
		filepath.Join(dir, "none", "file"): "make the directory first",
		"/proc/version":                    `"/proc/version": `,
	}
	if os.Geteuid() != 0 {
		locked, kept := filepath.Join(dir, "locked"), filepath.Join(dir, "kept")
		if err := errors.Join(os.Mkdir(locked, 0o500), os.WriteFile(kept, nil, 0o400)); err != nil {
			t.Fatal(err)
		}
		cases[filepath.Join(locked, "file")] = "permission denied: choose a place that you may write to"
		cases[kept] = "permission denied: choose a place that you may write to"
	}
	for path, want := range cases {
		if _, err := Prepare(path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, hard, soft, sub, up := filepath.Join(dir, "file"), filepath.Join(dir, "hard"), filepath.Join(dir, "soft"), filepath.Join(dir, "sub"), filepath.Join(dir, "up")
	if err := errors.Join(
		os.WriteFile(file, nil, 0o600), os.Link(file, hard), os.Symlink("file", soft), os.Mkdir(sub, 0o700), os.Symlink(dir, up),
		os.Symlink("../fresh", filepath.Join(sub, "fresh")),
	); err != nil {
		t.Fatal(err)
	}
	t.Run("there", func(t *testing.T) {
		for _, other := range []string{file, hard, soft, sub + "/../file", filepath.Join(up, "file")} {
			if !Same(file, other) {
				t.Errorf("%s is another than %s", other, file)
			}
		}
	})
	t.Run("not yet", func(t *testing.T) {
		fresh := filepath.Join(dir, "fresh")
		for _, other := range []string{fresh, sub + "/../fresh", filepath.Join(up, "fresh"), filepath.Join(sub, "fresh")} {
			if !Same(fresh, other) {
				t.Errorf("%s is another than %s", other, fresh)
			}
		}
	})
	for _, pair := range [][2]string{
		{file, filepath.Join(dir, "fresh")},
		{filepath.Join(dir, "fresh"), filepath.Join(dir, "other")},
		{filepath.Join(dir, "fresh"), filepath.Join(dir, "none", "fresh")},
		{"/dev/null", "/dev/null"},
	} {
		if Same(pair[0], pair[1]) {
			t.Errorf("%v are one", pair)
		}
	}
}
