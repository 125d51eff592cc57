/*
 * The use ledger: how often each key signed, and how often it may. One file, mapped shared by the
 * agent and by every process that keystay-guard.so is in; a slot for each public key, since CKA_ID
 * can be changed and repeated. This is the format and what both sides do with it; it needs libc
 * only. The agent's side (making, growing, registering) is guard/book.h.
 *
 * A part is LEDGER_SLOTS slots behind a header, allocated in full: a hole on a full disk would be
 * SIGBUS in a web server. Growth adds parts ("ledger.1", ...) and never maps anew, for a worker
 * that was forked cannot open the file. Nobody of ours ever truncates one.
 *
 * Counts are exact across processes and err on the side of too many: a use is reserved before the
 * token is asked, and a process that is killed in between leaves it reserved.
 *
 * Whatever is read from the mapping may be noise or change under the reader: lengths are cut to
 * what there is, and no field of it is used as an index.
 */
#ifndef KEYSTAY_GUARD_LEDGER_H
#define KEYSTAY_GUARD_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_VERSION 1
#define LEDGER_SLOTS 256      /* in a part */
#define LEDGER_PARTS 256      /* at most: 65,536 keys */
#define LEDGER_RAW 512        /* bytes of the longest raw public value: RSA-4096 */
#define LEDGER_PARAMS 32      /* bytes of CKA_EC_PARAMS or CKA_PUBLIC_EXPONENT */
#define LEDGER_HOURS 192      /* hours whose uses are kept apart: eight days */
#define LEDGER_MECHANISMS 16  /* that a key may be limited to */
#define LEDGER_HEADER 4096    /* bytes */
#define LEDGER_SLOT_SIZE 2560 /* bytes */
#define LEDGER_PART_SIZE (LEDGER_HEADER + (size_t)LEDGER_SLOTS * LEDGER_SLOT_SIZE)

enum ledger_count {
	COUNT_USES,      /* reserved, and not given back: never fewer than there were signatures */
	COUNT_DONE,      /* signatures that the token made */
	COUNT_FAILED,    /* that it began and did not make */
	COUNT_AGENT,     /* of the uses: the agent's own */
	COUNT_STAGED,    /* of the uses: a server's, of a key that no certificate has yet */
	COUNT_OVER,      /* refused: the hard limit */
	COUNT_OFF,       /* refused: the key is disabled or destroyed */
	COUNT_MECHANISM, /* refused: a mechanism that is not the key's */
	COUNT_UNKNOWN,   /* refused: the ledger does not know the key */
	COUNT_DECRYPT,   /* refused operations of a server, from here on */
	COUNT_UNWRAP,
	COUNT_DERIVE,
	COUNT_WRAP,   /* the key was to be wrapped: an attempt to export it */
	COUNT_READ,   /* its private value was asked for (the token says no) */
	COUNT_CHANGE, /* to be copied, changed or destroyed */
	COUNT_MAKE,   /* something was to be made: in the header only */
	LEDGER_COUNTS
};

/* "uses", "done", ... as the database and --json spell them. */
const char *ledger_count_word(enum ledger_count count);

enum ledger_state {
	STATE_UNKNOWN, /* nobody registered it: the guard met it and counts */
	STATE_STAGED,
	STATE_ACTIVE,
	STATE_DRAINING,
	STATE_DISABLED, /* refused to servers from here on */
	STATE_DESTROYED,
	STATE_COMPROMISED, /* replaced as soon as may be; a server is not cut off */
	LEDGER_STATES
};

enum ledger_use {
	SLOT_FREE,
	SLOT_FILLING, /* being written; nobody reads it */
	SLOT_USED,
	SLOT_MOVING /* found to be a second one of the same key: the agent moves its counts */
};

struct ledger_slot {
	_Atomic uint32_t use;        /* enum ledger_use */
	_Atomic uint32_t generation; /* another one: whoever remembers this slot looks again */
	_Atomic uint32_t state;      /* enum ledger_state */
	_Atomic uint32_t has_hash;
	_Atomic uint64_t since;      /* seconds UTC, of `use`; 0 = not yet written */
	_Atomic uint64_t soft, hard; /* signatures; 0 = none. `hard` is there when it is armed */
	_Atomic uint64_t last_use;   /* seconds UTC */
	_Atomic uint64_t count[16];  /* by enum ledger_count */
	_Atomic uint64_t hour[LEDGER_HOURS]; /* (hours since 1970) << 32 | uses in it */
	_Atomic uint32_t mechanisms;         /* how many of the next; 0 = any */
	uint32_t mechanism[LEDGER_MECHANISMS];
	uint32_t rsa;       /* raw is CKA_MODULUS; else CKA_EC_POINT without its OCTET STRING */
	uint32_t raw_bytes; /* of raw */
	uint32_t params_bytes;
	uint32_t id_bytes;
	unsigned char raw[LEDGER_RAW];
	unsigned char params[LEDGER_PARAMS]; /* CKA_EC_PARAMS or CKA_PUBLIC_EXPONENT */
	unsigned char id[32];                /* CKA_ID, CKA_LABEL, serial: for people */
	char label[64];
	char serial[20];
	unsigned char hash[32]; /* SHA-256 of the DER SubjectPublicKeyInfo, when has_hash */
};
_Static_assert(sizeof(struct ledger_slot) <= LEDGER_SLOT_SIZE, "a slot has room");
_Static_assert(LEDGER_COUNTS <= 16, "there is a place for every count");

struct ledger_header {
	char magic[8];
	uint32_t version;
	uint32_t part;
	uint32_t slots;
	uint32_t slot_size;
	unsigned char id[16]; /* of this ledger, the same in all its parts */
	uint64_t created_at;
	_Atomic uint32_t parts; /* in part 0: how many there are */
	_Atomic uint32_t reserved;
	_Atomic uint64_t epoch;     /* in part 0: how often it was checkpointed */
	_Atomic uint64_t count[16]; /* in part 0: of keys that got no slot */
};
_Static_assert(sizeof(struct ledger_header) <= LEDGER_HEADER, "the header has room");

extern const char ledger_magic[8];

struct ledger_part {
	unsigned char *map;
	uint64_t device, inode;
};

/* Mapped for the life of the process: {0} before. */
struct ledger {
	char path[4096]; /* "" = in memory only */
	struct ledger_part part[LEDGER_PARTS];
	unsigned parts; /* that are mapped */
	bool writable;
	bool gone; /* the file at `path` is another one, or none */
};

enum ledger_fault {
	LEDGER_FINE,
	LEDGER_ABSENT,
	LEDGER_DENIED,  /* errno says why */
	LEDGER_FOREIGN, /* no ledger: its size, its header or its kind of file */
	LEDGER_OLD,     /* of another version */
	LEDGER_SPARSE,  /* not all of it has blocks on the disk */
	LEDGER_OPEN     /* others than its owner may write it: they could cut it */
};

/* For a message: "is not there", "is no ledger", ... */
const char *ledger_fault_text(enum ledger_fault fault);

/* Maps the file and the parts that it says it has. On a fault nothing is mapped. */
enum ledger_fault ledger_map(struct ledger *l, const char *path, bool writable);

/* One part in memory, shared with the children that are forked later. False without memory. */
bool ledger_map_memory(struct ledger *l);

/*
 * Maps parts that were added since; true when there were any. Also sees whether the file was
 * replaced: then `gone` is set, and all that is mapped stays.
 */
bool ledger_look_again(struct ledger *l);

void ledger_unmap(struct ledger *l);

struct ledger_header *ledger_header(const struct ledger *l);

/* The slot of an index, over all parts that are mapped; NULL behind the last. */
struct ledger_slot *ledger_slot_at(const struct ledger *l, size_t index);

/* The index of a slot of this ledger. */
size_t ledger_index(const struct ledger *l, const struct ledger_slot *s);

/* A key as the token shows it, and as a slot keeps it. */
struct ledger_key {
	bool rsa;
	unsigned char raw[LEDGER_RAW];
	size_t raw_bytes;
	unsigned char params[LEDGER_PARAMS];
	size_t params_bytes;
	unsigned char id[32];
	size_t id_bytes;
	char label[64];
	char serial[20];
};

/* What a slot says of its key, with lengths cut to what there is and texts ended. */
void ledger_key_of(const struct ledger_slot *s, struct ledger_key *ret);

/* The first used slot of this raw value, NULL for none. */
struct ledger_slot *ledger_find(const struct ledger *l, const unsigned char *raw, size_t bytes);

/*
 * A free slot, filled with the key, in this state. NULL when all are in use. Two processes may make
 * one each for the same key: ledger_find gives the first then, and the agent joins them.
 */
struct ledger_slot *ledger_claim(
	struct ledger *l, const struct ledger_key *key, enum ledger_state state, uint64_t now);

enum ledger_verdict { USE_GRANTED, USE_OVER, USE_OFF, USE_MECHANISM };

/*
 * Reserves one use, or refuses and counts that. For the agent itself nothing is refused. A granted
 * one is ended by one of the next three.
 */
enum ledger_verdict ledger_reserve(struct ledger_slot *s, uint32_t mechanism, bool agent);

/* Nothing was signed, for certain: the use is given back. */
void ledger_give_back(struct ledger_slot *s, bool agent);
void ledger_done(struct ledger_slot *s, uint64_t now);
void ledger_failed(struct ledger_slot *s);

/* Counts of a slot or of the header; taking one back never goes below zero. */
void ledger_take_back(_Atomic uint64_t *count, enum ledger_count which);

static inline void
ledger_add(_Atomic uint64_t *count, enum ledger_count which)
{
	atomic_fetch_add_explicit(&count[which], 1, memory_order_relaxed);
}

static inline uint64_t
ledger_get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* A key's uses in the hour that `at` is in, and in the busiest hour of [from, at's hour). */
uint64_t ledger_hour(const struct ledger_slot *s, uint64_t at);
uint64_t ledger_busiest_hour(const struct ledger_slot *s, uint64_t from, uint64_t at);

/*
 * The EC point itself: PKCS#11 2.40 wraps it in an OCTET STRING, some modules do not. *ret_bytes is
 * its length; the pointer leads into `value`.
 */
const unsigned char *ledger_point(const unsigned char *value, size_t bytes, size_t *ret_bytes);

#endif
