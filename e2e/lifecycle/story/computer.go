//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"usher.internal/sim/keyring"
)

// failure is the value that a chapter panics with when a check fails.
type failure struct{ error }

// computer is the one on which the story runs.
type computer struct {
	ctx       context.Context
	log       io.Writer
	people    map[string]*person
	rebooting bool
}

func (c *computer) close() {
	for _, one := range c.people {
		if one.keyring != nil {
			_ = one.keyring.Close()
		}
	}
}

// must ends the chapter with an error.
func (c *computer) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// want ends the chapter unless a condition is true.
func (c *computer) want(so bool, format string, arguments ...any) {
	if !so {
		panic(failure{fmt.Errorf(format, arguments...)})
	}
}

func (c *computer) note(format string, arguments ...any) {
	fmt.Fprintf(c.log, "   "+format+"\n", arguments...)
}

// ended is a program that has ended.
type ended struct {
	exitCode       int
	stdout, stderr string
}

func run(ctx context.Context, program string, arguments ...string) (ended, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8"}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		err = nil
	}
	if err != nil {
		return ended{}, fmt.Errorf("run %s %v: %w", program, arguments, err)
	}
	return ended{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}, nil
}

// run runs a program as root and wants that exit code.
func (c *computer) run(exitCode int, program string, arguments ...string) ended {
	result, err := run(c.ctx, program, arguments...)
	c.must(err)
	c.want(result.exitCode == exitCode, "%s %s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s",
		program, strings.Join(arguments, " "), result.exitCode, exitCode, result.stdout, result.stderr)
	return result
}

// usherctl runs the installed usherctl.
func (c *computer) usherctl(exitCode int, arguments ...string) ended {
	return c.run(exitCode, "usherctl", arguments...)
}

// data runs the installed usherctl with --json and decodes its output.
func data[T any](c *computer, exitCode int, arguments ...string) T {
	return decode[T](c.usherctl(exitCode, append(arguments, "--json")...).stdout)
}

// eventually looks until a condition is true. It waits for the work of other programs, which send no event to the
// story.
func (c *computer) eventually(what string, so func() bool) {
	deadline := time.After(30 * time.Second)
	for !so() {
		select {
		case <-deadline:
			panic(failure{fmt.Errorf("this did not happen: %s", what)})
		case <-c.ctx.Done():
			panic(failure{c.ctx.Err()})
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// uids are far from those that useradd assigns. The kernel is shared with the machine of the test. Other tests make
// accounts with the next uid there at the same time, and end everything that runs under it when they are finished.
var uids = map[string]string{"jane": "58101", "john": "58102"}

// person is a user with an account.
type person struct {
	name, home string
	uid, gid   uint32
	keyring    *keyring.Keyring
}

// person returns the account of that name, and creates it if it does not exist.
func (c *computer) person(name string) *person {
	if known := c.people[name]; known != nil {
		return known
	}
	account, err := user.Lookup(name)
	if err != nil {
		c.run(0, "useradd", "--create-home", "--shell", "/bin/sh", "--uid", uids[name], name)
		account, err = user.Lookup(name)
	}
	c.must(err)
	one := &person{name: name, home: account.HomeDir}
	one.uid, one.gid = c.number(account.Uid), c.number(account.Gid)
	if c.people == nil {
		c.people = map[string]*person{}
	}
	c.people[name] = one
	return one
}

func (c *computer) number(text string) uint32 {
	parsed, err := strconv.ParseUint(text, 10, 32)
	c.must(err)
	return uint32(parsed)
}

// as runs a program in the person's session.
func (c *computer) as(p *person, program string, arguments ...string) string {
	command := exec.CommandContext(c.ctx, program, arguments...)
	command.Dir = "/"
	command.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + p.home, "USER=" + p.name,
		fmt.Sprintf("XDG_RUNTIME_DIR=/run/user/%d", p.uid)}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.uid, Gid: p.gid}}
	output, err := command.CombinedOutput()
	if err != nil {
		panic(failure{fmt.Errorf("%s %v as %s: %w: %s", program, arguments, p.name, err, output)})
	}
	return string(output)
}

// logIn has the person log in: with a service manager, a login keychain, and the settings of Company Portal's stand-in.
func (c *computer) logIn(name string) *person {
	p := c.person(name)
	kept, err := keyring.Start(c.ctx, keyring.Options{UID: p.uid, GID: p.gid, Home: p.home, UserName: p.name})
	c.must(err)
	p.keyring = kept
	settings, err := json.Marshal(map[string]any{
		"tenant_id": tenant, "upn": name + "@example.com", "wait": "100ms", "keychain": "secretservice",
		"runs_file": filepath.Join(p.home, "portal-runs"), "sign_in_pipe": p.pipe(),
	})
	c.must(err)
	c.write(p, ".config/usher-sim/companyportal.json", string(settings))
	if err := syscall.Mkfifo(p.pipe(), 0o600); !errors.Is(err, os.ErrExist) {
		c.must(errors.Join(err, os.Chown(p.pipe(), int(p.uid), int(p.gid))))
	}
	c.run(0, "systemctl", "start", fmt.Sprintf("user@%d.service", p.uid))
	// A display manager sends this to the session's service manager, before it starts the programs of the session.
	c.as(p, "systemctl", "--user", "set-environment", "DBUS_SESSION_BUS_ADDRESS="+kept.Address(),
		"XDG_STATE_HOME="+filepath.Join(p.home, "kept"))
	c.as(p, "systemctl", "--user", "restart", "usher-agent.service")
	return p
}

// pipe is the pipe through which the person signs in.
func (p *person) pipe() string { return filepath.Join(p.home, "sign-in") }

// signIn has the person sign in to the waiting Company Portal.
func (c *computer) signIn(p *person) {
	pipe, err := os.OpenFile(p.pipe(), os.O_WRONLY, 0)
	c.must(err)
	c.must(pipe.Close())
}

// write writes a file of the person's.
func (c *computer) write(p *person, path, content string) {
	full := filepath.Join(p.home, path)
	c.must(os.MkdirAll(filepath.Dir(full), 0o755))
	c.must(os.WriteFile(full, []byte(content), 0o644))
	c.run(0, "chown", "-R", p.name+":", filepath.Join(p.home, strings.Split(path, "/")[0]))
}

// portalBegins waits until Company Portal reports its start, and returns the result of portals; usherd knows its
// process before.
func (c *computer) portalBegins(p *person) []int {
	c.eventually("Company Portal of "+p.name+" has begun", func() bool { return len(c.portals(p)) > 0 })
	return c.portals(p)
}

// portals returns the process ids of each Company Portal that was started for the person.
func (c *computer) portals(p *person) (pids []int) {
	content, err := os.ReadFile(filepath.Join(p.home, "portal-runs"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	c.must(err)
	for line := range strings.Lines(string(content)) {
		var pid int
		_, err := fmt.Sscanf(line, "pid=%d", &pid)
		c.must(err)
		pids = append(pids, pid)
	}
	return pids
}
