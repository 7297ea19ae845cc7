/*
 * Code signing, as far as usherd asks for the peer of a socket:
 * https://developer.apple.com/documentation/security/code-signing-services.
 *
 * No file has a real signature here. A program is signed by its content: the designated requirement of a file is the
 * hash of its content, as for an ad-hoc signature. A running process meets it while its original file still exists and
 * has that content. A process is found by its audit token: by the pid and its version.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "security.h"

enum {
	errSecCSInvalidObjectRef = -67071,
	errSecCSInvalidFlags = -67070,
	errSecCSStaticCodeNotFound = -67068,
	errSecCSNoSuchCode = -67065,
	errSecCSMultipleGuests = -67064,
	errSecCSReqFailed = -67050,
	/* errSecErrnoBase: an error of the system is added to it. */
	errSecErrnoBase = 100000,
};

static struct object audit_object = CONSTANT_STRING("audit");
static ref kSecGuestAttributeAudit = &audit_object;

/* hash_of returns the hash of a file's content as data, NULL if it cannot be read. FNV-1a is enough where nobody
   forges. */
static ref hash_of(const char *path) {
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) return NULL;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint8_t buffer[1 << 14];
	ssize_t length;
	while ((length = read(descriptor, buffer, sizeof buffer)) > 0)
		for (ssize_t i = 0; i < length; i++) hash = (hash ^ buffer[i]) * UINT64_C(0x100000001b3);
	close(descriptor);
	return new_bytes(KIND_DATA, &hash, sizeof hash);
}

/* The part of a code is the hash; that of a requirement too. */
static ref new_code(enum kind kind, ref hash) {
	ref code = new_object(kind);
	code->record.parts[0] = hash;
	return code;
}

static int darwin_SecStaticCodeCreateWithPath(const void *url, uint32_t flags, ref *out) {
	ref path = expect(url, KIND_URL, "SecStaticCodeCreateWithPath");
	if (flags != 0) return errSecCSInvalidFlags;
	if (access(path->bytes.start, F_OK) != 0) return errSecErrnoBase + error_number(errno);
	ref hash = hash_of(path->bytes.start);
	if (hash == NULL) return errSecCSStaticCodeNotFound;
	*out = new_code(KIND_STATIC_CODE, hash);
	return errSecSuccess;
}

/* A SecCode is accepted as a SecStaticCode here; another object is not. */
static int darwin_SecCodeCopyDesignatedRequirement(const void *pointer, uint32_t flags, ref *out) {
	ref code = object_at(pointer, "SecCodeCopyDesignatedRequirement");
	if (code->kind != KIND_CODE && code->kind != KIND_STATIC_CODE) return errSecCSInvalidObjectRef;
	if (flags != 0) return errSecCSInvalidFlags;
	*out = new_code(KIND_REQUIREMENT, retain(code->record.parts[0]));
	return errSecSuccess;
}

/* An audit token has the pid in its sixth word and the version of the pid in its eighth: peers.c. */
static int process_of(ref token, char path[4096]) {
	uint32_t words[8];
	if (token->bytes.length != sizeof words) return errSecCSNoSuchCode;
	memcpy(words, token->bytes.start, sizeof words);
	int pid = words[5];
	if (!is_running(pid) || pid_version(pid) != words[7]) return errSecErrnoBase + DARWIN_ESRCH;
	return current_executable(pid, path) ? errSecSuccess : errSecErrnoBase + DARWIN_ESRCH;
}

static int darwin_SecCodeCopyGuestWithAttributes(const void *host, const void *pointer, uint32_t flags, ref *out) {
	ref attributes = expect(pointer, KIND_DICTIONARY, "SecCodeCopyGuestWithAttributes");
	if (host != NULL) unknown("SecCodeCopyGuestWithAttributes of a host");
	if (flags != 0) return errSecCSInvalidFlags;
	if (attributes->collection.count != 1) return errSecCSMultipleGuests;
	ref token = get(attributes, "audit");
	if (token == NULL) return errSecCSNoSuchCode;
	char path[4096];
	int status = process_of(expect(token, KIND_DATA, "SecCodeCopyGuestWithAttributes"), path);
	if (status != errSecSuccess) return status;
	ref hash = hash_of(path); /* NULL if the file has been deleted, which its path then shows */
	if (hash == NULL) return errSecErrnoBase + DARWIN_ENOENT;
	*out = new_code(KIND_CODE, hash);
	return errSecSuccess;
}

static int darwin_SecCodeCheckValidity(const void *pointer, uint32_t flags, const void *requirement) {
	ref code = expect(pointer, KIND_CODE, "SecCodeCheckValidity");
	if (flags != 0) return errSecCSInvalidFlags;
	if (requirement == NULL) return errSecSuccess;
	ref wanted = expect(requirement, KIND_REQUIREMENT, "SecCodeCheckValidity");
	return equal(code->record.parts[0], wanted->record.parts[0]) ? errSecSuccess : errSecCSReqFailed;
}

const struct symbol code_signing_symbols[] = {
	{"kSecGuestAttributeAudit", &kSecGuestAttributeAudit},
	{"SecStaticCodeCreateWithPath", darwin_SecStaticCodeCreateWithPath},
	{"SecCodeCopyDesignatedRequirement", darwin_SecCodeCopyDesignatedRequirement},
	{"SecCodeCopyGuestWithAttributes", darwin_SecCodeCopyGuestWithAttributes},
	{"SecCodeCheckValidity", darwin_SecCodeCheckValidity},
	{NULL, NULL},
};
