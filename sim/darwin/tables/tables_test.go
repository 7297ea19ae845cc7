package tables_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"usher.internal/sim/darwin/tables"
)

// read returns Go's own tables.
func read(t *testing.T) *tables.Tables {
	t.Helper()
	sys, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatal(err)
	}
	goroot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	known, err := tables.Read(strings.TrimSpace(string(sys)), strings.TrimSpace(string(goroot)))
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func write(t *testing.T, source string) (string, error) {
	t.Helper()
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "source.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	var header bytes.Buffer
	err := tables.Write(&header, directory, read(t))
	return header.String(), err
}

func TestHeaderHasWhatTheSourcesMention(t *testing.T) {
	header, err := write(t, "DARWIN_O_CREAT DARWIN_EVFILT_READ struct darwin_Dirent *entry; struct darwin_siginfo "+
		"*info; DARWIN_MINE\n#define DARWIN_MINE 1\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"#define DARWIN_O_CREAT (512)\n",
		"#define DARWIN_EVFILT_READ (-1)\n",
		"#ifdef ENOTEMPTY\n\t{ENOTEMPTY, 66},\n#endif\n",
		"#ifdef SIGUSR1\n\t{SIGUSR1, 30},\n#endif\n",
		"\tchar name[1024];\n\tuint8_t unused0[3];\n};\n",
		"_Static_assert(sizeof(struct darwin_Dirent) == 1048, ",
		"\tint32_t error;\n", // errno and si_pid are macros in C
		"\tint32_t pid;\n",
	} {
		if !strings.Contains(header, want) {
			t.Errorf("the header does not have %q", want)
		}
	}
	for _, other := range []string{"DARWIN_O_EXCL", "darwin_Stat_t", "DARWIN_MINE"} {
		if strings.Contains(header, other) {
			t.Errorf("the header has %s, which the source does not need", other)
		}
	}
}

func TestUnknownNamesAreErrors(t *testing.T) {
	_, err := write(t, "DARWIN_O_NONSENSE struct darwin_Nonsense")
	if err == nil || !strings.Contains(err.Error(), "DARWIN_O_NONSENSE") ||
		!strings.Contains(err.Error(), "struct darwin_Nonsense") {
		t.Errorf("got %v", err)
	}
}

func TestHeaderIsC(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the layouts are those of C on Linux/amd64")
	}
	header, err := write(t, "struct darwin_KinfoProc struct darwin_ucontext struct darwin_Statfs_t struct "+
		"darwin_Addrinfo")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for name, text := range map[string]string{"tables.h": header, "source.c": "#include \"tables.h\"\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compile := exec.CommandContext(t.Context(), "cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
		"source.c")
	compile.Dir = directory
	if output, err := compile.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
