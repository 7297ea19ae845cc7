//go:build linux && amd64

package darwin

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed sdk/include
var headers embed.FS

// libraries are those that a program is linked to, by the paths of their imports, with the names of their stubs in an
// SDK.
var libraries = []struct{ path, stub string }{
	{"/usr/lib/libSystem.B.dylib", "usr/lib/libSystem.tbd"},
	{"/usr/lib/libSystem.B.dylib", "usr/lib/libpthread.tbd"}, // it is a part of libSystem
	{"/usr/lib/libresolv.9.dylib", "usr/lib/libresolv.tbd"},
	{"/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
		"System/Library/Frameworks/CoreFoundation.framework/CoreFoundation.tbd"},
	{"/System/Library/Frameworks/Security.framework/Versions/A/Security",
		"System/Library/Frameworks/Security.framework/Security.tbd"},
}

// SDK is the input of clang and lld for a program with cgo for macOS. Its headers declare the functions that
// runtime/cgo and go-keychain use; its stubs of libraries name the functions of the loader. It contains nothing of
// Apple's.
type SDK struct {
	directory string
}

// WriteSDK writes an SDK into the directory.
func (l *Loader) WriteSDK(ctx context.Context, directory string) (*SDK, error) {
	include, err := fs.Sub(headers, "sdk/include")
	if err != nil {
		return nil, fmt.Errorf("write SDK: %w", err)
	}
	if err := os.CopyFS(filepath.Join(directory, "usr/include"), include); err != nil {
		return nil, fmt.Errorf("write SDK: %w", err)
	}
	for _, library := range libraries {
		symbols, err := exec.CommandContext(ctx, l.Path, "--symbols", library.path).Output()
		if err != nil {
			return nil, fmt.Errorf("write SDK: symbols of %s: %w", library.path, err)
		}
		stub := filepath.Join(directory, library.stub)
		if err := os.MkdirAll(filepath.Dir(stub), 0o755); err != nil {
			return nil, fmt.Errorf("write SDK: %w", err)
		}
		if err := os.WriteFile(stub, stubOf(library.path, strings.Fields(string(symbols))), 0o644); err != nil {
			return nil, fmt.Errorf("write SDK: %w", err)
		}
	}
	return &SDK{directory}, nil
}

// stubOf is a library as text: https://llvm.org/docs/CommandGuide/llvm-readtapi.html.
func stubOf(path string, symbols []string) []byte {
	const target = "x86_64-macos"
	return fmt.Appendf(nil, "--- !tapi-tbd\ntbd-version: 4\ntargets: [ %s ]\ninstall-name: '%s'\nexports:\n  - "+
		"targets: [ %s ]\n    symbols: [ %s ]\n...\n",
		target, path, target, strings.Join(symbols, ", "))
}

// Compile builds the program of a package for darwin/amd64 with cgo. The flags are further ones of go build.
func (s *SDK) Compile(ctx context.Context, output, pkg string, flags ...string) error {
	flags = append(flags[:len(flags):len(flags)], "-ldflags=-w -compressdwarf=false", "-o", output, pkg)
	return compile(ctx, s.environment(), "build", flags...)
}

// CompileTest builds the tests of a package for darwin/amd64 with cgo. The flags are further ones of go test.
func (s *SDK) CompileTest(ctx context.Context, output, pkg string, flags ...string) error {
	flags = append(flags[:len(flags):len(flags)], "-c", "-vet=off", "-ldflags=-w -compressdwarf=false", "-o", output,
		pkg)
	return compile(ctx, s.environment(), "test", flags...)
}

// environment has clang as the compiler. An import of Go's that the loader lacks is bound at load time, and the loader
// reports it by name. Debug information is left out (-w), since Go would combine it with Apple's dsymutil.
func (s *SDK) environment() []string {
	const cc = "clang -target x86_64-apple-macos12 -fuse-ld=lld -fno-stack-protector -Wno-unused-command-line-argument"
	return []string{"CGO_ENABLED=1", "CC=" + cc + " -isysroot " + s.directory,
		"CGO_LDFLAGS=-Wl,-undefined,dynamic_lookup"}
}
