package ui

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"ndwhy/diag/words"
)

// Every key that the screens name stands in the catalogue: a missing one would be shown as a key.
func TestEveryKeyHasWords(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`say\("([a-zA-Z0-9.-]+)"([ )+,])`)
	hotkeys := regexp.MustCompile(`hotkey\{"[^"]+", "([a-z-]+)"\}`)
	listed := regexp.MustCompile(`\{"[^"]{1,8}", "([a-z-]+)"\}`)
	for _, f := range files {
		name := f.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "term") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(m[1], ".") && m[2] != "+" && !words.Has("ui."+m[1]) {
				t.Errorf("%s: no words for ui.%s", name, m[1])
			}
		}
		for _, m := range hotkeys.FindAllStringSubmatch(string(text), -1) {
			if !words.Has("ui.key." + m[1]) {
				t.Errorf("%s: no words for ui.key.%s", name, m[1])
			}
		}
		if name == "keys.go" || name == "help.go" {
			for _, m := range listed.FindAllStringSubmatch(string(text), -1) {
				if !words.Has("ui.key." + m[1]) {
					t.Errorf("%s: no words for ui.key.%s", name, m[1])
				}
			}
		}
	}
	for _, step := range tourSteps {
		for _, part := range []string{".title", ".text", ".look"} {
			if !words.Has("ui.tour." + step.id + part) {
				t.Errorf("no words for ui.tour.%s%s", step.id, part)
			}
		}
	}
	for s := ScreenMap; s <= ScreenSwitch; s++ {
		for _, group := range []string{"tab.", "tab.short.", "hint.", "help."} {
			if !words.Has("ui." + group + s.name()) {
				t.Errorf("no words for ui.%s%s", group, s.name())
			}
		}
	}
}
