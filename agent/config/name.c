#include "keystay/config/name.h"

#include <string.h>

bool
config_name_fits(const char *name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len <= 64 && *name != '.' && strspn(name, allowed) == len;
}
