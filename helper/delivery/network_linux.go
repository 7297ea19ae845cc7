package delivery

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openRouteSocket opens a netlink socket that receives messages about addresses and routes.
func openRouteSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	groups := uint32(
		unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd) // the error of bind says why
		return nil, fmt.Errorf("bind netlink socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// isChange reports whether one of the messages is of a new address or route.
func isChange(received []byte) bool {
	messages, err := syscall.ParseNetlinkMessage(received)
	if err != nil {
		return false
	}
	for _, message := range messages {
		if message.Header.Type == unix.RTM_NEWADDR || message.Header.Type == unix.RTM_NEWROUTE {
			return true
		}
	}
	return false
}
