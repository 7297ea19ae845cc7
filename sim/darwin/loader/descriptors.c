/* Descriptors: closing, duplicating, fcntl(2), pipes, poll(2). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "loader.h"

/* Closing a descriptor in any way removes its filters from every kqueue: kqueue(2), "automatically removed". */
static long darwin_close(int descriptor) {
	forget_descriptor(descriptor);
	return result(close(descriptor));
}

static long darwin_dup(int descriptor) { return result(dup(descriptor)); }

static long darwin_dup2(int from, int to) {
	if (from != to) forget_descriptor(to);
	return result(dup2(from, to));
}

static long darwin_pipe(int ends[2]) { return result(pipe(ends)); }
static long darwin_flock(int descriptor, int operation) { return result(flock(descriptor, operation)); }

/* fcntl(2) with F_GETLK, F_SETLK and F_SETLKW. */
static long record_lock(int descriptor, int command, struct darwin_Flock_t *lock) {
	struct flock on_linux = {
		.l_type = lock->type == DARWIN_F_RDLCK ? F_RDLCK : lock->type == DARWIN_F_UNLCK ? F_UNLCK : F_WRLCK,
		.l_whence = lock->whence,
		.l_start = lock->start,
		.l_len = lock->len,
	};
	long status = fcntl(descriptor, command, &on_linux);
	if (status == 0 && command == F_GETLK) {
		lock->type = on_linux.l_type == F_RDLCK ? DARWIN_F_RDLCK : on_linux.l_type == F_UNLCK ? DARWIN_F_UNLCK : DARWIN_F_WRLCK;
		lock->whence = on_linux.l_whence;
		lock->start = on_linux.l_start;
		lock->len = on_linux.l_len;
		lock->pid = on_linux.l_pid;
	}
	return result(status);
}

/* F_GETPATH returns the path of the open file; the buffer has MAXPATHLEN (1024) bytes. */
static long path_of(int descriptor, char *path) {
	enum { MAXPATHLEN_OF_DARWIN = 1024 };
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
	ssize_t length = readlink(link, path, MAXPATHLEN_OF_DARWIN - 1);
	if (length < 0) return fail(DARWIN_EBADF);
	path[length] = '\0';
	return 0;
}

static long darwin_fcntl(int descriptor, int command, long argument) {
	switch (command) {
	case DARWIN_F_DUPFD:
		return result(fcntl(descriptor, F_DUPFD, argument));
	case DARWIN_F_DUPFD_CLOEXEC:
		return result(fcntl(descriptor, F_DUPFD_CLOEXEC, argument));
	case DARWIN_F_GETFD:
		return result(fcntl(descriptor, F_GETFD));
	case DARWIN_F_SETFD:
		return result(fcntl(descriptor, F_SETFD, argument));
	case DARWIN_F_GETFL: {
		int flags = fcntl(descriptor, F_GETFL);
		return flags < 0 ? result(-1) : open_flags_to_darwin(flags);
	}
	case DARWIN_F_SETFL:
		return result(fcntl(descriptor, F_SETFL, open_flags_to_linux(argument)));
	case DARWIN_F_GETLK:
		return record_lock(descriptor, F_GETLK, (struct darwin_Flock_t *)argument);
	case DARWIN_F_SETLK:
		return record_lock(descriptor, F_SETLK, (struct darwin_Flock_t *)argument);
	case DARWIN_F_SETLKW:
		return record_lock(descriptor, F_SETLKW, (struct darwin_Flock_t *)argument);
	case DARWIN_F_GETPATH:
		return path_of(descriptor, (char *)argument);
	case DARWIN_F_FULLFSYNC:
	case DARWIN_F_BARRIERFSYNC:
		return result(fsync(descriptor));
	case DARWIN_F_NOCACHE:
	case DARWIN_F_RDAHEAD:
	case DARWIN_F_RDADVISE:
		return 0; /* hints about caching */
	case DARWIN_F_PREALLOCATE:
		return fail(DARWIN_ENOTSUP);
	}
	unknown("fcntl command %d", command);
	return fail(DARWIN_EINVAL);
}

/* poll(2): POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP and POLLNVAL are the same numbers. */
static long darwin_poll(struct pollfd *descriptors, nfds_t count, int timeout) { return result(poll(descriptors, count, timeout)); }

/* sendfile(2) of macOS: from a file to a socket; *length is the number of bytes to send, 0 for all of them, and is set
   to the number sent. */
static long darwin_sendfile(int file, int socket, off_t offset, off_t *length) {
	ssize_t sent = sendfile(socket, file, &offset, *length > 0 ? (size_t)*length : INT_MAX);
	*length = sent < 0 ? 0 : sent;
	return sent < 0 ? result(-1) : 0;
}

const struct symbol descriptor_symbols[] = {
	{"close", darwin_close},
	{"dup", darwin_dup},
	{"dup2", darwin_dup2},
	{"pipe", darwin_pipe},
	{"flock", darwin_flock},
	{"fcntl", darwin_fcntl},
	{"poll", darwin_poll},
	{"sendfile", darwin_sendfile},
	{NULL, NULL},
};
