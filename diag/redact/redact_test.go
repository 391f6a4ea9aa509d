package redact

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	d := Redactor{On: true}
	for _, x := range []struct{ text, want string }{
		{"NS fe80::1 > ff02::1:ff00:5: who has 2001:db8::5?", "NS link-local-1 > group-1: who has global-1?"},
		{"again 2001:db8:0::5, fd00::1/64 on eth0.", "again global-1, ula-1/64 on eth0."},
		{"at 06:00:5e:00:53:01 (33:33:ff:00:00:05)", "at mac-1 (mac-group-1)"},
		{"eni-0123456789abcdef0 of i-0123456789abcdef0", "eni-1 of i-1"},
		{"ff02::1 and fe80:ec2::1 say nothing, 12:30:05 neither", "ff02::1 and fe80:ec2::1 say nothing, 12:30:05 neither"},
		{"fe80::1%eth0", "link-local-1%eth0"},
		{"\x1b[31m2001:db8::5\x1b[m", "\x1b[31mglobal-1\x1b[m"},
		{"  2001:db8:0000:0000::5/128  assigned\n  2001:db8::7  assigned", "  global-1/128               assigned\n  global-2     assigned"},
	} {
		if got := d.Text(x.text); got != x.want {
			t.Errorf("%q becomes %q, want %q", x.text, got, x.want)
		}
	}
	if text := "fe80::1"; (&Redactor{}).Text(text) != text {
		t.Error("hidden though nobody asked")
	}
}

// In JSON an address may stand right behind an escape, and what comes out is still JSON.
func TestTextOfJSON(t *testing.T) {
	const secret = "2001:db8::5"
	in, err := json.Marshal(map[string]string{"a": "\n" + secret + "\t" + secret + "\u2028" + secret + ">" + secret + "\\" + secret + "<" + secret})
	if err != nil {
		t.Fatal(err)
	}
	d := Redactor{On: true}
	out := map[string]string{}
	if err := json.Unmarshal([]byte(d.Text(string(in))), &out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out["a"], secret) || strings.Count(out["a"], "global-1") != 6 {
		t.Errorf("%q", out["a"])
	}
}
