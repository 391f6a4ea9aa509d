package diag

import (
	"net/netip"
	"reflect"
	"testing"
)

// Two paths are equal only if no field of them differs.
func TestPathsDifferByEveryField(t *testing.T) {
	other := map[string]any{
		"Source": netip.IPv6Unspecified(), "Target": netip.IPv6Unspecified(), "Given": true, "Sent": 1, "Received": 1, "RTTMS": 0.5,
		"Error": &PathError{Code: 1}, "Responders": []Responder{{RTTMS: 1}}, "Evidence": []int64{1},
	}
	for i := range reflect.TypeFor[Path]().NumField() {
		var a, b Path
		f := reflect.ValueOf(&b).Elem().Field(i)
		name := reflect.TypeFor[Path]().Field(i).Name
		if v, ok := other[name]; ok {
			f.Set(reflect.ValueOf(v))
		} else {
			f.SetString("x")
		}
		if same := b; a.Equal(&b) || b.Equal(&a) || !b.Equal(&same) {
			t.Errorf("%s is not looked at", name)
		}
	}
	a, b := Path{Error: &PathError{Code: 1}}, Path{Error: &PathError{Code: 1}}
	if !a.Equal(&b) {
		t.Error("two errors that say the same differ")
	}
}
