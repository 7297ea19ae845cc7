//go:build linux

package packaging_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	archiveName = "usher_v1.2.3-4-g0123abc_linux_amd64"
	debianName  = "usher_1.2.3+4.g0123abc_amd64.deb"
)

// TestDist builds the same sources in two folders of different names, like two people, and compares and reads the
// results.
func TestDist(t *testing.T) {
	var outputs []string
	for _, name := range []string{"here", "a-much-longer-name-of-a-folder"} {
		output := filepath.Join(t.TempDir(), "dist")
		run(t, copySources(t, name), []string{"USHER_TARGETS=darwin/arm64 linux/amd64"}, "scripts/dist", output)
		outputs = append(outputs, output)
	}
	dist := outputs[0]

	t.Run("the same bytes", func(t *testing.T) {
		names := strings.Fields(run(t, dist, nil, "ls"))
		if wanted := 6; len(names) != wanted { // two archives with an SBOM each, the Debian package, the sums
			t.Fatalf("%d files, not %d: %q", len(names), wanted, names)
		}
		for _, name := range names {
			if sumOf(t, filepath.Join(outputs[0], name)) != sumOf(t, filepath.Join(outputs[1], name)) {
				t.Errorf("%s depends on where it is built", name)
			}
		}
		run(t, dist, nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	})

	t.Run("archive", func(t *testing.T) {
		listing := run(t, dist, nil, "tar", "--list", "--verbose", "--numeric-owner", "--utc", "--file",
			archiveName+".tar.gz")
		compareLines(t, withoutPages(listing), "archive.txt")
	})

	t.Run("Debian package", func(t *testing.T) {
		compareLines(t, withoutPages(run(t, dist, []string{"TZ=UTC"}, "dpkg-deb", "--contents", debianName)),
			"debian.txt")
		run(t, dist, nil, "lintian", "--allow-root", "--fail-on", "error,warning", debianName)
	})

	t.Run("SBOM", func(t *testing.T) {
		folder := t.TempDir()
		run(t, dist, nil, "tar", "--extract", "--file", archiveName+".tar.gz", "--directory", folder)
		checkSBOM(t, filepath.Join(dist, archiveName+".cdx.json"), filepath.Join(folder, archiveName))
	})

	t.Run("install with dpkg", func(t *testing.T) {
		output := run(t, ".", nil, "unshare", "--mount", "testdata/install-debian", filepath.Join(dist, debianName))
		if !strings.HasSuffix(output, "installed, removed and purged\n") {
			t.Errorf("it ended early:\n%s", output)
		}
	})
}

// withoutPages removes the size of each file from a listing, and the pages of the single commands, which TestManuals
// checks.
func withoutPages(listing string) string {
	var kept []string
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if strings.Contains(line, "/usherctl-") && strings.Contains(line, ".1") && fields[0] == "-rw-r--r--" {
			continue
		}
		kept = append(kept, strings.Join(slices.Delete(fields, 2, 3), " "))
	}
	return strings.Join(kept, "\n") + "\n"
}

func sumOf(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// checkSBOM compares an SBOM with the programs in a directory: their digests, and their modules from `go list`.
func checkSBOM(t *testing.T, file, programs string) {
	t.Helper()
	var bom struct {
		BOMFormat, SpecVersion, SerialNumber string
		Components                           []struct {
			Type, Name, Version string
			Hashes              []struct{ Alg, Content string }
		}
	}
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, &bom)
	}
	if err != nil {
		t.Fatal(err)
	}
	if bom.BOMFormat != "CycloneDX" || bom.SpecVersion != "1.6" {
		t.Errorf("it is %s %s", bom.BOMFormat, bom.SpecVersion)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("its serial number is %q", bom.SerialNumber)
	}
	var found []string
	described := 0
	for _, component := range bom.Components {
		switch {
		case component.Type == "application":
			described++
			if sum := sumOf(t, filepath.Join(programs, component.Name)); component.Hashes[0].Content != sum {
				t.Errorf("%s has another digest than the program: %s", component.Name, sum)
			}
		case component.Name != "std":
			found = append(found, component.Name+" "+component.Version)
		}
	}
	if described != 3 {
		t.Errorf("%d programs are described, not 3", described)
	}
	listed := strings.Split(strings.TrimSpace(
		run(t, "..", []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64"}, "go", "list", "-deps", "-tags",
			"grpcnotrace",
			"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/usherd",
			"./cmd/usher-agent",
			"./cmd/usherctl")), "\n")
	listed = slices.DeleteFunc(listed, func(line string) bool { return line == "" })
	slices.Sort(listed)
	listed = slices.Compact(listed)
	slices.Sort(found)
	if !slices.Equal(found, listed) {
		t.Errorf("the SBOM lists these modules:\n%s\nthe programs contain:\n%s", strings.Join(found, "\n"),
			strings.Join(listed, "\n"))
	}
}
