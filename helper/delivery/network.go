package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// settleTime is how long the network must be quiet before a change is told: joining a network comes in many
	// messages.
	settleTime = time.Second
	// settleLimit is after which time it is told all the same.
	settleLimit = 10 * time.Second
)

// WatchNetwork calls changed whenever this computer has got an address or a route, once for all that comes together,
// and blocks until ctx ends, when it returns nil. It waits for the kernel to tell (Linux: a netlink socket, macOS: a
// routing socket, which was not run on a Mac yet) and polls nothing. An error means that changes are not seen from now
// on; what needs them then only misses a hint.
func WatchNetwork(ctx context.Context, changed func()) error {
	socket, err := openRouteSocket()
	if err != nil {
		return fmt.Errorf("watch the network: %w", err)
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	// The largest message that the kernel packs together for a socket of this kind.
	buffer := make([]byte, 16<<10)
	for {
		if err := awaitChange(socket, buffer, time.Time{}); err != nil {
			return endOfWatch(ctx, err)
		}
		for limit := time.Now().Add(settleLimit); time.Now().Before(limit); {
			err := awaitChange(socket, buffer, time.Now().Add(settleTime))
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return endOfWatch(ctx, err)
			}
		}
		changed()
	}
}

func endOfWatch(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("watch the network: %w", err)
}

// awaitChange returns nil after a message that tells of a new address or route; a zero deadline is none.
func awaitChange(socket *os.File, buffer []byte, deadline time.Time) error {
	if err := socket.SetReadDeadline(deadline); err != nil {
		return err
	}
	for {
		n, err := socket.Read(buffer)
		// The kernel could not keep all messages for us: one of them may have been such.
		if errors.Is(err, unix.ENOBUFS) {
			return nil
		}
		if err != nil {
			return err
		}
		if tellsOfChange(buffer[:n]) {
			return nil
		}
	}
}
