#include "read.h"

#include <string.h>

void *
read_append(void *array_slot, size_t *count, size_t size, struct err *e)
{
	void **array = array_slot;

	/* Room is there for the next power of two. */
	if ((*count & (*count - 1)) == 0) {
		void *more = realloc(*array, (*count ? *count * 2 : 1) * size);
		if (!more) {
			err_set(e, ERR_FAILED, "no memory for the configuration");
			return NULL;
		}
		*array = more;
	}
	void *item = (char *)*array + *count * size;
	memset(item, 0, size);
	(*count)++;
	return item;
}

int
read_name(struct yaml *y, void *char_slot, struct err *e)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	size_t len = strlen(*slot);
	if (len == 0 || len > 64 || **slot == '.' || strspn(*slot, allowed) != len)
		return yaml_fail(y, e,
			"'%s' is not a name: letters, digits, '.', '_' and '-', at most 64, no "
			"leading dot",
			*slot);
	return 0;
}
