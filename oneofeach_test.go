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
