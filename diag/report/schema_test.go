package report

import (
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/schematest"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
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

// Whatever is asked, in whatever way, and whatever network it may be, has its place in the schema.
func TestSchemaKnowsEveryName(t *testing.T) {
	s := reportSchema(t)
	good := string(ReportJSON(t, diagtest.VPC().State()))
	passes := func(from, to string) {
		t.Helper()
		if !strings.Contains(good, from) {
			t.Fatalf("%s is not in the report", from)
		}
		if err := s.Check([]byte(strings.Replace(good, from, to, 1))); err != nil {
			t.Error(err)
		}
	}
	for _, asks := range diag.AsksOrder {
		passes(`"asks":"nd"`, `"asks":"`+string(asks)+`"`)
	}
	for _, via := range diag.Ways {
		passes(`"via":"wire"`, `"via":"`+string(via)+`"`)
	}
	for _, name := range why.Profiles() {
		passes(`"profile":{"name":"aws"`, `"profile":{"name":"`+name+`"`)
		if key := "profile." + name + ".name"; !words.Has(key) {
			t.Errorf("no words for %s", key)
		}
	}
}
