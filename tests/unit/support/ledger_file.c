#include "support/ledger_file.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "support/unit.h"

const char *
ledger_file_make(const char *path, unsigned part, uint32_t parts, unsigned char id)
{
	static char file[4][PATH_MAX];
	static int at;
	char *p = file[at++ % 4];
	struct ledger_header h = {.version = LEDGER_VERSION,
		.part = part,
		.slots = LEDGER_SLOTS,
		.slot_size = LEDGER_SLOT_SIZE,
		.id = {id},
		.parts = parts};

	memcpy(h.magic, ledger_magic, sizeof h.magic);
	snprintf(p, PATH_MAX, part ? "%s.%u" : "%s", path, part);
	/* Never truncated: it may be mapped. */
	(void)unlink(p);
	int fd = open(p, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, (off_t)LEDGER_PART_SIZE) != 0 ||
		write(fd, &h, sizeof h) != (ssize_t)sizeof h || close(fd) != 0)
		BUG("no ledger file could be made");
	return p;
}

void
ledger_file_write(const char *file, size_t at, const void *bytes, size_t size)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || pwrite(fd, bytes, size, (off_t)at) != (ssize_t)size || close(fd) != 0)
		BUG("a ledger file could not be written");
}

const char *
ledger_file_new(void)
{
	static int n;
	char path[128];

	snprintf(path, sizeof path, "%s/ledger-%d", unit_folder(), n++);
	return ledger_file_make(path, 0, 1, 1);
}

struct ledger *
ledger_file_map(const char *path)
{
	static struct ledger l;

	ledger_unmap(&l);
	assert_int_equal(ledger_map(&l, path, true), LEDGER_FINE);
	return &l;
}

struct ledger_key
ledger_file_key(unsigned number)
{
	struct ledger_key k = {.raw_bytes = 65, .params_bytes = 10, .id_bytes = 16};

	memset(k.raw, 4, sizeof k.raw);
	memcpy(k.raw + 1, &number, sizeof number);
	memset(k.params, 6, k.params_bytes);
	memset(k.id, (int)number, k.id_bytes);
	snprintf(k.label, sizeof k.label, "key %u", number);
	snprintf(k.serial, sizeof k.serial, "serial");
	return k;
}
