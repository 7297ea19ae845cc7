package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	usherv1 "usher.internal/proto/usher/v1"
)

// answers are usherd's answers, which every reference gives too.
type answers struct {
	status *usherv1.GetStatusResponse
	tenant *usherv1.GetTenantResponse
}

// roles are the references' servers: each serves a listener with the same answers as usherd.
var roles = map[string]func(net.Listener, answers) error{
	"serve-plain": servePlain,
	"serve-raw":   serveRaw,
	"serve-http":  serveHTTP,
}

// reference is a server of another process.
type reference struct {
	socket  string
	command *exec.Cmd
	stdin   io.WriteCloser
}

// startReference starts this program as one of the roles. It ends when its standard input does, at the latest when this
// process ends.
func startReference(role, socket string, a answers) (*reference, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	r := &reference{socket: socket, command: exec.Command(program, role, socket)}
	r.command.Stderr = os.Stderr
	stdout, err := r.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if r.stdin, err = r.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if err := r.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	for _, message := range []proto.Message{a.status, a.tenant} {
		content, err := proto.Marshal(message)
		if err = errors.Join(err, writeFrame(r.stdin, content)); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", role, err), r.stop())
		}
	}
	// It prints a line when it serves.
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", role, err), r.stop())
	}
	return r, nil
}

func (r *reference) pid() int { return r.command.Process.Pid }

func (r *reference) stop() error {
	return errors.Join(r.stdin.Close(), r.command.Wait())
}

// serveReference is the code of such a process.
func serveReference(role, socket string) error {
	stdin := bufio.NewReader(os.Stdin)
	a := answers{&usherv1.GetStatusResponse{}, &usherv1.GetTenantResponse{}}
	for _, message := range []proto.Message{a.status, a.tenant} {
		content, err := readFrame(stdin, nil)
		if err == nil {
			err = proto.Unmarshal(content, message)
		}
		if err != nil {
			return fmt.Errorf("%s: read answers: %w", role, err)
		}
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- roles[role](listener, a) }()
	fmt.Println("serving", socket)
	go func() {
		_, err := io.Copy(io.Discard, stdin)
		ended <- err
	}()
	return <-ended
}

type plainStatus struct {
	usherv1.UnimplementedStatusServiceServer
	answers
}

func (s plainStatus) GetStatus(context.Context, *usherv1.GetStatusRequest) (*usherv1.GetStatusResponse, error) {
	return s.status, nil
}

type plainTenant struct {
	usherv1.UnimplementedTenantServiceServer
	answers
}

func (s plainTenant) GetTenant(context.Context, *usherv1.GetTenantRequest) (*usherv1.GetTenantResponse, error) {
	return s.tenant, nil
}

// servePlain is a gRPC server with usherd's options (helper/gate), without its credentials and interceptors.
func servePlain(listener net.Listener, a answers) error {
	const idleMinutes = 10
	server := grpc.NewServer(
		grpc.Creds(insecure.NewCredentials()),
		grpc.MaxRecvMsgSize(64<<10),
		grpc.MaxHeaderListSize(16<<10),
		grpc.MaxConcurrentStreams(64),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleMinutes * 60e9}),
		grpc.WaitForHandlers(true),
	)
	usherv1.RegisterStatusServiceServer(server, plainStatus{answers: a})
	usherv1.RegisterTenantServiceServer(server, plainTenant{answers: a})
	return server.Serve(listener)
}

// dialPlain is link.Dial without credentials.
func dialPlain(path string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///plain",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithAuthority("localhost"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(8<<20)),
	)
}

// serveRaw answers each frame with one that holds the status.
func serveRaw(listener net.Listener, a answers) error {
	content, err := proto.Marshal(a.status)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			var buffer []byte
			for {
				if buffer, err = readFrame(connection, buffer); err != nil {
					return
				}
				if err := writeFrame(connection, content); err != nil {
					return
				}
			}
		}()
	}
}

// serveHTTP answers every request with the status in JSON.
func serveHTTP(listener net.Listener, a answers) error {
	content, err := protojson.Marshal(a.status)
	if err != nil {
		return err
	}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(content)
	}))
}

// writeFrame writes content after its length, in one write.
func writeFrame(w io.Writer, content []byte) error {
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(content)), uint32(len(content)))
	_, err := w.Write(append(frame, content...))
	return err
}

// readFrame reads what writeFrame wrote, into buffer if it is large enough.
func readFrame(r io.Reader, buffer []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(length[:]))
	if cap(buffer) < size {
		buffer = make([]byte, size)
	}
	_, err := io.ReadFull(r, buffer[:size])
	return buffer[:size], err
}
