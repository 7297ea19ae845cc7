/*
 * A service of the Name Service Switch whose groups contain groups, as those of Active Directory or macOS do. Its directory is the
 * file below: lines of two group ids, the second group being in the first. Who is in the second is then in the first. It does not
 * answer while the other file exists.
 *
 * It takes the place of libnss_hesiod.so.2, which the C library brings and nobody uses, and so has its name.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIRECTORY "/run/usher-nested/groups"
#define SILENCE "/run/usher-nested/silence"

static int has(const gid_t *groups, long count, gid_t gid) {
  for (long i = 0; i < count; i++)
    if (groups[i] == gid)
      return 1;
  return 0;
}

enum nss_status _nss_hesiod_initgroups_dyn(const char *user, gid_t primary, long *count, long *size, gid_t **groups, long limit,
                                           int *errnop) {
  (void)user;
  while (access(SILENCE, F_OK) == 0)
    sleep(60);
  for (int more = 1; more;) {
    more = 0;
    unsigned outer, inner;
    FILE *directory = fopen(DIRECTORY, "r");
    if (directory == NULL)
      return NSS_STATUS_UNAVAIL;
    while (fscanf(directory, "%u %u", &outer, &inner) == 2) {
      if (has(*groups, *count, outer) || (inner != primary && !has(*groups, *count, inner)))
        continue;
      if (*count == *size) {
        gid_t *larger = realloc(*groups, (size_t)*size * 2 * sizeof(gid_t));
        if (larger == NULL || (limit > 0 && *size >= limit)) {
          fclose(directory);
          *errnop = ENOMEM;
          return NSS_STATUS_TRYAGAIN;
        }
        *groups = larger;
        *size *= 2;
      }
      (*groups)[(*count)++] = outer;
      more = 1;
    }
    fclose(directory);
  }
  return NSS_STATUS_SUCCESS;
}
