/* Signals: their numbers, masks and actions, and the call of the program's handlers. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "loader.h"

/* From bsd/sys/signal.h of xnu; Go's tables lack them. https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/signal.h */
#define DARWIN_SA_NOCLDSTOP 0x0008
#define DARWIN_SA_NODEFER 0x0010
#define DARWIN_SA_NOCLDWAIT 0x0020
#define DARWIN_SIG_BLOCK 1
#define DARWIN_SIG_UNBLOCK 2
#define DARWIN_SIG_SETMASK 3
#define DARWIN_SS_ONSTACK 0x0001
#define DARWIN_SS_DISABLE 0x0004
#define DARWIN_SI_USER 0x10001
#define DARWIN_SEGV_MAPERR 1
#define HIGHEST_SIGNAL 31

/* The loader itself needs SIGSYS: it means that the program has made a system call of macOS's. */
enum { LOADERS_SIGNAL = SIGSYS };

int signal_to_linux(int on_darwin) {
	for (size_t i = 0; i < LENGTH(darwin_signals); i++)
		if (darwin_signals[i].on_darwin == on_darwin) return darwin_signals[i].on_linux;
	return on_darwin == 0 ? 0 : -1; /* SIGEMT and SIGINFO do not exist on Linux */
}

int signal_to_darwin(int on_linux) {
	for (size_t i = 0; i < LENGTH(darwin_signals); i++)
		if (darwin_signals[i].on_linux == on_linux) return darwin_signals[i].on_darwin;
	return 0;
}

/* A mask of macOS has bit N-1 for signal N. */
static void mask_to_linux(uint32_t on_darwin, sigset_t *on_linux) {
	sigemptyset(on_linux);
	for (size_t i = 0; i < LENGTH(darwin_signals); i++)
		if (on_darwin >> (darwin_signals[i].on_darwin - 1) & 1 && darwin_signals[i].on_linux != LOADERS_SIGNAL)
			sigaddset(on_linux, darwin_signals[i].on_linux);
}

static uint32_t mask_to_darwin(const sigset_t *on_linux) {
	uint32_t on_darwin = 0;
	for (size_t i = 0; i < LENGTH(darwin_signals); i++)
		if (sigismember(on_linux, darwin_signals[i].on_linux) == 1) on_darwin |= UINT32_C(1) << (darwin_signals[i].on_darwin - 1);
	return on_darwin;
}

/* struct sigaction as sigaction(2) takes it: usigactiont of Go's runtime, with the handler as a number. */
struct darwin_action {
	uintptr_t handler;
	uint32_t mask;
	int32_t flags;
};
_Static_assert(sizeof(struct darwin_action) == sizeof(struct darwin_usigactiont), "struct sigaction");
enum { DEFAULT_ACTION = 0, IGNORE = 1 };

static struct darwin_action actions[HIGHEST_SIGNAL + 1];

static bool is_fault(int number) {
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP;
}

/* siginfo of macOS: for a fault the address and the reason, otherwise the sender. */
static struct darwin_siginfo info_to_darwin(int on_darwin, const siginfo_t *info) {
	struct darwin_siginfo out = {.signo = on_darwin, .code = info->si_code > 0 ? info->si_code : DARWIN_SI_USER};
	if (!is_fault(info->si_signo)) {
		out.pid = info->si_pid;
		out.uid = info->si_uid;
		return out;
	}
	out.addr = (uintptr_t)info->si_addr;
	if (info->si_signo == SIGSEGV && info->si_code == SI_KERNEL) out.code = DARWIN_SEGV_MAPERR; /* an address that is not canonical */
	return out;
}

/* The registers in the order of regs64; segments are left out. */
static const int registers[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RDI, REG_RSI, REG_RBP, REG_RSP, REG_R8,
				REG_R9,	 REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL};

static void registers_to_darwin(const greg_t *in, struct darwin_regs64 *out) {
	uint64_t *next = &out->rax;
	for (size_t i = 0; i < LENGTH(registers); i++) next[i] = in[registers[i]];
}

static void registers_to_linux(const struct darwin_regs64 *in, greg_t *out) {
	const uint64_t *next = &in->rax;
	for (size_t i = 0; i < LENGTH(registers); i++) out[registers[i]] = next[i];
}

/*
 * A system call that seccomp has caught. macOS takes the number in RAX without the class (0x2000000). On failure it
 * sets the carry flag and returns errno in RAX:
 * https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/mach/i386/syscall_sw.h
 */
static void answer_system_call(greg_t *registers_of_call) {
	enum { NUMBER = 0xffffff, CARRY = 1 };
	greg_t *r = registers_of_call;
	uint64_t arguments[6] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]};
	bool failed;
	r[REG_RAX] = raw_system_call(r[REG_RAX] & NUMBER, arguments, &failed);
	r[REG_RDX] = 0;
	r[REG_EFL] = failed ? r[REG_EFL] | CARRY : r[REG_EFL] & ~CARRY;
}

/* handle is the handler of every signal. It calls the program's own, which may change the registers, as Go's does to preempt. */
static void handle(int on_linux, siginfo_t *info, void *context) {
	enum { SYS_SECCOMP_ = 1 }; /* sigaction(2) */
	int saved = errno, saved_on_darwin = last_error();
	ucontext_t *in = context;
	greg_t *general = in->uc_mcontext.gregs;
	int on_darwin = signal_to_darwin(on_linux);
	if (on_linux == SIGSYS && info->si_code == SYS_SECCOMP_) {
		answer_system_call(general);
	} else if (actions[on_darwin].handler > IGNORE) {
		struct darwin_siginfo out = info_to_darwin(on_darwin, info);
		struct darwin_mcontext64 machine = {
			.es = {.trapno = general[REG_TRAPNO], .err = general[REG_ERR], .faultvaddr = general[REG_CR2]},
		};
		registers_to_darwin(general, &machine.ss);
		struct darwin_ucontext out_context = {
			.sigmask = mask_to_darwin(&in->uc_sigmask),
			.stack = {.sp = in->uc_stack.ss_sp, .size = in->uc_stack.ss_size},
			.mcsize = sizeof machine,
			.mcontext = &machine,
		};
		((void (*)(int, void *, void *))actions[on_darwin].handler)(on_darwin, &out, &out_context);
		registers_to_linux(&machine.ss, general);
	}
	errno = saved;
	set_last_error(saved_on_darwin);
}

static const struct flag action_flags[] = {
	{DARWIN_SA_ONSTACK, SA_ONSTACK},
	{DARWIN_SA_RESTART, SA_RESTART},
	{DARWIN_SA_NOCLDSTOP, SA_NOCLDSTOP},
	{DARWIN_SA_NODEFER, SA_NODEFER},
	{DARWIN_SA_NOCLDWAIT, SA_NOCLDWAIT},
};

static long darwin_sigaction(int number, const struct darwin_action *next, struct darwin_action *old) {
	if (number < 1 || number > HIGHEST_SIGNAL) return fail(DARWIN_EINVAL);
	struct darwin_action before = actions[number];
	if (old != NULL) *old = before;
	if (next == NULL) return 0;
	if (number == DARWIN_SIGKILL || number == DARWIN_SIGSTOP) return fail(DARWIN_EINVAL);
	actions[number] = *next;
	int on_linux = signal_to_linux(number);
	if (on_linux < 0 || on_linux == LOADERS_SIGNAL) return 0;
	struct sigaction action = {.sa_flags = TO_LINUX(action_flags, next->flags)};
	mask_to_linux(next->mask, &action.sa_mask);
	if (next->handler > IGNORE) {
		action.sa_flags |= SA_SIGINFO;
		action.sa_sigaction = handle;
	} else {
		action.sa_handler = next->handler == IGNORE ? SIG_IGN : SIG_DFL;
	}
	return result(sigaction(on_linux, &action, NULL));
}

void begin_signals(void) {
	for (size_t i = 0; i < LENGTH(darwin_signals); i++) {
		struct sigaction action;
		if (sigaction(darwin_signals[i].on_linux, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			actions[darwin_signals[i].on_darwin].handler = IGNORE;
	}
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
	sigaction(LOADERS_SIGNAL, &action, NULL);
	sigset_t ours;
	sigemptyset(&ours);
	sigaddset(&ours, LOADERS_SIGNAL);
	sigprocmask(SIG_UNBLOCK, &ours, NULL);
}

static int darwin_pthread_sigmask(int how, const uint32_t *next, uint32_t *old) {
	sigset_t next_on_linux, old_on_linux;
	if (next != NULL) mask_to_linux(*next, &next_on_linux);
	int how_on_linux = how == DARWIN_SIG_BLOCK ? SIG_BLOCK : how == DARWIN_SIG_UNBLOCK ? SIG_UNBLOCK : SIG_SETMASK;
	int error = pthread_sigmask(how_on_linux, next != NULL ? &next_on_linux : NULL, &old_on_linux);
	if (error == 0 && old != NULL) *old = mask_to_darwin(&old_on_linux);
	return error_number(error);
}

static long darwin_sigaltstack(const struct darwin_stackt *next, struct darwin_stackt *old) {
	stack_t next_on_linux, old_on_linux;
	if (next != NULL)
		next_on_linux = (stack_t){.ss_sp = next->sp, .ss_size = next->size, .ss_flags = next->flags & DARWIN_SS_DISABLE ? SS_DISABLE : 0};
	long status = sigaltstack(next != NULL ? &next_on_linux : NULL, &old_on_linux);
	if (status == 0 && old != NULL) {
		*old = (struct darwin_stackt){.sp = old_on_linux.ss_sp, .size = old_on_linux.ss_size};
		if (old_on_linux.ss_flags & SS_DISABLE) old->flags |= DARWIN_SS_DISABLE;
		if (old_on_linux.ss_flags & SS_ONSTACK) old->flags |= DARWIN_SS_ONSTACK;
	}
	return result(status);
}

/*
 * kill(2). A process group of zombies only is EPERM, but not an error on Linux: killpg1 and killpg1_pgrpfilt in xnu,
 * which leave zombies out, https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/kern_sig.c.
 */
static bool group_is_dead(pid_t group) {
	DIR *processes = opendir("/proc");
	bool zombie = false, alive = false;
	for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
		struct process process;
		if (!read_process(atoi(entry->d_name), &process) || process.group != group) continue;
		if (process.state == 'Z') zombie = true;
		else alive = true;
	}
	if (processes != NULL) closedir(processes);
	return zombie && !alive;
}

static long darwin_kill(pid_t pid, int number) {
	int on_linux = signal_to_linux(number);
	if (on_linux < 0) return fail(DARWIN_EINVAL);
	if (pid < -1 && group_is_dead(-pid)) return fail(DARWIN_EPERM);
	return result(kill(pid, on_linux));
}

static long darwin_raise(int number) {
	int on_linux = signal_to_linux(number);
	return on_linux < 0 ? fail(DARWIN_EINVAL) : result(raise(on_linux));
}

static long darwin_sigfillset(uint32_t *mask) {
	*mask = ~UINT32_C(0);
	return 0;
}

const struct symbol signal_symbols[] = {
	{"sigaction", darwin_sigaction},
	{"pthread_sigmask", darwin_pthread_sigmask},
	{"sigaltstack", darwin_sigaltstack},
	{"kill", darwin_kill},
	{"raise", darwin_raise},
	{"sigfillset", darwin_sigfillset},
	{NULL, NULL},
};
