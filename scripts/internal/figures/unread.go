package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// uses is what a program does with the names that it declares.
type uses struct {
	read   map[types.Object]bool // names that are mentioned other than to be assigned to
	wanted map[string]bool       // names of methods of any interface that is mentioned
}

// unread lists the names that the program declares but does not need: exported names,
// methods and fields that only tests refer to, and fields, exported or not, that are only
// assigned to. Packages for tests and scripts are no part of the program, but examples
// are: they use what the program exports. Names that are used implicitly do not count:
// methods that some interface requires; fields with a tag, and those of a struct that is
// compared, hashed or passed to reflection.
func unread(all []*pkg) []string {
	u := uses{read: map[types.Object]bool{}, wanted: map[string]bool{}}
	for _, p := range all {
		if !testOnly(p.path) {
			u.note(p)
		}
	}
	var names []string
	for _, p := range all {
		if testOnly(p.path) || strings.HasPrefix(p.path, "examples/") {
			continue
		}
		for object, name := range p.declared(u.wanted) {
			if !u.read[object] {
				names = append(names, p.path+"."+name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// testOnly reports whether a package exists for tests and scripts only.
func testOnly(path string) bool {
	return strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "scripts/") ||
		strings.HasSuffix(path, "test") || strings.HasSuffix(path, "/wire") || strings.HasPrefix(path, "helper/oauth/oauthtest")
}

// note adds what a package does with names.
func (u *uses) note(p *pkg) {
	assigned := map[*ast.Ident]bool{}
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, left := range n.Lhs {
					noteAssigned(left, assigned)
				}
			case *ast.IncDecStmt:
				noteAssigned(n.X, assigned)
			case *ast.CompositeLit:
				u.noteLiteral(p, n, assigned)
			case *ast.BinaryExpr:
				if n.Op == token.EQL || n.Op == token.NEQ {
					u.compared(p.info.TypeOf(n.X))
				}
			case *ast.MapType:
				u.compared(p.info.TypeOf(n.Key))
			case *ast.CallExpr:
				u.noteCall(p, n)
			}
			return true
		})
	}
	for id, object := range p.info.Uses {
		if !assigned[id] {
			u.read[origin(object)] = true
		}
		u.noteInterface(object.Type())
	}
	for _, object := range p.info.Defs {
		if object != nil {
			u.noteInterface(object.Type())
		}
	}
	for id, instance := range p.info.Instances {
		u.noteInstance(p.info.Uses[id], instance)
	}
}

// noteAssigned records the name to which a statement assigns, and that of a map or slice
// of which it assigns an element.
func noteAssigned(left ast.Expr, assigned map[*ast.Ident]bool) {
	switch left := ast.Unparen(left).(type) {
	case *ast.SelectorExpr:
		assigned[left.Sel] = true
	case *ast.IndexExpr:
		noteAssigned(left.X, assigned)
	}
}

// noteLiteral records the fields that a composite literal sets by name.
func (u *uses) noteLiteral(p *pkg, literal *ast.CompositeLit, assigned map[*ast.Ident]bool) {
	if _, isStruct := p.info.TypeOf(literal).Underlying().(*types.Struct); !isStruct {
		return
	}
	for _, element := range literal.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			assigned[pair.Key.(*ast.Ident)] = true
		}
	}
}

// noteCall records the fields of arguments that are passed as any, which reflection reads.
func (u *uses) noteCall(p *pkg, call *ast.CallExpr) {
	signature, ok := p.info.TypeOf(call.Fun).Underlying().(*types.Signature)
	if !ok {
		return
	}
	for i, argument := range call.Args {
		at := min(i, signature.Params().Len()-1)
		if at < 0 {
			return // f(g()), where f takes any number and g returns none
		}
		parameter := signature.Params().At(at).Type()
		if s, ok := parameter.(*types.Slice); ok && signature.Variadic() && at == signature.Params().Len()-1 {
			parameter = s.Elem()
		}
		if isAny(parameter) {
			u.reflected(p.info.TypeOf(argument))
		}
	}
}

func isAny(t types.Type) bool {
	i, ok := t.Underlying().(*types.Interface)
	_, isParameter := t.(*types.TypeParam)
	return ok && i.Empty() && !isParameter
}

// noteInstance records the fields of structs that instantiate a parameter which is
// compared, as the element of slices.Contains.
func (u *uses) noteInstance(generic types.Object, instance types.Instance) {
	f, ok := generic.(*types.Func)
	if !ok {
		return
	}
	for i, parameter := range slices.Collect(f.Signature().TypeParams().TypeParams()) {
		if parameter.Constraint().Underlying().(*types.Interface).IsComparable() {
			u.compared(instance.TypeArgs.At(i))
		}
	}
}

// reflected records that all fields of a value are read, at any depth.
func (u *uses) reflected(t types.Type) {
	switch under := t.Underlying().(type) {
	case interface{ Elem() types.Type }: // a pointer, slice, array or map
		u.reflected(under.Elem())
	case *types.Struct:
		for f := range under.Fields() {
			if !u.read[f.Origin()] {
				u.read[f.Origin()] = true
				u.reflected(f.Type())
			}
		}
	}
}

// compared records that the fields of a struct which is compared are read.
func (u *uses) compared(t types.Type) {
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for f := range s.Fields() {
		u.read[f.Origin()] = true
		u.compared(f.Type())
	}
}

// noteInterface records the methods of an interface type, or of the interfaces that a
// function accepts.
func (u *uses) noteInterface(t types.Type) {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	switch under := t.Underlying().(type) {
	case *types.Interface:
		for m := range under.Methods() {
			u.wanted[m.Name()] = true
		}
	case *types.Signature:
		for v := range under.Params().Variables() {
			if i, ok := v.Type().Underlying().(*types.Interface); ok {
				for m := range i.Methods() {
					u.wanted[m.Name()] = true
				}
			}
		}
	}
}

// origin returns the declared object of one that may belong to an instance of a generic
// type or function.
func origin(object types.Object) types.Object {
	switch object := object.(type) {
	case *types.Var:
		return object.Origin()
	case *types.Func:
		return object.Origin()
	}
	return object
}

// declared returns the package's names that something should read: exported names, and
// methods and fields of its types.
func (p *pkg) declared(wanted map[string]bool) map[types.Object]string {
	names := map[types.Object]string{}
	for _, object := range p.info.Defs {
		t, isType := object.(*types.TypeName)
		if object != nil && object.Exported() && object.Parent() == p.types.Scope() && p.types.Name() != "main" {
			names[object] = object.Name()
		}
		if !isType || t.IsAlias() {
			continue
		}
		named, ok := t.Type().(*types.Named)
		if !ok {
			continue
		}
		for m := range named.Methods() {
			if m.Exported() && !wanted[m.Name()] && !isFmt(m.Name()) {
				names[m] = t.Name() + "." + m.Name()
			}
		}
		if s, ok := named.Underlying().(*types.Struct); ok {
			for i := range s.NumFields() {
				if f := s.Field(i); !f.Embedded() && f.Name() != "_" && s.Tag(i) == "" {
					names[f] = t.Name() + "." + f.Name()
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
