package afar

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/ask"
	"usher.internal/internal/command"
	"usher.internal/internal/layout"
	"usher.internal/internal/shell"
)

const (
	// firstWord is how long a host may take from the start of ssh to usherd's first byte if nobody is there to type a
	// password.
	firstWord = 30 * time.Second
	// sshEndsWithin is how long ssh may take to end after the end of its input.
	sshEndsWithin = 2 * time.Second
	// keptComplaint is how much is kept of what ssh writes to standard error.
	keptComplaint = 8 << 10
)

// remotePath is where usherctl is installed on another Mac. The path that ssh gives to a command does not contain these
// directories. /usr/local/bin is not in it, because the user of ssh may be root.
func remotePath() string {
	return "PATH=" + strings.Join([]string{layout.MacOS.Programs, layout.Linux.Programs, command.SystemPath}, ":")
}

// sshCommand runs a command of usherctl on that host through the system's own ssh, so the caller's keys, jump hosts and
// second factors work as usual. If only one host is asked, ssh may ask the caller for a password on their terminal.
func (h Host) sshCommand(ctx context.Context, interactive bool, arguments ...string) (*exec.Cmd, error) {
	options := []string{"-T", "-o", "ConnectTimeout=15", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none"}
	if !interactive {
		options = append(options, "-o", "BatchMode=yes")
	}
	if h.user != "" {
		options = append(options, "-l", h.user)
	}
	if h.port != "" {
		options = append(options, "-p", h.port)
	}
	quoted := []string{"/usr/bin/env", remotePath(), "usherctl"}
	for _, argument := range arguments {
		quoted = append(quoted, shell.Quote(argument))
	}
	program, path := command.SSH()
	ssh, err := program.With(append(options, "--", h.name, strings.Join(quoted, " "))...).Child(ctx)
	if err != nil {
		return nil, h.notStarted(err)
	}
	// ssh is in the caller's process group, to which the terminal belongs.
	ssh.Env, ssh.Dir, ssh.SysProcAttr = append(os.Environ(), "PATH="+path), "", nil
	ssh.Cancel = func() error { return ssh.Process.Signal(unix.SIGTERM) }
	ssh.WaitDelay = sshEndsWithin
	return ssh, nil
}

// sshConn is a connection to usherd on another Mac: ssh's standard input and output, as a socket.
type sshConn struct {
	net.Conn
	close func() error
}

// Close ends the connection, and ssh.
func (c *sshConn) Close() error { return c.close() }

// dialSSH returns a connection after usherd at its other end has sent its first bytes. An error is a [*answer.Failure].
func (h Host) dialSSH(ctx context.Context, interactive bool) (net.Conn, error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	command, err := h.sshCommand(running, interactive, "dial-stdio", "--"+announceFlag)
	if err != nil {
		cancel()
		return nil, err
	}
	complaint := &tail{limit: keptComplaint}
	command.Stderr = complaint
	ours, theirs, err := socketPair()
	if err != nil {
		cancel()
		return nil, answer.Defect(fmt.Errorf("make a socket for ssh: %w", err))
	}
	command.Stdin, command.Stdout = theirs, theirs
	err = command.Start()
	theirs.Close()
	if err != nil {
		cancel()
		ours.Close()
		return nil, h.notStarted(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	connection := &sshConn{Conn: ours, close: sync.OnceValue(func() error {
		err := ours.Close() // when its input ends, ssh ends
		timer := time.AfterFunc(sshEndsWithin, cancel)
		<-ended
		timer.Stop()
		cancel()
		return err
	})}
	if !interactive {
		ours.SetReadDeadline(time.Now().Add(firstWord))
	}
	stop := context.AfterFunc(ctx, func() { ours.SetReadDeadline(time.Unix(1, 0)) })
	var before preamble
	first, err := firstWordOf(ctx, ours, &before)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		ours.SetReadDeadline(time.Time{})
		connection.Conn = &replayed{Conn: ours, first: first}
		return connection, nil
	}
	ours.Close()
	timedOut, tooMuch := errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errNoise)
	if timedOut || tooMuch || ctx.Err() != nil {
		cancel()
	}
	waited := <-ended
	cancel()
	printed := before.printed()
	switch {
	case ctx.Err() != nil:
		return nil, &answer.Failure{Code: answer.ExitInterrupted, Reason: "INTERRUPTED", Message: "interrupted"}
	case tooMuch:
		return nil, h.tooNoisy(printed)
	case timedOut && printed != "":
		return nil, h.noisy(printed, fmt.Sprintf("and usherctl there said nothing within %s", firstWord))
	case timedOut:
		return nil, h.unreachable(fmt.Sprintf("usherd there said nothing within %s", firstWord), h.tryIt())
	}
	return nil, h.explainSSH(waited, complaint.String(), printed)
}

// firstWordOf reads until usherd has sent something, and returns it. After that, nobody has to type a password.
func firstWordOf(ctx context.Context, from net.Conn, before *preamble) (first []byte, err error) {
	buffer := make([]byte, 4<<10)
	for answers := false; len(first) == 0; {
		n, err := from.Read(buffer)
		if err != nil {
			return nil, err
		}
		if !answers {
			answers = true
			from.SetReadDeadline(time.Now().Add(firstWord))
			if ctx.Err() != nil { // the end of ctx may have set the deadline before
				return nil, ctx.Err()
			}
		}
		if first, err = before.skip(buffer[:n]); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(first), nil
}

// explainSSH says why a command through ssh has ended. It uses the exit code, what ssh complained about, and what was
// printed if usherctl there did not begin to write.
func (h Host) explainSSH(waited error, complaint, printed string) error {
	lines := strings.FieldsFunc(complaint, func(r rune) bool { return r == '\n' || r == '\r' })
	last := "ssh ended without a message"
	if len(lines) > 0 {
		last = cmp.Or(strings.TrimSpace(lines[len(lines)-1]), last)
	}
	code := -1
	if exit, ok := errors.AsType[*exec.ExitError](waited); ok {
		code = exit.ExitCode()
	}
	own := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "usherctl: ") })
	switch {
	case code == 127:
		return h.unreachable("there is no usherctl on it", "install usher there")
	case code == int(answer.ExitUsage) && own >= 0:
		return h.unreachable("usherctl there is too old or too new, and does not know what it was asked for",
			"install the same version of usher on both")
	case printed != "" && own < 0 && len(lines) > 0:
		return h.noisy(printed, "before usherctl spoke, and then: "+last)
	case printed != "" && own < 0:
		return h.noisy(printed, "before usherctl spoke")
	case code > int(answer.ExitPortalDefaultError) && code != int(answer.ExitUsage) &&
		answer.IsOwn(answer.ExitCode(code)):
		if own >= 0 {
			last = strings.TrimPrefix(lines[own], "usherctl: ")
		}
		return &answer.Failure{Code: answer.ExitCode(code), Reason: "HOST_UNREACHABLE",
			Message: h.String() + ": " + last,
			Hint:    "run `usherctl status` on that Mac"}
	}
	return h.unreachable(last, h.tryIt())
}

func (h Host) notStarted(err error) error {
	return h.unreachable(fmt.Sprintf("ssh could not be started: %v", err), "install OpenSSH's client")
}

func (h Host) unreachable(why, hint string) *answer.Failure {
	return &answer.Failure{Code: answer.ExitNoHelper, Reason: "HOST_UNREACHABLE",
		Message: h.String() + " cannot be asked: " + why,
		Hint:    hint}
}

// socketPair returns the two ends of one connection: ours for Go's poller, theirs for a program.
func socketPair() (ours net.Conn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, descriptor := range pair {
		unix.CloseOnExec(descriptor)
	}
	theirs = os.NewFile(uintptr(pair[1]), "ssh")
	file := os.NewFile(uintptr(pair[0]), "ssh")
	defer file.Close() // FileConn has its own descriptor
	if ours, err = net.FileConn(file); err != nil {
		theirs.Close()
	}
	return ours, theirs, err
}

// replayed returns first what was already read.
type replayed struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (u *replayed) Read(p []byte) (int, error) {
	if len(u.first) > 0 {
		n := copy(p, u.first)
		u.first = u.first[n:]
		return n, nil
	}
	return u.Conn.Read(p)
}

// tail keeps the end of the text that is written to it.
type tail struct {
	limit int
	mu    sync.Mutex
	kept  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > t.limit {
		t.kept = bytes.Clone(t.kept[len(t.kept)-t.limit:])
	}
	return len(p), nil
}

// String returns the text that was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}

// connect returns a connection to usherd on another Mac, where the user of ssh is its caller. The connection is already
// established: a person may take long to type a password or touch a key, but calls have time limits.
func (h *Hosts) connect(ctx context.Context, target Host) (*grpc.ClientConn, error) {
	interactive := !h.oneOfSeveral
	quiet := h.Client.AfterAWhile("connecting to " + target.String() + "…")
	first, err := target.dialSSH(ctx, interactive)
	quiet()
	if err != nil {
		return nil, err
	}
	var ready atomic.Pointer[net.Conn]
	ready.Store(&first)
	client, err := grpc.NewClient("passthrough:///usher",
		// ssh connects it to a socket that the kernel vouches for
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if there := ready.Swap(nil); there != nil {
				return *there, nil
			}
			return target.dialSSH(ctx, false)
		}),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithIdleTimeout(0), grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maximumFromAfar)),
		ask.QuickRedial(),
	)
	if err != nil {
		first.Close()
		return nil, answer.Defect(err)
	}
	return client, nil
}

// maximumFromAfar limits the size of an answer.
const maximumFromAfar = 64 << 20
