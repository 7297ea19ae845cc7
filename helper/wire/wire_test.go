package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	usherv1 "usher.internal/proto/usher/v1"
)

// constants returns the values of the string constants of a type that a file declares.
func constants(t *testing.T, path, typeName string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]bool)
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); !ok || named.Name != typeName || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values[value] = true
		}
		return true
	})
	return values
}

// A constant that the contract does not know would be told as UNSPECIFIED, and a Jamf policy would decide on that.
func TestNamesAreThoseOfTheContract(t *testing.T) {
	for _, one := range []struct {
		path, typeName, prefix string
		contract               map[string]int32
	}{
		{"../registration/state.go", "State", "REGISTRATION_STATE_", usherv1.RegistrationState_value},
		{"../registration/state.go", "FailureReason", "FAILURE_REASON_", usherv1.FailureReason_value},
		{"../registration/registration.go", "Kind", "REGISTRATION_KIND_", usherv1.RegistrationKind_value},
		{"../delivery/delivery.go", "State", "DELIVERY_STATE_", usherv1.DeliveryState_value},
		{"../../internal/wpj/state.go", "State", "IDENTITY_STATE_", usherv1.IdentityState_value},
	} {
		own := constants(t, one.path, one.typeName)
		for value := range own {
			if _, known := one.contract[one.prefix+value]; !known {
				t.Errorf("%s: the contract does not know %s %q", one.path, one.typeName, value)
			}
		}
		for name, number := range one.contract {
			if number != 0 && !own[name[len(one.prefix):]] {
				t.Errorf("%s: no %s is the contract's %s", one.path, one.typeName, name)
			}
		}
	}
}
