/* Our own declarations of the part of macOS's string.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#include <stddef.h>

void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
size_t strlen(const char *);
int strcmp(const char *, const char *);
char *strncpy(char *, const char *, size_t);
char *strerror(int);
