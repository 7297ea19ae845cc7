package packaging

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"text/template"
	"time"
)

// maintainer is the maintainer of the package for Debian's tools; mail to it is not delivered.
const maintainer = "The usher maintainers <maintainers@usher.invalid>"

// described is git's description of a commit with a tag before it: v1.2.3, or v1.2.3-4-g0123abc after the tag.
var described = regexp.MustCompile(`^v?([0-9]+(?:\.[0-9]+)*)(?:-([0-9]+)-g([0-9a-f]+))?(-dirty)?$`)

// DebianVersion returns a version in Debian's order: after the version of the tag. Without a tag it is ordered by the
// date, before all tags.
func DebianVersion(version string, date time.Time) string {
	found := described.FindStringSubmatch(version)
	if found == nil {
		kept := regexp.MustCompile(`[^0-9A-Za-z.]+`).ReplaceAllString(version, ".")
		return "0~" + date.UTC().Format("20060102.150405") + "." + kept
	}
	debian := found[1]
	if found[2] != "" {
		debian += "+" + found[2] + ".g" + found[3]
	}
	if found[4] != "" {
		debian += "+dirty"
	}
	return debian
}

// debianDocuments returns the documents that Debian requires in each package: the copyright, the changes, and the
// reasons to override lintian.
func debianDocuments(release Release) ([]Entry, error) {
	changelog, err := fillIn("debian/changelog.tmpl", map[string]any{
		"Version": DebianVersion(release.Version, release.Date), "Maintainer": maintainer,
		"Date": release.Date.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"),
	})
	if err == nil {
		changelog, err = compress(changelog)
	}
	if err != nil {
		return nil, fmt.Errorf("write the changelog: %w", err)
	}
	entries := []Entry{{Path: "/usr/share/doc/usher/changelog.gz", Mode: 0o644, Content: changelog}}
	for from, to := range map[string]string{
		"debian/copyright":         "/usr/share/doc/usher/copyright",
		"debian/lintian-overrides": "/usr/share/lintian/overrides/usher",
	} {
		content, err := texts.ReadFile(from)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Path: to, Mode: 0o644, Content: content})
	}
	return entries, nil
}

// WriteDebian writes nfpm.yaml and the package's scripts into directory. nfpm makes the Debian package from them and
// from the files that [WriteTree] has laid out below root. Architecture is Go's name; Debian has the same name for
// those that usher is built for.
func WriteDebian(directory, root string, entries []Entry, release Release, architecture string) error {
	entries = slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	configuration, err := fillIn("debian/nfpm.yaml.tmpl", map[string]any{
		"Version": DebianVersion(release.Version, release.Date), "Architecture": architecture, "Maintainer": maintainer,
		"Date": release.Date.UTC().Format(time.RFC3339), "Root": root, "Directory": directory, "Entries": entries,
	})
	if err != nil {
		return fmt.Errorf("write nfpm.yaml: %w", err)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		script, err := texts.ReadFile("debian/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(directory, name), script, 0o755)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return os.WriteFile(filepath.Join(directory, "nfpm.yaml"), configuration, 0o644)
}

// fillIn fills in one of this package's templates.
func fillIn(name string, values any) ([]byte, error) {
	text, err := fs.ReadFile(texts, name)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(name).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var filled bytes.Buffer
	err = parsed.Execute(&filled, values)
	return filled.Bytes(), err
}
