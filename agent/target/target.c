#include "keystay/target/target.h"

static const char *const words[TARGET_FILES] = {
	[FILE_CERT] = "cert",
	[FILE_CHAIN] = "chain",
	[FILE_FULLCHAIN] = "fullchain",
	[FILE_KEY] = "key",
	[FILE_COMBINED] = "combined",
	[FILE_ANCHORS] = "anchors",
};

const char *
target_file_word(enum target_file file)
{
	return words[file];
}
