/* Sockets: families, addresses, messages and options. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loader.h"

/* The families that programs use; AF_UNIX and AF_INET are the same numbers. */
int family_to_linux(int on_darwin) { return on_darwin == DARWIN_AF_INET6 ? AF_INET6 : on_darwin; }
int family_to_darwin(int on_linux) { return on_linux == AF_INET6 ? DARWIN_AF_INET6 : on_linux; }

/*
 * A socket address of macOS begins with its length and its family in one byte each, that of Linux with the family in
 * two. The rest is the same: https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/socket.h and un.h.
 * sun_path of macOS has 104 bytes, which fit into Linux's 108. It need not end with NUL; the length marks its end.
 */
socklen_t address_to_linux(const void *on_darwin, uint32_t length, struct sockaddr_storage *address) {
	if (on_darwin == NULL) return 0;
	memset(address, 0, sizeof *address);
	memcpy(address, on_darwin, length < sizeof *address ? length : sizeof *address);
	address->ss_family = family_to_linux(((const uint8_t *)on_darwin)[1]);
	if (address->ss_family != AF_UNIX) return length;
	const size_t header = offsetof(struct sockaddr_un, sun_path);
	if (length <= header) return header;
	size_t end = header + strnlen(((struct sockaddr_un *)address)->sun_path, length - header) + 1;
	return end < sizeof(struct sockaddr_un) ? end : sizeof(struct sockaddr_un);
}

void address_to_darwin(const struct sockaddr_storage *address, socklen_t length, void *on_darwin, uint32_t *darwin_length) {
	if (on_darwin == NULL || darwin_length == NULL) return;
	uint8_t out[sizeof *address];
	memcpy(out, address, sizeof out);
	/* An unnamed socket has the address sun_noname, of 16 bytes: bsd/kern/uipc_usrreq.c. */
	if (address->ss_family == AF_UNIX && length <= offsetof(struct sockaddr_un, sun_path)) {
		length = sizeof(struct sockaddr);
		memset(out, 0, length);
	}
	if (length > sizeof out) length = sizeof out;
	out[0] = length;
	out[1] = family_to_darwin(address->ss_family);
	memcpy(on_darwin, out, *darwin_length < length ? *darwin_length : length);
	*darwin_length = length;
}

static long darwin_socket(int family, int type, int protocol) {
	/* route(4): networks are not modelled, so it never has a message. Its other end is open while the program runs. */
	if (family == DARWIN_AF_ROUTE) {
		int pair[2];
		long status = result(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
		if (status == 0) fcntl(pair[0], F_SETFD, 0); /* as socket(2) without SOCK_CLOEXEC */
		return status == 0 ? pair[0] : status;
	}
	return result(socket(family_to_linux(family), type, protocol));
}

static long darwin_socketpair(int family, int type, int protocol, int pair[2]) {
	return result(socketpair(family_to_linux(family), type, protocol, pair));
}

static long darwin_bind(int descriptor, const void *address, uint32_t length) {
	struct sockaddr_storage on_linux;
	socklen_t on_linux_length = address_to_linux(address, length, &on_linux);
	return result(bind(descriptor, (struct sockaddr *)&on_linux, on_linux_length));
}

/*
 * connect(2) to a Unix socket whose backlog is full fails with ECONNREFUSED, whether the socket blocks or not:
 * unp_connect in https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/uipc_usrreq.c, after sonewconn. On
 * Linux it waits, or returns EAGAIN.
 */
static long connect_unix(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
	int flags = fcntl(descriptor, F_GETFL);
	if (flags >= 0 && !(flags & O_NONBLOCK)) fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
	int status = connect(descriptor, (const struct sockaddr *)address, length), error = errno;
	if (flags >= 0 && !(flags & O_NONBLOCK)) fcntl(descriptor, F_SETFL, flags);
	errno = error;
	return status != 0 && error == EAGAIN ? fail(DARWIN_ECONNREFUSED) : result(status);
}

static long darwin_connect(int descriptor, const void *address, uint32_t length) {
	struct sockaddr_storage on_linux;
	socklen_t on_linux_length = address_to_linux(address, length, &on_linux);
	if (on_linux.ss_family == AF_UNIX) return connect_unix(descriptor, &on_linux, on_linux_length);
	return result(connect(descriptor, (struct sockaddr *)&on_linux, on_linux_length));
}

/* The result of accept(2) does not block if the listening socket does not: accept_nocancel in xnu's
   bsd/kern/uipc_syscalls.c copies f_flag. */
static long darwin_accept(int descriptor, void *address, uint32_t *length) {
	struct sockaddr_storage on_linux = {0};
	socklen_t on_linux_length = sizeof on_linux;
	int accepted = accept(descriptor, (struct sockaddr *)&on_linux, &on_linux_length);
	if (accepted < 0) return result(-1);
	int flags = fcntl(descriptor, F_GETFL);
	if (flags >= 0 && flags & O_NONBLOCK) fcntl(accepted, F_SETFL, fcntl(accepted, F_GETFL) | O_NONBLOCK);
	address_to_darwin(&on_linux, on_linux_length, address, length);
	return accepted;
}

static long darwin_getsockname(int descriptor, void *address, uint32_t *length) {
	struct sockaddr_storage on_linux = {0};
	socklen_t on_linux_length = sizeof on_linux;
	int status = getsockname(descriptor, (struct sockaddr *)&on_linux, &on_linux_length);
	if (status == 0) address_to_darwin(&on_linux, on_linux_length, address, length);
	return result(status);
}

static long darwin_getpeername(int descriptor, void *address, uint32_t *length) {
	struct sockaddr_storage on_linux = {0};
	socklen_t on_linux_length = sizeof on_linux;
	int status = getpeername(descriptor, (struct sockaddr *)&on_linux, &on_linux_length);
	if (status == 0) address_to_darwin(&on_linux, on_linux_length, address, length);
	return result(status);
}

static long darwin_listen(int descriptor, int backlog) { return result(listen(descriptor, backlog)); }
static long darwin_shutdown(int descriptor, int how) { return result(shutdown(descriptor, how)); }

static const struct flag message_flags[] = {
	{DARWIN_MSG_OOB, MSG_OOB},
	{DARWIN_MSG_PEEK, MSG_PEEK},
	{DARWIN_MSG_DONTROUTE, MSG_DONTROUTE},
	{DARWIN_MSG_TRUNC, MSG_TRUNC},
	{DARWIN_MSG_CTRUNC, MSG_CTRUNC},
	{DARWIN_MSG_WAITALL, MSG_WAITALL},
	{DARWIN_MSG_DONTWAIT, MSG_DONTWAIT},
};

static long darwin_sendto(int descriptor, const void *buffer, size_t size, int flags, const void *address, uint32_t length) {
	struct sockaddr_storage on_linux;
	socklen_t on_linux_length = address_to_linux(address, length, &on_linux);
	return result(sendto(descriptor, buffer, size, TO_LINUX(message_flags, flags), address != NULL ? (struct sockaddr *)&on_linux : NULL,
			     on_linux_length));
}

static long darwin_recvfrom(int descriptor, void *buffer, size_t size, int flags, void *address, uint32_t *length) {
	struct sockaddr_storage on_linux = {0};
	socklen_t on_linux_length = sizeof on_linux;
	ssize_t n = recvfrom(descriptor, buffer, size, TO_LINUX(message_flags, flags), (struct sockaddr *)&on_linux, &on_linux_length);
	if (n >= 0) address_to_darwin(&on_linux, on_linux_length, address, length);
	return result(n);
}

/* Control messages: macOS aligns them to 4 bytes and has a length of 32 bits. SOL_SOCKET is 0xffff there. */
enum { CONTROL_SIZE = 4096 };
static size_t align4(size_t length) { return (length + 3) & ~(size_t)3; }
static int level_to_linux(int level) { return level == DARWIN_SOL_SOCKET ? SOL_SOCKET : level; }
static int level_to_darwin(int level) { return level == SOL_SOCKET ? DARWIN_SOL_SOCKET : level; }

static size_t control_to_linux(const struct darwin_Msghdr *message, char out[CONTROL_SIZE]) {
	size_t used = 0;
	const struct darwin_Cmsghdr *in;
	for (size_t at = 0; message->control != NULL && at + sizeof *in <= message->controllen; at += align4(in->len)) {
		in = (const void *)((char *)message->control + at);
		if (in->len < sizeof *in || at + in->len > message->controllen) break;
		size_t length = in->len - sizeof *in;
		if (used + CMSG_SPACE(length) > CONTROL_SIZE) break;
		struct cmsghdr *next = (struct cmsghdr *)(out + used);
		next->cmsg_len = CMSG_LEN(length);
		next->cmsg_level = level_to_linux(in->level);
		next->cmsg_type = in->type; /* SCM_RIGHTS is the same number */
		memcpy(CMSG_DATA(next), in + 1, length);
		used += CMSG_SPACE(length);
	}
	return used;
}

static void control_to_darwin(struct msghdr *in, struct darwin_Msghdr *out) {
	size_t used = 0;
	for (struct cmsghdr *next = out->control != NULL ? CMSG_FIRSTHDR(in) : NULL; next != NULL; next = CMSG_NXTHDR(in, next)) {
		size_t length = next->cmsg_len - CMSG_LEN(0);
		struct darwin_Cmsghdr *header = (void *)((char *)out->control + used);
		if (used + sizeof *header + length > out->controllen) {
			in->msg_flags |= MSG_CTRUNC;
			break;
		}
		*header = (struct darwin_Cmsghdr){sizeof *header + length, level_to_darwin(next->cmsg_level), next->cmsg_type};
		memcpy(header + 1, CMSG_DATA(next), length);
		used += align4(header->len);
	}
	out->controllen = used;
}

static long darwin_sendmsg(int descriptor, const struct darwin_Msghdr *message, int flags) {
	struct sockaddr_storage address;
	char control[CONTROL_SIZE] __attribute__((aligned(8))) = {0};
	struct msghdr on_linux = {.msg_iov = (void *)message->iov, .msg_iovlen = message->iovlen};
	if (message->name != NULL) {
		on_linux.msg_name = &address;
		on_linux.msg_namelen = address_to_linux(message->name, message->namelen, &address);
	}
	on_linux.msg_controllen = control_to_linux(message, control);
	on_linux.msg_control = on_linux.msg_controllen > 0 ? control : NULL;
	return result(sendmsg(descriptor, &on_linux, TO_LINUX(message_flags, flags)));
}

static long darwin_recvmsg(int descriptor, struct darwin_Msghdr *message, int flags) {
	struct sockaddr_storage address = {0};
	char control[CONTROL_SIZE] __attribute__((aligned(8)));
	struct msghdr on_linux = {
		.msg_name = &address,
		.msg_namelen = sizeof address,
		.msg_iov = (void *)message->iov,
		.msg_iovlen = message->iovlen,
		.msg_control = message->control != NULL ? control : NULL,
		.msg_controllen = message->control != NULL ? sizeof control : 0,
	};
	ssize_t n = recvmsg(descriptor, &on_linux, TO_LINUX(message_flags, flags));
	if (n < 0) return result(n);
	address_to_darwin(&address, on_linux.msg_namelen, message->name, &message->namelen);
	control_to_darwin(&on_linux, message);
	message->flags = TO_DARWIN(message_flags, on_linux.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	return n;
}

/*
 * Socket options. Options without a number on Linux are accepted and do nothing there: SO_NOSIGPIPE, and those of
 * interfaces that no test uses.
 */
enum { NOTHING = -1 };
static const struct {
	int level, option, linux_level, linux_option;
} options[] = {
	{DARWIN_SOL_SOCKET, DARWIN_SO_ACCEPTCONN, SOL_SOCKET, SO_ACCEPTCONN},
	{DARWIN_SOL_SOCKET, DARWIN_SO_REUSEADDR, SOL_SOCKET, SO_REUSEADDR},
	{DARWIN_SOL_SOCKET, DARWIN_SO_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE},
	{DARWIN_SOL_SOCKET, DARWIN_SO_BROADCAST, SOL_SOCKET, SO_BROADCAST},
	{DARWIN_SOL_SOCKET, DARWIN_SO_LINGER, SOL_SOCKET, SO_LINGER},
	{DARWIN_SOL_SOCKET, DARWIN_SO_LINGER_SEC, SOL_SOCKET, SO_LINGER},
	{DARWIN_SOL_SOCKET, DARWIN_SO_REUSEPORT, SOL_SOCKET, SO_REUSEPORT},
	{DARWIN_SOL_SOCKET, DARWIN_SO_SNDBUF, SOL_SOCKET, SO_SNDBUF},
	{DARWIN_SOL_SOCKET, DARWIN_SO_RCVBUF, SOL_SOCKET, SO_RCVBUF},
	{DARWIN_SOL_SOCKET, DARWIN_SO_SNDTIMEO, SOL_SOCKET, SO_SNDTIMEO},
	{DARWIN_SOL_SOCKET, DARWIN_SO_RCVTIMEO, SOL_SOCKET, SO_RCVTIMEO},
	{DARWIN_SOL_SOCKET, DARWIN_SO_ERROR, SOL_SOCKET, SO_ERROR},
	{DARWIN_SOL_SOCKET, DARWIN_SO_TYPE, SOL_SOCKET, SO_TYPE},
	{DARWIN_SOL_SOCKET, DARWIN_SO_NOSIGPIPE, SOL_SOCKET, NOTHING},
	{DARWIN_IPPROTO_TCP, DARWIN_TCP_NODELAY, IPPROTO_TCP, TCP_NODELAY},
	{DARWIN_IPPROTO_TCP, DARWIN_TCP_MAXSEG, IPPROTO_TCP, TCP_MAXSEG},
	{DARWIN_IPPROTO_TCP, DARWIN_TCP_KEEPALIVE, IPPROTO_TCP, TCP_KEEPIDLE},
	{DARWIN_IPPROTO_TCP, DARWIN_TCP_KEEPINTVL, IPPROTO_TCP, TCP_KEEPINTVL},
	{DARWIN_IPPROTO_TCP, DARWIN_TCP_KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT},
	{DARWIN_IPPROTO_IPV6, DARWIN_IPV6_V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY},
	{DARWIN_IPPROTO_IPV6, DARWIN_IPV6_MULTICAST_LOOP, IPPROTO_IPV6, NOTHING},
	{DARWIN_IPPROTO_IP, DARWIN_IP_MULTICAST_LOOP, IPPROTO_IP, NOTHING},
};

static long darwin_setsockopt(int descriptor, int level, int option, const void *value, uint32_t length) {
	for (size_t i = 0; i < LENGTH(options); i++) {
		if (options[i].level != level || options[i].option != option) continue;
		if (options[i].linux_option == NOTHING) return 0;
		return result(setsockopt(descriptor, options[i].linux_level, options[i].linux_option, value, length));
	}
	unknown("setsockopt level %#x, option %#x", level, option);
	return fail(DARWIN_ENOPROTOOPT);
}

long darwin_getsockopt(int descriptor, int level, int option, void *value, uint32_t *length) {
	/* SOL_LOCAL has IPPROTO_IP's number: the socket's family decides which is meant. */
	int family;
	socklen_t size = sizeof family;
	if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return result(-1);
	if (level == DARWIN_SOL_LOCAL && family == AF_UNIX) return peer_option(descriptor, option, value, length);
	for (size_t i = 0; i < LENGTH(options); i++) {
		if (options[i].level != level || options[i].option != option || options[i].linux_option == NOTHING) continue;
		size = *length;
		int status = getsockopt(descriptor, options[i].linux_level, options[i].linux_option, value, &size);
		*length = size;
		if (status == 0 && level == DARWIN_SOL_SOCKET && option == DARWIN_SO_ERROR) *(int *)value = error_number(*(int *)value);
		return result(status);
	}
	unknown("getsockopt level %#x, option %#x", level, option);
	return fail(DARWIN_ENOPROTOOPT);
}

const struct symbol socket_symbols[] = {
	{"socket", darwin_socket},
	{"socketpair", darwin_socketpair},
	{"bind", darwin_bind},
	{"connect", darwin_connect},
	{"accept", darwin_accept},
	{"listen", darwin_listen},
	{"getsockname", darwin_getsockname},
	{"getpeername", darwin_getpeername},
	{"shutdown", darwin_shutdown},
	{"sendto", darwin_sendto},
	{"recvfrom", darwin_recvfrom},
	{"sendmsg", darwin_sendmsg},
	{"recvmsg", darwin_recvmsg},
	{"setsockopt", darwin_setsockopt},
	{"getsockopt", darwin_getsockopt},
	{NULL, NULL},
};
