package main

import (
	"strings"
	"testing"
)

// Who mistypes a name is told the nearest, and nothing where none is near; flags that take each other back, and empty
// names, are refused in one line.
func TestUsageErrorsHelp(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"chek":                         `did you mean "check"?`,
		"check --peers x":              `did you mean "--peer"?`,
		"check rotuer-nd":              `did you mean "router-nd"?`,
		"check --only rotuer-nd":       `did you mean "router-nd"?`,
		"check --profile azur":         `did you mean "azure"?`,
		"check --format jsn":           `did you mean "json"?`,
		"explain adress.unassigned":    `did you mean "address.unassigned"?`,
		"explain unassigned":           `did you mean "address.unassigned"?`,
		"lab vcp":                      `did you mean "vpc"?`,
		"lab lan+peerdown":             `did you mean "peer-down"?`,
		"watch --only neihbour":        `did you mean "neighbour"?`,
		"lab --list":                   `did you mean "ndwhy lab list"?`,
		"version":                      `did you mean "--version"?`,
		"check --every 5s":             "it is a flag of ndwhy)",
		"check --switch-log x":         "it is a flag of ndwhy lab)",
		"replay":                       "name one recording, as in: ndwhy replay run.jsonl",
		"replay /no/such/file":         "/no/such/file: no such file or directory",
		"xyzzy":                        `unknown command "xyzzy"; see`,
		"explain xyzzy":                "no such cause, check or network; `ndwhy explain` lists them",
		"check --passive --add kernel": "--passive sends nothing, and --add kernel asks: choose one",
		"check --try 2001:db8::1":      "give --add claim or --add kernel too",
		"check --peer=":                "--peer: the name is empty",
		"check --only= --passive":      "--only: the name is empty",
		"check --record -":             "give --record and --pcap a file",
		"--every 10ms":                 "want a second or more",
		"--every 10s --passive":        "choose one",
	} {
		var out, errs strings.Builder
		code := run(strings.Fields(line), nil, &out, &errs)
		if code != exitUsage || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit %d, %q%q, want a line with %q", line, code, out.String(), errs.String(), want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"vpc", "vcp", 1}, {"check", "chek", 1}, {"peer-down", "peerdown", 1}, {"", "abc", 3}, {"abc", "", 3}, {"router", "router", 0}, {"ra", "nd", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("from %q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
