/* Other processes, as /proc shows them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"

long read_whole(const char *path, char *buffer, size_t size) {
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) return -1;
	size_t length = 0;
	ssize_t n;
	while (length < size && (n = read(descriptor, buffer + length, size - length)) > 0) length += n;
	close(descriptor);
	return length;
}

/* The fields of /proc/PID/stat that follow the command, by their numbers in proc_pid_stat(5). */
enum { STAT_STATE = 3, STAT_PARENT = 4, STAT_GROUP = 5, STAT_START = 22, STAT_STACK = 28 };

/* stat_fields returns the text of /proc/PID/stat from its third field on. It also returns the command between the
   parentheses. */
static char *stat_fields(int pid, char *buffer, size_t size, char command[17]) {
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	long length = pid > 0 ? read_whole(path, buffer, size - 1) : -1;
	if (length <= 0) return NULL;
	buffer[length] = '\0';
	char *begin = strchr(buffer, '('), *end = strrchr(buffer, ')'); /* a command can contain parentheses itself */
	if (begin == NULL || end == NULL) return NULL;
	snprintf(command, 17, "%.*s", (int)(end - begin - 1), begin + 1);
	return end + 2;
}

static uint64_t stat_field(const char *fields, int number) {
	for (int i = STAT_STATE; i < number; i++) {
		fields = strchr(fields, ' ');
		if (fields == NULL) return 0;
		fields++;
	}
	return strtoull(fields, NULL, 10);
}

bool read_process(int pid, struct process *process) {
	char text[4096], path[64];
	char *fields = stat_fields(pid, text, sizeof text, process->command);
	if (fields == NULL) return false;
	process->state = fields[0];
	process->parent = stat_field(fields, STAT_PARENT);
	process->group = stat_field(fields, STAT_GROUP);
	process->start = stat_field(fields, STAT_START);
	struct stat directory;
	snprintf(path, sizeof path, "/proc/%d", pid);
	if (stat(path, &directory) != 0) return false;
	process->uid = directory.st_uid;
	return true;
}

bool is_running(int pid) {
	struct process process;
	return read_process(pid, &process) && process.state != 'Z';
}

/*
 * xnu gives a process another version of its pid each time that it executes a program: proc_setpidversion in
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/kern_exec.c. Here the version is built from the
 * start time of the process and the address of its stack, which changes with each execve(2).
 */
uint32_t pid_version(int pid) {
	char text[4096], command[17];
	char *fields = stat_fields(pid, text, sizeof text, command);
	if (fields == NULL) return 0;
	uint64_t mixed = stat_field(fields, STAT_START) * 0x9e3779b97f4a7c15 ^ stat_field(fields, STAT_STACK) * 0xc2b2ae3d27d4eb4f;
	return (uint32_t)(mixed >> 32) | 1;
}

bool read_command_line(int pid, struct command_line *line) {
	enum { MAXIMUM = 1 << 20 };
	char path[64], executable[PATH_MAX];
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	ssize_t length = readlink(path, executable, sizeof executable - 1);
	if (length < 0) return false;
	executable[length] = '\0';

	line->buffer = allocate(1, MAXIMUM);
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	long size = read_whole(path, line->buffer, MAXIMUM - 1);
	if (size < 0) {
		free(line->buffer);
		return false;
	}
	line->buffer[size] = '\0';
	line->count = 0;
	char **all = line->arguments;
	for (long at = 0; at < size && line->count < (int)LENGTH(line->arguments); at += strlen(line->buffer + at) + 1)
		all[line->count++] = line->buffer + at;

	/* For a darwin program the loader's own arguments are left out: machorun [--argv0 NAME] PROGRAM ARGUMENT... */
	if (strcmp(executable, loader_path) == 0 && line->count > 1) {
		bool named = line->count > 3 && strcmp(all[1], ARGV0_OPTION) == 0;
		int program = named ? 3 : 1;
		if (realpath(all[program], executable) == NULL) snprintf(executable, sizeof executable, "%s", all[program]);
		if (named) all[program] = all[2];
		line->count -= program;
		memmove(all, all + program, line->count * sizeof *all);
	}
	snprintf(line->executable, sizeof line->executable, "%s", executable);
	return true;
}

bool current_executable(int pid, char path[4096]) {
	char name[64];
	snprintf(name, sizeof name, "/proc/%d/exe", pid);
	ssize_t length = readlink(name, path, 4095);
	if (length < 0) return false;
	path[length] = '\0';
	if (strcmp(path, loader_path) != 0) return true;
	/* The lowest mapping of a darwin program is its text, which the loader maps from the program's file. */
	snprintf(name, sizeof name, "/proc/%d/maps", pid);
	FILE *maps = fopen(name, "re");
	if (maps == NULL) return false;
	char text[4096 + 128];
	bool found = fgets(text, sizeof text, maps) != NULL && strchr(text, '/') != NULL;
	fclose(maps);
	if (!found) return false;
	text[strcspn(text, "\n")] = '\0';
	snprintf(path, 4096, "%s", strchr(text, '/'));
	return true;
}
