package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"ndwhy/diag/lab/vswitch"
)

// testBench is a bench at work, without a network: "door" breaks and mends, "stuck" never does. The
// function is the environment of a command.
func testBench(t *testing.T) (*bench, func(string) string) {
	t.Helper()
	b, err := newBench(&world{wire: newWire(nil)})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	open := false
	b.faults = []fault{
		{
			"door",
			func(*world) bool { mu.Lock(); defer mu.Unlock(); return open },
			func(_ *world, on bool) error { mu.Lock(); defer mu.Unlock(); open = on; return nil },
		},
		{"stuck", func(*world) bool { return false }, func(*world, bool) error { return errors.New("it does not move") }},
	}
	inode, err := inodeOf(int(b.handle.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	go b.letIn()
	t.Cleanup(func() {
		// The end of letIn: the last to hold the other side lets go.
		b.handle.Close()
		b.door.Close()
	})
	return b, func(name string) string {
		if name != controlEnv {
			return ""
		}
		return fmt.Sprintf("%d:%d", b.handle.Fd(), inode)
	}
}

// A listener gathers news, and has a channel that receives when there is more.
type listener struct {
	mu      sync.Mutex
	entries []string
	dropped int
	breaks  []Break
	more    chan struct{}
}

func newListener() *listener { return &listener{more: make(chan struct{}, 1)} }

func (l *listener) take(n News) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range n.Entries {
		l.entries = append(l.entries, e.Frame)
	}
	l.dropped += n.Dropped
	if n.Breaks != nil {
		l.breaks = n.Breaks
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// until waits for news after which done holds.
func (l *listener) until(done func() bool) {
	for {
		l.mu.Lock()
		ok := done()
		l.mu.Unlock()
		if ok {
			return
		}
		<-l.more
	}
}

func dial(t *testing.T, getenv func(string) string, l *listener) *Control {
	t.Helper()
	c, err := Dial(getenv, l.take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func frames(from, n int) []vswitch.Entry {
	var list []vswitch.Entry
	for i := range n {
		list = append(list, vswitch.Entry{Port: "ubuntu1", Direction: "in", Verdict: vswitch.Dropped, Frame: fmt.Sprint("frame ", from+i)})
	}
	return list
}

func TestControlTellsAndBreaks(t *testing.T) {
	t.Parallel()
	b, env := testBench(t)
	b.saw(frames(0, 2))
	l := newListener()
	c := dial(t, env, l)
	if want := []string{"frame 0", "frame 1"}; !slices.Equal(l.entries, want) {
		t.Errorf("what happened before: %q, want %q", l.entries, want)
	}
	if want := []Break{{"door", false}, {"stuck", false}}; !slices.Equal(c.Breaks(), want) {
		t.Errorf("breaks %v, want %v", c.Breaks(), want)
	}
	b.saw(frames(2, 3))
	l.until(func() bool { return len(l.entries) == 5 && l.entries[4] == "frame 4" })
	for _, on := range []bool{true, true, false, false} {
		if err := c.Break("door", on); err != nil {
			t.Fatal(err)
		}
		// It is known when Break returns, also to who watches.
		l.until(func() bool { return len(l.breaks) == 2 })
		if c.Breaks()[0].Broken != on || l.breaks[0].Broken != on {
			t.Errorf("door is %v, and the news was %v; want %v", c.Breaks()[0], l.breaks[0], on)
		}
	}
	if err := c.Break("stuck", true); err == nil || !strings.Contains(err.Error(), "stuck: it does not move") {
		t.Errorf("%v", err)
	}
	if err := c.Break("window", true); err == nil || !strings.Contains(err.Error(), `"window"`) {
		t.Errorf("%v", err)
	}
}

// What one does another sees, and each comes and goes as it likes: a shell's commands share one
// descriptor.
func TestControlsSideBySide(t *testing.T) {
	t.Parallel()
	b, env := testBench(t)
	for range 2 * maxWatchers {
		c, err := Dial(env, func(News) {})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	l := newListener()
	dial(t, env, l)
	if err := dial(t, env, newListener()).Break("door", true); err != nil {
		t.Fatal(err)
	}
	l.until(func() bool { return l.breaks[0].Broken })
	// Whoever writes something else to the descriptor disturbs nobody.
	if _, err := b.handle.WriteString("GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	dial(t, env, newListener())
}

// A reader that is slow loses the oldest and is told how many; the network never waits for it.
func TestControlThatIsSlow(t *testing.T) {
	t.Parallel()
	b, env := testBench(t)
	l := newListener()
	block := make(chan struct{})
	first := true
	c, err := Dial(env, func(n News) {
		if !first {
			<-block
		}
		first = false
		l.take(n)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	const all = 100_000
	for i := 0; i < all; i += 100 {
		b.saw(frames(i, 100))
	}
	close(block)
	last := fmt.Sprint("frame ", all-1)
	l.until(func() bool { return len(l.entries) > 0 && l.entries[len(l.entries)-1] == last })
	if l.dropped == 0 || l.dropped+len(l.entries) != all {
		t.Errorf("%d came and %d are said to be lost, of %d", len(l.entries), l.dropped, all)
	}
}

func TestDialOutsideALab(t *testing.T) {
	t.Parallel()
	b, env := testBench(t)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, inode, _ := strings.Cut(env(controlEnv), ":")
	for name, value := range map[string]string{
		"nothing":                "",
		"no number":              "x:y",
		"negative":               "-1:" + inode,
		"closed":                 "1000000:" + inode,
		"something else":         fmt.Sprintf("%d:%s", file.Fd(), inode),
		"another socket instead": fmt.Sprintf("%d:1", b.handle.Fd()),
	} {
		if _, err := Dial(func(string) string { return value }, func(News) {}); !errors.Is(err, ErrOutside) {
			t.Errorf("%s: %v, want ErrOutside", name, err)
		}
	}
}

// When the lab ends, what waits for it learns that.
func TestControlOfALabThatEnds(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.WriteString(theirs, `{"Breaks":[{"ID":"door","Broken":false}]}`+"\n")
		// It ends having been asked, before it answers.
		_, _ = theirs.Read(make([]byte, 100))
		theirs.Close()
	}()
	c, err := newControl(ours, func(News) {})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Break("door", true); err == nil || !strings.Contains(err.Error(), "the lab has ended") {
			t.Errorf("%v", err)
		}
	}
	ours, theirs = net.Pipe()
	theirs.Close()
	if _, err := newControl(ours, func(News) {}); err == nil {
		t.Error("a lab that is gone was reached")
	}
}

// What comes from inside may be anything: a program there may write what it likes.
func FuzzListen(f *testing.F) {
	f.Add([]byte(`{"ID":1,"Break":"door","On":true}`))
	f.Add([]byte(`{"ID":1,"Break":"window"}{"ID":-1}nonsense`))
	f.Add([]byte("\x00{"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		b := &bench{faults: []fault{{"door", func(*world) bool { return false }, func(*world, bool) error { return nil }}}}
		ours, theirs := net.Pipe()
		go func() {
			_, _ = ours.Write(text)
			ours.Close()
		}()
		b.listen(theirs, &watcher{ready: make(chan struct{}, 1)})
		theirs.Close()
	})
}
