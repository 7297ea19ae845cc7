package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// coldStarts is how often each program is started.
const coldStarts = 80

// coldStartGoal limits the time of `usherctl status` as a share of curl's time.
const coldStartGoal = 0.8

// measureColdStart measures whole runs of programs, output to /dev/null.
func measureColdStart(ctx context.Context, s *scene, a answers) (rows []row, err error) {
	web, err := startReference("serve-http", filepath.Join(s.Directory, "http.sock"), a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, web.stop()) }()
	status := program(s.Programs.Control, "--config", s.ConfigFile(), "status", "--json")
	help := program(s.Programs.Control, "--help")
	nothing := program("true")
	subjects := []*subject{status, help, nothing}
	curl := program("curl", "--silent", "--fail", "--unix-socket", web.socket, "http://localhost/status")
	_, noCurl := exec.LookPath("curl")
	if noCurl == nil {
		subjects = append(subjects, curl)
	}
	if err := takeTurns(ctx, coldStarts, 1, subjects...); err != nil {
		return nil, err
	}
	rows = []row{
		status.beside(curl, "cold start: usherctl status --json", "curl --unix-socket, same answer",
			&goal{Ratio: coldStartGoal}),
		help.beside(nothing, "cold start: usherctl --help, which asks nobody", "true", nil),
	}
	if noCurl != nil {
		rows[0].Failed = noCurl.Error()
	}
	return rows, nil
}

// program is a subject that runs a program to its end.
func program(name string, arguments ...string) *subject {
	return &subject{do: func(ctx context.Context) error {
		command := exec.CommandContext(ctx, name, arguments...)
		command.Env = []string{"PATH=/usr/bin:/bin"}
		if err := command.Run(); err != nil {
			return fmt.Errorf("run %s: %w", name, err)
		}
		return nil
	}}
}
