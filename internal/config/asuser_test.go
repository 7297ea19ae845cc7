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

// `defaults write` leaves a file that only root can read. An agent goes on with what is managed, and with later changes
// of that.
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
		t.Errorf("the error of the whole configuration is %v", err)
	}
	live, err := places.Open("")
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	live.Begin(slog.New(slog.NewTextHandler(log, nil)))
	if problem := live.Problem(); problem == nil || !errors.Is(problem.Err, fs.ErrPermission) ||
		log.count("local configuration cannot be read") != 1 {
		t.Errorf("the problem is %+v; log: %s", problem, log.text.String())
	}
	if got := live.Current().Tenant.ID; got != "8d6b9a52-2b7e-4f0c-9d6b-0f2f7c1f6a11" {
		t.Errorf("the managed tenant is %q", got)
	}
	// A change of the managed file is in force, an error in it is not, and the problem is told once.
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
	if log.count("local configuration cannot be read") != 1 || log.count("the last good one stays in force") != 1 {
		t.Errorf("log: %s", log.text.String())
	}
	// A daemon that keeps its last good configuration does not take defaults in its place.
	if live, err := places.Open(filepath.Join(folder, "none", "kept.json")); err == nil {
		t.Errorf("a daemon has %+v", live.Current())
	}
}
