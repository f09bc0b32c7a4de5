package main

import (
	"go/types"
	"slices"
	"strings"
)

// unread lists the exported names, in packages that the program links, which only tests
// refer to: package-level names, methods and fields, as "helper/cache.Store.KeyPlace".
// It omits names that are used implicitly: fields with a tag, and methods that some
// interface requires.
func unread(all []*pkg) []string {
	read := map[string]bool{}
	wanted := map[string]bool{} // names of methods of any interface that is mentioned
	for _, p := range all {
		for _, object := range p.info.Uses {
			if object.Pkg() != nil {
				read[nameOf(object)] = true
			}
			noteInterface(object.Type(), wanted)
		}
		for _, s := range p.info.Selections {
			read[selectionName(s)] = true
		}
		for _, object := range p.info.Defs {
			if object != nil {
				noteInterface(object.Type(), wanted)
			}
		}
	}
	var names []string
	for _, p := range all {
		if p.types.Name() == "main" || testOnly(p.path) {
			continue
		}
		for _, name := range p.exported(wanted) {
			if !read[name] {
				names = append(names, strings.TrimPrefix(name, module+"/"))
			}
		}
	}
	slices.Sort(names)
	return names
}

// testOnly reports whether a package exists for tests and scripts only.
func testOnly(path string) bool {
	return strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "scripts/") || strings.HasPrefix(path, "examples/") ||
		strings.HasSuffix(path, "test") || strings.HasSuffix(path, "/wire") || strings.HasPrefix(path, "helper/oauth/oauthtest")
}

// nameOf returns the name of an object across packages. Methods and fields are named by
// selections, where their type is known.
func nameOf(object types.Object) string {
	if f, ok := object.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			return typeName(recv.Type()) + "." + f.Name()
		}
	}
	return object.Pkg().Path() + "." + object.Name()
}

func typeName(t types.Type) string {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok && n.Obj().Pkg() != nil {
		return n.Obj().Pkg().Path() + "." + n.Obj().Name()
	}
	return ""
}

// selectionName names the selected x.f by the type that declares it.
func selectionName(s *types.Selection) string {
	t := s.Recv()
	for _, i := range s.Index()[:len(s.Index())-1] { // through embedded fields
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return ""
		}
		t = st.Field(i).Type()
	}
	return typeName(t) + "." + s.Obj().Name()
}

// noteInterface records the methods of an interface type, or of the interfaces that a
// function accepts.
func noteInterface(t types.Type, wanted map[string]bool) {
	if t == nil {
		return
	}
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	switch u := t.Underlying().(type) {
	case *types.Interface:
		for m := range u.Methods() {
			wanted[m.Name()] = true
		}
	case *types.Signature:
		for v := range u.Params().Variables() {
			if i, ok := v.Type().Underlying().(*types.Interface); ok {
				for m := range i.Methods() {
					wanted[m.Name()] = true
				}
			}
		}
	}
}

// exported lists the package's exported names that other code should use.
func (p *pkg) exported(wanted map[string]bool) (names []string) {
	scope := p.types.Scope()
	prefix := p.types.Path() + "."
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		if !object.Exported() {
			continue
		}
		names = append(names, prefix+name)
		if _, isType := object.(*types.TypeName); !isType {
			continue
		}
		named, ok := object.Type().(*types.Named)
		if !ok {
			continue
		}
		for m := range named.Methods() {
			if m.Exported() && !wanted[m.Name()] && !isFmt(m.Name()) {
				names = append(names, prefix+name+"."+m.Name())
			}
		}
		if st, ok := named.Underlying().(*types.Struct); ok {
			for i := range st.NumFields() {
				if f := st.Field(i); f.Exported() && !f.Embedded() && st.Tag(i) == "" {
					names = append(names, prefix+name+"."+f.Name())
				}
			}
		}
	}
	return names
}

// isFmt reports whether a method is called by packages that print or marshal.
func isFmt(name string) bool {
	switch name {
	case "String", "GoString", "Error", "Unwrap", "Is", "As", "MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "LogValue", "Timeout", "Temporary":
		return true
	}
	return false
}
