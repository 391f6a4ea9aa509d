package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// Markdown writes the report for a ticket: the verdict first, then findings with their remedies,
// then the matrix; short enough for the 24,000 characters that an SSM command's output keeps.
func Markdown(w io.Writer, r report.Report) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("## %s: %s", strings.ToUpper(words.Say("verdict."+string(r.Verdict))), inline(r.Headline))
	line("")
	line("ndwhy %s on %s, %s, %.1f s", code(r.Version), code(r.Host), r.Started, float64(r.DurationMS)/1000)
	line("")
	line("%s", inline(words.Say("report.profile", "profile", words.Say("profile."+r.Profile.Name+".name"),
		"confidence", words.Say("confidence."+string(r.Profile.Confidence)), "because", strings.Join(r.Profile.Because, "; "))))
	if unasked := r.Beside(); unasked != "" {
		line("")
		line("%s", inline(unasked))
	}
	what := map[string]string{}
	for _, e := range r.Evidence {
		what[e.ID] = e.What
	}
	for _, f := range r.Findings {
		line("")
		line("### %s (%s, %s)", code(f.Cause), words.Say("severity."+string(f.Severity)), words.Say("confidence."+string(f.Confidence)))
		line("")
		line("**%s** %s", inline(r.On(f.Interface, f.Summary)), inline(f.Explanation))
		if len(f.Evidence) > 0 {
			line("")
		}
		for i, id := range f.Evidence {
			if i == evidenceShown {
				line("- %s", words.Say("report.seen-more", "n", len(f.Evidence)-i))
				break
			}
			line("- %s", inline(what[id]))
		}
		for _, a := range f.Alternatives {
			line("- %s", inline(words.Say("report.alternative", "cause", a.Cause, "tell", a.TellApart)))
		}
		steps := why.Steps(f.Remedies, f.Look)
		for i := 0; i < len(steps); i++ {
			if !steps[i].Command {
				line("\n%s", inline(steps[i].Text))
				continue
			}
			var commands []string
			for ; i < len(steps) && steps[i].Command; i++ {
				commands = append(commands, steps[i].Text)
			}
			line("\n```sh\n%s\n```", strings.Join(commands, "\n"))
			i--
		}
	}
	for i, f := range r.Far {
		if i == 0 {
			line("\n### %s\n", words.Say("report.section.far"))
		}
		for _, says := range f.Says() {
			line("- %s", inline(says))
		}
	}
	for i, u := range r.Unexplained {
		if i == 0 {
			line("\n### %s\n", words.Say("report.section.unexplained"))
		}
		line("- %s", inline(u.Symptom))
	}
	for i, u := range r.Unknown {
		if i == 0 {
			line("\n### %s\n", words.Say("report.section.unknown"))
		}
		line("- %s", inline(u.What+": "+u.Why))
		if u.Fix != "" {
			for _, command := range fixes(u.Fix) {
				line("  %s", code(command))
			}
			if !why.IsCommand(u.Fix) {
				line("  %s", inline(u.Fix))
			}
		}
	}
	if len(r.Paths) > 0 {
		line("\n| source | target | asks | via | outcome | normal |\n|---|---|---|---|---|---|")
	}
	bound := slices.DeleteFunc(slices.Clone(r.Paths), func(p report.Path) bool { return p.Via == diag.ViaApp })
	for _, p := range slices.Concat(byApp(r.Paths), bound) { // whether the host works comes first
		source, normal := "", "?"
		if p.Source != nil {
			source = code(*p.Source)
		}
		if p.Normal != nil {
			normal = map[bool]string{true: words.Say("report.yes"), false: "**" + words.Say("report.no") + "**"}[*p.Normal]
		}
		if p.Outcome == diag.OutcomeSkipped {
			normal = ""
		}
		outcome := words.Say("outcome." + string(p.Outcome))
		if qualified(p) {
			outcome += " (" + words.Detail(string(p.Asks), p.Detail, p.Note) + ")"
		}
		if way := wayBelow(r.Paths, p); way != "" {
			outcome += ", " + way
		}
		if len(r.Interfaces) > 1 {
			source = strings.TrimSpace(code(p.Interface) + " " + source)
		}
		line("| %s %s | %s %s | %s | %s | %s | %s |", source, words.Say("class."+string(p.SourceClass)),
			words.Say("target."+string(p.TargetClass)), code(p.Target), words.Say("asks."+string(p.Asks)),
			words.Say("via."+string(p.Via)), inline(outcome), normal)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// inline makes text safe inside a Markdown paragraph: what came from a network must not become
// markup, an image or a link.
func inline(text string) string { return markup.Replace(text) }

var markup = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]",
	"<", "&lt;", ">", "&gt;", "|", "\\|", "!", "\\!", "#", "\\#")

// code is a code span; a backtick has no place in what it holds.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "`", "'") + "`"
}
