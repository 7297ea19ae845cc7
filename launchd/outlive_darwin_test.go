package launchd

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/layout"
)

func TestOutliveKeepsTheOutput(t *testing.T) {
	here := layout.Layout{LogDirectory: filepath.Join(t.TempDir(), "logs")}
	program := filepath.Join(t.TempDir(), "upgrade")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$1 in $PWD\"\nexit \"$2\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	where, _, err := Outlive(t.Context(), here, program, "first", "0")
	if err != nil {
		t.Fatal(err)
	}
	if _, exitCode, err := Outlive(t.Context(), here, program, "second", "7"); exitCode != 7 || err != nil {
		t.Errorf("it ended with %d, %v", exitCode, err)
	}
	content, err := os.ReadFile(where)
	if err != nil || string(content) != "first in /\nsecond in /\n" {
		t.Errorf("%s has %q, %v", where, content, err)
	}
	if _, _, err := Outlive(t.Context(), layout.Layout{LogDirectory: "/dev/null/logs"}, program, "never", "0"); err ==
		nil {
		t.Error("there is a log where none can be")
	}
	// A log that is somebody's link is not written to.
	if err := errors.Join(os.Remove(where), os.Symlink("/dev/null", where)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Outlive(t.Context(), here, program, "third", "0"); err == nil {
		t.Error("a link was followed")
	}
}

// A process that usherd or an agent has started is inside it, with any processes in between.
func TestInside(t *testing.T) {
	const part = "USHER_TEST_PART"
	flags := []string{"-test.run=^TestInside$", "-test.v"}
	if counters := os.Getenv("GOCOVERDIR"); counters != "" {
		flags = append(flags, "-test.gocoverdir="+counters)
	}
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := os.Getenv("USHER_TEST_DIRECTORY")
	switch os.Getenv(part) {
	case "helper": // this copy is named usherd
		child := exec.Command(os.Getenv("USHER_TEST_PROGRAM"), flags...)
		child.Env = append(os.Environ(), part+"=child")
		output, err := child.CombinedOutput()
		t.Logf("%s %v", output, err)
		return
	case "child":
		t.Logf("inside: %v", inside(layout.Layout{Programs: directory}))
		return
	}
	if inside(layout.Layout{Programs: t.TempDir()}) {
		t.Error("a test is inside of usherd")
	}
	if path := executableOf(1 << 30); path != "" {
		t.Errorf("a process that is not there was started by %s", path)
	}
	directory = t.TempDir()
	helper := layout.Layout{Programs: directory}.Helper()
	copyProgram(t, test, helper)
	run := exec.Command(helper, flags...)
	run.Env = append(os.Environ(), part+"=helper", "USHER_TEST_DIRECTORY="+directory, "USHER_TEST_PROGRAM="+test)
	if output, err := run.CombinedOutput(); err != nil || !strings.Contains(string(output), "inside: true") {
		t.Errorf("%v: %s", err, output)
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		t.Fatal(err)
	}
}
