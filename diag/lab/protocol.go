package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// A request asks the init to run a command. The command's standard input, output and error come
// with the byte before it, as SCM_RIGHTS, and behind them what else it is to inherit.
type request struct {
	Host     string
	Args     []string // empty: an interactive shell
	Env      []string
	Dir      string
	Terminal bool  // the files are a terminal made for the command: it leads a session on it
	Session  bool  // it leads a session without a terminal, so that its process group can be signalled
	Inherits []int // the numbers that the files behind the first three are to have
}

// A signalling asks the init to signal a command that runs.
type signalling struct{ Signal int }

// A reply is what the init says: once Ready or an error about the lab, then once Ended or an error
// about the command.
type reply struct {
	Ready  bool   `json:",omitempty"`
	Ended  bool   `json:",omitempty"` // with Code
	Code   int    `json:",omitempty"`
	Err    string `json:",omitempty"`
	Denied bool   `json:",omitempty"` // of Err: the system does not allow what a lab needs
	Log    string `json:",omitempty"` // why the switch's log is not whole
}

// sendFiles sends files with one byte, their number.
func sendFiles(c *net.UnixConn, files []*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	_, _, err := c.WriteMsgUnix([]byte{byte(len(files))}, unix.UnixRights(fds...), nil)
	return err
}

// receiveFiles receives what sendFiles sent: at least n files.
func receiveFiles(c *net.UnixConn, n int) ([]*os.File, error) {
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4*(3+mostInherited)))
	got, oobn, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "stdio"))
		}
	}
	if got != 1 || len(files) != int(b[0]) || len(files) < n {
		closeAll(files)
		return nil, fmt.Errorf("%d files came, want %d", len(files), n)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// samePeer reports an error unless the process at the other end of c belongs to this process's user.
func samePeer(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if credErr != nil {
		return fmt.Errorf("SO_PEERCRED: %w", credErr)
	}
	if int(cred.Uid) != os.Getuid() {
		return fmt.Errorf("it belongs to user %d, not to user %d", cred.Uid, os.Getuid())
	}
	return nil
}

// run sends a request and returns the command's exit code, passing on the signals that arrive. With a
// code comes an error where the lab could not keep its log.
func (req *request) run(c *net.UnixConn, replies *json.Decoder, files []*os.File, signals <-chan os.Signal) (int, error) {
	if err := sendFiles(c, files); err != nil {
		return 0, err
	}
	closeAll(files[3:]) // they are the command's alone
	out := json.NewEncoder(c)
	if err := out.Encode(req); err != nil {
		return 0, err
	}
	type result struct {
		reply
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.err = replies.Decode(&r.reply)
		done <- r
	}()
	for {
		select {
		case s := <-signals:
			if n, ok := s.(unix.Signal); ok {
				// A command that is gone already needs no signal; its end arrives on done.
				_ = out.Encode(signalling{int(n)})
			}
		case r := <-done:
			switch {
			case r.err != nil:
				return 0, errors.New("the lab has ended")
			case r.Err != "":
				return 0, errors.New(r.Err)
			case !r.Ended:
				return 0, errors.New("the lab's first process does not say how the command ended")
			case r.Log != "":
				return r.Code, errors.New(r.Log)
			}
			return r.Code, nil
		}
	}
}
