// Package flood attacks usherd's sockets as one user, to keep others from being served. It opens connections without
// end, or sends data that costs the receiver more than the sender. It is for tests and measurements. [Run] is called in
// a process of that user.
package flood

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"
)

const (
	// connections is the number of connections open at once: as many as usherd allows a user.
	connections = 32
	// ConnectsPerSecond is the rate at which [Connects] connects.
	ConnectsPerSecond = 20_000
)

// The kinds of floods.
const (
	Connects       = "connects"
	Settings       = "settings"
	Pings          = "pings"
	WindowUpdates  = "window-updates"
	RapidReset     = "rapid-reset"
	Priorities     = "priorities"
	Headers        = "headers"
	Continuations  = "continuations"
	Data           = "data"
	Garbage        = "garbage"
	OneByteAtATime = "one-byte-at-a-time"
)

// senders write one round of each kind but [Connects].
var senders = map[string]func(io.Writer, *http2.Framer, *bytes.Buffer) error{
	Settings: repeated(func(f *http2.Framer, _ uint32) {
		f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535})
	}),
	Pings: repeated(func(f *http2.Framer, _ uint32) { f.WritePing(false, [8]byte{}) }),
	WindowUpdates: repeated(func(f *http2.Framer, _ uint32) {
		f.WriteWindowUpdate(0, 1)
	}),
	RapidReset: repeated(func(f *http2.Framer, stream uint32) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: call, EndHeaders: true})
		f.WriteRSTStream(stream, http2.ErrCodeCancel)
	}),
	Priorities: repeated(func(f *http2.Framer,
		stream uint32) {
		f.WritePriority(stream, http2.PriorityParam{Weight: 1})
	}),
	Headers: repeated(func(f *http2.Framer, stream uint32) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: call, EndHeaders: true,
			EndStream: true})
	}),
	Continuations: repeated(func(f *http2.Framer, stream uint32) {
		if stream == 1 {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: call})
		}
		f.WriteContinuation(1, false, nil)
	}),
	Data: repeated(func(f *http2.Framer, _ uint32) { f.WriteData(1, false, make([]byte, 100)) }),
	Garbage: func(w io.Writer, _ *http2.Framer, _ *bytes.Buffer) error {
		return write(w, bytes.Repeat([]byte{0xa5}, 1<<16))
	},
	OneByteAtATime: func(w io.Writer, _ *http2.Framer, _ *bytes.Buffer) error {
		// A frame of 16 kB with an unknown type.
		if err := write(w, []byte{0, 0x40, 0, 0xee, 0, 0, 0, 0, 0}); err != nil {
			return err
		}
		for range 16 << 10 {
			if err := write(w, []byte{0}); err != nil {
				return err
			}
		}
		return nil
	},
}

// Kinds are all of them, in order.
func Kinds() []string {
	kinds := []string{Connects}
	for kind := range senders {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// call is the header of a call that any user may make.
var call = func() []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", "/usher.v1.TenantService/GetTenant"},
		{":authority", "localhost"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	return block.Bytes()
}()

// repeated makes a round of a thousand equal calls. Streams have the numbers of one connection.
func repeated(one func(f *http2.Framer, stream uint32)) func(io.Writer, *http2.Framer, *bytes.Buffer) error {
	return func(w io.Writer, f *http2.Framer, buffer *bytes.Buffer) error {
		for stream := uint32(1); ; {
			buffer.Reset()
			for range 1000 {
				one(f, stream)
				stream += 2
			}
			if err := write(w, buffer.Bytes()); err != nil {
				return err
			}
		}
	}
}

func write(w io.Writer, p []byte) error {
	_, err := w.Write(p)
	return err
}

// Run floods the socket until ctx ends. It calls begun when the flood is running. Connected is how often [Connects] has
// connected, also if the socket's backlog had no room.
func Run(ctx context.Context, kind, socket string, begun func()) (connected int, err error) {
	if kind == Connects {
		return connect(ctx, socket, begun)
	}
	send := senders[kind]
	if send == nil {
		return 0, fmt.Errorf("flood %s: %q is not one of %q", socket, kind, Kinds())
	}
	once := sync.OnceFunc(begun)
	var flooding sync.WaitGroup
	for range connections {
		flooding.Go(func() {
			for ctx.Err() == nil {
				connection, err := net.Dial("unix", socket)
				if err != nil {
					continue
				}
				stop := context.AfterFunc(ctx, func() { connection.Close() })
				flooding.Go(func() {
					io.Copy(io.Discard, connection) // answers from usherd do not block it
					connection.Close()
				})
				var buffer bytes.Buffer
				framer := http2.NewFramer(&buffer, nil)
				framer.AllowIllegalWrites = true
				begin := append([]byte(http2.ClientPreface), 0, 0, 0, byte(http2.FrameSettings), 0, 0, 0, 0, 0)
				for err := write(connection, begin); err == nil; err = send(connection, framer, &buffer) {
					once()
				}
				stop()
				connection.Close()
			}
		})
	}
	flooding.Wait()
	return 0, nil
}

// connect connects and hangs up.
func connect(ctx context.Context, socket string, begun func()) (connected int, err error) {
	const each = time.Millisecond
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	address := &unix.SockaddrUnix{Name: socket}
	begun()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return connected, nil
		case now := <-ticker.C:
			for due := int(now.Sub(last).Seconds() * ConnectsPerSecond); due > 0; due-- {
				descriptor, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
				if err != nil {
					return connected, fmt.Errorf("flood %s: %w", socket, err)
				}
				if err = unix.SetNonblock(descriptor, true); err == nil {
					err = unix.Connect(descriptor, address)
				}
				unix.Close(descriptor)
				if err != nil && !errors.Is(err, unix.EAGAIN) {
					return connected, fmt.Errorf("flood %s: %w", socket, err)
				}
				connected++
			}
			last = now
		}
	}
}
