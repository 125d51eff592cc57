#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* The user that the state folder is of; NULL where nobody else is to be become. */
static int
owner_of(const char *state_folder, const struct passwd **ret, struct err *e)
{
	struct stat st;

	*ret = NULL;
	if (geteuid() != 0 || stat(state_folder, &st) < 0 || st.st_uid == 0)
		return 0;
	*ret = getpwuid(st.st_uid);
	if (*ret)
		return 0;
	err_set(e, ERR_FAILED, "the owner of '%s' (uid %u) is no user of this system", state_folder,
		(unsigned)st.st_uid);
	return err_hint(e, "chown -R it to the user that keystay is to run as");
}

int
become_owner(const char *state_folder, struct err *e)
{
	const struct passwd *user;

	if (owner_of(state_folder, &user, e) < 0)
		return -1;
	if (!user)
		return 0;
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
		setuid(user->pw_uid) < 0)
		return err_errno(
			e, ERR_FAILED, errno, "cannot become the user '%s'", user->pw_name);
	return 0;
}

/* Of root, while it is somebody else. */
static struct {
	bool away;
	gid_t group, *groups;
	int count;
} before;

int
owner_begin(const char *state_folder, struct err *e)
{
	const struct passwd *user;

	if (owner_of(state_folder, &user, e) < 0)
		return -1;
	if (!user)
		return 0;
	before.group = getegid();
	before.count = getgroups(0, NULL);
	before.groups = calloc((size_t)before.count + 1, sizeof *before.groups);
	if (!before.groups || getgroups(before.count, before.groups) != before.count)
		return err_errno(e, ERR_FAILED, errno, "cannot read the groups of this process");
	before.away = true;
	/* Real and effective ids, so that the owner is what files and children see. */
	if (initgroups(user->pw_name, user->pw_gid) == 0 &&
		setresgid(user->pw_gid, user->pw_gid, before.group) == 0 &&
		setresuid(user->pw_uid, user->pw_uid, 0) == 0)
		return 0;
	err_errno(e, ERR_FAILED, errno, "cannot become the user '%s'", user->pw_name);
	struct err ignored;
	(void)!owner_end(&ignored);
	return -1;
}

int
owner_end(struct err *e)
{
	if (!before.away)
		return 0;
	int rc = setresuid(0, 0, 0) == 0 &&
				 setresgid(before.group, before.group, before.group) == 0 &&
				 setgroups((size_t)before.count, before.groups) == 0
			 ? 0
			 : err_errno(e, ERR_FAILED, errno, "cannot become root again");
	free(before.groups);
	before.groups = NULL;
	before.away = false;
	return rc;
}
