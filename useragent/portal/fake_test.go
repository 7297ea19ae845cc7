package portal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"usher.internal/useragent/portal"
)

// The test binary is also each program that the tests run: copies of it act by their name.
const (
	portalName = "Company Portal"
	agentName  = "agent"
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case portalName:
		syscall.Exit(fakePortal()) // without the race detector's extra second
	case agentName:
		syscall.Exit(fakeAgent())
	}
	goleak.VerifyTestMain(m)
}

// hello is the first message of a fake portal.
type hello struct {
	PID, Group  int
	Arguments   []string
	Environment []string
}

// fakePortal connects to the test at $HOME/control.sock and follows its commands, one a line.
func fakePortal() int {
	connection, err := net.Dial("unix", filepath.Join(os.Getenv("HOME"), "control.sock"))
	if err != nil {
		return 98
	}
	encoder := json.NewEncoder(connection)
	_ = encoder.Encode(hello{os.Getpid(), syscall.Getpgrp(), os.Args[1:], os.Environ()})
	commands := bufio.NewScanner(connection)
	for commands.Scan() {
		word, argument, _ := strings.Cut(commands.Text(), " ")
		switch word {
		case "ignore":
			signal.Ignore(syscall.SIGTERM)
		case "die":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		case "exit":
			var code int
			_, _ = fmt.Sscan(argument, &code)
			return code
		}
		_ = encoder.Encode("done")
	}
	return 97
}

// fakeAgent runs a Runner in a process of its own: it runs the given registration and writes an event a line.
func fakeAgent() int {
	runner := portal.New(portal.Config{Executable: os.Args[1], StateDirectory: os.Args[2], LogDirectory: os.Args[3]})
	err := runner.Run(context.Background(), os.Args[4], false, func(event portal.Event) error {
		fmt.Printf("%T\n", event)
		return nil
	})
	fmt.Println(err)
	return 0
}

// mac has the parts that a test needs: a home, a portal to launch, and the fake portals that were launched.
type mac struct {
	t      *testing.T
	home   string
	config portal.Config
	log    string
	socket net.Listener
}

func newMac(t *testing.T) *mac {
	t.Helper()
	home, err := os.MkdirTemp("", "portal") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	t.Setenv("HOME", home)
	m := &mac{t: t, home: home, config: portal.Config{
		Executable:     filepath.Join(home, portalName),
		StateDirectory: filepath.Join(home, "state"),
		LogDirectory:   filepath.Join(home, "Logs", portalName),
	}}
	m.log = filepath.Join(m.config.LogDirectory, "app.log")
	m.install(m.config.Executable)
	if m.socket, err = net.Listen("unix", filepath.Join(home, "control.sock")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.socket.Close() })
	return m
}

// install copies the test binary. Nothing may be started while the copy is open for writing, and nothing is.
func (m *mac) install(path string) {
	m.t.Helper()
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	if output, err := exec.Command("/bin/cp", self, path).CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %s", err, output)
	}
}

func (m *mac) runner() *portal.Runner {
	m.t.Helper()
	runner := portal.New(m.config)
	m.t.Cleanup(runner.Close)
	return runner
}

// launched is a running fake portal.
type launched struct {
	t          *testing.T
	connection net.Conn
	answers    *json.Decoder
	hello      hello
}

// portal waits for the next portal that is launched.
func (m *mac) portal() *launched {
	m.t.Helper()
	connection, err := m.socket.Accept()
	if err != nil {
		m.t.Fatal(err)
	}
	p := &launched{t: m.t, connection: connection, answers: json.NewDecoder(connection)}
	m.t.Cleanup(func() { connection.Close() }) // which also ends it
	if err := p.answers.Decode(&p.hello); err != nil {
		m.t.Fatal(err)
	}
	return p
}

// noPortal checks that no portals were launched except those that the test knows, after all of those have ended.
// Another one would be running, or have connected.
func (m *mac) noPortal() {
	m.t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil || len(links) == 0 {
		m.t.Fatalf("processes: %d, %v", len(links), err)
	}
	for _, link := range links {
		if program, err := os.Readlink(link); err == nil && program == m.config.Executable {
			m.t.Errorf("another portal is running: %s", link)
		}
	}
	probe, err := net.Dial("unix", m.socket.Addr().String())
	if err != nil {
		m.t.Fatal(err)
	}
	probe.Close()
	connection, err := m.socket.Accept() // the first in the queue
	if err != nil {
		m.t.Fatal(err)
	}
	defer connection.Close()
	if said, err := io.ReadAll(connection); len(said) > 0 || err != nil {
		m.t.Errorf("another portal was launched: %s, %v", said, err)
	}
}

// do makes the portal do something and waits until it is done.
func (p *launched) do(command string) {
	p.t.Helper()
	p.send(command)
	var answer string
	if err := p.answers.Decode(&answer); err != nil {
		p.t.Fatalf("%s: %v", command, err)
	}
}

// end makes the portal end and waits until it has: its connection is closed a moment before.
func (p *launched) end(command string) {
	p.t.Helper()
	if err := portal.AfterExit(p.t.Context(), p.hello.PID, func() { p.send(command) }); err != nil {
		p.t.Fatal(err)
	}
}

func (p *launched) send(command string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.connection, command); err != nil {
		p.t.Fatal(err)
	}
}

// logs appends entries to Company Portal's log.
func (m *mac) logs(entries ...string) {
	m.t.Helper()
	if err := os.MkdirAll(m.config.LogDirectory, 0o700); err != nil {
		m.t.Fatal(err)
	}
	file, err := os.OpenFile(m.log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(strings.Join(entries, "")); err != nil {
		m.t.Fatal(err)
	}
}

// event is a telemetry event in the older grammar.
func event(title string, fields ...string) string {
	text := "2021-03-09 14:02:11.004 VERB com.microsoft.ssp.telemetry TID=1 A.swift: 1 (f()) Sending event using " +
		"aria: InAppProcess : {\n" +
		"eventTitle = " + title + ";\n"
	for _, field := range fields {
		text += field + ";\n"
	}
	return text + "}\n"
}

func exitEvent(code int) string {
	return event("CompanyPortalExited", "result = Succeeded", fmt.Sprint("resultData = ", code))
}
