/*
 * ledger-file - the use ledger without the agent:
 *
 *	ledger-file make PATH			a new one, of one part
 *	ledger-file show PATH			its counts: "header WORD=N ...", and a line for each
 *						key: "LABEL state=N soft=N hard=N WORD=N ..."
 *	ledger-file limit PATH LABEL HARD	the hard limit of a key; 0 for none
 *	ledger-file state PATH LABEL NUMBER	its state (enum ledger_state)
 *	ledger-file hour PATH LABEL AGO=USES	its uses in the hour that was so many hours ago
 *
 * Counts that are zero are not shown. The last three work on the mapping, so whoever has the ledger
 * sees it at once; a key that has several slots is changed in all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "keystay/base/text.h"
#include "keystay/guard/ledger.h"

static int
fail(const char *path, const char *why)
{
	fprintf(stderr, "ledger-file: '%s': %s\n", path, why);
	return 1;
}

static int
make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(path, strerror(errno));
	int full = posix_fallocate(fd, 0, (off_t)LEDGER_PART_SIZE);
	if (full != 0)
		return fail(path, strerror(full));
	struct ledger_header *h =
		mmap(NULL, LEDGER_HEADER, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (h == MAP_FAILED || getrandom(h->id, sizeof h->id, 0) != sizeof h->id)
		return fail(path, strerror(errno));
	memcpy(h->magic, ledger_magic, sizeof h->magic);
	h->version = LEDGER_VERSION;
	h->slots = LEDGER_SLOTS;
	h->slot_size = LEDGER_SLOT_SIZE;
	h->created_at = (uint64_t)time(NULL);
	h->parts = 1;
	return 0;
}

static void
print_counts(const _Atomic uint64_t *count)
{
	for (int i = 0; i < LEDGER_COUNTS; i++)
		if (ledger_get(&count[i]))
			printf(" %s=%llu", ledger_count_word(i),
				(unsigned long long)ledger_get(&count[i]));
	putchar('\n');
}

static int
show(const struct ledger *l)
{
	const struct ledger_slot *s;

	printf("header");
	print_counts(ledger_header(l)->count);
	for (size_t i = 0; (s = ledger_slot_at(l, i)); i++) {
		if (atomic_load(&s->use) != SLOT_USED)
			continue;
		printf("%.*s state=%u soft=%llu hard=%llu", (int)sizeof s->label, s->label,
			atomic_load(&s->state), (unsigned long long)ledger_get(&s->soft),
			(unsigned long long)ledger_get(&s->hard));
		print_counts(s->count);
	}
	return 0;
}

/* "30=200" */
static bool
read_hour(const char *text, int64_t *ret_ago, int64_t *ret_uses)
{
	char ago[16];
	const char *equals = strchr(text, '=');

	if (!equals || (size_t)(equals - text) >= sizeof ago)
		return false;
	memcpy(ago, text, (size_t)(equals - text));
	ago[equals - text] = '\0';
	return number_parse(ago, 0, LEDGER_HOURS - 1, ret_ago) &&
	       number_parse(equals + 1, 0, UINT32_MAX, ret_uses);
}

static void
set_hour(struct ledger_slot *s, int64_t ago, int64_t uses)
{
	uint64_t hour = (uint64_t)(time(NULL) / 3600 - ago);

	atomic_store(&s->hour[hour % LEDGER_HOURS], hour << 32 | (uint64_t)uses);
}

static int
change(const struct ledger *l, const char *what, const char *label, int64_t value, int64_t ago)
{
	struct ledger_slot *s;
	bool found = false;

	for (size_t i = 0; (s = ledger_slot_at(l, i)); i++) {
		if (atomic_load(&s->use) != SLOT_USED ||
			strncmp(s->label, label, sizeof s->label) != 0)
			continue;
		if (text_same(what, "limit"))
			atomic_store(&s->hard, (uint64_t)value);
		else if (text_same(what, "hour"))
			set_hour(s, ago, value);
		else
			atomic_store(&s->state, (uint32_t)value);
		found = true;
	}
	return found ? 0 : fail(label, "no such key in the ledger");
}

int
main(int argc, char **argv)
{
	static struct ledger l;
	int64_t value = 0, ago = 0;

	if (argc == 3 && text_same(argv[1], "make"))
		return make(argv[2]);
	bool shows = argc == 3 && text_same(argv[1], "show");
	bool limits = argc == 5 && text_same(argv[1], "limit");
	bool states = argc == 5 && text_same(argv[1], "state");
	bool hours = argc == 5 && text_same(argv[1], "hour");
	if (!shows && !limits && !states && !hours)
		return 2;
	if (hours && !read_hour(argv[4], &ago, &value))
		return 2;
	if ((limits || states) &&
		!number_parse(argv[4], 0, states ? LEDGER_STATES - 1 : INT64_MAX, &value))
		return 2;
	enum ledger_fault fault = ledger_map(&l, argv[2], !shows);
	if (fault != LEDGER_FINE)
		return fail(argv[2], ledger_fault_text(fault));
	return shows ? show(&l) : change(&l, argv[1], argv[3], value, ago);
}
