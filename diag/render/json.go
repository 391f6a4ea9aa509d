package render

import (
	"encoding/json"
	"io"

	"ndwhy/diag/report"
)

// JSON writes the report as one ndwhy.report/1 document.
func JSON(w io.Writer, r report.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}
