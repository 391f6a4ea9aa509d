package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// bounded becomes "ndwhy ARGS" with no capability but CAP_NET_RAW, as in most containers.
func bounded(args []string) error {
	path, err := exec.LookPath("ndwhy")
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the bounding set is the thread's, which becomes the program
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if c == unix.CAP_NET_RAW {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("bounding set without %d: %w", c, err)
		}
	}
	return syscall.Exec(path, append([]string{"ndwhy"}, args...), os.Environ())
}

// bare becomes "ndwhy ARGS" where /proc and /sys are empty, as in a chroot.
func bare(args []string) error {
	path, err := exec.LookPath("ndwhy")
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	for _, dir := range []string{"/sys", "/proc"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", dir, err)
		}
	}
	return syscall.Exec(path, append([]string{"ndwhy"}, args...), os.Environ())
}

// byFile becomes "ndwhy ARGS" as an ordinary user whose copy of the program has file capabilities, as
// setcap cap_net_raw,cap_net_admin=p gives them: permitted, and not in effect.
func byFile(args []string) error {
	dir, err := os.MkdirTemp("", "ndwhy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "ndwhy")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		return err
	}
	attribute := make([]byte, 20) // struct vfs_cap_data: revision 2, then permitted and inheritable, twice
	binary.LittleEndian.PutUint32(attribute, 0x02000000)
	binary.LittleEndian.PutUint32(attribute[4:], 1<<unix.CAP_NET_RAW|1<<unix.CAP_NET_ADMIN)
	if err := unix.Setxattr(path, "security.capability", attribute, 0); err != nil {
		return fmt.Errorf("setcap: %w", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", os.Stdout, os.Stderr
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		return nil // the report has the verdict
	}
	return err
}

// chrooted becomes "ndwhy ARGS" in a chroot that has the program and its libraries, and neither /proc nor /sys.
func chrooted(args []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	const root = "/mnt"
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("tmpfs: %w", err)
	}
	bind := func(from, to string) error {
		if err := unix.Mount(from, root+to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", from, err)
		}
		return nil
	}
	for _, dir := range []string{"/lib", "/lib64", "/usr"} { // what a test binary that is not static needs
		from, err := filepath.EvalSymlinks(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := errors.Join(err, os.Mkdir(root+dir, 0o755), bind(from, dir)); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(root+"/ndwhy", nil, 0o755), bind(self, "/ndwhy"), unix.Chroot(root), os.Chdir("/")); err != nil {
		return err
	}
	return syscall.Exec("/ndwhy", append([]string{"ndwhy"}, args...), os.Environ())
}

// What works with which privileges is what docs/privileges.md says; what does not is said, with the verdict unknown.
func TestWhatWorksWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, as                  string // as: the helper that becomes the program; empty: as it is
		wire, kernel, added, host bool
	}{
		{"root", "", true, true, true, true},
		{"CAP_NET_RAW alone", "test-bounded", true, true, false, true},
		{"nothing", "test-unprivileged", false, false, false, true},
		{"file capabilities", "test-by-file", true, true, true, true},
		{"root without /proc and /sys", "test-bare", true, true, true, false},
		{"root in a chroot", "test-chroot", true, true, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.as == "test-by-file" && os.Geteuid() != 0 {
				t.Skip("an ordinary user's lab knows no other user")
			}
			if c.as == "test-bounded" && os.Geteuid() != 0 {
				t.Skip("an ordinary user's lab hands capabilities on by the ambient set, which the bounding set does not bound")
			}
			command := []string{"ndwhy", "check", "--json", "--add", "kernel"}
			if c.as != "" {
				command = slices.Insert(command, 1, c.as)
			}
			r := labtest.Run(t, "vpc", command...)
			got := readReport(t, r)
			answered := func(via diag.Via) bool {
				return slices.ContainsFunc(got.Paths, func(p report.Path) bool {
					return p.Via == via && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered && p.Check != "added"
				})
			}
			added := slices.ContainsFunc(got.Paths, func(p report.Path) bool {
				return p.Check == "added" && p.Via == diag.ViaKernel && p.Outcome != diag.OutcomeSkipped
			})
			host := !slices.ContainsFunc(got.Skipped, func(s report.Skipped) bool { return s.Check == "host" })
			if answered(diag.ViaWire) != c.wire || answered(diag.ViaKernel) != c.kernel || added != c.added || host != c.host {
				t.Errorf("wire %v, kernel %v, addresses by the kernel %v, host %v; want %+v", answered(diag.ViaWire), answered(diag.ViaKernel), added, host, c)
			}
			if whole := c.wire && c.kernel && c.added && c.host; (got.Verdict == why.VerdictOK) != whole {
				t.Errorf("exit %d: %s: %s %+v", r.Code, got.Verdict, got.Headline, got.Skipped)
			}
			if len(got.Addresses) != 2 {
				t.Errorf("addresses: %+v", got.Addresses)
			}
		})
	}
}
