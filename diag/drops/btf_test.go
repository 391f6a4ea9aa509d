package drops

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// What is read of the running kernel's types is what cilium's reader reads.
func TestTypesOfThisKernel(t *testing.T) {
	t.Parallel()
	kernel, release, err := kernelTypes(layoutNames...)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	must(t, err)
	defer release()
	spec, err := btf.LoadKernelSpec()
	must(t, err)
	for _, name := range layoutNames[1:] {
		var s *btf.Struct
		must(t, spec.TypeByName(name, &s))
		id := kernel.named[name]
		if size := kernel.size(id); size != s.Size {
			t.Errorf("struct %s has %d bytes, want %d", name, size, s.Size)
		}
		found := 0
		for _, m := range s.Members {
			if m.Name == "" || m.BitfieldSize != 0 {
				continue
			}
			want, err := btf.Sizeof(m.Type)
			must(t, err)
			at, size, ok := kernel.field(id, m.Name)
			if ok != (want > 0) || ok && (at != m.Offset.Bytes() || size != uint32(want)) {
				t.Errorf("%s.%s: %d bytes at %d (%t), want %d at %d", name, m.Name, size, at, ok, want, m.Offset.Bytes())
			}
			found++
		}
		if found == 0 {
			t.Errorf("struct %s has no member to compare", name)
		}
	}
	var tp *btf.Typedef
	must(t, spec.TypeByName(tracepoint, &tp))
	if got := len(kernel.parameters(tracepoint)); got < 4 {
		t.Errorf("the tracepoint has %d parameters", got)
	}
}

// Whatever a kernel says of its types, reading it ends, and in no panic.
func FuzzTypes(f *testing.F) {
	for _, arguments := range []int{3, 5} {
		f.Add(kernelBytes(f, arguments, u32))
	}
	if b, err := os.ReadFile("/sys/kernel/btf/vmlinux"); err == nil {
		f.Add(b[:min(len(b), 4096)])
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		if kernel, err := readTypes(b, layoutNames...); err == nil {
			_, _ = findLayout(kernel)
		}
	})
}
