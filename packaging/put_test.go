//go:build linux

package packaging_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDistRemovesOnlyWhatItMade builds into folders that already contain something.
func TestDistRemovesOnlyWhatItMade(t *testing.T) {
	built := func(t *testing.T, version string) string {
		from := t.TempDir()
		for _, name := range []string{"usher_" + version + "_linux_amd64.tar.gz", "usher_" + version + "_amd64.deb"} {
			writeFile(t, filepath.Join(from, name), version)
		}
		run(t, from, nil, "bash", "-c", "sha256sum -- usher* >SHA256SUMS")
		return from
	}
	names := func(t *testing.T, folder string) string {
		return strings.Join(strings.Fields(run(t, folder, nil, "ls", "-A")), " ")
	}
	put := func(t *testing.T, version, to string) (string, error) {
		return try(t.Context(), "..", nil, "scripts/put-dist", built(t, version), to)
	}
	const first = "SHA256SUMS usher_1_amd64.deb usher_1_linux_amd64.tar.gz"

	for name, test := range map[string]struct {
		prepare func(t *testing.T, to string)
		want    string // the content afterwards, besides the built files; "" means that the build was refused
		refused string
	}{
		"nothing else": {func(*testing.T, string) {}, "", ""},
		"files of somebody else": {func(t *testing.T, to string) {
			writeFile(t, filepath.Join(to, "thesis.txt"), "precious")
			writeFile(t, filepath.Join(to, "usher_notes.txt"), "precious")
			writeFile(t, filepath.Join(to, ".git", "HEAD"), "precious")
		}, "thesis.txt usher_notes.txt .git", ""},
		"a file that was changed": {func(t *testing.T, to string) {
			writeFile(t, filepath.Join(to, "usher_1_amd64.deb"), "precious")
		}, "usher_1_amd64.deb", ""},
		"something in the way": {func(t *testing.T, to string) {
			writeFile(t, filepath.Join(to, "usher_2_amd64.deb"), "precious")
		}, "", "usher_2_amd64.deb was not created by make dist"},
		"sums of something else": {func(t *testing.T, to string) {
			writeFile(t, filepath.Join(to, "SHA256SUMS"), fmt.Sprintf("%064d  ../thesis.txt\n", 0))
		}, "", "SHA256SUMS was not created by make dist"},
		"sums that are a link": {func(t *testing.T, to string) {
			run(t, to, nil, "mv", "SHA256SUMS", "sums")
			run(t, to, nil, "ln", "-s", "sums", "SHA256SUMS")
		}, "", "SHA256SUMS was not created by make dist"},
	} {
		t.Run(name, func(t *testing.T) {
			to := t.TempDir()
			if output, err := put(t, "1", to); err != nil || names(t, to) != first {
				t.Fatalf("the first time: %v, %s: %s", err, names(t, to), output)
			}
			test.prepare(t, to)
			before := names(t, to)
			output, err := put(t, "2", to)
			after := names(t, to)
			if test.refused != "" {
				if err == nil || !strings.Contains(output, test.refused) || after != before {
					t.Errorf("%v, %s: %s", err, after, output)
				}
				return
			}
			want := strings.Fields(test.want)
			want = append(want, "SHA256SUMS", "usher_2_amd64.deb", "usher_2_linux_amd64.tar.gz")
			for _, one := range want {
				if !strings.Contains(" "+after+" ", " "+one+" ") {
					t.Errorf("%s is missing: %s", one, after)
				}
			}
			if err != nil || len(strings.Fields(after)) != len(want) {
				t.Errorf("%v, %s: %s", err, after, output)
			}
		})
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
