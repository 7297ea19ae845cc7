package listener_test

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// broken stops the listening socket of an address from accepting, like one that the kernel took away.
func broken(t *testing.T, address string) {
	t.Helper()
	port := int(netip.MustParseAddrPort(address).Port())
	for fd := range 4096 {
		listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err != nil || listens == 0 {
			continue
		}
		name, err := unix.Getsockname(fd)
		if at, ok := name.(*unix.SockaddrInet4); err == nil && ok && at.Port == port {
			must(t, unix.Shutdown(fd, unix.SHUT_RDWR))
			return
		}
	}
	must(t, errors.New("nothing listens on "+address))
}

func TestListenerThatEndsByItselfListensAgain(t *testing.T) {
	t.Parallel()
	w := listening(t, nil)
	first := w.listens()
	watched := w.client(monitor).watch()
	broken(t, first)
	w.troubled("the listener ended")
	if w.listener.Address() != nil {
		t.Errorf("it listens on %v", w.listener.Address())
	}
	if err := watched.ended(); err == nil {
		t.Error("the open stream continues")
	}
	w.listens()
	w.untroubled()
	w.client(monitor).mustGet()
	// Other settings end the wait.
	broken(t, w.listens())
	w.troubled("the listener ended")
	w.listener.SettingsChanged()
	w.listens()
	w.untroubled()
}
