/* CFNull, CFBoolean, CFNumber, CFDate, CFData, CFURL and CFError: https://developer.apple.com/documentation/corefoundation */
#include <stdlib.h>
#include <string.h>

#include "corefoundation.h"

struct object null_object = {.mark = ALIVE, .kind = KIND_NULL, .references = CONSTANT};
struct object true_object = {.mark = ALIVE, .kind = KIND_BOOLEAN, .references = CONSTANT, .boolean = true};
struct object false_object = {.mark = ALIVE, .kind = KIND_BOOLEAN, .references = CONSTANT};
static ref null = &null_object, yes = &true_object, no = &false_object;

static uint8_t darwin_CFBooleanGetValue(const void *boolean) { return expect(boolean, KIND_BOOLEAN, "CFBooleanGetValue")->boolean; }

/* CFNumberType: kCFNumberSInt8Type is 1. From 7 on they are the types of C; a number with one of them is created as one
   of the first six. */
enum number_type {
	SINT8 = 1,
	SINT16,
	SINT32,
	SINT64,
	FLOAT32,
	FLOAT64,
	CHAR,
	SHORT,
	INT,
	LONG,
	LONG_LONG,
	FLOAT,
	DOUBLE,
	INDEX,
	INTEGER,
	CG_FLOAT,
};

static enum number_type canonical(long type) {
	static const enum number_type of[] = {
		[SINT8] = SINT8,     [SINT16] = SINT16,	  [SINT32] = SINT32,	[SINT64] = SINT64,     [FLOAT32] = FLOAT32, [FLOAT64] = FLOAT64,
		[CHAR] = SINT8,	     [SHORT] = SINT16,	  [INT] = SINT32,	[LONG] = SINT64,       [LONG_LONG] = SINT64, [FLOAT] = FLOAT32,
		[DOUBLE] = FLOAT64,  [INDEX] = SINT64,	  [INTEGER] = SINT64,	[CG_FLOAT] = FLOAT64,
	};
	if (type < SINT8 || type > CG_FLOAT) misuse("%ld is not a CFNumberType", type);
	return of[type];
}

static bool is_real(int type) { return type == FLOAT32 || type == FLOAT64; }

ref new_integer(int64_t value) {
	ref number = new_object(KIND_NUMBER);
	number->number.type = SINT64;
	number->number.integer = value;
	number->number.real = value;
	return number;
}

ref new_real(double value) {
	ref number = new_object(KIND_NUMBER);
	number->number.type = FLOAT64;
	number->number.integer = value;
	number->number.real = value;
	return number;
}

static ref darwin_CFNumberCreate(void *allocator, long type, const void *value) {
	(void)allocator;
	int64_t integer = 0;
	double real = 0;
	switch (canonical(type)) {
	case SINT8:
		integer = *(const int8_t *)value;
		break;
	case SINT16:
		integer = *(const int16_t *)value;
		break;
	case SINT32:
		integer = *(const int32_t *)value;
		break;
	case SINT64:
		integer = *(const int64_t *)value;
		break;
	case FLOAT32:
		real = *(const float *)value;
		break;
	default:
		real = *(const double *)value;
	}
	ref number = is_real(canonical(type)) ? new_real(real) : new_integer(integer);
	number->number.type = canonical(type);
	return number;
}

static long darwin_CFNumberGetType(const void *number) { return expect(number, KIND_NUMBER, "CFNumberGetType")->number.type; }

/* It returns false if the value does not fit, and writes the truncated value. */
static uint8_t darwin_CFNumberGetValue(const void *pointer, long type, void *value) {
	ref number = expect(pointer, KIND_NUMBER, "CFNumberGetValue");
	int64_t integer = number->number.integer;
	double real = number->number.real;
	bool whole = !is_real(number->number.type) || real == (double)integer;
	switch (canonical(type)) {
	case SINT8:
		*(int8_t *)value = integer;
		return whole && *(int8_t *)value == integer;
	case SINT16:
		*(int16_t *)value = integer;
		return whole && *(int16_t *)value == integer;
	case SINT32:
		*(int32_t *)value = integer;
		return whole && *(int32_t *)value == integer;
	case SINT64:
		*(int64_t *)value = integer;
		return whole;
	case FLOAT32:
		*(float *)value = real;
		return (double)*(float *)value == real;
	default:
		*(double *)value = real;
		return is_real(number->number.type) || (int64_t)real == integer;
	}
}

/* A CFAbsoluteTime is in seconds since 2001-01-01T00:00:00Z. */
static const double since_1970 = 978307200;

ref new_date(double since_2001) {
	ref date = new_object(KIND_DATE);
	date->date = since_2001;
	return date;
}

static ref darwin_CFDateCreate(void *allocator, double since_2001) {
	(void)allocator;
	return new_date(since_2001);
}

static double darwin_CFDateGetAbsoluteTime(const void *date) { return expect(date, KIND_DATE, "CFDateGetAbsoluteTime")->date; }

static ref darwin_CFDataCreate(void *allocator, const void *bytes, long length) {
	(void)allocator;
	if (length < 0) misuse("CFDataCreate was called with the length %ld", length);
	return new_bytes(KIND_DATA, bytes, length);
}

static long darwin_CFDataGetLength(const void *data) { return expect(data, KIND_DATA, "CFDataGetLength")->bytes.length; }
static char *darwin_CFDataGetBytePtr(const void *data) { return expect(data, KIND_DATA, "CFDataGetBytePtr")->bytes.start; }

static void darwin_CFDataGetBytes(const void *pointer, struct range range, void *buffer) {
	ref data = expect(pointer, KIND_DATA, "CFDataGetBytes");
	if (range.location < 0 || range.length < 0 || range.location + range.length > (long)data->bytes.length)
		misuse("CFDataGetBytes was called with the range %ld, %ld of %zu", range.location, range.length, data->bytes.length);
	memcpy(buffer, data->bytes.start + range.location, range.length);
}

static ref darwin_CFURLCreateFromFileSystemRepresentation(void *allocator, const char *path, long length, uint8_t is_directory) {
	(void)allocator, (void)is_directory;
	return length > 0 ? new_bytes(KIND_URL, path, length) : NULL;
}

/* The parts of an error are its domain and its description. */
ref new_error(const char *domain, long code, const char *description) {
	ref error = new_object(KIND_ERROR);
	error->record.parts[0] = new_string(domain, strlen(domain));
	error->record.parts[1] = new_string(description, strlen(description));
	error->record.number = code;
	return error;
}

static long darwin_CFErrorGetCode(const void *error) { return expect(error, KIND_ERROR, "CFErrorGetCode")->record.number; }
static ref darwin_CFErrorGetDomain(const void *error) { return expect(error, KIND_ERROR, "CFErrorGetDomain")->record.parts[0]; }
static ref darwin_CFErrorCopyDescription(const void *error) {
	return retain(expect(error, KIND_ERROR, "CFErrorCopyDescription")->record.parts[1]);
}

const struct symbol value_symbols[] = {
	{"kCFNull", &null},
	{"kCFBooleanTrue", &yes},
	{"kCFBooleanFalse", &no},
	{"kCFAbsoluteTimeIntervalSince1970", (void *)&since_1970},
	{"CFBooleanGetValue", darwin_CFBooleanGetValue},
	{"CFNumberCreate", darwin_CFNumberCreate},
	{"CFNumberGetType", darwin_CFNumberGetType},
	{"CFNumberGetValue", darwin_CFNumberGetValue},
	{"CFDateCreate", darwin_CFDateCreate},
	{"CFDateGetAbsoluteTime", darwin_CFDateGetAbsoluteTime},
	{"CFDataCreate", darwin_CFDataCreate},
	{"CFDataGetLength", darwin_CFDataGetLength},
	{"CFDataGetBytePtr", darwin_CFDataGetBytePtr},
	{"CFDataGetBytes", darwin_CFDataGetBytes},
	{"CFURLCreateFromFileSystemRepresentation", darwin_CFURLCreateFromFileSystemRepresentation},
	{"CFErrorGetCode", darwin_CFErrorGetCode},
	{"CFErrorGetDomain", darwin_CFErrorGetDomain},
	{"CFErrorCopyDescription", darwin_CFErrorCopyDescription},
	{NULL, NULL},
};
