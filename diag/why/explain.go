package why

import (
	"slices"
	"strings"

	"ndwhy/diag/words"
)

// Explain returns the catalogue's entry of a cause, a check or a kind of network as plain text, ready to be printed,
// and whether there is one of that name. The first sentence is for a reader who has never heard
// of neighbour discovery, the details for one who knows RFC 4861.
func Explain(id string) (string, bool) {
	if i := slices.IndexFunc(causes, func(c *Cause) bool { return c.ID == id }); i >= 0 {
		return explainCause(causes[i]), true
	}
	if words.Has("check." + id + ".title") {
		return explainCheck(id), true
	}
	if p, ok := profiles[id]; ok {
		return explainProfile(p), true
	}
	return "", false
}

// textWidth is the column at which explanations are wrapped.
const textWidth = 78

func explainCause(c *Cause) string {
	var b, head strings.Builder
	key := "cause." + c.ID + "."
	wrap(&head, c.ID+" ["+severityText(c)+"]")
	b.WriteString(strings.TrimLeft(head.String(), " ") + words.Say(key+"title") + "\n\n")
	means, details, _ := strings.Cut(words.Say(key+"means"), " Details: ")
	wrap(&b, means)
	b.WriteString("\n")
	section(&b, "explain.details", upperFirst(details))
	section(&b, "explain.evidence", words.Say(key+"evidence"))
	section(&b, "explain.contradicts", words.Say(key+"contradicts"))
	commands(&b, "explain.remedy", c.commands())
	commands(&b, "explain.see", strings.Split(words.Say(key+"see"), "; "))
	section(&b, "explain.source", words.Say(key+"source"))
	return b.String()
}

func explainCheck(id string) string {
	var b strings.Builder
	key := "check." + id + "."
	b.WriteString(id + "\n" + words.Say(key+"title") + "\n\n")
	wrap(&b, words.Say(key+"asks"))
	b.WriteString("\n")
	section(&b, "explain.sends", words.Say(key+"sends"))
	section(&b, "explain.changes", words.Say(key+"changes"))
	return b.String()
}

// severityText is the severity, with its condition where it has one.
func severityText(c *Cause) string {
	if key := "cause." + c.ID + ".severity"; words.Has(key) {
		return words.Say(key)
	}
	return words.Say("severity." + string(c.Severity))
}

// placeholderNames are what stands in a remedy for a value that only a real case has.
var placeholderNames = []any{
	"interface", "IF", "address", "ADDRESS", "len", "LEN", "eni", "ENI", "subnet", "SUBNET", "router", "ROUTER",
	"peer", "PEER", "target", "TARGET", "other", "OTHER-IF", "owner", "OTHER-ENI", "table", "FAMILY TABLE", "chain", "CHAIN",
	"route", "ROUTE", "sysctl", "SETTING", "mac", "MAC", "right", "RIGHT-MAC", "asked", "NEIGHBOUR",
	"mended", "VALUE", "least", "SETTING", "gateway", "ROUTER", "better", "OTHER-ADDRESS", "prefix", "PREFIX",
	"from", "ASKER",
}

// commands are the cause's remedies with names for values.
func (c *Cause) commands() []string {
	list := make([]string, len(c.Remedy))
	for i, r := range c.Remedy {
		list[i] = words.Fill(r.Command, placeholderNames...)
	}
	return list
}

func section(b *strings.Builder, title, text string) {
	if text == "" {
		return
	}
	b.WriteString(words.Say(title) + "\n")
	wrap(b, text)
	b.WriteString("\n")
}

func commands(b *strings.Builder, title string, list []string) {
	if len(list) == 0 {
		return
	}
	b.WriteString(words.Say(title) + "\n")
	for _, c := range list {
		b.WriteString("  " + c + "\n")
	}
	b.WriteString("\n")
}

// wrap writes text in lines of at most textWidth columns, indented by two; a word that is longer
// stays whole.
func wrap(b *strings.Builder, text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > textWidth {
			b.WriteString(line + "\n")
			line = ""
		}
		if line == "" {
			line = "  " + word
		} else {
			line += " " + word
		}
	}
	if line != "" {
		b.WriteString(line + "\n")
	}
}

func upperFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
