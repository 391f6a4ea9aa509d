package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

// What a host's hardware is like: the interfaces of a lab are one end of a cable, as those of containers are, and
// the firmware is that of the machine which the lab runs on.

// nicsEnv tells processes in a host which interfaces play its own network cards; machineEnv what its firmware says.
const (
	nicsEnv    = "NDWHY_LAB_NICS"
	machineEnv = "NDWHY_LAB_MACHINE"
)

// NICs are the interfaces that play an instance's own network cards here: none outside of a lab.
func NICs() []string {
	return strings.FieldsFunc(os.Getenv(nicsEnv), func(r rune) bool { return r == ',' })
}

// machine writes what the firmware says down for machineEnv.
func (s *Spec) machine() string {
	if s.Machine == (diag.Machine{}) {
		return ""
	}
	b, _ := json.Marshal(s.Machine) // strings alone
	return string(b)
}

// ownMachine takes away what the firmware of this machine says, and puts in its place what machineEnv does. The calling
// thread has a mount namespace of its own.
func ownMachine() error {
	const class, dmi = "/sys/class", "/sys/class/dmi"
	var m diag.Machine
	if text := os.Getenv(machineEnv); text != "" {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return err
		}
	}
	_, err := os.Stat(dmi)
	switch {
	case err == nil:
		if err := tmpfs(dmi); err != nil {
			return err
		}
	case m == (diag.Machine{}):
		return nil
	default:
		// A machine without any: there is no place for it. Of the other classes programs want net.
		links, err := unix.Open(filepath.Join(class, "net"), unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(links)
		if err := tmpfs(class); err != nil {
			return err
		}
		net := filepath.Join(class, "net")
		if err := os.Mkdir(net, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", links), net, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	if m == (diag.Machine{}) {
		return nil
	}
	id := filepath.Join(dmi, "id")
	if err := os.MkdirAll(id, 0o755); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"sys_vendor": m.SysVendor, "product_name": m.Product, "bios_vendor": m.BIOS, "bios_version": m.BIOSVersion, "chassis_asset_tag": m.ChassisID,
	} {
		if err := os.WriteFile(filepath.Join(id, name), []byte(value+"\n"), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// tmpfs mounts an empty file system.
func tmpfs(at string) error {
	return unix.Mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755")
}
