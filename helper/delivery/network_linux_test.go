package delivery_test

import (
	"context"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"usher.internal/helper/delivery"
)

// The test changes a network namespace of its own: making one needs root.
func TestNewAddressIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	control, changed, ended := make(chan int), make(chan struct{}, 100), make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and its network namespace with both.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("make a network namespace (this test needs root): %v", err)
			close(control)
			return
		}
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			t.Error(err)
			close(control)
			return
		}
		control <- fd
		ended <- delivery.WatchNetwork(ctx, func() { changed <- struct{}{} })
	}()
	fd, ok := <-control
	if !ok {
		t.FailNow()
	}
	defer unix.Close(fd)
	// The watcher may not listen yet when the first change comes, so the test repeats them until one is reported.
	deadline := time.After(time.Minute)
	for reported := false; !reported; {
		setLoopback(t, fd, false)
		setLoopback(t, fd, true)
		select {
		case <-changed:
			reported = true
		case <-time.After(3 * time.Second):
		case <-deadline:
			t.Fatal("no change was reported")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestQuietNetworkIsNotReportedAndTheEndComesAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- delivery.WatchNetwork(ctx, func() {}) }()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
}

// setLoopback brings the loopback interface up, with which it gets its address, or down.
func setLoopback(t *testing.T, fd int, up bool) {
	t.Helper()
	var message struct {
		unix.NlMsghdr
		unix.IfInfomsg
	}
	message.NlMsghdr = unix.NlMsghdr{Len: uint32(unsafe.Sizeof(message)), Type: unix.RTM_NEWLINK,
		Flags: unix.NLM_F_REQUEST}
	message.IfInfomsg = unix.IfInfomsg{Index: 1, Change: unix.IFF_UP}
	if up {
		message.IfInfomsg.Flags = unix.IFF_UP
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&message)), unsafe.Sizeof(message))
	if err := unix.Sendto(fd, bytes, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
}
