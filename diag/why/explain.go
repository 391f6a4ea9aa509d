package why

import (
	"regexp"
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
	section(&b, "explain.details", words.Capital(details))
	section(&b, "explain.evidence", words.Say(key+"evidence"))
	section(&b, "explain.contradicts", words.Say(key+"contradicts"))
	commands(&b, "explain.remedy", c.recipe())
	commands(&b, "explain.see", See(c.ID, "", Subject{}))
	section(&b, "explain.source", words.Say(key+"source"))
	return b.String()
}

// standIns are what stands for the interface and for what a finding is about in commands that show a cause.
var standIns = map[string]*regexp.Regexp{
	"interface": regexp.MustCompile(`(^|[^A-Z-])IF\b`),
	"address":   regexp.MustCompile(`(^|[^A-Z-])ADDRESS\b`),
	"router":    regexp.MustCompile(`(^|[^A-Z-])ROUTER\b`),
	"peer":      regexp.MustCompile(`(^|[^A-Z-])PEER\b`),
	"target":    regexp.MustCompile(`(^|[^A-Z-])(?:TARGET|HOST)\b`),
}

// See returns the commands by which anybody can see for himself that a cause holds, with the interface and what it is
// about filled in as far as they are known. Capitals stand for the rest.
func See(cause, iface string, about Subject) []string {
	list := strings.Split(words.Say("cause."+cause+".see"), "; ")
	for i, command := range list {
		for kind, value := range map[string]string{"interface": iface, about.Kind: about.Value} {
			if stands := standIns[kind]; stands != nil && value != "" {
				command = stands.ReplaceAllString(command, "${1}"+words.Clean(value))
			}
		}
		list[i] = asRoot(command)
	}
	return list
}

// Blanks returns where a command has what a reader fills in: a name in angle brackets. Each is
// where it begins and ends, as regexp's FindAllStringIndex has it.
func Blanks(command string) [][]int { return blank.FindAllStringIndex(command, -1) }

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
	"interface", "IF", "conf", "net.ipv6.conf.IF", "handle", "HANDLE", "source", "SOURCE", "mac", "MAC", "foreign", "MAC", "routermac", "MAC", "right", "RIGHT",
	"gateway", "GATEWAY", "address", "ADDRESS", "len", "LEN", "eni", "ENI", "subnet", "SUBNET", "router", "ROUTER",
	"peer", "PEER", "target", "TARGET", "lo", "lo", "better-router", "OTHER-ROUTER", "other", "OTHER-IF", "owner", "OWNER", "table", "TABLE", "chain", "CHAIN",
	"route", "ROUTE", "sysctl", "SETTING", "service", "the service", "from", "SENDER", "error", "ERROR", "network", "the network", "prefix", "PREFIX", "mtu", "MTU",
	"asked", "NEIGHBOUR", "mended", "VALUE", "least", "LEAST", "better", "OTHER-ADDRESS", "offered", "what it announces", "why", "why it is not taken",
	"mtu-announced", "MTU", "hops", "HOPS", "says", "ONE", "denies", "ANOTHER", "kind", "the setting", "more", "MORE", "own", "OWN-ADDRESS", "left", "PORT", "master", "MASTER", "own-len", "LEN", "announcer", "ROUTER", "announcer-mac", "MAC", "use", "2",
}

// recipe is the cause's remedies with names for values, as lines for a shell: what each does is a comment.
func (c *Cause) recipe() []string {
	var list []Advice
	var look []string
	for _, r := range c.Remedy {
		a := Advice{}
		for _, command := range r.Do {
			command = asRoot(words.Fill(confOf(command), placeholderNames...))
			to := &a.Do
			if looks(command) {
				to = &look
			}
			if !slices.Contains(*to, command) {
				*to = append(*to, command)
			}
		}
		if r.Does != "" {
			a.Does = words.Say("remedy."+r.Does, placeholderNames...)
		}
		if a.Does != "" || len(a.Do) > 0 {
			list = append(list, a)
		}
	}
	return shell(Together(list), look)
}

// shell writes advice down as lines for a shell: sentences are comments.
func shell(list []Advice, look []string) []string {
	var lines []string
	for _, s := range Steps(list, look) {
		if !s.Command {
			s.Text = "# " + s.Text
		}
		lines = append(lines, s.Text)
	}
	return lines
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
