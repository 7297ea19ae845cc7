// Package asuser runs a test in a process of another user. Only root can use it. It is for tests.
package asuser

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// variable is set to the folder in the process that runs as a user.
const variable = "USHER_TEST_AS_USER"

// Folder is the argument of [Run] in the process that Run starts. It is empty in any other process, where the test that
// Run names returns at once.
func Folder() string { return os.Getenv(variable) }

// Run runs a test of the present package in a process of a user and fails t if it fails. The process works in the
// folder, which the user may enter. From then on everybody can enter the folder and its parent.
func Run(t testing.TB, user syscall.Credential, test, folder string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "usher-test-as-user")
	// Only root can read the program where `go test` puts it, and [testing.T.TempDir] belongs only to its maker.
	err = errors.Join(os.WriteFile(program, content, 0o755), os.Chmod(program, 0o755), os.Chmod(folder, 0o755),
		os.Chmod(filepath.Dir(folder), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run=^"+test+"$", "-test.v")
	command.Env, command.Dir = []string{variable + "=" + folder, "GORACE=" + os.Getenv("GORACE")}, folder
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &user}
	if said, err := command.CombinedOutput(); err != nil || !bytes.Contains(said, []byte("--- PASS: "+test)) {
		t.Fatalf("%s as uid %d: %v\n%s", test, user.Uid, err, said)
	}
}
