/* Processes: fork, execve, wait4, groups and sessions, the environment, and how a program ends. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "corefoundation.h"

static long darwin_fork(void) {
	pid_t pid = fork();
	if (pid == 0) forget_kqueues();
	return result(pid);
}

static long darwin_execve(const char *path, char *const arguments[], char *const environment[]) {
	return result(execute(path, arguments, environment));
}

/* The status has the same layout; the signals in it have other numbers. */
static int status_to_darwin(int status) {
	if (WIFSIGNALED(status)) return (status & ~0x7f) | signal_to_darwin(WTERMSIG(status));
	if (WIFSTOPPED(status)) return (status & ~0xff00) | signal_to_darwin(WSTOPSIG(status)) << 8;
	return status;
}

/*
 * struct rusage has the same layout, except for the microseconds, whose upper half is not part of macOS's. ru_maxrss is
 * in bytes there, and in kilobytes on Linux: getrusage(2) of both.
 */
static void usage_to_darwin(struct rusage *usage) {
	if (usage != NULL) usage->ru_maxrss *= 1024;
}

static long darwin_getrusage(int who, struct rusage *usage) {
	int status = getrusage(who, usage);
	if (status == 0) usage_to_darwin(usage);
	return result(status);
}

static long darwin_wait4(pid_t pid, int *status, int options, struct rusage *usage) {
	static const struct flag wait_options[] = {{DARWIN_WNOHANG, WNOHANG}, {DARWIN_WUNTRACED, WUNTRACED}};
	int on_linux = 0;
	pid_t ended = wait4(pid, &on_linux, TO_LINUX(wait_options, options), usage);
	if (ended > 0) usage_to_darwin(usage);
	if (ended > 0 && status != NULL) *status = status_to_darwin(on_linux);
	return result(ended);
}

static long darwin_setpgid(pid_t pid, pid_t group) { return result(setpgid(pid, group)); }
static long darwin_getpgid(pid_t pid) { return result(getpgid(pid)); }
static long darwin_getpgrp(void) { return getpgrp(); }
static long darwin_setsid(void) { return result(setsid()); }
static long darwin_getsid(pid_t pid) { return result(getsid(pid)); }
static long darwin_getpriority(int which, id_t who) {
	errno = 0;
	int priority = getpriority(which, who);
	return errno != 0 ? result(-1) : priority;
}
static long darwin_setpriority(int which, id_t who, int priority) { return result(setpriority(which, who, priority)); }

/* ptrace(2) is not modelled: usher never traces another process. */
static long darwin_ptrace(void) { return fail(DARWIN_EPERM); }

static void darwin__exit(int status) { _exit(check_releases(status)); }
static void darwin_exit(int status) { exit(check_releases(status)); }

const struct symbol process_symbols[] = {
	{"_exit", darwin__exit},
	{"exit", darwin_exit},
	{"abort", abort},
	{"getenv", getenv},
	{"setenv", setenv},
	{"unsetenv", unsetenv},
	{"fork", darwin_fork},
	{"execve", darwin_execve},
	{"wait4", darwin_wait4},
	{"getrusage", darwin_getrusage},
	{"getpid", getpid},
	{"getppid", getppid},
	{"setpgid", darwin_setpgid},
	{"getpgid", darwin_getpgid},
	{"getpgrp", darwin_getpgrp},
	{"setsid", darwin_setsid},
	{"getsid", darwin_getsid},
	{"getpriority", darwin_getpriority},
	{"setpriority", darwin_setpriority},
	{"ptrace", darwin_ptrace},
	{NULL, NULL},
};
