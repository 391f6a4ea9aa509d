package why

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var update = flag.Bool("update", false, "write generated documents anew")

const causesFile = "../../docs/causes.md"

func TestCausesDoc(t *testing.T) {
	want := causesDoc()
	if *update {
		if err := os.WriteFile(causesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(causesFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the catalogue says; run go test ./diag/why -run TestCausesDoc -update", causesFile)
	}
}

const remediesFile = "../../docs/remedies.md"

func TestRemediesDoc(t *testing.T) {
	want := remediesDoc()
	if *update {
		if err := os.WriteFile(remediesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(remediesFile); err != nil || string(got) != want {
		t.Errorf("%s is not what the catalogue says (%v); run go test ./diag/why -run TestRemediesDoc -update", remediesFile, err)
	}
}

// remediesDoc returns docs/remedies.md: every remedy with what keeps it, as Markdown.
func remediesDoc() string {
	var b strings.Builder
	b.WriteString("# " + words.Say("doc.remedies.title") + "\n\n" + words.Say("doc.remedies.intro") + "\n\n" + words.Say("doc.remedies.safe") + "\n\n" +
		words.Say("doc.remedies.kept") + "\n\n| " + words.Say("doc.remedies.cause") + " | " + words.Say("doc.remedies.does") + " | " +
		words.Say("doc.remedies.do") + " | " + words.Say("doc.remedies.keep") + " |\n|---|---|---|---|\n")
	cells := func(list []string) string {
		var cells []string
		for _, text := range list {
			cells = append(cells, "`"+strings.ReplaceAll(text, "|", "\\|")+"`")
		}
		return strings.Join(cells, "<br>")
	}
	for _, c := range causes {
		for _, r := range c.Remedy {
			var do []string
			for _, command := range r.Do {
				if command = asRoot(words.Fill(confOf(command), placeholderNames...)); !looks(command) {
					do = append(do, command)
				}
			}
			if r.Does == "" && len(do) == 0 {
				continue
			}
			does := ""
			if r.Does != "" {
				does = markdown(words.Say("remedy."+r.Does, placeholderNames...))
			}
			b.WriteString("| [`" + c.ID + "`](causes.md#" + anchor(c.ID) + ") | " + does + " | " + cells(do) + " | " + keptBy(r.Keep) + " |\n")
		}
	}
	return b.String()
}

// keptBy is how each manager keeps a change.
func keptBy(k *keep) string {
	if k == nil {
		return ""
	}
	var list []string
	for _, by := range []struct{ key, text string }{
		{"sysctl", k.sysctl}, {"networkd", k.networkd}, {"netplan", k.netplan}, {"nm", k.nm},
	} {
		if by.text != "" {
			list = append(list, words.Say("doc.remedies.by."+by.key)+" `"+words.Fill(by.text, placeholderNames...)+"`")
		}
	}
	for _, by := range []struct {
		key string
		so  bool
	}{{"up", k.up}, {"filter", k.filter}, {"undo", k.undo || k.amend}} {
		if by.so {
			list = append(list, words.Say("doc.remedies.by."+by.key))
		}
	}
	return strings.Join(list, "<br>")
}

// TestCausesAreWhole holds every cause against what its entry must say.
func TestCausesAreWhole(t *testing.T) {
	year := regexp.MustCompile(`20[0-9]{2}|RFC [0-9]+|Linux|linux/`)
	for _, c := range causes {
		for _, part := range []string{"title", "summary", "explanation", "means", "evidence", "contradicts", "apart", "see", "source"} {
			if !words.Has("cause." + c.ID + "." + part) {
				t.Errorf("%s: no %s", c.ID, part)
			}
		}
		means := words.Say("cause." + c.ID + ".means")
		if !strings.Contains(means, " Details: ") {
			t.Errorf("%s: means has no details for those who know the RFC", c.ID)
		}
		if source := words.Say("cause." + c.ID + ".source"); !year.MatchString(source) {
			t.Errorf("%s: source %q has neither date nor standard", c.ID, source)
		}
		if c.Severity != Info && len(c.Remedy) == 0 {
			t.Errorf("%s: no remedy", c.ID)
		}
		for _, line := range c.recipe() {
			if regexp.MustCompile(`\{[a-z]`).MatchString(line) {
				t.Errorf("%s: a placeholder has no name in %q", c.ID, line)
			}
		}
	}
	stable := strings.Fields(`
		host.inbound-unanswered
		link.flood link.spoofed
		peer.isolated net.snooping neighbour.stale-lladdr address.looped-back
		address.prefix-withdrawn path.hop-limit router.inconsistent
		path.icmp-blocked path.tcp-blocked router.advertisements-lost host.proxy-missing host.group-not-joined path.unheard address.mac-duplicate net.per-address-filter net.open-link net.multicast-suppressed net.router-silent
		address.unassigned address.not-configured address.wrong-interface address.duplicate address.expiring
		address.reserved address.link-local-not-eui64 assignment.none
		router.no-advertisement router.advertisement-ignored router.not-default router.unresolvable router.rogue router.redirects router.asks-again
		route.missing dhcpv6.no-client dhcpv6.client-fails dhcpv6.silent dhcpv6.no-address far.not-arrived far.not-answered far.answer-lost far.call-lost peer.unmapped peer.echo-blocked
		path.beyond-router path.nat64-missing path.refused path.mtu path.lossy
		host.ipv6-disabled host.loopback-down host.discovery-off host.address-on-port host.link-down host.firewall host.egress-hook host.neighbour-override
		host.neighbour-table-full host.source-selection host.routing host.forwards-unassigned
		service.unreachable service.imds-ipv6-off service.imds-hop-limit service.imds-off`)
	names := CauseNames()
	slices.Sort(stable)
	slices.Sort(names)
	if !slices.Equal(names, stable) {
		t.Errorf("the names of causes are a contract: have %v, want %v", names, stable)
	}
}

func TestExplain(t *testing.T) {
	text, ok := Explain("address.unassigned")
	for _, want := range []string{"aws ec2 assign-ipv6-addresses", "Contradicted by:", "Evidence:", "Source:", "[warning]"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if !ok {
		t.Error("not found")
	}
	for line := range strings.Lines(text) {
		if len(line) > 81 && !strings.HasPrefix(line, "  aws ") && !strings.Contains(line, "http") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if text, ok := Explain("peer-nd"); !ok || !strings.Contains(text, "Sends:") {
		t.Errorf("peer-nd: %v %s", ok, text)
	}
	for _, id := range diag.CheckOrder {
		if text, ok := Explain(id); !ok || strings.Contains(text, "check.") {
			t.Errorf("%s: %v %s", id, ok, text)
		}
	}
	if _, ok := Explain("no.such"); ok {
		t.Error("explained what there is not")
	}
}

// causesDoc returns docs/causes.md: every cause and every check of the catalogue, as Markdown.
func causesDoc() string {
	var b strings.Builder
	b.WriteString("# " + words.Say("doc.causes.title") + "\n\n" + words.Say("doc.causes.intro") + "\n\n")
	for i := range causes {
		c := causes[i]
		b.WriteString("- [`" + c.ID + "`](#" + anchor(c.ID) + ") [" + severityText(c) + "] " + words.Say("cause."+c.ID+".title") + "\n")
	}
	for i := range causes {
		c := causes[i]
		key := "cause." + c.ID + "."
		means, details, _ := strings.Cut(words.Say(key+"means"), " Details: ")
		b.WriteString("\n## " + c.ID + "\n\n")
		b.WriteString("**" + words.Say(key+"title") + "** [" + severityText(c) + "]\n\n" + markdown(means) + "\n\n" + markdown(words.Capital(details)) + "\n\n")
		b.WriteString("- " + words.Say("explain.evidence") + " " + markdown(words.Say(key+"evidence")) + "\n")
		b.WriteString("- " + words.Say("explain.contradicts") + " " + markdown(words.Say(key+"contradicts")) + "\n")
		b.WriteString("- " + words.Say("explain.source") + " " + markdown(words.Say(key+"source")) + "\n")
		block(&b, "explain.remedy", c.recipe())
		block(&b, "explain.see", strings.Split(words.Say(key+"see"), "; "))
	}
	b.WriteString("\n# " + words.Say("doc.checks.title") + "\n")
	for _, id := range diag.CheckOrder {
		key := "check." + id + "."
		b.WriteString("\n## " + id + "\n\n**" + words.Say(key+"title") + "**\n\n" + markdown(words.Say(key+"asks")) + "\n\n")
		b.WriteString("- " + words.Say("explain.sends") + " " + markdown(words.Say(key+"sends")) + "\n")
		b.WriteString("- " + words.Say("explain.changes") + " " + markdown(words.Say(key+"changes")) + "\n")
	}
	return b.String()
}

func block(b *strings.Builder, title string, list []string) {
	if len(list) > 0 {
		b.WriteString("\n" + words.Say(title) + "\n\n```sh\n" + strings.Join(list, "\n") + "\n```\n")
	}
}

// anchor is the fragment that a heading gets: letters, digits and hyphens stay.
func anchor(heading string) string { return strings.ReplaceAll(heading, ".", "") }

// markdown keeps what Markdown would take for markup as it is.
func markdown(s string) string {
	return strings.NewReplacer("*", "\\*", "_", "\\_", "<", "\\<", "[", "\\[").Replace(s)
}
