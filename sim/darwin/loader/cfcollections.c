/*
 * CFArray and CFDictionary: https://developer.apple.com/documentation/corefoundation/cfarray and cfdictionary. Which callbacks a program passes
 * says whether the collection retains what it holds: with kCFType...CallBacks it does, and with NULL it holds bare pointers.
 */
#include <stdlib.h>
#include <string.h>

#include "corefoundation.h"

/* The structures that mean "these are objects". Only their addresses matter here. */
static const uint64_t array_callbacks[5], key_callbacks[6], value_callbacks[5];

static bool retains(const void *callbacks, const void *objects, const char *function) {
	if (callbacks != NULL && callbacks != objects) misuse("%s was called with callbacks that the loader does not know", function);
	return callbacks != NULL;
}

static void grow(ref collection) {
	if (collection->collection.count < collection->collection.capacity) return;
	long capacity = collection->collection.capacity * 2 + 8;
	collection->collection.keys = reallocate(collection->collection.keys, capacity * sizeof(ref));
	collection->collection.values = reallocate(collection->collection.values, capacity * sizeof(ref));
	collection->collection.capacity = capacity;
}

static ref new_collection(enum kind kind, bool retains_keys, bool retains_values) {
	ref collection = new_object(kind);
	collection->collection.retains_keys = retains_keys;
	collection->collection.retains_values = retains_values;
	return collection;
}

ref new_array(void) { return new_collection(KIND_ARRAY, false, true); }
ref new_dictionary(void) { return new_collection(KIND_DICTIONARY, true, true); }

/* insert takes the references that the collection retains. */
static void insert(ref collection, ref key, ref value) {
	grow(collection);
	collection->collection.keys[collection->collection.count] = key;
	collection->collection.values[collection->collection.count++] = value;
}

void append(ref array, ref value) { insert(array, NULL, value); }

void set(ref dictionary, const char *key, ref value) { insert(dictionary, new_string(key, strlen(key)), value); }

static long index_of(ref dictionary, ref key) {
	for (long i = 0; i < dictionary->collection.count; i++) {
		ref one = dictionary->collection.keys[i];
		if (one == key || (dictionary->collection.retains_keys && equal(one, key))) return i;
	}
	return -1;
}

ref get_by(ref dictionary, ref key) {
	long i = index_of(dictionary, key);
	return i < 0 ? NULL : dictionary->collection.values[i];
}

ref get(ref dictionary, const char *key) {
	for (long i = 0; i < dictionary->collection.count; i++)
		if (is_text(dictionary->collection.keys[i], key)) return dictionary->collection.values[i];
	return NULL;
}

/* checked retains an object that the program puts into a collection. */
static ref checked(const void *pointer, bool retained, const char *function) {
	return retained ? retain(object_at(pointer, function)) : (ref)pointer;
}

static ref darwin_CFArrayCreate(void *allocator, const void **values, long count, const void *callbacks) {
	(void)allocator;
	ref array = new_collection(KIND_ARRAY, false, retains(callbacks, array_callbacks, "CFArrayCreate"));
	for (long i = 0; i < count; i++) append(array, checked(values[i], array->collection.retains_values, "CFArrayCreate"));
	return array;
}

static ref darwin_CFArrayCreateMutable(void *allocator, long capacity, const void *callbacks) {
	(void)capacity;
	return darwin_CFArrayCreate(allocator, NULL, 0, callbacks);
}

static void darwin_CFArrayAppendValue(const void *pointer, const void *value) {
	ref array = expect(pointer, KIND_ARRAY, "CFArrayAppendValue");
	append(array, checked(value, array->collection.retains_values, "CFArrayAppendValue"));
}

static long darwin_CFArrayGetCount(const void *array) { return expect(array, KIND_ARRAY, "CFArrayGetCount")->collection.count; }

static ref darwin_CFArrayGetValueAtIndex(const void *pointer, long index) {
	ref array = expect(pointer, KIND_ARRAY, "CFArrayGetValueAtIndex");
	if (index < 0 || index >= array->collection.count)
		misuse("CFArrayGetValueAtIndex was called with %ld of %ld", index, array->collection.count);
	return array->collection.values[index];
}

static void darwin_CFArrayGetValues(const void *pointer, struct range range, ref *values) {
	ref array = expect(pointer, KIND_ARRAY, "CFArrayGetValues");
	if (range.location < 0 || range.length < 0 || range.location + range.length > array->collection.count)
		misuse("CFArrayGetValues was called with the range %ld, %ld of %ld", range.location, range.length, array->collection.count);
	memcpy(values, array->collection.values + range.location, range.length * sizeof *values);
}

static void set_value(ref dictionary, const void *key, const void *value, const char *function) {
	ref new_key = checked(key, dictionary->collection.retains_keys, function);
	ref new_value = checked(value, dictionary->collection.retains_values, function);
	long i = index_of(dictionary, new_key);
	if (i < 0) {
		insert(dictionary, new_key, new_value);
		return;
	}
	if (dictionary->collection.retains_keys) release(new_key);
	if (dictionary->collection.retains_values) release(dictionary->collection.values[i]);
	dictionary->collection.values[i] = new_value;
}

static ref darwin_CFDictionaryCreate(void *allocator, const void **keys, const void **values, long count, const void *of_keys,
				     const void *of_values) {
	(void)allocator;
	ref dictionary = new_collection(KIND_DICTIONARY, retains(of_keys, key_callbacks, "CFDictionaryCreate"),
					retains(of_values, value_callbacks, "CFDictionaryCreate"));
	for (long i = 0; i < count; i++) set_value(dictionary, keys[i], values[i], "CFDictionaryCreate");
	return dictionary;
}

static ref darwin_CFDictionaryCreateMutable(void *allocator, long capacity, const void *of_keys, const void *of_values) {
	(void)capacity;
	return darwin_CFDictionaryCreate(allocator, NULL, NULL, 0, of_keys, of_values);
}

static void darwin_CFDictionarySetValue(const void *pointer, const void *key, const void *value) {
	set_value(expect(pointer, KIND_DICTIONARY, "CFDictionarySetValue"), key, value, "CFDictionarySetValue");
}

static long darwin_CFDictionaryGetCount(const void *dictionary) {
	return expect(dictionary, KIND_DICTIONARY, "CFDictionaryGetCount")->collection.count;
}

static ref darwin_CFDictionaryGetValue(const void *pointer, const void *key) {
	ref dictionary = expect(pointer, KIND_DICTIONARY, "CFDictionaryGetValue");
	if (dictionary->collection.retains_keys) object_at(key, "CFDictionaryGetValue");
	return get_by(dictionary, (ref)key);
}

static uint8_t darwin_CFDictionaryGetValueIfPresent(const void *pointer, const void *key, ref *value) {
	ref dictionary = expect(pointer, KIND_DICTIONARY, "CFDictionaryGetValueIfPresent");
	if (dictionary->collection.retains_keys) object_at(key, "CFDictionaryGetValueIfPresent");
	long i = index_of(dictionary, (ref)key);
	if (i < 0) return 0;
	if (value != NULL) *value = dictionary->collection.values[i];
	return 1;
}

static void darwin_CFDictionaryGetKeysAndValues(const void *pointer, ref *keys, ref *values) {
	ref dictionary = expect(pointer, KIND_DICTIONARY, "CFDictionaryGetKeysAndValues");
	for (long i = 0; i < dictionary->collection.count; i++) {
		if (keys != NULL) keys[i] = dictionary->collection.keys[i];
		if (values != NULL) values[i] = dictionary->collection.values[i];
	}
}

const struct symbol collection_symbols[] = {
	{"kCFTypeArrayCallBacks", (void *)array_callbacks},
	{"kCFTypeDictionaryKeyCallBacks", (void *)key_callbacks},
	{"kCFTypeDictionaryValueCallBacks", (void *)value_callbacks},
	{"CFArrayCreate", darwin_CFArrayCreate},
	{"CFArrayCreateMutable", darwin_CFArrayCreateMutable},
	{"CFArrayAppendValue", darwin_CFArrayAppendValue},
	{"CFArrayGetCount", darwin_CFArrayGetCount},
	{"CFArrayGetValueAtIndex", darwin_CFArrayGetValueAtIndex},
	{"CFArrayGetValues", darwin_CFArrayGetValues},
	{"CFDictionaryCreate", darwin_CFDictionaryCreate},
	{"CFDictionaryCreateMutable", darwin_CFDictionaryCreateMutable},
	{"CFDictionarySetValue", darwin_CFDictionarySetValue},
	{"CFDictionaryGetCount", darwin_CFDictionaryGetCount},
	{"CFDictionaryGetValue", darwin_CFDictionaryGetValue},
	{"CFDictionaryGetValueIfPresent", darwin_CFDictionaryGetValueIfPresent},
	{"CFDictionaryGetKeysAndValues", darwin_CFDictionaryGetKeysAndValues},
	{NULL, NULL},
};
