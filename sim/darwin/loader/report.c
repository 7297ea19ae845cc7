/* The loader's messages on standard error, and its fatal errors. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader.h"

void die(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	dprintf(STDERR_FILENO, "machorun: ");
	vdprintf(STDERR_FILENO, format, arguments);
	dprintf(STDERR_FILENO, "\n");
	va_end(arguments);
	_exit(126);
}

/* A text is printed once, so a test's output is readable and a call in a loop does not fill it. */
void unknown(const char *format, ...) {
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static char said[64][128];
	static size_t count;

	char text[128];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);

	pthread_mutex_lock(&mutex);
	bool known = false;
	for (size_t i = 0; i < count; i++) known = known || strcmp(said[i], text) == 0;
	if (!known && count < LENGTH(said)) strcpy(said[count++], text);
	pthread_mutex_unlock(&mutex);
	if (!known) dprintf(STDERR_FILENO, "machorun: unknown: %s\n", text);
}

void *allocate(size_t count, size_t size) {
	void *memory = calloc(count, size);
	if (memory == NULL) die("no memory");
	return memory;
}

void *reallocate(void *memory, size_t size) {
	memory = realloc(memory, size);
	if (memory == NULL) die("no memory");
	return memory;
}
