/*
 * sysctl(3): the kernel's data about the computer, and about processes (kern.proc, kern.procargs2).
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/sysctl.h has the numbers, bsd/kern/kern_sysctl.c the
 * answers.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader.h"

enum {
	KERN_OSTYPE_ = 1,
	KERN_OSRELEASE_ = 2,
	KERN_VERSION_ = 4,
	KERN_HOSTNAME_ = 10,
	KERN_PROC_ = 14,
	KERN_BOOTTIME_ = 21,
	KERN_MAXFILESPERPROC_ = 29,
	KERN_UUID_ = 36,
	KERN_PROCARGS2_ = 49,
};
enum { PROC_ALL = 0, PROC_PID = 1, PROC_UID = 5 };
enum { HW_MACHINE_ = 1, HW_MODEL_ = 2, HW_NCPU_ = 3, HW_PAGESIZE_ = 7, HW_MEMSIZE_ = 24 };
/* Names without a number of their own have one here. */
enum { OSPRODUCTVERSION = 900, BOOTSESSIONUUID = 901, SOMAXCONN_ = 902 };

static const struct name {
	const char *name;
	int length, numbers[3];
} names[] = {
	{"kern.ostype", 2, {DARWIN_CTL_KERN, KERN_OSTYPE_}},
	{"kern.osrelease", 2, {DARWIN_CTL_KERN, KERN_OSRELEASE_}},
	{"kern.version", 2, {DARWIN_CTL_KERN, KERN_VERSION_}},
	{"kern.hostname", 2, {DARWIN_CTL_KERN, KERN_HOSTNAME_}},
	{"kern.boottime", 2, {DARWIN_CTL_KERN, KERN_BOOTTIME_}},
	{"kern.maxfilesperproc", 2, {DARWIN_CTL_KERN, KERN_MAXFILESPERPROC_}},
	{"kern.uuid", 2, {DARWIN_CTL_KERN, KERN_UUID_}},
	{"kern.osproductversion", 2, {DARWIN_CTL_KERN, OSPRODUCTVERSION}},
	{"kern.bootsessionuuid", 2, {DARWIN_CTL_KERN, BOOTSESSIONUUID}},
	{"kern.ipc.somaxconn", 2, {DARWIN_CTL_KERN, SOMAXCONN_}},
	{"kern.proc.all", 3, {DARWIN_CTL_KERN, KERN_PROC_, PROC_ALL}},
	{"kern.proc.pid", 3, {DARWIN_CTL_KERN, KERN_PROC_, PROC_PID}},
	{"kern.proc.uid", 3, {DARWIN_CTL_KERN, KERN_PROC_, PROC_UID}},
	{"kern.procargs2", 2, {DARWIN_CTL_KERN, KERN_PROCARGS2_}},
	{"hw.machine", 2, {DARWIN_CTL_HW, HW_MACHINE_}},
	{"hw.model", 2, {DARWIN_CTL_HW, HW_MODEL_}},
	{"hw.ncpu", 2, {DARWIN_CTL_HW, HW_NCPU_}},
	{"hw.pagesize", 2, {DARWIN_CTL_HW, HW_PAGESIZE_}},
	{"hw.memsize", 2, {DARWIN_CTL_HW, HW_MEMSIZE_}},
};

/* answer copies a value, or reports its length if out is NULL. If it does not fit, answer copies the part that fits. */
static long answer(const void *value, size_t length, void *out, size_t *size) {
	if (size == NULL) return 0;
	size_t room = *size;
	*size = length;
	if (out == NULL) return 0;
	memcpy(out, value, room < length ? room : length);
	if (room >= length) return 0;
	*size = room;
	return fail(DARWIN_ENOMEM);
}

static long answer_text(const char *text, void *out, size_t *size) { return answer(text, strlen(text) + 1, out, size); }
static long answer_int(int32_t number, void *out, size_t *size) { return answer(&number, sizeof number, out, size); }

static int64_t boot_time(void) {
	enum { MAXIMUM = 1 << 20 };
	static int64_t known;
	if (known != 0) return known;
	char *text = allocate(1, MAXIMUM);
	read_whole("/proc/stat", text, MAXIMUM - 1);
	const char *line = strstr(text, "btime ");
	if (line != NULL) known = strtoll(line + strlen("btime "), NULL, 10);
	free(text);
	return known;
}

/* struct kinfo_proc, with the fields that Linux knows. The states are SRUN, SSLEEP, SSTOP and SZOMB of
   bsd/sys/proc.h. */
static bool process_information(int pid, struct darwin_KinfoProc *out) {
	enum { SRUN = 2, SSLEEP = 3, SSTOP = 4, SZOMB = 5 };
	struct process process;
	if (!read_process(pid, &process)) return false;
	memset(out, 0, sizeof *out);
	long ticks = sysconf(_SC_CLK_TCK);
	out->proc.p_starttime.sec = boot_time() + process.start / ticks;
	out->proc.p_starttime.usec = process.start % ticks * (1000000 / ticks);
	out->proc.p_stat = process.state == 'Z' ? SZOMB : process.state == 'T' ? SSTOP : process.state == 'R' ? SRUN : SSLEEP;
	out->proc.p_pid = pid;
	snprintf((char *)out->proc.p_comm, sizeof out->proc.p_comm, "%s", process.command);
	out->eproc.pcred.p_ruid = process.uid;
	out->eproc.ucred.uid = process.uid;
	out->eproc.ppid = process.parent;
	out->eproc.pgid = process.group;
	return true;
}

static long one_process(int pid, void *out, size_t *size) {
	struct darwin_KinfoProc information;
	if (process_information(pid, &information)) return answer(&information, sizeof information, out, size);
	*size = 0; /* no such process: nothing, and no error */
	return 0;
}

/* All processes, or those of a user. Without a buffer the length has some room to spare, as sysctl_prochandle adds
   it. */
static long several_processes(bool all, uint32_t user, void *out, size_t *size) {
	enum { SPARE = 10 };
	struct darwin_KinfoProc *list = NULL;
	size_t count = 0, room = 0;
	DIR *processes = opendir("/proc");
	for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
		if (count == room) list = reallocate(list, (room = room * 2 + 64) * sizeof *list);
		int pid = atoi(entry->d_name);
		if (pid > 0 && process_information(pid, &list[count]) && (all || list[count].eproc.ucred.uid == user)) count++;
	}
	if (processes != NULL) closedir(processes);
	long status = answer(list, count * sizeof *list, out, size);
	if (out == NULL) *size += SPARE * sizeof *list;
	free(list);
	return status;
}

/*
 * kern.procargs2 (sysctl_procargsx in bsd/kern/kern_sysctl.c): the number of arguments; the executable's path at the
 * start of the process, with NULs up to a multiple of 8; the arguments; the environment. For a zombie, and for a
 * process of another user, the error is EINVAL.
 */
static long process_arguments(int pid, void *out, size_t *size) {
	enum { MAXIMUM = 1 << 20 };
	struct command_line *line = allocate(1, sizeof *line);
	if (!is_running(pid) || !read_command_line(pid, line)) {
		free(line);
		return fail(DARWIN_EINVAL);
	}
	char *text = allocate(1, 3 * MAXIMUM), *next = text;
	memcpy(next, &line->count, sizeof line->count);
	next += sizeof line->count;
	next = stpcpy(next, line->executable) + 1;
	next = text + ((next - text + 7) & ~7);
	for (int i = 0; i < line->count; i++) next = stpcpy(next, line->arguments[i]) + 1;
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/environ", pid);
	long environment = read_whole(path, next, MAXIMUM);
	if (environment > 0) next += environment;
	long status = 0;
	size_t length = next + 1 - text;
	if (out != NULL) { /* the rest is cut off without an error */
		if (*size < length) length = *size;
		memcpy(out, text, length);
	}
	*size = length;
	free(text);
	free(line->buffer);
	free(line);
	return status;
}

static long kernel_value(const int *numbers, unsigned length, void *out, size_t *size) {
	char text[256] = {0};
	int64_t time[2] = {0};
	switch (numbers[1]) {
	case KERN_OSTYPE_:
		return answer_text("Darwin", out, size);
	case KERN_OSRELEASE_:
		return answer_text("24.6.0", out, size);
	case OSPRODUCTVERSION:
		return answer_text("15.6", out, size);
	case KERN_VERSION_:
		return answer_text("Darwin Kernel Version 24.6.0 (usher's loader)", out, size);
	case KERN_HOSTNAME_:
		gethostname(text, sizeof text - 1);
		return answer_text(text, out, size);
	case KERN_BOOTTIME_:
		time[0] = boot_time();
		return answer(time, sizeof time, out, size);
	case BOOTSESSIONUUID:
		read_whole("/proc/sys/kernel/random/boot_id", text, 36);
		return answer_text(text, out, size);
	case KERN_UUID_:
		return answer_text("00000000-0000-0000-0000-000000000000", out, size);
	case KERN_MAXFILESPERPROC_:
		return answer_int(61440, out, size);
	case SOMAXCONN_:
		return answer_int(128, out, size);
	case KERN_PROCARGS2_:
		if (length >= 3) return process_arguments(numbers[2], out, size);
		break;
	case KERN_PROC_:
		if (length >= 4 && numbers[2] == PROC_PID) return one_process(numbers[3], out, size);
		if (length >= 4 && numbers[2] == PROC_UID) return several_processes(false, numbers[3], out, size);
		if (length >= 3 && numbers[2] == PROC_ALL) return several_processes(true, 0, out, size);
	}
	unknown("sysctl kern.%d", numbers[1]);
	return fail(DARWIN_ENOENT);
}

static long hardware_value(int number, void *out, size_t *size) {
	int64_t memory = INT64_C(8) << 30;
	switch (number) {
	case HW_MACHINE_:
		return answer_text("x86_64", out, size);
	case HW_MODEL_:
		return answer_text("Mac14,2", out, size);
	case HW_NCPU_:
		return answer_int(sysconf(_SC_NPROCESSORS_ONLN), out, size);
	case HW_PAGESIZE_:
		return answer_int(sysconf(_SC_PAGESIZE), out, size);
	case HW_MEMSIZE_:
		return answer(&memory, sizeof memory, out, size);
	}
	unknown("sysctl hw.%d", number);
	return fail(DARWIN_ENOENT);
}

/* A name's numbers: sysctl {0, 3} with the name as the new value (sysctlnametomib). */
static long numbers_of(const char *name, int *out, size_t *size) {
	for (size_t i = 0; i < LENGTH(names); i++)
		if (strcmp(name, names[i].name) == 0) return answer(names[i].numbers, names[i].length * sizeof *out, out, size);
	unknown("sysctl %s", name);
	return fail(DARWIN_ENOENT);
}

static long darwin_sysctl(const int *numbers, unsigned length, void *out, size_t *size, const void *next, size_t next_size) {
	enum { UNSPECIFIED = 0, NAME_TO_NUMBERS = 3 };
	if (length == 2 && numbers[0] == UNSPECIFIED && numbers[1] == NAME_TO_NUMBERS) {
		char name[256];
		snprintf(name, sizeof name, "%.*s", (int)next_size, (const char *)next);
		return numbers_of(name, out, size);
	}
	if (next != NULL) return fail(DARWIN_EPERM);
	if (length >= 2 && numbers[0] == DARWIN_CTL_KERN) return kernel_value(numbers, length, out, size);
	if (length >= 2 && numbers[0] == DARWIN_CTL_HW) return hardware_value(numbers[1], out, size);
	if (length >= 2 && numbers[0] == DARWIN_CTL_NET) { /* interfaces and routes: the list is empty */
		*size = 0;
		return 0;
	}
	unknown("sysctl %d", numbers[0]);
	return fail(DARWIN_ENOENT);
}

static long darwin_sysctlbyname(const char *name, void *out, size_t *size, const void *next, size_t next_size) {
	for (size_t i = 0; i < LENGTH(names); i++)
		if (strcmp(name, names[i].name) == 0) return darwin_sysctl(names[i].numbers, names[i].length, out, size, next, next_size);
	/* The processor's features, and whether Rosetta translates: not on this computer. */
	bool feature = strncmp(name, "hw.optional.", strlen("hw.optional.")) == 0;
	if (feature || strcmp(name, "sysctl.proc_translated") == 0) return answer_int(0, out, size);
	unknown("sysctl %s", name);
	return fail(DARWIN_ENOENT);
}

const struct symbol sysctl_symbols[] = {
	{"sysctl", darwin_sysctl},
	{"sysctlbyname", darwin_sysctlbyname},
	{NULL, NULL},
};
