package onehome_test

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// A constant that nothing uses must be removed. Constants of the contracts are used by their names.
func TestEveryConstantIsUsed(t *testing.T) {
	all := load(t)
	other, err := elsewhere()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, one := range all {
		for _, object := range one.TypesInfo.Uses {
			if object, ok := object.(*types.Const); ok && object.Pkg() != nil {
				used[named(object)] = true
			}
		}
	}
	for _, one := range all {
		if one.PkgPath == contracts {
			continue
		}
		for _, name := range one.Types.Scope().Names() {
			object, ok := one.Types.Scope().Lookup(name).(*types.Const)
			if !ok || name == "_" || used[named(object)] || other[name] {
				continue
			}
			// Those on the wire are converted by their names, and have to be there.
			if _, sent := onTheWire[strings.TrimPrefix(object.Type().String(), repository)]; !sent {
				t.Errorf("%s is used by nothing but tests: remove it", named(object))
			}
		}
	}
}

// partial are the tables that need no row for each constant, by the variable and the type, with the reason.
var partial = map[string]string{
	"doing by RegistrationState":      "nothing is waited for in a state that is an end",
	"userMeanings by PlatformSSOUser": "what usher does not know is printed as it is",
	"platformSSOUsers by PlatformSSOUser": "the one that usher does not know has no name on the wire and " +
		"none of Apple's",
	"sections by Section":           "the one that is not said is unspecified on the wire",
	"capitals by Source":            "only these two hold a registration beside the login keychain",
	"names by Source":               "only these two hold a registration beside the login keychain",
	"holds by Source":               "only these hold an identity of their own",
	"checkNames by Source":          "the agent looks at these, the helper at the others",
	"elsewhere by Source":           "of the others each obstacle is the usual one",
	"elsewhere by Obstacle":         "of the others each obstacle is the usual one",
	"sourceFixes by Obstacle":       "an agent is in a session",
	"identityFailures by State":     "a user in one of the other states is registered",
	"portalRefusals by ErrorReason": "for any other reason the launch has failed",
	"keychainRules by verdict":      "the other verdicts are of other sources",
	"portalCodes by Domain":         "one domain's part of the table of codes",
	"labels by class":               "a word without a class is in no list",
	"endings by class":              "most classes are known by whole words only",
	"placesIn by stage":             "the last constant is the number of stages",
	"surely by stage": "the last constant is the number of stages, and the stage before it " +
		"ends by itself",
}

// A package's variable that is a table by an enumeration has a row for each constant. Such a table is a map with these
// keys, or a list whose rows begin with one.
func TestEveryConstantHasARow(t *testing.T) {
	all := load(t)
	known := enumerations(all)
	met := map[string]bool{}
	for _, one := range all {
		for _, file := range one.Syntax {
			for _, declaration := range file.Decls {
				general, ok := declaration.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range general.Specs {
					variable, ok := spec.(*ast.ValueSpec)
					if !ok || len(variable.Values) == 0 {
						continue
					}
					for i, value := range variable.Values {
						checkTables(t, one, variable.Names[i].Name, value, known, met)
					}
				}
			}
		}
	}
	for table := range partial {
		if !met[table] {
			t.Errorf("%s is no table any more, or has a row for each: take it out of the list", table)
		}
	}
}

func checkTables(t *testing.T, in *packages.Package, variable string, value ast.Expr,
	known map[string]map[string]constant.Value, met map[string]bool) {
	ast.Inspect(value, func(node ast.Node) bool {
		table, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		of, rows := rowsOf(in, table)
		if known[of] == nil || len(rows) < 2 {
			return true
		}
		name := variable + " by " + of[strings.LastIndexByte(of, '.')+1:]
		for _, constant := range slices.Sorted(maps.Keys(known[of])) {
			switch {
			case hasRow(rows, known[of][constant]):
			case partial[name] != "":
				met[name] = true
			default:
				t.Errorf("%s: %s has no row for %s", in.Fset.Position(table.Pos()), name, constant)
			}
		}
		return true
	})
}

func hasRow(rows []constant.Value, value constant.Value) bool {
	return slices.ContainsFunc(rows, func(row constant.Value) bool { return constant.Compare(row, token.EQL, value) })
}

// rowsOf returns the enumeration of a table's rows, or "", and the constants that have a row.
func rowsOf(in *packages.Package, table *ast.CompositeLit) (of string, rows []constant.Value) {
	for _, element := range table.Elts {
		var key ast.Expr
		switch element := element.(type) {
		case *ast.KeyValueExpr:
			key = element.Key
		case *ast.CompositeLit:
			if len(element.Elts) == 0 {
				return "", nil
			}
			key = element.Elts[0]
			if pair, ok := key.(*ast.KeyValueExpr); ok {
				key = pair.Value
			}
		default:
			return "", nil
		}
		said := in.TypesInfo.Types[key]
		is := ""
		if said.Value != nil {
			is = enumeration(said.Type)
		}
		if is == "" || of != "" && is != of || hasRow(rows, said.Value) {
			return "", nil // rows of several kinds, or several of one
		}
		of, rows = is, append(rows, said.Value)
	}
	return of, rows
}
