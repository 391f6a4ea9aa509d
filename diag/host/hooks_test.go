package host

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestTrafficControl(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	index := nstest.Link(t, "eth0").Attrs().Index
	var l log
	r := New(&l, fstest.MapFS{}, []diag.Link{{Interface: "eth0", Index: index}})
	hooks := func() []diag.Hook {
		l.bodies = nil
		r.readFilters(t.Context())
		return of[diag.Hook](l.bodies)
	}
	if got := hooks(); len(got) != 0 {
		t.Fatalf("without a filter: %+v", got)
	}
	clsact := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}, QdiscType: "clsact",
	}
	if err := netlink.QdiscAdd(clsact); err != nil {
		t.Skipf("this kernel has no clsact: %v", err)
	}
	if got := hooks(); len(got) != 0 {
		t.Fatalf("a place for filters and none in it: %+v", got)
	}
	filter := &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: index, Parent: netlink.HANDLE_MIN_EGRESS, Priority: 1, Protocol: unix.ETH_P_IPV6},
		ClassId:     1,
	}
	if err := netlink.FilterAdd(filter); err != nil {
		t.Skipf("this kernel has no u32 filter: %v", err)
	}
	egress := diag.Hook{Interface: "eth0", Name: diag.HookEgress, What: "u32"}
	if diff := cmp.Diff([]diag.Hook{egress}, hooks()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := hooks(); len(got) != 0 {
		t.Errorf("nothing changed, and it said %+v", got)
	}
	if err := netlink.QdiscDel(clsact); err != nil {
		t.Fatal(err)
	}
	egress.Gone = true
	if diff := cmp.Diff([]diag.Hook{egress}, hooks()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// guarded is a file that only root may read.
type guarded struct{ fs.FS }

func (g guarded) Open(name string) (fs.File, error) {
	if name == "proc/net/ip6_tables_names" {
		return nil, fs.ErrPermission
	}
	return g.FS.Open(name)
}

func (g guarded) Stat(name string) (fs.FileInfo, error) { return fs.Stat(g.FS, name) }

func TestLegacyTables(t *testing.T) {
	t.Parallel()
	names := fstest.MapFS{"proc/net/ip6_tables_names": file("filter\nmangle\nof_the_future\n")}
	for _, tt := range []struct {
		root fs.FS
		want []string
		ok   bool
	}{
		{names, []string{"filter", "mangle"}, true},
		{fstest.MapFS{}, nil, true},
		{guarded{names}, nil, false},
	} {
		got, ok := New(&log{}, tt.root, nil).legacyTables()
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("%v: (-want +got)\n%s", ok, diff)
		}
	}
	var l log
	New(&l, guarded{names}, nil).readFilters(t.Context())
	if diff := cmp.Diff([]diag.Hook{{Name: diag.HookLegacy}}, of[diag.Hook](l.bodies)); diff != "" {
		t.Errorf("what may not be read is said (-want +got)\n%s", diff)
	}
}

// Tables come from the kernel, yet a short or a crooked one must do no harm.
func FuzzDecodeLegacy(f *testing.F) {
	f.Add(make([]byte, infoSize), make([]byte, 2*entrySize))
	if info, err := os.ReadFile("testdata/legacy.info"); err == nil {
		if entries, err := os.ReadFile("testdata/legacy.entries"); err == nil {
			f.Add(info, entries)
		}
	}
	f.Fuzz(func(_ *testing.T, info, entries []byte) {
		if len(info) != infoSize {
			return
		}
		rs := &ruleset{legacy: true, chains: map[chainKey]*chain{}}
		decodeLegacy(rs, "filter", info, entries)
		judge(rs, []diag.Link{eth0})
	})
}
