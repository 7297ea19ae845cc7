package applog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/applog"
)

// sparse creates a file that claims to have a size.
func sparse(t *testing.T, beginning string, size int64) string {
	t.Helper()
	path := put(t, filepath.Join(t.TempDir(), "sparse.log"), []byte(beginning))
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

const terabyte = 1 << 40

// A sparse file of a terabyte is not read to its end, with any beginning.
func TestSparseFileIsNotReadToItsEnd(t *testing.T) {
	text := strings.Repeat("a line of a log\n", 1000)
	for name, beginning := range map[string]string{"text": text, "UTF-16": string(inUTF16(text))} {
		got := found(t, applog.FindOptions{}, sparse(t, beginning, terabyte))
		for path, content := range got {
			if before, after, ok := strings.Cut(content, "\x00"); !ok || before != text ||
				!strings.Contains(after, "only NUL bytes from byte 16000 on") || len(content) > 3<<20 {
				t.Errorf("%s: %s: %d bytes, ending %q", name, path, len(content), content[max(0, len(content)-100):])
			}
		}
	}
	path := sparse(t, "", terabyte)
	if got := found(t, applog.FindOptions{}, path)[path]; !strings.Contains(got, "binary data") {
		t.Errorf("nothing but a hole: %q", got)
	}
	for name, beginning := range map[string]string{
		"gzip": string(gzipped(t, []byte(text))), "bzip2": string(bzipped(t, []byte(text))),
		"tar": string(tarred(t, map[string][]byte{"a.log": []byte(text)})),
	} {
		for path, content := range found(t, applog.FindOptions{}, sparse(t, beginning, terabyte)) {
			if !strings.HasPrefix(content, text) {
				t.Errorf("%s: %s: %q", name, path, content[:min(len(content), 200)])
			}
		}
	}
}

// A crash leaves blocks of NUL bytes within a log, and the text after them is read.
func TestTextBehindNULBytesIsRead(t *testing.T) {
	content := strings.Repeat("a line of a log\n", 1000) + strings.Repeat("\x00", 900<<10) + "\nthe line behind\n"
	path := put(t, filepath.Join(t.TempDir(), "crashed.log"), []byte(content))
	if got := found(t, applog.FindOptions{}, path)[path]; got != content {
		t.Errorf("%d bytes of %d, ending %q", len(got), len(content), got[max(0, len(got)-60):])
	}
}

// A followed log may turn into a hole of a terabyte, and entries that are written after it are read.
func TestFollowingPassesOverAHole(t *testing.T) {
	path := sparse(t, "one\ntwo\n", terabyte)
	drain := make(chan struct{})
	close(drain)
	var got []string
	var cut int64
	read := func(from applog.Position) applog.Position {
		position, err := applog.Follow(t.Context(),
			applog.Following{Directory: filepath.Dir(path), From: from, Drain: drain},
			func(record *applog.Record) error {
				got = append(got, strings.Trim(record.Message, "\x00"))
				cut += record.Cut
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		return position
	}
	position := read(applog.Position{})
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("three\n"); err != nil {
		t.Fatal(err)
	}
	read(position)
	if strings.Join(got, "|") != "one|two||three" || cut < terabyte-(2<<20) {
		t.Errorf("%q, and %d bytes were cut", got, cut)
	}
}
