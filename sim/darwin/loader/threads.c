/* Threads, as far as Go's runtime needs them (runtime/sys_darwin.go and os_darwin.go). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "loader.h"

/* macOS's stack for a thread is smaller than glibc and a signal handler of the loader need. */
enum { LOADERS_STACK = 256 << 10, DEFAULT_STACK = 512 << 10 };

/*
 * On macOS the GS register points to the thread's local storage, and Go keeps g at 0x30(GS): Tlsoffset in
 * cmd/link/internal/ld/sym.go. glibc uses FS, so GS is free for it.
 */
void begin_thread(void) {
	static __thread uint64_t local_storage[64];
	enum { ARCH_SET_GS = 0x1001 }; /* arch_prctl(2) */
	local_storage[0] = (uint64_t)pthread_self();
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, local_storage) != 0) die("arch_prctl: %m");
}

struct start {
	void *(*function)(void *);
	void *argument;
};

static void *run(void *pointer) {
	struct start start = *(struct start *)pointer;
	free(pointer);
	begin_thread();
	return start.function(start.argument);
}

/* glibc's pthread_attr_t (56 bytes) fits into macOS's (64), so attributes remain in the program's memory. */
_Static_assert(sizeof(pthread_attr_t) <= sizeof(struct darwin_pthreadattr), "pthread_attr_t");
_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct darwin_pthreadmutex), "pthread_mutex_t");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(struct darwin_pthreadcond), "pthread_cond_t");

static int darwin_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument) {
	size_t stack = DEFAULT_STACK;
	int detached = PTHREAD_CREATE_JOINABLE;
	if (attributes != NULL) {
		pthread_attr_getstacksize(attributes, &stack);
		pthread_attr_getdetachstate(attributes, &detached);
	}
	struct start *start = allocate(1, sizeof *start);
	*start = (struct start){function, argument};
	pthread_attr_t larger;
	pthread_attr_init(&larger);
	pthread_attr_setstacksize(&larger, stack + LOADERS_STACK);
	pthread_attr_setdetachstate(&larger, detached);
	int error = pthread_create(thread, &larger, run, start);
	pthread_attr_destroy(&larger);
	if (error != 0) free(start);
	return error_number(error);
}

static int darwin_pthread_attr_init(pthread_attr_t *attributes) {
	int error = pthread_attr_init(attributes);
	if (error == 0) pthread_attr_setstacksize(attributes, DEFAULT_STACK);
	return error_number(error);
}

static int darwin_pthread_attr_setdetachstate(pthread_attr_t *attributes, int state) {
	bool detached = state == DARWIN_PTHREAD_CREATE_DETACHED;
	return error_number(pthread_attr_setdetachstate(attributes, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE));
}

/* purego gives its threads the same size. */
static size_t darwin_pthread_get_stacksize_np(pthread_t thread) {
	(void)thread;
	return DEFAULT_STACK;
}

/* The highest address of a thread's stack; runtime/cgo finds its bounds with it. */
static void *darwin_pthread_get_stackaddr_np(pthread_t thread) {
	pthread_attr_t attributes;
	void *lowest = NULL;
	size_t size = 0;
	if (pthread_getattr_np(thread, &attributes) == 0) {
		pthread_attr_getstack(&attributes, &lowest, &size);
		pthread_attr_destroy(&attributes);
	}
	return (char *)lowest + size;
}

/*
 * Mutexes and conditions. A static initialiser of macOS is a signature followed by zeros, and that of glibc has only
 * zeros: the first use replaces the one by the other. The signatures are in internal/fakecgo/libcgo_darwin.go of
 * purego, a part of usher's programs.
 */
enum { MUTEX_SIGNATURE = 0x32AAABA7, CONDITION_SIGNATURE = 0x3CB0B1BB };

static void replace_signature(void *object, uint64_t signature) {
	__atomic_compare_exchange_n((uint64_t *)object, &signature, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
static pthread_mutex_t *mutex_of(pthread_mutex_t *mutex) {
	replace_signature(mutex, MUTEX_SIGNATURE);
	return mutex;
}
static pthread_cond_t *condition_of(pthread_cond_t *condition) {
	replace_signature(condition, CONDITION_SIGNATURE);
	return condition;
}

/* Go passes no attributes. */
static int darwin_pthread_mutex_init(pthread_mutex_t *mutex) { return error_number(pthread_mutex_init(mutex, NULL)); }
static int darwin_pthread_mutex_lock(pthread_mutex_t *mutex) { return error_number(pthread_mutex_lock(mutex_of(mutex))); }
static int darwin_pthread_mutex_unlock(pthread_mutex_t *mutex) { return error_number(pthread_mutex_unlock(mutex_of(mutex))); }
static int darwin_pthread_cond_init(pthread_cond_t *condition) { return error_number(pthread_cond_init(condition, NULL)); }
static int darwin_pthread_cond_signal(pthread_cond_t *condition) { return error_number(pthread_cond_signal(condition_of(condition))); }
static int darwin_pthread_cond_broadcast(pthread_cond_t *condition) {
	return error_number(pthread_cond_broadcast(condition_of(condition)));
}

static int darwin_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
	return error_number(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

static int darwin_pthread_cond_timedwait_relative_np(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *wait) {
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait->tv_sec + (end.tv_nsec + wait->tv_nsec) / 1000000000;
	end.tv_nsec = (end.tv_nsec + wait->tv_nsec) % 1000000000;
	return error_number(pthread_cond_clockwait(condition_of(condition), mutex_of(mutex), CLOCK_MONOTONIC, &end));
}

static int darwin_pthread_kill(pthread_t thread, int number) {
	int on_linux = signal_to_linux(number);
	return on_linux < 0 ? DARWIN_EINVAL : error_number(pthread_kill(thread, on_linux));
}

const struct symbol thread_symbols[] = {
	{"pthread_create", darwin_pthread_create},
	{"pthread_attr_init", darwin_pthread_attr_init},
	{"pthread_attr_getstacksize", pthread_attr_getstacksize},
	{"pthread_attr_setdetachstate", darwin_pthread_attr_setdetachstate},
	{"pthread_attr_setstacksize", pthread_attr_setstacksize},
	{"pthread_attr_destroy", pthread_attr_destroy},
	{"pthread_get_stacksize_np", darwin_pthread_get_stacksize_np},
	{"pthread_get_stackaddr_np", darwin_pthread_get_stackaddr_np},
	{"pthread_detach", pthread_detach},
	{"pthread_self", pthread_self},
	{"pthread_kill", darwin_pthread_kill},
	{"pthread_key_create", pthread_key_create},
	{"pthread_getspecific", pthread_getspecific},
	{"pthread_setspecific", pthread_setspecific},
	{"pthread_mutex_init", darwin_pthread_mutex_init},
	{"pthread_mutex_lock", darwin_pthread_mutex_lock},
	{"pthread_mutex_unlock", darwin_pthread_mutex_unlock},
	{"pthread_cond_init", darwin_pthread_cond_init},
	{"pthread_cond_wait", darwin_pthread_cond_wait},
	{"pthread_cond_timedwait_relative_np", darwin_pthread_cond_timedwait_relative_np},
	{"pthread_cond_signal", darwin_pthread_cond_signal},
	{"pthread_cond_broadcast", darwin_pthread_cond_broadcast},
	{NULL, NULL},
};
