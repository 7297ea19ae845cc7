package applog

import (
	"context"
	"io"
	"io/fs"
)

// interruptible is a reader that ends with its context. All unpacking reads from one. Gigabytes of some streams unpack
// to nothing, so a read of the unpacked stream may not return for minutes.
type interruptible struct {
	ctx    context.Context
	source io.Reader
}

// Read implements io.Reader.
func (r interruptible) Read(p []byte) (int, error) {
	if err := ended(r.ctx); err != nil {
		return 0, err
	}
	return r.source.Read(p)
}

// ended returns why a context has ended, or nil.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// region is a part of a file, or all of it, up to its size when it is opened. So a file that grows faster than it is
// read has an end too. Its readers end with its context.
type region struct {
	*io.SectionReader
	ctx   context.Context
	close func() error
	// info identifies the file; it is nil for a file without a name.
	info fs.FileInfo
}

// newRegion returns the first bytes of a source. closeSource is called by Close; it may be nil.
func newRegion(ctx context.Context, source io.ReaderAt, size int64, closeSource func() error) *region {
	return &region{SectionReader: io.NewSectionReader(source, 0, size), ctx: ctx, close: closeSource}
}

// Read implements io.Reader.
func (r *region) Read(p []byte) (int, error) {
	if err := ended(r.ctx); err != nil {
		return 0, err
	}
	return r.SectionReader.Read(p)
}

// ReadAt implements io.ReaderAt.
func (r *region) ReadAt(p []byte, at int64) (int, error) {
	if err := ended(r.ctx); err != nil {
		return 0, err
	}
	return r.SectionReader.ReadAt(p, at)
}

// Close implements io.Closer.
func (r *region) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}
