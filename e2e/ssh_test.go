//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"usher.internal/sim/mac"
)

// sshd is Debian's OpenSSH server on loopback, in front of one Mac. In its own mount namespace usherctl is at its
// installed path.
type sshd struct {
	port int
	// stop ends it.
	stop func()
}

// admin is an admin's computer: an ssh with its own key, and usherctl.
type admin struct {
	s      *story
	folder string
	key    string
}

func (s *story) newAdmin() *admin {
	s.t.Helper()
	a := &admin{s: s, folder: publicDirectory(s.t)}
	a.key = filepath.Join(a.folder, "key")
	s.keygen(a.key)
	known := filepath.Join(a.folder, "known_hosts")
	configuration := filepath.Join(a.folder, "ssh_config")
	s.must(os.WriteFile(configuration,
		fmt.Appendf(nil, "IdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nGlobalKnownHostsFile "+
			"none\nStrictHostKeyChecking accept-new\n", a.key, known), 0o600))
	// The content of an admin's ~/.ssh; the tests have no home of their own.
	s.must(os.WriteFile(filepath.Join(a.folder, "ssh"),
		fmt.Appendf(nil, "#!/bin/sh\nexec /usr/bin/ssh -F %s \"$@\"\n", configuration), 0o755))
	return a
}

func (s *story) keygen(path string) {
	s.t.Helper()
	if output, err := exec.CommandContext(s.ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
		path).CombinedOutput(); err != nil {
		s.t.Fatalf("ssh-keygen: %v: %s", err, output)
	}
}

// control runs usherctl at the admin's computer, where there is no usherd.
func (a *admin) control(arguments ...string) mac.Result {
	a.s.t.Helper()
	return a.start(arguments...).wait()
}

// asked is a running usherctl on the admin's computer.
type asked struct {
	s              *story
	command        *exec.Cmd
	stdout, stderr said
}

func (a *admin) start(arguments ...string) *asked {
	a.s.t.Helper()
	one := &asked{s: a.s, command: exec.CommandContext(a.s.ctx, programs.Control, arguments...), stdout: newSaid(),
		stderr: newSaid()}
	one.command.Env = []string{"PATH=" + a.folder + ":/usr/bin:/bin", "HOME=" + a.folder}
	one.command.Stdout, one.command.Stderr = one.stdout, one.stderr
	a.s.must(one.command.Start())
	return one
}

// wait waits for its end.
func (a *asked) wait() mac.Result {
	_ = a.command.Wait() // how it ended is its exit code
	return mac.Result{ExitCode: a.command.ProcessState.ExitCode(), Stdout: a.stdout.String(), Stderr: a.stderr.String()}
}

// says waits until it has written that to standard error.
func (a *asked) says(text string) {
	a.s.t.Helper()
	for !strings.Contains(a.stderr.String(), text) {
		select {
		case <-a.stderr.more:
		case <-a.s.ctx.Done():
			a.s.t.Fatalf("usherctl does not say %q, but\n%s", text, a.stderr.String())
		}
	}
}

// said is the output of a program up to now.
type said struct {
	*sync.Mutex
	text *strings.Builder
	// more gets a value for each new output.
	more chan struct{}
}

func newSaid() said { return said{new(sync.Mutex), new(strings.Builder), make(chan struct{}, 1)} }

func (s said) Write(p []byte) (int, error) {
	s.Lock()
	defer s.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s said) String() string {
	s.Lock()
	defer s.Unlock()
	return s.text.String()
}

// sshd starts a server that accepts the admin's key for any user of the Mac.
func (s *story) sshd(a *admin) *sshd {
	s.t.Helper()
	folder := publicDirectory(s.t)
	s.keygen(filepath.Join(folder, "host_key"))
	public, err := os.ReadFile(a.key + ".pub")
	s.must(err)
	s.must(os.WriteFile(filepath.Join(folder, "authorized_keys"), public, 0o644))
	installed := filepath.Join(folder, "bin")
	s.must(os.Mkdir(installed, 0o755))
	program, err := os.ReadFile(programs.Control)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(installed, "usherctl"), program, 0o755))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	server := &sshd{port: listener.Addr().(*net.TCPAddr).Port}
	s.must(listener.Close())
	configuration := filepath.Join(folder, "sshd_config")
	s.must(os.WriteFile(configuration, fmt.Appendf(nil, `ListenAddress 127.0.0.1:%d
ListenAddress [::1]:%[1]d
HostKey %[2]s/host_key
AuthorizedKeysFile %[2]s/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
PidFile none
MaxStartups 100
SetEnv USHER_CONFIG=%[3]s
`, server.port, folder, s.ConfigFile()), 0o600))
	s.must(os.MkdirAll("/run/sshd", 0o755)) // where sshd locks itself in; Debian's service makes it
	// The PATH of a command through ssh is short. usherctl is found at its installed path on a Mac, here a folder that
	// only this server sees.
	command := exec.Command("unshare", "--mount", "/bin/sh", "-c",
		`mount -t tmpfs tmpfs /usr/local && mkdir /usr/local/usher && mount --bind "$0" /usr/local/usher && exec `+
			`/usr/sbin/sshd -D -e -f "$1"`, installed, configuration)
	log, err := os.Create(filepath.Join(folder, "log"))
	s.must(err)
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.must(command.Start())
	server.stop = func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
	}
	s.t.Cleanup(server.stop)
	for {
		connection, err := new(net.Dialer).DialContext(s.ctx, "tcp", "127.0.0.1:"+strconv.Itoa(server.port))
		if err == nil {
			s.must(connection.Close())
			return server
		}
		select { // it has no other event
		case <-time.After(20 * time.Millisecond):
		case <-s.ctx.Done():
			content, _ := os.ReadFile(log.Name())
			s.t.Fatalf("sshd does not listen: %s", content)
		}
	}
}

func (d *sshd) as(user string) string { return fmt.Sprintf("ssh://%s@127.0.0.1:%d", user, d.port) }

// mayLogIn unlocks a user that useradd has locked out.
func (s *story) mayLogIn(users ...*mac.User) {
	s.t.Helper()
	for _, u := range users {
		if output, err := exec.CommandContext(s.ctx, "usermod", "--password", "*", u.Name).CombinedOutput(); err !=
			nil {
			s.t.Fatalf("usermod: %v: %s", err, output)
		}
	}
}

type usersShown struct {
	Data struct {
		Users []struct {
			User     struct{ Name string }
			Identity struct{ State string }
		}
	}
}

func (u usersShown) names() (names []string) {
	for _, user := range u.Data.Users {
		names = append(names, user.User.Name)
	}
	slices.Sort(names)
	return names
}

// A question through ssh has the answer of the Mac, for the user of ssh.
func TestAnotherMacThroughSSH(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane, john := s.known("jane"), s.known("john")
	s.mayLogIn(jane, john)
	s.control(0, "register", "--user", jane.Name, "--wait")
	s.control(7, "status", "--look", "--user", john.Name)
	me := s.newAdmin()
	server := s.sshd(me)

	// usherd's caller is the user of ssh: root sees everybody, jane sees herself.
	all := me.control("--host", server.as("root"), "status", "--user", jane.Name, "--json")
	s.wantExit(all, 0, []string{"status through ssh as root"})
	if got, want := decode[usersShown](t, all.Stdout).names(), sorted(jane.Name, john.Name); !slices.Equal(got, want) {
		t.Errorf("root sees %q, want %q", got, want)
	}
	own := me.control("status", "--host", server.as(jane.Name), "--json")
	s.wantExit(own, 0, []string{"status through ssh as jane"})
	if got := decode[usersShown](t, own.Stdout).names(); !slices.Equal(got, []string{jane.Name}) {
		t.Errorf("jane sees %q", got)
	}
	other := me.control("status", "--host", server.as(john.Name), "--json")
	s.wantExit(other, 7, []string{"status through ssh as john, who is not registered"})

	// By an IPv6 address too, where the computer has one.
	if connection, err := net.Dial("tcp", fmt.Sprintf("[::1]:%d", server.port)); err != nil {
		t.Logf("not tried over IPv6: %v", err)
	} else {
		s.must(connection.Close())
		s.wantExit(me.control("status", "--host", fmt.Sprintf("ssh://%s@[::1]:%d", jane.Name, server.port)), 0,
			[]string{"status over IPv6"})
	}

	// The other commands that read.
	list := me.control("registrations", "list", "--host", server.as("root"), "--json")
	s.wantExit(list, 0, []string{"registrations list"})
	if here := s.control(0, "registrations", "list", "--json").Stdout; list.Stdout != here {
		t.Errorf("registrations through ssh\n%s\nand on the Mac\n%s", list.Stdout, here)
	}
	id := decode[struct {
		Data struct {
			Registrations []struct{ ID string }
		}
	}](t, list.Stdout).Data.Registrations[0].ID
	s.wantExit(me.control("registrations", "show", id, "--host", server.as(jane.Name)), 0,
		[]string{"registrations show"})
	s.wantExit(me.control("registrations", "show", id, "--host", server.as(john.Name)), 14,
		[]string{"registrations show of another user"})
	doctor := me.control("doctor", "--host", server.as("root"), "--json")
	if here, err := s.Control(s.ctx, "doctor", "--json"); err != nil || here.ExitCode != doctor.ExitCode ||
		strings.Count(here.Stdout, "\n") != strings.Count(doctor.Stdout, "\n") {
		t.Errorf("doctor through ssh ends with %d: %s%s", doctor.ExitCode, doctor.Stdout, doctor.Stderr)
	}

	// The timeline is made here, from the logs there.
	type found struct {
		Data struct {
			Attempts []struct {
				User, Outcome string
				Events        []struct{ Name string }
			}
			Logs []struct{ Name string }
		}
	}
	there := me.control("timeline", "--host", server.as(jane.Name), "--json")
	s.wantExit(there, 0, []string{"timeline"})
	here := s.controlAs(jane, 0, "timeline", "--json")
	a, b := decode[found](t, there.Stdout).Data, decode[found](t, here.Stdout).Data
	if len(a.Attempts) != 1 || len(b.Attempts) != 1 || a.Attempts[0].Outcome != b.Attempts[0].Outcome ||
		a.Attempts[0].User != jane.Name ||
		len(a.Attempts[0].Events) != len(b.Attempts[0].Events) || len(a.Logs) != len(b.Logs) {
		t.Errorf("the timeline through ssh is\n%s\nand on the Mac\n%s", there.Stdout, here.Stdout)
	}
	page := filepath.Join(t.TempDir(), "timeline.html")
	s.wantExit(me.control("timeline", "--host", server.as(jane.Name), "--html", page), 0, []string{"timeline --html"})
	if content, err := os.ReadFile(page); err != nil || strings.Contains(string(content), jane.Name) {
		t.Errorf("the page names the user, or is missing: %v", err)
	}

	// Commands that change something run only on the Mac itself, and a text that is not a host is refused before ssh
	// sees it.
	for _, arguments := range [][]string{
		{"register", "--host", server.as("root")}, {"outbox", "flush", "--host", server.as("root")},
		{"registrations", "cancel", id, "--host", server.as("root")},
		{"status", "--host", "ssh://-oProxyCommand=touch%20owned@host"}, {"status", "--host", "ssh://-oProxyCommand=x"},
		{"status", "--host", "https://host"},
		{"status", "--host", "ssh://jane:secret@host"}, {"status", "--host", "ssh://host/path"},
		{"status", "--host", ""}, {"status", "--host", "a b"},
		{"timeline", "--follow", "--host", server.as(jane.Name)}, {"timeline", page, "--host", server.as(jane.Name)},
		{"status", "--parallel", "0", "--host", "a"}, {"status", "--hosts-file", "/nowhere"},
	} {
		s.wantExit(me.control(arguments...), 2, arguments)
	}
}

func sorted(names ...string) []string {
	slices.Sort(names)
	return names
}

// Several Macs are asked at once, and usherctl reports each Mac that cannot be asked, with the reason.
func TestSeveralMacsThroughSSH(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.known("jane")
	s.control(0, "register", "--user", jane.Name, "--wait")
	another := newStory(t, nil)
	another.start()
	john := another.known("john")
	another.control(7, "status", "--look", "--user", john.Name)
	me := s.newAdmin()
	first, second := s.sshd(me), another.sshd(me)
	without := s.sshd(me)
	without.stop()
	hosts := filepath.Join(t.TempDir(), "hosts")
	s.must(os.WriteFile(hosts, fmt.Appendf(nil, "# the lab\n%s\n\n%s\n%s\nssh://nobody-of-this-name@127.0.0.1:%d\n%s\n",
		first.as("root"), second.as("root"), without.as("root"), first.port, first.as("root")), 0o600))

	result := me.control("status", "--hosts-file", hosts, "--parallel", "2")
	s.wantExit(result, 25, []string{"status of several"})
	table := strings.Split(strings.TrimSpace(result.Stdout), "\n")
	if len(table) != 4 {
		t.Fatalf("the table has %d rows, want one for each Mac:\n%s", len(table), result.Stdout)
	}
	for i, want := range [][]string{
		{fmt.Sprintf("root@127.0.0.1:%d\tok\t", first.port), jane.Name, "\tREGISTERED\t"},
		{fmt.Sprintf("root@127.0.0.1:%d\tnot-registered\t", second.port), john.Name, "\tNOT_REGISTERED\t"},
		{fmt.Sprintf("root@127.0.0.1:%d\tHOST_UNREACHABLE\t", without.port)},
		{fmt.Sprintf("nobody-of-this-name@127.0.0.1:%d\tHOST_UNREACHABLE\t", first.port)},
	} {
		for _, text := range want {
			if !strings.Contains(table[i], text) {
				t.Errorf("row %d is %q, want %q", i, table[i], text)
			}
		}
	}
	if !strings.Contains(result.Stderr, "Connection refused") || !strings.Contains(result.Stderr, "Permission denied") {
		t.Errorf("the reasons why two Macs cannot be asked are missing:\n%s", result.Stderr)
	}
	// The same for a program.
	found := decode[struct {
		Data struct {
			Hosts []struct {
				Host     string
				ExitCode int `json:"exit_code"`
				Data     []struct{ Users []any }
				Error    *struct{ Reason string }
			}
		}
	}](t, me.control("status", "--hosts-file", hosts, "--json").Stdout).Data.Hosts
	if len(found) != 4 || len(found[0].Data) != 1 || found[0].ExitCode != 0 || found[1].ExitCode != 7 ||
		found[2].Error == nil || found[2].ExitCode != 3 || found[3].Error == nil {
		t.Errorf("a program gets %+v", found)
	}
	for _, arguments := range [][]string{{"registrations", "list"}, {"doctor"}, {"timeline"}} {
		result := me.control(append(arguments, "--host", first.as("root"), "--host", second.as("root"))...)
		if rows := strings.Split(strings.TrimSpace(result.Stdout), "\n"); len(rows) < 2 ||
			strings.Contains(result.Stdout, "UNREACHABLE") || result.ExitCode == 2 {
			t.Errorf("%q ends with %d and prints\n%s%s", arguments, result.ExitCode, result.Stdout, result.Stderr)
		}
	}
	s.wantExit(me.control("registrations", "show", "x", "--hosts-file", hosts), 2,
		[]string{"registrations show of several"})
}

// A Mac without usherd or without usherctl is reported as such. A command that follows a Mac continues over a restart
// of usherd.
func TestTroublesThroughSSH(t *testing.T) {
	s := newStory(t, nil)
	s.withJamfPro()
	s.start()
	jane := s.known("jane")
	s.mayLogIn(jane)
	me := s.newAdmin()
	server := s.sshd(me)
	waiting := me.start("status", "--wait", "usable", "--timeout", "1m", "--host", server.as(jane.Name))
	waiting.says("waiting for usable: ")
	s.KillHelper()
	s.start()
	s.control(0, "register", "--user", jane.Name, "--wait")
	if result := waiting.wait(); result.ExitCode != 0 {
		t.Errorf("waiting through ssh over a restart of usherd ended with %d: %s%s", result.ExitCode, result.Stdout,
			result.Stderr)
	}
	// Output of a shell's start-up files is not part of the answer; a shell that never stops printing is reported.
	s.must(os.Mkdir(filepath.Join(jane.Home, ".ssh"), 0o755))
	startUp := filepath.Join(jane.Home, ".ssh", "rc")
	s.must(os.WriteFile(startUp, []byte("echo Welcome to this Mac; printf 'You have mail. '\n"), 0o644))
	s.wantExit(me.control("status", "--host", server.as(jane.Name)), 0, []string{"status after a greeting"})
	greeted := me.control("timeline", "--host", server.as(jane.Name), "--json")
	s.wantExit(greeted, 0, []string{"timeline after a greeting"})
	if !strings.Contains(greeted.Stdout, `"outcome":"succeeded"`) {
		t.Errorf("the timeline after a greeting is %s", greeted.Stdout)
	}
	s.must(os.WriteFile(startUp, []byte("yes Welcome to this Mac\n"), 0o644))
	for _, command := range []string{"status", "timeline"} {
		result := me.control(command, "--host", server.as(jane.Name))
		s.wantExit(result, 3, []string{command, "after a greeting without an end"})
		if !strings.Contains(result.Stderr,
			fmt.Sprintf(`%s@127.0.0.1:%d cannot be asked: it printed "Welcome to this Mac" and more than 64 kB `+
				`before usherctl spoke`, jane.Name, server.port)) {
			t.Errorf("%s after a greeting without an end: %s", command, result.Stderr)
		}
	}
	s.must(s.StopHelper())
	result := me.control("status", "--host", server.as("root"))
	s.wantExit(result, 3, []string{"status without usherd"})
	if !strings.Contains(result.Stderr, "usherd cannot be reached") {
		t.Errorf("without usherd: %s", result.Stderr)
	}
	// a Mac without usherctl
	s.must(os.WriteFile(filepath.Join(me.folder, "ssh"),
		[]byte("#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec /bin/sh -c \"$1\"\n"), 0o755))
	result = me.control("status", "--host", "mac.example.org")
	s.wantExit(result, 3, []string{"status without usherctl"})
	if !strings.Contains(result.Stderr, "there is no usherctl on it") {
		t.Errorf("without usherctl: %s", result.Stderr)
	}
	interrupted, cancel := context.WithTimeout(s.ctx, 300*time.Millisecond)
	defer cancel()
	// nobody answers
	s.must(os.WriteFile(filepath.Join(me.folder, "ssh"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755))
	command := exec.CommandContext(interrupted, programs.Control, "status", "--host", "mac.example.org")
	command.Env = []string{"PATH=" + me.folder + ":/usr/bin:/bin", "HOME=" + me.folder}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	_ = command.Run()
	if code := command.ProcessState.ExitCode(); code != 130 {
		t.Errorf("interrupted while ssh hangs it ends with %d", code)
	}
}
