package house

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// TestOneCleaner (T23): protocol/printable alone makes foreign text fit for a line. A
// second one shows itself by putting a question mark in the place of a byte, or by
// strings.Map.
func TestOneCleaner(t *testing.T) {
	there := 0
	for _, f := range sources(t, false) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if !cleans(n) {
				return true
			}
			if strings.HasPrefix(f.path, "protocol/printable/") {
				there++
			} else if !strings.HasPrefix(f.path, "examples/") { // which are whole programs of their own
				t.Errorf("%s cleans text; protocol/printable does", f.set.Position(n.Pos()))
			}
			return true
		})
	}
	if there == 0 {
		t.Error("not even protocol/printable is seen to clean text: the test is blind")
	}
}

// cleans reports whether a piece of code writes '?' or calls strings.Map.
func cleans(n ast.Node) bool {
	isMark := func(e ast.Expr) bool {
		lit, ok := e.(*ast.BasicLit)
		return ok && lit.Kind == token.CHAR && lit.Value == "'?'"
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		return len(n.Rhs) == 1 && isMark(n.Rhs[0])
	case *ast.ReturnStmt:
		return len(n.Results) == 1 && isMark(n.Results[0])
	case *ast.SelectorExpr:
		pkg, ok := n.X.(*ast.Ident)
		return ok && (pkg.Name == "strings" || pkg.Name == "bytes") && n.Sel.Name == "Map"
	}
	return false
}

// TestErrorsAreNotMatched: what an error means is in its type. Its text is for people,
// and changes with the next release of whoever wrote it.
func TestErrorsAreNotMatched(t *testing.T) {
	files := 0
	for _, f := range sources(t, false) {
		if forTests(f.path) || strings.HasPrefix(f.path, "examples/") {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, at := range matches(d) {
				t.Errorf("%s decides by the text of an error", f.set.Position(at))
			}
		}
		files++
	}
	if files == 0 {
		t.Error("no file was read: the test is blind")
	}
}

// forTests reports whether a file belongs to a package that only tests import.
func forTests(path string) bool {
	for _, r := range packages {
		if r.tests && strings.HasPrefix(path, r.path+"/") {
			return true
		}
	}
	return false
}

// matches are the places of a declaration that look into the text of an error: a call
// of package strings, or a comparison, with x.Error() in it or with a variable that was
// set to it. To show no more than the first line is allowed.
func matches(d ast.Decl) (places []token.Pos) {
	texts := map[string]bool{}
	isText := func(e ast.Expr) bool {
		found := false
		ast.Inspect(e, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				found = found || n.Sel.Name == "Error" && !isPackage(n.X)
			case *ast.Ident:
				found = found || texts[n.Name]
			}
			return true
		})
		return found
	}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if call, ok := n.Rhs[0].(*ast.CallExpr); ok && len(n.Lhs) == 1 {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Error" && len(call.Args) == 0 {
					if id, ok := n.Lhs[0].(*ast.Ident); ok {
						texts[id.Name] = true
					}
				}
			}
		case *ast.CallExpr:
			s, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || !isStrings(s.X) || len(n.Args) == 0 {
				return true
			}
			if sep, ok := n.Args[len(n.Args)-1].(*ast.BasicLit); ok && sep.Value == `"\n"` {
				return true
			}
			if isText(n.Args[0]) {
				places = append(places, n.Pos())
			}
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				for _, side := range [...]ast.Expr{n.X, n.Y} {
					if call, ok := side.(*ast.CallExpr); ok && isText(call.Fun) {
						places = append(places, n.Pos())
					}
				}
			}
		}
		return true
	})
	return places
}

func isStrings(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && (id.Name == "strings" || id.Name == "regexp")
}

// isPackage reports whether x of x.Error is a package of ours with a type of that name.
func isPackage(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && (id.Name == "oauth" || id.Name == "protocol")
}
