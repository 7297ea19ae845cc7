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

// What a search takes of the folder for temporary files: for archives that can only be read from their beginning on,
// and for what comes from a pipe. Text is kept compressed, so that 64 MiB hold half a gigabyte of logs and more; on
// many computers that folder is in memory. What comes from a pipe is the caller's own, and `log show` writes gigabytes.
const (
	maximumSpace = 64 << 20
	inputSpace   = 1 << 30
)

// space is temporary space: one file without a name, which the system removes with the process, whatever ends that, and
// at the latest when no log refers to it any more. It may be used by several goroutines.
type space struct {
	limit int64

	mu   sync.Mutex
	file *os.File
	used int64
	// compressor is used again for each text: it needs a megabyte.
	compressor *flate.Writer
}

// keep copies what source has; text is kept compressed. Where the source fails or the space is full, what came before
// can be read, and then the error. The error that keep itself returns is that of ctx, or that there is no space at all.
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

// copy appends a source to the file, and returns why it did not get all of it.
func (s *space) copy(ctx context.Context, source io.Reader, text bool) error {
	var to io.Writer = spaceWriter{s}
	if text {
		if s.compressor == nil {
			s.compressor, _ = flate.NewWriter(to, flate.BestSpeed) // the level is one that there is
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
		failed = errors.Join(failed, s.compressor.Close()) // a buffer's worth more than the limit
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

// discard gives the space back. Nothing may be read from it any more.
func (s *space) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.file.Close()
	}
}

// failing ends with an error in the place of the end of its source, or of what a cut compressed text gives.
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

// nameless returns a temporary file that has no name any more.
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
