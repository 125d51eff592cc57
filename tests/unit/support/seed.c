#include "support/seed.h"

#include <stdio.h>

#include "keystay/base/file.h"
#include "support/unit.h"

void
seed_keep(const char *name, const struct buf *b)
{
	const char *folder = getenv("SEEDS_WRITE");
	char path[300];

	if (!folder)
		return;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_ok(file_replace(
		path, buf_text(b), b->len, 0644, FILE_SAME_OWNER, FILE_SAME_GROUP, UNIT_ERR));
}
