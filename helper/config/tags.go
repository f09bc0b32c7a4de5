package config

import (
	"reflect"
	"strings"
	"sync"
)

// A tag is what a configuration file's struct says of one of its members. Tags are read
// once for a type: where there are thousands of profiles, reading them for each file
// took a third of the time.
type tag struct {
	name     string // the key in the file; "" or "-" if it has none
	reads    string // see sources.go
	exported bool
}

var typeTags sync.Map // reflect.Type -> []tag

// tagsOf are the tags of a struct's members, in their order.
func tagsOf(t reflect.Type) []tag {
	if known, ok := typeTags.Load(t); ok {
		return known.([]tag)
	}
	list := make([]tag, t.NumField())
	for i := range list {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		list[i] = tag{name, field.Tag.Get("reads"), field.IsExported()}
	}
	typeTags.Store(t, list)
	return list
}

// takes reports whether a struct has a member for a dotted key.
func takes(t reflect.Type, key string) bool {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	name, rest, dotted := strings.Cut(key, ".")
	switch t.Kind() {
	case reflect.Map:
		return !dotted || takes(t.Elem(), rest)
	case reflect.Struct:
		for i, tag := range tagsOf(t) {
			if tag.name == name && name != "" && name != "-" {
				return !dotted || takes(t.Field(i).Type, rest)
			}
		}
	}
	return false
}

// keysOf are the dotted keys that a struct takes; "prefix.*" where any name goes. The
// map is new.
func keysOf(t reflect.Type) map[string]bool {
	known := map[string]bool{}
	addKeys(t, "", known)
	return known
}

func addKeys(t reflect.Type, prefix string, known map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Map:
		known[prefix+"*"] = true
		addKeys(t.Elem(), prefix+"*.", known)
	case reflect.Struct:
		for i, tag := range tagsOf(t) {
			if tag.name == "" || tag.name == "-" {
				continue
			}
			known[prefix+tag.name] = true
			addKeys(t.Field(i).Type, prefix+tag.name+".", known)
		}
	}
}
