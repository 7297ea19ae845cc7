package browser

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed npm-packages
var npmPackages string

// Script returns the script of a package that npm-packages names. A missing package, or a different one, is a failure:
// scripts/install-test-dependencies installs it.
func Script(t *testing.T, name string) string {
	t.Helper()
	script, err := script(name)
	if err != nil {
		t.Fatalf("%v: run scripts/install-test-dependencies", err)
	}
	return script
}

func script(name string) (string, error) {
	for line := range strings.Lines(npmPackages) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[0] != name {
			continue
		}
		version, file, integrity := fields[1], fields[2], fields[3]
		// The path of the script, on macOS too: os.UserCacheDir is another directory there.
		cache := cmp.Or(os.Getenv("XDG_CACHE_HOME"), filepath.Join(os.Getenv("HOME"), ".cache"))
		archive, err := os.ReadFile(
			filepath.Join(cache, "usher", "npm", strings.ReplaceAll(name, "/", "+")+"-"+version+".tgz"))
		if err != nil {
			return "", fmt.Errorf("read %s of npm: %w", name, err)
		}
		if digest := sha512.Sum512(archive); "sha512-"+base64.StdEncoding.EncodeToString(digest[:]) != integrity {
			return "", fmt.Errorf("read %s of npm: %w", name, errIntegrity)
		}
		text, err := fileOf(archive, "package/"+file)
		if err != nil {
			return "", fmt.Errorf("read %s of %s of npm: %w", file, name, err)
		}
		return text, nil
	}
	return "", fmt.Errorf("npm-packages has no %s", name)
}

var errIntegrity = errors.New("its digest is not the one in npm-packages")

// fileOf returns a file of a compressed archive.
func fileOf(archive []byte, name string) (string, error) {
	uncompressed, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(uncompressed); ; {
		header, err := files.Next()
		if err != nil {
			return "", err
		}
		if header.Name == name {
			text, err := io.ReadAll(files)
			return string(text), err
		}
	}
}
