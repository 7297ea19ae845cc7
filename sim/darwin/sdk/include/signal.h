/* Our own declarations of the part of macOS's signal.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#include <sys/types.h>

#define SIG_BLOCK 1
#define SIG_UNBLOCK 2
#define SIG_SETMASK 3

int sigfillset(sigset_t *);
int pthread_sigmask(int, const sigset_t *, sigset_t *);
