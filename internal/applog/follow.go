package applog

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
)

// Following says what to follow.
type Following struct {
	// Directory holds the logs: every *.log in it, or only the file Name. It need not exist yet.
	Directory string
	Name      string
	// Options are how the logs are read; File is set to the name of each.
	Options Options
	// From is where to begin; the zero value begins at the beginning of every file.
	From Position
	// Drain, when closed, ends the following after everything written before has been handed out, including incomplete
	// entries. It may be nil.
	Drain <-chan struct{}
	// Quiet is called whenever all existing records have been handed out. It may be nil.
	Quiet func() error
}

// Follow passes every record after a position to handle, as it is written, through rotation, truncation and new files.
// The kernel reports changes ([filewatch.Watcher]). Records of one file come in its order, those of several files in
// the order in which they are noticed.
//
// It blocks until Drain is closed (nil), ctx ends (its cause) or handle fails (that error), and returns the position
// after the last record that was handed out. An entry that may have more lines is handed out when it is complete, when
// another one follows, or at the drain.
//
// One change is not noticed: between two looks a file is truncated and grows beyond its former size, with the same 64
// bytes before that position.
func Follow(ctx context.Context, following Following, handle func(*Record) error) (Position, error) {
	watch, err := newWatch(following.Directory)
	if err != nil {
		return following.From, err
	}
	defer watch.close()
	f := &follower{Following: following, watch: watch, handle: handle,
		tails: map[uint64]*tail{}, buffer: make([]byte, 32<<10)}
	defer f.close()
	for _, place := range following.From.Places {
		f.tails[place.Inode] = newTail(place, following.Options)
	}
	err = f.run(ctx, following.Drain)
	position, placeErr := f.position()
	return position, errors.Join(err, placeErr)
}

// follower is used by one goroutine.
type follower struct {
	Following
	watch  *watch
	handle func(*Record) error
	tails  map[uint64]*tail
	buffer []byte
}

func (f *follower) run(ctx context.Context, drain <-chan struct{}) error {
	for draining := false; ; {
		if err := f.watch.aim(); err != nil {
			return err
		}
		if err := f.look(ctx); err != nil {
			return err
		}
		if f.Quiet != nil {
			if err := f.Quiet(); err != nil {
				return err
			}
		}
		if draining {
			return f.flush()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-drain:
			draining = true
		case <-f.watch.changes():
		}
	}
}

// look reads the new content of every file, the files that were written first come first.
func (f *follower) look(ctx context.Context) error {
	found, err := list(f.Directory, f.Name)
	if err != nil {
		return err
	}
	f.watch.files(found)
	slices.SortStableFunc(found, func(a, b entry) int {
		if a.modified != b.modified {
			return int(max(-1, min(1, a.modified-b.modified)))
		}
		return strings.Compare(a.name, b.name)
	})
	listed := map[uint64]bool{}
	var order []*tail
	for _, entry := range found {
		listed[entry.inode] = true
		t, known := f.tails[entry.inode]
		if !known {
			t = newTail(Place{File: entry.name, Inode: entry.inode}, f.Options)
			f.tails[entry.inode] = t
		}
		t.name = entry.name
		if t.file == nil && entry.size == t.offset {
			continue
		}
		order = append(order, t)
	}
	for inode, t := range f.tails {
		if !listed[inode] { // renamed or deleted: its rest comes first
			order = slices.Insert(order, 0, t)
		}
	}
	for _, t := range order {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		gone, err := t.read(ctx, f.Directory, f.buffer, f.watch.opened, f.handle)
		if err == nil && gone && !listed[t.inode] {
			err = t.reader.flush(t.named(f.handle))
			t.close()
			delete(f.tails, t.inode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) flush() error {
	for _, t := range f.tails {
		if err := t.reader.flush(t.named(f.handle)); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) position() (Position, error) {
	var position Position
	for _, inode := range slices.Sorted(maps.Keys(f.tails)) {
		place, err := f.tails[inode].place()
		if err != nil {
			return Position{}, err
		}
		position.Places = append(position.Places, place)
	}
	return position, nil
}

func (f *follower) close() {
	for _, t := range f.tails {
		t.close()
	}
}
