package render

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"reflect"

	"ndwhy/diag/report"
)

// JSON writes the report as one ndwhy.report/1 document, with an indent of two spaces. It does so item by item: with a
// thousand peers there are megabytes of it, of which an encoder makes two copies before it writes any.
func JSON(w io.Writer, r report.Report) error {
	out := bufio.NewWriter(w) // which keeps an error for Flush
	put := func(text string) { _, _ = out.WriteString(text) }
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	encode := func(v reflect.Value, indent string) error {
		b.Reset()
		enc.SetIndent(indent, "  ")
		err := enc.Encode(v.Interface())
		_, _ = out.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
		return err
	}
	separator := "{"
	for field, v := range reflect.ValueOf(r).Fields() {
		name := field.Tag.Get("json")
		if name == "-" {
			continue
		}
		put(separator + "\n  \"" + name + "\": ")
		separator = ","
		if v.Kind() != reflect.Slice || v.Len() == 0 {
			if err := encode(v, "  "); err != nil {
				return err
			}
			continue
		}
		for i := range v.Len() {
			put(map[bool]string{true: "[", false: ","}[i == 0] + "\n    ")
			if err := encode(v.Index(i), "    "); err != nil {
				return err
			}
		}
		put("\n  ]")
	}
	put("\n}\n")
	return out.Flush()
}
