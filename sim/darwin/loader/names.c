/* Names of hosts and services: getaddrinfo(3) and its relatives. */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"

/* AI_PASSIVE, AI_CANONNAME and AI_NUMERICHOST are the same numbers; Go asks for AI_V4MAPPED and AI_ALL too, which mean nothing here. */
enum { COMMON_FLAGS = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST };

static int lookup_error(int on_linux) {
	switch (on_linux) {
	case 0:
		return 0;
	case EAI_AGAIN:
		return DARWIN_EAI_AGAIN;
	case EAI_SYSTEM:
		result(-1);
		return DARWIN_EAI_SYSTEM;
	case EAI_SERVICE:
		return DARWIN_EAI_SERVICE;
	case EAI_OVERFLOW:
		return DARWIN_EAI_OVERFLOW;
	default:
		return DARWIN_EAI_NONAME;
	}
}

/* A result with room for its address after it. */
struct found {
	struct darwin_Addrinfo info;
	struct sockaddr_storage address;
};

static int darwin_getaddrinfo(const char *host, const char *service, const struct darwin_Addrinfo *hints, struct darwin_Addrinfo **out) {
	struct addrinfo wanted = {0}, *all;
	if (hints != NULL) {
		wanted.ai_flags = hints->flags & COMMON_FLAGS;
		wanted.ai_family = family_to_linux(hints->family);
		wanted.ai_socktype = hints->socktype;
		wanted.ai_protocol = hints->protocol;
	}
	*out = NULL;
	int error = getaddrinfo(host, service, hints != NULL ? &wanted : NULL, &all);
	if (error != 0) return lookup_error(error);
	for (struct addrinfo *next = all; next != NULL; next = next->ai_next) {
		struct found *found = allocate(1, sizeof *found);
		struct sockaddr_storage address = {0};
		memcpy(&address, next->ai_addr, next->ai_addrlen);
		uint32_t length = sizeof found->address;
		address_to_darwin(&address, next->ai_addrlen, &found->address, &length);
		found->info = (struct darwin_Addrinfo){
			.family = family_to_darwin(next->ai_family),
			.socktype = next->ai_socktype,
			.protocol = next->ai_protocol,
			.addrlen = length,
			.canonname = next->ai_canonname != NULL ? strdup(next->ai_canonname) : NULL,
			.addr = &found->address,
		};
		*out = &found->info;
		out = (struct darwin_Addrinfo **)&found->info.next;
	}
	freeaddrinfo(all);
	return 0;
}

static void darwin_freeaddrinfo(struct darwin_Addrinfo *first) {
	while (first != NULL) {
		struct darwin_Addrinfo *next = first->next;
		free(first->canonname);
		free(first);
		first = next;
	}
}

static const char *darwin_gai_strerror(int error) {
	return error == DARWIN_EAI_NONAME ? "nodename nor servname provided, or not known" : "name lookup failed";
}

static int darwin_getnameinfo(const void *address, uint32_t length, char *host, uint32_t host_size, char *service, uint32_t service_size,
			      int flags) {
	(void)flags; /* Go asks only for NI_NAMEREQD, and treats an address as no name */
	struct sockaddr_storage on_linux;
	socklen_t on_linux_length = address_to_linux(address, length, &on_linux);
	return lookup_error(getnameinfo((struct sockaddr *)&on_linux, on_linux_length, host, host_size, service, service_size, NI_NAMEREQD));
}

/* The resolver of libresolv is not modelled: Go falls back to its own, which reads /etc/resolv.conf. */
static int no_resolver(void) { return fail(DARWIN_ENOSYS); }
static void nothing(void) {}

const struct symbol name_symbols[] = {
	{"getaddrinfo", darwin_getaddrinfo},
	{"freeaddrinfo", darwin_freeaddrinfo},
	{"gai_strerror", darwin_gai_strerror},
	{"getnameinfo", darwin_getnameinfo},
	{"res_9_ninit", no_resolver},
	{"res_9_nsearch", no_resolver},
	{"res_9_nclose", nothing},
	{NULL, NULL},
};
