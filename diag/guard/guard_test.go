package guard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A panic is passed on, after what was to be done before it.
func TestRescue(t *testing.T) {
	did := 0
	end := Before(func() { did++ })
	for want := 1; want <= 2; want++ {
		func() {
			defer func() {
				if r := recover(); r != "boom" || did != want {
					t.Errorf("panic %v, put right %d times, want %d", r, did, want)
				}
			}()
			defer Rescue()
			panic("boom")
		}()
		if want == 1 {
			Before(func() { did++ })
			end() // no more the newest: the newer stays
		}
	}
	func() {
		defer Rescue()
	}()
	if did != 2 {
		t.Error("put right what was not wrong")
	}
}

// drawsNothing are the processes of the lab, which have no screen: a panic of theirs ends the lab.
// What runs inside the program, too, is its end of the line to the lab.
func drawsNothing(path string) bool {
	return strings.HasPrefix(path, "diag/lab/") && path != "diag/lab/control.go" || strings.HasPrefix(path, "ui/termtest/")
}

// Every goroutine of the program is guarded.
func TestEveryGoroutine(t *testing.T) {
	root, files, started := filepath.Join("..", ".."), token.NewFileSet(), 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "..":
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || drawsNothing(filepath.ToSlash(rel)):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			var fn ast.Expr
			switch n := n.(type) {
			case *ast.GoStmt:
				fn = n.Call.Fun
			case *ast.CallExpr: // sync.WaitGroup.Go, errgroup.Group.Go; time.AfterFunc, context.AfterFunc
				called, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || called.Sel.Name != "Go" && called.Sel.Name != "AfterFunc" || len(n.Args) == 0 {
					return true
				}
				fn = n.Args[len(n.Args)-1]
			default:
				return true
			}
			started++
			if !guarded(fn) {
				t.Errorf("%s: a goroutine that does not begin with `defer guard.Rescue()`", files.Position(n.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil || started < 10 {
		t.Errorf("%d goroutines found; %v", started, err)
	}
}

// guarded reports whether fn is a literal that begins with `defer guard.Rescue()`.
func guarded(fn ast.Expr) bool {
	literal, ok := fn.(*ast.FuncLit)
	if !ok || len(literal.Body.List) == 0 {
		return false
	}
	first, ok := literal.Body.List[0].(*ast.DeferStmt)
	if !ok {
		return false
	}
	called, ok := first.Call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	in, ok := called.X.(*ast.Ident)
	return ok && in.Name == "guard" && called.Sel.Name == "Rescue"
}
