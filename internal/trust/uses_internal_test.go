package trust

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher.internal/internal/documented"
)

// verbs are what the methods of a policy do with a path. A policy without a method is passed on and checked later.
var verbs = map[string]string{"Check": "checks", "Open": "opens", "Read": "reads", "OpenRoot": "opens",
	"MakeDirectory": "makes", "TakeDirectory": "makes, or corrects", "": "checks"}

// The threat model says where each policy applies. This test generates the table from the code, so a use without a row
// is a difference.
func TestUsesOfTheDocumentation(t *testing.T) {
	uses := usesOfPolicies(t)
	var table strings.Builder
	table.WriteString("| policy | for | applies in |\n| --- | --- | --- |\n")
	for i, name := range namesOfPolicies(t) {
		if len(uses[name]) == 0 {
			t.Errorf("nothing uses the policy %s", name)
		}
		slices.Sort(uses[name])
		fmt.Fprintf(&table, "| %s | %s | %s |\n", name, Policies()[i],
			strings.Join(slices.Compact(uses[name]), "; "))
	}
	documented.Part(t, "../../docs/threat-model.md", "trust", "go test ./internal/trust -update", table.String(),
		*update)
}

// namesOfPolicies returns the names in the list of [Policies], and fails if a policy is not in it.
func namesOfPolicies(t *testing.T) (listed []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "policy.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ValueSpec:
			for i, value := range node.Values {
				if literal, ok := value.(*ast.CompositeLit); ok && isNamed(literal.Type, "Policy") {
					declared = append(declared, node.Names[i].Name)
				}
			}
		case *ast.FuncDecl:
			if node.Name.Name != "Policies" {
				return false
			}
		case *ast.CompositeLit:
			if array, ok := node.Type.(*ast.ArrayType); ok && isNamed(array.Elt, "Policy") {
				for _, element := range node.Elts {
					listed = append(listed, element.(*ast.Ident).Name)
				}
			}
		}
		return true
	})
	if len(listed) != len(Policies()) || !slices.Equal(slices.Sorted(slices.Values(listed)),
		slices.Sorted(slices.Values(declared))) {
		t.Fatalf("declared %v, listed %v", declared, listed)
	}
	return listed
}

func isNamed(expression ast.Expr, name string) bool {
	identifier, ok := expression.(*ast.Ident)
	return ok && identifier.Name == name
}

// usesOfPolicies returns, by the name of a policy, which packages of the programs use it and for what.
func usesOfPolicies(t *testing.T) map[string][]string {
	t.Helper()
	const top = "../.."
	uses := map[string][]string{}
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "sim", "e2e", "bench", "tools", "testdata"},
			entry.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		place, err := filepath.Rel(top, filepath.Dir(path))
		methods := map[ast.Node]string{}
		ast.Inspect(file, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			methods[selector.X] = selector.Sel.Name
			if isNamed(selector.X, "trust") {
				name := selector.Sel.Name
				uses[name] = append(uses[name], fmt.Sprintf("`%s` %s", place, verbs[methods[selector]]))
			}
			return true
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses
}
