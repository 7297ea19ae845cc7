/* errno: macOS's numbers for Linux's errors, and the errno of each thread. */
#include "loader.h"

static __thread int darwin_errno;

int error_number(int on_linux) {
	for (size_t i = 0; i < LENGTH(darwin_errors); i++)
		if (darwin_errors[i].on_linux == on_linux) return darwin_errors[i].on_darwin;
	if (on_linux != 0) unknown("Linux's error %d", on_linux);
	return on_linux == 0 ? 0 : DARWIN_EIO;
}

long result(long value) {
	if (value == -1) darwin_errno = error_number(errno);
	return value;
}

long fail(int darwin_error) {
	darwin_errno = darwin_error;
	return -1;
}

int last_error(void) { return darwin_errno; }
void set_last_error(int error) { darwin_errno = error; }

/* __error() of libSystem, with which Go reads errno: libc_error in Go's runtime/sys_darwin.go. */
int *darwin_error(void) { return &darwin_errno; }
