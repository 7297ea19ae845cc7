package applog

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// The limits of temporary files in a search. They hold archives that can only be read from their beginning, and input
// from a pipe. Text is kept compressed, so 64 MiB hold half a gigabyte of logs and more. On many computers the folder
// for temporary files is in memory. Input from a pipe belongs to the caller, and `log show` writes gigabytes, so it has
// a limit of its own.
const (
	maximumSpace = 64 << 20
	inputSpace   = 1 << 30
)

// space is temporary space: one file without a name. The system removes it with the process, however the process ends.
// At the latest it is removed when no log refers to it. It may be used by several goroutines.
type space struct {
	limit int64

	mu   sync.Mutex
	file *os.File
	used int64
	// compressor is reused for each text because it needs a megabyte.
	compressor *flate.Writer
}

// keep copies source; text is kept compressed. If the source fails or the space is full, the opener reads the bytes
// before that, and then returns the error. keep itself returns only an error of ctx, or that no temporary file could be
// created.
func (s *space) keep(ctx context.Context, source io.Reader, text bool) (opener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		file, err := nameless()
		if err != nil {
			return nil, err
		}
		s.file = file
	}
	begin := s.used
	failed := s.copy(ctx, source, text)
	if err := ended(ctx); err != nil {
		return nil, err
	}
	file, size := s.file, s.used-begin
	return func(ctx context.Context) (io.ReadCloser, error) {
		part := newRegion(ctx, io.NewSectionReader(file, begin, size), size, nil)
		switch {
		case text:
			return unpacked{failing{flate.NewReader(bufio.NewReader(part)), failed}, part.Close}, nil
		case failed != nil:
			return unpacked{failing{part, failed}, part.Close}, nil
		}
		return part, nil
	}, nil
}

// copy appends a source to the file, and returns the error that ended it early.
func (s *space) copy(ctx context.Context, source io.Reader, text bool) error {
	var to io.Writer = spaceWriter{s}
	if text {
		if s.compressor == nil {
			s.compressor, _ = flate.NewWriter(to, flate.BestSpeed) // BestSpeed is a valid level
		}
		s.compressor.Reset(to)
		to = s.compressor
	}
	buffer := make([]byte, 64<<10)
	var failed error
	for failed == nil {
		n, err := source.Read(buffer)
		if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
			failed = fmt.Errorf("unpack archive: %w", writeErr)
		} else if s.used >= s.limit {
			failed = fmt.Errorf("%w, %d MiB: the rest was not read", errNoSpace, s.limit>>20)
		} else if err == io.EOF {
			break
		} else if err == nil {
			err = ended(ctx)
			failed = err
		} else {
			failed = err
		}
	}
	if text {
		failed = errors.Join(failed, s.compressor.Close()) // up to one buffer beyond the limit
	}
	return failed
}

// spaceWriter appends to a space that its caller has locked.
type spaceWriter struct{ *space }

// Write implements io.Writer.
func (w spaceWriter) Write(p []byte) (int, error) {
	n, err := w.file.WriteAt(p, w.used)
	w.used += int64(n)
	return n, err
}

// discard releases the space. Nothing may be read from it afterwards.
func (s *space) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.file.Close()
	}
}

// failing returns an error at the end of its source. It also replaces the error of a compressed text that is cut off.
type failing struct {
	source io.Reader
	failed error
}

// Read implements io.Reader.
func (f failing) Read(p []byte) (int, error) {
	n, err := f.source.Read(p)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || err == nil || f.failed == nil {
		return n, err
	}
	return n, f.failed
}

// nameless returns a temporary file whose name is already removed.
func nameless() (*os.File, error) {
	file, err := os.CreateTemp("", "usher-")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("make temporary file: %w", err), file.Close())
	}
	return file, nil
}
