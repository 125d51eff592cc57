/*
 * Runs every file named on the command line, and every file in every folder named there, through a
 * fuzz target: seeds and found crashes are tests where there is no libFuzzer.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "keystay/base/file.h"

#define INPUT_MAX ((size_t)16 * 1024 * 1024)

/* Seconds for one input, by far: a target that hangs must fail and not hold up the check. */
#define INPUT_LIMIT 20

static int
replay_file(const char *path, unsigned *count)
{
	AUTO(buf) struct buf input = BUF(INPUT_MAX);
	struct err e;

	if (file_read(path, &input, &e) < 0) {
		fprintf(stderr, "replay: %s\n", e.text);
		return -1;
	}
	/* What aborts does not come back: with REPLAY_SHOW=1 the name is there before. */
	if (getenv("REPLAY_SHOW"))
		fprintf(stderr, "%s\n", path);
	alarm(INPUT_LIMIT);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&input), input.len);
	alarm(0);
	(*count)++;
	return 0;
}

static int
replay_folder(const char *path, unsigned *count)
{
	char file[PATH_MAX];
	struct dirent **entry;
	int rc = 0;

	int entries = scandir(path, &entry, NULL, alphasort);
	if (entries < 0) {
		fprintf(stderr, "replay: cannot read '%s': %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < entries; i++) {
		snprintf(file, sizeof file, "%s/%s", path, entry[i]->d_name);
		if (rc == 0 && entry[i]->d_name[0] != '.')
			rc = replay_file(file, count);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

int
main(int argc, char **argv)
{
	unsigned count = 0;
	struct stat st;

	for (int i = 1; i < argc; i++) {
		bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
		if ((folder ? replay_folder : replay_file)(argv[i], &count) < 0)
			return 1;
	}
	printf("%u inputs\n", count);
	/* A folder that lost its seeds would pass for ever. */
	return count ? 0 : 1;
}
