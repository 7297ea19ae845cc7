/* CFString: https://developer.apple.com/documentation/corefoundation/cfstring. Text is held in UTF-8; lengths and ranges are in UTF-16, as CFString's are. */
#include <stdlib.h>
#include <string.h>

#include "corefoundation.h"

enum { ENCODING_UTF8 = 0x08000100, ENCODING_ASCII = 0x0600, ENCODING_MAC_ROMAN = 0 };

ref new_bytes(enum kind kind, const void *start, size_t length) {
	ref object = new_object(kind);
	object->bytes.start = allocate(length + 1, 1);
	if (length > 0) memcpy(object->bytes.start, start, length);
	object->bytes.length = length;
	return object;
}

/* character_length returns the length of the character at the text in bytes; 0 if it is not UTF-8 (RFC 3629). */
static size_t character_length(const char *text, size_t left) {
	const uint8_t *at = (const uint8_t *)text;
	if (at[0] < 0x80) return 1;
	size_t length = at[0] >= 0xc2 && at[0] <= 0xdf ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 : at[0] >= 0xf0 && at[0] <= 0xf4 ? 4 : 0;
	if (length == 0 || length > left) return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80) return 0;
	bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
	bool surrogate = at[0] == 0xed && at[1] >= 0xa0, too_high = at[0] == 0xf4 && at[1] >= 0x90;
	return overlong || surrogate || too_high ? 0 : length;
}

bool is_utf8(const char *text, size_t length) {
	for (size_t at = 0, next; at < length; at += next) {
		next = character_length(text + at, length - at);
		if (next == 0) return false;
	}
	return true;
}

static bool is_ascii(ref string) {
	for (size_t i = 0; i < string->bytes.length; i++)
		if (string->bytes.start[i] & 0x80) return false;
	return true;
}

/* A character of four bytes in UTF-8 has two units in UTF-16. */
static long units(size_t bytes) { return bytes == 4 ? 2 : 1; }

static long utf16_length(ref string) {
	long length = 0;
	for (size_t at = 0, next; at < string->bytes.length; at += next) {
		next = character_length(string->bytes.start + at, string->bytes.length - at);
		length += units(next);
	}
	return length;
}

ref new_string(const char *text, size_t length) { return is_utf8(text, length) ? new_bytes(KIND_STRING, text, length) : NULL; }

bool is_text(ref string, const char *text) {
	return string != NULL && string->kind == KIND_STRING && string->bytes.length == strlen(text) &&
	       memcmp(string->bytes.start, text, string->bytes.length) == 0;
}

/* know_encoding reports an encoding that is not modelled; all others have only ASCII in common. */
static bool know_encoding(uint32_t encoding, const char *function) {
	if (encoding == ENCODING_UTF8 || encoding == ENCODING_ASCII || encoding == ENCODING_MAC_ROMAN) return true;
	unknown("%s with encoding %#x", function, encoding);
	return false;
}

static ref darwin_CFStringCreateWithBytes(void *allocator, const char *text, long length, uint32_t encoding, uint8_t external) {
	(void)allocator, (void)external;
	if (!know_encoding(encoding, "CFStringCreateWithBytes") || length < 0) return NULL;
	return new_string(text, length);
}

static ref darwin_CFStringCreateWithCString(void *allocator, const char *text, uint32_t encoding) {
	return darwin_CFStringCreateWithBytes(allocator, text, strlen(text), encoding, 0);
}

static long darwin_CFStringGetLength(const void *string) { return utf16_length(expect(string, KIND_STRING, "CFStringGetLength")); }

static long darwin_CFStringGetMaximumSizeForEncoding(long length, uint32_t encoding) { return encoding == ENCODING_UTF8 ? length * 3 : length; }

/* The pointer is to CFString's own text, which is UTF-8 only while it is ASCII. */
static const char *darwin_CFStringGetCStringPtr(const void *pointer, uint32_t encoding) {
	ref string = expect(pointer, KIND_STRING, "CFStringGetCStringPtr");
	return know_encoding(encoding, "CFStringGetCStringPtr") && is_ascii(string) ? string->bytes.start : NULL;
}

static uint8_t darwin_CFStringGetCString(const void *pointer, char *buffer, long size, uint32_t encoding) {
	ref string = expect(pointer, KIND_STRING, "CFStringGetCString");
	if (!know_encoding(encoding, "CFStringGetCString") || (encoding != ENCODING_UTF8 && !is_ascii(string))) return 0;
	if (size <= (long)string->bytes.length) return 0;
	memcpy(buffer, string->bytes.start, string->bytes.length + 1);
	return 1;
}

/* It returns how many UTF-16 units of the range it has converted. Without a buffer it only counts. */
static long darwin_CFStringGetBytes(const void *pointer, struct range range, uint32_t encoding, uint8_t loss, uint8_t external, char *buffer,
				    long size, long *used) {
	(void)loss, (void)external;
	ref string = expect(pointer, KIND_STRING, "CFStringGetBytes");
	if (range.location < 0 || range.length < 0 || range.location + range.length > utf16_length(string))
		misuse("CFStringGetBytes was called with the range %ld, %ld of %ld", range.location, range.length, utf16_length(string));
	long unit = 0, converted = 0, written = 0;
	if (know_encoding(encoding, "CFStringGetBytes")) {
		for (size_t at = 0, next; at < string->bytes.length && unit < range.location + range.length; at += next) {
			next = character_length(string->bytes.start + at, string->bytes.length - at);
			bool wanted = unit >= range.location;
			unit += units(next);
			if (!wanted) continue;
			if (buffer != NULL && written + (long)next > size) break;
			if (buffer != NULL) memcpy(buffer + written, string->bytes.start + at, next);
			written += next;
			converted += units(next);
		}
	}
	if (used != NULL) *used = written;
	return converted;
}

static ref darwin_CFStringCreateExternalRepresentation(void *allocator, const void *pointer, uint32_t encoding, uint8_t loss) {
	(void)allocator, (void)loss;
	ref string = expect(pointer, KIND_STRING, "CFStringCreateExternalRepresentation");
	if (!know_encoding(encoding, "CFStringCreateExternalRepresentation") || (encoding != ENCODING_UTF8 && !is_ascii(string))) return NULL;
	return new_bytes(KIND_DATA, string->bytes.start, string->bytes.length);
}

const struct symbol string_symbols[] = {
	{"CFStringCreateWithBytes", darwin_CFStringCreateWithBytes},
	{"CFStringCreateWithCString", darwin_CFStringCreateWithCString},
	{"CFStringGetLength", darwin_CFStringGetLength},
	{"CFStringGetMaximumSizeForEncoding", darwin_CFStringGetMaximumSizeForEncoding},
	{"CFStringGetCStringPtr", darwin_CFStringGetCStringPtr},
	{"CFStringGetCString", darwin_CFStringGetCString},
	{"CFStringGetBytes", darwin_CFStringGetBytes},
	{"CFStringCreateExternalRepresentation", darwin_CFStringCreateExternalRepresentation},
	{NULL, NULL},
};
