/* dlopen(3) and dlsym(3). There are no frameworks yet: a program that opens one is told that it does not exist, as on a Mac without it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "loader.h"

static __thread char reason[512];
static __thread bool failed;

/* What dlopen returns for libSystem; dlsym looks in the loader's tables. */
static int system_library;

static void *darwin_dlopen(const char *path, int mode) {
	(void)mode;
	if (path == NULL || strstr(path, "/libSystem") != NULL) return &system_library;
	unknown("library %s", path);
	snprintf(reason, sizeof reason, "dlopen(%s): no such file", path);
	failed = true;
	return NULL;
}

static void *darwin_dlsym(void *library, const char *name) {
	void *address = lookup(name, NULL);
	if (address != NULL) return address;
	unknown("symbol %s", name);
	snprintf(reason, sizeof reason, "dlsym(%p, %s): symbol not found", library, name);
	failed = true;
	return NULL;
}

static char *darwin_dlerror(void) {
	bool said = !failed;
	failed = false;
	return said ? NULL : reason;
}

static int darwin_dlclose(void) { return 0; }

/* What Go calls where macOS needs it after fork(2); it has no counterpart here: runtime/os_darwin.go, osinit_hack. */
static long nothing(void) { return 0; }

const struct symbol library_symbols[] = {
	{"__error", darwin_error},
	{"dlopen", darwin_dlopen},
	{"dlsym", darwin_dlsym},
	{"dlerror", darwin_dlerror},
	{"dlclose", darwin_dlclose},
	{"notify_is_valid_token", nothing},
	{"xpc_date_create_from_current", nothing},
	{NULL, NULL},
};
