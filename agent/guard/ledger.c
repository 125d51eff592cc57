#include "keystay/guard/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/auto.h"

#define HOUR 3600

const char ledger_magic[8] = {'K', 'E', 'Y', 'S', 'T', 'A', 'Y', 'L'};

const char *
ledger_count_word(enum ledger_count count)
{
	static const char *const words[LEDGER_COUNTS] = {
		[COUNT_USES] = "uses",
		[COUNT_DONE] = "done",
		[COUNT_FAILED] = "failed",
		[COUNT_AGENT] = "agent",
		[COUNT_STAGED] = "staged",
		[COUNT_OVER] = "over",
		[COUNT_OFF] = "off",
		[COUNT_MECHANISM] = "mechanism",
		[COUNT_UNKNOWN] = "unknown",
		[COUNT_DECRYPT] = "decrypt",
		[COUNT_UNWRAP] = "unwrap",
		[COUNT_DERIVE] = "derive",
		[COUNT_WRAP] = "wrap",
		[COUNT_READ] = "read",
		[COUNT_CHANGE] = "change",
		[COUNT_MAKE] = "make",
	};
	return words[count];
}

const char *
ledger_fault_text(enum ledger_fault fault)
{
	static const char *const texts[] = {
		[LEDGER_FINE] = "is fine",
		[LEDGER_ABSENT] = "is not there",
		[LEDGER_DENIED] = "cannot be opened",
		[LEDGER_FOREIGN] = "is no ledger of keystay",
		[LEDGER_OLD] = "is a ledger of another version",
		[LEDGER_SPARSE] = "is not allocated in full",
		[LEDGER_OPEN] = "may be written by others than its owner",
	};
	return texts[fault];
}

static void
part_path(const char *path, unsigned part, char text[4120])
{
	if (part)
		snprintf(text, 4120, "%s.%u", path, part);
	else
		snprintf(text, 4120, "%s", path);
}

/* Nothing but a plain file of the right size, whose blocks are there, is mapped. */
static enum ledger_fault
judge_file(int fd, struct stat *st)
{
	if (fstat(fd, st) < 0)
		return LEDGER_DENIED;
	if (!S_ISREG(st->st_mode) || st->st_size != (off_t)LEDGER_PART_SIZE)
		return LEDGER_FOREIGN;
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return LEDGER_OPEN;
	/* Where a file system tells of no blocks at all (some of memory do not) it tells nothing.
	 */
	if (st->st_blocks && (size_t)st->st_blocks * 512 < LEDGER_PART_SIZE)
		return LEDGER_SPARSE;
	return LEDGER_FINE;
}

static enum ledger_fault
judge_header(const struct ledger_header *h, unsigned part)
{
	if (memcmp(h->magic, ledger_magic, sizeof h->magic) != 0)
		return LEDGER_FOREIGN;
	if (h->version != LEDGER_VERSION)
		return LEDGER_OLD;
	if (h->part != part || h->slots != LEDGER_SLOTS || h->slot_size != LEDGER_SLOT_SIZE)
		return LEDGER_FOREIGN;
	return LEDGER_FINE;
}

static enum ledger_fault
map_part(const char *path, unsigned part, bool writable, struct ledger_part *ret)
{
	char file[4120];
	struct stat st;

	part_path(path, part, file);
	int fd = open(file, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT                     ? LEDGER_ABSENT
		       : errno == ELOOP || errno == EISDIR ? LEDGER_FOREIGN
							   : LEDGER_DENIED;
	enum ledger_fault fault = judge_file(fd, &st);
	unsigned char *map = MAP_FAILED;
	if (fault == LEDGER_FINE) {
		map = mmap(NULL, LEDGER_PART_SIZE, PROT_READ | (writable ? PROT_WRITE : 0),
			MAP_SHARED, fd, 0);
		fault = map == MAP_FAILED ? LEDGER_DENIED
					  : judge_header((struct ledger_header *)map, part);
	}
	int why = errno;
	close(fd);
	errno = why;
	if (fault != LEDGER_FINE) {
		if (map != MAP_FAILED)
			munmap(map, LEDGER_PART_SIZE);
		return fault;
	}
	*ret = (struct ledger_part){map, st.st_dev, st.st_ino};
	return LEDGER_FINE;
}

struct ledger_header *
ledger_header(const struct ledger *l)
{
	return l->parts ? (struct ledger_header *)l->part[0].map : NULL;
}

/* How many parts there should be: the header's word, cut to what can be. */
static unsigned
parts_said(const struct ledger *l)
{
	unsigned said = atomic_load(&ledger_header(l)->parts);
	return said > LEDGER_PARTS ? LEDGER_PARTS : said;
}

static bool
map_more(struct ledger *l)
{
	bool more = false;

	while (l->parts < parts_said(l)) {
		struct ledger_part p;
		if (map_part(l->path, l->parts, l->writable, &p) != LEDGER_FINE)
			break;
		if (memcmp(((struct ledger_header *)p.map)->id, ledger_header(l)->id, 16) != 0) {
			munmap(p.map, LEDGER_PART_SIZE);
			break;
		}
		l->part[l->parts++] = p;
		more = true;
	}
	return more;
}

enum ledger_fault
ledger_map(struct ledger *l, const char *path, bool writable)
{
	struct ledger_part first;

	enum ledger_fault fault = map_part(path, 0, writable, &first);
	if (fault != LEDGER_FINE)
		return fault;
	memset(l, 0, sizeof *l);
	snprintf(l->path, sizeof l->path, "%s", path);
	l->writable = writable;
	l->part[0] = first;
	l->parts = 1;
	map_more(l);
	return LEDGER_FINE;
}

bool
ledger_map_memory(struct ledger *l)
{
	unsigned char *map = mmap(
		NULL, LEDGER_PART_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return false;
	memset(l, 0, sizeof *l);
	l->part[0].map = map;
	l->parts = 1;
	l->writable = true;
	ledger_header(l)->parts = 1;
	return true;
}

bool
ledger_look_again(struct ledger *l)
{
	struct stat st;

	if (!l->parts || !l->path[0])
		return false;
	l->gone = stat(l->path, &st) < 0
			  ? errno == ENOENT
			  : st.st_ino != l->part[0].inode || st.st_dev != l->part[0].device;
	return map_more(l);
}

void
ledger_unmap(struct ledger *l)
{
	for (unsigned i = 0; i < l->parts; i++)
		munmap(l->part[i].map, LEDGER_PART_SIZE);
	memset(l, 0, sizeof *l);
}

struct ledger_slot *
ledger_slot_at(const struct ledger *l, size_t index)
{
	size_t part = index / LEDGER_SLOTS;

	if (part >= l->parts)
		return NULL;
	return (struct ledger_slot *)(l->part[part].map + LEDGER_HEADER +
				      index % LEDGER_SLOTS * LEDGER_SLOT_SIZE);
}

size_t
ledger_index(const struct ledger *l, const struct ledger_slot *s)
{
	for (unsigned i = 0; i < l->parts; i++) {
		const unsigned char *first = l->part[i].map + LEDGER_HEADER;
		ptrdiff_t at = (const unsigned char *)s - first;
		if (at >= 0 && (size_t)at < LEDGER_PART_SIZE - LEDGER_HEADER)
			return (size_t)i * LEDGER_SLOTS + (size_t)at / LEDGER_SLOT_SIZE;
	}
	return 0;
}

static size_t
cut(uint32_t said, size_t room)
{
	return said > room ? room : said;
}

void
ledger_key_of(const struct ledger_slot *s, struct ledger_key *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->rsa = s->rsa != 0;
	ret->raw_bytes = cut(s->raw_bytes, sizeof ret->raw);
	ret->params_bytes = cut(s->params_bytes, sizeof ret->params);
	ret->id_bytes = cut(s->id_bytes, sizeof ret->id);
	memcpy(ret->raw, s->raw, ret->raw_bytes);
	memcpy(ret->params, s->params, ret->params_bytes);
	memcpy(ret->id, s->id, ret->id_bytes);
	memcpy(ret->label, s->label, sizeof ret->label - 1);
	memcpy(ret->serial, s->serial, sizeof ret->serial - 1);
}

struct ledger_slot *
ledger_find(const struct ledger *l, const unsigned char *raw, size_t bytes)
{
	struct ledger_slot *s;

	if (bytes == 0 || bytes > LEDGER_RAW)
		return NULL;
	for (size_t i = 0; (s = ledger_slot_at(l, i)); i++)
		if (atomic_load(&s->use) == SLOT_USED && s->raw_bytes == bytes &&
			memcmp(s->raw, raw, bytes) == 0)
			return s;
	return NULL;
}

static void
fill(struct ledger_slot *s, const struct ledger_key *key, enum ledger_state state)
{
	for (int i = 0; i < LEDGER_COUNTS; i++)
		atomic_store(&s->count[i], 0);
	for (int i = 0; i < LEDGER_HOURS; i++)
		atomic_store(&s->hour[i], 0);
	atomic_store(&s->soft, 0);
	atomic_store(&s->hard, 0);
	atomic_store(&s->last_use, 0);
	atomic_store(&s->mechanisms, 0);
	atomic_store(&s->has_hash, 0);
	atomic_store(&s->state, state);
	s->rsa = key->rsa;
	memcpy(s->raw, key->raw, sizeof s->raw);
	memcpy(s->params, key->params, sizeof s->params);
	memcpy(s->id, key->id, sizeof s->id);
	memcpy(s->label, key->label, sizeof s->label);
	memcpy(s->serial, key->serial, sizeof s->serial);
	s->raw_bytes = (uint32_t)key->raw_bytes;
	s->params_bytes = (uint32_t)key->params_bytes;
	s->id_bytes = (uint32_t)key->id_bytes;
}

struct ledger_slot *
ledger_claim(struct ledger *l, const struct ledger_key *key, enum ledger_state state, uint64_t now)
{
	struct ledger_slot *s;

	if (!l->writable)
		return NULL;
	for (size_t i = 0; (s = ledger_slot_at(l, i)); i++) {
		uint32_t was = SLOT_FREE;
		if (!atomic_compare_exchange_strong(&s->use, &was, SLOT_FILLING))
			continue;
		atomic_store(&s->since, now);
		fill(s, key, state);
		atomic_store(&s->use, SLOT_USED);
		return s;
	}
	return NULL;
}

static bool
mechanism_allowed(const struct ledger_slot *s, uint32_t mechanism)
{
	uint32_t n = atomic_load_explicit(&s->mechanisms, memory_order_acquire);

	if (n > LEDGER_MECHANISMS)
		n = LEDGER_MECHANISMS;
	for (uint32_t i = 0; i < n; i++)
		if (s->mechanism[i] == mechanism)
			return true;
	return n == 0;
}

/* The last use that a limit leaves goes to one process and not to two. */
static bool
take_one(struct ledger_slot *s, bool agent)
{
	uint64_t uses = ledger_get(&s->count[COUNT_USES]);

	for (;;) {
		uint64_t hard = ledger_get(&s->hard);
		if (hard && uses >= hard && !agent)
			return false;
		if (atomic_compare_exchange_weak_explicit(&s->count[COUNT_USES], &uses, uses + 1,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	}
}

enum ledger_verdict
ledger_reserve(struct ledger_slot *s, uint32_t mechanism, bool agent)
{
	uint32_t state = atomic_load_explicit(&s->state, memory_order_relaxed);

	if (!agent && (state == STATE_DISABLED || state == STATE_DESTROYED)) {
		ledger_add(s->count, COUNT_OFF);
		return USE_OFF;
	}
	if (!agent && !mechanism_allowed(s, mechanism)) {
		ledger_add(s->count, COUNT_MECHANISM);
		return USE_MECHANISM;
	}
	if (!take_one(s, agent)) {
		ledger_add(s->count, COUNT_OVER);
		return USE_OVER;
	}
	if (agent)
		ledger_add(s->count, COUNT_AGENT);
	else if (state == STATE_STAGED)
		ledger_add(s->count, COUNT_STAGED);
	return USE_GRANTED;
}

/* Never below zero: the slot may have been given to another key meanwhile. */
void
ledger_take_back(_Atomic uint64_t *count, enum ledger_count which)
{
	uint64_t is = ledger_get(&count[which]);

	while (is && !atomic_compare_exchange_weak_explicit(&count[which], &is, is - 1,
			     memory_order_relaxed, memory_order_relaxed))
		;
}

void
ledger_give_back(struct ledger_slot *s, bool agent)
{
	ledger_take_back(s->count, COUNT_USES);
	if (agent)
		ledger_take_back(s->count, COUNT_AGENT);
	else if (atomic_load_explicit(&s->state, memory_order_relaxed) == STATE_STAGED)
		ledger_take_back(s->count, COUNT_STAGED);
}

static void
add_to_hour(struct ledger_slot *s, uint64_t now)
{
	uint64_t hour = now / HOUR;
	_Atomic uint64_t *place = &s->hour[hour % LEDGER_HOURS];
	uint64_t is = ledger_get(place), next;

	do {
		next = is >> 32 == hour ? is + 1 : hour << 32 | 1;
	} while (!atomic_compare_exchange_weak_explicit(
		place, &is, next, memory_order_relaxed, memory_order_relaxed));
}

void
ledger_done(struct ledger_slot *s, uint64_t now)
{
	ledger_add(s->count, COUNT_DONE);
	atomic_store_explicit(&s->last_use, now, memory_order_relaxed);
	add_to_hour(s, now);
}

void
ledger_failed(struct ledger_slot *s)
{
	ledger_add(s->count, COUNT_FAILED);
}

uint64_t
ledger_hour(const struct ledger_slot *s, uint64_t at)
{
	uint64_t place = ledger_get(&s->hour[at / HOUR % LEDGER_HOURS]);
	return place >> 32 == at / HOUR ? place & 0xffffffff : 0;
}

uint64_t
ledger_busiest_hour(const struct ledger_slot *s, uint64_t from, uint64_t at)
{
	uint64_t most = 0;

	for (int i = 0; i < LEDGER_HOURS; i++) {
		uint64_t place = ledger_get(&s->hour[i]), hour = place >> 32;
		if (hour >= from / HOUR && hour < at / HOUR && (place & 0xffffffff) > most)
			most = place & 0xffffffff;
	}
	return most;
}

/* An uncompressed point begins with 04 as the tag of an OCTET STRING does, so its size decides. */
const unsigned char *
ledger_point(const unsigned char *value, size_t bytes, size_t *ret_bytes)
{
	static const size_t points[] = {65, 97, 133}; /* of P-256, P-384, P-521 */
	size_t head = 2;

	*ret_bytes = bytes;
	for (size_t i = 0; i < COUNT(points); i++)
		if (bytes == points[i])
			return value;
	if (bytes < 3 || value[0] != 4)
		return value;
	size_t said = value[1];
	if (said == 0x81) {
		said = value[2];
		head = 3;
	}
	if (said == 0 || said + head != bytes)
		return value;
	*ret_bytes = said;
	return value + head;
}
