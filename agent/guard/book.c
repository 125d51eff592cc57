#include "keystay/guard/book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/file.h"

/* Free slots that guards find for keys nobody registered. */
#define RESERVE 32

/* Seconds after which nobody is in the middle of anything with a slot. */
#define SETTLED 60

struct book {
	struct ledger ledger;
	struct ledger_slot **by_hash; /* sorted; NULL when it is to be made anew */
	size_t named;
};

static int
fail(struct err *e, const char *what, const char *path)
{
	return err_errno(e, ERR_FAILED, errno, "%s '%s'", what, path);
}

int
book_open(const char *path, bool writable, struct book **ret, enum ledger_fault *ret_fault,
	struct err *e)
{
	struct book *b = calloc(1, sizeof *b);

	*ret = NULL;
	if (!b)
		return err_set(e, ERR_FAILED, "no memory for the use ledger");
	*ret_fault = ledger_map(&b->ledger, path, writable);
	if (*ret_fault == LEDGER_FINE)
		*ret = b;
	else
		free(b);
	return 0;
}

void
book_close(struct book *b)
{
	if (!b)
		return;
	ledger_unmap(&b->ledger);
	free(b->by_hash);
	free(b);
}

const struct ledger *
book_ledger(const struct book *b)
{
	return &b->ledger;
}

struct ledger_header *
book_header(const struct book *b)
{
	return ledger_header(&b->ledger);
}

/* All its blocks, and its header, before it has its name. */
static int
write_part(int fd, const struct ledger_header *h)
{
	int why = posix_fallocate(fd, 0, (off_t)LEDGER_PART_SIZE);

	if (why) {
		errno = why;
		return -1;
	}
	if (pwrite(fd, h, sizeof *h, 0) != (ssize_t)sizeof *h)
		return -1;
	return fsync(fd);
}

static int
make_part(const char *path, const struct ledger_header *h, struct err *e)
{
	char temp[4200];

	snprintf(temp, sizeof temp, "%s.new", path);
	(void)unlink(temp);
	int fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(e, "cannot make the use ledger", temp);
	int rc = fchmod(fd, 0600) < 0 || write_part(fd, h) < 0 || rename(temp, path) < 0 ? -1 : 0;
	if (rc < 0) {
		fail(e, "cannot make the use ledger", path);
		(void)unlink(temp);
	}
	close(fd);
	return rc < 0 ? -1 : file_sync_folder_of(path, e);
}

static struct ledger_header
new_header(uint32_t part, const unsigned char id[16], when_t now)
{
	struct ledger_header h = {.version = LEDGER_VERSION,
		.part = part,
		.slots = LEDGER_SLOTS,
		.slot_size = LEDGER_SLOT_SIZE,
		.created_at = (uint64_t)now,
		.parts = 1};

	memcpy(h.magic, ledger_magic, sizeof h.magic);
	memcpy(h.id, id, sizeof h.id);
	return h;
}

int
book_make(
	const char *path, const unsigned char id[16], when_t now, struct book **ret, struct err *e)
{
	const struct ledger_header h = new_header(0, id, now);
	enum ledger_fault fault = LEDGER_FINE;
	char part[4200];

	for (unsigned i = 1; i < LEDGER_PARTS; i++) {
		snprintf(part, sizeof part, "%s.%u", path, i);
		(void)unlink(part);
	}
	if (make_part(path, &h, e) < 0 || book_open(path, true, ret, &fault, e) < 0)
		return -1;
	if (*ret)
		return 0;
	return err_set(e, ERR_FAILED, "the use ledger '%s' was made, but %s", path,
		ledger_fault_text(fault));
}

int
book_set_aside(const char *path, when_t now, char ret_to[4200], struct err *e)
{
	snprintf(ret_to, 4200, "%s.damaged-%lld", path, (long long)now);
	if (rename(path, ret_to) < 0)
		return fail(e, "cannot set aside the damaged use ledger", path);
	return file_sync_folder_of(path, e);
}

static int
add_part(struct book *b, when_t now, struct err *e)
{
	unsigned part = b->ledger.parts;
	char path[4200];

	if (part >= LEDGER_PARTS)
		return err_set(e, ERR_FAILED, "the use ledger '%s' has no room for one more key",
			b->ledger.path);
	const struct ledger_header h = new_header(part, book_header(b)->id, now);
	snprintf(path, sizeof path, "%s.%u", b->ledger.path, part);
	if (make_part(path, &h, e) < 0)
		return -1;
	atomic_store(&book_header(b)->parts, part + 1);
	if (ledger_look_again(&b->ledger))
		return 0;
	return err_set(e, ERR_FAILED, "the new part '%s' of the use ledger cannot be mapped", path);
}

static int
compare(const void *a, const void *b)
{
	return memcmp((*(struct ledger_slot *const *)a)->hash,
		(*(struct ledger_slot *const *)b)->hash, BOOK_HASH);
}

static bool
is_named(const struct ledger_slot *s)
{
	return atomic_load(&s->use) == SLOT_USED && atomic_load(&s->has_hash);
}

static void
sort_names(struct book *b)
{
	struct ledger_slot *s;

	b->named = 0;
	b->by_hash = calloc((size_t)b->ledger.parts * LEDGER_SLOTS + 1, sizeof(void *));
	for (size_t i = 0; b->by_hash && (s = ledger_slot_at(&b->ledger, i)); i++)
		if (is_named(s))
			b->by_hash[b->named++] = s;
	if (b->named)
		qsort(b->by_hash, b->named, sizeof(void *), compare);
}

static void
forget_names(struct book *b)
{
	free(b->by_hash);
	b->by_hash = NULL;
}

struct ledger_slot *
book_find(struct book *b, const unsigned char hash[BOOK_HASH])
{
	struct ledger_slot wanted, *key = &wanted;

	if (!b->by_hash)
		sort_names(b);
	memcpy(wanted.hash, hash, BOOK_HASH);
	struct ledger_slot **found =
		b->named ? bsearch(&key, b->by_hash, b->named, sizeof(void *), compare) : NULL;
	return found && is_named(*found) ? *found : NULL;
}

void
book_name(struct book *b, struct ledger_slot *s, const unsigned char hash[BOOK_HASH])
{
	memcpy(s->hash, hash, BOOK_HASH);
	atomic_store(&s->has_hash, 1);
	forget_names(b);
}

int
book_register(struct book *b, const struct ledger_key *key, const unsigned char hash[BOOK_HASH],
	enum ledger_state state, when_t now, struct ledger_slot **ret, struct err *e)
{
	struct ledger_slot *s = ledger_find(&b->ledger, key->raw, key->raw_bytes);

	if (!s)
		s = ledger_claim(&b->ledger, key, state, (uint64_t)now);
	if (!s) {
		if (add_part(b, now, e) < 0)
			return -1;
		s = ledger_claim(&b->ledger, key, state, (uint64_t)now);
	}
	if (!s)
		return err_set(
			e, ERR_FAILED, "the use ledger '%s' has no free slot", b->ledger.path);
	if (!atomic_load(&s->has_hash) || memcmp(s->hash, hash, BOOK_HASH) != 0)
		book_name(b, s, hash);
	if (atomic_load(&s->state) == STATE_UNKNOWN)
		atomic_store(&s->state, state);
	*ret = s;
	return 0;
}

/* The generation first: from then on whoever remembers the slot looks for its key again. */
void
book_free(struct book *b, struct ledger_slot *s)
{
	atomic_fetch_add(&s->generation, 1);
	atomic_store(&s->has_hash, 0);
	atomic_store(&s->use, SLOT_FREE);
	forget_names(b);
}

static void
move_counts(struct ledger_slot *from, struct ledger_slot *to)
{
	for (int i = 0; i < LEDGER_COUNTS; i++)
		atomic_fetch_add(&to->count[i], atomic_exchange(&from->count[i], 0));
	if (ledger_get(&from->last_use) > ledger_get(&to->last_use))
		atomic_store(&to->last_use, ledger_get(&from->last_use));
}

/* Another used slot of the same key. */
static struct ledger_slot *
find_twin(const struct book *b, const struct ledger_slot *of)
{
	struct ledger_slot *s;

	for (size_t i = 0; (s = ledger_slot_at(&b->ledger, i)); i++)
		if (s != of && atomic_load(&s->use) == SLOT_USED && s->raw_bytes == of->raw_bytes &&
			of->raw_bytes <= LEDGER_RAW && memcmp(s->raw, of->raw, of->raw_bytes) == 0)
			return s;
	return NULL;
}

/* What the agent registered of a key, for the slot that is found by its raw value. */
static void
move_name(struct ledger_slot *from, struct ledger_slot *to)
{
	if (!atomic_load(&from->has_hash))
		return;
	memcpy(to->hash, from->hash, sizeof to->hash);
	memcpy(to->mechanism, from->mechanism, sizeof to->mechanism);
	atomic_store(&to->mechanisms, atomic_load(&from->mechanisms));
	atomic_store(&to->soft, ledger_get(&from->soft));
	atomic_store(&to->hard, ledger_get(&from->hard));
	atomic_store(&to->state, atomic_load(&from->state));
	atomic_store(&to->has_hash, 1);
}

/*
 * Two slots of a key, for two processes met it at once: the first of them stays. Somebody may still
 * be counting in the other, so that is emptied at each look, and free when it has been at rest.
 */
static void
join(struct book *b, struct ledger_slot *s, when_t now)
{
	struct ledger_slot *twin = find_twin(b, s);

	if (!twin)
		return;
	struct ledger_slot *first = s < twin ? s : twin, *second = s < twin ? twin : s;
	/* Parts are not in order in memory: the ledger's own search decides. */
	if (ledger_find(&b->ledger, s->raw, s->raw_bytes) != first) {
		struct ledger_slot *other = first;
		first = second;
		second = other;
	}
	move_name(second, first);
	atomic_store(&second->since, (uint64_t)now);
	atomic_store(&second->use, SLOT_MOVING);
	atomic_fetch_add(&second->generation, 1);
	move_counts(second, first);
	forget_names(b);
}

static void
empty(struct book *b, struct ledger_slot *s, when_t now)
{
	struct ledger_slot *first = ledger_find(&b->ledger, s->raw, s->raw_bytes);

	if (first)
		move_counts(s, first);
	if ((uint64_t)now > ledger_get(&s->since) + SETTLED)
		book_free(b, s);
}

/* One whose guard was killed while it filled it; one of the future is of a clock that was wrong. */
static void
give_back_filling(struct book *b, struct ledger_slot *s, when_t now)
{
	uint64_t since = ledger_get(&s->since);

	if (since == 0 || since > (uint64_t)now)
		atomic_store(&s->since, (uint64_t)now);
	else if ((uint64_t)now > since + SETTLED)
		book_free(b, s);
}

int
book_tidy(struct book *b, when_t now, struct err *e)
{
	struct ledger_slot *s;
	size_t unused = 0;

	for (size_t i = 0; (s = ledger_slot_at(&b->ledger, i)); i++)
		switch (atomic_load(&s->use)) {
		case SLOT_FREE:
			unused++;
			break;
		case SLOT_FILLING:
			give_back_filling(b, s, now);
			break;
		case SLOT_USED:
			/* Of two slots of a key one at least was made by a guard. */
			if (!atomic_load(&s->has_hash))
				join(b, s, now);
			break;
		case SLOT_MOVING:
			empty(b, s, now);
			break;
		default:
			break;
		}
	return unused < RESERVE && b->ledger.parts < LEDGER_PARTS ? add_part(b, now, e) : 0;
}
