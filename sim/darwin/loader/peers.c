/*
 * The peer of a Unix socket: LOCAL_PEERCRED, LOCAL_PEERPID, LOCAL_PEEREPID and LOCAL_PEERTOKEN, as uipc_ctloutput of
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/uipc_usrreq.c answers them.
 *
 * Two things differ. xnu reports the process that used the peer's socket last (last_pid), Linux the one that connected
 * or listened. Also, a peer that has shut its socket down both ways counts as closed here.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>

#include "loader.h"

/* The peer has closed: unp_conn is NULL in xnu. */
static bool has_closed(int descriptor) {
	struct pollfd waiting = {.fd = descriptor, .events = POLLOUT};
	return poll(&waiting, 1, 0) > 0 && waiting.revents & POLLHUP;
}

/* struct xucred: version 0, the user, and at most 16 groups, of which the first is the effective one. It outlives the connection. */
static long peer_credentials(int descriptor, const struct ucred *peer, void *value, uint32_t *length) {
	struct darwin_Xucred out = {.uid = peer->uid, .ngroups = 1, .groups = {peer->gid}};
	gid_t groups[1024];
	socklen_t size = sizeof groups;
	if (getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
		for (size_t i = 0; i < size / sizeof *groups && out.ngroups < (int)LENGTH(out.groups); i++)
			if (groups[i] != peer->gid) out.groups[out.ngroups++] = groups[i];
	}
	uint32_t copied = *length < sizeof out ? *length : sizeof out;
	memcpy(value, &out, copied);
	*length = copied;
	return 0;
}

/*
 * audit_token_t: the audit user, the effective user and group, the real ones, the pid, the audit session and the version of the pid, in
 * this order: audit_token_to_au32 in libbsm's documentation, and set_security_token_task_internal in bsd/kern/kern_prot.c.
 */
static long peer_token(const struct ucred *peer, void *value, uint32_t *length) {
	enum { AUDIT_SESSION = 100000 };
	uint32_t token[8] = {peer->uid, peer->uid, peer->gid, peer->uid, peer->gid, peer->pid, AUDIT_SESSION, pid_version(peer->pid)};
	if (*length < sizeof token || !is_running(peer->pid)) return fail(DARWIN_EINVAL); /* proc_find does not find a zombie */
	memcpy(value, token, sizeof token);
	*length = sizeof token;
	return 0;
}

long peer_option(int descriptor, int option, void *value, uint32_t *length) {
	struct ucred peer;
	socklen_t size = sizeof peer;
	if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return result(-1);
	if (peer.pid <= 0) return fail(DARWIN_ENOTCONN);
	switch (option) {
	case DARWIN_LOCAL_PEERCRED:
		return peer_credentials(descriptor, &peer, value, length);
	case DARWIN_LOCAL_PEERPID:
	case DARWIN_LOCAL_PEEREPID:
		if (has_closed(descriptor)) return fail(DARWIN_ENOTCONN);
		if (*length < sizeof peer.pid) return fail(DARWIN_EINVAL);
		memcpy(value, &peer.pid, sizeof peer.pid);
		*length = sizeof peer.pid;
		return 0;
	case DARWIN_LOCAL_PEERTOKEN:
		if (has_closed(descriptor)) return fail(DARWIN_ENOTCONN);
		return peer_token(&peer, value, length);
	}
	unknown("getsockopt SOL_LOCAL, option %#x", option);
	return fail(DARWIN_EOPNOTSUPP);
}
