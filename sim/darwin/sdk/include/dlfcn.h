/* Our own declarations of the part of macOS's dlfcn.h that runtime/cgo and cgo use. Nothing here is Apple's header. */
#pragma once
#define RTLD_LAZY 1
#define RTLD_DEFAULT ((void *)-2)

void *dlopen(const char *, int);
void *dlsym(void *, const char *);
char *dlerror(void);
int dlclose(void *);
