/*
 * kqueue(2) over epoll: EVFILT_READ, EVFILT_WRITE, EVFILT_USER and EVFILT_PROC are here, EVFILT_VNODE is in vnode.c.
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/kern_event.c
 *
 * A kqueue is an epoll descriptor. Its other data is in a list, because a process seldom has many kqueues.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kqueue.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct kqueue *queues;

static struct kqueue *find_queue(int descriptor) {
	struct kqueue *queue = queues;
	while (queue != NULL && queue->epoll != descriptor) queue = queue->next;
	return queue;
}

static long darwin_kqueue(void) {
	int epoll = epoll_create1(0);
	if (epoll < 0) return result(-1);
	struct kqueue *queue = allocate(1, sizeof *queue);
	queue->epoll = epoll;
	queue->inotify = -1;
	pthread_mutex_lock(&mutex);
	queue->next = queues;
	queues = queue;
	pthread_mutex_unlock(&mutex);
	return epoll;
}

int add_source(struct kqueue *queue, enum source kind, int descriptor) {
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)kind << 32 | (uint32_t)descriptor};
	return epoll_ctl(queue->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

/* Filters of descriptors. */

/* arm sets the events that epoll reports for a descriptor, and returns Linux's error or 0. EV_CLEAR is edge-triggered,
   as EPOLLET is. */
static int arm(struct kqueue *queue, int descriptor) {
	struct descriptor *d = &queue->descriptors[descriptor];
	if (!d->read.wanted && !d->write.wanted) {
		epoll_ctl(queue->epoll, EPOLL_CTL_DEL, descriptor, NULL);
		return 0;
	}
	struct epoll_event event = {.events = EPOLLET, .data.u64 = (uint32_t)descriptor};
	if (d->read.wanted) event.events |= EPOLLIN | EPOLLRDHUP;
	if (d->write.wanted) event.events |= EPOLLOUT;
	bool level = (d->read.wanted && !(d->read.flags & DARWIN_EV_CLEAR)) || (d->write.wanted && !(d->write.flags & DARWIN_EV_CLEAR));
	if (level) event.events &= ~EPOLLET;
	if (epoll_ctl(queue->epoll, EPOLL_CTL_MOD, descriptor, &event) == 0) return 0;
	return epoll_ctl(queue->epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

static int change_descriptor(struct kqueue *queue, const struct darwin_Kevent_t *change) {
	int descriptor = change->ident;
	if (fcntl(descriptor, F_GETFD) < 0) return DARWIN_EBADF;
	if (descriptor >= queue->room) {
		int room = descriptor + 64;
		queue->descriptors = reallocate(queue->descriptors, room * sizeof *queue->descriptors);
		memset(queue->descriptors + queue->room, 0, (room - queue->room) * sizeof *queue->descriptors);
		queue->room = room;
	}
	struct descriptor *d = &queue->descriptors[descriptor], before = *d;
	struct direction *direction = change->filter == DARWIN_EVFILT_READ ? &d->read : &d->write;
	if (change->flags & DARWIN_EV_DELETE) {
		if (!direction->wanted) return DARWIN_ENOENT;
		direction->wanted = false;
	} else {
		*direction = (struct direction){true, change->flags, change->udata};
	}
	int error = arm(queue, descriptor);
	if (error == 0) return 0;
	*d = before;
	return error == EPERM ? DARWIN_EINVAL : error_number(error); /* EPERM: a regular file, which epoll does not watch */
}

/* report_descriptor writes the ready events of a descriptor to out, which has room for that many, and returns their
   number. */
static int report_descriptor(struct kqueue *queue, int descriptor, uint32_t ready, struct darwin_Kevent_t *out, int room) {
	if (descriptor >= queue->room) return 0;
	struct descriptor *d = &queue->descriptors[descriptor];
	int n = 0;
	bool readable = d->read.wanted && ready & (EPOLLIN | EPOLLHUP | EPOLLRDHUP | EPOLLERR);
	bool writable = d->write.wanted && ready & (EPOLLOUT | EPOLLHUP | EPOLLERR);
	if (readable && n < room) {
		int waiting = 1; /* a listening socket has no bytes, but a connection */
		ioctl(descriptor, FIONREAD, &waiting);
		uint16_t eof = ready & (EPOLLHUP | EPOLLRDHUP | EPOLLERR) ? DARWIN_EV_EOF : 0;
		out[n++] = (struct darwin_Kevent_t){descriptor, DARWIN_EVFILT_READ, d->read.flags | eof, 0, waiting, d->read.udata};
		if (d->read.flags & DARWIN_EV_ONESHOT) d->read.wanted = false;
	}
	if (writable && n < room) {
		enum { SOME_ROOM = 4096 };
		uint16_t eof = ready & (EPOLLHUP | EPOLLERR) ? DARWIN_EV_EOF : 0;
		out[n++] = (struct darwin_Kevent_t){descriptor, DARWIN_EVFILT_WRITE, d->write.flags | eof, 0, SOME_ROOM, d->write.udata};
		if (d->write.flags & DARWIN_EV_ONESHOT) d->write.wanted = false;
	}
	/* Events without room are reported again; a filter that has ended is not. */
	bool left_out = (int)readable + (int)writable > n;
	if (left_out || (readable && !d->read.wanted) || (writable && !d->write.wanted)) arm(queue, descriptor);
	return n;
}

/* The other filters. */

static struct filter *find_filter(struct kqueue *queue, int16_t kind, uint64_t ident) {
	struct filter *filter = queue->filters;
	while (filter != NULL && (filter->kind != kind || filter->ident != ident)) filter = filter->next;
	return filter;
}

static void remove_filter(struct kqueue *queue, struct filter *filter) {
	struct filter **at = &queue->filters;
	while (*at != filter) at = &(*at)->next;
	*at = filter->next;
	if (filter->kind == DARWIN_EVFILT_VNODE) unwatch_file(queue, filter);
	if (filter->source >= 0) {
		epoll_ctl(queue->epoll, EPOLL_CTL_DEL, filter->source, NULL);
		close(filter->source);
	}
	free(filter);
}

/* begin_filter starts the watch of a new filter, and returns macOS's error or 0. */
static int begin_filter(struct kqueue *queue, struct filter *filter) {
	switch (filter->kind) {
	case DARWIN_EVFILT_VNODE:
		return error_number(watch_file(queue, filter));
	case DARWIN_EVFILT_USER:
		filter->source = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		break;
	case DARWIN_EVFILT_PROC: /* NOTE_EXIT only; a zombie is ESRCH, as filt_procattach has it */
		if (filter->notes & ~(uint32_t)(DARWIN_NOTE_EXIT | DARWIN_NOTE_EXITSTATUS)) unknown("EVFILT_PROC notes %#x", filter->notes);
		if (!is_running(filter->ident)) return DARWIN_ESRCH;
		filter->source = syscall(SYS_pidfd_open, (pid_t)filter->ident, 0);
		break;
	default:
		unknown("kevent filter %d", filter->kind);
		return DARWIN_EINVAL;
	}
	return filter->source < 0 ? error_number(errno) : error_number(add_source(queue, SOURCE_FILTER, filter->source));
}

static int change_filter(struct kqueue *queue, const struct darwin_Kevent_t *change) {
	struct filter *filter = find_filter(queue, change->filter, change->ident);
	if (change->flags & DARWIN_EV_DELETE) {
		if (filter == NULL) return DARWIN_ENOENT;
		remove_filter(queue, filter);
		return 0;
	}
	if (filter != NULL && change->filter == DARWIN_EVFILT_USER && change->fflags & DARWIN_NOTE_TRIGGER) {
		uint64_t one = 1;
		return write(filter->source, &one, sizeof one) == sizeof one ? 0 : error_number(errno);
	}
	if (filter != NULL) {
		filter->flags = change->flags;
		filter->notes = change->fflags;
		filter->udata = change->udata;
		return 0;
	}
	if (!(change->flags & DARWIN_EV_ADD)) return DARWIN_ENOENT;
	filter = allocate(1, sizeof *filter);
	*filter = (struct filter){
		.next = queue->filters,
		.ident = change->ident,
		.kind = change->filter,
		.flags = change->flags,
		.notes = change->fflags,
		.udata = change->udata,
		.source = -1,
		.watch = -1,
		.parents_watch = -1,
	};
	queue->filters = filter;
	int error = begin_filter(queue, filter);
	if (error != 0) remove_filter(queue, filter);
	return error;
}

static int report_filter(struct kqueue *queue, int source, struct darwin_Kevent_t *out) {
	struct filter *filter = queue->filters;
	while (filter != NULL && filter->source != source) filter = filter->next;
	if (filter == NULL) return 0;
	*out = (struct darwin_Kevent_t){filter->ident, filter->kind, filter->flags, filter->notes, 0, filter->udata};
	bool ended = filter->flags & DARWIN_EV_ONESHOT;
	if (filter->kind == DARWIN_EVFILT_USER) {
		uint64_t count;
		if (read(source, &count, sizeof count) != sizeof count) return 0; /* another thread has reported it */
	} else {
		out->flags |= DARWIN_EV_EOF;
		out->fflags = DARWIN_NOTE_EXIT;
		ended = true;
	}
	if (ended) remove_filter(queue, filter);
	return 1;
}

/* report_files reports the pending events of the files. Without EV_CLEAR they remain pending. */
static int report_files(struct kqueue *queue, struct darwin_Kevent_t *out, int room) {
	int n = 0;
	for (struct filter *filter = queue->filters, *next; filter != NULL && n < room; filter = next) {
		next = filter->next;
		if (filter->pending == 0) continue;
		out[n++] = (struct darwin_Kevent_t){filter->ident, filter->kind, filter->flags, filter->pending, 0, filter->udata};
		if (filter->flags & DARWIN_EV_CLEAR) filter->pending = 0;
		if (filter->flags & DARWIN_EV_ONESHOT) remove_filter(queue, filter);
	}
	return n;
}

/* kevent(2). */

static int change(struct kqueue *queue, const struct darwin_Kevent_t *wanted) {
	if (wanted->flags & (DARWIN_EV_DISABLE | DARWIN_EV_DISPATCH)) unknown("kevent flags %#x", wanted->flags);
	bool descriptor = wanted->filter == DARWIN_EVFILT_READ || wanted->filter == DARWIN_EVFILT_WRITE;
	return descriptor ? change_descriptor(queue, wanted) : change_filter(queue, wanted);
}

/* A change that fails is reported as an event, or is kevent's error where no event fits. */
static int change_all(struct kqueue *queue, const struct darwin_Kevent_t *changes, int count, struct darwin_Kevent_t *out, int room) {
	int n = 0;
	for (int i = 0; i < count; i++) {
		int error = change(queue, &changes[i]);
		if (error == 0 && !(changes[i].flags & DARWIN_EV_RECEIPT)) continue;
		if (n < room) {
			out[n] = changes[i];
			out[n].flags |= DARWIN_EV_ERROR;
			out[n++].data = error;
		} else if (error != 0) {
			return fail(error);
		}
	}
	return n;
}

static struct timespec later(struct timespec wait) {
	struct timespec end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += wait.tv_sec + (end.tv_nsec + wait.tv_nsec) / 1000000000;
	end.tv_nsec = (end.tv_nsec + wait.tv_nsec) % 1000000000;
	return end;
}

static struct timespec until(struct timespec end) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t left = (end.tv_sec - now.tv_sec) * INT64_C(1000000000) + end.tv_nsec - now.tv_nsec;
	if (left < 0) left = 0;
	return (struct timespec){left / 1000000000, left % 1000000000};
}

/* report_all reports the results of epoll. The kqueue can have been closed while nobody held the mutex. */
static int report_all(int descriptor, const struct epoll_event *found, int count, struct darwin_Kevent_t *out, int room) {
	struct kqueue *queue = find_queue(descriptor);
	if (queue == NULL) return fail(DARWIN_EBADF);
	int n = report_files(queue, out, room);
	for (int i = 0; i < count && n < room; i++) {
		int source = (uint32_t)found[i].data.u64;
		switch ((enum source)(found[i].data.u64 >> 32)) {
		case SOURCE_DESCRIPTOR:
			n += report_descriptor(queue, source, found[i].events, out + n, room - n);
			break;
		case SOURCE_FILTER:
			n += report_filter(queue, source, out + n);
			break;
		case SOURCE_INOTIFY:
			read_changes(queue);
			n += report_files(queue, out + n, room - n);
			break;
		}
	}
	return n;
}

static long darwin_kevent(int descriptor, const struct darwin_Kevent_t *changes, int change_count, struct darwin_Kevent_t *out, int room,
			  const struct timespec *timeout) {
	enum { AT_ONCE = 64 };
	pthread_mutex_lock(&mutex);
	struct kqueue *queue = find_queue(descriptor);
	int n = queue != NULL ? change_all(queue, changes, change_count, out, room) : fail(DARWIN_EBADF);
	if (n == 0 && room > 0) n = report_files(queue, out, room);
	pthread_mutex_unlock(&mutex);
	if (n != 0 || room == 0) return n;

	struct timespec end = timeout != NULL ? later(*timeout) : (struct timespec){0};
	for (;;) {
		struct epoll_event found[AT_ONCE];
		/* A descriptor can have two events. */
		int most = room / 2 < 1 ? 1 : room / 2 > AT_ONCE ? AT_ONCE : room / 2;
		struct timespec left = timeout != NULL ? until(end) : (struct timespec){0};
		int count = epoll_pwait2(descriptor, found, most, timeout != NULL ? &left : NULL, NULL);
		if (count < 0) return result(-1);
		pthread_mutex_lock(&mutex);
		n = report_all(descriptor, found, count, out, room);
		pthread_mutex_unlock(&mutex);
		if (n != 0 || (timeout != NULL && left.tv_sec == 0 && left.tv_nsec == 0)) return n;
	}
}

/* Descriptors that are closed, and kqueues. */

static void free_queue(struct kqueue *queue) {
	while (queue->filters != NULL) remove_filter(queue, queue->filters);
	if (queue->inotify >= 0) close(queue->inotify);
	free(queue->descriptors);
	free(queue);
}

void forget_descriptor(int descriptor) {
	if (descriptor < 0) return;
	pthread_mutex_lock(&mutex);
	for (struct kqueue **at = &queues; *at != NULL;) {
		struct kqueue *queue = *at;
		if (queue->epoll == descriptor) {
			*at = queue->next;
			free_queue(queue);
			continue;
		}
		if (descriptor < queue->room && (queue->descriptors[descriptor].read.wanted || queue->descriptors[descriptor].write.wanted)) {
			queue->descriptors[descriptor] = (struct descriptor){0};
			arm(queue, descriptor);
		}
		struct filter *filter = find_filter(queue, DARWIN_EVFILT_VNODE, descriptor);
		if (filter != NULL) remove_filter(queue, filter);
		at = &queue->next;
	}
	pthread_mutex_unlock(&mutex);
}

/* kqueue(2): "The queue is not inherited by a child". The parent's epoll must not be changed, so the list is dropped, not emptied. */
void forget_kqueues(void) {
	pthread_mutex_init(&mutex, NULL);
	queues = NULL;
}

const struct symbol kqueue_symbols[] = {
	{"kqueue", darwin_kqueue},
	{"kevent", darwin_kevent},
	{NULL, NULL},
};
