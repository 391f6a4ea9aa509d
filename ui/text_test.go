package ui

import (
	"strings"
	"testing"
)

// What is copied off the screen runs: however narrow the place, no line ends within quotes, and the shell sees the same
// words.
func TestCommandsCanBePasted(t *testing.T) {
	const chain = "sudo nft add table ip6 ndwhy && sudo nft 'add chain ip6 ndwhy input { type filter hook input priority -10; }' && sudo ip -6 route del default via fe80::1 dev eth0"
	c := &canvas{mask: func(text string) string { return text }}
	for w := 38; w < 130; w++ {
		d := newDoc(c, w)
		d.command(chain)
		var whole strings.Builder
		for i := range d.lines {
			line := strings.TrimPrefix(strings.TrimSpace(d.text(i)), "$ ")
			if strings.Count(line, "'")%2 == 1 {
				t.Errorf("%d columns: quotes are open at the end of %q", w, line)
			}
			if more := strings.HasSuffix(line, ` \`); more != (i < len(d.lines)-1) {
				t.Errorf("%d columns: line %d of %d is %q", w, i, len(d.lines), line)
			}
			whole.WriteString(strings.TrimSuffix(line, `\`))
		}
		if got := strings.ReplaceAll(whole.String(), "' '", " "); got != chain {
			t.Errorf("%d columns: got %q", w, got)
		}
	}
}
