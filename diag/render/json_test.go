package render

import (
	"encoding/json"
	"strings"
	"testing"
)

// Item by item it is what an encoder makes of the whole, and of a large report no more than an item is held.
func TestJSONIsWrittenItemByItem(t *testing.T) {
	for _, x := range writtenAs(t, "json") {
		var want strings.Builder
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(x.r); err != nil {
			t.Fatal(err)
		}
		if x.text != want.String() {
			t.Errorf("%s: it is\n%s\nnot\n%s", x.name, x.text, &want)
		}
	}
	large := writtenAs(t, "json")[0].r
	for len(large.Paths) < 10_000 {
		large.Paths = append(large.Paths, large.Paths...)
	}
	var w largest
	if err := JSON(&w, large); err != nil {
		t.Fatal(err)
	}
	if w.all < 1<<20 || w.most > 1<<16 {
		t.Errorf("of %d bytes, %d are written at once", w.all, w.most)
	}
}

// A largest is how much was written, and how much of it at once at most.
type largest struct{ all, most int }

func (l *largest) Write(text []byte) (int, error) {
	l.all, l.most = l.all+len(text), max(l.most, len(text))
	return len(text), nil
}
