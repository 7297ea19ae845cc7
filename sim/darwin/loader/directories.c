/* Directories. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"

static DIR *darwin_fdopendir(int descriptor) {
	DIR *directory = fdopendir(descriptor);
	if (directory == NULL) result(-1);
	return directory;
}

/* readdir_r(3) returns its error, and sets *next to NULL at the end. */
static int darwin_readdir_r(DIR *directory, struct darwin_Dirent *entry, struct darwin_Dirent **next) {
	errno = 0;
	struct dirent *in = readdir(directory);
	if (in == NULL) {
		*next = NULL;
		return error_number(errno);
	}
	memset(entry, 0, sizeof *entry);
	entry->ino = in->d_ino;
	entry->namlen = strlen(in->d_name);
	entry->reclen = (offsetof(struct darwin_Dirent, name) + entry->namlen + 1 + 3) & ~3;
	entry->type = in->d_type; /* DT_... are the same numbers */
	strcpy(entry->name, in->d_name);
	*next = entry;
	return 0;
}

static long darwin_closedir(DIR *directory) {
	forget_descriptor(dirfd(directory));
	return result(closedir(directory));
}

static long darwin_mkdir(const char *path, mode_t mode) { return result(mkdir(path, mode)); }
static long darwin_mkdirat(int directory, const char *path, mode_t mode) {
	return result(mkdirat(directory_descriptor(directory), path, mode));
}
static long darwin_rmdir(const char *path) { return result(rmdir(path)); }
static long darwin_chdir(const char *path) { return result(chdir(path)); }
static long darwin_fchdir(int descriptor) { return result(fchdir(descriptor)); }
static long darwin_chroot(const char *path) { return result(chroot(path)); }

static char *darwin_getcwd(char *buffer, size_t size) {
	char *path = getcwd(buffer, size);
	if (path == NULL) result(-1);
	return path;
}

const struct symbol directory_symbols[] = {
	{"fdopendir$INODE64", darwin_fdopendir},
	{"readdir_r$INODE64", darwin_readdir_r},
	{"closedir", darwin_closedir},
	{"mkdir", darwin_mkdir},
	{"mkdirat", darwin_mkdirat},
	{"rmdir", darwin_rmdir},
	{"chdir", darwin_chdir},
	{"fchdir", darwin_fchdir},
	{"chroot", darwin_chroot},
	{"getcwd", darwin_getcwd},
	{NULL, NULL},
};
