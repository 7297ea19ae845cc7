/*
 * The common part of CoreFoundation's objects: their kinds, references, and equality. CFType in Apple's documentation:
 * https://developer.apple.com/documentation/corefoundation/cftype
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "corefoundation.h"

enum shape { PLAIN, BYTES, COLLECTION, RECORD };

static const struct {
	const char *name;
	enum shape shape;
} kinds[KINDS] = {
	[KIND_NONE] = {"nothing", PLAIN},
	[KIND_NULL] = {"CFNull", PLAIN},
	[KIND_BOOLEAN] = {"CFBoolean", PLAIN},
	[KIND_NUMBER] = {"CFNumber", PLAIN},
	[KIND_STRING] = {"CFString", BYTES},
	[KIND_DATA] = {"CFData", BYTES},
	[KIND_DATE] = {"CFDate", PLAIN},
	[KIND_ARRAY] = {"CFArray", COLLECTION},
	[KIND_DICTIONARY] = {"CFDictionary", COLLECTION},
	[KIND_ERROR] = {"CFError", RECORD},
	[KIND_URL] = {"CFURL", BYTES},
	[KIND_ALLOCATOR] = {"CFAllocator", PLAIN},
	[KIND_CERTIFICATE] = {"SecCertificate", RECORD},
	[KIND_IDENTITY] = {"SecIdentity", RECORD},
	[KIND_KEYCHAIN_ITEM] = {"SecKeychainItem", RECORD},
	[KIND_POLICY] = {"SecPolicy", RECORD},
	[KIND_TRUST] = {"SecTrust", RECORD},
	[KIND_CODE] = {"SecCode", RECORD},
	[KIND_STATIC_CODE] = {"SecStaticCode", RECORD},
	[KIND_REQUIREMENT] = {"SecRequirement", RECORD},
	[KIND_USER_NOTIFICATION] = {"CFUserNotification", RECORD},
	[KIND_NOTIFICATION_CENTER] = {"CFNotificationCenter", PLAIN},
};

/* The number of living objects of each kind, without constants. */
static long alive[KINDS];

const char *kind_name(enum kind kind) { return kinds[kind].name; }

void misuse(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	dprintf(STDERR_FILENO, "machorun: ");
	vdprintf(STDERR_FILENO, format, arguments);
	dprintf(STDERR_FILENO, "\n");
	va_end(arguments);
	abort();
}

ref new_object(enum kind kind) {
	ref object = allocate(1, sizeof *object);
	*object = (struct object){.mark = ALIVE, .kind = kind, .references = 1};
	__atomic_add_fetch(&alive[kind], 1, __ATOMIC_RELAXED);
	return object;
}

ref retain(ref object) {
	if (object != NULL && object->references < CONSTANT) __atomic_add_fetch(&object->references, 1, __ATOMIC_ACQ_REL);
	return object;
}

/* A released object is kept for a while to recognise its next use: as many of them as the ring has places. */
static void bury(ref object) {
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static ref ring[1 << 14];
	static size_t next;
	object->mark = RELEASED;
	pthread_mutex_lock(&mutex);
	free(ring[next]);
	ring[next] = object;
	next = (next + 1) % LENGTH(ring);
	pthread_mutex_unlock(&mutex);
}

static void destroy(ref object) {
	__atomic_sub_fetch(&alive[object->kind], 1, __ATOMIC_RELAXED);
	switch (kinds[object->kind].shape) {
	case PLAIN:
		break;
	case BYTES:
		free(object->bytes.start);
		break;
	case COLLECTION:
		for (long i = 0; i < object->collection.count; i++) {
			if (object->collection.retains_keys) release(object->collection.keys[i]);
			if (object->collection.retains_values) release(object->collection.values[i]);
		}
		free(object->collection.keys);
		free(object->collection.values);
		break;
	case RECORD:
		for (int i = 0; i < MOST_PARTS; i++) release(object->record.parts[i]);
		break;
	}
	bury(object);
}

void release(ref object) {
	if (object == NULL || object->references >= CONSTANT) return;
	if (object->mark != ALIVE) misuse("a %s that has been released is released again", kind_name(object->kind));
	if (__atomic_sub_fetch(&object->references, 1, __ATOMIC_ACQ_REL) == 0) destroy(object);
}

ref object_at(const void *pointer, const char *function) {
	ref object = (ref)pointer;
	if (object == NULL) misuse("%s was called with NULL", function);
	if ((uintptr_t)object % _Alignof(struct object) == 0 && object->mark == ALIVE) return object;
	if ((uintptr_t)object % _Alignof(struct object) == 0 && object->mark == RELEASED)
		misuse("%s was called with a %s that has been released", function, kind_name(object->kind));
	misuse("%s was called with %p, which is not an object", function, pointer);
}

ref expect(const void *pointer, enum kind kind, const char *function) {
	ref object = object_at(pointer, function);
	if (object->kind != kind) misuse("%s was called with a %s in the place of a %s", function, kind_name(object->kind), kind_name(kind));
	return object;
}

static bool equal_numbers(ref one, ref other) {
	return one->number.integer == other->number.integer && one->number.real == other->number.real;
}

static bool equal_collections(ref one, ref other) {
	if (one->collection.count != other->collection.count) return false;
	for (long i = 0; i < one->collection.count; i++) {
		ref value = one->collection.values[i];
		ref same = one->kind == KIND_ARRAY ? other->collection.values[i] : get_by(other, one->collection.keys[i]);
		if (same == NULL || !equal(value, same)) return false;
	}
	return true;
}

bool equal(ref one, ref other) {
	if (one == other) return true;
	if (one == NULL || other == NULL || one->kind != other->kind) return false;
	switch (one->kind) {
	case KIND_NUMBER:
		return equal_numbers(one, other);
	case KIND_DATE:
		return one->date == other->date;
	case KIND_CERTIFICATE:
		return equal(one->record.parts[0], other->record.parts[0]);
	default:
		break;
	}
	switch (kinds[one->kind].shape) {
	case BYTES:
		return one->bytes.length == other->bytes.length && memcmp(one->bytes.start, other->bytes.start, one->bytes.length) == 0;
	case COLLECTION:
		return equal_collections(one, other);
	default:
		return false;
	}
}

/* A program that ends during a call in another thread may have objects left without a fault, so users of the check
   wait. */
int check_releases(int status) {
	enum { NOT_RELEASED = 125 };
	const char *wanted = getenv("MACHORUN_CHECK_RELEASES");
	if (wanted == NULL || strcmp(wanted, "1") != 0) return status;
	char text[1024];
	size_t length = 0;
	for (int kind = 0; kind < KINDS; kind++) {
		long count = __atomic_load_n(&alive[kind], __ATOMIC_RELAXED);
		if (count != 0) length += snprintf(text + length, sizeof text - length, "%s%ld %s", length > 0 ? ", " : "", count, kinds[kind].name);
	}
	if (length == 0) return status;
	dprintf(STDERR_FILENO, "machorun: not released: %s\n", text);
	return status == 0 ? NOT_RELEASED : status;
}

/* For tests: the number of living objects, without constants. It is not a function of macOS. */
static long machorun_objects_alive(void) {
	long count = 0;
	for (int kind = 0; kind < KINDS; kind++) count += __atomic_load_n(&alive[kind], __ATOMIC_RELAXED);
	return count;
}

static ref darwin_CFRetain(const void *object) { return retain(object_at(object, "CFRetain")); }
static void darwin_CFRelease(const void *object) { release(object_at(object, "CFRelease")); }
static long darwin_CFGetRetainCount(const void *object) { return object_at(object, "CFGetRetainCount")->references; }
static unsigned long darwin_CFGetTypeID(const void *object) { return object_at(object, "CFGetTypeID")->kind; }

static uint8_t darwin_CFEqual(const void *one, const void *other) { return equal(object_at(one, "CFEqual"), object_at(other, "CFEqual")); }

static ref darwin_CFCopyTypeIDDescription(unsigned long type) {
	const char *name = type < KINDS ? kinds[type].name : kinds[KIND_NONE].name;
	return new_string(name, strlen(name));
}

#define TYPE_ID(kind) \
	static unsigned long type_id_##kind(void) { return kind; }
TYPE_ID(KIND_NULL)
TYPE_ID(KIND_BOOLEAN)
TYPE_ID(KIND_NUMBER)
TYPE_ID(KIND_STRING)
TYPE_ID(KIND_DATA)
TYPE_ID(KIND_DATE)
TYPE_ID(KIND_ARRAY)
TYPE_ID(KIND_DICTIONARY)
TYPE_ID(KIND_ERROR)
TYPE_ID(KIND_URL)
TYPE_ID(KIND_ALLOCATOR)
TYPE_ID(KIND_USER_NOTIFICATION)
TYPE_ID(KIND_NOTIFICATION_CENTER)

/* kCFAllocatorDefault is NULL, and the allocator of the program is ignored. */
static ref default_allocator;

const struct symbol object_symbols[] = {
	{"kCFAllocatorDefault", &default_allocator},
	{"CFRetain", darwin_CFRetain},
	{"CFRelease", darwin_CFRelease},
	{"CFGetRetainCount", darwin_CFGetRetainCount},
	{"CFGetTypeID", darwin_CFGetTypeID},
	{"CFEqual", darwin_CFEqual},
	{"CFCopyTypeIDDescription", darwin_CFCopyTypeIDDescription},
	{"CFNullGetTypeID", type_id_KIND_NULL},
	{"CFBooleanGetTypeID", type_id_KIND_BOOLEAN},
	{"CFNumberGetTypeID", type_id_KIND_NUMBER},
	{"CFStringGetTypeID", type_id_KIND_STRING},
	{"CFDataGetTypeID", type_id_KIND_DATA},
	{"CFDateGetTypeID", type_id_KIND_DATE},
	{"CFArrayGetTypeID", type_id_KIND_ARRAY},
	{"CFDictionaryGetTypeID", type_id_KIND_DICTIONARY},
	{"CFErrorGetTypeID", type_id_KIND_ERROR},
	{"CFURLGetTypeID", type_id_KIND_URL},
	{"CFAllocatorGetTypeID", type_id_KIND_ALLOCATOR},
	{"CFUserNotificationGetTypeID", type_id_KIND_USER_NOTIFICATION},
	{"CFNotificationCenterGetTypeID", type_id_KIND_NOTIFICATION_CENTER},
	{"machorun_objects_alive", machorun_objects_alive},
	{NULL, NULL},
};
