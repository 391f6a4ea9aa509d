package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ndwhy/diag"
)

// keep writes n events into a file whose name says how it is compressed.
func keep(tb testing.TB, name string, n int, end bool) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	packer, err := Packed(file, path)
	if err != nil {
		tb.Fatal(err)
	}
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	w, err := NewWriter(packer, "1", began)
	if err != nil {
		tb.Fatal(err)
	}
	addr := netip.MustParseAddr("2001:db8::").As16()
	for i := range n {
		addr[14], addr[15] = byte(i>>8)&3, byte(i)
		e := diag.Event{Seq: int64(i + 1), At: began.Add(time.Duration(i) * time.Millisecond), Body: diag.Neighbour{
			Interface: "eth0", Address: netip.AddrFrom16(addr), MAC: diag.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}, State: diag.Stale,
		}}
		if err := w.Write(e); err != nil {
			tb.Fatal(err)
		}
	}
	if !end {
		return path // as after SIGKILL
	}
	if err := errors.Join(w.Flush(), packer.Close()); err != nil {
		tb.Fatal(err)
	}
	return path
}

// What is compressed is read as what is not, once or from the beginning again; of a run that was killed what it had
// handed over is there.
func TestPacked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"run.jsonl", "run.jsonl.gz", "run.jsonl.zst"} {
		whole, killed := keep(t, name, 3000, true), keep(t, name, 3000, false)
		in, err := Stream(t.Context(), whole)
		if err != nil {
			t.Fatal(err)
		}
		state, problems, err := Replay(in)
		if err != nil || len(problems) > 0 || state.Seq != 3000 {
			t.Errorf("%s: %v %v", name, problems, err)
		}
		if read, size := in.Progress(); read != size || size == 0 {
			t.Errorf("%s: %d bytes of %d read", name, read, size)
		}
		in.Close()
		file, err := Open(t.Context(), whole)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPlayer("1", file, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			p.Step()
			p.Restart()
		}
		if got := p.Progress(); got.Events != 3000 || got.Event != 0 {
			t.Errorf("%s: %+v after a restart", name, got)
		}
		file.Close()
		if in, err = Stream(t.Context(), killed); err != nil {
			t.Fatal(err)
		}
		state, problems, err = Replay(in)
		if err != nil || state.Seq < 2000 {
			t.Errorf("%s, killed: %v %v", name, problems, err)
		}
		in.Close()
		if packed := name != "run.jsonl"; packed {
			if head, _ := os.ReadFile(whole); bytes.Contains(head, []byte("neighbour")) {
				t.Errorf("%s is not compressed", name)
			}
		}
	}
}

// A pipe is read as it comes; one into which nobody writes ends with the context.
func TestStreamOfAPipe(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(keep(t, "run.jsonl.zst", 3000, true))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		to, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err == nil {
			_, _ = to.Write(text)
			to.Close()
		}
	}()
	in, err := Stream(t.Context(), fifo)
	if err != nil {
		t.Fatal(err)
	}
	if state, problems, err := Replay(in); err != nil || len(problems) > 0 || state.Seq != 3000 {
		t.Errorf("%v %v", problems, err)
	}
	in.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Stream(ctx, fifo); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a pipe without a writer: %v", err)
	}
	if _, err := Stream(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "neither a file nor a pipe") {
		t.Errorf("a directory: %v", err)
	}
}

// A long recording takes no more memory than its state does, which remembers a few thousand events.
func TestLongRecordingIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes and reads a million events")
	}
	const many = 1_000_000
	file := keep(t, "run.jsonl.zst", many, true)
	in, err := Stream(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var most uint64
	events, state := 0, diag.NewState()
	for e, err := range Read(in) {
		if err != nil {
			t.Fatal(err)
		}
		state.Apply(e)
		if events++; events%50_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	if events != many || most > 24<<20 {
		t.Errorf("%d events, %d MB", events, most>>20)
	}
	if _, err := in.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // io.Reader's own
		t.Error(err)
	}
}
