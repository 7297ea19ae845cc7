/*
 * Loads a Mach-O program for x86-64, as Go's linker writes it, or lld for cgo: maps its segments and binds its imports.
 * Each segment is mapped at the address that it was linked to, so nothing needs rebasing. The format is in
 * https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h and, as Go writes it, in
 * cmd/link/internal/ld/macho.go.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader.h"

enum { PAGE = 4096, MOST_SEGMENTS = 32, MOST_LIBRARIES = 64 };
enum { MH_MAGIC_64 = (int)0xfeedfacf, CPU_TYPE_X86_64 = 0x01000007 };
enum {
	LC_UNIXTHREAD = 0x5,
	LC_LOAD_DYLIB = 0xc,
	LC_SEGMENT_64 = 0x19,
	LC_DYLD_INFO = 0x22,
	LC_DYLD_INFO_ONLY = (int)0x80000022,
	LC_MAIN = (int)0x80000028,
};

struct header {
	uint32_t magic, cpu, cpu_subtype, file_type, commands, commands_size, flags, reserved;
};
struct command {
	uint32_t command, size;
};
struct segment_command {
	struct command command;
	char name[16];
	uint64_t address, size, file_offset, file_size;
	int32_t most_protection, protection;
	uint32_t sections, flags;
};
struct library_command {
	struct command command;
	uint32_t name_offset;
};
/* LC_UNIXTHREAD has a flavour, a length and the registers, in the order of regs64. */
struct thread_command {
	struct command command;
	uint32_t flavour, count;
	struct darwin_regs64 registers;
};
struct entry_command {
	struct command command;
	uint64_t offset, stack_size;
};
struct binding_command {
	struct command command;
	uint32_t rebase_offset, rebase_size, bind_offset, bind_size, weak_offset, weak_size, lazy_offset, lazy_size;
};

struct segment {
	uint64_t address, size;
	int protection;
};

/* The loaded program: one in a process. */
static struct {
	const uint8_t *file; /* the whole file, while it is loaded */
	size_t file_size;
	int descriptor;
	int segment_count, library_count;
	struct segment segments[MOST_SEGMENTS];
	const char *libraries[MOST_LIBRARIES];
	const struct binding_command *binding;
} image;

/* Whole pages are mapped from the file, so /proc shows the file of the text; the rest is copied. */
static void map_segment(const struct segment_command *in) {
	if (image.segment_count == MOST_SEGMENTS) die("more than %d segments", MOST_SEGMENTS);
	struct segment *segment = &image.segments[image.segment_count++];
	*segment = (struct segment){in->address, (in->size + PAGE - 1) & ~(uint64_t)(PAGE - 1), in->protection};
	if (in->size == 0 || in->address == 0) return; /* __PAGEZERO, where nothing is mapped anyway */
	if (in->file_offset + in->file_size > image.file_size) die("segment %.16s is longer than the file", in->name);

	char *at = (char *)in->address;
	const int writable = PROT_READ | PROT_WRITE;
	if (mmap(at, segment->size, writable, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at)
		die("map segment %.16s at %p: %m", in->name, (void *)at);
	uint64_t whole = in->file_offset % PAGE == 0 ? in->file_size & ~(uint64_t)(PAGE - 1) : 0;
	if (whole > 0 && mmap(at, whole, writable, MAP_PRIVATE | MAP_FIXED, image.descriptor, in->file_offset) == MAP_FAILED)
		die("map segment %.16s: %m", in->name);
	memcpy(at + whole, image.file + in->file_offset + whole, in->file_size - whole);
}

static uint64_t read_unsigned(const uint8_t **next) {
	uint64_t value = 0;
	for (int shift = 0;; shift += 7) {
		uint8_t byte = *(*next)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) return value;
	}
}

static int64_t read_signed(const uint8_t **next) {
	int64_t value = 0;
	int shift = 0;
	uint8_t byte;
	do {
		byte = *(*next)++;
		value |= (int64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && byte & 0x40) value |= -(INT64_C(1) << shift);
	return value;
}

/* The place for the next symbol, as the opcodes have set it. */
struct binding {
	const char *symbol;
	int library, segment;
	uint64_t offset;
	int64_t addend;
};

static void bind_one(struct binding *binding) {
	bool known = binding->library > 0 && binding->library <= image.library_count;
	uint64_t *place = (uint64_t *)(image.segments[binding->segment].address + binding->offset);
	/* Without a library it is BIND_SPECIAL_DYLIB_FLAT_LOOKUP, which Go's own linker writes for symbols that clang has
	   left to dyld. */
	void *found = known ? lookup(binding->symbol, image.libraries[binding->library - 1])
			    : lookup_in_all(binding->symbol, image.libraries, image.library_count);
	*place = (uint64_t)found + binding->addend;
	binding->offset += sizeof *place;
}

/* The opcodes are a small machine: BIND_OPCODE_... in loader.h. */
static void bind_all(const uint8_t *next, const uint8_t *end) {
	enum { OPCODE = 0xf0, IMMEDIATE = 0x0f };
	enum {
		DONE = 0x00,
		SET_LIBRARY = 0x10,
		SET_LIBRARY_LONG = 0x20,
		SET_LIBRARY_SPECIAL = 0x30,
		SET_SYMBOL = 0x40,
		SET_TYPE = 0x50,
		SET_ADDEND = 0x60,
		SET_PLACE = 0x70,
		ADD_OFFSET = 0x80,
		BIND = 0x90,
		BIND_ADD_OFFSET = 0xa0,
		BIND_ADD_SCALED = 0xb0,
		BIND_TIMES = 0xc0,
	};
	struct binding binding = {.symbol = ""};
	while (next < end) {
		int opcode = *next & OPCODE, immediate = *next & IMMEDIATE;
		next++;
		switch (opcode) {
		case DONE: /* of a lazy symbol: others follow */
		case SET_TYPE:
			break;
		case SET_LIBRARY:
			binding.library = immediate;
			break;
		case SET_LIBRARY_LONG:
			binding.library = read_unsigned(&next);
			break;
		case SET_LIBRARY_SPECIAL:
			binding.library = 0;
			break;
		case SET_SYMBOL:
			binding.symbol = (const char *)next;
			next += strlen(binding.symbol) + 1;
			break;
		case SET_ADDEND:
			binding.addend = read_signed(&next);
			break;
		case SET_PLACE:
			if (immediate >= image.segment_count) die("a symbol is bound in segment %d", immediate);
			binding.segment = immediate;
			binding.offset = read_unsigned(&next);
			break;
		case ADD_OFFSET:
			binding.offset += read_unsigned(&next);
			break;
		case BIND:
			bind_one(&binding);
			break;
		case BIND_ADD_OFFSET:
			bind_one(&binding);
			binding.offset += read_unsigned(&next);
			break;
		case BIND_ADD_SCALED:
			bind_one(&binding);
			binding.offset += immediate * sizeof(uint64_t);
			break;
		case BIND_TIMES: {
			uint64_t count = read_unsigned(&next), skip = read_unsigned(&next);
			for (; count > 0; count--) {
				bind_one(&binding);
				binding.offset += skip;
			}
			break;
		}
		default:
			die("binding opcode %#x", opcode);
		}
	}
}

static void read_command(const struct command *command, struct program *program) {
	switch ((int)command->command) {
	case LC_SEGMENT_64:
		map_segment((const void *)command);
		break;
	case LC_UNIXTHREAD:
		program->entry = ((const struct thread_command *)command)->registers.rip;
		break;
	case LC_LOAD_DYLIB:
		if (image.library_count == MOST_LIBRARIES) die("more than %d libraries", MOST_LIBRARIES);
		image.libraries[image.library_count++] = (const char *)command + ((const struct library_command *)command)->name_offset;
		break;
	case LC_DYLD_INFO:
	case LC_DYLD_INFO_ONLY:
		image.binding = (const void *)command;
		break;
	case LC_MAIN: /* the offset in the file, which begins with the first segment that is mapped */
		program->entry = ((const struct entry_command *)command)->offset;
		program->is_main = true;
		break;
	}
}

void load(const char *path, struct program *program) {
	if (realpath(path, program->path) == NULL) die("%s: %m", path);
	struct stat status;
	image.descriptor = open(program->path, O_RDONLY | O_CLOEXEC);
	if (image.descriptor < 0 || fstat(image.descriptor, &status) != 0) die("%s: %m", path);
	image.file_size = status.st_size;
	const struct header *header = mmap(NULL, image.file_size, PROT_READ, MAP_PRIVATE, image.descriptor, 0);
	if (header == MAP_FAILED) die("map %s: %m", path);
	if (image.file_size < sizeof *header || (int)header->magic != MH_MAGIC_64 || header->cpu != CPU_TYPE_X86_64)
		die("%s is not a Mach-O program for x86-64", path);
	image.file = (const uint8_t *)header;

	const struct command *command = (const void *)(header + 1);
	for (uint32_t i = 0; i < header->commands; i++) {
		read_command(command, program);
		command = (const void *)((const char *)command + command->size);
	}
	for (int i = 0; program->is_main && i < image.segment_count; i++) {
		if (image.segments[i].address == 0) continue;
		program->entry += image.segments[i].address;
		break;
	}
	if (program->entry == 0 || image.binding == NULL) die("%s has no entry point or no bindings", path);
	const struct binding_command *binding = image.binding;
	bind_all(image.file + binding->bind_offset, image.file + binding->bind_offset + binding->bind_size);
	bind_all(image.file + binding->lazy_offset, image.file + binding->lazy_offset + binding->lazy_size);
	for (int i = 0; i < image.segment_count; i++) {
		struct segment *segment = &image.segments[i];
		if (segment->address != 0 && segment->size != 0) mprotect((void *)segment->address, segment->size, segment->protection);
	}
	munmap((void *)header, image.file_size);
	close(image.descriptor);
}
