package main

import (
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNothingUnread: each exported name and each field is used by the program, not only by
// tests. A test that needs to see more can be in the package.
func TestNothingUnread(t *testing.T) {
	t.Chdir("../../..")
	all, err := loadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range unread(all) {
		t.Errorf("%s: the program never reads it; remove it, or use it", name)
	}
}

// TestUnread: what counts as a use, and what does not.
func TestUnread(t *testing.T) {
	const library = `package library

import "fmt"

type Config struct {
	Read, Set int
	Tagged    int ` + "`json:\"tagged\"`" + `
	counter   int
	table     map[string]int
}

func (Config) Called()         {}
func (Config) Uncalled()       {}
func (Config) String() string  { return "" }

type Pair struct{ x, y int } // compared
type Shown struct{ a, b int } // by reflection
type keyed struct{ k int }

const Unused, used = 1, 2

func Use() int {
	c := Config{Read: 1, Set: used, Tagged: 3}
	c.Set = 4
	c.counter++
	c.table["a"] = 5
	c.Called()
	fmt.Println(Shown{1, 2}, Pair{1, 2} == Pair{x: 3}, map[keyed]int{keyed{k: 1}: 2})
	return c.Read
}
`
	const program = `package main

import "github.com/credhelper/credhelper/library"

func Main() { library.Use() }
`
	set := token.NewFileSet()
	imports := checkedPackage{ours: map[string]*types.Package{}, others: importer.ForCompiler(set, "source", nil)}
	var all []*pkg
	for _, source := range []string{library, program} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/a.go", []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		p := &pkg{path: strings.Fields(source)[1], set: set, files: map[string]*ast.File{}}
		if err := p.check(dir, []string{"a.go"}, imports); err != nil {
			t.Fatal(err)
		}
		imports.ours[module+"/"+p.path] = p.types
		all = append(all, p)
	}
	want := []string{"library.Config.Set", "library.Config.Uncalled", "library.Config.counter", "library.Config.table", "library.Unused"}
	if got := unread(all); !slices.Equal(got, want) {
		t.Errorf("unread: %q, want %q", got, want)
	}
}
