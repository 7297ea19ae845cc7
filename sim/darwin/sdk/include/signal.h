/* Declarations of our own, of what runtime/cgo and cgo use of signal.h on macOS. Nothing here is Apple's header. */
#pragma once
#include <sys/types.h>

#define SIG_BLOCK 1
#define SIG_UNBLOCK 2
#define SIG_SETMASK 3

int sigfillset(sigset_t *);
int pthread_sigmask(int, const sigset_t *, sigset_t *);
