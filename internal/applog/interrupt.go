package applog

import (
	"context"
	"io"
	"io/fs"
)

// interruptible is a reader that ends with its context. Everything that unpacks reads from one: some streams unpack to
// nothing for gigabytes, so that a reader of what is unpacked does not return for minutes.
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

// ended returns why a context has ended, nil while it has not.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}

// region is a part of a file, or all of it, up to the size that it has when it is opened: a file that grows faster than
// it is read has an end too. Its readers end with its context.
type region struct {
	*io.SectionReader
	ctx   context.Context
	close func() error
	// info is which file it is, nil for one without a name.
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
