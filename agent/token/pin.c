#include "keystay/token/pin.h"

#include <string.h>
#include <sys/stat.h>

#include "keystay/base/source.h"

struct pin_mark
pin_source_mark(const char *source)
{
	struct stat st;

	if (!source_is_file(source) || stat(source + strlen("file:"), &st) < 0)
		return (struct pin_mark){0};
	return (struct pin_mark){
		.inode = (int64_t)st.st_ino,
		.changed_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
		.size = (int64_t)st.st_size,
	};
}
