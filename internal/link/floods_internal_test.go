package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// frames is what a client sends: the preface and count frames of a kind, each with a payload of that many bytes.
func frames(kind http2.FrameType, count, payload int) []byte {
	sent := []byte(http2.ClientPreface)
	for range count {
		sent = append(binary.BigEndian.AppendUint32(sent, uint32(payload)<<8|uint32(kind)), 0, 0, 0, 0, 0)
		sent = append(sent, make([]byte, payload)...)
	}
	return sent
}

func TestFramesAreCountedHoweverTheyArrive(t *testing.T) {
	sent := append(frames(http2.FramePing, 300, 8), frames(http2.FrameData, 40, 5000)[len(http2.ClientPreface):]...)
	for range 50 {
		var counter frameCounter
		total := 0
		for rest := sent; len(rest) > 0; {
			size := min(len(rest), 1+rand.IntN(1<<rand.IntN(14)))
			total += counter.count(rest[:size])
			rest = rest[size:]
		}
		if total != 340 {
			t.Fatalf("%d frames, want 340", total)
		}
	}
}

// receive writes sent in pieces of that many bytes, reads everything from the paced connection, and returns how long
// that took.
func receive(t *testing.T, user *allowance, sent []byte, at int) time.Duration {
	t.Helper()
	f := &floods{users: map[uint32]*allowance{1: user}}
	near, far := net.Pipe()
	paced := f.pace(near, 1)
	defer paced.Close()
	go func() {
		defer far.Close()
		for rest := sent; len(rest) > 0; {
			size := min(at, len(rest))
			if _, err := far.Write(rest[:size]); err != nil {
				return
			}
			rest = rest[size:]
		}
	}()
	began := time.Now()
	received, err := io.ReadAll(paced)
	if err != nil || !bytes.Equal(received, sent) {
		t.Fatalf("%d of %d bytes arrived: %v", len(received), len(sent), err)
	}
	return time.Since(began)
}

// However a flood is made, it is read at the allowed rate, and no byte is lost. Data within the limits is read at once.
func TestFloodsAreReadSlowly(t *testing.T) {
	for name, test := range map[string]struct {
		sent     []byte
		at       int
		from, to time.Duration
	}{
		"an honest call":        {frames(http2.FrameData, 5, 100), 1 << 16, 0, 0},
		"a burst":               {frames(http2.FrameHeaders, 2900, 20), 1 << 16, 0, 0},
		"a large message":       {frames(http2.FrameData, 64, 16<<10), 1 << 16, 0, 0},
		"SETTINGS":              {frames(http2.FrameSettings, 13_000, 0), 1 << 16, 9 * time.Second, 11 * time.Second},
		"PING":                  {frames(http2.FramePing, 13_000, 8), 1 << 16, 9 * time.Second, 11 * time.Second},
		"WINDOW_UPDATE":         {frames(http2.FrameWindowUpdate, 13_000, 4), 100, 9 * time.Second, 13 * time.Second},
		"RST_STREAM":            {frames(http2.FrameRSTStream, 13_000, 4), 1 << 16, 9 * time.Second, 11 * time.Second},
		"one byte at a time":    {frames(http2.FrameData, 1, 13_000), 1, 9 * time.Second, 11 * time.Second},
		"zeros":                 {make([]byte, 9*13_000), 1 << 16, 9 * time.Second, 11 * time.Second},
		"bytes that are random": {bytes.Repeat([]byte{0xff}, 1<<20), 1 << 16, 0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if took := receive(t, newFloods().of(1), test.sent, test.at); took < test.from || took > test.to {
					t.Errorf("took %s, want %s to %s", took, test.from, test.to)
				}
			})
		})
	}
}

// All connections of a user share one allowance: more connections do not send more.
func TestConnectionsOfAUserShareTheirFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		user := newFloods().of(1)
		took := make(chan time.Duration)
		const connections = 8
		for range connections {
			go func() { took <- receive(t, user, frames(http2.FramePing, 2000, 8), 1<<16) }()
		}
		longest := time.Duration(0)
		for range connections {
			longest = max(longest, <-took)
		}
		if longest < 12*time.Second {
			t.Errorf("read 16,000 frames in %s", longest)
		}
	})
}

// A waiting connection can be closed at once.
func TestCloseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		user := newFloods().of(1)
		user.frames.ReserveN(time.Now(), framesAtOnce)
		near, far := net.Pipe()
		defer far.Close()
		paced := (&floods{users: map[uint32]*allowance{1: user}}).pace(near, 1)
		go far.Write(frames(http2.FramePing, 400, 8))
		if _, err := paced.Read(make([]byte, readAtOnce)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			_, err := paced.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		paced.Close()
		if err := <-ended; err == nil || time.Since(began) != 0 {
			t.Errorf("ended after %s with %v", time.Since(began), err)
		}
	})
}

func TestUserWhoConnectsTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloods()
		let := 0
		for range 20_000 {
			time.Sleep(50 * time.Microsecond)
			if f.mayConnect(501) {
				let++
			}
		}
		if let < connectionsAtOnce || let > connectionsAtOnce+connectionsPerSecond+1 {
			t.Errorf("%d of 20,000 connections in a second were let in", let)
		}
		if !f.mayConnect(502) || !f.mayConnect(0) {
			t.Error("another user, or root, was kept out")
		}
		for uid := range uint32(5 * usersInMemory) {
			f.mayConnect(1000 + uid)
			time.Sleep(time.Second)
		}
		if len(f.users) > usersInMemory {
			t.Errorf("%d users are remembered", len(f.users))
		}
	})
}

// streamer answers Watch with 32 MB.
type streamer struct {
	healthv1.UnimplementedHealthServer
}

const streamed = 512

func (streamer) Watch(_ *healthv1.HealthCheckRequest, stream healthv1.Health_WatchServer) error {
	for range streamed {
		// The reader keeps unknown fields, which have a size.
		answer := &healthv1.HealthCheckResponse{}
		answer.ProtoReflect().SetUnknown(append([]byte{0x7a, 0x80, 0x80, 0x04}, make([]byte, 1<<16)...))
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// A client that receives much sends many acknowledgements. These do not use up its allowance.
func TestAnswersThatAreLargeAreNotAFlood(t *testing.T) {
	socket, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	f := newFloods()
	server := grpc.NewServer()
	healthv1.RegisterHealthServer(server, streamer{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(pacedListener{socket, f}) }()
	defer func() { server.Stop(); <-served }()
	client, err := grpc.NewClient("unix:"+socket.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	stream, err := healthv1.NewHealthClient(client).Watch(context.Background(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for {
		if _, err = stream.Recv(); err != nil {
			break
		}
		count++
	}
	if tokens := f.of(501).frames.Tokens(); err != io.EOF || count != streamed || tokens < framesAtOnce-100 {
		t.Errorf("%d messages, %v; %.0f frames are still allowed", count, err, tokens)
	}
}

// pacedListener gives every connection to uid 501.
type pacedListener struct {
	net.Listener
	floods *floods
}

func (l pacedListener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.floods.pace(connection, 501), nil
}

// A flooder who has hung up frees the connection's place, even if their data has not been read yet.
func TestFlooderWhoHasGoneGivesThePlaceUp(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]net.Conn, 2)
	for i, descriptor := range pair {
		file := os.NewFile(uintptr(descriptor), "")
		if ends[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	slow := &allowance{connections: rate.NewLimiter(1, 1), frames: rate.NewLimiter(rate.Every(time.Hour), 3000)}
	paced := (&floods{users: map[uint32]*allowance{1: slow}}).pace(ends[0], 1)
	defer paced.Close()
	if err := ends[1].SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = ends[1].Write(frames(http2.FramePing, 100_000, 0)) // as much as the kernel accepts
	ends[1].Close()
	if _, err := io.Copy(io.Discard, paced); err != nil {
		t.Error(err)
	}
}
