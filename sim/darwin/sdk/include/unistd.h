/* Declarations of our own, of what runtime/cgo and cgo use of unistd.h on macOS. Nothing here is Apple's header. */
#pragma once
#include <sys/types.h>

ssize_t write(int, const void *, size_t);
int usleep(unsigned);
