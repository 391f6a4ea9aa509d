package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/record"
	"ndwhy/diag/schematest"
	"ndwhy/diag/why"
)

// captureOf is the capture that `--pcap` would have kept of a recording, and the MAC of the host that it is of.
func captureOf(t *testing.T, recording string) (capture []byte, mac diag.MAC) {
	t.Helper()
	file, err := record.Open(t.Context(), recording)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var b bytes.Buffer
	w, err := record.NewPcap(&b, "1", time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range record.Read(file) {
		if err == nil {
			err = w.Write(e)
		}
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := e.Body.(diag.Frame); ok && f.Out {
			mac = f.SrcMAC
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), mac
}

// Of a capture there is a report as of a host, in every respect of its form; it is never OK, and knows no more than
// the frames.
func TestCheckOfACapture(t *testing.T) {
	t.Parallel()
	schema := schematest.Load(t, "../../docs/report.schema.json")
	capture, mac := captureOf(t, "../../ui/testdata/lab/rogue-router.jsonl.zst")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(capture)
	z.Close()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		capture []byte
		flags   []string
		want    string
	}{
		"whole":    {capture, nil, "router.rogue"},
		"gzip":     {packed.Bytes(), nil, "router.rogue"},
		"of one":   {capture, []string{"--as", mac.String()}, "router.rogue"},
		"of cloud": {capture, []string{"--profile", "aws"}, "router.rogue"},
		"cut":      {capture[:len(capture)-3], nil, "router.rogue"},
		"none":     {capture[:bytes.Index(capture, []byte{6, 0, 0, 0})], nil, ""},
		"redacted": {capture, []string{"--redact"}, "router.rogue"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, tt.capture, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs strings.Builder
		code := run(append([]string{"check", "--json", "--from", file}, tt.flags...), nil, &out, &errs)
		if err := schema.Check([]byte(out.String())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code})
		found := ""
		for _, f := range got.Findings {
			found += f.Cause
		}
		if !strings.Contains(found, tt.want) || tt.want == "" && found != "" || code == 0 || got.Verdict == why.VerdictOK {
			t.Errorf("%s: exit %d, %q\n%s", name, code, found, out.String())
		}
		if cloud := got.Verdict == why.VerdictCritical; cloud != (name == "of cloud") {
			t.Errorf("%s: %s: %s", name, got.Verdict, got.Headline)
		}
		if said := strings.Contains(errs.String(), "cut off"); said != (name == "cut") {
			t.Errorf("%s: %s", name, errs.String())
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"--as fe80::77 --from " + filepath.Join(dir, "whole"), "sends nothing in this capture"},
		{"--as eth0 --from " + filepath.Join(dir, "whole"), "neither an IPv6 address nor a MAC"},
		{"--profile aws --from ../../ui/testdata/lab/rogue-router.jsonl.zst", "is a recording, which has that"},
		{"--profile moon --from " + filepath.Join(dir, "whole"), "no such profile"},
		{"--as fe80::77 --as fe80::78 --from " + filepath.Join(dir, "whole"), "more of them than captures"},
		{"--from " + filepath.Join(dir, "whole") + " --from " + filepath.Join(dir, "none"), "as in --as "},
		{"--as fe80::77", "give the capture by --from"},
		{"--as fe80::77 --from ../../ui/testdata/lab/rogue-router.jsonl.zst", "is a recording of one host"},
	} {
		var out, errs strings.Builder
		if code := run(append([]string{"check"}, strings.Fields(tt.args)...), nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%s: exit %d, %s", tt.args, code, errs.String())
		}
	}
}
