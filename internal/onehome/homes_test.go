package onehome_test

import (
	"go/ast"
	"go/types"
	"strconv"
	"testing"
)

// onlyIn are the functions and variables that only one package may use. Other packages use that package's result.
var onlyIn = map[string]string{
	// Jamf's settings are read in one place, and the names of their keys are in another.
	repository + "internal/jamfstate.ParseSettings": repository + "helper/thismac",
	// Which fields are personal data.
	contracts + ".E_PersonalData": repository + "internal/personal",
}

// spelledIn are texts that only one package may contain.
var spelledIn = map[string]string{
	"microsoftCAEnabled":           repository + "internal/jamfstate",
	"microsoftCANativeClientAppId": repository + "internal/jamfstate",
	"have_an_Azure_id":             repository + "internal/jamfstate",
	"last_aad_token_timestamp":     repository + "internal/jamfstate",
}

func TestEachFactHasOneHome(t *testing.T) {
	met := map[string]bool{}
	for _, one := range load(t) {
		for name, object := range one.TypesInfo.Uses {
			if object.Pkg() == nil || object.Parent() != object.Pkg().Scope() {
				continue
			}
			if _, isType := object.(*types.TypeName); isType || onlyIn[named(object)] == "" {
				continue
			}
			met[named(object)] = true
			if home := onlyIn[named(object)]; one.PkgPath != home && one.PkgPath != object.Pkg().Path() {
				t.Errorf("%s: only %s uses %s; take what it found", one.Fset.Position(name.Pos()), home, named(object))
			}
		}
		for _, file := range one.Syntax {
			ast.Inspect(file, func(node ast.Node) bool {
				literal, ok := node.(*ast.BasicLit)
				if !ok {
					return true
				}
				text, _ := strconv.Unquote(literal.Value)
				if home := spelledIn[text]; home != "" {
					met[text] = true
					if one.PkgPath != home {
						t.Errorf("%s: only %s spells %q; use its constant", one.Fset.Position(literal.Pos()), home,
							text)
					}
				}
				return true
			})
		}
	}
	for _, known := range []map[string]string{onlyIn, spelledIn} {
		for name := range known {
			if !met[name] {
				t.Errorf("nothing uses %s: take it out of the list", name)
			}
		}
	}
}
