/*
 * The loader's parts and their common declarations.
 *
 * A function that a darwin program imports from libSystem is called here darwin_NAME. It takes macOS's numbers, flags
 * and layouts, does the same with glibc, and returns what macOS returns. Each file has the functions of one theme and
 * ends with the table of symbols by which programs find them; symbols.c lists the tables.
 *
 * Numbers (DARWIN_...) and layouts (struct darwin_...) are in tables.h, which sim/darwin/tables writes from Go's own.
 * Constants that Go lacks are defined here or in the file that needs them, under macOS's name and with the source.
 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "tables.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* A function or variable that programs import, by its name without the leading underscore. */
struct symbol {
	const char *name;
	void *address;
};

/* A table of symbols ends with a name that is NULL. */
extern const struct symbol memory_symbols[], thread_symbols[], clock_symbols[], file_symbols[], stat_symbols[], directory_symbols[],
	descriptor_symbols[], terminal_symbols[], process_symbols[], identity_symbols[], user_symbols[], sysctl_symbols[],
	limit_symbols[], signal_symbols[], socket_symbols[], name_symbols[], kqueue_symbols[], library_symbols[], c_library_symbols[];
/* Those of frameworks. */
extern const struct symbol object_symbols[], string_symbols[], value_symbols[], collection_symbols[], property_list_symbols[], notification_symbols[],
	keychain_symbols[], trust_symbols[], code_signing_symbols[], system_configuration_symbols[];

/* report.c: the loader's messages on standard error, and its fatal errors. */

/* unknown reports, once for each distinct text, a thing that the loader does not know. */
void unknown(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* die reports why the program cannot be run, and ends the process with 126. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* allocate returns memory that is zero, and reallocate memory of another size; without memory they end the process. */
void *allocate(size_t count, size_t size);
void *reallocate(void *memory, size_t size);

/* errors.c: errno. */

/* error_number returns macOS's number of Linux's error. */
int error_number(int on_linux);
/* result converts a return value: for -1 it sets macOS's errno from Linux's. */
long result(long value);
/* fail sets macOS's errno and returns -1. */
long fail(int darwin_error);
/* last_error and set_last_error are macOS's errno of this thread. */
int last_error(void);
void set_last_error(int darwin_error);
int *darwin_error(void);

/* flags.c: translation of flags by tables. */

struct flag {
	unsigned long on_darwin, on_linux;
};
#define TO_LINUX(table, flags) flags_to_linux(table, LENGTH(table), flags)
#define TO_DARWIN(table, flags) flags_to_darwin(table, LENGTH(table), flags)
unsigned long flags_to_linux(const struct flag *table, size_t length, unsigned long flags);
unsigned long flags_to_darwin(const struct flag *table, size_t length, unsigned long flags);

/* threads.c */

/* begin_thread gives this thread the data that Go expects at the GS register. Every thread that runs the program's code
   calls it first. */
void begin_thread(void);

/* signals.c */

int signal_to_linux(int on_darwin);
int signal_to_darwin(int on_linux);
/* begin_signals reads which signals are ignored, as exec(2) leaves them. */
void begin_signals(void);

/* rawsyscall.c */

/* begin_raw_system_calls lets SYSCALL instructions with macOS's numbers raise SIGSYS, which raw_system_call answers. */
void begin_raw_system_calls(void);
long raw_system_call(int number, const uint64_t arguments[6], bool *failed);

/* files.c, directories.c */

int open_flags_to_linux(int on_darwin);
int open_flags_to_darwin(int on_linux);
/* directory_descriptor is the dirfd argument of the ...at functions. */
int directory_descriptor(int on_darwin);
int at_flags_to_linux(int on_darwin);

/* terminal.c */
long darwin_ioctl(int descriptor, unsigned long request, long argument);

/* kqueue.c, vnode.c */

/* forget_descriptor removes the descriptor's filters from every kqueue. It is called before the descriptor is closed. */
void forget_descriptor(int descriptor);
/* forget_kqueues is called in a child after fork(2): a kqueue is not inherited. */
void forget_kqueues(void);

/* sockets.c, peers.c */

socklen_t address_to_linux(const void *on_darwin, uint32_t length, struct sockaddr_storage *address);
void address_to_darwin(const struct sockaddr_storage *address, socklen_t length, void *on_darwin, uint32_t *darwin_length);
int family_to_linux(int on_darwin);
int family_to_darwin(int on_linux);
long darwin_getsockopt(int descriptor, int level, int option, void *value, uint32_t *length);
long peer_option(int descriptor, int option, void *value, uint32_t *length);

/* loading.c and main.c */

extern char loader_path[];
struct program {
	char path[4096];
	uint64_t entry;
	bool is_main; /* the entry is the function main of C, as Apple's linker and lld write it for cgo */
};
/* load maps a program and binds its imports. */
void load(const char *path, struct program *program);
/* lookup returns the address of a program's import from a library. A call of a missing one ends the program, with its
   name. */
void *lookup(const char *symbol, const char *library);
/* lookup_in_all returns the address of a program's import from any of its libraries. */
void *lookup_in_all(const char *symbol, const char *const *libraries, int count);

/* symbols.c: the available libraries. */

struct library;
/* library_at returns the library at a path of macOS, or NULL. */
const struct library *library_at(const char *path);
/* find_in returns the address of a symbol in a library, or in those that it is linked to; NULL if none has it. A NULL
   library means all of them. */
void *find_in(const struct library *library, const char *symbol);
/* print_symbols prints the names in a library at a path, as a program imports them. */
void print_symbols(const char *path);

/* programs.c: detects darwin programs, and starts them. */

/* is_mach_o reports whether a file is a Mach-O program. */
bool is_mach_o(const char *path);
/* execute is execve(2) for darwin programs, which the loader runs, and for Linux's. */
int execute(const char *path, char *const arguments[], char *const environment[]);
/* The name by which execute passes argv[0] to the loader. */
#define ARGV0_OPTION "--argv0"

/* proc.c: other processes, from /proc. */

struct process {
	char state;
	int parent, group;
	uint64_t start; /* in ticks since boot */
	char command[17];
	uint32_t uid;
};
/* read_process fills in a process; it returns false if none has the pid. */
bool read_process(int pid, struct process *process);
/* is_running reports whether a process has the pid and is not a zombie. */
bool is_running(int pid);
/* pid_version is a number that no other process with the same pid has; 0 if none has the pid. */
uint32_t pid_version(int pid);
/* read_whole reads a file of /proc into a buffer and returns the number of bytes, or -1. */
long read_whole(const char *path, char *buffer, size_t size);
/* The arguments and the executable of a process, as its program was started. */
struct command_line {
	char executable[4096];
	char *buffer;
	int count;
	char *arguments[4096];
};
/* read_command_line fills in those of a process; it returns false if none has the pid. The caller frees buffer. */
bool read_command_line(int pid, struct command_line *line);
/* current_executable is the present path of a process's executable; " (deleted)" follows if it has been deleted. It
   returns false if none has the pid. */
bool current_executable(int pid, char path[4096]);
