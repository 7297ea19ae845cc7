package helper

import (
	"encoding/binary"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"usher.internal/helper/store"
	"usher.internal/internal/earlier"
)

var updateStored = flag.Bool("update", false, "write what is stored into testdata/stored")

// module is the beginning of the import path of each package of usher's.
const module = "usher.internal/"

// The journal keeps exactly what testdata/stored says of its schema. What a released schema keeps is never changed: an
// usherd of that day would misread the journal. A further word that a stored value may have is a change too.
func TestWhatIsStoredGoesWithItsSchema(t *testing.T) {
	now := stored(t)
	file := filepath.Join("testdata", "stored", fmt.Sprintf("schema-%d.txt", store.Schema))
	released := releasedSchemas(t)
	for number := range released {
		if number > store.Schema {
			t.Errorf("store.Schema is %d, and %s has schema %d already", store.Schema, released[number], number)
		}
	}
	recorded, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if now == string(recorded) {
		return
	}
	if version, is := released[store.Schema]; is {
		t.Fatalf("what the journal keeps has changed, and its schema %d was released with %s: raise the schema "+
			"(store.Schema, with an entry in its migrations), "+
			"then run this test with -update. What is not as in %s:\n%s", store.Schema, version, file,
			difference(string(recorded), now))
	}
	if *updateStored {
		if err := os.WriteFile(file, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("what the journal keeps is not what %s says. Schema %d was not released yet, so -update "+
		"writes it down:\n%s", file, store.Schema, difference(string(recorded), now))
}

// Each schema that was released has its record, and a journal that shows it.
func TestReleasedSchemasAreRecorded(t *testing.T) {
	for number, version := range releasedSchemas(t) {
		if _, err := os.Stat(filepath.Join("testdata", "stored", fmt.Sprintf("schema-%d.txt", number))); err != nil {
			t.Errorf("the journal of %s has schema %d: %v", version, number, err)
		}
	}
}

// releasedSchemas are the schemas of the journals that older versions left, with the version.
func releasedSchemas(t *testing.T) map[int]string {
	t.Helper()
	found := make(map[int]string)
	for _, version := range earlier.Versions(t) {
		db, err := bolt.Open(version.Journal(t), 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			found[int(binary.BigEndian.Uint64(tx.Bucket([]byte("meta")).Get([]byte("schema"))))] = version.Name
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// stored describes everything that the journal keeps: for each bucket the value, for each type its fields with their
// names in JSON, and for each type that is a word or a number the constants that there are of it.
func stored(t *testing.T) string {
	t.Helper()
	types := make(map[string]string)
	var text strings.Builder
	buckets := store.Buckets()
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		fmt.Fprintf(&text, "bucket %s: %s\n", name, describe(t, buckets[name], types))
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		fmt.Fprintf(&text, "\n%s\n%s", name, types[name])
	}
	return text.String()
}

// describe returns a type's name, and describes it and those that it is made of in types.
func describe(t *testing.T, of reflect.Type, types map[string]string) string {
	t.Helper()
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return of.Kind().String() + " of " + describe(t, of.Elem(), types)
	case reflect.Map:
		return "map from " + describe(t, of.Key(), types) + " to " + describe(t, of.Elem(), types)
	}
	name := of.String()
	if !strings.HasPrefix(of.PkgPath()+"/", module) {
		return name // of Go itself, such as time.Time, which has its own form in JSON
	}
	name = strings.TrimPrefix(of.PkgPath(), module) + "." + of.Name()
	if _, known := types[name]; known {
		return name
	}
	types[name] = "" // it may be made of itself
	var text strings.Builder
	switch {
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			tag, has := field.Tag.Lookup("json")
			if !has {
				tag = field.Name
			}
			if field.IsExported() && tag != "-" {
				fmt.Fprintf(&text, "  %s: %s\n", tag, describe(t, field.Type, types))
			}
		}
		for _, one := range nameLiterals(t, of) {
			fmt.Fprintf(&text, "  named %s\n", one)
		}
	default:
		fmt.Fprintf(&text, "  is a %s\n", of.Kind())
		values := constants(t, of)
		slices.Sort(values)
		for _, value := range values {
			fmt.Fprintf(&text, "  %s\n", value)
		}
	}
	types[name] = text.String()
	return name
}

// sources parses the files of the package that declares a type.
func sources(t *testing.T, of reflect.Type) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(
		filepath.Join("..", filepath.FromSlash(strings.TrimPrefix(of.PkgPath(), module)), "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sources of %s: %v", of.PkgPath(), err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// constants returns the values of the constants that a package declares of a type of its own.
func constants(t *testing.T, of reflect.Type) (values []string) {
	t.Helper()
	for _, file := range sources(t, of) {
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, one := range group.Specs {
				spec := one.(*ast.ValueSpec)
				if named, ok := spec.Type.(*ast.Ident); !ok || named.Name != of.Name() {
					continue
				}
				for _, value := range spec.Values {
					literal, ok := value.(*ast.BasicLit)
					if !ok {
						t.Fatalf("%s: a constant of %s is no literal, so its stored value cannot be seen here",
							of.PkgPath(), of.Name())
					}
					values = append(values, literal.Value)
				}
			}
		}
	}
	return values
}

// nameLiterals returns the names of the values of a struct that its package has in a table: literals whose first field
// is Name.
func nameLiterals(t *testing.T, of reflect.Type) (names []string) {
	t.Helper()
	if of.NumField() == 0 || of.Field(0).Name != "Name" || of.Field(0).Type.Kind() != reflect.String {
		return nil
	}
	for _, file := range sources(t, of) {
		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.CompositeLit)
			if !ok || len(literal.Elts) == 0 {
				return true
			}
			if named, ok := literal.Type.(*ast.Ident); !ok || named.Name != of.Name() {
				return true
			}
			first := literal.Elts[0]
			if pair, ok := first.(*ast.KeyValueExpr); ok {
				first = pair.Value
			}
			if text, ok := first.(*ast.BasicLit); ok && text.Kind == token.STRING {
				name, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, strconv.Quote(name))
			}
			return true
		})
	}
	slices.Sort(names)
	return names
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	var text strings.Builder
	for _, side := range []struct{ mark, one, other string }{{"-", before, after}, {"+", after, before}} {
		others := strings.Split(side.other, "\n")
		for line := range strings.SplitSeq(side.one, "\n") {
			if line != "" && !slices.Contains(others, line) {
				fmt.Fprintf(&text, "%s %s\n", side.mark, line)
			}
		}
	}
	return text.String()
}
