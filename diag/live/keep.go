package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/outfile"
	"ndwhy/diag/record"
)

// A stream is a form in which events are kept.
type stream interface {
	Write(diag.Event) error
	Flush() error
}

// A keeper writes events to a file until a write fails: that is told once, and nothing is written
// after it.
type keeper struct {
	stream
	packer record.Packer
	file   *os.File
	failed error
	warn   func(error)

	// While what was known before is being written, without the session's lock, what comes waits.
	holds bool
	held  []diag.Event
}

// add keeps an event.
func (k *keeper) add(e diag.Event) {
	switch {
	case k.holds:
		k.held = append(k.held, e)
	case k.failed == nil:
		k.note(k.Write(e))
	}
}

// note takes note of what went wrong, the first time.
func (k *keeper) note(err error) {
	if err != nil && k.failed == nil {
		k.failed = err
		k.warn(err)
	}
}

// Close ends the file, and returns what went wrong with it.
func (k *keeper) Close() error {
	if k.failed == nil {
		k.note(k.Flush())
	}
	if k.failed == nil {
		k.note(k.packer.Close())
	}
	k.note(k.file.Close())
	return k.failed
}

// Files are the files that a session's events are kept in. They are touched under the session's lock
// alone, once it exists.
type Files struct {
	version string      // of this program
	warn    func(error) // is told of a file that can be written no more
	events  *keeper     // nil: no recording
	frames  *keeper     // nil: no capture

	turning sync.Mutex // held while a recording is begun or ended
}

// looker is a session.
type looker interface{ Look(func(*diag.State)) }

// Keep opens the files of a recording and a capture, either of which may be "". Neither loses what it
// holds unless both can be opened. version is this program's, and ifaces are those that the capture is
// of. warn is told of a file that can be written no more, once, and must return at once: what the run
// finds stands all the same.
func Keep(recording, capture string, version string, ifaces []string, warn func(error)) (*Files, error) {
	k := &Files{version: version, warn: warn}
	if err := k.open(recording, capture, ifaces); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Files) open(recording, capture string, ifaces []string) error {
	var opened []*os.File
	for _, f := range [...]struct{ flag, path string }{{"record", recording}, {"pcap", capture}} {
		if f.path == "" {
			opened = append(opened, nil)
			continue
		}
		file, err := outfile.Open(f.path)
		if err != nil {
			closeFiles(opened)
			return fmt.Errorf("--%s: %w", f.flag, err)
		}
		opened = append(opened, file)
	}
	for _, file := range opened {
		if file == nil {
			continue
		}
		if err := outfile.Empty(file); err != nil {
			closeFiles(opened)
			return err
		}
	}
	var err error
	if file := opened[0]; file != nil {
		k.events, err = k.recordTo(file)
	}
	if file := opened[1]; file != nil && err == nil {
		k.frames, err = k.keep(file, func(w io.Writer) (stream, error) {
			return record.NewPcap(w, k.version, time.Now(), ifaces)
		})
	}
	if err != nil {
		closeFiles(opened)
	}
	return err
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// recordTo begins a recording in an empty file.
func (k *Files) recordTo(file *os.File) (*keeper, error) {
	return k.keep(file, func(w io.Writer) (stream, error) { return record.NewWriter(w, k.version, time.Now()) })
}

// keep has begin write the head of a stream to an empty file, compressed as its name says. Where the disk is full the
// run is worth as much as where it becomes so a moment later.
func (k *Files) keep(file *os.File, begin func(io.Writer) (stream, error)) (*keeper, error) {
	packer, err := record.Packed(file, file.Name())
	if err != nil {
		return nil, err
	}
	s, err := begin(packer)
	if err != nil && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return nil, err
	}
	r := &keeper{stream: s, packer: packer, file: file, warn: k.warn}
	r.note(err)
	return r, nil
}

// write keeps an event; the session calls it with each, in order.
func (k *Files) write(e diag.Event) {
	if k.events != nil {
		k.events.add(e)
	}
	if k.frames != nil {
		k.frames.add(e)
	}
}

// record begins a recording of what is looked at, or ends the one under way, and returns its file.
// What is so already stays so.
func (k *Files) record(s looker, on bool) (path string, err error) {
	k.turning.Lock()
	defer k.turning.Unlock()
	path = k.recordingTo(s)
	switch {
	case on == (path != ""):
		return path, nil
	case on:
		_ = k.stopRecording(s) // one that failed, which has been told
		path = outfile.Dated("recording", "jsonl")
		return path, k.startRecording(s, path)
	default:
		return path, k.stopRecording(s)
	}
}

// recordingTo returns the file of the recording under way; "" where there is none, or one that failed.
func (k *Files) recordingTo(s looker) (path string) {
	s.Look(func(*diag.State) {
		if k.events != nil && k.events.failed == nil {
			path = k.events.file.Name()
		}
	})
	return path
}

// startRecording begins a recording in the middle: with what is known so far. The session goes on
// while that is written.
func (k *Files) startRecording(s looker, path string) error {
	file, err := outfile.Create(path)
	if err != nil {
		return err
	}
	r, err := k.recordTo(file)
	if err != nil {
		file.Close()
		return err
	}
	var known []diag.Event
	s.Look(func(s *diag.State) { known, r.holds, k.events = s.Events(), true, r })
	err = r.failed
	for i := 0; i < len(known) && err == nil; i++ {
		err = r.Write(known[i])
	}
	s.Look(func(*diag.State) {
		r.note(err)
		held := r.held
		r.holds, r.held = false, nil
		for _, e := range held {
			r.add(e)
		}
		err = r.failed
	})
	if err != nil {
		return k.stopRecording(s)
	}
	return nil
}

// stopRecording ends the recording under way.
func (k *Files) stopRecording(s looker) error {
	var r *keeper
	s.Look(func(*diag.State) { r, k.events = k.events, nil })
	if r == nil {
		return nil
	}
	return r.Close()
}

// close closes what is kept, and returns what went wrong with it.
func (k *Files) close(s looker) error {
	k.turning.Lock()
	defer k.turning.Unlock()
	err := k.stopRecording(s)
	if k.frames != nil {
		err = errors.Join(err, k.frames.Close())
	}
	return err
}
