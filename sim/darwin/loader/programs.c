/* Starting programs: macOS's through the loader, Linux's directly. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "loader.h"

bool is_mach_o(const char *path) {
	enum { MH_MAGIC_64 = (int)0xfeedfacf }; /* debug/macho.Magic64 of Go */
	int descriptor = open(path, O_RDONLY | O_CLOEXEC), magic = 0;
	if (descriptor < 0) return false;
	bool read_all = read(descriptor, &magic, sizeof magic) == sizeof magic;
	close(descriptor);
	return read_all && magic == MH_MAGIC_64;
}

int execute(const char *path, char *const arguments[], char *const environment[]) {
	if (!is_mach_o(path)) return execve(path, arguments, environment);
	if (access(path, X_OK) != 0) return -1;
	size_t count = 0;
	while (arguments[count] != NULL) count++;
	char **all = allocate(count + 5, sizeof *all);
	size_t n = 0;
	all[n++] = "machorun";
	all[n++] = ARGV0_OPTION;
	all[n++] = count > 0 ? arguments[0] : (char *)path;
	all[n++] = (char *)path;
	for (size_t i = 1; i < count; i++) all[n++] = arguments[i];
	int status = execve(loader_path, all, environment);
	free(all);
	return status;
}
