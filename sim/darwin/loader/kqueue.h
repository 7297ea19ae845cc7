/* Declarations that kqueue.c and vnode.c share. The one mutex of kqueue.c guards everything here. */
#pragma once
#include <sys/stat.h>

#include "loader.h"

/* A descriptor's read and write filter. */
struct direction {
	bool wanted;
	uint16_t flags;
	void *udata;
};
struct descriptor {
	struct direction read, write;
};

/* A filter of another kind, in its kqueue's list. */
struct filter {
	struct filter *next;
	uint64_t ident;
	int16_t kind; /* EVFILT_USER, EVFILT_PROC or EVFILT_VNODE */
	uint16_t flags;
	uint32_t notes; /* the requested events */
	void *udata;
	int source;	  /* eventfd of EVFILT_USER, pidfd of EVFILT_PROC, otherwise -1 */
	uint32_t pending; /* of EVFILT_VNODE: events that were not reported yet */
	int watch, parents_watch;
	struct stat last; /* the file's state at the last look */
	bool deleted;
};

struct kqueue {
	struct kqueue *next;
	int epoll;   /* the descriptor that the program knows */
	int inotify; /* -1 until a file is watched */
	struct descriptor *descriptors;
	int room;
	struct filter *filters;
};

/* What epoll reports: the kind of a source in the upper half, its descriptor in the lower. */
enum source { SOURCE_DESCRIPTOR, SOURCE_FILTER, SOURCE_INOTIFY };
int add_source(struct kqueue *queue, enum source kind, int descriptor);

/* watch_file begins to watch the file that filter->ident has open, and returns Linux's error or 0. */
int watch_file(struct kqueue *queue, struct filter *filter);
/* unwatch_file ends it. The filter is not in the list any more. */
void unwatch_file(struct kqueue *queue, struct filter *filter);
/* read_changes reads the events of the queue's files: it sets what is pending. */
void read_changes(struct kqueue *queue);
