package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ndwhy/diag/lab/labtest"
)

// The sweep ends checks at many moments, in every way. NDWHY_SWEEP is how many points it has: docs/safety.md has what
// came of 200.
func sweepPoints() int {
	n, _ := strconv.Atoi(os.Getenv("NDWHY_SWEEP"))
	if n == 0 {
		n = 16
	}
	return n
}

const (
	// sweepOver is the longest that a check of the sweep runs before it is ended.
	sweepOver = 2400 * time.Millisecond
	// endedWithin is what any signal but SIGKILL gives it to end by itself. A busy machine takes its time.
	endedWithin = 2 * time.Second
	// leftWithin is how long the kernel may take to remove what one that was killed left behind.
	leftWithin = 30 * time.Second
)

// sweep runs checks beside the instance's own traffic, ends each of them another moment later than the one before it,
// and wants nothing left of them.
func sweep(args []string) error {
	points, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	pingers := []*pinger{{target: os.Getenv("NDWHY_INTERNET")}, {target: ubuntu2}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	failed := make([]error, len(pingers))
	for i, p := range pingers {
		wg.Go(func() { failed[i] = p.run(ctx) })
	}
	before, err := takeAccount()
	if err != nil {
		return err
	}
	groups := memberships()
	signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
	for i := range points {
		add, sig := []string{"kernel", "claim"}[i/len(signals)%2], signals[i%len(signals)]
		after := sweepOver * time.Duration(i+1) / time.Duration(points)
		if err := endOne(sig, after, add); err != nil {
			return fmt.Errorf("point %d, %v after %v of --add %s: %w", i, sig, after, add, err)
		}
	}
	var left []string
	err = until(leftWithin, func() (bool, error) {
		now, err := takeAccount()
		left = differences(before, now)
		if after := memberships(); !maps.Equal(groups, after) {
			left = append(left, fmt.Sprintf("groups before %v, after %v", groups, after))
		}
		return len(left) == 0, err
	})
	cancel()
	wg.Wait()
	for _, p := range pingers {
		if len(p.sent) > 0 {
			left = append(left, fmt.Sprintf("%d pings to %s were lost", len(p.sent), p.target))
		}
	}
	if procs := children(); len(procs) > 0 {
		left = append(left, fmt.Sprint("processes: ", procs))
	}
	if len(left) > 0 {
		return errors.Join(err, errors.New(strings.Join(left, "\n")))
	}
	return errors.Join(append(failed, err)...)
}

// endOne starts a check and ends it by a signal.
func endOne(sig syscall.Signal, after time.Duration, add string) error {
	cmd := exec.Command("ndwhy", "check", "--json", "--add", add)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the signal's doing
		close(ended)
	}()
	select {
	case <-ended: // it was done before
		return nil
	case <-time.After(after):
	}
	_ = cmd.Process.Signal(sig)
	within := endedWithin
	if sig == syscall.SIGKILL {
		within = leftWithin // all that is left to do is the kernel's
	}
	// Whether it has ended is asked last: this process may have waited for the machine as well.
	err := until(within, func() (bool, error) {
		select {
		case <-ended:
			return true, nil
		default:
			return false, nil
		}
	})
	if err != nil {
		_ = cmd.Process.Kill()
		return errors.New("it did not end")
	}
	return nil
}

// differences are what of an account is not as it was. Of neighbours those that were usable are to be so still.
func differences(before, after account) (list []string) {
	if !slices.Equal(before.Addresses, after.Addresses) {
		list = append(list, fmt.Sprintf("addresses before %v, after %v", before.Addresses, after.Addresses))
	}
	if !slices.Equal(before.Routes, after.Routes) {
		list = append(list, fmt.Sprintf("routes before %v, after %v", before.Routes, after.Routes))
	}
	if !maps.Equal(before.Sysctls, after.Sysctls) {
		list = append(list, fmt.Sprintf("sysctls before %v, after %v", before.Sysctls, after.Sysctls))
	}
	for _, n := range before.Neighbours {
		if !slices.Contains(after.Neighbours, n) {
			list = append(list, fmt.Sprintf("neighbour %s before; after %v", n, after.Neighbours))
		}
	}
	return list
}

// memberships counts the multicast groups of the host, by interface.
func memberships() map[string]int {
	text, _ := os.ReadFile("/proc/net/igmp6")
	count := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 {
			count[f[1]+" "+f[2]]++
		}
	}
	return count
}

// children are the processes that this one started and that have not ended.
func children() []string {
	list, _ := filepath.Glob("/proc/self/task/*/children")
	var procs []string
	for _, name := range list {
		text, _ := os.ReadFile(name)
		procs = append(procs, strings.Fields(string(text))...)
	}
	return procs
}

// However and whenever a check ends, nothing of it is left behind, and no packet of the instance's own is lost.
func TestSweep(t *testing.T) {
	t.Parallel()
	if r := labtest.Run(t, "vpc", "ndwhy", "test-sweep", strconv.Itoa(sweepPoints())); r.Code != 0 {
		t.Errorf("exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// Whenever the lab loses its power, no process and no namespace of it is left.
func TestLabLosesPower(t *testing.T) {
	t.Parallel()
	labtest.Need(t)
	points := max(4, sweepPoints()/8)
	for i := range points {
		mark := "NDWHY_SWEEP_MARK=" + rand.Text()
		cmd := labtest.Command(t, "vpc", "", "ndwhy", "check", "--add", "kernel")
		cmd.Env = append(environment(cmd), mark)
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := 3 * time.Second * time.Duration(i+1) / time.Duration(points)
		time.Sleep(after)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := until(10*time.Second, func() (bool, error) { return len(marked(mark)) == 0, nil }); err != nil {
			t.Errorf("killed after %v: processes %v are left", after, marked(mark))
		}
	}
}

// marked are the processes whose environment has a mark. A namespace lives as long as a process in it: the lab's have
// no other holder.
func marked(mark string) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), mark) {
			list = append(list, filepath.Base(filepath.Dir(name)))
		}
	}
	return list
}

// environment is what a command is given.
func environment(cmd *exec.Cmd) []string {
	if len(cmd.Env) > 0 {
		return cmd.Env
	}
	return os.Environ()
}
