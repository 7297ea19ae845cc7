/* Finds the imports of a program. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader.h"

static const struct symbol *const of_system[] = {
	memory_symbols,	    thread_symbols,   clock_symbols,	file_symbols,	stat_symbols,	directory_symbols,
	descriptor_symbols, terminal_symbols, process_symbols,	identity_symbols, user_symbols, sysctl_symbols,
	limit_symbols,	    signal_symbols,   socket_symbols,	name_symbols,	kqueue_symbols, library_symbols,
	c_library_symbols,  NULL,
};
static const struct symbol *const of_corefoundation[] = {
	object_symbols, string_symbols, value_symbols, collection_symbols, property_list_symbols, notification_symbols, NULL,
};
static const struct symbol *const of_security[] = {keychain_symbols, trust_symbols, code_signing_symbols, NULL};
static const struct symbol *const of_system_configuration[] = {system_configuration_symbols, NULL};

/* Each library is linked to those above it. */
static const struct library {
	const char *path; /* a part of its path */
	const struct symbol *const *tables;
} libraries[] = {
	{"/usr/lib/lib", of_system}, /* libSystem.B and libresolv.9 */
	{"/System/Library/Frameworks/CoreFoundation.framework/", of_corefoundation},
	{"/System/Library/Frameworks/Security.framework/", of_security},
	{"/System/Library/Frameworks/SystemConfiguration.framework/", of_system_configuration},
};

const struct library *library_at(const char *path) {
	for (size_t i = 0; i < LENGTH(libraries); i++)
		if (strncmp(path, libraries[i].path, strlen(libraries[i].path)) == 0) return &libraries[i];
	return NULL;
}

static void *find_in_one(const struct library *library, const char *symbol) {
	for (const struct symbol *const *table = library->tables; *table != NULL; table++)
		for (const struct symbol *next = *table; next->name != NULL; next++)
			if (strcmp(next->name, symbol) == 0) return next->address;
	return NULL;
}

void *find_in(const struct library *library, const char *symbol) {
	const struct library *last = library != NULL ? library : &libraries[LENGTH(libraries) - 1];
	for (; last >= libraries; last--) {
		void *address = find_in_one(last, symbol);
		if (address != NULL) return address;
	}
	return NULL;
}

void print_symbols(const char *path) {
	const struct library *library = library_at(path);
	if (library == NULL) die("%s is not a library that the loader has", path);
	for (const struct symbol *const *table = library->tables; *table != NULL; table++)
		for (const struct symbol *next = *table; next->name != NULL; next++)
			printf("%s%s\n", strcmp(next->name, "dyld_stub_binder") == 0 ? "" : "_", next->name);
}

/* A program imports much that it never calls, so a missing symbol ends it only at the call. */
static void missing(const char *symbol, const char *library) {
	die("the program calls %s of %s, which the loader does not have", symbol, library);
}

/* write_stub writes machine code that calls missing(symbol, library): movabs rdi, rsi and rax; jmp rax. */
static void *write_stub(const char *symbol, const char *library) {
	enum { STUB = 48, PAGE = 4096 };
	static uint8_t *page;
	static size_t used = PAGE;
	if (used + STUB > PAGE) {
		page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED) die("mmap: %m");
		used = 0;
	}
	uint8_t *stub = page + used, *next = stub;
	used += STUB;
	static const uint8_t moves[3][2] = {{0x48, 0xbf}, {0x48, 0xbe}, {0x48, 0xb8}}, jump[] = {0xff, 0xe0};
	const uint64_t values[3] = {(uintptr_t)strdup(symbol), (uintptr_t)strdup(library), (uintptr_t)missing};
	for (int i = 0; i < 3; i++) {
		next = mempcpy(next, moves[i], sizeof moves[i]);
		next = mempcpy(next, &values[i], sizeof values[i]);
	}
	memcpy(next, jump, sizeof jump);
	return stub;
}

static const char *without_underscore(const char *symbol) {
	return *symbol == '_' ? symbol + 1 : symbol; /* in a program every name of C begins with one */
}

void *lookup(const char *symbol, const char *library) {
	symbol = without_underscore(symbol);
	const struct library *known = library_at(library);
	/* For each symbol, a program names the library that has it, not one that is linked to it. */
	void *address = known != NULL ? find_in_one(known, symbol) : NULL;
	return address != NULL ? address : write_stub(symbol, library);
}

void *lookup_in_all(const char *symbol, const char *const *paths, int count) {
	symbol = without_underscore(symbol);
	for (int i = 0; i < count; i++) {
		const struct library *known = library_at(paths[i]);
		void *address = known != NULL ? find_in(known, symbol) : NULL;
		if (address != NULL) return address;
	}
	return write_stub(symbol, "any library");
}
