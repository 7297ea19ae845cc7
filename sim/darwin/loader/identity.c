/* The identity of the process. */
#define _GNU_SOURCE
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "loader.h"

static long darwin_setuid(uid_t user) { return result(setuid(user)); }
static long darwin_seteuid(uid_t user) { return result(seteuid(user)); }
static long darwin_setreuid(uid_t real, uid_t effective) { return result(setreuid(real, effective)); }
static long darwin_setgid(gid_t group) { return result(setgid(group)); }
static long darwin_setegid(gid_t group) { return result(setegid(group)); }
static long darwin_setregid(gid_t real, gid_t effective) { return result(setregid(real, effective)); }

/* A process of macOS has at most 16 groups: NGROUPS_MAX, bsd/sys/syslimits.h of xnu. */
enum { NGROUPS_OF_DARWIN = 16 };

static long darwin_setgroups(int count, const gid_t *groups) {
	if (count < 0 || count > NGROUPS_OF_DARWIN) return fail(DARWIN_EINVAL);
	return result(setgroups(count, groups));
}

/* getgroups(2) begins with the effective group: groups[0] of the credential (kauth_cred_getgroups in bsd/kern/kern_credential.c). */
static long darwin_getgroups(int size, gid_t *groups) {
	int count = getgroups(0, NULL);
	gid_t *all = allocate(count + 1, sizeof *all);
	count = getgroups(count, all);
	gid_t ordered[NGROUPS_OF_DARWIN] = {getegid()};
	int n = 1;
	for (int i = 0; i < count && n < NGROUPS_OF_DARWIN; i++)
		if (all[i] != ordered[0]) ordered[n++] = all[i];
	free(all);
	if (size == 0) return n;
	if (size < n) return fail(DARWIN_EINVAL);
	for (int i = 0; i < n; i++) groups[i] = ordered[i];
	return n;
}

/* issetugid(2): no program here is started with other rights than its caller's. */
static int darwin_issetugid(void) { return 0; }

const struct symbol identity_symbols[] = {
	{"getuid", getuid},
	{"geteuid", geteuid},
	{"getgid", getgid},
	{"getegid", getegid},
	{"setuid", darwin_setuid},
	{"seteuid", darwin_seteuid},
	{"setreuid", darwin_setreuid},
	{"setgid", darwin_setgid},
	{"setegid", darwin_setegid},
	{"setregid", darwin_setregid},
	{"getgroups", darwin_getgroups},
	{"setgroups", darwin_setgroups},
	{"issetugid", darwin_issetugid},
	{NULL, NULL},
};
