// Package tables writes macOS's numbers and layouts as a C header for the loader in sim/darwin/loader. Nothing of
// Apple's is copied: the numbers and layouts are those that Go itself uses on darwin/amd64, read from the sources of
// golang.org/x/sys/unix and of Go's standard library. [Write] is the entry point.
package tables

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// goFiles are the source files, in the order in which a name is looked up. The first two are below the directory of
// golang.org/x/sys, the others below GOROOT/src.
var (
	sysFiles = []string{"unix/zerrors_darwin_amd64.go", "unix/zsysnum_darwin_amd64.go", "unix/ztypes_darwin_amd64.go"}
	stdFiles = []string{
		"runtime/defs_darwin_amd64.go",
		"syscall/zerrors_darwin_amd64.go",
		"internal/syscall/unix/user_darwin.go",
		"internal/syscall/unix/net_darwin.go",
		"internal/syscall/unix/at_sysnum_darwin.go",
	}
)

var (
	constantName = regexp.MustCompile(`\bDARWIN_([A-Z][A-Za-z0-9_]*)`)
	structName   = regexp.MustCompile(`\bstruct darwin_([A-Za-z][A-Za-z0-9_]*)`)
	// fieldPrefix begins Darwin's fields where glibc has macros of the same names.
	fieldPrefix = regexp.MustCompile(`^_*((si|sa|ss|uc)_)?`)
)

// Tables are macOS's constants and structures by their names in Go.
type Tables struct {
	constants map[string]constant.Value
	structs   map[string]*ast.StructType
	sizes     map[string]int64
	errors    []string
	signals   []string
}

// Read reads Go's own tables. sys is the directory of golang.org/x/sys, goroot that of Go.
func Read(sys, goroot string) (*Tables, error) {
	var paths []string
	for _, name := range sysFiles {
		paths = append(paths, filepath.Join(sys, name))
	}
	for _, name := range stdFiles {
		paths = append(paths, filepath.Join(goroot, "src", name))
	}
	t := &Tables{constants: map[string]constant.Value{}, structs: map[string]*ast.StructType{},
		sizes: map[string]int64{}}
	for _, path := range paths {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read Go's tables: %w", err)
		}
		t.add(files, file)
	}
	return t, nil
}

// add takes the constants and structures of one file. A name from an earlier file is kept.
func (t *Tables) add(files *token.FileSet, file *ast.File) {
	for _, declaration := range file.Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				if group.Tok == token.CONST && len(spec.Values) == len(spec.Names) {
					for i, name := range spec.Names {
						t.addConstant(strings.TrimPrefix(name.Name, "_"), spec.Values[i])
					}
				}
			case *ast.TypeSpec:
				if structure, ok := spec.Type.(*ast.StructType); ok && t.structs[spec.Name.Name] == nil {
					t.structs[spec.Name.Name] = structure
				}
			}
		}
	}
	// Each file's structures are complete in themselves. The checker's complaints are about imports, which no structure
	// needs.
	config := types.Config{Error: func(error) {}, Sizes: types.SizesFor("gc", "amd64"), FakeImportC: true,
		IgnoreFuncBodies: true}
	checked, _ := config.Check(file.Name.Name, files, []*ast.File{file}, nil)
	for _, name := range checked.Scope().Names() {
		if object, ok := checked.Scope().Lookup(name).(*types.TypeName); ok && t.sizes[name] == 0 {
			if structure, ok := object.Type().Underlying().(*types.Struct); ok {
				t.sizes[name] = config.Sizes.Sizeof(structure)
			}
		}
	}
}

func (t *Tables) addConstant(name string, expression ast.Expr) {
	kind := ""
	if call, ok := expression.(*ast.CallExpr); ok && len(call.Args) == 1 { // syscall.Errno(0x2)
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
			kind = selector.Sel.Name
		} else if identifier, ok := call.Fun.(*ast.Ident); ok {
			kind = identifier.Name
		}
		expression = call.Args[0]
	}
	value := literal(expression)
	if value == nil || t.constants[name] != nil {
		return
	}
	t.constants[name] = value
	switch kind {
	case "Errno":
		t.errors = append(t.errors, name)
	case "Signal":
		t.signals = append(t.signals, name)
	}
}

// literal returns the value of a number, which may be negative, and nil for anything else.
func literal(expression ast.Expr) constant.Value {
	switch expression := expression.(type) {
	case *ast.BasicLit:
		if expression.Kind == token.INT {
			return constant.MakeFromLiteral(expression.Value, token.INT, 0)
		}
	case *ast.UnaryExpr:
		if value := literal(expression.X); value != nil && expression.Op == token.SUB {
			return constant.UnaryOp(token.SUB, value, 0)
		}
	}
	return nil
}

// Write writes the header for the C sources in a directory: the table of errors, that of signals, and every constant
// DARWIN_NAME and structure struct darwin_NAME that the sources mention. A name that Go's tables lack, and the sources
// do not define, is an error.
func Write(header io.Writer, sources string, t *Tables) error {
	constants, structs, err := mentioned(sources)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("/* Generated by sim/darwin/tables from Go's own tables of darwin/amd64. Do not edit. " +
		"*/\n#pragma once\n#include <errno.h>\n#include <signal.h>\n#include <stdint.h>\n\nstruct pair {\n\tint " +
		"on_linux, on_darwin;\n};\n\n")
	var unknown []string
	for _, name := range constants {
		value := t.constants[name]
		if value == nil {
			unknown = append(unknown, "DARWIN_"+name)
			continue
		}
		fmt.Fprintf(&out, "#define DARWIN_%s (%s)\n", name, value.ExactString())
	}
	t.writePairs(&out, "darwin_errors", t.errors)
	t.writePairs(&out, "darwin_signals", t.signals)
	written := map[string]bool{}
	for _, name := range structs {
		if t.structs[name] == nil {
			unknown = append(unknown, "struct darwin_"+name)
			continue
		}
		if err := t.writeStruct(&out, name, written); err != nil {
			return err
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("not in Go's tables of darwin/amd64: %s", strings.Join(unknown, ", "))
	}
	_, err = header.Write(out.Bytes())
	return err
}

// writePairs writes a table of the names that Linux has too, with the number on Linux and the number on macOS. An alias
// is left out.
func (t *Tables) writePairs(out *bytes.Buffer, table string, names []string) {
	fmt.Fprintf(out, "\nstatic const struct pair %s[] __attribute__((unused)) = {\n", table)
	seen := map[string]bool{"ELAST": true, "EWOULDBLOCK": true}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			fmt.Fprintf(out, "#ifdef %s\n\t{%s, %s},\n#endif\n", name, name, t.constants[name].ExactString())
		}
	}
	out.WriteString("};\n\n")
}

// mentioned returns the names that the C sources use and do not define themselves.
func mentioned(directory string) (constants, structs []string, err error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*.[ch]"))
	if err != nil {
		return nil, nil, err
	}
	wantedConstants, wantedStructs := map[string]bool{}, map[string]bool{}
	var all []byte
	for _, path := range paths {
		if filepath.Base(path) == "tables.h" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read the loader's sources: %w", err)
		}
		all = append(all, text...)
	}
	for _, match := range constantName.FindAllSubmatch(all, -1) {
		wantedConstants[string(match[1])] = true
	}
	for _, match := range structName.FindAllSubmatch(all, -1) {
		wantedStructs[string(match[1])] = true
	}
	for name := range wantedConstants {
		if regexp.MustCompile(`#define DARWIN_` + name + `\b`).Match(all) {
			delete(wantedConstants, name)
		}
	}
	for name := range wantedStructs {
		if regexp.MustCompile(`struct darwin_` + name + ` \{`).Match(all) {
			delete(wantedStructs, name)
		}
	}
	return slices.Sorted(maps.Keys(wantedConstants)), slices.Sorted(maps.Keys(wantedStructs)), nil
}

// basic maps Go's types to C.
var basic = map[string]string{
	"int8": "char", "uint8": "uint8_t", "byte": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
	"uint32": "uint32_t", "int64": "int64_t", "uint64": "uint64_t", "uintptr": "uint64_t", "_Gid_t": "uint32_t",
	"_Socklen": "uint32_t",
}

// writeStruct writes a structure after those that it contains, and asserts that its size in C is its size in Go.
func (t *Tables) writeStruct(out *bytes.Buffer, name string, written map[string]bool) error {
	if written[name] {
		return nil
	}
	written[name] = true
	var body bytes.Buffer
	pads := 0
	for _, field := range t.structs[name].Fields.List {
		suffix, kind := "", field.Type
		for {
			array, ok := kind.(*ast.ArrayType)
			if !ok {
				break
			}
			length := literal(array.Len)
			if length == nil {
				return fmt.Errorf("struct %s: the length of an array is not a number", name)
			}
			suffix += "[" + length.ExactString() + "]"
			kind = array.Elt
		}
		in := "void *"
		if identifier, ok := kind.(*ast.Ident); ok {
			in = basic[identifier.Name]
			if in == "" && t.structs[identifier.Name] == nil {
				return fmt.Errorf("struct %s: type %s is unknown", name, identifier.Name)
			}
			if in == "" {
				if err := t.writeStruct(out, identifier.Name, written); err != nil {
					return err
				}
				in = "struct darwin_" + identifier.Name
			}
		}
		for _, fieldName := range field.Names {
			inC := fieldPrefix.ReplaceAllString(strings.ToLower(fieldName.Name), "")
			if inC == "errno" { // a macro of C
				inC = "error"
			}
			if inC == "" {
				inC = fmt.Sprintf("unused%d", pads)
				pads++
			}
			fmt.Fprintf(&body, "\t%s %s%s;\n", in, inC, suffix)
		}
	}
	fmt.Fprintf(out, "struct darwin_%s {\n%s};\n_Static_assert(sizeof(struct darwin_%s) == %d, \"size of %s\");\n\n",
		name, body.Bytes(), name, t.sizes[name], name)
	return nil
}
