package applog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"usher.internal/internal/applog"
)

// bytesRead is how many bytes this process has read so far.
func bytesRead(t *testing.T) (read int64) {
	t.Helper()
	content, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(content), "rchar: %d", &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// An archive is read once to find its logs, and then each log is read separately, however many it has.
func TestAnArchiveIsReadOnce(t *testing.T) {
	files := map[string][]byte{}
	size := int64(0)
	for i := range 200 {
		files[fmt.Sprintf("log %03d", i)] = noise(10_000)
		size += 10_000
	}
	folder := t.TempDir()
	for name, content := range map[string][]byte{
		"tar": tarred(t, files), "tar.gz": gzipped(t, tarred(t, files)), "tar.bz2": bzipped(t, tarred(t, files)),
		"zip":           zipped(t, files),
		"zip in tar":    tarred(t, map[string][]byte{"a.zip": zipped(t, files)}),
		"zip in zip":    zipped(t, map[string][]byte{"a.zip": zipped(t, files)}),
		"tar.gz in zip": zipped(t, map[string][]byte{"a.tar.gz": gzipped(t, tarred(t, files))}),
	} {
		path := put(t, filepath.Join(folder, name), content)
		before := bytesRead(t)
		if got := found(t, applog.FindOptions{}, path); len(got) != len(files) {
			t.Errorf("%s: %d logs", name, len(got))
		}
		if read := bytesRead(t) - before; read > 5*size {
			t.Errorf("%s: %d bytes were read of an archive of %d", name, read, len(content))
		} else {
			t.Logf("%s: %d bytes were read of an archive of %d", name, read, len(content))
		}
	}
}
