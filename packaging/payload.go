// Package packaging lays out the files of usher's packages. It takes them from [layout.Layout], so that a package and
// `usherctl install` cannot differ. [Payload] says where everything is, and [WriteTree] writes that into a directory.
// [WriteDebian] and [WriteMacOS] write the additional input of nfpm and Apple's tools. scripts/dist and scripts/pkg
// call it through the program packaging/payload.
//
// The same sources, version and date give the same bytes.
package packaging

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"usher.internal/internal/layout"
	"usher.internal/launchd"
)

//go:embed manuals debian macos/*.tmpl
var texts embed.FS

// Entry is a file or a symbolic link of a package. It belongs to root, and to root's group.
type Entry struct {
	// Path is its absolute path after installation.
	Path string
	// Mode is the permissions of a file.
	Mode fs.FileMode
	// Content is the content of a file, unless Source names a file with it.
	Content []byte
	Source  string
	// Target is the target of a symbolic link; empty for a file.
	Target string
}

// Release is the input of a package.
type Release struct {
	// Version is the output of scripts/version. Date is the time of that commit.
	Version string
	Date    time.Time
	// Programs is the directory of the three programs for the system. Manuals is the directory that
	// cmd/usherctl/manuals.go has written.
	Programs, Manuals string
}

// Payload returns the files of a package for a system. The code that writes them adds directories.
func Payload(l layout.Layout, release Release) ([]Entry, error) {
	var entries []Entry
	for _, name := range layout.ProgramNames() {
		entries = append(entries, Entry{Path: l.Program(name), Mode: 0o755,
			Source: filepath.Join(release.Programs, name)})
	}
	entries = append(entries, Entry{Path: l.Link, Target: l.Control()})
	files, err := launchd.Files(l)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		// On a Mac /etc is a link to /private/etc. A package with /etc would replace the link with a directory.
		if l.Mac() && strings.HasPrefix(file.Path, "/etc/") {
			file.Path = "/private" + file.Path
		}
		entries = append(entries, Entry{Path: file.Path, Mode: file.Mode, Content: file.Content})
	}
	pages, err := manuals(l, release)
	if err != nil {
		return nil, err
	}
	entries = append(entries, pages...)
	for to, from := range map[string]string{l.BashCompletion: "bash", l.ZshCompletion: "zsh",
		l.FishCompletion: "fish"} {
		entries = append(entries, Entry{Path: to, Mode: 0o644,
			Source: filepath.Join(release.Manuals, "completions", "usherctl."+from)})
	}
	if !l.Mac() {
		documents, err := debianDocuments(release)
		if err != nil {
			return nil, err
		}
		entries = append(entries, documents...)
	}
	return entries, nil
}

// manuals returns the pages of the commands, and those of the daemons. The latter are written by hand and name the
// layout's paths. They are compressed if the platform compresses its pages.
func manuals(l layout.Layout, release Release) ([]Entry, error) {
	pages := map[string][]byte{}
	written, err := filepath.Glob(filepath.Join(release.Manuals, "man", "*.1"))
	if err != nil || len(written) == 0 {
		return nil, fmt.Errorf("find the manual pages in %s: there is none (%v)", release.Manuals, err)
	}
	for _, file := range written {
		page, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a manual page: %w", err)
		}
		pages[path.Join(l.Manuals, filepath.Base(file))] = page
	}
	daemons, err := DaemonManuals(l, release.Date)
	if err != nil {
		return nil, err
	}
	for name, page := range daemons {
		pages[path.Join(path.Dir(l.Manuals), "man8", name)] = page
	}
	var entries []Entry
	for name, page := range pages {
		if !l.Mac() {
			name += ".gz"
			if page, err = compress(page); err != nil {
				return nil, err
			}
		}
		entries = append(entries, Entry{Path: name, Mode: 0o644, Content: page})
	}
	return entries, nil
}

// DaemonManuals returns the manual pages of usherd and usher-agent by their file names, with the layout's paths.
func DaemonManuals(l layout.Layout, date time.Time) (map[string][]byte, error) {
	fill := strings.NewReplacer(
		"@DATE@", date.Format("January 2, 2006"),
		"@CONFIGURATION@", l.Configuration, "@STATE@", l.State, "@SOCKETS@", l.Sockets,
	)
	pages := map[string][]byte{}
	for _, name := range []string{layout.HelperProgram + ".8", layout.AgentProgram + ".8"} {
		page, err := texts.ReadFile("manuals/" + name)
		if err != nil {
			return nil, fmt.Errorf("read the manual page %s: %w", name, err)
		}
		pages[name] = []byte(fill.Replace(string(page)))
	}
	return pages, nil
}

// compress does the same as `gzip -9n`.
func compress(content []byte) ([]byte, error) {
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err == nil {
		_, err = writer.Write(content)
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return compressed.Bytes(), nil
}
