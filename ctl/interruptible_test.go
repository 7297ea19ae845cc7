package ctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"usher.internal/ctl/answer"
	"usher.internal/ctl/terminal"
	"usher.internal/internal/applog"
)

// A shell's <(command) is empty until the command writes to it.
func TestPipesAreInterruptible(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for _, arguments := range [][]string{{"inspect", fmt.Sprintf("/dev/fd/%d", pipe.Fd())}} {
		ctx, cancel := context.WithCancel(t.Context())
		a := newApp(&terminal.Terminal{Out: &terminal.Output{To: io.Discard}, Err: io.Discard}, "")
		ended := make(chan answer.ExitCode)
		go func() { ended <- a.run(ctx, arguments) }()
		cancel()
		if code := <-ended; code != answer.ExitInterrupted {
			t.Errorf("%v ended with %d", arguments, code)
		}
	}
}

// looks is a context that ends after so many calls of its methods.
type looks struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

// Err implements [context.Context].
func (l *looks) Err() error {
	if l.left.Add(-1) < 0 {
		l.cancel()
	}
	return l.Context.Err()
}

// An interrupted timeline or archive for the help desk writes nothing and leaves nothing behind, at any point.
func TestInterruptedAtAnyPointNothingIsLeft(t *testing.T) {
	folder := t.TempDir()
	home, temporary := filepath.Join(folder, "home"), filepath.Join(folder, "temporary")
	logs := filepath.Join(home, applog.CompanyPortalFolder)
	who, err := user.Current()
	if err = errors.Join(err, os.MkdirAll(logs, 0o700), os.Mkdir(temporary, 0o700)); err != nil {
		t.Fatal(err)
	}
	const line = "2025-08-30 17:18:28.271 | WARN | login | 22168 | File.swift: 157 (f()) | a message\n"
	if err := os.WriteFile(filepath.Join(logs, "portal.log"), []byte(strings.Repeat(line, 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("USHER_CONFIG", filepath.Join(folder, "none.yaml"))
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", temporary)
	written := filepath.Join(folder, "written")
	for _, arguments := range [][]string{
		{"bundle", "--yes", "--user", who.Username, "--output", written},
		{"timeline", "--html", written, logs},
		{"timeline", "--json", "-"},
	} {
		points := 0
		for after := int64(0); ; after += 1 + after/3 {
			ctx := &looks{}
			ctx.Context, ctx.cancel = context.WithCancel(t.Context())
			ctx.left.Store(after)
			var said bytes.Buffer
			a := newApp(&terminal.Terminal{Out: &terminal.Output{To: io.Discard}, Err: &said}, "")
			root := a.root()
			root.SetIn(strings.NewReader(strings.Repeat(line, 10_000)))
			code := a.runRoot(ctx, root, arguments)
			ended := ctx.Context.Err() != nil
			ctx.cancel()
			if !ended {
				if code != answer.ExitDone {
					t.Errorf("%v: %s", arguments, said.String())
				}
				_ = os.Remove(written) // standard output has the last one's text
				break
			}
			points++
			if code == answer.ExitDone { // it was complete by then
				_ = os.Remove(written)
			} else if code != answer.ExitInterrupted {
				t.Errorf("%v, ended after %d looks: exit code %d, %s", arguments, after, code, said.String())
			}
			left, _ := os.ReadDir(temporary)
			if beside, _ := os.ReadDir(folder); len(left) > 0 || len(beside) != 2 {
				t.Fatalf("%v, ended after %d looks, has left %v, %v", arguments, after, left, beside)
			}
		}
		if points < 5 {
			t.Errorf("%v was ended at %d points", arguments, points)
		}
	}
}
