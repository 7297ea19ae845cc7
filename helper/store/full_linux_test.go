package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"usher.internal/helper/store"
)

// smallDisk mounts a file system of 256 KiB. It needs root.
func smallDisk(t *testing.T) (directory string) {
	t.Helper()
	directory = t.TempDir()
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf("mount a tmpfs, which needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(directory, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return directory
}

// fill takes all space there is; calling free releases it.
func fill(t *testing.T, directory string) (free func()) {
	t.Helper()
	path := filepath.Join(directory, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskLosesNothing(t *testing.T) {
	directory := smallDisk(t)
	path := filepath.Join(directory, "journal")
	s := open(t, path)
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint("note ", i))
		if err := put(s, fmt.Sprintf("%04d", i), want[i]); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		free := fill(t, directory)
		// A small commit may still fit into pages that earlier ones left; a larger one never does.
		err := put(s, "9999", strings.Repeat("x", 64<<10))
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), path) {
			t.Fatalf("round %d: %v", round, err)
		}
		if !errors.Is(s.WriteError(), store.ErrFull) {
			t.Errorf("round %d: write error is %v", round, s.WriteError())
		}
		if got := texts(t, s); !slices.Equal(got, want) {
			t.Errorf("round %d: got %q", round, got)
		}
		free()
		want = append(want, fmt.Sprint("round ", round))
		if err := put(s, fmt.Sprintf("a%03d", round), want[len(want)-1]); err != nil {
			t.Fatalf("round %d, after space was freed: %v", round, err)
		}
		if s.WriteError() != nil {
			t.Errorf("round %d: write error is still %v", round, s.WriteError())
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, path)
	if got := texts(t, open(t, path)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Small commits until nothing more fits, as a helper makes them; then a kill, which leaves the file as it is.
func TestFullDiskAndThenAKill(t *testing.T) {
	directory := smallDisk(t)
	path := filepath.Join(directory, "journal")
	s := open(t, path)
	fill(t, directory)
	var want []string
	for i := 0; ; i++ {
		text := fmt.Sprint(i, strings.Repeat("x", 700))
		if err := put(s, fmt.Sprintf("%04d", i), text); err != nil {
			if !errors.Is(err, store.ErrFull) {
				t.Fatal(err)
			}
			break
		}
		want = append(want, text)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(after, image, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, after)
	if got := texts(t, open(t, after)); !slices.Equal(got, want) {
		t.Errorf("%d notes, want %d", len(got), len(want))
	}
}

// A disk that is full at the very first start leaves nothing behind that would block the next start.
func TestFirstOpenOnAFullDisk(t *testing.T) {
	directory := smallDisk(t)
	path := filepath.Join(directory, "journal")
	for blocks := range 8 { // that many blocks are free: bbolt gets as far as that
		free := fill(t, directory)
		if err := os.Truncate(filepath.Join(directory, "filler"), 256<<10-int64(blocks+1)*4096); err != nil {
			t.Fatal(err)
		}
		opened, err := store.Open(path)
		if err == nil {
			opened.Close()
		} else if !errors.Is(err, store.ErrFull) {
			t.Errorf("%d blocks free: %v", blocks, err)
		}
		free()
		if opened, err = store.Open(path); err != nil {
			t.Fatalf("%d blocks free, then all: %v", blocks, err)
		}
		if err := put(opened, "a", "one"); err != nil {
			t.Error(err)
		}
		opened.Close()
		check(t, path)
		entries, err := os.ReadDir(directory)
		if err != nil || len(entries) != 2 { // the journal, and its mark
			t.Errorf("%d blocks free: left %v, %v", blocks, entries, err)
		}
		os.Remove(path)
		os.Remove(path + ".mark")
	}
}
