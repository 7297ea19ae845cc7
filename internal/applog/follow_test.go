package applog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher.internal/internal/applog"
)

// follower runs Follow in the background and passes its records to the test.
type follower struct {
	t       *testing.T
	records chan applog.Record
	drain   chan struct{}
	stop    context.CancelCauseFunc
	ended   chan struct{}
	at      applog.Position
	err     error
}

var errStopped = errors.New("the test has seen enough")

func follow(t *testing.T, directory string, from applog.Position) *follower {
	t.Helper()
	ctx, stop := context.WithCancelCause(t.Context())
	f := &follower{t: t, records: make(chan applog.Record), drain: make(chan struct{}), stop: stop,
		ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		f.at, f.err = applog.Follow(ctx, applog.Following{Directory: directory, From: from, Drain: f.drain},
			func(record *applog.Record) error {
				select {
				case f.records <- record.Clone():
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
	}()
	t.Cleanup(func() { stop(errStopped); <-f.ended })
	return f
}

// want waits for records with these messages, in this order.
func (f *follower) want(messages ...string) []applog.Record {
	f.t.Helper()
	var records []applog.Record
	for i, message := range messages {
		select {
		case record := <-f.records:
			if record.Message != message {
				f.t.Fatalf("record %d is %q, want %q", i, record.Message, message)
			}
			records = append(records, record)
		case <-f.ended:
			f.t.Fatalf("following ended (%v) before %q", f.err, message)
		}
	}
	return records
}

// halt ends the following and returns its position.
func (f *follower) halt() applog.Position {
	f.t.Helper()
	f.stop(errStopped)
	<-f.ended
	if !errors.Is(f.err, errStopped) {
		f.t.Fatalf("ended with %v", f.err)
	}
	return f.at
}

// drained ends the following after all written entries, and returns the records that it still handed out.
func (f *follower) drained() (messages []string) {
	f.t.Helper()
	close(f.drain)
	for {
		select {
		case record := <-f.records:
			messages = append(messages, record.Message)
		case <-f.ended:
			if f.err != nil {
				f.t.Fatal(f.err)
			}
			return messages
		}
	}
}

func add(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func entry(message string) string {
	return "2021-03-09 14:02:11.004 INFO com.example.application TID=1 A.swift: 1 (f()) " + message + "\n"
}

func here(t *testing.T, directory string) applog.Position {
	t.Helper()
	position, err := applog.Here(directory)
	if err != nil {
		t.Fatal(err)
	}
	// A position must survive saving.
	saved, err := json.Marshal(position)
	if err != nil {
		t.Fatal(err)
	}
	var restored applog.Position
	if err := json.Unmarshal(saved, &restored); err != nil {
		t.Fatal(err)
	}
	return restored
}

func TestFollowAppendedDataAndNothingOlder(t *testing.T) {
	directory := t.TempDir()
	log := filepath.Join(directory, "app.log")
	add(t, log, entry("old"))
	f := follow(t, directory, here(t, directory))
	add(t, log, entry("one"))
	record := f.want("one")[0]
	if record.File != "app.log" || record.Offset != int64(len(entry("old"))) {
		t.Errorf("record of %s at %d", record.File, record.Offset)
	}
	add(t, log, entry("two")+entry("three"))
	f.want("two", "three")
	add(t, filepath.Join(directory, "notes.txt"), entry("not a log"))
	add(t, log, entry("four"))
	f.want("four")
}

func TestFollowPartialLinesAndSplitBlocks(t *testing.T) {
	directory := t.TempDir()
	log := filepath.Join(directory, "app.log")
	f := follow(t, directory, applog.Position{})
	add(t, log, entry("whole"))
	f.want("whole")
	block := strings.TrimSuffix(entry("event : {"), "\n") + "\r\nresultData = 66;\r\n}\r\n"
	for i := range block { // one write per byte
		add(t, log, block[i:i+1])
	}
	if got := f.want("event : {")[0]; got.Fields.Get("resultData") != "66" || got.Torn || got.Raw != block {
		t.Errorf("%+v", got)
	}
	add(t, log, entry("begun : {")+"resultData = 1;\nresu")
	if messages := f.drained(); fmt.Sprint(messages) != "[begun : {]" {
		t.Errorf("drained %q", messages)
	}
}

func TestFollowDirectoryThatComesLaterAndGoesAndComesAgain(t *testing.T) {
	home := t.TempDir()
	directory := filepath.Join(home, "Library", "Logs", "Company Portal")
	f := follow(t, directory, here(t, directory))
	for i := range 30 { // each removal meets the reader at another point
		if err := os.MkdirAll(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		message := fmt.Sprint("time ", i)
		add(t, filepath.Join(directory, "app.log"), entry(message))
		f.want(message)
		if err := os.RemoveAll(filepath.Join(home, "Library")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFollowRotation(t *testing.T) {
	for _, rotated := range []string{"app.1.log", "app.log.old"} {
		t.Run(rotated, func(t *testing.T) {
			directory := t.TempDir()
			log := filepath.Join(directory, "app.log")
			add(t, log, entry("old"))
			f := follow(t, directory, here(t, directory))
			add(t, log, entry("before"))
			f.want("before")
			writer, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Close()
			if err := os.Rename(log, filepath.Join(directory, rotated)); err != nil {
				t.Fatal(err)
			}
			if _, err := writer.WriteString(entry("through the old descriptor")); err != nil {
				t.Fatal(err)
			}
			f.want("through the old descriptor")
			add(t, log, entry("after"))
			if got := f.want("after")[0]; got.Offset != 0 || got.File != "app.log" {
				t.Errorf("%s at %d", got.File, got.Offset)
			}
			add(t, log, entry("and on"))
			f.want("and on")
		})
	}
}

// A program continues to write to a log that was renamed, even if the new name has already been seen.
func TestFollowRenamedLogThatIsStillWritten(t *testing.T) {
	directory := t.TempDir()
	log, other := filepath.Join(directory, "app.log"), filepath.Join(directory, "other.log")
	f := follow(t, directory, here(t, directory))
	add(t, log, entry("before"))
	f.want("before")
	writer, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := os.Rename(log, filepath.Join(directory, "app.log.old")); err != nil {
		t.Fatal(err)
	}
	add(t, other, entry("the new name was seen"))
	f.want("the new name was seen")
	for i := range 3 {
		message := fmt.Sprint("through the old descriptor ", i)
		if _, err := writer.WriteString(entry(message)); err != nil {
			t.Fatal(err)
		}
		f.want(message)
	}
}

// Another directory replaces that of the logs, or one above it.
func TestFollowReplacedDirectory(t *testing.T) {
	for _, replaced := range []string{"Library/Logs", "Library"} {
		t.Run(replaced, func(t *testing.T) {
			home := t.TempDir()
			directory, next := filepath.Join(home, "Library", "Logs"), filepath.Join(home, "next")
			add(t, filepath.Join(mkdir(t, directory), "app.log"), entry("old"))
			f := follow(t, directory, applog.Position{})
			f.want("old") // so it is watched
			rest, err := filepath.Rel(filepath.Join(home, replaced), directory)
			if err != nil {
				t.Fatal(err)
			}
			add(t, filepath.Join(mkdir(t, filepath.Join(next, rest)), "app.log"), entry("in the new one"))
			err = os.Rename(filepath.Join(home, replaced), filepath.Join(home, "before"))
			if err = errors.Join(err, os.Rename(next, filepath.Join(home, replaced))); err != nil {
				t.Fatal(err)
			}
			f.want("in the new one")
			add(t, filepath.Join(directory, "app.log"), entry("and on"))
			f.want("and on")
		})
	}
}

// Links next to the logs, to themselves and to nothing, are skipped.
func TestFollowBesideLinksThatLeadNowhere(t *testing.T) {
	directory := t.TempDir()
	for _, link := range []string{"a loop.log", "a loop"} {
		if err := os.Symlink(link, filepath.Join(directory, link)); err != nil {
			t.Fatal(err)
		}
	}
	f := follow(t, directory, here(t, directory))
	for i := range 3 {
		add(t, filepath.Join(directory, "app.log"), entry(fmt.Sprint(i)))
		f.want(fmt.Sprint(i))
	}
}

func mkdir(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFollowTruncation(t *testing.T) {
	directory := t.TempDir()
	log := filepath.Join(directory, "app.log")
	add(t, log, entry("one"))
	f := follow(t, directory, applog.Position{})
	f.want("one")
	// Written again in one step, longer than before: only the bytes before the offset show it.
	if err := os.WriteFile(log, []byte(entry("ONE")+entry("two")), 0o600); err != nil {
		t.Fatal(err)
	}
	f.want("ONE", "two")
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	add(t, log, entry("three"))
	f.want("three")
}

func TestFollowReplacedFile(t *testing.T) {
	directory := t.TempDir()
	log := filepath.Join(directory, "app.log")
	f := follow(t, directory, applog.Position{})
	for i := range 5 {
		message := fmt.Sprint("file ", i)
		add(t, log+".new", entry(message))
		if err := os.Rename(log+".new", log); err != nil {
			t.Fatal(err)
		}
		f.want(message)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	add(t, log, entry("created again")) // perhaps with the same inode
	f.want("created again")
}

func TestFollowFilesOfSeveralNames(t *testing.T) {
	directory := t.TempDir()
	first, second := filepath.Join(directory, "app one.log"), filepath.Join(directory, "app two.log")
	add(t, first, entry("old"))
	f := follow(t, directory, here(t, directory))
	add(t, second, entry("two"))
	f.want("two")
	add(t, first, entry("one"))
	f.want("one")
	add(t, second, entry("two again"))
	f.want("two again")
}

func TestFollowResumesWhereItWas(t *testing.T) {
	directory := t.TempDir()
	log := filepath.Join(directory, "app.log")
	add(t, log, entry("old"))
	f := follow(t, directory, here(t, directory))
	add(t, log, entry("one"))
	f.want("one")
	add(t, log, entry("block : {")+"a = 1;\n")
	position := f.halt()

	// Between two looks, the block ends, the file is rotated, and another one begins.
	add(t, log, "}\n"+entry("two"))
	if err := os.Rename(log, filepath.Join(directory, "app.1.log")); err != nil {
		t.Fatal(err)
	}
	add(t, log, entry("three"))
	f = follow(t, directory, position)
	f.want("block : {", "two", "three")
	position = f.halt()

	// The file is written again between two looks, to more than its size before.
	if err := os.WriteFile(log, []byte(entry("THREE")+entry("four")), 0o600); err != nil {
		t.Fatal(err)
	}
	f = follow(t, directory, position)
	f.want("THREE", "four")
	if messages := f.drained(); len(messages) != 0 {
		t.Errorf("drained %q", messages)
	}
}

func TestDrainEndsWhileSomebodyContinuesToWrite(t *testing.T) {
	directory := t.TempDir()
	log := filepath.Join(directory, "app.log")
	f := follow(t, directory, applog.Position{})
	add(t, log, entry("one"))
	f.want("one")
	add(t, log, entry("two"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				add(t, log, entry("more"))
			}
		}
	}()
	messages := f.drained()
	close(stop)
	<-stopped
	if len(messages) == 0 || messages[0] != "two" {
		t.Errorf("drained %d records", len(messages))
	}
}

func TestFollowRefusesWhatIsNotADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	add(t, file, "x")
	_, err := applog.Follow(t.Context(), applog.Following{Directory: file}, func(*applog.Record) error { return nil })
	if !errors.Is(err, applog.ErrNotALogDirectory) {
		t.Errorf("got %v", err)
	}
}

func TestHandleEndsFollowing(t *testing.T) {
	directory := t.TempDir()
	add(t, filepath.Join(directory, "app.log"), entry("one")+entry("two"))
	enough := errors.New("enough")
	position, err := applog.Follow(t.Context(), applog.Following{Directory: directory},
		func(*applog.Record) error { return enough })
	if !errors.Is(err, enough) || len(position.Places) != 1 {
		t.Errorf("got %v, %+v", err, position)
	}
}
