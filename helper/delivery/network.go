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
	// settleTime is how long the network must be quiet before a change is reported: joining a network causes many
	// messages.
	settleTime = time.Second
	// settleLimit is the time after which the change is reported in any case.
	settleLimit = 10 * time.Second
)

// WatchNetwork calls changed whenever this computer has got an address or a route, once for messages that come
// together. It blocks until ctx ends, and then returns nil. It waits for a message of the kernel and never polls. On
// Linux that is a netlink socket, on macOS a routing socket, which nobody has run on a Mac yet. After an error, changes
// are no longer seen; users of this function only miss a hint then.
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

// awaitChange returns nil after a message about a new address or route; a zero deadline means none.
func awaitChange(socket *os.File, buffer []byte, deadline time.Time) error {
	if err := socket.SetReadDeadline(deadline); err != nil {
		return err
	}
	for {
		n, err := socket.Read(buffer)
		// The kernel could not keep all messages for us: one of them may have been a change.
		if errors.Is(err, unix.ENOBUFS) {
			return nil
		}
		if err != nil {
			return err
		}
		if isChange(buffer[:n]) {
			return nil
		}
	}
}
