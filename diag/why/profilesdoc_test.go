package why

import (
	"os"
	"strings"
	"testing"

	"ndwhy/diag/words"
)

const profilesFile = "../../docs/profiles.md"

func TestProfilesDoc(t *testing.T) {
	want := profilesDoc()
	if *update {
		if err := os.WriteFile(profilesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(profilesFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the profiles say; run go test ./diag/why -run TestProfilesDoc -update", profilesFile)
	}
}

func profilesDoc() string {
	var b strings.Builder
	b.WriteString("# " + words.Say("doc.profiles.title") + "\n\n" + words.Say("doc.profiles.intro") + "\n")
	for _, p := range networks {
		b.WriteString("\n## " + p.Name + "\n\n" + words.Capital(words.Say("profile."+p.Name+".name")) + ".\n\n")
		for _, f := range p.facts() {
			b.WriteString("- " + markdown(f[0]) + " (" + markdown(f[1]) + ")\n")
		}
		if len(p.facts()) > 0 {
			b.WriteString("\n")
		}
		b.WriteString("| asked | normal | known from |\n|---|---|---|\n")
		for _, c := range p.Normal {
			b.WriteString("| " + markdown(c.question()) + " | " + c.outcome() + " | " + markdown(c.by.String()) + " |\n")
		}
	}
	b.WriteString("\n## " + words.Say("doc.profiles.ranges") + "\n\n| prefix | network | known from |\n|---|---|---|\n")
	for _, s := range blocks {
		b.WriteString("| `" + s.prefix.String() + "` | " + s.profile + " | " + markdown(s.by.String()) + " |\n")
	}
	return b.String()
}

// TestProfilesAreWhole: every line that says more than IPv6 itself does says where it is known from, and when.
func TestProfilesAreWhole(t *testing.T) {
	dated := func(where string, s Source) {
		if s.Basis == "" {
			return
		}
		if !strings.Contains(s.Text, "20") && !strings.Contains(s.Text, "RFC") && s.Basis != Inferred && !strings.Contains(s.Text, "no date") {
			t.Errorf("%s: %q has neither date nor standard", where, s.Text)
		}
	}
	for _, p := range networks {
		for _, f := range p.Facts {
			if f.By.Basis == "" || !words.Has("trait."+string(f.Trait)) {
				t.Errorf("%s: %s has no source, or no words", p.Name, f.Trait)
			}
			dated(p.Name, f.By)
		}
		if len(p.Gateways) > 0 && p.GatewaysBy.Basis == "" || p.Platform != "" && p.PlatformBy.Basis == "" {
			t.Errorf("%s: its gateway or platform has no source", p.Name)
		}
		for _, c := range p.Normal {
			dated(p.Name, c.by)
		}
		if len(p.Normal) == 0 {
			t.Errorf("%s: nothing is known to be normal", p.Name)
		}
	}
	for i, s := range blocks {
		dated(s.prefix.String(), s.by)
		if _, ok := profiles[s.profile]; !ok || s.prefix != s.prefix.Masked() {
			t.Errorf("%s: of %q", s.prefix, s.profile)
		}
		for _, other := range blocks[i+1:] {
			if s.prefix.Overlaps(other.prefix) {
				t.Errorf("%s is part of %s", s.prefix, other.prefix)
			}
		}
	}
}
