/* The results of stat(2) and statfs(2) for a file and its volume, in macOS's layouts. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "loader.h"

static struct darwin_Timespec time_to_darwin(struct timespec time) { return (struct darwin_Timespec){time.tv_sec, time.tv_nsec}; }

/* Linux's stat has no time of birth; it is the time of the last change here. */
static long stat_to_darwin(int status, const struct stat *in, struct darwin_Stat_t *out) {
	if (status != 0) return result(status);
	*out = (struct darwin_Stat_t){
		.dev = in->st_dev,
		.mode = in->st_mode,
		.nlink = in->st_nlink,
		.ino = in->st_ino,
		.uid = in->st_uid,
		.gid = in->st_gid,
		.rdev = in->st_rdev,
		.atim = time_to_darwin(in->st_atim),
		.mtim = time_to_darwin(in->st_mtim),
		.ctim = time_to_darwin(in->st_ctim),
		.btim = time_to_darwin(in->st_ctim),
		.size = in->st_size,
		.blocks = in->st_blocks,
		.blksize = in->st_blksize,
	};
	return 0;
}

static long darwin_stat(const char *path, struct darwin_Stat_t *out) {
	struct stat in;
	return stat_to_darwin(stat(path, &in), &in, out);
}
static long darwin_lstat(const char *path, struct darwin_Stat_t *out) {
	struct stat in;
	return stat_to_darwin(lstat(path, &in), &in, out);
}
static long darwin_fstat(int descriptor, struct darwin_Stat_t *out) {
	struct stat in;
	return stat_to_darwin(fstat(descriptor, &in), &in, out);
}
static long darwin_fstatat(int directory, const char *path, struct darwin_Stat_t *out, int flags) {
	struct stat in;
	return stat_to_darwin(fstatat(directory_descriptor(directory), path, &in, at_flags_to_linux(flags)), &in, out);
}

/* The volume is reported as an APFS at /, like a Mac's own volume. */
static long statfs_to_darwin(int status, const struct statfs *in, struct darwin_Statfs_t *out) {
	if (status != 0) return result(status);
	*out = (struct darwin_Statfs_t){
		.bsize = in->f_bsize,
		.iosize = in->f_bsize,
		.blocks = in->f_blocks,
		.bfree = in->f_bfree,
		.bavail = in->f_bavail,
		.files = in->f_files,
		.ffree = in->f_ffree,
		.fstypename = "apfs",
		.mntonname = "/",
	};
	memcpy(&out->fsid, &in->f_fsid, sizeof out->fsid);
	return 0;
}

static long darwin_statfs(const char *path, struct darwin_Statfs_t *out) {
	struct statfs in;
	return statfs_to_darwin(statfs(path, &in), &in, out);
}
static long darwin_fstatfs(int descriptor, struct darwin_Statfs_t *out) {
	struct statfs in;
	return statfs_to_darwin(fstatfs(descriptor, &in), &in, out);
}

/* getfsstat(2): the list of volumes is not modelled. */
static long darwin_getfsstat(void) { return fail(DARWIN_ENOTSUP); }

/* On Intel the functions with 64-bit inode numbers have names of their own: stat(2) of macOS, "$INODE64". */
const struct symbol stat_symbols[] = {
	{"stat64", darwin_stat},
	{"lstat64", darwin_lstat},
	{"fstat64", darwin_fstat},
	{"fstatat64", darwin_fstatat},
	{"statfs64", darwin_statfs},
	{"fstatfs64", darwin_fstatfs},
	{"getfsstat$INODE64", darwin_getfsstat},
	{NULL, NULL},
};
