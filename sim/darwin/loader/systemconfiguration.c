/*
 * SystemConfiguration: the content of configd's dynamic store,
 * https://developer.apple.com/documentation/systemconfiguration/scdynamicstore. The store is the JSON object in the
 * file that MACHORUN_DYNAMIC_STORE names, by the keys of macOS; it is read at each call. Without it nobody is on the
 * console, and no proxy is set. Callers pass no store of their own.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "corefoundation.h"

#define CONSOLE_USER "State:/Users/ConsoleUser"
#define PROXIES "State:/Network/Global/Proxies"

/* value_of returns a value that the caller releases, or NULL. */
static ref value_of(const char *key) {
	const char *path = getenv("MACHORUN_DYNAMIC_STORE"), *reason;
	if (path == NULL) return NULL;
	ref store = read_json(path, &reason);
	if (store == NULL || store->kind != KIND_DICTIONARY) misuse("the dynamic store %s: %s", path, reason != NULL ? reason : "not an object");
	ref value = retain(get(store, key));
	release(store);
	return value;
}

static void no_store(const void *store, const char *function) {
	if (store != NULL) unknown("%s with a store", function);
}

static ref darwin_SCDynamicStoreCopyValue(const void *store, const void *key) {
	no_store(store, "SCDynamicStoreCopyValue");
	return value_of(expect(key, KIND_STRING, "SCDynamicStoreCopyValue")->bytes.start);
}

/* Without settings, macOS still returns a dictionary, with the values of every Mac. */
static ref darwin_SCDynamicStoreCopyProxies(const void *store) {
	no_store(store, "SCDynamicStoreCopyProxies");
	ref proxies = value_of(PROXIES);
	if (proxies != NULL) return proxies;
	proxies = new_dictionary();
	set(proxies, "FTPPassive", new_integer(1));
	return proxies;
}

static void copy_number(ref from, const char *key, uint32_t *into) {
	ref number = get(from, key);
	if (into != NULL) *into = number != NULL && number->kind == KIND_NUMBER ? number->number.integer : 0;
}

static ref darwin_SCDynamicStoreCopyConsoleUser(const void *store, uint32_t *user, uint32_t *group) {
	no_store(store, "SCDynamicStoreCopyConsoleUser");
	ref value = value_of(CONSOLE_USER);
	if (value == NULL) return NULL;
	ref name = retain(get(value, "Name"));
	copy_number(value, "UID", user);
	copy_number(value, "GID", group);
	release(value);
	return name;
}

const struct symbol system_configuration_symbols[] = {
	{"SCDynamicStoreCopyValue", darwin_SCDynamicStoreCopyValue},
	{"SCDynamicStoreCopyProxies", darwin_SCDynamicStoreCopyProxies},
	{"SCDynamicStoreCopyConsoleUser", darwin_SCDynamicStoreCopyConsoleUser},
	{NULL, NULL},
};
