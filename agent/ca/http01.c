#include "http01.h"

#include <limits.h>
#include <string.h>

#include "keystay/base/file.h"

static const char place[] = ".well-known/acme-challenge";

bool
http01_token_valid(const char *token)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strlen(token);

	return len >= 16 && len <= 256 && strspn(token, allowed) == len;
}

int
http01_publish(
	const struct challenge_conf *conf, const char *token, const char *text, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", conf->webroot, place);
	if (folder_make(path, 0755, e) < 0)
		return err_hint(e, "may this user write to the webroot '%s'?", conf->webroot);
	snprintf(path, sizeof path, "%s/%s/%s", conf->webroot, place, token);
	if (file_replace(path, text, strlen(text), 0644, FILE_SAME_OWNER, FILE_SAME_GROUP, e) < 0)
		return err_hint(e, "may this user write to the webroot '%s'?", conf->webroot);
	return 0;
}

void
http01_withdraw(const struct challenge_conf *conf, const char *token)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s/%s", conf->webroot, place, token);
	(void)unlink(path);
}
