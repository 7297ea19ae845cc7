package onehome_test

import (
	"fmt"
	"go/types"
	"path/filepath"
	"testing"

	"golang.org/x/tools/go/packages"
)

const configuration = repository + "internal/config"

// A configuration key that no program reads must be removed. The table of keys itself reads all keys, and so does the
// code that shows and checks them.
func TestEveryConfigurationKeyIsRead(t *testing.T) {
	all := load(t)
	// The position of its declaration identifies a field, whichever package its type was loaded for.
	fields := map[string]string{}
	for _, one := range all {
		if one.PkgPath == configuration {
			object := one.Types.Scope().Lookup("Config")
			addFields(one, object.Type(), "", fields)
		}
	}
	if len(fields) < 40 {
		t.Fatalf("the configuration has %d fields", len(fields))
	}
	for _, one := range all {
		for name, object := range one.TypesInfo.Uses {
			file := filepath.Base(one.Fset.Position(name.Pos()).Filename)
			if field, ok := object.(*types.Var); ok && field.IsField() &&
				(one.PkgPath != configuration || file == "config.go" || file == "live.go") {
				delete(fields, placeOf(one, field))
			}
		}
	}
	for _, name := range fields {
		t.Errorf("the configuration's %s is read by no program: remove its key, or use it", name)
	}
}

// addFields adds the fields of a structure that hold a value, and those of the structures inside it.
func addFields(in *packages.Package, of types.Type, prefix string, fields map[string]string) {
	structure, ok := of.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for field := range structure.Fields() {
		if _, inner := field.Type().Underlying().(*types.Struct); inner {
			addFields(in, field.Type(), prefix+field.Name()+".", fields)
			continue
		}
		fields[placeOf(in, field)] = prefix + field.Name()
	}
}

func placeOf(in *packages.Package, object types.Object) string {
	place := in.Fset.Position(object.Pos())
	return fmt.Sprintf("%s:%d:%d", filepath.Base(place.Filename), place.Line, place.Column)
}
