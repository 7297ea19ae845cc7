package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// install puts a jamf with its configuration into a directory that everyone can reach, and returns its path.
func install(t *testing.T, config string) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.Chmod(filepath.Dir(directory), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(directory, "jamf")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "jamf.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// usherd runs jamf with an environment in which nothing points to its configuration.
func TestConfigurationBesideTheExecutable(t *testing.T) {
	jamf := install(t, `{"log_file": "jamf.log", "policies": [{"id": 1, "name": "Found", "event": "e"}]}`)
	command := exec.CommandContext(t.Context(), jamf, "policy", "-event", "e")
	command.Env, command.Dir = []string{"GORACE=" + os.Getenv("GORACE")}, "/"
	output, err := command.CombinedOutput()
	if err != nil || !bytes.Contains(output, []byte("Executing Policy Found\n")) {
		t.Errorf("%v: %s", err, output)
	}
	log, err := os.ReadFile(filepath.Join(filepath.Dir(jamf), "jamf.log"))
	if err != nil {
		t.Fatal(err)
	}
	if want := " " + defaultComputerName + " jamf["; strings.Count(string(log), want) != 4 { // two of them are noise
		t.Errorf("jamf.log is %s", log)
	}
}

// Needs root, to act as another user.
func TestOthersAreRefused(t *testing.T) {
	for _, verb := range []string{"policy", "recon", "manage"} {
		for config, refused := range map[string]bool{`"exit_codes": {}`: true, `"allow_non_root": true`: false} {
			// Others cannot write the log, so a verb that does not refuse them fails there.
			jamf := install(t, `{"log_file": "nowhere/jamf.log", "udid": "x", `+config+`}`)
			command := exec.CommandContext(t.Context(), jamf, verb)
			command.Env = []string{"GORACE=" + os.Getenv("GORACE")}
			command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			output, err := command.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != exitFailed {
				t.Errorf("%s: %v: %s", verb, err, output)
			}
			if got := bytes.Contains(output, []byte("requires root privileges")); got != refused {
				t.Errorf("%s with %s: %s", verb, config, output)
			}
		}
	}
}

// fifo makes a named pipe. Opening it does not block, and reading it does not block forever.
func fifo(t *testing.T, path string) *os.File {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	// A deadline needs a file that Go polls, and on macOS Go does not poll a named pipe (os/file_unix.go). A waiting
	// reader gets this in the end.
	late := time.AfterFunc(30*time.Second, func() { _, _ = pipe.WriteString("too late\n") })
	t.Cleanup(func() { late.Stop() })
	return pipe
}

// A second recon says that it waits, and runs when the first has ended.
func TestSecondReconWaits(t *testing.T) {
	server, url := serve(t)
	directory := t.TempDir()
	begun, goOn := fifo(t, filepath.Join(directory, "begun")), fifo(t, filepath.Join(directory, "go-on"))
	script := fmt.Sprintf("#!/bin/sh\necho begun >'%s'\nread word <'%s'\necho \"<result>$word</result>\"\n",
		begun.Name(), goOn.Name())
	config := fmt.Sprintf(`{"server": %q, "udid": %q, "log_file": "jamf.log", "extension_attributes": [{"name": `+
		`"Word", "script": "word.sh"}]}`, url, udid)
	for name, content := range map[string]string{"word.sh": script, "jamf.json": config} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	recon := func() (*exec.Cmd, *bufio.Scanner) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "jamf", "recon")
		command.Env = append(os.Environ(), configVariable+"="+filepath.Join(directory, "jamf.json"))
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { read.Close() })
		command.Stdout = write
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		if err := read.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return command, bufio.NewScanner(read)
	}
	expect := func(from io.Reader, want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
			t.Fatalf("read %q: %v", got, err)
		}
	}
	say := func(word string) {
		t.Helper()
		if _, err := goOn.WriteString(word + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := recon()
	expect(begun, "begun\n")
	second, output := recon()
	if want := fmt.Sprintf("Another inventory update is running (PID %d), waiting for it...",
		first.Process.Pid); !output.Scan() || output.Text() != want {
		t.Fatalf("the second says %q, want %q", output.Text(), want)
	}
	say("one")
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	expect(begun, "begun\n")
	if computer, _ := server.Computer(udid); computer.Inventories != 1 || computer.Value("Word") != "one" {
		t.Errorf("after the first Jamf Pro holds %+v", computer)
	}
	say("two")
	if err := second.Wait(); err != nil {
		t.Fatal(err)
	}
	if computer, _ := server.Computer(udid); computer.Inventories != 2 || computer.Value("Word") != "two" {
		t.Errorf("after the second Jamf Pro holds %+v", computer)
	}
}
