package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// A use is a call of Say with a key that stands in the code.
type use struct {
	key  string
	args []string // names of the placeholders it fills in
	at   token.Position
}

// uses returns every call of words.Say and words.Has in the module whose key is a literal, and
// the literals that keys are put together from ("detail." + x) as prefixes.
func uses(t *testing.T) (whole []use, prefixes []string) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return nil // another package's work in progress is its own compiler's to report
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			fn, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fn.Sel.Name != "Say" && fn.Sel.Name != "Has" {
				return true
			}
			if pkg, ok := fn.X.(*ast.Ident); !ok || pkg.Name != "words" {
				return true
			}
			if prefix, ok := call.Args[0].(*ast.BinaryExpr); ok {
				for inner, is := prefix.X.(*ast.BinaryExpr); is; inner, is = prefix.X.(*ast.BinaryExpr) {
					prefix = inner
				}
				if s, ok := literal(prefix.X); ok {
					prefixes = append(prefixes, s)
				}
			}
			if key, ok := literal(call.Args[0]); ok && fn.Sel.Name == "Say" {
				u := use{key: key, at: set.Position(call.Pos())}
				for i := 1; i < len(call.Args); i += 2 {
					name, ok := literal(call.Args[i])
					if !ok {
						u.args = nil // args... : filled in elsewhere
						break
					}
					u.args = append(u.args, name)
				}
				whole = append(whole, u)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return whole, prefixes
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// placeholders returns the names of the placeholders in a text, in order of first use.
func placeholders(text string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(text, "{")
		if !ok {
			return names
		}
		name, rest, ok := strings.Cut(rest, "}")
		if !ok {
			return names
		}
		name, _, _ = strings.Cut(name, "|")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		text = rest
	}
}

func TestEveryKeyThatIsUsedHasAText(t *testing.T) {
	whole, prefixes := uses(t)
	if len(whole) < 50 {
		t.Fatalf("only %d uses were found", len(whole))
	}
	for _, u := range whole {
		if !Has(u.key) {
			t.Errorf("%s: no text for %q", u.at, u.key)
			continue
		}
		for _, name := range placeholders(english[u.key]) {
			if u.args != nil && !slices.Contains(u.args, name) {
				t.Errorf("%s: nothing for {%s} of %q", u.at, name, u.key)
			}
		}
	}
	for _, p := range prefixes {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(english)), func(k string) bool { return strings.HasPrefix(k, p) }) {
			t.Errorf("no text begins with %q", p)
		}
	}
}

// What a cause explains in words of a variant, it sums up in such words too.
func TestWhatIsExplainedIsSummedUp(t *testing.T) {
	t.Parallel()
	for key := range english {
		if name, ok := strings.CutSuffix(key, ".explanation"); ok && strings.HasPrefix(name, "cause.") && !Has(name+".summary") {
			t.Errorf("%s has no summary", name)
		}
	}
}

func TestTextsAreFitForATerminal(t *testing.T) {
	for _, key := range slices.Sorted(maps.Keys(english)) {
		text := english[key]
		if strings.TrimSpace(text) == "" && !strings.HasPrefix(key, "class.") {
			t.Errorf("%s is empty", key)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			t.Errorf("%s has control characters", key)
		}
		if strings.HasPrefix(key, "cause.") && strings.Contains(text, "\n") {
			t.Errorf("%s is more than one line", key)
		}
	}
}

func TestSay(t *testing.T) {
	if got := Say("event.ns", "target", "fe80::1"); got != "who has fe80::1?" {
		t.Error(got)
	}
	if got := Say("event.ns", "target", "\x1b[2Jevil\u202e"); strings.ContainsAny(got, "\x1b\u202e") {
		t.Errorf("%q", got)
	}
	if got := Say("event.ns", "target", "{mac}", "mac", "no"); got != "who has {mac}?" {
		t.Errorf("a value was taken for a placeholder: %q", got)
	}
	if got := Say("no.such.key"); got != "no.such.key" {
		t.Error(got)
	}
	if got := Say("event.ns"); got != "who has {target}?" {
		t.Error(got)
	}
	if got := Say("event.ns", "target"); got != "who has {target}?" {
		t.Error(got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;x\a\xff\u0085\u2066")
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) }) {
			t.Errorf("%q", got)
		}
		if Clean(got) != got {
			t.Errorf("cleaning %q twice changes it", got)
		}
	})
}

// A number says what it counts, of one as of many.
func TestFillCounts(t *testing.T) {
	const text = "{n|packet was|packets were} sent to {host} {a|b|c}"
	for n, want := range map[int]string{0: "0 packets were", 1: "1 packet was", 12: "12 packets were"} {
		if got := Fill(text, "n", n, "host", "x"); got != want+" sent to x {a|b|c}" {
			t.Errorf("%d: %q", n, got)
		}
	}
}
