package filewatch

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// asUser runs the test itself as a user who may not read everything, in a directory of theirs. It returns the directory
// in the user's process, and "" in root's.
func asUser(t *testing.T, prepare func(directory string) error) string {
	t.Helper()
	const nobody, variable = 65534, "USHER_FILEWATCH_DIRECTORY"
	if directory := os.Getenv(variable); directory != "" {
		return directory
	}
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root")
	}
	root, err := os.MkdirTemp("", "filewatch-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	directory, program := filepath.Join(root, "theirs"), filepath.Join(root, "test")
	content, err := os.ReadFile(os.Args[0])
	err = errors.Join(err, os.WriteFile(program, content, 0o755), os.Chmod(root, 0o755), os.Mkdir(directory, 0o755),
		os.Chown(directory, nobody, nobody))
	if err = errors.Join(err, prepare(directory)); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run", "^"+t.Name()+"$", "-test.count", "1")
	command.Env = append(os.Environ(), variable+"="+directory)
	command.Dir = "/"
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
	return ""
}

// /Library/Preferences has files that even root may not open. kqueue watchers that open all files of a directory lose
// the files after them.
func TestUnreadableNeighbour(t *testing.T) {
	directory := asUser(t, func(directory string) error {
		return errors.Join(os.WriteFile(filepath.Join(directory, "a secret"), []byte("x"), 0),
			os.WriteFile(filepath.Join(directory, "file"), []byte("old"), 0o666),
			os.Chmod(filepath.Join(directory, "file"), 0o666))
	})
	if directory == "" {
		return
	}
	file := filepath.Join(directory, "file")
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan string, 16), make(chan error, 1)
	go func() {
		ended <- Watch(ctx, slog.New(slog.DiscardHandler), func() []string { return []string{file} }, nil, func() {
			content, _ := os.ReadFile(file)
			told <- string(content)
		})
	}()
	<-told
	if err := os.WriteFile(file, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(20 * time.Second); ; {
		select {
		case content := <-told:
			if content != "new" {
				continue
			}
		case <-deadline:
			t.Error("the change was not reported")
		}
		break
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A file that may not be read cannot be watched on macOS. It is checked from time to time, because it may become
// readable.
func TestFileThatMayNotBeRead(t *testing.T) {
	directory := asUser(t, func(directory string) error { return nil })
	if directory == "" {
		return
	}
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.lookAgainAfter = time.Millisecond
	unseen := w.Follow(file)
	before := w.seen()
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(20 * time.Second); w.seen()[file] == before[file]; {
		select {
		case <-w.Changes():
			if err := w.Follow(file); err != nil && !errors.Is(err, os.ErrPermission) {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("it was not checked again after: %v", unseen)
		}
	}
	if err := w.Follow(file); err != nil {
		t.Errorf("it cannot be watched although it can be read: %v", err)
	}
	if lookAgainAfter < time.Minute {
		t.Errorf("it is checked each %v", lookAgainAfter)
	}
}

func TestClosedWatcherHasLeftNoDescriptor(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := lowestDescriptor(t)
	for range 3 {
		w, err := New()
		if err != nil {
			t.Fatal(err)
		}
		opened, err := os.Open(file)
		err = errors.Join(err, w.Follow(file, filepath.Join(directory, "not there")), w.File(opened), w.Follow(file),
			w.Follow())
		if err = errors.Join(err, w.Follow(file), opened.Close()); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	if after := lowestDescriptor(t); after != before {
		t.Errorf("the lowest free descriptor is %d, %d before", after, before)
	}
}

// lowestDescriptor returns the lowest free number of a descriptor.
func lowestDescriptor(t *testing.T) int {
	t.Helper()
	descriptor, err := syscall.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Close(descriptor); err != nil {
		t.Fatal(err)
	}
	return descriptor
}
