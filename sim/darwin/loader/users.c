/* Users and groups: Open Directory's data on a Mac comes from Linux's own database here. */
#define _GNU_SOURCE
#include <grp.h>
#include <pwd.h>

#include "loader.h"

static int password_entry(int error, const struct passwd *in, struct darwin_Passwd *out, struct darwin_Passwd **found) {
	*found = NULL;
	if (in != NULL) {
		*out = (struct darwin_Passwd){
			.name = in->pw_name,
			.passwd = in->pw_passwd,
			.uid = in->pw_uid,
			.gid = in->pw_gid,
			.class = "",
			.gecos = in->pw_gecos,
			.dir = in->pw_dir,
			.shell = in->pw_shell,
		};
		*found = out;
	}
	return error_number(error);
}

static int darwin_getpwnam_r(const char *name, struct darwin_Passwd *out, char *buffer, size_t size, struct darwin_Passwd **found) {
	struct passwd entry, *in;
	int error = getpwnam_r(name, &entry, buffer, size, &in);
	return password_entry(error, in, out, found);
}

static int darwin_getpwuid_r(uid_t user, struct darwin_Passwd *out, char *buffer, size_t size, struct darwin_Passwd **found) {
	struct passwd entry, *in;
	int error = getpwuid_r(user, &entry, buffer, size, &in);
	return password_entry(error, in, out, found);
}

/* struct group has the same layout. */
_Static_assert(sizeof(struct group) == sizeof(struct darwin_Group) &&
		       offsetof(struct group, gr_gid) == offsetof(struct darwin_Group, gid) &&
		       offsetof(struct group, gr_mem) == offsetof(struct darwin_Group, mem),
	       "struct group");

static int darwin_getgrnam_r(const char *name, struct group *out, char *buffer, size_t size, struct group **found) {
	return error_number(getgrnam_r(name, out, buffer, size, found));
}

static int darwin_getgrgid_r(gid_t group, struct group *out, char *buffer, size_t size, struct group **found) {
	return error_number(getgrgid_r(group, out, buffer, size, found));
}

const struct symbol user_symbols[] = {
	{"getpwnam_r", darwin_getpwnam_r},
	{"getpwuid_r", darwin_getpwuid_r},
	{"getgrnam_r", darwin_getgrnam_r},
	{"getgrgid_r", darwin_getgrgid_r},
	{"getgrouplist", getgrouplist},
	{NULL, NULL},
};
