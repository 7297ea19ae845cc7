package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"usher.internal/internal/asuser"
	"usher.internal/internal/config"
)

// `defaults write` leaves a file that only root can read. An agent continues with the managed configuration, and
// follows later changes of it.
func TestAgentThatMayNotReadTheLocalFileGoesOn(t *testing.T) {
	folder := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(folder, "local.yaml"), []byte("agent.log_level: error\n"), 0o600),
		os.WriteFile(filepath.Join(folder, "managed.yaml"), []byte("tenant.id: 8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11\n"),
			0o666),
		os.Chmod(filepath.Join(folder, "managed.yaml"), 0o666)); err != nil {
		t.Fatal(err)
	}
	asuser.Run(t, syscall.Credential{Uid: 4242, Gid: 4242}, "TestAsAnAgent", folder)
}

func TestAsAnAgent(t *testing.T) {
	folder := asuser.Folder()
	if folder == "" {
		return // it runs in the process that the test above starts
	}
	local, managed := filepath.Join(folder, "local.yaml"), filepath.Join(folder, "managed.yaml")
	places := config.Places{Managed: managed, Local: local}
	if _, err := places.Load(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error of the whole configuration: %v", err)
	}
	live, err := places.Open("")
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	live.Begin(slog.New(slog.NewTextHandler(log, nil)))
	if problem := live.Problem(); problem == nil || !errors.Is(problem.Err, fs.ErrPermission) ||
		log.count("local configuration cannot be read") != 1 {
		t.Errorf("problem: %+v; log: %s", problem, log.text.String())
	}
	if got := live.Current().Tenant.ID; got != "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11" {
		t.Errorf("managed tenant: %q", got)
	}
	// A change of the managed file takes effect, an error in it does not, and the log has the problem once.
	if err := os.WriteFile(managed, []byte("registration.identity_timeout: 77s\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if changed := live.Reload(); !changed || live.Current().Registration.IdentityTimeout != 77*time.Second ||
		live.Current().Tenant.ID != "" {
		t.Errorf("after a change: %v, %+v", changed, live.Current().Registration)
	}
	if err := os.WriteFile(managed, []byte("registration.identity_timeout: soon\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if changed := live.Reload(); changed || live.Current().Registration.IdentityTimeout != 77*time.Second {
		t.Errorf("after an error: %v, %+v", changed, live.Current().Registration)
	}
	if log.count("local configuration cannot be read") != 1 || log.count("the last good one remains in force") != 1 {
		t.Errorf("log: %s", log.text.String())
	}
	// A daemon that keeps its last good configuration does not use defaults in its place.
	if live, err := places.Open(filepath.Join(folder, "none", "kept.json")); err == nil {
		t.Errorf("daemon's configuration: %+v", live.Current())
	}
}
