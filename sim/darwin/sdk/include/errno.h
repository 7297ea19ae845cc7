/* Our own declarations of the part of macOS's errno.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#define EINTR 4
#define ENOMEM 12
#define EINVAL 22
#define EAGAIN 35

int *__error(void);
#define errno (*__error())
