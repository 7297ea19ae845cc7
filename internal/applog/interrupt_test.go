package applog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher.internal/internal/applog"
)

// looks is a context that ends after so many looks at it. Every reader looks before each of its reads.
type looks struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func afterLooks(ctx context.Context, count int64) *looks {
	l := &looks{}
	l.Context, l.cancel = context.WithCancel(ctx)
	l.left.Store(count)
	return l
}

// Err implements [context.Context].
func (l *looks) Err() error {
	if l.left.Add(-1) < 0 {
		l.cancel()
	}
	return l.Context.Err()
}

func bzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bzip2", "-c")
	command.Stdin = bytes.NewReader(content)
	packed, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// everyPacking is a log in each known packing, with some packings inside others.
func everyPacking(t *testing.T) map[string][]byte {
	text := []byte(strings.Repeat(
		"2025-08-30 17:18:28.271 | WARN | login | 22168 | File.swift: 157 (f()) | a message\n", 1500))
	files := map[string][]byte{"a.log": text, "b.log": text[:5000]}
	return map[string][]byte{
		"plain": text, "utf-16": inUTF16(string(text)), "line without end": bytes.Repeat([]byte("x"), 2<<20),
		"gzip": gzipped(t, text), "bzip2": bzipped(t, text), "zip": zipped(t, files), "tar": tarred(t, files),
		"tar.gz": gzipped(t, tarred(t, files)), "tar.bz2": bzipped(t, tarred(t, files)),
		"zip in zip":    zipped(t, map[string][]byte{"a.zip": zipped(t, files)}),
		"zip in tar.gz": gzipped(t, tarred(t, map[string][]byte{"a.zip": zipped(t, files)})),
		"gzip in tar":   tarred(t, map[string][]byte{"a.log.gz": gzipped(t, text)}),
		"tar in tar":    tarred(t, map[string][]byte{"a.tar": tarred(t, files)}),
		"tar.gz in zip": zipped(t, map[string][]byte{"a.tar.gz": gzipped(t, tarred(t, files))}),
	}
}

// readEverything finds and reads all logs, and returns the first error of the context.
func readEverything(ctx context.Context, paths []string, options applog.FindOptions) (logs []applog.Log, bytes int64,
	err error) {
	if logs, err = applog.Find(ctx, paths, options); err != nil {
		return nil, 0, err
	}
	for _, log := range logs {
		source, err := log.Open(ctx)
		if err == nil {
			for record, readErr := range applog.Read(ctx, source, applog.Options{}) {
				bytes += int64(len(record.Raw)) + record.Cut
				err = errors.Join(err, readErr)
			}
			err = errors.Join(err, source.Close())
		}
		if errors.Is(err, context.Canceled) {
			return logs, bytes, err
		}
	}
	return logs, bytes, nil
}

// When the context ends, a search and the reading of its logs end too. No open file and no named temporary file
// remains.
func TestReadingEndsWithItsContextAtAnyPoint(t *testing.T) {
	folder, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	for name, content := range everyPacking(t) {
		t.Run(name, func(t *testing.T) {
			path := put(t, filepath.Join(folder, name), content)
			for _, how := range []string{"file", "input"} {
				points := 0
				for after := int64(0); ; after += 1 + after/4 {
					ctx := afterLooks(t.Context(), after)
					paths, options := []string{path}, applog.FindOptions{}
					if how == "input" {
						paths, options.Input = []string{"-"}, bytes.NewReader(content)
					}
					_, _, err := readEverything(ctx, paths, options)
					ended := ctx.Context.Err() != nil
					ctx.cancel()
					if ended && !errors.Is(err, context.Canceled) {
						t.Fatalf("%s: ended after %d looks with error %v", how, after, err)
					}
					if left, _ := os.ReadDir(temporary); len(left) > 0 {
						t.Fatalf("%s: %d temporary files have a name", how, len(left))
					}
					if left := openBelow(t, folder); left != "" {
						t.Fatalf("%s: %s is open", how, left)
					}
					if !ended {
						break
					}
					points++
				}
				if points < 5 {
					t.Errorf("%s: it was ended at %d points", how, points)
				}
			}
		})
	}
}

// openBelow returns an open file of this process in a folder, if the system shows open files.
func openBelow(t *testing.T, folder string) string {
	t.Helper()
	open, _ := filepath.Glob("/proc/self/fd/*")
	for _, descriptor := range open {
		if of, err := os.Readlink(descriptor); err == nil && strings.HasPrefix(of, folder+"/") {
			return of
		}
	}
	return ""
}

// An ended context is noticed before a block is read, also in streams that unpack to nothing.
func TestStreamsThatGiveNothingAreInterruptible(t *testing.T) {
	// A repeated stored block without bytes; a repeated member without bytes.
	blocks := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"),
		bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 4<<20)...)
	members := bytes.Repeat(gzipped(t, nil), 1<<19)
	streams := bytes.Repeat(bzipped(t, nil), 1<<20)
	for name, content := range map[string][]byte{"blocks": blocks, "members": members, "bzip2": streams} {
		path := put(t, filepath.Join(t.TempDir(), name), content)
		ctx, cancel := context.WithCancel(t.Context())
		started := time.Now()
		stop := time.AfterFunc(20*time.Millisecond, cancel)
		_, _, err := readEverything(ctx, []string{path}, applog.FindOptions{})
		if took := time.Since(started); err != nil && (!errors.Is(err, context.Canceled) || took > 2*time.Second) {
			t.Errorf("%s: %v after %s", name, err, took)
		} else if err == nil {
			t.Logf("%s: it was read in %s, before it could be interrupted", name, took)
		}
		stop.Stop()
		cancel()
	}
}

// endless is a reader that never ends.
type endless struct{ of []byte }

func (e endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); n += copy(p[n:], e.of) {
	}
	return len(p), nil
}

// Input from a pipe may have no end.
func TestEndlessInput(t *testing.T) {
	ctx := afterLooks(t.Context(), 100)
	defer ctx.cancel()
	if _, err := applog.Find(ctx, []string{"-"},
		applog.FindOptions{Input: endless{[]byte("a line\n")}}); !errors.Is(err, context.Canceled) {
		t.Errorf("ends with %v", err)
	}
	logs, _, err := readEverything(t.Context(), []string{"-"}, applog.FindOptions{Input: endless{[]byte{0}}})
	if err != nil || len(logs) != 1 || logs[0].Err == nil {
		t.Errorf("NUL bytes without end: %v, %v", logs, err)
	}
	// The input turns into NUL bytes after a while.
	text := io.MultiReader(strings.NewReader(strings.Repeat("a line\n", 1000)), endless{[]byte{0}})
	if got := found(t, applog.FindOptions{Input: text}, "-")["standard input"]; !strings.HasPrefix(got, "a line\n") ||
		!strings.Contains(got, "only NUL bytes from byte 7000 on") {
		t.Errorf("%d bytes, ending %q", len(got), got[max(0, len(got)-80):])
	}
}

// Following ends with its context within a file too, and can begin again after the last record that was handed out.
func TestFollowingEndsWithinAFile(t *testing.T) {
	folder := t.TempDir()
	put(t, folder+"/a.log", bytes.Repeat([]byte("a line of a log\n"), 1<<20))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last applog.Record
	count := 0
	position, err := applog.Follow(ctx, applog.Following{Directory: folder}, func(record *applog.Record) error {
		last = *record
		if count++; count == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || count > 10_000 {
		t.Errorf("%v after %d records", err, count)
	}
	if len(position.Places) != 1 || position.Places[0].Offset != last.End {
		t.Errorf("position %+v, and the last record ends at %d", position, last.End)
	}
}
