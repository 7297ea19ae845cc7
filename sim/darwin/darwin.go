//go:build linux && amd64

// Package darwin runs usher's real darwin/amd64 programs on Linux, under our own loader: the C program in loader/.
// [Build] compiles the loader, [Loader.Command] runs a program with it, and [Compile] and [CompileTest] build the
// programs. With cgo, the methods of an SDK build them.
//
// The programs' machine code runs as on a Mac, and the loader answers their imports from macOS, over glibc. So a test
// sees crashes, layouts, signatures, control flow and the use of kqueue, signals and peers' credentials. It does not
// see macOS's own decisions; README.md lists them.
package darwin

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"usher.internal/sim/darwin/tables"
)

// Tags are the build tags of the shipped programs, which all builds use.
const Tags = "grpcnotrace"

//go:embed loader/*.c loader/*.h
var sources embed.FS

// compilerFlags reject code of the loader that is doubtful.
var compilerFlags = []string{"-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"}

// Loader is a compiled loader.
type Loader struct {
	// Path is the loader's program, which every user may run.
	Path string
}

// Build compiles the loader in the directory, with the C compiler cc. It needs Go's sources, and golang.org/x/sys in
// the current module, for macOS's numbers.
func Build(ctx context.Context, directory string) (*Loader, error) {
	sourceDirectory := filepath.Join(directory, "source")
	if err := os.MkdirAll(sourceDirectory, 0o755); err != nil {
		return nil, fmt.Errorf("build the loader: %w", err)
	}
	files, err := fs.Glob(sources, "loader/*.[ch]")
	if err != nil {
		return nil, fmt.Errorf("build the loader: %w", err)
	}
	loader := &Loader{Path: filepath.Join(directory, "machorun")}
	arguments := append(compilerFlags[:len(compilerFlags):len(compilerFlags)], "-o", loader.Path)
	for _, name := range files {
		text, err := sources.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("build the loader: %w", err)
		}
		path := filepath.Join(sourceDirectory, filepath.Base(name))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, fmt.Errorf("build the loader: %w", err)
		}
		if strings.HasSuffix(name, ".c") {
			arguments = append(arguments, path)
		}
	}
	if err := writeTables(ctx, sourceDirectory); err != nil {
		return nil, fmt.Errorf("build the loader: %w", err)
	}
	compile := exec.CommandContext(ctx, "cc", arguments...)
	if output, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the loader: %w\n%s", err, output)
	}
	return loader, nil
}

// writeTables writes tables.h for the sources in the directory.
func writeTables(ctx context.Context, directory string) error {
	sys, err := goOutput(ctx, "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys")
	if err != nil {
		return err
	}
	goroot, err := goOutput(ctx, "env", "GOROOT")
	if err != nil {
		return err
	}
	known, err := tables.Read(sys, goroot)
	if err != nil {
		return err
	}
	var header bytes.Buffer
	if err := tables.Write(&header, directory, known); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, "tables.h"), header.Bytes(), 0o644)
}

func goOutput(ctx context.Context, arguments ...string) (string, error) {
	output, err := exec.CommandContext(ctx, "go", arguments...).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return "", fmt.Errorf("go %s: %w\n%s", strings.Join(arguments, " "), err, exit.Stderr)
		}
		return "", fmt.Errorf("go %s: %w", strings.Join(arguments, " "), err)
	}
	return strings.TrimSpace(string(output)), nil
}

// Command returns a command that runs the darwin program at the path. A darwin program that it starts runs under the
// loader too.
func (l *Loader) Command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	return exec.CommandContext(ctx, l.Path, append([]string{program}, arguments...)...)
}

// Compile builds the program of a package for darwin/amd64, without cgo.
func Compile(ctx context.Context, output, pkg string) error {
	return compile(ctx, withoutCgo, "build", "-o", output, pkg)
}

// CompileTest builds the tests of a package for darwin/amd64, without cgo. The flags are further ones of go test.
func CompileTest(ctx context.Context, output, pkg string, flags ...string) error {
	return compile(ctx, withoutCgo, "test",
		append(flags[:len(flags):len(flags)], "-c", "-vet=off", "-o", output, pkg)...)
}

var withoutCgo = []string{"CGO_ENABLED=0"}

func compile(ctx context.Context, environment []string, verb string, arguments ...string) error {
	build := exec.CommandContext(ctx, "go", append([]string{verb, "-tags", Tags}, arguments...)...)
	build.Env = append(append(os.Environ(), "GOOS=darwin", "GOARCH=amd64"), environment...)
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s %s for macOS: %w\n%s", verb, arguments[len(arguments)-1], err, output)
	}
	return nil
}
