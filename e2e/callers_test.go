//go:build linux

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"usher.internal/internal/link"
	"usher.internal/sim/mac"
)

// The main thread remains with the goroutine of TestMain, so no caller's uid becomes the process's own. Ending the
// programs of that account would otherwise end the tests.
func init() { runtime.LockOSThread() }

// nobody is the account without rights.
var nobody = caller{uid: 65534, gid: 65534}

// root is the account that runs the tests.
var root = caller{}

// caller is the user that the kernel reports for the other end of a connection.
type caller struct {
	uid, gid uint32
	groups   []uint32
}

// callerOf returns a user with the groups that a login would give them.
func callerOf(t *testing.T, u *mac.User) caller {
	t.Helper()
	account, err := user.Lookup(u.Name)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := account.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	c := caller{uid: u.UID, gid: u.GID}
	for _, id := range ids {
		gid, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		c.groups = append(c.groups, uint32(gid))
	}
	return c
}

// dial connects to a socket as the caller. On Linux credentials belong to the thread, and the kernel records those of
// the thread that connects. That thread keeps them, and ends with its goroutine.
func (c caller) dial(path string) (net.Conn, error) {
	type result struct {
		connection net.Conn
		err        error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		if err := c.become(); err != nil {
			done <- result{err: err}
			return
		}
		connection, err := net.Dial("unix", path)
		done <- result{connection, err}
	}()
	r := <-done
	return r.connection, r.err
}

// become gives the caller's ids to this thread and to no other.
func (c caller) become() error {
	groups := append([]uint32{c.gid}, c.groups...)
	if err := setGroups(groups); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(c.gid), uintptr(c.gid), uintptr(c.gid)); errno != 0 {
		return fmt.Errorf("set gid %d: %w", c.gid, errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(c.uid), uintptr(c.uid), uintptr(c.uid)); errno != 0 {
		return fmt.Errorf("set uid %d: %w", c.uid, errno)
	}
	return nil
}

// client returns a gRPC client of the helper that calls as c.
func (s *story) client(c caller) *grpc.ClientConn {
	s.t.Helper()
	connection, err := link.Dial(s.HelperSocket(), 0,
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			return c.dial(s.HelperSocket())
		}))
	s.must(err)
	s.t.Cleanup(func() { connection.Close() })
	return connection
}

// spawned is a process of any user whose output is read line by line.
type spawned struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	read  []string
}

// spawn starts a program as c, until it or the test ends.
func (s *story) spawn(c caller, home, program string, arguments ...string) *spawned {
	s.t.Helper()
	command := s.Programs.Command(s.ctx, program, arguments...)
	command.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + home}
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: c.uid, Gid: c.gid, Groups: c.groups}}
	read, write, err := os.Pipe()
	s.must(err)
	command.Stdout, command.Stderr = write, write
	err = command.Start()
	write.Close()
	s.must(err)
	p := &spawned{t: s.t, cmd: command, lines: bufio.NewScanner(read)}
	s.t.Cleanup(func() {
		p.kill()
		read.Close()
	})
	return p
}

// until reads up to the line that contains text, and returns that line.
func (p *spawned) until(text string) string {
	p.t.Helper()
	for p.lines.Scan() {
		p.read = append(p.read, p.lines.Text())
		if strings.Contains(p.lines.Text(), text) {
			return p.lines.Text()
		}
	}
	p.t.Fatalf("%s ended without writing %q:\n%s", p.cmd.Path, text, strings.Join(p.read, "\n"))
	return ""
}

// wait reads to the end and returns the exit code.
func (p *spawned) wait() int {
	for p.lines.Scan() {
		p.read = append(p.read, p.lines.Text())
	}
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func (p *spawned) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// copyProgram puts a copy of a program under that name into the Mac, owned by root, and returns its path.
func (s *story) copyProgram(program, name string) string {
	s.t.Helper()
	from, err := os.Open(program)
	s.must(err)
	defer from.Close()
	path := filepath.Join(s.Directory, name)
	// A running program is replaced by a new file, as an installer does it.
	s.must(os.RemoveAll(path))
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	s.must(err)
	_, err = io.Copy(to, from)
	s.must(errors.Join(err, to.Close()))
	return path
}

// actAs puts a copy of this test's own program into the Mac, and returns its path. The copy plays a part
// (parts_test.go).
func (s *story) actAs(part string) string {
	s.t.Helper()
	self, err := os.Executable()
	s.must(err)
	return s.copyProgram(self, partPrefix+part)
}

// reads reads from a connection until it ends, and returns the number of bytes.
func reads(connection net.Conn) int64 {
	count, _ := io.Copy(io.Discard, connection)
	return count
}

// contextWith is a context whose calls carry a header.
func contextWith(ctx context.Context, name, value string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, name, value)
}
