package applog_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"usher.internal/internal/applog"
)

// noise is text that no packing makes much smaller than it is.
func noise(size int) []byte {
	raw := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(raw)
	text := base64.StdEncoding.EncodeToString(raw)[:size]
	var lines bytes.Buffer
	for len(text) > 0 {
		n := min(79, len(text))
		lines.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return lines.Bytes()[:size]
}

// said is the content or error of the only log; it must contain some words.
func said(t *testing.T, what string, got map[string]string, name, words string) string {
	t.Helper()
	content, ok := got[name]
	if !ok || !strings.Contains(content, words) {
		t.Errorf("%s: found %v, ending %q, and not %q", what, ok, content[max(0, len(content)-200):], words)
	}
	return content
}

// Each limit of a search is reported when it is reached, and names itself.
func TestLimitsAreReported(t *testing.T) {
	folder := t.TempDir()
	many := map[string][]byte{}
	for i := range 50 {
		many[fmt.Sprintf("picture %02d.png", i)] = []byte("\x89PNG\x00\x00") // not logs, but examined too
	}
	many["z.log"] = []byte("text\n")
	ten := applog.FindOptions{MaximumEntries: 10}
	for name, content := range map[string][]byte{"many.zip": zipped(t, many),
		"many.tar.gz": gzipped(t, tarred(t, many))} {
		path := put(t, filepath.Join(folder, name), content)
		said(t, name, found(t, ten, path), path, "a search examines 10")
	}
	for name := range many {
		put(t, filepath.Join(folder, "many", name), []byte("text\n"))
	}
	said(t, "a folder", found(t, ten, folder+"/many"), folder+"/many", "a search examines 10")

	logs := map[string][]byte{"a.log": noise(400 << 10), "b.log": noise(400 << 10)}
	small := put(t, folder+"/small.tar", tarred(t, logs))
	got := found(t, applog.FindOptions{MaximumSpace: 100 << 10}, small)
	full, kept := 0, 0
	for _, content := range got {
		if strings.Contains(content, "folder for temporary files is full, 0 MiB") {
			full++
		}
		kept += len(content)
	}
	if full != 2 || kept > 300<<10 || kept < 50<<10 {
		t.Errorf("temporary space: %d logs say it, %d bytes were kept", full, kept)
	}

	repeated := bytes.Repeat([]byte("x\n"), 20<<20)
	bomb := put(t, folder+"/bomb.gz", gzipped(t, repeated))
	if content := said(t, "a bomb", found(t, applog.FindOptions{}, bomb), bomb,
		"more than 200 times its size"); len(content) < 16<<20 {
		t.Errorf("a bomb: only %d bytes were read", len(content))
	}
	bombs := put(t, folder+"/bombs.zip",
		zipped(t, map[string][]byte{"a.log": repeated, "b.log": repeated, "c.log": repeated}))
	total := 0
	for _, content := range found(t, applog.FindOptions{}, bombs) {
		total += len(content)
	}
	if total > 80<<20 {
		t.Errorf("several bombs: %d bytes were read", total)
	}
}

// A log of a real Mac is read, however well it is packed.
func TestRealLogsAreWithinTheLimits(t *testing.T) {
	var log bytes.Buffer
	for at := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC); log.Len() < 40<<20; at = at.Add(time.Second) {
		fmt.Fprintf(&log, "%s Mac jamf[1480]: Checking for policies triggered by \"recurring check-in\" for user "+
			"\"jane\"...\n", at.Format("Mon Jan 02 15:04:05"))
	}
	path := put(t, t.TempDir()+"/jamf.tar.gz", gzipped(t, tarred(t, map[string][]byte{"jamf.log": log.Bytes()})))
	if got := found(t, applog.FindOptions{}, path)[path+"!jamf.log"]; got != log.String() {
		t.Errorf("%d bytes of %d, ending %q", len(got), log.Len(), got[max(0, len(got)-100):])
	}
}

// directory is a zip archive that has only entries without content, and claims to have another number of them.
func directory(entries int, claimed uint16) []byte {
	one := append([]byte("PK\x01\x02"), make([]byte, 42)...)
	binary.LittleEndian.PutUint16(one[28:], 1)
	one = append(one, 'x')
	archive := bytes.Repeat(one, entries)
	end := append([]byte("PK\x05\x06"), make([]byte, 18)...)
	binary.LittleEndian.PutUint16(end[10:], claimed)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(archive)))
	return append(append([]byte("PK\x03\x04"), archive...), end...)
}

// zip64 claims any number of entries.
func zip64(claimed, size uint64) (archive []byte) {
	end := append([]byte("PK\x06\x06"), make([]byte, 52)...)
	binary.LittleEndian.PutUint64(end[32:], claimed)
	locator := append([]byte("PK\x06\x07"), make([]byte, 16)...)
	binary.LittleEndian.PutUint64(locator[8:], size-uint64(len(end)+len(locator)+22))
	locator[16] = 1
	last := append([]byte("PK\x05\x06"), bytes.Repeat([]byte{0xff}, 16)...)
	return append(append(append(end, locator...), last...), 0, 0)
}

// The cost of a zip archive's directory depends on its entries, not on the number that it claims.
func TestDirectoriesOfZipArchivesAreBounded(t *testing.T) {
	folder := t.TempDir()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for name, content := range map[string][]byte{
		"a million": directory(1_000_000, 1_000_000%65536), "more than it claims": directory(65536*3+5, 5),
		"as many as can be claimed": directory(65_000, 65_000),
	} {
		path := put(t, filepath.Join(folder, name), append([]byte("PK\x03\x04"), content[4:]...))
		if got := found(t, applog.FindOptions{}, path)[path]; !strings.Contains(got, "too many entries") {
			t.Errorf("%s: %q", name, got)
		}
	}
	huge := put(t, folder+"/huge.zip", []byte("PK\x03\x04"))
	file, err := os.OpenFile(huge, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	end := zip64(30_000_000_000, terabyte)
	if _, err := file.WriteAt(end, terabyte-int64(len(end))); err != nil {
		t.Fatal(err)
	}
	said(t, "30 billion entries", found(t, applog.FindOptions{}, huge), huge, "it has 30000000000")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<30 {
		t.Errorf("it took %d MB", used>>20)
	}
}

// Entries of a zip archive that share their bytes can claim any size.
func TestEntriesThatOverlapAreRefused(t *testing.T) {
	content := noise(10_000)
	archive := zipped(t, map[string][]byte{"a.log": content, "b.log": content, "c.log": content})
	// All entries begin where the first one does.
	for at := bytes.Index(archive, []byte("PK\x01\x02")); at >= 0; {
		binary.LittleEndian.PutUint32(archive[at+42:], 0)
		next := bytes.Index(archive[at+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += 4 + next
	}
	beginning := bytes.Index(archive[4:], []byte("PK\x03\x04")) + 4
	overlapping := append(archive[:beginning:beginning], archive[bytes.Index(archive, []byte("PK\x01\x02")):]...)
	binary.LittleEndian.PutUint32(overlapping[len(overlapping)-6:], uint32(beginning))
	if reader, err := zip.NewReader(bytes.NewReader(overlapping), int64(len(overlapping))); err != nil ||
		len(reader.File) != 3 {
		t.Fatalf("the archive of this test is not valid: %v", err)
	}
	path := put(t, t.TempDir()+"/overlap.zip", overlapping)
	said(t, "overlapping", found(t, applog.FindOptions{}, path), path, "more bytes than the archive has")
}

// A damaged entry is reported as damaged.
func TestDamagedEntryIsReported(t *testing.T) {
	content := []byte(strings.Repeat("a line of a log\n", 100))
	archive := zipped(t, map[string][]byte{"a.log": content})
	at := bytes.Index(archive, []byte("PK\x01\x02"))
	archive[at+16] ^= 1 // its checksum
	path := put(t, t.TempDir()+"/damaged.zip", archive)
	said(t, "a checksum", found(t, applog.FindOptions{}, path), path+"!a.log", "checksum error")
	archive[at+16] ^= 1
	archive[at+24]++ // its size
	put(t, path, archive)
	said(t, "a size", found(t, applog.FindOptions{}, path), path+"!a.log", "unexpected EOF")
}

// An archive that is read again must be the one that was found.
func TestReplacedArchiveIsReported(t *testing.T) {
	path := put(t, t.TempDir()+"/logs.zip", zipped(t, map[string][]byte{"a.log": []byte("text\n")}))
	logs, err := applog.Find(t.Context(), []string{path}, applog.FindOptions{})
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	put(t, path+".new", zipped(t, map[string][]byte{"a.log": []byte("other\n")}))
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if _, err := logs[0].Open(t.Context()); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("opened: %v", err)
	}
}
