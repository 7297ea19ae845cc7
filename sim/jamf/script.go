package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
)

// scriptPath is the PATH of scripts.
const scriptPath = "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin"

// streams chooses the output of a script that is kept.
type streams int

const (
	outputOnly     streams = iota
	outputAndError         // in the order of writing
)

// ran is the result of a script.
type ran struct {
	output string
	// exitCode is 128 plus the signal if a signal ended it, as in a shell.
	exitCode int
}

// runScript runs a script as our own user. It waits for the script and for all processes that still have its output
// open. As with the real one, a copy of the script runs: its own path says nothing, it need not be executable, and its
// first line names the interpreter.
func (m *mac) runScript(ctx context.Context, path string, arguments []string, kept streams) (ran, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return ran{}, err
	}
	directory, err := os.MkdirTemp("", "jamf-")
	if err != nil {
		return ran{}, err
	}
	defer os.RemoveAll(directory)
	script := filepath.Join(directory, filepath.Base(path))
	if err := os.WriteFile(script, content, 0o700); err != nil {
		return ran{}, err
	}
	var output bytes.Buffer
	command := exec.CommandContext(ctx, script, arguments...)
	command.Dir, command.Env = "/", m.scriptEnvironment()
	command.Stdout = &output
	if kept == outputAndError {
		command.Stderr = &output
	}
	err = command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code := exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			code = 128 + int(status.Signal())
		}
		return ran{output.String(), code}, nil
	}
	if err != nil {
		return ran{}, fmt.Errorf("start: %w", err)
	}
	return ran{output.String(), 0}, nil
}

func (m *mac) scriptEnvironment() []string {
	environment := []string{"PATH=" + scriptPath, "LANG=C.UTF-8"}
	if home, err := os.UserHomeDir(); err == nil {
		environment = append(environment, "HOME="+home)
	}
	for name, value := range m.Environment {
		environment = append(environment, name+"="+value)
	}
	slices.Sort(environment)
	return environment
}
