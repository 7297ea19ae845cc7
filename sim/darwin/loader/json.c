/* Reads JSON as CoreFoundation's objects: the keychain of sim/filekeychain, and the values that tests give to
   SystemConfiguration. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "corefoundation.h"

struct reader {
	const char *next, *failed; /* failed is a reason */
};

static ref read_value(struct reader *reader);

static void skip_space(struct reader *reader) { reader->next += strspn(reader->next, " \t\r\n"); }

static ref refuse(struct reader *reader, const char *reason) {
	if (reader->failed == NULL) reader->failed = reason;
	return NULL;
}

static bool take(struct reader *reader, char wanted) {
	skip_space(reader);
	if (*reader->next != wanted) return false;
	reader->next++;
	return true;
}

static uint32_t read_unit(struct reader *reader) {
	char digits[5] = {0};
	strncpy(digits, reader->next, 4);
	reader->next += strlen(digits);
	return strtoul(digits, NULL, 16);
}

static char *put_character(char *out, uint32_t c) {
	if (c < 0x80) {
		*out++ = c;
		return out;
	}
	if (c >= 0x10000) *out++ = 0xf0 | c >> 18;
	if (c >= 0x10000) *out++ = 0x80 | (c >> 12 & 0x3f);
	else if (c >= 0x800) *out++ = 0xe0 | c >> 12;
	*out++ = c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6;
	*out++ = 0x80 | (c & 0x3f);
	return out;
}

static ref read_string(struct reader *reader) {
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	char *text = allocate(strlen(reader->next) + 1, 1), *out = text;
	while (*reader->next != '"') {
		char c = *reader->next;
		if (c == '\0') break;
		reader->next++;
		if (c != '\\') {
			*out++ = c;
			continue;
		}
		c = *reader->next;
		if (c == '\0') break;
		reader->next++;
		const char *known = strchr(escapes, c);
		if (c == 'u') {
			uint32_t unit = read_unit(reader);
			bool is_pair = unit >= 0xd800 && unit < 0xdc00 && strncmp(reader->next, "\\u", 2) == 0;
			if (is_pair) {
				reader->next += 2;
				unit = 0x10000 + ((unit - 0xd800) << 10) + (read_unit(reader) - 0xdc00);
			}
			out = put_character(out, unit);
		} else if (known != NULL) {
			*out++ = meanings[known - escapes];
		} else {
			refuse(reader, "an escape that JSON does not have");
		}
	}
	ref string = NULL;
	if (*reader->next == '"') {
		reader->next++;
		string = new_string(text, out - text);
		if (string == NULL) refuse(reader, "a string that is not UTF-8");
	} else {
		refuse(reader, "a string without an end");
	}
	free(text);
	return string;
}

static ref read_array(struct reader *reader) {
	ref array = new_array();
	if (take(reader, ']')) return array;
	do {
		ref value = read_value(reader);
		if (value == NULL) break;
		append(array, value);
	} while (take(reader, ','));
	if (!take(reader, ']')) refuse(reader, "an array without an end");
	return array;
}

static ref read_object(struct reader *reader) {
	ref dictionary = new_dictionary();
	if (take(reader, '}')) return dictionary;
	do {
		ref key = take(reader, '"') ? read_string(reader) : refuse(reader, "a key that is not a string");
		if (key == NULL) break;
		ref value = take(reader, ':') ? read_value(reader) : refuse(reader, "a key without a value");
		if (value != NULL) set(dictionary, key->bytes.start, value);
		release(key);
	} while (reader->failed == NULL && take(reader, ','));
	if (!take(reader, '}')) refuse(reader, "an object without an end");
	return dictionary;
}

static ref read_number(struct reader *reader) {
	char *end;
	double real = strtod(reader->next, &end);
	if (end == reader->next) return refuse(reader, "something that is not a value");
	bool whole = strcspn(reader->next, ".eE") >= (size_t)(end - reader->next);
	ref number = whole ? new_integer(strtoll(reader->next, NULL, 10)) : new_real(real);
	reader->next = end;
	return number;
}

static ref read_value(struct reader *reader) {
	static const struct {
		const char *word;
		ref value;
	} words[] = {{"true", &true_object}, {"false", &false_object}, {"null", &null_object}};
	if (take(reader, '{')) return read_object(reader);
	if (take(reader, '[')) return read_array(reader);
	if (take(reader, '"')) return read_string(reader);
	for (size_t i = 0; i < LENGTH(words); i++) {
		if (strncmp(reader->next, words[i].word, strlen(words[i].word)) == 0) {
			reader->next += strlen(words[i].word);
			return words[i].value;
		}
	}
	return read_number(reader);
}

ref read_json(const char *path, const char **reason) {
	enum { MOST = 4 << 20 };
	char *text = allocate(1, MOST);
	long length = read_whole(path, text, MOST - 1);
	ref value = NULL;
	*reason = length < 0 ? "it cannot be read" : NULL;
	if (length >= 0) {
		struct reader reader = {.next = text};
		value = read_value(&reader);
		skip_space(&reader);
		if (*reader.next != '\0') refuse(&reader, "more behind its value");
		*reason = reader.failed;
		if (reader.failed != NULL) {
			release(value);
			value = NULL;
		}
	}
	free(text);
	return value;
}
