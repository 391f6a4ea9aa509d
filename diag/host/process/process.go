// Package process finds the network daemons that run in this network namespace. What such a daemon
// leaves in /run and /var/lib is found by interface name or index, and says nothing about the
// interface of that name in another namespace, of which a host may have many.
package process

import (
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// commLen is the kernel's limit of a process's name, TASK_COMM_LEN less the terminating zero.
const commLen = 15

// A Process is a running program.
type Process struct {
	PID  int
	Name string   // the whole name that was asked for
	Args []string // its command line; what it shows instead, if it changed that
}

// Find returns the processes of this network namespace that have one of the names. root is "/" on a
// live host.
func Find(root fs.FS, names ...string) []Process {
	var found []Process
	entries, _ := fs.ReadDir(root, "proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := "proc/" + e.Name()
		comm := strings.TrimSuffix(read(root, dir+"/comm", commLen+1), "\n")
		for _, name := range names {
			if comm != name[:min(len(name), commLen)] || !here(root, dir) {
				continue
			}
			args := strings.Split(strings.Trim(read(root, dir+"/cmdline", 4096), "\x00"), "\x00")
			if len(args) == 1 {
				args = strings.Fields(args[0])
			}
			found = append(found, Process{pid, name, args})
		}
	}
	return found
}

// Initial reports whether this is the network namespace that the host booted with: the only one
// that has the statistics of the neighbour table.
func Initial(root fs.FS) bool {
	_, err := fs.Stat(root, "proc/net/stat/ndisc_cache")
	return err == nil
}

// Runs reports whether a program of that name runs here, as far as can be told.
func Runs(root fs.FS, name string) bool { return len(Find(root, name)) > 0 || Hidden(root) }

// Hidden reports whether other users' processes are hidden (the mount option hidepid) and all that
// the host has would be in this network namespace: then what is on the host is taken to run.
func Hidden(root fs.FS) bool {
	_, err := fs.Stat(root, "proc/1/comm")
	return err != nil && Initial(root)
}

// here reports whether a process is in our network namespace. An ordinary user may not ask that of
// another's; then those of the host's own namespace are taken to be in it.
func here(root fs.FS, dir string) bool {
	theirs, err := fs.ReadLink(root, dir+"/ns/net")
	if errors.Is(err, fs.ErrPermission) {
		return Initial(root)
	}
	ours, err2 := fs.ReadLink(root, "proc/self/ns/net")
	return err == nil && err2 == nil && ours == theirs
}

func read(root fs.FS, path string, limit int64) string {
	f, err := root.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, limit))
	return string(b)
}
