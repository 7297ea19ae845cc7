//go:build linux

package e2e

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// readsWithin is the time in which usherctl reads files that are made to exhaust it; on an idle machine it takes a
	// second or two.
	readsWithin = 60 * time.Second
	// endsWithin is the time limit of its end after a signal; it takes 100 ms or so.
	endsWithin = 3 * time.Second
	// readerMemory is its memory limit in bytes.
	readerMemory = 400 << 20
)

const line = "2025-08-30 17:18:28.271 | WARN | login | 22168 | File.swift: 157 (function(label:)) | message\n"

// reader is usherctl timeline, run by root.
type reader struct {
	t         *testing.T
	command   *exec.Cmd
	temporary string
	said      bytes.Buffer
	ended     chan struct{}
	// memory is the highest value that was seen. The value of wait4 begins with the memory of this test, because a
	// child inherits it.
	memory atomic.Int64
}

// readTimeline starts usherctl timeline with standard input, which may be nil, and a separate folder for temporary
// files.
func readTimeline(t *testing.T, input io.Reader, stderr io.Writer, arguments ...string) *reader {
	t.Helper()
	r := &reader{t: t, temporary: t.TempDir(), ended: make(chan struct{})}
	r.command = exec.Command(programs.Control, append([]string{"timeline"}, arguments...)...)
	r.command.Env = []string{"PATH=/usr/bin:/bin", "HOME=/root", "TMPDIR=" + r.temporary, "TZ=UTC"}
	r.command.Stdout = &r.said
	r.command.Stderr = &r.said
	if stderr != nil {
		r.command.Stderr = stderr
	}
	if file, ok := input.(*os.File); ok {
		r.command.Stdin = file
	}
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.command.Wait()
		close(r.ended)
	}()
	go r.watchMemory()
	t.Cleanup(func() {
		r.command.Process.Kill()
		<-r.ended
	})
	return r
}

// watchMemory notes the peak of the process's memory until it ends (proc_pid_status(5), VmHWM).
func (r *reader) watchMemory() {
	looks := time.NewTicker(10 * time.Millisecond)
	defer looks.Stop()
	for {
		select {
		case <-r.ended:
			return
		case <-looks.C:
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.command.Process.Pid))
		var kilobytes int64
		if _, peak, found := strings.Cut(string(status), "VmHWM:"); found {
			if _, err := fmt.Sscan(peak, &kilobytes); err == nil {
				r.memory.Store(max(r.memory.Load(), kilobytes<<10))
			}
		}
	}
}

// within waits for the end, and returns the exit code and the duration.
func (r *reader) within(limit time.Duration) (exitCode int, took time.Duration) {
	r.t.Helper()
	started := time.Now()
	select {
	case <-r.ended:
	case <-time.After(limit):
		r.command.Process.Kill()
		r.t.Fatalf("usherctl %v has not ended after %s", r.command.Args[1:], limit)
	}
	if left, err := os.ReadDir(r.temporary); err != nil || len(left) > 0 {
		r.t.Errorf("temporary files are left: %v, %v", left, err)
	}
	return r.command.ProcessState.ExitCode(), time.Since(started)
}

// traps are files that a user makes to exhaust their reader, each with the message that they cause.
func traps(t *testing.T) map[string]struct {
	content []byte
	// size is the size that the file claims, 0 for its real size.
	size int64
	says string
} {
	t.Helper()
	type trap = struct {
		content []byte
		size    int64
		says    string
	}
	const terabyte = 1 << 40
	bomb := packed(t, strings.Repeat(strings.Repeat("x", 79)+"\n", 1<<14), 40)
	return map[string]trap{
		"hole.log":  {[]byte(strings.Repeat(line, 100)), terabyte, "it holds only NUL bytes from byte"},
		"zeros.log": {nil, terabyte, "binary data"},
		"bomb.gz":   {bomb, 0, "more than 200 times its size"},
		"bomb.zip": {zipOf(t, 200, func(w *zip.Writer, n int) error {
			entry, err := w.Create(fmt.Sprintf("%03d.gz", n))
			if err == nil {
				_, err = entry.Write(bomb)
			}
			return err
		}), 0, "more than 200 times its size"},
		"entries.tar.gz": {tarOf(t, 60_000), 0, "a search examines 50000"},
		"claims.zip":     {bigDirectory(300_000), 0, "too many entries"},
	}
}

// packed is a repeated text as one gzip stream.
func packed(t *testing.T, text string, times int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	for range times {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipOf(t *testing.T, entries int, add func(*zip.Writer, int) error) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for n := range entries {
		if err := add(w, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tarOf is a compressed tar archive of small logs.
func tarOf(t *testing.T, entries int) []byte {
	t.Helper()
	var out bytes.Buffer
	packing := gzip.NewWriter(&out)
	w := tar.NewWriter(packing)
	for n := range entries {
		content := []byte("\x00")
		if n%1000 == 0 {
			content = []byte(line)
		}
		err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%06d.log", n), Size: int64(len(content)), Mode: 0o644,
			Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), packing.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bigDirectory is a zip archive that has only a directory.
func bigDirectory(entries int) []byte {
	one := append([]byte("PK\x01\x02"), make([]byte, 42)...)
	binary.LittleEndian.PutUint16(one[28:], 1)
	archive := append([]byte("PK\x03\x04"), bytes.Repeat(append(one, 'x'), entries)...)
	end := append([]byte("PK\x05\x06"), make([]byte, 18)...)
	binary.LittleEndian.PutUint16(end[10:], uint16(entries%65536))
	binary.LittleEndian.PutUint32(end[12:], uint32(len(archive)-4))
	binary.LittleEndian.PutUint32(end[16:], 4)
	return append(archive, end...)
}

// No file in the folder of a user's logs keeps root busy: it is read in a moment, or left out with the reason.
func TestLogsThatExhaustTheirReader(t *testing.T) {
	s := newStory(t, nil)
	jane := s.user("h-jane")
	who := callerOf(t, jane)
	folder := publicDirectory(t)
	for name, trap := range traps(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder, name)
			err := os.WriteFile(path, trap.content, 0o644)
			if err == nil && trap.size > 0 {
				err = os.Truncate(path, trap.size)
			}
			if err = errors.Join(err, os.Chown(path, int(who.uid), int(who.gid))); err != nil {
				t.Fatal(err)
			}
			r := readTimeline(t, nil, nil, path)
			code, took := r.within(readsWithin)
			if said := strings.Join(strings.Fields(r.said.String()), " "); code != 0 ||
				!strings.Contains(said, trap.says) {
				t.Errorf("exit code %d, and it does not say %q:\n%s", code, trap.says, said)
			}
			used := r.memory.Load()
			if used > readerMemory {
				t.Errorf("it had %d MB in memory", used>>20)
			}
			t.Logf("it took %s and %d MB", took, used>>20)
		})
	}
}

// noticed is a writer that reports when text that contains a word was written.
type noticed struct {
	text string
	all  bytes.Buffer
	seen chan struct{}
	done bool
}

func (n *noticed) Write(p []byte) (int, error) {
	n.all.Write(p)
	if !n.done && strings.Contains(n.all.String(), n.text) {
		n.done = true
		close(n.seen)
	}
	return len(p), nil
}

// holes is a log of that many bytes that takes a while to read and needs no room on the disk: holes with line ends
// between.
func holes(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "holes.log")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(strings.Repeat(line, 50)); err != nil {
		t.Fatal(err)
	}
	for at := int64(512 << 10); at < size; at += 512 << 10 {
		if _, err := file.WriteAt([]byte("\n"), at); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// usherctl ends soon after a signal, whatever it reads.
func TestTimelineEndsWithASignal(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run("a long log, "+signal.String(), func(t *testing.T) {
			reads := &noticed{text: "reading 1 log", seen: make(chan struct{})}
			r := readTimeline(t, nil, reads, holes(t, 64<<30))
			<-reads.seen
			r.signalled(signal)
		})
	}
	t.Run("an endless standard input", func(t *testing.T) {
		from, to := pipe(t)
		r := readTimeline(t, from, nil, "-")
		from.Close()
		feed(t, to, line, 32<<20)
		r.signalled(syscall.SIGINT)
	})
	t.Run("a standard input that has nothing more", func(t *testing.T) {
		from, to := pipe(t)
		r := readTimeline(t, from, nil, "-")
		from.Close()
		feed(t, to, line, 1<<20) // more than a pipe holds, so it is being read
		r.signalled(syscall.SIGINT)
	})
	t.Run("killed, with temporary files", func(t *testing.T) {
		from, to := pipe(t)
		r := readTimeline(t, from, nil, "-")
		from.Close()
		feed(t, to, line, 32<<20)
		r.command.Process.Kill()
		r.within(endsWithin)
	})
}

// signalled sends a signal, and wants a prompt end.
func (r *reader) signalled(signal syscall.Signal) {
	r.t.Helper()
	if err := r.command.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
	code, took := r.within(endsWithin)
	if code != 130 {
		r.t.Errorf("exit code %d:\n%s", code, r.said.String())
	}
	r.t.Logf("it ended %s after %s", took, signal)
}

// pipe is a pipe whose writer is open until the test ends.
func pipe(t *testing.T) (from, to *os.File) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close() })
	return from, to
}

// feed writes a text again and again, until the reader has taken that many bytes.
func feed(t *testing.T, to *os.File, text string, size int) {
	t.Helper()
	block := strings.Repeat(text, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), readsWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() { to.SetWriteDeadline(time.Now()) })()
	for written := 0; written < size; written += len(block) {
		if _, err := io.WriteString(to, block); err != nil {
			t.Fatal(err)
		}
	}
}
