/* Our own declarations of the part of macOS's time.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#include <sys/types.h>

typedef long time_t;
struct timespec {
	time_t tv_sec;
	long tv_nsec;
};
int nanosleep(const struct timespec *, struct timespec *);
