/*
 * machorun runs a darwin/amd64 program on Linux/amd64: machorun [--argv0 NAME] PROGRAM [ARGUMENT...] With --symbols
 * LIBRARY it prints what a program can import from a library.
 *
 * The program's machine code runs unchanged. Its imports from macOS's libSystem are functions of this loader
 * (loader.h).
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "corefoundation.h"

char loader_path[PATH_MAX];

/* enter begins the program: the stack pointer at argc, the other registers zero. It does not return. */
void enter(uint64_t entry, uint64_t *stack) __attribute__((noreturn));
__asm__(".text\n"
	".globl enter\n"
	"enter:\n"
	"	mov %rsi, %rsp\n"
	"	xor %eax, %eax\n"
	"	xor %ebx, %ebx\n"
	"	xor %ecx, %ecx\n"
	"	xor %edx, %edx\n"
	"	xor %ebp, %ebp\n"
	"	jmp *%rdi\n");

static size_t count(char *const *list) {
	size_t n = 0;
	while (list[n] != NULL) n++;
	return n;
}

/*
 * The stack as xnu lays it out for a program: argc, the arguments, NULL, the environment, NULL, Apple's strings, NULL.
 * Go's os.Executable reads executable_path of the last: exec_copyout_strings in
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/kern_exec.c.
 */
static void start(const struct program *program, char **arguments, char **environment) {
	size_t argument_count = count(arguments), environment_count = count(environment);
	uint64_t *stack = __builtin_alloca_with_align((argument_count + environment_count + 8) * sizeof *stack, 128), *next = stack;
	char *executable;
	if (asprintf(&executable, "executable_path=%s", program->path) < 0) die("no memory");
	*next++ = argument_count;
	char **argv = (char **)next;
	for (size_t i = 0; i <= argument_count; i++) *next++ = (uint64_t)arguments[i];
	for (size_t i = 0; i <= environment_count; i++) *next++ = (uint64_t)environment[i];
	*next++ = (uint64_t)executable;
	*next++ = 0;
	if (!program->is_main) enter(program->entry, stack);
	char **envp = argv + argument_count + 1, **apple = envp + environment_count + 1;
	exit(check_releases(((int (*)(int, char **, char **, char **))program->entry)(argument_count, argv, envp, apple)));
}

int main(int argc, char **argv, char **environment) {
	ssize_t length = readlink("/proc/self/exe", loader_path, sizeof loader_path - 1);
	if (length < 0) die("/proc/self/exe: %m");
	if (argc == 3 && strcmp(argv[1], "--symbols") == 0) {
		print_symbols(argv[2]);
		return 0;
	}
	char **arguments = argv + 1, *name = NULL;
	if (argc > 3 && strcmp(argv[1], ARGV0_OPTION) == 0) {
		name = argv[2];
		arguments = argv + 3;
	}
	if (arguments[0] == NULL) {
		fprintf(stderr, "usage: machorun [--argv0 NAME] PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	static struct program program;
	load(arguments[0], &program);
	if (name != NULL) arguments[0] = name;
	begin_thread();
	begin_signals();
	begin_raw_system_calls();
	start(&program, arguments, environment);
}
