package lab

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Bounds of what a command in a lab inherits beyond the standard descriptors: how many, and below
// which number. More than 253 do not fit into one message (SCM_MAX_FD).
const (
	mostInherited    = 200
	highestInherited = 4096
)

// inheritedFiles returns the descriptors beyond the standard ones that this process was started with,
// by number ("3< file" of a shell, a process substitution), without the line to a lab around this one.
// They are for the lab's command alone: no helper inherits them any more, or whoever waits for their
// end would wait for the lab's.
func inheritedFiles(getenv func(string) string) (numbers []int, files []*os.File) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, nil
	}
	around := -1
	if f, err := inheritedControl(getenv(controlEnv)); err == nil {
		f.Close()
		around, _, _ = parseControl(getenv(controlEnv))
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		// Whatever this process opened itself is closed on exec.
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		unix.CloseOnExec(fd)
		if fd != around && fd < highestInherited && len(numbers) < mostInherited {
			numbers = append(numbers, fd)
		}
	}
	slices.Sort(numbers)
	for _, fd := range numbers {
		files = append(files, os.NewFile(uintptr(fd), "inherited"))
	}
	return numbers, files
}

// A table is the descriptors of a process that is to be started, by number: what
// syscall.ProcAttr.Files is.
type table []uintptr

const closed = ^uintptr(0)

// put gives the process a descriptor under a number.
func (t *table) put(number int, fd uintptr) {
	for len(*t) <= number {
		*t = append(*t, closed)
	}
	(*t)[number] = fd
}

// add gives the process a descriptor under the lowest number beyond the standard ones that is free.
func (t *table) add(fd uintptr) (number int) {
	number = 3
	for number < len(*t) && (*t)[number] != closed {
		number++
	}
	t.put(number, fd)
	return number
}
