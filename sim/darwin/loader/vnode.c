/*
 * EVFILT_VNODE over inotify: the events of a file or directory that the program has open.
 *
 * xnu's VNOP_... functions, in their calls of post_event_if_success, show which note belongs to which operation:
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/vfs/kpi_vfs.c
 *
 *	VNOP_CREATE, VNOP_SYMLINK, VNOP_LINK, VNOP_RENAME   NOTE_WRITE to the directory
 *	VNOP_MKDIR, VNOP_RMDIR                              NOTE_WRITE and NOTE_LINK to the directory
 *	VNOP_REMOVE, VNOP_RMDIR                             NOTE_DELETE and NOTE_LINK to the removed object
 *	VNOP_RENAME                                         NOTE_RENAME to the renamed object, NOTE_DELETE to a replaced one
 *	VNOP_LINK                                           NOTE_LINK to the linked object
 *	VNOP_WRITE                                          NOTE_WRITE, and NOTE_EXTEND by the file system
 *	VNOP_SETATTR                                        NOTE_ATTRIB, for a truncation too
 *
 * A directory gets nothing for writes to its files. inotify merges a truncation with the write that follows it.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "kqueue.h"

enum {
	ENTRIES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO,
	FILE_EVENTS = ENTRIES | IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF,
	/* An open directory that is removed gets no event of its own; the one above it does. */
	PARENTS_EVENTS = IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MASK_ADD,
};

static void watch_parent(struct kqueue *queue, struct filter *filter) {
	char link[64], path[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", (int)filter->ident);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length <= 0) return;
	path[length] = '\0';
	char *slash = strrchr(path, '/');
	if (slash == NULL || slash == path) return;
	*slash = '\0';
	filter->parents_watch = inotify_add_watch(queue->inotify, path, PARENTS_EVENTS);
}

int watch_file(struct kqueue *queue, struct filter *filter) {
	if (fstat(filter->ident, &filter->last) != 0) return EBADF;
	/* A new filter does not report the file's earlier events, although it can share another's watch. */
	if (queue->inotify >= 0) read_changes(queue);
	if (queue->inotify < 0) {
		queue->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (queue->inotify < 0) return errno;
		int error = add_source(queue, SOURCE_INOTIFY, queue->inotify);
		if (error != 0) return error;
	}
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", (int)filter->ident);
	filter->watch = inotify_add_watch(queue->inotify, link, FILE_EVENTS | IN_MASK_ADD);
	if (filter->watch < 0) return errno;
	if (S_ISDIR(filter->last.st_mode)) watch_parent(queue, filter);
	return 0;
}

/* A watch belongs to a file: several filters can share it. */
static void release_watch(struct kqueue *queue, int watch) {
	if (watch < 0) return;
	for (struct filter *other = queue->filters; other != NULL; other = other->next)
		if (other->kind == DARWIN_EVFILT_VNODE && (other->watch == watch || other->parents_watch == watch)) return;
	inotify_rm_watch(queue->inotify, watch);
}

void unwatch_file(struct kqueue *queue, struct filter *filter) {
	release_watch(queue, filter->watch);
	if (filter->parents_watch != filter->watch) release_watch(queue, filter->parents_watch);
}

/* notes_of returns the notes of one event for its file or directory, and records the present state. */
static uint32_t notes_of(struct kqueue *queue, struct filter *filter, const struct inotify_event *event) {
	struct stat now;
	if (fstat(filter->ident, &now) != 0) return 0;
	struct stat before = filter->last;
	filter->last = now;
	uint32_t notes = 0;
	if (event->mask & ENTRIES) {
		notes |= DARWIN_NOTE_WRITE;
		if (event->mask & IN_ISDIR) notes |= DARWIN_NOTE_LINK;
	}
	if (event->len > 0) return notes; /* it happened to an entry */
	if (event->mask & IN_MODIFY) {
		if (now.st_size < before.st_size) notes |= DARWIN_NOTE_ATTRIB;
		else notes |= DARWIN_NOTE_WRITE;
		if (now.st_size > before.st_size) notes |= DARWIN_NOTE_EXTEND;
	}
	if (event->mask & IN_ATTRIB) {
		if (now.st_nlink < before.st_nlink) notes |= DARWIN_NOTE_DELETE | DARWIN_NOTE_LINK;
		else if (now.st_nlink > before.st_nlink) notes |= DARWIN_NOTE_LINK;
		else if (now.st_nlink > 0) notes |= DARWIN_NOTE_ATTRIB;
	}
	if (event->mask & IN_MOVE_SELF) {
		notes |= DARWIN_NOTE_RENAME;
		if (S_ISDIR(now.st_mode)) {
			int parents_watch = filter->parents_watch;
			watch_parent(queue, filter);
			if (filter->parents_watch != parents_watch) release_watch(queue, parents_watch);
		}
	}
	return notes;
}

/* notice_deletion is for directories, whose removal is an event only of the directory above. */
static void notice_deletion(struct filter *filter) {
	struct stat now;
	if (filter->deleted || fstat(filter->ident, &now) != 0 || now.st_nlink > 0) return;
	filter->deleted = true;
	filter->pending |= (DARWIN_NOTE_DELETE | DARWIN_NOTE_LINK) & filter->notes;
}

/* notice_anything is for events that did not fit into inotify's queue. A kqueue has one event for each file, and loses
   none. */
static void notice_anything(struct kqueue *queue) {
	for (struct filter *filter = queue->filters; filter != NULL; filter = filter->next)
		if (filter->kind == DARWIN_EVFILT_VNODE) filter->pending |= (DARWIN_NOTE_WRITE | DARWIN_NOTE_EXTEND | DARWIN_NOTE_ATTRIB) & filter->notes;
}

void read_changes(struct kqueue *queue) {
	char buffer[16384] __attribute__((aligned(8)));
	ssize_t size;
	while ((size = read(queue->inotify, buffer, sizeof buffer)) > 0) {
		const struct inotify_event *event;
		for (ssize_t at = 0; at < size; at += sizeof *event + event->len) {
			event = (const void *)(buffer + at);
			if (event->mask & IN_Q_OVERFLOW) notice_anything(queue);
			for (struct filter *filter = queue->filters; filter != NULL; filter = filter->next)
				if (filter->kind == DARWIN_EVFILT_VNODE && filter->watch == event->wd)
					filter->pending |= notes_of(queue, filter, event) & filter->notes;
		}
	}
	for (struct filter *filter = queue->filters; filter != NULL; filter = filter->next)
		if (filter->kind == DARWIN_EVFILT_VNODE) notice_deletion(filter);
}
