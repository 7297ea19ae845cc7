/* Limits and the values of sysconf(3). */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loader.h"

/* From bsd/sys/resource.h of xnu. https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/resource.h */
#define INFINITY_OF_DARWIN ((UINT64_C(1) << 63) - 1)
enum { POSIX_FLAG = 0x1000 };

static const struct {
	int on_darwin, on_linux;
} resources[] = {
	{DARWIN_RLIMIT_CPU, RLIMIT_CPU},
	{DARWIN_RLIMIT_FSIZE, RLIMIT_FSIZE},
	{DARWIN_RLIMIT_DATA, RLIMIT_DATA},
	{DARWIN_RLIMIT_STACK, RLIMIT_STACK},
	{DARWIN_RLIMIT_CORE, RLIMIT_CORE},
	{DARWIN_RLIMIT_AS, RLIMIT_AS},
	{DARWIN_RLIMIT_MEMLOCK, RLIMIT_MEMLOCK},
	{DARWIN_RLIMIT_NPROC, RLIMIT_NPROC},
	{DARWIN_RLIMIT_NOFILE, RLIMIT_NOFILE},
};

static int resource_to_linux(int resource) {
	for (size_t i = 0; i < LENGTH(resources); i++)
		if (resources[i].on_darwin == (resource & ~POSIX_FLAG)) return resources[i].on_linux;
	unknown("resource limit %d", resource);
	return -1;
}

static uint64_t limit_to_darwin(rlim_t limit) { return limit == RLIM_INFINITY ? INFINITY_OF_DARWIN : limit; }
static rlim_t limit_to_linux(uint64_t limit) { return limit == INFINITY_OF_DARWIN ? RLIM_INFINITY : limit; }

static long darwin_getrlimit(int resource, struct darwin_Rlimit *limit) {
	struct rlimit on_linux;
	if (getrlimit(resource_to_linux(resource), &on_linux) != 0) return result(-1);
	*limit = (struct darwin_Rlimit){limit_to_darwin(on_linux.rlim_cur), limit_to_darwin(on_linux.rlim_max)};
	return 0;
}

static long darwin_setrlimit(int resource, const struct darwin_Rlimit *limit) {
	struct rlimit on_linux = {limit_to_linux(limit->cur), limit_to_linux(limit->max)};
	return result(setrlimit(resource_to_linux(resource), &on_linux));
}

static int darwin_getdtablesize(void) { return getdtablesize(); }

/* sysconf(3): the names are in unistd.h of macOS; Go's internal/syscall/unix/user_darwin.go and runtime/os_darwin.go use some. */
static long darwin_sysconf(int name) {
	enum { ARG_MAX_ = 1, CLK_TCK_ = 3, OPEN_MAX_ = 5, PAGESIZE_ = 29, NPROCESSORS_CONF_ = 57, NPROCESSORS_ONLN_ = 58 };
	switch (name) {
	case ARG_MAX_:
		return 1 << 20;
	case CLK_TCK_:
		return 100;
	case OPEN_MAX_:
		return sysconf(_SC_OPEN_MAX);
	case PAGESIZE_:
		return sysconf(_SC_PAGESIZE);
	case NPROCESSORS_CONF_:
	case NPROCESSORS_ONLN_:
		return sysconf(_SC_NPROCESSORS_ONLN);
	case DARWIN_SC_GETGR_R_SIZE_MAX:
	case DARWIN_SC_GETPW_R_SIZE_MAX:
		return 4096;
	}
	unknown("sysconf name %d", name);
	return fail(DARWIN_EINVAL);
}

const struct symbol limit_symbols[] = {
	{"getrlimit", darwin_getrlimit},
	{"setrlimit", darwin_setrlimit},
	{"getdtablesize", darwin_getdtablesize},
	{"sysconf", darwin_sysconf},
	{NULL, NULL},
};
