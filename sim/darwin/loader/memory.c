/* Memory. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "loader.h"

/* PROT_... and MAP_SHARED, MAP_PRIVATE and MAP_FIXED are the same numbers on both. */
static const struct flag map_flags[] = {
	{DARWIN_MAP_SHARED, MAP_SHARED},
	{DARWIN_MAP_PRIVATE, MAP_PRIVATE},
	{DARWIN_MAP_FIXED, MAP_FIXED},
	{DARWIN_MAP_NORESERVE, MAP_NORESERVE},
	{DARWIN_MAP_ANON, MAP_ANONYMOUS},
};

static void *darwin_mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
	void *mapped = mmap(address, length, protection, TO_LINUX(map_flags, flags), descriptor, offset);
	if (mapped == MAP_FAILED) result(-1);
	return mapped;
}

static long darwin_munmap(void *address, size_t length) { return result(munmap(address, length)); }
static long darwin_mprotect(void *address, size_t length, int protection) { return result(mprotect(address, length, protection)); }
static long darwin_mlock(void *address, size_t length) { return result(mlock(address, length)); }
static long darwin_munlock(void *address, size_t length) { return result(munlock(address, length)); }

/* madvise(2). Go tells the kernel about pages that it uses again (MADV_FREE_REUSE); Linux has no such advice and needs
   none. */
static long darwin_madvise(void *address, size_t length, int advice) {
	switch (advice) {
	case DARWIN_MADV_FREE:
	case DARWIN_MADV_FREE_REUSABLE:
		return result(madvise(address, length, MADV_FREE));
	case DARWIN_MADV_FREE_REUSE:
		return 0;
	default: /* MADV_NORMAL to MADV_DONTNEED are the same numbers */
		return result(madvise(address, length, advice));
	}
}

/* arc4random(3) cannot fail. */
static void darwin_arc4random_buf(void *buffer, size_t length) {
	for (char *next = buffer; length > 0;) {
		ssize_t n = getrandom(next, length, 0);
		if (n > 0) {
			next += n;
			length -= n;
		}
	}
}

const struct symbol memory_symbols[] = {
	{"malloc", malloc},
	{"calloc", calloc},
	{"free", free},
	{"mmap", darwin_mmap},
	{"munmap", darwin_munmap},
	{"mprotect", darwin_mprotect},
	{"madvise", darwin_madvise},
	{"mlock", darwin_mlock},
	{"munlock", darwin_munlock},
	{"arc4random_buf", darwin_arc4random_buf},
	{NULL, NULL},
};
