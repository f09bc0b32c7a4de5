package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/credhelper/credhelper"

// pkg is a package of this module as it is built for linux, type-checked.
type pkg struct {
	path  string // relative to the module
	set   *token.FileSet
	files map[string]*ast.File // by path
	types *types.Package
	info  types.Info
}

// loadAll type-checks every package of the module, without its tests.
func loadAll() ([]*pkg, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export", "./...")
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	type listedPackage struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
	}
	exports := map[string]string{}
	var ours []listedPackage
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var l listedPackage
		if err := d.Decode(&l); err != nil {
			return nil, err
		}
		exports[l.ImportPath] = l.Export
		if strings.HasPrefix(l.ImportPath, module+"/") {
			ours = append(ours, l)
		}
	}
	if len(ours) == 0 {
		return nil, fmt.Errorf("no packages: run it inside the module")
	}
	set := token.NewFileSet()
	imports := checkedPackage{
		ours:   map[string]*types.Package{},
		others: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
	}
	var all []*pkg
	for _, l := range ours { // each after those that it imports
		p := &pkg{path: strings.TrimPrefix(l.ImportPath, module+"/"), set: set, files: map[string]*ast.File{}}
		if err := p.check(l.Dir, l.GoFiles, imports); err != nil {
			return nil, err
		}
		imports.ours[l.ImportPath] = p.types
		all = append(all, p)
	}
	return all, nil
}

// checkedPackage imports packages of this module as they were type-checked, so that a name is
// the same object in all of them, and other packages from their export data.
type checkedPackage struct {
	ours   map[string]*types.Package
	others types.Importer
}

func (c checkedPackage) Import(path string) (*types.Package, error) {
	if p := c.ours[path]; p != nil {
		return p, nil
	}
	return c.others.Import(path)
}

func (p *pkg) check(dir string, names []string, importer types.Importer) error {
	var files []*ast.File
	for _, name := range names {
		path := filepath.Join(dir, name)
		f, err := parser.ParseFile(p.set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		p.files[path] = f
		files = append(files, f)
	}
	p.info = types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{}}
	var err error
	p.types, err = (&types.Config{Importer: importer}).Check(module+"/"+p.path, p.set, files, &p.info)
	return err
}
