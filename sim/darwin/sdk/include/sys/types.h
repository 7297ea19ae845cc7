/* Our own declarations of the part of macOS's sys/types.h that runtime/cgo and cgo use. Nothing here is Apple's
   header. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;
typedef int32_t pid_t;
typedef uint32_t uid_t, gid_t;
typedef int64_t off_t;
typedef uint32_t sigset_t;
typedef struct opaque_thread *pthread_t;
typedef unsigned long pthread_key_t;
typedef struct {
	long signature;
	char opaque[56];
} pthread_attr_t;
typedef struct {
	long signature;
	char opaque[56];
} pthread_mutex_t;
typedef struct {
	long signature;
	char opaque[40];
} pthread_cond_t;
