package applog_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"usher.internal/internal/applog"
	"usher.internal/internal/foreign"
)

func put(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(content)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range files {
		entry, err := w.Create(name)
		if err == nil {
			_, err = entry.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644, Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func inUTF16(text string) []byte {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

// found reads every log that was found. A log that cannot be read is represented by its error.
func found(t *testing.T, options applog.FindOptions, paths ...string) map[string]string {
	t.Helper()
	logs, err := applog.Find(t.Context(), paths, options)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, log := range logs {
		source, err := log.Open(t.Context())
		if err != nil {
			contents[log.Name] = "error: " + err.Error()
			continue
		}
		content, err := io.ReadAll(source)
		if closeErr := source.Close(); closeErr != nil {
			t.Errorf("close %s: %v", log.Name, closeErr)
		}
		contents[log.Name] = string(content)
		if err != nil {
			contents[log.Name] += "error: " + err.Error()
		}
	}
	return contents
}

func TestFindWhateverPackingItHas(t *testing.T) {
	folder := t.TempDir()
	text := []byte("one\ntwo\n")
	put(t, folder+"/plain.txt", text)
	put(t, folder+"/deep/er/no-extension", text)
	put(t, folder+"/jamf.log.0.gz", gzipped(t, text))
	put(t, folder+"/named-wrongly.log", gzipped(t, text))
	put(t, folder+"/report.zip", zipped(t, map[string][]byte{
		"CompanyPortal/SSO Extension.log": text, "packed.log.gz": gzipped(t, text),
		"picture.png":  []byte("\x89PNG\x00\x00"),
		"__MACOSX/._x": []byte("resource"), "../../escape.log": text,
		"inner.zip": zipped(t, map[string][]byte{"a.log": text}),
	}))
	put(t, folder+"/logs.tar.gz", gzipped(t, tarred(t, map[string][]byte{"var/log/jamf.log": text})))
	put(t, folder+"/windows.txt", inUTF16("one\r\nżółw 😀\r\n"))
	put(t, folder+"/picture.png", []byte("\x89PNG\x00\x00"))
	put(t, folder+"/empty.log", nil)
	put(t, folder+"/line\nbreak.log", text)
	if err := os.MkdirAll(folder+"/system.logarchive/Persist", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(folder, folder+"/loop"), syscall.Mkfifo(folder+"/pipe.log", 0o644)); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"plain.txt": "one\ntwo\n", "deep/er/no-extension": "one\ntwo\n", "jamf.log.0.gz": "one\ntwo\n",
		"named-wrongly.log":                          "one\ntwo\n",
		"report.zip!CompanyPortal/SSO Extension.log": "one\ntwo\n", "report.zip!packed.log.gz": "one\ntwo\n",
		"report.zip!../../escape.log": "one\ntwo\n",
		"report.zip!inner.zip!a.log":  "one\ntwo\n", "logs.tar.gz!var/log/jamf.log": "one\ntwo\n",
		"windows.txt": "one\r\nżółw 😀\r\n", "empty.log": "", "line\nbreak.log": "one\ntwo\n",
	}
	contents := found(t, applog.FindOptions{}, folder, folder+"/plain.txt")
	for name, content := range want {
		if got, ok := contents[folder+"/"+name]; !ok || got != content {
			t.Errorf("%s: %q, found %v", name, got, ok)
		}
		delete(contents, folder+"/"+name)
	}
	if archive := contents[folder+"/system.logarchive"]; !strings.Contains(archive, "log show --archive") {
		t.Errorf("log archive: %q", archive)
	}
	delete(contents, folder+"/system.logarchive")
	if len(contents) != 0 {
		t.Errorf("found in addition: %q", contents)
	}
}

func TestFindReportsWhatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	whole := gzipped(t, []byte(strings.Repeat("a line of a log\n", 10_000)))
	short := put(t, folder+"/short.gz", whole[:len(whole)-20])
	binaryFile := put(t, folder+"/binary", []byte("a\x00b"))
	broken := put(t, folder+"/broken.zip", []byte("PK\x03\x04 and no more"))
	pipe := folder + "/pipe"
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	contents := found(t, applog.FindOptions{}, short, binaryFile, broken, pipe)
	if got := contents[short]; !strings.HasPrefix(got, "a line of a log\n") ||
		!strings.HasSuffix(got, "error: unexpected EOF") {
		t.Errorf("a stream that is cut off: %d bytes, ending %q", len(got), got[max(0, len(got)-40):])
	}
	for _, path := range []string{binaryFile, broken, pipe} {
		if !strings.HasPrefix(contents[path], "error: ") {
			t.Errorf("%s: %q", path, contents[path])
		}
	}
	if _, err := applog.Find(t.Context(), []string{folder + "/missing"}, applog.FindOptions{}); !errors.Is(err,
		fs.ErrNotExist) {
		t.Errorf("a missing path: %v", err)
	}
}

func TestFindIsBounded(t *testing.T) {
	folder := t.TempDir()
	bomb := put(t, folder+"/bomb.gz", gzipped(t, make([]byte, 0)))
	put(t, bomb, gzipped(t, bytes.Repeat([]byte("x\n"), 1<<20)))
	if got := found(t, applog.FindOptions{MaximumSize: 1000}, bomb)[bomb]; len(got) > 1100 ||
		!strings.Contains(got, "larger than the limit") {
		t.Errorf("%d bytes, ending %q", len(got), got[max(0, len(got)-60):])
	}
	nested := []byte("text\n")
	for range 10 {
		nested = gzipped(t, nested)
	}
	deep := put(t, folder+"/deep.gz", nested)
	if got := found(t, applog.FindOptions{}, deep)[deep]; !strings.Contains(got, "too many times") {
		t.Errorf("nested: %q", got)
	}
	many := map[string][]byte{}
	for i := range 30 {
		many[strings.Repeat("n", i+1)] = []byte("text\n")
	}
	archive := put(t, folder+"/many.zip", zipped(t, many))
	logs, err := applog.Find(t.Context(), []string{archive}, applog.FindOptions{MaximumLogs: 10})
	if err != nil || len(logs) != 11 || logs[10].Err == nil {
		t.Errorf("%d logs, %v", len(logs), err)
	}
}

func TestPlacesAreWhereTheAgentReads(t *testing.T) {
	if places := applog.Places("/Users/mia"); !slices.Contains(places, "/Users/mia/Library/Logs/Company Portal") {
		t.Error(places)
	}
}

// Root neither finds, follows nor reads the target of a user's link in a folder of logs.
func TestRootReadsNothingThroughAUsersLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	const user = 64_001
	folder := t.TempDir()
	home, secret := filepath.Join(folder, "home"), filepath.Join(folder, "secret.log")
	logs, linked := filepath.Join(home, "Logs"), filepath.Join(home, "linked")
	err := errors.Join(os.WriteFile(secret, []byte("secret\n"), 0o600), os.MkdirAll(logs, 0o755),
		os.WriteFile(filepath.Join(logs, "own.log"), []byte("own\n"), 0o600),
		os.Symlink(secret, filepath.Join(logs, "symbolic.log")), os.Link(secret, filepath.Join(logs, "hard.log")),
		os.Symlink(folder, linked),
		os.Symlink("round", filepath.Join(home, "round")), os.Symlink(secret, filepath.Join(home, "jamf.log")))
	for _, path := range []string{home, logs, filepath.Join(logs, "own.log"), filepath.Join(logs, "symbolic.log"),
		linked, filepath.Join(home, "round"), filepath.Join(home, "jamf.log")} {
		err = errors.Join(err, os.Lchown(path, user, user))
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := applog.Find(t.Context(),
		[]string{logs, linked, filepath.Join(home, "round"), filepath.Join(home, "jamf.log")}, applog.FindOptions{})
	if err != nil {
		t.Fatal(err)
	}
	readable := 0
	for _, log := range found {
		source, err := log.Open(t.Context())
		if err != nil {
			t.Logf("%s: %v", log.Name, err)
			continue
		}
		content, err := io.ReadAll(source)
		if source.Close(); string(content) != "own\n" || err != nil {
			t.Errorf("%s holds %q, %v", log.Name, content, err)
		}
		readable++
	}
	if readable != 1 || len(found) != 5 {
		t.Errorf("%d of %d logs are readable", readable, len(found))
	}
	drain := make(chan struct{})
	close(drain)
	for directory, want := range map[string]error{logs: nil, linked: foreign.ErrLink} {
		_, err := applog.Follow(t.Context(), applog.Following{Directory: directory, Drain: drain},
			func(record *applog.Record) error {
				if strings.Contains(record.Message, "secret") {
					t.Errorf("%s: %q was followed", directory, record.Message)
				}
				return nil
			})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", directory, err)
		}
	}
}
