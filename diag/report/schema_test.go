package report

import (
	"strings"
	"testing"

	"ndwhy/diag/diagtest"
	"ndwhy/diag/schematest"
)

func reportSchema(t *testing.T) schematest.Schema {
	t.Helper()
	return schematest.Load(t, "../../docs/report.schema.json")
}

func TestSchemaFindsWhatIsWrong(t *testing.T) {
	s := reportSchema(t)
	good := ReportJSON(t, diagtest.VPC().State())
	for _, change := range [][2]string{
		{`"schema":"ndwhy.report/1"`, `"schema":"ndwhy.report/2"`},
		{`"verdict":"ok"`, `"verdict":"fine"`},
		{`"normal":true`, `"normal":"yes"`},
		{`"headline":`, `"heading":`},
		{`"by_kernel":`, `"extra":1,"by_kernel":`},
		{`"outcome":"silent"`, `"outcome":null`},
		{`"frame":"AQID"`, `"frame":"~"`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Fatalf("%s is not in the report", change[0])
		}
		if s.Check([]byte(bad)) == nil {
			t.Errorf("%s passes for %s", change[1], change[0])
		}
	}
}
