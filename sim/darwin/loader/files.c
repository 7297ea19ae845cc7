/* Files by path, and reading and writing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loader.h"

/*
 * open(2) of macOS. O_EVTONLY opens for events only; here the file is opened for reading. O_SYMLINK opens a link itself, which Linux
 * allows with O_PATH. O_NOFOLLOW_ANY refuses links anywhere in the path; here only at its end.
 */
static const struct flag open_flags[] = {
	{DARWIN_O_NONBLOCK, O_NONBLOCK},
	{DARWIN_O_APPEND, O_APPEND},
	{DARWIN_O_SYNC, O_SYNC},
	{DARWIN_O_NOFOLLOW, O_NOFOLLOW},
	{DARWIN_O_CREAT, O_CREAT},
	{DARWIN_O_TRUNC, O_TRUNC},
	{DARWIN_O_EXCL, O_EXCL},
	{DARWIN_O_NOCTTY, O_NOCTTY},
	{DARWIN_O_DIRECTORY, O_DIRECTORY},
	{DARWIN_O_DSYNC, O_DSYNC},
	{DARWIN_O_CLOEXEC, O_CLOEXEC},
	{DARWIN_O_NOFOLLOW_ANY, O_NOFOLLOW},
	{DARWIN_O_SYMLINK, O_NOFOLLOW | O_PATH},
};

/* The access modes O_RDONLY, O_WRONLY and O_RDWR are the same numbers. */
int open_flags_to_linux(int on_darwin) { return (on_darwin & O_ACCMODE) | TO_LINUX(open_flags, on_darwin); }

/* For fcntl(F_GETFL): the possible flags of a descriptor's status. */
int open_flags_to_darwin(int on_linux) {
	return (on_linux & O_ACCMODE) | TO_DARWIN(open_flags, on_linux & (O_NONBLOCK | O_APPEND | O_SYNC));
}

int directory_descriptor(int on_darwin) { return on_darwin == DARWIN_AT_FDCWD ? AT_FDCWD : on_darwin; }

static const struct flag at_flags[] = {
	{DARWIN_AT_SYMLINK_NOFOLLOW, AT_SYMLINK_NOFOLLOW},
	{DARWIN_AT_SYMLINK_FOLLOW, AT_SYMLINK_FOLLOW},
	{DARWIN_AT_REMOVEDIR, AT_REMOVEDIR},
	{DARWIN_AT_EACCESS, AT_EACCESS},
};

int at_flags_to_linux(int on_darwin) { return TO_LINUX(at_flags, on_darwin); }

/* O_EXLOCK and O_SHLOCK take the lock of flock(2) while opening; with O_NONBLOCK they do not wait. */
static long lock_opened(int descriptor, int flags) {
	if (descriptor < 0 || !(flags & (DARWIN_O_EXLOCK | DARWIN_O_SHLOCK))) return result(descriptor);
	int operation = flags & DARWIN_O_EXLOCK ? LOCK_EX : LOCK_SH;
	if (flags & DARWIN_O_NONBLOCK) operation |= LOCK_NB;
	if (flock(descriptor, operation) == 0) return descriptor;
	result(-1);
	close(descriptor);
	return -1;
}

static long darwin_open(const char *path, int flags, mode_t mode) {
	return lock_opened(open(path, open_flags_to_linux(flags), mode), flags);
}

static long darwin_openat(int directory, const char *path, int flags, mode_t mode) {
	return lock_opened(openat(directory_descriptor(directory), path, open_flags_to_linux(flags), mode), flags);
}

static long darwin_read(int descriptor, void *buffer, size_t size) { return result(read(descriptor, buffer, size)); }
static long darwin_write(int descriptor, const void *buffer, size_t size) { return result(write(descriptor, buffer, size)); }
static long darwin_readv(int descriptor, const struct iovec *parts, int count) { return result(readv(descriptor, parts, count)); }
static long darwin_writev(int descriptor, const struct iovec *parts, int count) { return result(writev(descriptor, parts, count)); }
static long darwin_pread(int descriptor, void *buffer, size_t size, off_t at) { return result(pread(descriptor, buffer, size, at)); }
static long darwin_pwrite(int descriptor, const void *buffer, size_t size, off_t at) {
	return result(pwrite(descriptor, buffer, size, at));
}
static long darwin_lseek(int descriptor, off_t offset, int whence) { return result(lseek(descriptor, offset, whence)); }
static long darwin_ftruncate(int descriptor, off_t length) { return result(ftruncate(descriptor, length)); }
static long darwin_truncate(const char *path, off_t length) { return result(truncate(path, length)); }
static long darwin_fsync(int descriptor) { return result(fsync(descriptor)); }

static long darwin_access(const char *path, int mode) { return result(access(path, mode)); }
static long darwin_faccessat(int directory, const char *path, int mode, int flags) {
	return result(faccessat(directory_descriptor(directory), path, mode, at_flags_to_linux(flags)));
}

static long darwin_chmod(const char *path, mode_t mode) { return result(chmod(path, mode)); }
static long darwin_fchmod(int descriptor, mode_t mode) { return result(fchmod(descriptor, mode)); }
static long darwin_fchmodat(int directory, const char *path, mode_t mode, int flags) {
	return result(fchmodat(directory_descriptor(directory), path, mode, at_flags_to_linux(flags)));
}
static long darwin_chown(const char *path, uid_t user, gid_t group) { return result(chown(path, user, group)); }
static long darwin_lchown(const char *path, uid_t user, gid_t group) { return result(lchown(path, user, group)); }
static long darwin_fchown(int descriptor, uid_t user, gid_t group) { return result(fchown(descriptor, user, group)); }
static long darwin_fchownat(int directory, const char *path, uid_t user, gid_t group, int flags) {
	return result(fchownat(directory_descriptor(directory), path, user, group, at_flags_to_linux(flags)));
}

static long darwin_link(const char *from, const char *to) { return result(link(from, to)); }
static long darwin_linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
	return result(linkat(directory_descriptor(from_directory), from, directory_descriptor(to_directory), to, at_flags_to_linux(flags)));
}
static long darwin_symlink(const char *target, const char *path) { return result(symlink(target, path)); }
static long darwin_symlinkat(const char *target, int directory, const char *path) {
	return result(symlinkat(target, directory_descriptor(directory), path));
}
static long darwin_readlink(const char *path, char *buffer, size_t size) { return result(readlink(path, buffer, size)); }
static long darwin_readlinkat(int directory, const char *path, char *buffer, size_t size) {
	return result(readlinkat(directory_descriptor(directory), path, buffer, size));
}

/* unlink(2) of a directory is EPERM on macOS, and EISDIR on Linux. */
static long unlinked(int status) { return status == -1 && errno == EISDIR ? fail(DARWIN_EPERM) : result(status); }

static long darwin_unlink(const char *path) { return unlinked(unlink(path)); }
static long darwin_unlinkat(int directory, const char *path, int flags) {
	return unlinked(unlinkat(directory_descriptor(directory), path, at_flags_to_linux(flags)));
}

static long darwin_rename(const char *from, const char *to) { return result(rename(from, to)); }
static long darwin_renameat(int from_directory, const char *from, int to_directory, const char *to) {
	return result(renameat(directory_descriptor(from_directory), from, directory_descriptor(to_directory), to));
}

static const struct flag rename_flags[] = {
	{DARWIN_RENAME_EXCL, RENAME_NOREPLACE},
	{DARWIN_RENAME_SWAP, RENAME_EXCHANGE},
};

static long darwin_renameatx_np(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
	return result(renameat2(directory_descriptor(from_directory), from, directory_descriptor(to_directory), to,
				TO_LINUX(rename_flags, flags)));
}
static long darwin_renamex_np(const char *from, const char *to, unsigned flags) {
	return darwin_renameatx_np(DARWIN_AT_FDCWD, from, DARWIN_AT_FDCWD, to, flags);
}

static long darwin_mkfifo(const char *path, mode_t mode) { return result(mkfifo(path, mode)); }
static long darwin_mknod(const char *path, mode_t mode, int device) { return result(mknod(path, mode, device)); }
static mode_t darwin_umask(mode_t mask) { return umask(mask); }
static void darwin_sync(void) { sync(); }

/* utimensat(2): UTIME_NOW and UTIME_OMIT are -1 and -2 on macOS, as Go's syscall_darwin.go has them. */
static long darwin_utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
	struct timespec on_linux[2];
	for (int i = 0; times != NULL && i < 2; i++) {
		on_linux[i] = times[i];
		if (times[i].tv_nsec == -1) on_linux[i].tv_nsec = UTIME_NOW;
		if (times[i].tv_nsec == -2) on_linux[i].tv_nsec = UTIME_OMIT;
	}
	return result(utimensat(directory_descriptor(directory), path, times != NULL ? on_linux : NULL, at_flags_to_linux(flags)));
}

static struct timeval *times_to_linux(const struct darwin_Timeval times[2], struct timeval on_linux[2]) {
	if (times == NULL) return NULL;
	for (int i = 0; i < 2; i++) on_linux[i] = (struct timeval){times[i].sec, times[i].usec};
	return on_linux;
}
static long darwin_utimes(const char *path, const struct darwin_Timeval times[2]) {
	struct timeval on_linux[2];
	return result(utimes(path, times_to_linux(times, on_linux)));
}
static long darwin_futimes(int descriptor, const struct darwin_Timeval times[2]) {
	struct timeval on_linux[2];
	return result(futimes(descriptor, times_to_linux(times, on_linux)));
}

/* Cloning and copying by the file system: Go falls back to read and write on ENOTSUP, as on a volume that is not APFS. */
static long not_supported(void) { return fail(DARWIN_ENOTSUP); }

/* setattrlist(2) and extended attributes are not modelled either: no file here has any, and none can be set. */
static long no_attribute(void) { return fail(DARWIN_ENOATTR); }
static long no_attributes(void) { return 0; }

const struct symbol file_symbols[] = {
	{"open", darwin_open},
	{"openat", darwin_openat},
	{"read", darwin_read},
	{"write", darwin_write},
	{"readv", darwin_readv},
	{"writev", darwin_writev},
	{"pread", darwin_pread},
	{"pwrite", darwin_pwrite},
	{"lseek", darwin_lseek},
	{"truncate", darwin_truncate},
	{"ftruncate", darwin_ftruncate},
	{"fsync", darwin_fsync},
	{"sync", darwin_sync},
	{"access", darwin_access},
	{"faccessat", darwin_faccessat},
	{"chmod", darwin_chmod},
	{"fchmod", darwin_fchmod},
	{"fchmodat", darwin_fchmodat},
	{"chown", darwin_chown},
	{"lchown", darwin_lchown},
	{"fchown", darwin_fchown},
	{"fchownat", darwin_fchownat},
	{"link", darwin_link},
	{"linkat", darwin_linkat},
	{"symlink", darwin_symlink},
	{"symlinkat", darwin_symlinkat},
	{"readlink", darwin_readlink},
	{"readlinkat", darwin_readlinkat},
	{"unlink", darwin_unlink},
	{"unlinkat", darwin_unlinkat},
	{"rename", darwin_rename},
	{"renameat", darwin_renameat},
	{"renamex_np", darwin_renamex_np},
	{"renameatx_np", darwin_renameatx_np},
	{"mkfifo", darwin_mkfifo},
	{"mknod", darwin_mknod},
	{"umask", darwin_umask},
	{"utimensat", darwin_utimensat},
	{"utimes", darwin_utimes},
	{"futimes", darwin_futimes},
	{"clonefile", not_supported},
	{"clonefileat", not_supported},
	{"fclonefileat", not_supported},
	{"fcopyfile", not_supported},
	{"copyfile", not_supported},
	{"setattrlist", not_supported},
	{"getxattr", no_attribute},
	{"fgetxattr", no_attribute},
	{"removexattr", no_attribute},
	{"fremovexattr", no_attribute},
	{"setxattr", not_supported},
	{"fsetxattr", not_supported},
	{"listxattr", no_attributes},
	{"flistxattr", no_attributes},
	{NULL, NULL},
};
