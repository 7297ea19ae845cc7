/* The parts of the C library that runtime/cgo, and clang's code of cgo, import. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader.h"

/* strerror takes macOS's number; the texts are Linux's. */
static char *darwin_strerror(int number) {
	for (size_t i = 0; i < LENGTH(darwin_errors); i++)
		if (darwin_errors[i].on_darwin == number) return strerror(darwin_errors[i].on_linux);
	return (char *)"Unknown error";
}

/* dyld(1) binds a function at its first call, with this; the loader has bound it before. */
static void bind_later(void) { die("a function is bound only when it is called"); }

const struct symbol c_library_symbols[] = {
	{"__stderrp", &stderr},
	{"fprintf", fprintf},
	{"vfprintf", vfprintf},
	{"fputc", fputc},
	{"fwrite", fwrite},
	{"fputs", fputs},
	{"realloc", realloc},
	{"bzero", bzero},
	{"memcpy", memcpy},
	{"memmove", memmove},
	{"memset", memset},
	{"memcmp", memcmp},
	{"strlen", strlen},
	{"strcmp", strcmp},
	{"strncpy", strncpy},
	{"strerror", darwin_strerror},
	{"dyld_stub_binder", bind_later},
	{NULL, NULL},
};
