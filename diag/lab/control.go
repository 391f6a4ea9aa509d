package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
	"ndwhy/diag/lab/vswitch"
)

// controlEnv says to commands of a lab which descriptor they inherited and, because anything may
// since have been opened in its place, which inode that is: "4:12345".
const controlEnv = "NDWHY_LAB_CONTROL"

// A Break is something in the lab that can be broken and mended.
type Break struct {
	ID     string
	Broken bool
}

// News is what a Control brings.
type News struct {
	Entries []vswitch.Entry // what the switch did, oldest first
	Dropped int             // entries before these that were lost because nobody read them in time
	Breaks  []Break         // what can be broken, and is; nil: as before
	Turned  bool            // somebody broke or mended something by a Control: what was measured is old
}

// What goes down a Control's line and up, as JSON.
type (
	down struct {
		Entries []vswitch.Entry `json:",omitempty"`
		Dropped int             `json:",omitempty"`
		Breaks  []Break         `json:",omitempty"`
		Turned  bool            `json:",omitempty"`
		Done    []done          `json:",omitempty"`
	}
	done struct {
		ID  int
		Err string `json:",omitempty"`
	}
	up struct {
		ID    int
		Break string
		On    bool
	}
)

// ErrOutside says that this process runs in no lab, or lost the descriptor on the way (sudo and some
// shells close what they do not know).
var ErrOutside = errors.New("this process was not started by a lab")

// A Control is the line of a program inside a lab to the lab itself: it tells what the switch does
// with every frame, and breaks and mends things. It is safe for concurrent use.
type Control struct {
	conn net.Conn
	in   *json.Decoder

	mu      sync.Mutex
	out     *json.Encoder
	breaks  []Break
	waiting map[int]chan error
	last    int
	ended   error // why nothing comes any more
}

// dialWait bounds the wait for the lab's first word. It comes at once; a lab that is being stopped
// says none.
const dialWait = 2 * time.Second

// Dial returns a line to the lab that this process runs in. getenv is os.Getenv. News comes first with
// what can be broken and the newest entries, before Dial returns, and then as things happen, one
// after another. The error is ErrOutside where there is no lab.
func Dial(getenv func(string) string, news func(News)) (*Control, error) {
	fd, err := inheritedControl(getenv(controlEnv))
	if err != nil {
		return nil, err
	}
	door, err := net.FileConn(fd)
	fd.Close()
	if err != nil {
		return nil, fmt.Errorf("descriptor of the lab: %w", err)
	}
	defer door.Close()
	knock, ok := door.(*net.UnixConn)
	if !ok {
		return nil, ErrOutside
	}
	conn, theirs, err := socketPair("control")
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if err := sendFiles(knock, []*os.File{theirs}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the lab has ended: %w", err)
	}
	theirs.Close() // else our own end would keep the line open when the lab ends
	return newControl(conn, news)
}

// inheritedControl returns a copy of the descriptor that the value of controlEnv names.
func inheritedControl(value string) (*os.File, error) {
	fd, inode, ok := parseControl(value)
	if !ok {
		return nil, ErrOutside
	}
	if got, err := inodeOf(fd); err != nil || got != inode {
		return nil, ErrOutside
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("dup: %w", err)
	}
	return os.NewFile(uintptr(own), "lab"), nil
}

// parseControl reads a value of controlEnv.
func parseControl(value string) (fd int, inode uint64, ok bool) {
	n, _ := fmt.Sscanf(value, "%d:%d", &fd, &inode)
	return fd, inode, n == 2 && fd >= 0
}

// inodeOf returns the inode of a socket.
func inodeOf(fd int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return 0, unix.ENOTSOCK
	}
	return st.Ino, nil
}

// newControl is Dial for a line that is there.
func newControl(conn net.Conn, news func(News)) (*Control, error) {
	c := &Control{conn: conn, in: json.NewDecoder(conn), out: json.NewEncoder(conn), waiting: map[int]chan error{}}
	if err := conn.SetReadDeadline(time.Now().Add(dialWait)); err != nil {
		conn.Close()
		return nil, err
	}
	if err := c.receive(news); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the lab does not answer: %w", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		conn.Close()
		return nil, err
	}
	go func() {
		defer guard.Rescue()
		for {
			if err := c.receive(news); err != nil {
				c.end(errors.New("the lab has ended"))
				return
			}
		}
	}()
	return c, nil
}

// receive takes one message.
func (c *Control) receive(news func(News)) error {
	var m down
	if err := c.in.Decode(&m); err != nil {
		return err
	}
	c.mu.Lock()
	if m.Breaks != nil {
		c.breaks = m.Breaks
	}
	c.mu.Unlock()
	if len(m.Entries) > 0 || m.Dropped > 0 || m.Breaks != nil || m.Turned {
		news(News{Entries: m.Entries, Dropped: m.Dropped, Breaks: slices.Clone(m.Breaks), Turned: m.Turned})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range m.Done {
		var err error
		if d.Err != "" {
			err = errors.New(d.Err)
		}
		if w, ok := c.waiting[d.ID]; ok {
			delete(c.waiting, d.ID)
			w <- err
		}
	}
	return nil
}

// end ends every wait.
func (c *Control) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = why
	for id, w := range c.waiting {
		delete(c.waiting, id)
		w <- why
	}
}

// Breaks returns what can be broken, in the order in which it is shown. What each is called stands in
// the catalogue of package words under lab.break.<id>.
func (c *Control) Breaks() []Break {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.breaks)
}

// Break breaks the thing with an ID of Breaks (on), or mends it, and returns when that is done: at
// most some seconds later. Breaking what is broken already is no error. News of the change has come
// before it returns.
func (c *Control) Break(id string, on bool) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	if c.ended != nil {
		c.mu.Unlock()
		return c.ended
	}
	c.last++
	c.waiting[c.last] = answer
	err := c.out.Encode(up{ID: c.last, Break: id, On: on})
	if err != nil {
		delete(c.waiting, c.last)
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("the lab has ended: %w", err)
	}
	return <-answer
}

// Close ends the line. What was broken stays so.
func (c *Control) Close() error { return c.conn.Close() }
