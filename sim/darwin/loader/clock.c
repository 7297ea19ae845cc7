/* Time. */
#define _GNU_SOURCE
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "loader.h"

/* clock_gettime(3) of macOS. CLOCK_UPTIME_RAW does not advance while a Mac sleeps, as CLOCK_MONOTONIC of Linux does not. */
static const struct {
	int on_darwin, on_linux;
} clocks[] = {
	{DARWIN_CLOCK_REALTIME, CLOCK_REALTIME},
	{DARWIN_CLOCK_MONOTONIC, CLOCK_BOOTTIME},
	{DARWIN_CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME},
	{DARWIN_CLOCK_UPTIME_RAW, CLOCK_MONOTONIC},
	{DARWIN_CLOCK_PROCESS_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID},
	{DARWIN_CLOCK_THREAD_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID},
};

static long darwin_clock_gettime(int clock, struct timespec *time) {
	for (size_t i = 0; i < LENGTH(clocks); i++)
		if (clocks[i].on_darwin == clock) return result(clock_gettime(clocks[i].on_linux, time));
	unknown("clock %d", clock);
	return fail(DARWIN_EINVAL);
}

/* Ticks are nanoseconds, as on every Intel Mac: darwin_mach_timebase_info says 1/1. */
static uint64_t darwin_mach_absolute_time(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int darwin_mach_timebase_info(struct darwin_machTimebaseInfo *info) {
	*info = (struct darwin_machTimebaseInfo){1, 1};
	return 0;
}

static long darwin_gettimeofday(struct darwin_timeval *time) {
	struct timeval now;
	gettimeofday(&now, NULL);
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_usec;
	return 0;
}

static long darwin_nanosleep(const struct timespec *wait, struct timespec *left) { return result(nanosleep(wait, left)); }

/* setitimer(2): the timers are the same numbers. Microseconds are 32 bits on macOS, and the bytes after them are
   undefined. */
static long darwin_setitimer(int timer, const struct darwin_itimerval *value, struct darwin_itimerval *old) {
	struct itimerval next, before;
	if (value != NULL) {
		next.it_interval = (struct timeval){value->it_interval.tv_sec, value->it_interval.tv_usec};
		next.it_value = (struct timeval){value->it_value.tv_sec, value->it_value.tv_usec};
	}
	long status = setitimer(timer, value != NULL ? &next : NULL, &before);
	if (status == 0 && old != NULL) {
		*old = (struct darwin_itimerval){0};
		old->it_interval.tv_sec = before.it_interval.tv_sec;
		old->it_interval.tv_usec = before.it_interval.tv_usec;
		old->it_value.tv_sec = before.it_value.tv_sec;
		old->it_value.tv_usec = before.it_value.tv_usec;
	}
	return result(status);
}

const struct symbol clock_symbols[] = {
	{"clock_gettime", darwin_clock_gettime},
	{"gettimeofday", darwin_gettimeofday},
	{"mach_absolute_time", darwin_mach_absolute_time},
	{"mach_timebase_info", darwin_mach_timebase_info},
	{"nanosleep", darwin_nanosleep},
	{"usleep", usleep},
	{"setitimer", darwin_setitimer},
	{NULL, NULL},
};
