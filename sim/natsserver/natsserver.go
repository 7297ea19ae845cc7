// Package natsserver runs the stock nats-server, of its Go module in tools/, with the configuration of `usherctl fleet
// init`. It runs one server, or a cluster of three on the addresses 127.0.0.1 to 127.0.0.3. It is for tests and
// measurements; it contains no stand-in.
package natsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"usher.internal/ctl/fleetsetup"
	"usher.internal/ctl/fleetview"
	"usher.internal/internal/fleet"
)

// startWithin is how long a server may take to listen.
const startWithin = 30 * time.Second

// Fleet is a fleet's servers and the files of its admins.
type Fleet struct {
	// Directory is that of `usherctl fleet init`.
	Directory string
	Servers   []*Server
	options   fleetsetup.Options
}

// Server is one server.
type Server struct {
	Host          string
	Port          int
	configuration string
	log           string

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
}

var program = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	command := exec.Command("go", "-C", filepath.Join(filepath.Dir(here), "..", "..", "tools"), "tool", "-n",
		"nats-server")
	command.Stderr = os.Stderr
	path, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("build nats-server of tools/: %w", err)
	}
	return strings.TrimSpace(string(path)), nil
})

// New writes the files of a fleet with one or three servers into folder, and starts no server.
func New(folder string, servers int) (*Fleet, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	f := &Fleet{Directory: filepath.Join(folder, "fleet")}
	f.options = fleetsetup.Options{
		Directory: f.Directory, Organization: "Example", Port: ports[0], ClusterPort: ports[1],
		StorageBytes: 1 << 30, AdminValid: time.Hour, CertificatesValid: time.Hour,
		InstallDirectory: "/install", StoreDirectory: "/store",
	}
	for i := range servers {
		f.options.Servers = append(f.options.Servers, fmt.Sprintf("127.0.0.%d", i+1))
	}
	if _, err := fleetsetup.Write(f.options); err != nil {
		return nil, err
	}
	for _, host := range f.options.Servers {
		// On separate computers, each server would have these directories on its own.
		written := filepath.Join(f.Directory, "servers", host, "nats-server.conf")
		content, err := os.ReadFile(written)
		if err != nil {
			return nil, err
		}
		text := strings.NewReplacer("/install/", filepath.Dir(written)+"/", `"/store"`,
			strconv.Quote(filepath.Join(folder, "store", host))).Replace(string(content))
		if err := os.WriteFile(written, []byte(text), 0o600); err != nil {
			return nil, err
		}
		f.Servers = append(f.Servers,
			&Server{Host: host, Port: ports[0], configuration: written, log: filepath.Join(folder, host+".log")})
	}
	return f, nil
}

// Start starts the servers and makes the streams. [Fleet.Stop] ends everything that was started, also after an error.
func (f *Fleet) Start(ctx context.Context) error {
	for _, server := range f.Servers {
		if err := server.Start(ctx); err != nil {
			return err
		}
	}
	return f.Provision(ctx)
}

// Provision makes the streams; a cluster may need a while until it has a leader.
func (f *Fleet) Provision(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	client, err := f.Client(ctx, filepath.Join(f.Directory, "keys", "provision"))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		asking, stop := context.WithTimeout(ctx, 5*time.Second)
		_, err := client.Provision(asking,
			fleetview.Streams{Keep: 24 * time.Hour, Forget: 24 * time.Hour, Replicas: len(f.Servers),
				StorageBytes: 256 << 20})
		stop()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select { // the end of an election sends no event
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// Client connects with the access in a folder.
func (f *Fleet) Client(ctx context.Context, folder string) (*fleetview.Client, error) {
	how, name, err := fleetview.ReadAccess(folder)
	if err != nil {
		return nil, err
	}
	return fleetview.Connect(ctx, how, name)
}

// Admin connects as an admin.
func (f *Fleet) Admin(ctx context.Context) (*fleetview.Client, error) {
	return f.Client(ctx, filepath.Join(f.Directory, "admin"))
}

// Mac makes credentials for a Mac, and returns its access to the fleet.
func (f *Fleet) Mac(name string, valid time.Duration) (fleet.Access, error) {
	output := filepath.Join(f.Directory, "macs")
	if _, err := fleetsetup.CredentialsFor(f.Directory, []string{name}, output, valid); err != nil {
		return fleet.Access{}, err
	}
	return f.Access(filepath.Join(output, name+".creds")), nil
}

// Access is the access that belongs to the credentials.
func (f *Fleet) Access(credentials string) fleet.Access {
	return fleet.Access{Servers: f.URLs(), CAFile: filepath.Join(f.Directory, "macs", "ca.pem"),
		CredentialsFile: credentials}
}

// URLs are those of the servers.
func (f *Fleet) URLs() (all []string) {
	for _, server := range f.Servers {
		all = append(all, "tls://"+net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
	}
	return all
}

// Stop ends all servers.
func (f *Fleet) Stop() {
	for _, server := range f.Servers {
		server.Kill()
	}
}

// NewServer returns a server with its own configuration, which says where it listens. It does not run yet.
func NewServer(host string, port int, configuration string) *Server {
	return &Server{Host: host, Port: port, configuration: configuration, log: configuration + ".log"}
}

// Start starts the server and returns when it listens.
func (s *Server) Start(ctx context.Context) error {
	path, err := program()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(path, "--config", s.configuration)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // the reason is in its log
	}()
	s.mu.Lock()
	s.process, s.ended = command, ended
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
		if err == nil {
			return connection.Close()
		}
		select { // another program's port sends no event
		case <-time.After(20 * time.Millisecond):
		case <-ended:
			return fmt.Errorf("nats-server on %s has ended: %s", s.Host, s.Log())
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// Kill ends the server as kill -9 does, and returns after its end. It does nothing for a server that does not run.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGKILL) // it may have ended already
	<-s.ended
	s.process = nil
}

// PID is the server's process; 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
}

// Log is the end of the server's log.
func (s *Server) Log() string {
	content, _ := os.ReadFile(s.log)
	return string(content[max(0, len(content)-4000):])
}

// freePorts finds ports on which nobody listens, on any of the addresses.
func freePorts(count int) (ports []int, err error) {
	for len(ports) < count {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
