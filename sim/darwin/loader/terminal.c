/* Terminals, pseudo-terminals and the other uses of ioctl(2). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "loader.h"

/* From bsd/sys/filio.h of xnu; Go's tables lack them. https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/filio.h */
#define DARWIN_FIONREAD 0x4004667f
#define DARWIN_FIONBIO 0x8004667e
#define DARWIN_FIOCLEX 0x20006601

/* What usher and golang.org/x/term change: echo, lines and signals, and in raw mode the translation of lines' ends. */
static const struct flag local_flags[] = {
	{DARWIN_ECHO, ECHO}, {DARWIN_ECHONL, ECHONL}, {DARWIN_ICANON, ICANON}, {DARWIN_ISIG, ISIG}, {DARWIN_IEXTEN, IEXTEN},
};
static const struct flag input_flags[] = {
	{DARWIN_ICRNL, ICRNL}, {DARWIN_INLCR, INLCR},	{DARWIN_IGNCR, IGNCR},
	{DARWIN_IXON, IXON},   {DARWIN_ISTRIP, ISTRIP}, {DARWIN_BRKINT, BRKINT},
};
static const struct flag output_flags[] = {{DARWIN_OPOST, OPOST}, {DARWIN_ONLCR, ONLCR}};

static long get_terminal(int descriptor, struct darwin_Termios *out) {
	struct termios in;
	if (tcgetattr(descriptor, &in) != 0) return result(-1);
	memset(out, 0, sizeof *out);
	out->lflag = TO_DARWIN(local_flags, in.c_lflag);
	out->iflag = TO_DARWIN(input_flags, in.c_iflag);
	out->oflag = TO_DARWIN(output_flags, in.c_oflag);
	out->cc[DARWIN_VMIN] = in.c_cc[VMIN];
	out->cc[DARWIN_VTIME] = in.c_cc[VTIME];
	return 0;
}

#define REPLACE(flags, table, value) ((flags) = ((flags) & ~TO_LINUX(table, ~0UL)) | TO_LINUX(table, value))

static long set_terminal(int descriptor, int when, const struct darwin_Termios *in) {
	struct termios out;
	if (tcgetattr(descriptor, &out) != 0) return result(-1);
	REPLACE(out.c_lflag, local_flags, in->lflag);
	REPLACE(out.c_iflag, input_flags, in->iflag);
	REPLACE(out.c_oflag, output_flags, in->oflag);
	if (!(in->lflag & DARWIN_ICANON)) {
		out.c_cc[VMIN] = in->cc[DARWIN_VMIN];
		out.c_cc[VTIME] = in->cc[DARWIN_VTIME];
	}
	return result(tcsetattr(descriptor, when, &out));
}

static long slave_name(int master, char name[128]) {
	int number;
	if (ioctl(master, TIOCGPTN, &number) != 0) return result(-1);
	snprintf(name, 128, "/dev/pts/%d", number);
	return 0;
}

static long unlock_slave(int master) {
	int locked = 0;
	return result(ioctl(master, TIOCSPTLCK, &locked));
}

long darwin_ioctl(int descriptor, unsigned long request, long argument) {
	switch ((uint32_t)request) {
	case DARWIN_FIONREAD:
		return result(ioctl(descriptor, FIONREAD, argument));
	case DARWIN_FIONBIO:
		return result(ioctl(descriptor, FIONBIO, argument));
	case DARWIN_FIOCLEX:
		return result(fcntl(descriptor, F_SETFD, FD_CLOEXEC));
	case DARWIN_TIOCGETA:
		return get_terminal(descriptor, (struct darwin_Termios *)argument);
	case DARWIN_TIOCSETA:
		return set_terminal(descriptor, TCSANOW, (struct darwin_Termios *)argument);
	case DARWIN_TIOCSETAW:
		return set_terminal(descriptor, TCSADRAIN, (struct darwin_Termios *)argument);
	case DARWIN_TIOCSETAF:
		return set_terminal(descriptor, TCSAFLUSH, (struct darwin_Termios *)argument);
	case DARWIN_TIOCGWINSZ: /* struct winsize is the same */
		return result(ioctl(descriptor, TIOCGWINSZ, argument));
	case DARWIN_TIOCSWINSZ:
		return result(ioctl(descriptor, TIOCSWINSZ, argument));
	case DARWIN_TIOCSCTTY:
		return result(ioctl(descriptor, TIOCSCTTY, 0));
	case DARWIN_TIOCGPGRP:
		return result(ioctl(descriptor, TIOCGPGRP, argument));
	case DARWIN_TIOCSPGRP:
		return result(ioctl(descriptor, TIOCSPGRP, argument));
	case DARWIN_TIOCPTYGRANT:
		return 0; /* devpts has given it to the user already */
	case DARWIN_TIOCPTYUNLK:
		return unlock_slave(descriptor);
	case DARWIN_TIOCPTYGNAME:
		return slave_name(descriptor, (char *)argument);
	}
	unknown("ioctl %#lx", request);
	return fail(DARWIN_ENOTTY);
}

static long darwin_posix_openpt(int flags) { return result(posix_openpt(open_flags_to_linux(flags))); }
static long darwin_grantpt(int master) { return darwin_ioctl(master, DARWIN_TIOCPTYGRANT, 0); }
static long darwin_unlockpt(int master) { return unlock_slave(master); }
static int darwin_ptsname_r(int master, char *name, size_t size) { return error_number(ptsname_r(master, name, size)); }

const struct symbol terminal_symbols[] = {
	{"ioctl", darwin_ioctl},
	{"posix_openpt", darwin_posix_openpt},
	{"grantpt", darwin_grantpt},
	{"unlockpt", darwin_unlockpt},
	{"ptsname_r", darwin_ptsname_r},
	{NULL, NULL},
};
