package configfile

import (
	"reflect"
	"strings"
	"sync"
)

// A Tag is what a configuration file's struct says of one of its members. Tags are read
// once for a type: where there are thousands of profiles, reading them for each file
// took a third of the time.
type Tag struct {
	Key      string // in the file; "" or "-" if it has none
	Reads    string // tag "reads": which thing of this machine the member refers to
	Exported bool
}

var typeTags sync.Map // reflect.Type -> []Tag

// Tags returns the tags of a struct's members, in their order.
func Tags(t reflect.Type) []Tag {
	if tags, ok := typeTags.Load(t); ok {
		return tags.([]Tag)
	}
	list := make([]Tag, t.NumField())
	for i := range list {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		list[i] = Tag{name, field.Tag.Get("reads"), field.IsExported()}
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
		for i, tag := range Tags(t) {
			if tag.Key == name && name != "" && name != "-" {
				return !dotted || takes(t.Field(i).Type, rest)
			}
		}
	}
	return false
}

// Keys returns the dotted keys that a struct takes; "prefix.*" where any name goes. The
// map is new.
func Keys(t reflect.Type) map[string]bool {
	keys := map[string]bool{}
	addKeys(t, "", keys)
	return keys
}

func addKeys(t reflect.Type, prefix string, keys map[string]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Map:
		keys[prefix+"*"] = true
		addKeys(t.Elem(), prefix+"*.", keys)
	case reflect.Struct:
		for i, tag := range Tags(t) {
			if tag.Key == "" || tag.Key == "-" {
				continue
			}
			keys[prefix+tag.Key] = true
			addKeys(t.Field(i).Type, prefix+tag.Key+".", keys)
		}
	}
}
