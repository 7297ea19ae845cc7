/* Our own declarations of the part of macOS's stdio.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#include <stdarg.h>
#include <stddef.h>

typedef struct opaque_file FILE;
extern FILE *__stderrp;
#define stderr __stderrp

int fprintf(FILE *, const char *, ...);
int vfprintf(FILE *, const char *, va_list);
int fputc(int, FILE *);
