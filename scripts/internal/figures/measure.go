package main

import (
	"go/ast"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// codeLines counts the lines that are neither blank nor only a comment.
func (p *pkg) codeLines() int { return p.codeLinesBut(nil) }

// codeLinesBut is codeLines without files, or those of directories that end in a slash.
func (p *pkg) codeLinesBut(not []string) (lines int) {
	for path, f := range p.files {
		file := p.path + "/" + filepath.Base(path)
		if slices.ContainsFunc(not, func(n string) bool { return file == n || strings.HasSuffix(n, "/") && strings.HasPrefix(file, n) }) {
			continue
		}
		comments := map[int]bool{}
		for _, group := range f.Comments {
			for line := p.set.Position(group.Pos()).Line; line <= p.set.Position(group.End()).Line; line++ {
				comments[line] = true
			}
		}
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for i, line := range strings.Split(string(content), "\n") {
			line = strings.TrimSpace(line)
			if line != "" && !(comments[i+1] && (strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*"))) {
				lines++
			}
		}
	}
	return lines
}

// exportedNames counts exported package-level identifiers and exported methods of
// exported types.
func (p *pkg) exportedNames() (names int) {
	scope := p.types.Scope()
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		if !object.Exported() {
			continue
		}
		names++
		named, ok := object.Type().(*types.Named)
		if _, isType := object.(*types.TypeName); !ok || !isType {
			continue
		}
		for m := range named.Methods() {
			if m.Exported() {
				names++
			}
		}
	}
	return names
}

// largestCycle returns the size of the largest group of files that all refer to each
// other, directly or indirectly; 1 if there is no cycle.
func (p *pkg) largestCycle() int {
	refers := map[string]map[string]bool{}
	for path, f := range p.files {
		refers[path] = map[string]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			object := p.info.Uses[id]
			if object == nil || object.Pkg() != p.types || object.Parent() != nil && object.Parent() != p.types.Scope() {
				return true
			}
			if to := p.set.Position(object.Pos()).Filename; to != path {
				refers[path][to] = true
			}
			return true
		})
	}
	largest := 0
	for _, group := range components(refers) {
		largest = max(largest, len(group))
	}
	return largest
}

// components returns the strongly connected components of a graph (Tarjan).
func components(edges map[string]map[string]bool) (groups [][]string) {
	index, low := map[string]int{}, map[string]int{}
	on := map[string]bool{}
	var stack []string
	var visit func(v string)
	visit = func(v string) {
		index[v] = len(index) + 1
		low[v] = index[v]
		stack, on[v] = append(stack, v), true
		for w := range edges[v] {
			if index[w] == 0 {
				visit(w)
				low[v] = min(low[v], low[w])
			} else if on[w] {
				low[v] = min(low[v], index[w])
			}
		}
		if low[v] != index[v] {
			return
		}
		var group []string
		for {
			w := stack[len(stack)-1]
			stack, on[w] = stack[:len(stack)-1], false
			group = append(group, w)
			if w == v {
				break
			}
		}
		groups = append(groups, group)
	}
	for v := range edges {
		if index[v] == 0 {
			visit(v)
		}
	}
	return groups
}
