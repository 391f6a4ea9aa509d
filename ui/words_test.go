package ui

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"ndwhy/diag"
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

// Whatever is asked, in whatever way, has a name on every screen and in plain lines, and what may come of it a place on
// the map.
func TestEveryQuestionHasWords(t *testing.T) {
	keys := []string{}
	for _, via := range diag.Ways {
		keys = append(keys, "via."+string(via), "ui.via."+string(via), "plain.via."+string(via))
	}
	for _, asks := range diag.AsksOrder {
		keys = append(keys, "asks."+string(asks), "plain.asks."+string(asks), "ui.asks."+string(asks), "ui.proof."+string(asks))
		if asks == diag.AsksDAD {
			continue // it says nothing of whom it asks
		}
		for _, outcome := range []diag.Outcome{diag.Answered, diag.Silent, diag.Refused, diag.Unsent, diag.OutcomeSkipped} {
			keys = append(keys, "ui.edge."+string(asks)+"."+string(outcome))
		}
	}
	for _, key := range keys {
		if !words.Has(key) {
			t.Errorf("no words for %s", key)
		}
	}
}
