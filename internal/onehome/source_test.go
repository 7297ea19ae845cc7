// Package onehome_test checks the source of all programs: which rows a table must have, which declarations must be
// used, and what only one package may do. It has no production code.
package onehome_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
)

// repository is the module's name, contracts the package that is generated from proto.
const (
	repository = "usher.internal/"
	contracts  = repository + "proto/usher/v1"
)

// sources are the programs' packages, without tests, stand-ins and tools, with their types.
var sources = sync.OnceValues(func() ([]*packages.Package, error) {
	return packages.Load(&packages.Config{Mode: packages.LoadSyntax, Dir: "../..",
		BuildFlags: []string{"-tags=grpcnotrace"}},
		"./cmd/...", "./ctl/...", "./helper/...", "./useragent/...", "./internal/...", "./launchd/...", "./proto/...")
})

func load(t *testing.T) []*packages.Package {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		for _, problem := range one.Errors {
			t.Fatal(problem)
		}
	}
	return all
}

// elsewhere are the names in the files that this system does not compile. They are not resolved.
var elsewhere = sync.OnceValues(func() (map[string]bool, error) {
	all, err := sources()
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, one := range all {
		for _, path := range one.IgnoredFiles {
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if name, ok := node.(*ast.Ident); ok {
					names[name.Name] = true
				}
				return true
			})
		}
	}
	return names, nil
})

// named is the full name of an object: the same wherever it is used.
func named(object types.Object) string { return object.Pkg().Path() + "." + object.Name() }

// enumeration returns the name of a constant's type, if the type is usher's and can have several constants. For others
// it returns "".
func enumeration(kind types.Type) string {
	of, ok := types.Unalias(kind).(*types.Named)
	if !ok || of.Obj().Pkg() == nil || !strings.HasPrefix(of.Obj().Pkg().Path(), repository) {
		return ""
	}
	if basic, ok := of.Underlying().(*types.Basic); !ok || basic.Info()&(types.IsString|types.IsInteger) == 0 {
		return ""
	}
	return named(of.Obj())
}

// enumerations returns the constants of each type that has several, by name, with their values. A contract's constant
// for "unspecified" is not among them.
func enumerations(all []*packages.Package) map[string]map[string]constant.Value {
	found := map[string]map[string]constant.Value{}
	for _, one := range all {
		for _, name := range one.Types.Scope().Names() {
			object, ok := one.Types.Scope().Lookup(name).(*types.Const)
			if !ok || strings.HasSuffix(name, "_UNSPECIFIED") {
				continue
			}
			of := enumeration(object.Type())
			if of == "" || !strings.HasPrefix(of, one.PkgPath+".") {
				continue
			}
			if found[of] == nil {
				found[of] = map[string]constant.Value{}
			}
			found[of][named(object)] = object.Val()
		}
	}
	for of, constants := range found {
		if len(constants) < 2 {
			delete(found, of)
		}
	}
	return found
}
