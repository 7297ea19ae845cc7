/*
 * CoreFoundation's objects, which the other frameworks build on.
 *
 * A function that a program imports from a framework is called here darwin_NAME. Every pointer from a program is
 * checked. The loader ends the program with abort(3), and a line that names both, for a pointer that is not an object,
 * an object of the wrong kind, and one that has been released too often. macOS does so too, less reliably and with
 * other words. Ownership follows CoreFoundation's rule: the caller owns the result of a function with Create or Copy in
 * its name, and nothing else:
 * https://developer.apple.com/library/archive/documentation/CoreFoundation/Conceptual/CFMemoryMgmt/Concepts/Ownership.html
 *
 * With MACHORUN_CHECK_RELEASES=1 in the environment, a program that would end with 0 ends with 125 if objects are left
 * that nothing has released.
 */
#pragma once

#include "loader.h"

enum kind {
	KIND_NONE,
	KIND_NULL,
	KIND_BOOLEAN,
	KIND_NUMBER,
	KIND_STRING,
	KIND_DATA,
	KIND_DATE,
	KIND_ARRAY,
	KIND_DICTIONARY,
	KIND_ERROR,
	KIND_URL,
	KIND_ALLOCATOR,
	KIND_CERTIFICATE,
	KIND_IDENTITY,
	KIND_KEYCHAIN_ITEM,
	KIND_POLICY,
	KIND_TRUST,
	KIND_CODE,
	KIND_STATIC_CODE,
	KIND_REQUIREMENT,
	KIND_USER_NOTIFICATION,
	KIND_NOTIFICATION_CENTER,
	KINDS,
};

typedef struct object *ref;

/* A CFRange, which programs pass by value. */
struct range {
	long location, length;
};

enum { MOST_PARTS = 4 };

/* The content of an object depends on the shape of its kind: kinds in corefoundation.c. */
struct object {
	uint64_t mark; /* ALIVE or RELEASED */
	enum kind kind;
	long references; /* CONSTANT for an object that is never released */
	union {
		bool boolean;
		double date; /* seconds since the beginning of 2001 in UTC */
		struct {
			int type;
			int64_t integer;
			double real;
		} number;
		struct {
			char *start; /* with a NUL after it */
			size_t length;
		} bytes; /* data, a string in UTF-8, the path of a URL */
		struct {
			ref *keys, *values; /* an array has no keys */
			long count, capacity;
			bool retains_keys, retains_values;
		} collection;
		struct {
			ref parts[MOST_PARTS];
			long number;
		} record; /* the content of other kinds, documented where they are made */
	};
};

#define ALIVE UINT64_C(0x616c697665212121)
#define RELEASED UINT64_C(0x72656c6561736564)
#define CONSTANT (INT64_C(1) << 60)

/* CONSTANT_STRING initialises a string that is never released. */
#define CONSTANT_STRING(text) \
	{.mark = ALIVE, .kind = KIND_STRING, .references = CONSTANT, .bytes = {(char *)(text), sizeof(text) - 1}}

/* corefoundation.c: every object. */

ref new_object(enum kind kind);
/* retain returns its argument. Both take NULL, which a program's CFRetain and CFRelease do not. */
ref retain(ref object);
void release(ref object);
/* expect returns the object at a pointer from the program, and ends the program if it is not of the kind. */
ref expect(const void *pointer, enum kind kind, const char *function);
/* object_at is expect for any kind. */
ref object_at(const void *pointer, const char *function);
/* misuse ends the program, with SIGABRT, for an error that macOS does not tolerate. */
void misuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
bool equal(ref one, ref other);
const char *kind_name(enum kind kind);
/* check_releases returns the exit status for a program that wants to end with a status. */
int check_releases(int status);

/* cfstring.c, cfvalues.c */

ref new_bytes(enum kind kind, const void *start, size_t length);
/* new_string returns NULL if the text is not UTF-8. */
ref new_string(const char *text, size_t length);
bool is_utf8(const char *text, size_t length);
/* is_text reports whether a string is the text. */
bool is_text(ref string, const char *text);
ref new_integer(int64_t value);
ref new_real(double value);
ref new_date(double since_2001);
extern struct object null_object, true_object, false_object;

/* cfcollections.c: arrays and dictionaries that retain their values. */

ref new_array(void);
ref new_dictionary(void);
/* append and set take the caller's reference. */
void append(ref array, ref value);
void set(ref dictionary, const char *key, ref value);
/* get returns the value, which the dictionary still owns, or NULL. */
ref get(ref dictionary, const char *key);
ref get_by(ref dictionary, ref key);

/* cferror.c */

ref new_error(const char *domain, long code, const char *description);

/* json.c: read_json returns the value of a file as objects, or NULL with a reason. */
ref read_json(const char *path, const char **reason);
