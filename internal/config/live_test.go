package config_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"usher.internal/internal/config"
)

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// replaceFile writes a file as editors and MDM do: under another name, then renamed into place.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o644), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

// watched is a watched configuration, and a channel with a value for each change of the configuration in force.
func watched(t *testing.T, path, keep string) (*config.Live, <-chan struct{}, *logged) {
	t.Helper()
	live, err := config.Open(path, keep)
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	live.Begin(slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	changes, ended := make(chan struct{}, 16), make(chan error, 1)
	go func() { ended <- live.Watch(ctx, func() { changes <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return live, changes, log
}

func wait(t *testing.T, what <-chan struct{}) {
	t.Helper()
	select {
	case <-what:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing has changed")
	}
}

func TestChangeCountsWhenItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	replaceFile(t, path, "log_level: warn\n")
	live, changes, log := watched(t, path, "")
	if got := live.Current().LogLevel; got != slog.LevelWarn {
		t.Fatalf("log_level: %v", got)
	}
	var level config.LogLevel
	if level.Level() != slog.LevelInfo {
		t.Errorf("level without a configuration: %v", level.Level())
	}
	level.Follow(live)
	replaceFile(t, path, "log_level: debug\nregistration.sign_in_timeout: 45m\n")
	wait(t, changes)
	if got := live.Current(); got.LogLevel != slog.LevelDebug || level.Level() != slog.LevelDebug ||
		got.Registration.SignInTimeout != 45*time.Minute {
		t.Errorf("in force: %v, %v, %v", got.LogLevel, level.Level(), got.Registration.SignInTimeout)
	}
	// Written in place, in several steps.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"log_", "level: ", "error\n"} {
		if _, err := file.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
	file.Close()
	wait(t, changes)
	if got := live.Current(); got.LogLevel != slog.LevelError || got.Registration.SignInTimeout != 30*time.Minute {
		t.Errorf("in force: %v, %v", got.LogLevel, got.Registration.SignInTimeout)
	}
	if log.count("key=log_level") == 0 || log.count("ERROR") > 0 {
		t.Errorf("log: %s", log.text.String())
	}
}

func TestLastGoodRemainsInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	replaceFile(t, path, "registration.sign_in_timeout: 45m\n")
	live, changes, log := watched(t, path, "")
	changed := live.Changed()
	replaceFile(t, path, "registration.sign_in_timeout: soon\napi_secret: THE-SECRET\n")
	wait(t, changed)
	problem := live.Problem()
	if problem == nil || !strings.Contains(problem.Err.Error(), "registration.sign_in_timeout") ||
		strings.Contains(problem.Err.Error(), "THE-SECRET") || time.Since(problem.Since) > time.Minute {
		t.Fatalf("problem: %+v", problem)
	}
	if got := live.Current().Registration.SignInTimeout; got != 45*time.Minute {
		t.Errorf("in force: %v", got)
	}
	// The same problem again changes nothing.
	if live.Reload() || log.count("cannot be used") != 1 {
		t.Errorf("log: %s", log.text.String())
	}
	changed = live.Changed()
	replaceFile(t, path, "registration.sign_in_timeout: 45m\n") // the first content again
	wait(t, changed)
	if live.Problem() != nil || log.count("can be read again") != 1 || len(changes) != 0 {
		t.Errorf("%v, %d changes, %s", live.Problem(), len(changes), log.text.String())
	}
	replaceFile(t, path, "registration.sign_in_timeout: 46m\n")
	wait(t, changes)
}

// A file that was given to a program must exist, also later.
func TestFileThatGoesAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	replaceFile(t, path, "registration.sign_in_timeout: 45m\n")
	live, _, _ := watched(t, path, "")
	changed := live.Changed()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wait(t, changed)
	if live.Problem() == nil || live.Current().Registration.SignInTimeout != 45*time.Minute {
		t.Errorf("%v", live.Problem())
	}
}

func TestKeysThatCountAtTheStart(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "config.yaml")
	replaceFile(t, path, "state_directory: "+directory+"/one\n")
	live, changes, log := watched(t, path, "")
	changed := live.Changed()
	replaceFile(t, path, "state_directory: "+directory+"/two\nsocket_directory: "+directory+
		"/run\ndevelopment.helper_uid: 7\nlog_level: debug\n")
	wait(t, changed)
	wait(t, changes)
	now := live.Current()
	if now.StateDirectory != directory+"/one" || now.SocketDirectory != config.Default().SocketDirectory ||
		now.Development.HelperUID != 0 || now.LogLevel != slog.LevelDebug {
		t.Errorf("in force: %s, %s, %d, %v", now.StateDirectory, now.SocketDirectory, now.Development.HelperUID,
			now.LogLevel)
	}
	if got := strings.Join(live.Pending(), " "); got != "socket_directory state_directory development.helper_uid" {
		t.Errorf("pending: %s", got)
	}
	if log.count("next start") != 3 {
		t.Errorf("log: %s", log.text.String())
	}
	changed = live.Changed()
	replaceFile(t, path, "state_directory: "+directory+"/one\nlog_level: debug\n")
	wait(t, changed)
	if got := live.Pending(); len(got) != 0 {
		t.Errorf("pending: %s", got)
	}
}

// The directory of a profile appears with the first profile.
func TestDirectoryThatComesLater(t *testing.T) {
	root := t.TempDir()
	managed, local := filepath.Join(root, "Managed Preferences", "org.usher.plist"),
		filepath.Join(root, "Preferences", "deep", "org.usher.plist")
	live, err := config.Places{Managed: managed, Local: local}.Open("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes, ended := make(chan struct{}, 16), make(chan error, 1)
	go func() { ended <- live.Watch(ctx, func() { changes <- struct{}{} }) }()
	defer func() { cancel(); <-ended }()
	if err := os.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, local, `{log_level = "debug"; }`)
	replaceFile(t, local, "<plist version=\"1.0\"><dict><key>log_level</key><string>debug</string></dict></plist>")
	wait(t, changes)
	if err := os.MkdirAll(filepath.Dir(managed), 0o755); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, managed, "<plist version=\"1.0\"><dict><key>log_level</key><string>warn</string></dict></plist>")
	wait(t, changes)
	if got := live.Current().LogLevel; got != slog.LevelWarn {
		t.Errorf("log_level: %v", got)
	}
	if err := os.RemoveAll(filepath.Dir(managed)); err != nil {
		t.Fatal(err)
	}
	wait(t, changes)
	if got := live.Current().LogLevel; got != slog.LevelDebug {
		t.Errorf("log_level: %v", got)
	}
}

// A daemon that starts with bad files uses the last good configuration.
func TestLastGoodOutlivesARestart(t *testing.T) {
	directory := t.TempDir()
	path, keep := filepath.Join(directory, "config.yaml"), filepath.Join(directory, "state", "last-good.json")
	if _, err := config.Open(path, keep); err == nil {
		t.Fatal("opened without a file")
	}
	replaceFile(t, path, "registration.sign_in_timeout: 45m\nidentity.sources: "+
		"[login_keychain]\npreflight.endpoints: []\n")
	live, changes, _ := watched(t, path, keep)
	replaceFile(t, path, "registration.sign_in_timeout: 50m\nidentity.sources: "+
		"[login_keychain]\npreflight.endpoints: []\n")
	wait(t, changes)
	good := live.Current().Config
	if info, err := os.Stat(keep); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	replaceFile(t, path, "registration.sign_in_timeout: soon\n")
	again, err := config.Open(path, keep)
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	again.Begin(slog.New(slog.NewTextHandler(log, nil)))
	if again.Current().Registration.SignInTimeout != 50*time.Minute || len(again.Current().Preflight.Endpoints) != 0 ||
		again.Current().LogLevel != good.LogLevel {
		t.Errorf("in force: %+v", again.Current().Config)
	}
	if again.Problem() == nil || log.count("cannot be used") != 1 {
		t.Errorf("%v, log: %s", again.Problem(), log.text.String())
	}
	replaceFile(t, path, "registration.sign_in_timeout: 51m\n")
	if !again.Reload() || again.Problem() != nil || again.Current().Registration.SignInTimeout != 51*time.Minute {
		t.Errorf("%v, %v", again.Problem(), again.Current().Registration.SignInTimeout)
	}
	// A stored configuration with other keys, or none at all, does not keep a program from starting if its files are
	// good.
	for content, opens := range map[string]bool{`[{"key":"no.such.key","value":"x","layer":"local"}]`: true, "{": false,
		"": false} {
		replaceFile(t, keep, content)
		replaceFile(t, path, "registration.sign_in_timeout: soon\n")
		if _, err := config.Open(path, keep); (err == nil) != opens {
			t.Errorf("kept %q: %v", content, err)
		}
	}
}

// A caller that the configuration refused waits for another one.
func TestWaitForChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	replaceFile(t, path, "log_level: loud\n")
	places := config.Places{Local: path}
	log := slog.New(slog.DiscardHandler)
	t.Run("the pause ends it", func(
		t *testing.T) {
		places.WaitForChange(t.Context(), places.Look(), time.Millisecond, log)
	})
	t.Run("a change before the wait ends it", func(t *testing.T) {
		before := places.Look()
		replaceFile(t, path, "log_level: louder\n")
		places.WaitForChange(t.Context(), before, time.Hour, log)
	})
	t.Run("a change during the wait ends it", func(t *testing.T) {
		changed := make(chan struct{})
		go func() {
			defer close(changed)
			places.WaitForChange(t.Context(), places.Look(), time.Hour, log)
		}()
		for number := 0; ; number++ { // the first change may come before the look
			replaceFile(t, path, fmt.Sprintf("log_level: loud%d\n", number))
			select {
			case <-changed:
				return
			case <-time.After(time.Second):
			}
		}
	})
	t.Run("the context ends it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		places.WaitForChange(ctx, places.Look(), time.Hour, log)
	})
}
