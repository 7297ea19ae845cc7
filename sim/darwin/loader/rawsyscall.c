/*
 * System calls that the program makes itself, with the SYSCALL instruction, as Go's syscall.Syscall and Syscall6 do on
 * darwin/amd64. seccomp(2) turns those of class 0x2000000 (UNIX) into SIGSYS; Linux's own numbers are far below.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader.h"

enum { CLASS_MASK = (int)0xff000000, UNIX_CLASS = 0x02000000 };

void begin_raw_system_calls(void) {
	/* The filter survives execve(2). A program that a darwin program has started needs no second one. */
	if (syscall(UNIX_CLASS | DARWIN_SYS_GETPID) == getpid()) return;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, CLASS_MASK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UNIX_CLASS, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {LENGTH(filter), filter};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return;
	/* Without root a filter needs this; programs like su then have no more rights than the user. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) die("seccomp: %m");
}

/*
 * proc_info(2), which libproc calls: https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/proc_info.h and
 * bsd/kern/proc_info.c. A zombie has none of the requested data.
 */
enum { CALL_PIDINFO = 2, PIDPATHINFO = 11, PIDUNIQIDENTIFIERINFO = 17 };

struct unique_identifier {
	uint8_t uuid[16];
	uint64_t unique, parents_unique;
	int32_t version, original_parents_version;
	uint64_t reserved[2];
};
_Static_assert(sizeof(struct unique_identifier) == 56, "struct proc_uniqidentifierinfo");

static long process_identifier(int pid, struct unique_identifier *out, size_t size) {
	if (size < sizeof *out) return fail(DARWIN_ENOMEM);
	*out = (struct unique_identifier){.unique = pid_version(pid), .version = (int32_t)pid_version(pid)};
	return sizeof *out;
}

/* The path is the present path of the executable. It is ENOENT if the file has been deleted: vn_getpath in
   proc_pidpathinfo_internal. */
static long process_path(int pid, char *out, size_t size) {
	static const char deleted[] = " (deleted)";
	char path[4096];
	if (!current_executable(pid, path)) return fail(DARWIN_ESRCH);
	size_t length = strlen(path);
	if (length > strlen(deleted) && strcmp(path + length - strlen(deleted), deleted) == 0) return fail(DARWIN_ENOENT);
	if (length >= size) return fail(DARWIN_EOVERFLOW);
	strcpy(out, path);
	return 0;
}

static long darwin_proc_info(int call, int pid, int flavour, uint64_t argument, void *buffer, size_t size) {
	(void)argument;
	if (call == CALL_PIDINFO && !is_running(pid)) return fail(DARWIN_ESRCH);
	if (call == CALL_PIDINFO && flavour == PIDUNIQIDENTIFIERINFO) return process_identifier(pid, buffer, size);
	if (call == CALL_PIDINFO && flavour == PIDPATHINFO) return process_path(pid, buffer, size);
	unknown("proc_info call %d, flavour %d", call, flavour);
	return fail(DARWIN_EINVAL);
}

long raw_system_call(int number, const uint64_t a[6], bool *failed) {
	long value;
	switch (number) {
	case DARWIN_SYS_GETPID:
		value = getpid();
		break;
	case DARWIN_SYS_GETSOCKOPT:
		value = darwin_getsockopt(a[0], a[1], a[2], (void *)a[3], (uint32_t *)a[4]);
		break;
	case DARWIN_SYS_IOCTL:
		value = darwin_ioctl(a[0], a[1], a[2]);
		break;
	case DARWIN_SYS_PROC_INFO:
		value = darwin_proc_info(a[0], a[1], a[2], a[3], (void *)a[4], a[5]);
		break;
	default:
		unknown("system call %d", number);
		value = fail(DARWIN_ENOSYS);
	}
	*failed = value == -1;
	return *failed ? last_error() : value;
}
