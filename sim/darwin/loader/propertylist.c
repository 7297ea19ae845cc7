/*
 * CFPropertyListCreateData, for the binary format, as https://github.com/apple-oss-distributions/CF/blob/main/CFBinaryPList.c describes it: the
 * objects, a table of where each begins, and a trailer. An object refers to others by their numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "corefoundation.h"

enum { BINARY_FORMAT = 200 };
enum { REFERENCE_SIZE = 2, OFFSET_SIZE = 4, MOST_OBJECTS = 1 << 16 };

struct list {
	uint8_t *bytes;
	size_t length, capacity;
	uint32_t *offsets;
	long count;
	bool failed;
};

static void put(struct list *list, const void *bytes, size_t length) {
	if (list->length + length > list->capacity) {
		list->capacity = (list->length + length) * 2;
		list->bytes = reallocate(list->bytes, list->capacity);
	}
	memcpy(list->bytes + list->length, bytes, length);
	list->length += length;
}

/* Numbers are big-endian. */
static void put_number(struct list *list, uint64_t number, int size) {
	uint8_t bytes[8];
	for (int i = 0; i < size; i++) bytes[i] = number >> 8 * (size - 1 - i);
	put(list, bytes, size);
}

static void put_integer(struct list *list, int64_t value) {
	put_number(list, 0x13, 1);
	put_number(list, value, 8);
}

static void put_real(struct list *list, int marker, double value) {
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	put_number(list, marker, 1);
	put_number(list, bits, 8);
}

/* The lower half of a marker is the length; 15 says that the length follows as an integer. */
static void put_marker(struct list *list, int marker, size_t length) {
	put_number(list, marker | (length < 15 ? length : 15), 1);
	if (length >= 15) put_integer(list, length);
}

/* A string is ASCII, or else UTF-16. */
static void put_string(struct list *list, ref string) {
	const char *text = string->bytes.start;
	size_t length = string->bytes.length, units = 0;
	uint16_t *wide = allocate(length + 1, sizeof *wide);
	bool ascii = true;
	for (size_t at = 0; at < length;) {
		uint8_t first = text[at++];
		int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0x80 ? 1 : 0;
		uint32_t character = more == 0 ? first : first & (0x3f >> more);
		for (int i = 0; i < more; i++) character = character << 6 | (text[at++] & 0x3f);
		ascii = ascii && more == 0;
		if (character >= 0x10000) {
			wide[units++] = 0xd800 + ((character - 0x10000) >> 10);
			character = 0xdc00 + ((character - 0x10000) & 0x3ff);
		}
		wide[units++] = character;
	}
	put_marker(list, ascii ? 0x50 : 0x60, units);
	for (size_t i = 0; i < units; i++) put_number(list, wide[i], ascii ? 1 : 2);
	free(wide);
}

static long add(struct list *list, ref object);

/* An array or dictionary is written after its content, whose numbers it has. */
static void put_collection(struct list *list, ref collection, long number) {
	long count = collection->collection.count;
	bool is_dictionary = collection->kind == KIND_DICTIONARY;
	long *numbers = allocate(2 * count + 1, sizeof *numbers);
	for (long i = 0; is_dictionary && i < count; i++) {
		ref key = collection->collection.keys[i];
		if (key->kind != KIND_STRING) list->failed = true;
		numbers[i] = add(list, key);
	}
	for (long i = 0; i < count; i++) numbers[(is_dictionary ? count : 0) + i] = add(list, collection->collection.values[i]);
	list->offsets[number] = list->length;
	put_marker(list, is_dictionary ? 0xd0 : 0xa0, count);
	for (long i = 0; i < (is_dictionary ? 2 * count : count); i++) put_number(list, numbers[i], REFERENCE_SIZE);
	free(numbers);
}

/* add writes an object and returns its number. */
static long add(struct list *list, ref object) {
	if (list->count == MOST_OBJECTS) {
		list->failed = true;
		return 0;
	}
	long number = list->count++;
	list->offsets = reallocate(list->offsets, list->count * sizeof *list->offsets);
	list->offsets[number] = list->length;
	switch (object->kind) {
	case KIND_BOOLEAN:
		put_number(list, object->boolean ? 0x09 : 0x08, 1);
		break;
	case KIND_NUMBER:
		if (object->number.real == (double)object->number.integer) put_integer(list, object->number.integer);
		else put_real(list, 0x23, object->number.real);
		break;
	case KIND_DATE:
		put_real(list, 0x33, object->date);
		break;
	case KIND_DATA:
		put_marker(list, 0x40, object->bytes.length);
		put(list, object->bytes.start, object->bytes.length);
		break;
	case KIND_STRING:
		put_string(list, object);
		break;
	case KIND_ARRAY:
	case KIND_DICTIONARY:
		put_collection(list, object, number);
		break;
	default: /* a property list holds nothing else, not even CFNull */
		list->failed = true;
	}
	return number;
}

static ref darwin_CFPropertyListCreateData(void *allocator, const void *root, long format, unsigned long options, ref *error) {
	(void)allocator, (void)options;
	if (error != NULL) *error = NULL;
	if (format != BINARY_FORMAT) {
		unknown("property list format %ld", format);
		return NULL;
	}
	struct list list = {0};
	put(&list, "bplist00", 8);
	long top = add(&list, object_at(root, "CFPropertyListCreateData"));
	uint64_t table = list.length;
	for (long i = 0; i < list.count; i++) put_number(&list, list.offsets[i], OFFSET_SIZE);
	put_number(&list, 0, 6); /* five bytes are unused; the sixth is a version */
	put_number(&list, OFFSET_SIZE, 1);
	put_number(&list, REFERENCE_SIZE, 1);
	put_number(&list, list.count, 8);
	put_number(&list, top, 8);
	put_number(&list, table, 8);
	ref data = list.failed ? NULL : new_bytes(KIND_DATA, list.bytes, list.length);
	/* kCFErrorDomainCocoa, NSPropertyListWriteInvalidError */
	if (list.failed && error != NULL) *error = new_error("NSCocoaErrorDomain", 3852, "the object is not a property list");
	free(list.bytes);
	free(list.offsets);
	return data;
}

const struct symbol property_list_symbols[] = {
	{"CFPropertyListCreateData", darwin_CFPropertyListCreateData},
	{NULL, NULL},
};
