package bundle

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher.internal/ctl/answer"
	"usher.internal/internal/timeline"
)

func TestAnArchiveTakesNobodysPlace(t *testing.T) {
	folder := t.TempDir()
	taken, dangling := filepath.Join(folder, "taken"), filepath.Join(folder, "dangling")
	err := errors.Join(os.WriteFile(taken, []byte("before"), 0o600),
		os.Symlink(filepath.Join(folder, "elsewhere"), dangling))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{taken, dangling} {
		b := &bundle{output: name}
		failed, ok := errors.AsType[*answer.Failure](b.write(t.Context(), nil, &timeline.Report{}))
		if !ok || failed.Reason != "OUTPUT_EXISTS" {
			t.Errorf("%s: %v", name, failed)
		}
	}
	if text, _ := os.ReadFile(taken); string(text) != "before" {
		t.Errorf("what was there is %q", text)
	}
	if _, err := os.Lstat(filepath.Join(folder, "elsewhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a link was followed")
	}
	b := &bundle{output: filepath.Join(folder, "new")}
	if err := b.write(t.Context(), nil, &timeline.Report{}); err != nil {
		t.Error(err)
	}
}

// If a link leads out of the home, the log behind it is not the user's, and is not in the archive.
func TestALinkOutOfTheHomeIsNotFollowed(t *testing.T) {
	folder := t.TempDir()
	home, other := filepath.Join(folder, "jane"), filepath.Join(folder, "john")
	logs := filepath.Join(home, "Library/Logs")
	err := errors.Join(os.MkdirAll(filepath.Join(logs, "usher"), 0o700), os.MkdirAll(other, 0o700),
		os.WriteFile(filepath.Join(logs, "usher/own.log"), []byte("own\n"), 0o600),
		os.WriteFile(filepath.Join(other, "johns.log"), []byte("john's\n"), 0o600),
		os.Symlink(other, filepath.Join(logs, "JAMF")))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{user: accountOf{name: "jane", home: home}}
	if err := b.addLogs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, file := range b.files {
		to, err := os.Create(filepath.Join(folder, "copy"))
		if err != nil {
			t.Fatal(err)
		}
		err = file.fill(t.Context(), to)
		to.Close()
		text, _ := os.ReadFile(to.Name())
		if bytes.Contains(text, []byte("john")) ||
			strings.HasSuffix(file.Source, "own.log") && !bytes.Contains(text, []byte("own")) {
			t.Errorf("%s has %q, %v", file.Source, text, err)
		}
	}
	if !slices.ContainsFunc(b.files, func(file *bundleFile) bool { return strings.HasSuffix(file.Source, "own.log") }) {
		t.Error("the user's own log is not there")
	}
}

func TestNamesInTheArchive(t *testing.T) {
	b := &bundle{user: accountOf{name: "jane", home: "/Users/jane.doe"}}
	for _, test := range []struct{ source, want string }{
		{"/Users/jane.doe/Library/Logs/Company Portal/a.log", "logs/Users/jane/Library/Logs/Company Portal/a.log"},
		{"/Users/jane.doe/Library/Logs/Company Portal/a.log.gz",
			"logs/Users/jane/Library/Logs/Company Portal/a.log (2)"},
		{"/var/log/jamf.log", "logs/var/log/jamf.log"},
		{"/Users/jane.doe/report.zip!../../../etc/SSOExtension.log", "logs/etc/SSOExtension.log"},
	} {
		got := b.nameOf(test.source)
		if got != test.want || !filepath.IsLocal(got) {
			t.Errorf("%s is called %s, want %s", test.source, got, test.want)
		}
		b.files = append(b.files, &bundleFile{Name: got})
	}
}
