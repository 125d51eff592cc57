#include "identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

int
become_owner(const char *state_folder, struct err *e)
{
	struct stat st;

	if (geteuid() != 0 || stat(state_folder, &st) < 0 || st.st_uid == 0)
		return 0;
	const struct passwd *user = getpwuid(st.st_uid);
	if (!user)
		return err_set(e, ERR_FAILED,
			"the owner of '%s' (uid %u) is no user of this system", state_folder,
			(unsigned)st.st_uid);
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
		setuid(user->pw_uid) < 0)
		return err_errno(
			e, ERR_FAILED, errno, "cannot become the user '%s'", user->pw_name);
	return 0;
}
