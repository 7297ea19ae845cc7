/* dlopen(3) and dlsym(3), for the libraries of symbols.c. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "loader.h"

static __thread char reason[512];
static __thread bool failed;

/* dlopen returns this for the program itself, which is linked to everything in the loader. */
static int the_program;

static void *darwin_dlopen(const char *path, int mode) {
	(void)mode;
	if (path == NULL) return &the_program;
	const struct library *library = library_at(path);
	if (library != NULL) return (void *)library;
	unknown("library %s", path);
	snprintf(reason, sizeof reason, "dlopen(%s): no such file", path);
	failed = true;
	return NULL;
}

/* RTLD_NEXT, RTLD_DEFAULT, RTLD_SELF and RTLD_MAIN_ONLY: -1, -2, -3 and -5 in dlfcn.h. */
static bool is_of_program(const void *handle) { return handle == &the_program || (intptr_t)handle < 0; }

static void *darwin_dlsym(void *handle, const char *name) {
	void *address = find_in(is_of_program(handle) ? NULL : handle, name);
	if (address != NULL) return address;
	unknown("symbol %s", name);
	snprintf(reason, sizeof reason, "dlsym(%p, %s): symbol not found", handle, name);
	failed = true;
	return NULL;
}

static char *darwin_dlerror(void) {
	bool said = !failed;
	failed = false;
	return said ? NULL : reason;
}

static int darwin_dlclose(void) { return 0; }

/* Go calls this where macOS needs it after fork(2); it has no counterpart here: runtime/os_darwin.go, osinit_hack. */
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
