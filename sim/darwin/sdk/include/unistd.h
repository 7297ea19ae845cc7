/* Our own declarations of the part of macOS's unistd.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#include <sys/types.h>

ssize_t write(int, const void *, size_t);
int usleep(unsigned);
