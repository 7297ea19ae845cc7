package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	"usher.internal/internal/link"
	usherv1 "usher.internal/proto/usher/v1"
	"usher.internal/sim/mac"
)

// scene is a Mac that runs: usherd, Jamf Pro, and one user who is logged in.
type scene struct {
	*mac.Mac
	user   *mac.User
	helper *grpc.ClientConn
}

// measure takes every measurement. Everything that it started has ended when it returns.
func measure(ctx context.Context) (rows []row, err error) {
	directory, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	s, err := setUp(ctx, directory)
	if s != nil {
		defer func() { err = errors.Join(err, s.close()) }()
	}
	if err != nil {
		return nil, err
	}
	rows, err = measureRunning(ctx, s)
	if err != nil {
		return nil, err
	}
	progress("journal …")
	if err := s.StopHelper(); err != nil {
		return nil, err
	}
	commits, err := measureJournal(ctx, s.StateDirectory())
	return append(rows, commits...), err
}

// measureRunning takes the measurements that need a running usherd, in an order in which none disturbs the next. It
// measures memory before the floods of calls.
func measureRunning(ctx context.Context, s *scene) ([]row, error) {
	progress("from register to Company Portal …")
	launches, err := measureLaunches(ctx, s)
	if err != nil {
		return nil, err
	}
	answers, err := s.answers(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := startReference("serve-plain", filepath.Join(s.Directory, "plain.sock"), answers)
	if err != nil {
		return nil, err
	}
	defer plain.stop()
	progress("memory …")
	sizes, err := measureMemory(ctx, s, plain)
	if err != nil {
		return nil, err
	}
	progress("connected to a fleet …")
	connected, err := measureConnected(ctx, s)
	if err != nil {
		return nil, err
	}
	sizes = append(sizes, connected...)
	progress("calls …")
	calls, err := measureCalls(ctx, s, plain, answers)
	if err != nil {
		return nil, err
	}
	progress("cold start …")
	starts, err := measureColdStart(ctx, s, answers)
	if err != nil {
		return nil, err
	}
	progress("extension attributes …")
	attributes, err := measureAttributes(ctx, s, answers)
	if err != nil {
		return nil, err
	}
	progress("logs …")
	logs, err := measureLogs(ctx, s.Directory, s.Programs.Control)
	if err != nil {
		return nil, err
	}
	progress("floods …")
	floods, err := measureFloods(ctx, s)
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, some := range [][]row{calls, starts, attributes, sizes, launches, logs, floods} {
		rows = append(rows, some...)
	}
	return rows, nil
}

// setUp builds the programs as scripts/build does, and starts them. The caller closes the result, also after an error.
func setUp(ctx context.Context, directory string) (*scene, error) {
	if err := os.Chmod(directory, 0o755); err != nil {
		return nil, err
	}
	progress("building …")
	if err := os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+` '-ldflags=-s -w'`); err != nil {
		return nil, err
	}
	programs, err := mac.Build(ctx, filepath.Join(directory, "programs"), "grpcnotrace")
	if err != nil {
		return nil, err
	}
	m, err := mac.New(mac.Options{Directory: directory, Programs: programs})
	if err != nil {
		return nil, err
	}
	s := &scene{Mac: m}
	if _, err := m.StartJamfPro(ctx, "usher-bench", "bench-secret"); err != nil {
		return s, err
	}
	if err := m.StartHelper(ctx); err != nil {
		return s, err
	}
	if s.user, err = m.AddUser(ctx, fmt.Sprintf("usher-bench-%d", os.Getpid())); err != nil {
		return s, err
	}
	if err := s.user.Login(ctx); err != nil {
		return s, err
	}
	s.helper, err = link.Dial(m.HelperSocket(), 0)
	return s, err
}

func (s *scene) close() error {
	var err error
	if s.helper != nil {
		err = s.helper.Close()
	}
	return errors.Join(err, s.Mac.Close())
}

// answers gets from usherd the answers for the references.
func (s *scene) answers(ctx context.Context) (a answers, err error) {
	if a.status, err = usherv1.NewStatusServiceClient(s.helper).GetStatus(ctx, &usherv1.GetStatusRequest{}); err !=
		nil {
		return a, err
	}
	a.tenant, err = usherv1.NewTenantServiceClient(s.helper).GetTenant(ctx, &usherv1.GetTenantRequest{})
	return a, err
}

// measureLogsAlone measures what needs no running Mac.
func measureLogsAlone(ctx context.Context) (rows []row, err error) {
	directory, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	progress("building …")
	programs, err := mac.Build(ctx, filepath.Join(directory, "programs"), "grpcnotrace")
	if err != nil {
		return nil, err
	}
	progress("logs …")
	return measureLogs(ctx, directory, programs.Control)
}
