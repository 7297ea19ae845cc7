/* Declarations of our own, of what runtime/cgo and cgo use of errno.h on macOS. Nothing here is Apple's header. */
#pragma once
#define EINTR 4
#define ENOMEM 12
#define EINVAL 22
#define EAGAIN 35

int *__error(void);
#define errno (*__error())
