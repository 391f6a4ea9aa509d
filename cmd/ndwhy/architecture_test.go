package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	root             = "../.."
	architectureFile = root + "/docs/architecture.md"
)

// What the documents for whoever works on this name is there: files by their paths, tests by their names.
func TestDocsNameWhatIsThere(t *testing.T) {
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	eachSource(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
				tests[m[1]] = true
			}
		}
	})
	paths, names := regexp.MustCompile(`\b(?:cmd|ui|diag|checks|docs)/[\w./*-]+`), regexp.MustCompile(`\bTest[A-Z]\w+`)
	for _, file := range []string{architectureFile, root + "/docs/contributing.md", root + "/docs/decisions.md"} {
		text := read(t, file)
		for _, path := range paths.FindAllString(text, -1) {
			if found, err := filepath.Glob(filepath.Join(root, strings.TrimRight(path, "./"))); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which is not there (%v)", file, path, err)
			}
		}
		for _, name := range names.FindAllString(text, -1) {
			if !tests[name] {
				t.Errorf("%s names %s, which is no test", file, name)
			}
		}
	}
}

// Every package stands in a row of the page, itself or the package that it is a part of, and imports from its own row
// and those below; no package but tests' own imports those that are for tests.
func TestArchitectureRows(t *testing.T) {
	_, table, _ := strings.Cut(read(t, architectureFile), "## Who may import whom")
	table, _, _ = strings.Cut(table, "\n## ")
	rows, rank := 0, map[string]int{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			rank[m[1]] = rows
		}
		rows++
	}
	// The folders at the top are a package and the home of others, which have rows of their own.
	row := func(pkg string) (int, bool) {
		for at := pkg; strings.Contains(at, "/") || at == pkg; at = filepath.Dir(at) {
			if r, ok := rank[at]; ok {
				return r, true
			}
		}
		return 0, false
	}
	seen := map[string]bool{}
	eachSource(t, func(path string) {
		pkg, _ := filepath.Rel(root, filepath.Dir(path))
		from, ok := row(pkg)
		if !ok && !seen[pkg] {
			t.Errorf("%s has no row in %s", pkg, architectureFile)
		}
		seen[pkg] = true
		if !ok || strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			imported, ours := strings.CutPrefix(name, "ndwhy/")
			to, ok := row(imported)
			if forTests := to == rows-1 && from != to; ours && ok && (to < from && from != rows-1 || forTests) {
				t.Errorf("%s imports %s, which stands above it in %s, or is for tests", path, imported, architectureFile)
			}
		}
	})
	for pkg := range rank {
		if !seen[pkg] {
			t.Errorf("%s has a row for %s, which is no package", architectureFile, pkg)
		}
	}
}

// eachSource calls do with the path of every Go file of the module.
func eachSource(t *testing.T, do func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go"):
			do(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
