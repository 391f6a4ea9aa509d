package why

import (
	"strings"

	"ndwhy/diag/words"
)

// explainProfile is what is known of a kind of network, a line each with where it is known from.
func explainProfile(p Profile) string {
	var b strings.Builder
	b.WriteString(p.Name + "\n" + words.Capital(words.Say("profile."+p.Name+".name")) + "\n\n")
	if facts := p.facts(); len(facts) > 0 {
		b.WriteString(words.Say("profiles.facts") + "\n")
		for _, f := range facts {
			wrap(&b, f[0]+" ["+f[1]+"]")
		}
		b.WriteString("\n")
	}
	b.WriteString(words.Say("profiles.normal") + "\n")
	for _, c := range p.Normal {
		wrap(&b, c.question()+": "+c.outcome()+" ["+c.by.String()+"]")
	}
	b.WriteString("\n")
	wrap(&b, words.Say("profiles.given", "name", p.Name))
	return b.String()
}

// facts are what a network has, as sentences, each with its source.
func (p Profile) facts() [][2]string {
	var list [][2]string
	for _, f := range p.Facts {
		list = append(list, [2]string{words.Say("trait." + string(f.Trait)), f.By.String()})
	}
	for _, a := range p.Gateways {
		list = append(list, [2]string{words.Say("profiles.gateway", "address", a), p.GatewaysBy.String()})
	}
	if p.Platform != "" {
		list = append(list, [2]string{words.Say("profiles.platform", "name", p.Platform), p.PlatformBy.String()})
	}
	return list
}

func (s Source) String() string {
	if s.Basis == "" {
		return words.Say("profiles.no-source")
	}
	return words.Say("basis."+string(s.Basis)) + ": " + s.Text
}

// question is what a row is about: who asks whom for what.
func (c cell) question() string {
	text := each("profiles.asks.", c.asks, words.Say("profiles.any"))
	if len(c.from) > 0 {
		text = words.Say("profiles.from", "asks", text, "from", each("profiles.from.", c.from, ""))
	}
	if len(c.to) > 0 {
		text = words.Say("profiles.to", "asks", text, "to", each("profiles.to.", c.to, ""))
	}
	return text
}

// outcome is what is normal by a row.
func (c cell) outcome() string {
	switch c.expect {
	case ExpectAnswer:
		return words.Say("profiles.expect.answer")
	case ExpectSilence:
		return words.Say("profiles.expect.silence")
	default:
		return words.Say("profiles.expect.either")
	}
}

// each says the words of all in a list; of an empty one, none.
func each[T ~string](prefix string, list []T, none string) string {
	if len(list) == 0 {
		return none
	}
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = words.Say(prefix + string(x))
	}
	return strings.Join(texts, ", ")
}
