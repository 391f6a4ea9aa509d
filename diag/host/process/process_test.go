package process

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
func link(s string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(s), Mode: fs.ModeSymlink | 0o777}
}

// shy is a file system whose links of other users' processes may not be read.
type shy struct{ fstest.MapFS }

func (s shy) ReadLink(name string) (string, error) {
	if strings.HasSuffix(name, "/ns/net") && name != "proc/self/ns/net" {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrPermission}
	}
	return s.MapFS.ReadLink(name)
}

func host() fstest.MapFS {
	return fstest.MapFS{
		"proc/self/ns/net":           link("net:[1]"),
		"proc/1/comm":                file("systemd\n"),
		"proc/1/ns/net":              link("net:[1]"),
		"proc/20/comm":               file("systemd-network\n"),
		"proc/20/cmdline":            file("/usr/lib/systemd/systemd-networkd\x00"),
		"proc/20/ns/net":             link("net:[1]"),
		"proc/30/comm":               file("dhclient\n"),
		"proc/30/cmdline":            file("dhclient\x00-6\x00eth0\x00"),
		"proc/30/ns/net":             link("net:[2]"),
		"proc/40/comm":               file("dhcpcd\n"),
		"proc/40/cmdline":            file("dhcpcd: eth0 [ip6]\x00\x00\x00"),
		"proc/40/ns/net":             link("net:[1]"),
		"proc/net/stat/ndisc_cache":  file("entries\n"),
		"proc/sys/kernel/pid_max":    file("1"),
		"proc/not-a-process/comm":    file("dhclient\n"),
		"proc/50/comm":               file("dhclient-script\n"),
		"proc/50/ns/net":             link("net:[1]"),
		"proc/60/cmdline":            file("gone\x00"),
		"proc/70/comm":               file(""),
		"proc/self/comm":             file("ndwhy\n"),
		"proc/thread-self/something": file(""),
	}
}

func TestFindThoseOfThisNamespace(t *testing.T) {
	names := []string{"systemd-networkd", "NetworkManager", "dhclient", "dhcpcd"}
	want := []Process{
		{20, "systemd-networkd", []string{"/usr/lib/systemd/systemd-networkd"}},
		{40, "dhcpcd", []string{"dhcpcd:", "eth0", "[ip6]"}},
	}
	if diff := cmp.Diff(want, Find(host(), names...)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// An ordinary user cannot tell the namespaces apart: on the host all are taken to be here …
	if got := Find(shy{host()}, names...); len(got) != 3 {
		t.Errorf("on the host: %+v", got)
	}
	// … and in a namespace of one's own none is.
	own := host()
	delete(own, "proc/net/stat/ndisc_cache")
	if got := Find(shy{own}, names...); len(got) != 0 {
		t.Errorf("in another namespace: %+v", got)
	}
}

func TestRuns(t *testing.T) {
	if !Runs(host(), "dhcpcd") || Runs(host(), "dhclient") {
		t.Error("dhcpcd runs here, and dhclient elsewhere")
	}
	hidden := fstest.MapFS{"proc/net/stat/ndisc_cache": file("")}
	if !Runs(hidden, "dhclient") {
		t.Error("with processes hidden a client of the host was called absent")
	}
}

// The real /proc says of this very process what Find must say.
func TestFindSelf(t *testing.T) {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Skip(err)
	}
	for _, p := range Find(os.DirFS("/"), strings.TrimSpace(string(comm))) {
		if p.PID == os.Getpid() {
			if filepath.Base(p.Args[0]) != filepath.Base(os.Args[0]) {
				t.Errorf("%+v", p)
			}
			return
		}
	}
	t.Error("this process was not found")
}
