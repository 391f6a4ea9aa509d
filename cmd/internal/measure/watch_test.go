package measure

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag/kernel/nstest"
	"ndwhy/ui/termtest"
)

// changesAtOnce is the burst of neighbour changes.
const changesAtOnce = 100_000

// watching holds watch against ip monitor in a burst of changes.
func watching(t *testing.T, ndwhy string) string {
	t.Helper()
	const runs = 5
	programs := []struct {
		shown   string
		lacks   string
		command []string
		told    []byte // what is in each line about a change
	}{
		{"ndwhy watch --json --only neighbour,feed", "", []string{ndwhy, "watch", "-i", "eth0", "--json", "--only", "neighbour,feed", "--imds", "none"}, []byte(`"kind":"neighbour"`)},
		{"ip monitor neigh", missing("ip"), []string{"ip", "monitor", "neigh"}, []byte("PERMANENT")},
		{"ip -rcvbuf 134217728 monitor neigh", missing("ip"), []string{"ip", "-rcvbuf", "134217728", "monitor", "neigh"}, []byte("PERMANENT")},
	}
	type result struct{ perEvent, lost, peak, took []float64 }
	got := make([]result, len(programs))
	for range runs {
		for i, p := range programs {
			if p.lacks != "" {
				continue
			}
			lines, used, took := burst(t, p.command, p.told)
			got[i].lost = append(got[i].lost, float64(changesAtOnce-lines))
			got[i].perEvent = append(got[i].perEvent, 1e6*used.CPU.Seconds()/float64(max(1, lines)))
			got[i].peak = append(got[i].peak, float64(used.Peak)/1e6)
			got[i].took = append(got[i].took, took.Seconds())
		}
	}
	tab := newTable(fmt.Sprintf("%d new neighbours at once, output to a file", changesAtOnce), "changes not told", "CPU per change told, µs", "ratio", "peak, MB")
	for i, p := range programs {
		if p.lacks != "" {
			tab.row(code(p.shown), p.lacks, "", "", "")
			continue
		}
		_, lost := median(got[i].lost)
		c, per := median(got[i].perEvent)
		_, peak := median(got[i].peak)
		ours, _ := median(got[0].perEvent)
		tab.row(code(p.shown), lost, per, fmt.Sprintf("%.1f", ours/c), peak)
	}
	_, took := median(got[0].took)
	return tab.String() + "\nThe kernel took " + took + ` s for each burst. What watch cannot take it tells as a gap, and then what is so; ip monitor
says on stderr that it lost something.
`
}

// burst runs a program while the changes are made, and returns how many of its lines tell one, and what they cost it.
func burst(t *testing.T, command []string, told []byte) (lines int, used termtest.Usage, took time.Duration) {
	t.Helper()
	nstest.Veth(t, "eth0", "wire0")
	defer func() { _ = netlink.LinkDel(nstest.Link(t, "eth0")) }()
	nstest.Address(t, "eth0", "2001:db8::7/64")
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var stderr strings.Builder
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rest := func() (size int64) { // until it has nothing to do any more
		for same, last := 0, (termtest.Usage{}); same < 4; {
			time.Sleep(250 * time.Millisecond)
			u, err := termtest.UsageOf(cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			if u.CPU-last.CPU < 5*time.Millisecond {
				same++
			} else {
				same = 0
			}
			last = u
		}
		info, err := out.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	begun := rest()
	before, err := termtest.UsageOf(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	nstest.Neighbours(t, "eth0", changesAtOnce)
	took = time.Since(start)
	rest()
	used, err = termtest.UsageOf(cmd.Process.Pid)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	used.CPU -= before.CPU
	_ = cmd.Process.Signal(unix.SIGTERM)
	_ = cmd.Wait()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text[begun:]) {
		if bytes.Contains(line, told) {
			lines++
		}
	}
	return lines, used, took
}
