#include "read.h"

#include <string.h>

#include "keystay/config/name.h"

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
	char **slot = char_slot;

	if (yaml_text(y, slot, e) < 0)
		return -1;
	if (!config_name_fits(*slot))
		return yaml_fail(y, e, "'%s' is not a name: " CONFIG_NAME_RULE, *slot);
	return 0;
}
