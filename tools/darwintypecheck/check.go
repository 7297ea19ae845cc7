package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// listed is a package in the output of `go list -json`.
type listed struct {
	Dir, ImportPath   string
	GoFiles, CgoFiles []string
	ImportMap         map[string]string
	DepOnly           bool
	Error             *struct{ Err string }
}

// check type-checks the packages that match the patterns, with GOOS=darwin and cgo on. It returns their number and the
// problems. It reads only the declarations of dependencies, and does not report their problems.
func check(dir, arch, tags string, patterns []string) (checked int, problems []error, err error) {
	packages, err := list(dir, arch, tags, patterns)
	if err != nil {
		return 0, nil, err
	}
	checker := checker{
		files: token.NewFileSet(),
		done:  map[string]*types.Package{"unsafe": types.Unsafe},
		sizes: types.SizesFor("gc", arch),
	}
	for _, listed := range packages { // dependencies come first
		if listed.ImportPath == "unsafe" {
			continue
		}
		found := checker.check(listed)
		if !listed.DepOnly {
			checked++
			problems = append(problems, found...)
		}
	}
	return checked, problems, nil
}

func list(dir, arch, tags string, patterns []string) ([]listed, error) {
	arguments := []string{"list", "-e", "-deps", "-tags", tags,
		"-json=Dir,ImportPath,GoFiles,CgoFiles,ImportMap,DepOnly,Error", "--"}
	command := exec.Command("go", append(arguments, patterns...)...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOOS=darwin", "GOARCH="+arch, "CGO_ENABLED=1")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w\n%s", dir, err, complaints.Bytes())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var next listed
		switch err := decoder.Decode(&next); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("read the answer of go list: %w", err)
		}
		packages = append(packages, next)
	}
}

// checker holds the results so far. One goroutine uses it.
type checker struct {
	files *token.FileSet
	done  map[string]*types.Package
	sizes types.Sizes
}

func (c *checker) check(listed listed) (problems []error) {
	if listed.Error != nil {
		problems = append(problems, fmt.Errorf("%s: %s", listed.ImportPath, listed.Error.Err))
	}
	var syntax []*ast.File
	for _, name := range slices.Concat(listed.GoFiles, listed.CgoFiles) {
		file, err := parser.ParseFile(c.files, filepath.Join(listed.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		syntax = append(syntax, file)
	}
	configuration := types.Config{
		Importer:         importer{c.done, listed.ImportMap},
		FakeImportC:      true,
		IgnoreFuncBodies: listed.DepOnly,
		Sizes:            c.sizes,
		Error:            func(err error) { problems = append(problems, err) },
	}
	// Its error is the first of those that Error got.
	c.done[listed.ImportPath], _ = configuration.Check(listed.ImportPath, c.files, syntax, nil)
	return problems
}

// importer finds packages that were checked before; renamed has the standard library's vendored paths.
type importer struct {
	done    map[string]*types.Package
	renamed map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if other, ok := i.renamed[path]; ok {
		path = other
	}
	if found := i.done[path]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("package %s was not listed", path)
}
