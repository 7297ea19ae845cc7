// Package interruptible has readers and writers that end with a context, so Ctrl-C ends a command that reads long logs
// or waits for standard input.
package interruptible

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// reading is a reader that ends with its context, between two reads.
type reading struct {
	ctx  context.Context
	from io.Reader
}

// Reader returns a reader of from that ends with ctx, between two reads.
func Reader(ctx context.Context, from io.Reader) io.Reader { return reading{ctx, from} }

// Read implements io.Reader.
func (r reading) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}

// writing is a writer that ends with its context.
type writing struct {
	ctx context.Context
	to  io.Writer
}

// Writer returns a writer to to that ends with ctx.
func Writer(ctx context.Context, to io.Writer) io.Writer { return writing{ctx, to} }

// Write implements io.Writer.
func (w writing) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.to.Write(p)
}

// waitingInput reads a file that may have no data for a long time, such as a terminal or a pipe. It ends with its
// context even then.
type waitingInput struct {
	reading
	file *os.File
	// wake becomes readable when the context ends.
	wake *os.File
}

// Input returns a reader of standard input that ends with ctx. The caller calls release when it has finished reading.
func Input(ctx context.Context, input io.Reader) (from io.Reader, release func(), err error) {
	file, isFile := input.(*os.File)
	if !isFile {
		return reading{ctx, input}, func() {}, nil
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return file, func() {}, nil // its readers check their context, and never wait
	}
	wake, waker, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { waker.Close() })
	return &waitingInput{reading{ctx, file}, file, wake}, func() {
		if stop() {
			waker.Close()
		}
		wake.Close()
	}, nil
}

// Read implements io.Reader.
func (w *waitingInput) Read(p []byte) (int, error) {
	ready := []unix.PollFd{{Fd: int32(w.file.Fd()), Events: unix.POLLIN}, {Fd: int32(w.wake.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(ready, -1)
		if err == nil || err != unix.EINTR {
			break // a file that cannot be polled is read at once, and the read may take long
		}
	}
	return w.reading.Read(p)
}
