//go:build linux

// Command record produces the files that an upgrade finds on a computer, with this version's own programs and the
// stand-ins beside them. It copies into a directory the journal in many states, the records of Company Portal's runs,
// the configuration with every key set, and a profile. It also stores the output of this version's usherctl about them.
// It makes accounts, so it needs root.
//
// scripts/record-upgrade-data runs it inside the sources of the version that is recorded; e2e/upgrade/testdata has the
// results.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"usher.internal/sim/mac"
)

func main() {
	if len(os.Args) != 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: record DIRECTORY")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if err := record(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, into string) (err error) {
	if os.Getuid() != 0 {
		return errors.New("it makes accounts and acts as them, so it needs root")
	}
	directory, err := os.MkdirTemp("", "usher-record-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	if err := os.Chmod(directory, 0o755); err != nil {
		return err
	}
	programs, err := mac.Build(ctx, filepath.Join(directory, "programs"), "grpcnotrace")
	if err != nil {
		return err
	}
	crashing, err := mac.Build(ctx, filepath.Join(directory, "crashtest"), "grpcnotrace,crashtest")
	if err != nil {
		return err
	}
	if err := oddNamesAllowed(directory); err != nil {
		return err
	}
	var log io.Writer
	if os.Getenv("USHER_RECORD_LOG") != "" {
		log = os.Stderr
	}
	m, err := mac.New(mac.Options{Directory: directory, Programs: programs, Tee: log})
	if err != nil {
		return err
	}
	p := &play{Mac: m, ctx: ctx, directory: directory, crashing: crashing.Helper, into: into}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.run(); err != nil {
		return err
	}
	return p.configuration()
}

// oddNamesAllowed has useradd accept any name that an account can have on a Mac; mac.AddUser finds this useradd first.
func oddNamesAllowed(directory string) error {
	tools := filepath.Join(directory, "tools")
	if err := os.Mkdir(tools, 0o755); err != nil {
		return err
	}
	script := "#!/bin/sh\nexec /usr/sbin/useradd --badname \"$@\"\n"
	if err := os.WriteFile(filepath.Join(tools, "useradd"), []byte(script), 0o755); err != nil {
		return err
	}
	return os.Setenv("PATH", tools+":"+os.Getenv("PATH"))
}
