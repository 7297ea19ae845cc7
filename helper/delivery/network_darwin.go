package delivery

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openRouteSocket opens a routing socket, route(4).
func openRouteSocket() (*os.File, error) {
	// macOS cannot set close-on-exec in the same call; no process may be started in between.
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("open routing socket: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd) // the first error says why
		return nil, fmt.Errorf("open routing socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "route"), nil
}

// The offsets of the kind and the flags in struct rt_msghdr of <net/route.h>. The other messages begin in the same way,
// with length, version and kind.
const (
	offsetOfKind  = 3
	offsetOfFlags = 8
)

// isChange reports whether the message is of a new address or of a new route through a gateway. Routes without a
// gateway come and go with every neighbour on the network. A routing socket returns one message for each read.
func isChange(received []byte) bool {
	if len(received) < offsetOfFlags+4 {
		return false
	}
	switch received[offsetOfKind] {
	case unix.RTM_NEWADDR:
		return true
	case unix.RTM_ADD, unix.RTM_CHANGE:
		return binary.NativeEndian.Uint32(received[offsetOfFlags:])&unix.RTF_GATEWAY != 0
	}
	return false
}
