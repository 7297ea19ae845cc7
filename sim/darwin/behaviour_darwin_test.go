// TestBehaviour runs the tests in this file under the loader. Each states a behaviour of macOS that the loader models,
// so `go test ./sim/darwin` on a Mac shows whether macOS agrees. Nobody has run them there yet.

package darwin_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// connected returns the accepted end of a Unix connection, and the other.
func connected(t *testing.T) (accepted, dialed *net.UnixConn) {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(shortTemp(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	other, err := net.Dial("unix", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	one, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.Close(); other.Close() })
	return one.(*net.UnixConn), other.(*net.UnixConn)
}

// shortTemp is a directory whose sockets fit into sun_path.
func shortTemp(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("/tmp", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func control(t *testing.T, connection *net.UnixConn, do func(fd int)) {
	t.Helper()
	raw, err := connection.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { do(int(fd)) }); err != nil {
		t.Fatal(err)
	}
}

func peerToken(fd int) (token [8]uint32, err error) {
	length := uint32(unsafe.Sizeof(token))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_LOCAL, unix.LOCAL_PEERTOKEN,
		uintptr(unsafe.Pointer(&token)), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return token, errno
	}
	return token, nil
}

func TestPeerIsKnown(t *testing.T) {
	accepted, _ := connected(t)
	control(t, accepted, func(fd int) {
		credentials, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil || int(credentials.Uid) != os.Getuid() || credentials.Ngroups < 1 ||
			int(credentials.Groups[0]) != os.Getegid() {
			t.Errorf("LOCAL_PEERCRED: %+v, %v", credentials, err)
		}
		pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		if err != nil || pid != os.Getpid() {
			t.Errorf("LOCAL_PEERPID: %d, %v, want %d", pid, err, os.Getpid())
		}
		token, err := peerToken(fd)
		if err != nil || int(token[5]) != os.Getpid() || int(token[1]) != os.Geteuid() {
			t.Errorf("LOCAL_PEERTOKEN: %v, %v, want pid %d and user %d", token, err, os.Getpid(), os.Geteuid())
		}
	})
}

func TestPeerThatHasClosed(t *testing.T) {
	accepted, dialed := connected(t)
	dialed.Close()
	control(t, accepted, func(fd int) {
		if credentials, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED); err != nil ||
			int(credentials.Uid) != os.Getuid() {
			t.Errorf("LOCAL_PEERCRED: %+v, %v, want the value before", credentials, err)
		}
		if pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID); err != unix.ENOTCONN {
			t.Errorf("LOCAL_PEERPID: %d, %v, want %v", pid, err, unix.ENOTCONN)
		}
		if token, err := peerToken(fd); err != unix.ENOTCONN {
			t.Errorf("LOCAL_PEERTOKEN: %v, %v, want %v", token, err, unix.ENOTCONN)
		}
	})
}

func TestUnnamedSocketHasNoName(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(pair[0])
	if unnamed, ok := name.(*unix.SockaddrUnix); err != nil || !ok || unnamed.Name != "" {
		t.Errorf("getsockname: %#v, %v", name, err)
	}
	unix.Close(pair[0])
	unix.Close(pair[1])
}

// The numbers of errors are macOS's, also for system calls that the program makes itself.
func TestErrorOfARawSystemCall(t *testing.T) {
	if _, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, ^uintptr(0), 0, 0, 0, 0, 0); errno != unix.EBADF {
		t.Errorf("%v, want %v", errno, unix.EBADF)
	}
}

func TestFullBacklogRefuses(t *testing.T) {
	path := filepath.Join(shortTemp(t), "s")
	listening, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(listening)
	if err := unix.Bind(listening, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listening, 1); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		connecting, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(connecting)
		if err := unix.Connect(connecting, &unix.SockaddrUnix{Name: path}); err == unix.ECONNREFUSED {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("ten connections have a place in a backlog of one")
}

func TestUnlinkOfADirectoryIsEPERM(t *testing.T) {
	if err := unix.Unlink(t.TempDir()); err != unix.EPERM {
		t.Errorf("%v, want %v", err, unix.EPERM)
	}
}

func TestGroupOfZombiesIsEPERM(t *testing.T) {
	command := exec.Command("/bin/sh", "-c", "exit 0")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = output.Read(make([]byte, 1)) // it ends when the child does
	waitFor(t, "a zombie", func() bool {
		process, err := unix.SysctlKinfoProc("kern.proc.pid", command.Process.Pid)
		return err == nil && process.Proc.P_stat == 5 // SZOMB
	})
	if err := unix.Kill(-command.Process.Pid, unix.SIGTERM); err != unix.EPERM {
		t.Errorf("%v, want %v", err, unix.EPERM)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(-command.Process.Pid, unix.SIGTERM); err != unix.ESRCH {
		t.Errorf("after its end: %v, want %v", err, unix.ESRCH)
	}
}

// waitFor asks until a condition is true that nothing reports.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSignalsHaveTheirNumbers(t *testing.T) {
	for _, number := range []syscall.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGCHLD, unix.SIGTSTP, unix.SIGURG} {
		received := make(chan os.Signal, 1)
		signal.Notify(received, number)
		if err := unix.Kill(os.Getpid(), number); err != nil {
			t.Fatal(err)
		}
		if got := <-received; got != number && number != unix.SIGURG {
			t.Errorf("got %v, want %v", got, number)
		}
		signal.Stop(received)
	}
	err := exec.Command("/bin/sh", "-c", "kill -BUS $$").Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGBUS {
		t.Errorf("%v, want %v", err, unix.SIGBUS)
	}
}

func TestArgumentsOfAProcess(t *testing.T) {
	command := exec.Command("/bin/sh", "-c", "read line", "a name with spaces", "")
	command.Env = []string{"USHER_TEST=yes"}
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	arguments, err := unix.SysctlRaw("kern.procargs2", command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if count := *(*int32)(unsafe.Pointer(&arguments[0])); count != 5 {
		t.Errorf("%d arguments, want 5", count)
	}
	want := "/bin/sh\x00-c\x00read line\x00a name with spaces\x00\x00USHER_TEST=yes\x00"
	if !bytes.Contains(arguments, []byte(want)) {
		t.Errorf("%q does not have %q", arguments, want)
	}
	input.Close()
	_ = command.Wait() // read's status
	if _, err := unix.SysctlRaw("kern.procargs2", command.Process.Pid); err != unix.EINVAL {
		t.Errorf("after its end: %v, want %v", err, unix.EINVAL)
	}
}

// watched returns the events of kqueue for a path after an operation.
func watched(t *testing.T, path string, do func()) uint32 {
	t.Helper()
	queue, err := unix.Kqueue()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(queue)
	file, err := unix.Open(path, unix.O_EVTONLY|unix.O_SYMLINK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(file)
	const every = unix.NOTE_DELETE | unix.NOTE_WRITE | unix.NOTE_EXTEND | unix.NOTE_ATTRIB | unix.NOTE_LINK |
		unix.NOTE_RENAME
	change := unix.Kevent_t{Ident: uint64(file), Filter: unix.EVFILT_VNODE, Flags: unix.EV_ADD | unix.EV_CLEAR,
		Fflags: every}
	if _, err := unix.Kevent(queue, []unix.Kevent_t{change}, nil, nil); err != nil {
		t.Fatal(err)
	}
	do()
	var notes uint32
	for { // one operation can cause several events
		var events [1]unix.Kevent_t
		n, err := unix.Kevent(queue, nil, events[:], &unix.Timespec{Nsec: 50_000_000})
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return notes
		}
		notes |= events[0].Fflags
	}
}

// The notes are those of xnu's bsd/vfs/kpi_vfs.c; a file system may add NOTE_EXTEND and, where a last link is removed,
// NOTE_LINK.
func TestNotesOfFilesAndDirectories(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		must(err)
		_, err = file.WriteString(text)
		must(errors.Join(err, file.Close()))
	}
	for _, test := range []struct {
		name, of string // of is the watched path: a name in the directory, or empty for the directory
		do       func(directory string)
		want     uint32
	}{
		{"a file is created", "", func(d string) { write(d+"/new", "") }, unix.NOTE_WRITE},
		{"a directory is created", "", func(d string) { must(os.Mkdir(d+"/new", 0o755)) },
			unix.NOTE_WRITE | unix.NOTE_LINK},
		{"a directory is removed from it", "", func(d string) { must(os.Remove(d + "/sub")) },
			unix.NOTE_WRITE | unix.NOTE_LINK},
		{"a file in it is written to", "", func(d string) { write(d+"/file", "more") }, 0},
		{"a file in it is renamed", "", func(d string) { must(os.Rename(d+"/file", d+"/other")) }, unix.NOTE_WRITE},
		{"a link in it is replaced", "",
			func(d string) { must(os.Symlink("new", d+"/l2")); must(os.Rename(d+"/l2", d+"/link")) }, unix.NOTE_WRITE},
		{"it is written to", "file", func(d string) { write(d+"/file", "more") }, unix.NOTE_WRITE | unix.NOTE_EXTEND},
		{"its mode is changed", "file", func(d string) { must(os.Chmod(d+"/file", 0o600)) }, unix.NOTE_ATTRIB},
		{"it is cut", "file", func(d string) { must(os.Truncate(d+"/file", 0)) }, unix.NOTE_ATTRIB},
		{"it is removed", "file", func(d string) { must(os.Remove(d + "/file")) }, unix.NOTE_DELETE | unix.NOTE_LINK},
		{"it is renamed", "file", func(d string) { must(os.Rename(d+"/file", d+"/other")) }, unix.NOTE_RENAME},
		{"another is renamed over it", "file",
			func(d string) { write(d+"/other", ""); must(os.Rename(d+"/other", d+"/file")) },
			unix.NOTE_DELETE | unix.NOTE_LINK},
		{"it gets another name", "file", func(d string) { must(os.Link(d+"/file", d+"/other")) }, unix.NOTE_LINK},
		{"an empty directory is removed", "sub", func(d string) { must(os.Remove(d + "/sub")) },
			unix.NOTE_DELETE | unix.NOTE_LINK},
		{"the link itself is removed", "link", func(d string) { must(os.Remove(d + "/link")) },
			unix.NOTE_DELETE | unix.NOTE_LINK},
		{"the link's target is written to", "link", func(d string) { write(d+"/file", "more") }, 0},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			directory := t.TempDir()
			must(os.WriteFile(directory+"/file", []byte("text"), 0o644))
			must(os.Mkdir(directory+"/sub", 0o755))
			must(os.Symlink("file", directory+"/link"))
			if got := watched(t, filepath.Join(directory, test.of), func() { test.do(directory) }); got != test.want {
				t.Errorf("notes %#x, want %#x", got, test.want)
			}
		})
	}
}

// A descriptor that is closed leaves its kqueue, and a kqueue is not inherited.
func TestClosedDescriptorLeavesItsKqueue(t *testing.T) {
	queue, err := unix.Kqueue()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(queue)
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	change := unix.Kevent_t{Ident: uint64(ends[0]), Filter: unix.EVFILT_READ, Flags: unix.EV_ADD}
	if _, err := unix.Kevent(queue, []unix.Kevent_t{change}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(ends[1], []byte("x")); err != nil {
		t.Fatal(err)
	}
	events := make([]unix.Kevent_t, 4)
	if n, err := unix.Kevent(queue, nil, events, &unix.Timespec{}); n != 1 || err != nil || events[0].Data != 1 {
		t.Errorf("before: %d events, %v, %+v", n, err, events[0])
	}
	unix.Close(ends[0])
	if n, err := unix.Kevent(queue, nil, events, &unix.Timespec{}); n != 0 || err != nil {
		t.Errorf("after: %d events, %v", n, err)
	}
	change.Flags = unix.EV_DELETE
	if _, err := unix.Kevent(queue, []unix.Kevent_t{change}, nil, nil); err != unix.EBADF {
		t.Errorf("delete: %v, want %v", err, unix.EBADF)
	}
}

func TestEndOfAProcessIsAnEvent(t *testing.T) {
	command := exec.Command("/bin/cat")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	queue, err := unix.Kqueue()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(queue)
	change := unix.Kevent_t{Ident: uint64(command.Process.Pid), Filter: unix.EVFILT_PROC, Flags: unix.EV_ADD,
		Fflags: unix.NOTE_EXIT}
	if _, err := unix.Kevent(queue, []unix.Kevent_t{change}, nil, nil); err != nil {
		t.Fatal(err)
	}
	input.Close()
	events := make([]unix.Kevent_t, 1)
	n, err := unix.Kevent(queue, nil, events, &unix.Timespec{Sec: 10})
	if n != 1 || err != nil || events[0].Fflags&unix.NOTE_EXIT == 0 {
		t.Errorf("%d events, %v, %+v", n, err, events[0])
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := unix.Kevent(queue, []unix.Kevent_t{change}, nil, nil); err != unix.ESRCH {
		t.Errorf("after its end: %v, want %v", err, unix.ESRCH)
	}
}
