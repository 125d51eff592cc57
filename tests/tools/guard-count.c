/*
 * guard-count VERB GUARD MODULE LEDGER TOKEN PIN-FILE KEY N M [K]
 *
 * Whether the guard counts what the module signs, however its processes live and end:
 *
 *	kills	N processes sign, and one after the other is killed at any moment and started
 *		anew, until there are M signatures and were K kills
 *	forks	N children are forked from a process that has sessions open, and each signs M times:
 *		by turns in the parent's session, after a C_Initialize of its own, and in a session
 *		in which the parent began something, which is the parent's alone
 *	limit	8 processes sign until the hard limit N refuses them all; then until M does
 *	close	N sessions are closed by one thread while another one signs in them
 *
 * Prints a line "WORD N ...": `made` as the null module counts them (NULL_COUNT, which is made
 * here), `noted` by those who got one, and what the ledger has, over all slots of all keys; `other`
 * is what the header counts. The ledger is there before. A PIN-FILE of "-" is no login.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "keystay/base/text.h"
#include "keystay/guard/ledger.h"
#include "raw-sign.h"

#define PROCESSES_MAX 64
#define LIMITED 8      /* processes of `limit` */
#define AT_ONCE 4      /* children of `forks`, at most */
#define KILL_AFTER 300 /* microseconds of signing, at most */

/* What a server does, and the agent must not (banned.h): the one with handlers, so not _Fork. */
pid_t fork_as_servers_do(void) __asm__("fork");

/* Shared by all processes. */
struct board {
	_Atomic uint64_t noted, kills;
	atomic_bool stop;
	struct {
		atomic_bool signs; /* it is past its start */
		_Atomic uint64_t refused;
	} worker[PROCESSES_MAX];
};

static struct {
	const char *guard;
	char init[8300];
	struct raw_name name;
	int64_t n, m, k;
} args;

static struct board *board;
static struct null_count *null_count;
static struct ledger ledger;
static pid_t pids[PROCESSES_MAX];

static void
pause_us(long us)
{
	nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

/* --- what was counted */

static uint64_t
made(void)
{
	uint64_t sum = 0;

	for (int i = 0; null_count && i < NULL_KEYS; i++)
		sum += atomic_load(&null_count->made[i]);
	return sum;
}

/* The module's own word, where it has one. */
static uint64_t
signatures(void)
{
	return null_count ? made() : atomic_load(&board->noted);
}

static uint64_t
counted(enum ledger_count which)
{
	const struct ledger_slot *s;
	uint64_t sum = 0;

	for (size_t i = 0; (s = ledger_slot_at(&ledger, i)); i++)
		if (atomic_load(&s->use) == SLOT_USED)
			sum += ledger_get(&s->count[which]);
	return sum;
}

static int
slots_that_are(enum ledger_use use)
{
	const struct ledger_slot *s;
	int n = 0;

	for (size_t i = 0; (s = ledger_slot_at(&ledger, i)); i++)
		n += atomic_load(&s->use) == use;
	return n;
}

static void
print(const char *word, uint64_t value)
{
	printf("%s %llu ", word, (unsigned long long)value);
}

static void
print_all(void)
{
	uint64_t other = 0;

	for (int i = 0; i < LEDGER_COUNTS; i++)
		other += ledger_get(&ledger_header(&ledger)->count[i]);
	if (null_count)
		print("made", made());
	print("noted", atomic_load(&board->noted));
	for (int i = 0; i < LEDGER_COUNTS; i++)
		if (i <= COUNT_FAILED || i == COUNT_OVER || counted(i))
			print(ledger_count_word(i), counted(i));
	print("other", other);
	print("slots", (uint64_t)slots_that_are(SLOT_USED));
	print("half", (uint64_t)slots_that_are(SLOT_FILLING));
	puts("");
}

/* --- processes */

static void
note_one(void)
{
	atomic_fetch_add(&board->noted, 1);
}

/* A child that ends with its parent; 0 in the child. */
static pid_t
start_child(void)
{
	const pid_t parent = getpid();

	fflush(NULL);
	pid_t pid = fork_as_servers_do();
	if (pid < 0)
		raw_fail("fork", CKR_HOST_MEMORY);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

static void
wait_well(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0 || status != 0)
		raw_fail("a child ended badly, with", (CK_RV)status);
}

static struct raw
open_guarded(void)
{
	CK_FUNCTION_LIST *f = raw_load(args.guard);

	raw_start(f, args.init);
	return raw_open(f, &args.name);
}

/* --- kills */

static bool
are_enough(void)
{
	return signatures() >= (uint64_t)args.m && atomic_load(&board->kills) >= (uint64_t)args.k;
}

static void
sign_until_enough(int i)
{
	struct raw r = open_guarded();

	atomic_store(&board->worker[i].signs, true);
	while (!are_enough()) {
		raw_must(raw_sign(&r), "a signature");
		note_one();
	}
	_exit(0);
}

static void
start_worker(int i, void (*work)(int i))
{
	atomic_store(&board->worker[i].signs, false);
	pids[i] = start_child();
	if (pids[i] == 0)
		work(i);
}

/* Waits until it signs; false when it ended, as it does when there are enough. */
static bool
is_signing(int i)
{
	int status;

	while (pids[i] && !atomic_load(&board->worker[i].signs)) {
		pid_t ended = waitpid(pids[i], &status, WNOHANG);
		if (ended == pids[i] && status != 0)
			raw_fail("a process ended badly, with", (CK_RV)status);
		if (ended == pids[i])
			pids[i] = 0;
		pause_us(50);
	}
	return pids[i] != 0;
}

/*
 * SoftHSM cuts token.object in C_Login and writes it anew without a lock, so whoever starts just
 * then finds no token. Processes of a real module start one after the other.
 */
static void
start_signing(int i)
{
	start_worker(i, sign_until_enough);
	if (!null_count)
		(void)is_signing(i);
}

static void
kill_and_start_anew(int i)
{
	int status;

	if (!is_signing(i))
		return;
	pause_us(random() % KILL_AFTER);
	kill(pids[i], SIGKILL);
	if (waitpid(pids[i], &status, 0) < 0)
		raw_fail("waitpid", CKR_GENERAL_ERROR);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		atomic_fetch_add(&board->kills, 1);
	else if (status != 0)
		raw_fail("a process ended badly, with", (CK_RV)status);
	start_signing(i);
}

static void
count_kills(void)
{
	for (int i = 0; i < args.n; i++)
		start_signing(i);
	while (!are_enough())
		kill_and_start_anew((int)(random() % args.n));
	for (int i = 0; i < args.n; i++)
		if (pids[i])
			wait_well(pids[i]);
	print("kills", atomic_load(&board->kills));
}

/* --- forks */

/* Only beside a module without locks: a child would have them as they were. */
static void *
sign_meanwhile(void *session)
{
	const struct raw *r = session;

	while (!atomic_load(&board->stop)) {
		raw_must(raw_sign(r), "a signature of the parent");
		note_one();
	}
	return NULL;
}

static void
sign_times(const struct raw *r, int64_t times)
{
	while (times--) {
		raw_must(raw_sign(r), "a signature of a child");
		note_one();
	}
}

static void
live_as_child(int64_t i, const struct raw *parents, const struct raw *begun)
{
	struct raw r = *parents;

	if (i % 3 == 1) {
		raw_must(r.f->C_Finalize(NULL), "C_Finalize in a child");
		raw_start(r.f, args.init);
		r = raw_open(r.f, &args.name);
	} else if (i % 3 == 2) {
		CK_RV rv = raw_finish(begun);
		if (rv == CKR_OK)
			note_one();
		if (rv != CKR_OPERATION_NOT_INITIALIZED)
			fprintf(stderr, "a child goes on with what its parent began: 0x%lx\n", rv);
	}
	sign_times(&r, args.m);
	_exit(0);
}

static void
fork_children(const struct raw *r, const struct raw *begun)
{
	const int at_once = null_count ? AT_ONCE : 1;
	pid_t children[AT_ONCE] = {0};

	for (int64_t i = 0; i < args.n; i++) {
		pid_t *place = &children[i % at_once];
		if (*place)
			wait_well(*place);
		*place = start_child();
		if (*place == 0)
			live_as_child(i, r, begun);
	}
	for (int i = 0; i < AT_ONCE; i++)
		if (children[i])
			wait_well(children[i]);
}

static void
count_forks(void)
{
	struct raw r = open_guarded();
	struct raw begun = raw_open(r.f, &args.name), busy = raw_open(r.f, &args.name);
	pthread_t thread;

	if (null_count && pthread_create(&thread, NULL, sign_meanwhile, &busy) != 0)
		raw_fail("a thread", CKR_CANT_LOCK);
	sign_times(&r, 1);
	raw_must(raw_begin(&begun), "C_SignInit");
	fork_children(&r, &begun);
	raw_must(raw_finish(&begun), "what was begun before all children");
	note_one();
	atomic_store(&board->stop, true);
	if (null_count)
		pthread_join(thread, NULL);
	raw_must(r.f->C_Finalize(NULL), "C_Finalize");
	print("forks", (uint64_t)args.n);
}

/* --- limit */

static void
sign_until_stopped(int i)
{
	struct raw r = open_guarded();

	while (!atomic_load(&board->stop)) {
		CK_RV rv = raw_sign(&r);
		if (rv == CKR_OK) {
			note_one();
			continue;
		}
		if (rv != CKR_KEY_FUNCTION_NOT_PERMITTED)
			raw_fail("a signature beyond the limit", rv);
		atomic_fetch_add(&board->worker[i].refused, 1);
		sched_yield();
	}
	_exit(0);
}

/* The first refusal may be older than the limit; after the second nothing of it is under way. */
static void
wait_for_refusals(void)
{
	uint64_t before[LIMITED];

	for (int i = 0; i < LIMITED; i++)
		before[i] = atomic_load(&board->worker[i].refused);
	for (int i = 0; i < LIMITED; i++)
		while (atomic_load(&board->worker[i].refused) < before[i] + 2)
			pause_us(200);
}

/* The one key that the ledger has by now. */
static void
set_limit(int64_t hard)
{
	struct ledger_slot *s = ledger_slot_at(&ledger, 0);

	if (atomic_load(&s->use) != SLOT_USED)
		raw_fail("no key in the ledger", CKR_GENERAL_ERROR);
	atomic_store(&s->hard, (uint64_t)hard);
}

static void
sign_once(int i)
{
	struct raw r = open_guarded();

	(void)i;
	sign_times(&r, 1);
	_exit(0);
}

static void
count_limit(void)
{
	uint64_t refused = 0;

	start_worker(0, sign_once);
	wait_well(pids[0]);
	set_limit(args.n);
	for (int i = 0; i < LIMITED; i++)
		start_worker(i, sign_until_stopped);
	wait_for_refusals();
	print("first", signatures());
	set_limit(args.m);
	wait_for_refusals();
	atomic_store(&board->stop, true);
	for (int i = 0; i < LIMITED; i++) {
		wait_well(pids[i]);
		refused += atomic_load(&board->worker[i].refused);
	}
	print("refused", refused);
}

/* --- close */

/* Until its session is gone. */
static void *
sign_in_it(void *session)
{
	const struct raw *r = session;
	CK_RV rv;

	while ((rv = raw_sign(r)) == CKR_OK)
		note_one();
	if (rv != CKR_SESSION_HANDLE_INVALID && rv != CKR_OPERATION_NOT_INITIALIZED)
		raw_fail("a signature in a session that is being closed", rv);
	return NULL;
}

static void
count_close(void)
{
	struct raw r = open_guarded();

	for (int64_t i = 0; i < args.n; i++) {
		struct raw closed = raw_open(r.f, &args.name);
		pthread_t thread;
		if (pthread_create(&thread, NULL, sign_in_it, &closed) != 0)
			raw_fail("a thread", CKR_CANT_LOCK);
		pause_us(random() % 50);
		raw_must(r.f->C_CloseSession(closed.session), "C_CloseSession");
		pthread_join(thread, NULL);
	}
	print("closed", (uint64_t)args.n);
}

static const struct {
	const char *word;
	void (*count)(void);
} verbs[] = {{"kills", count_kills}, {"forks", count_forks}, {"limit", count_limit},
	{"close", count_close}};

int
main(int argc, char **argv)
{
	size_t verb = 0;

	while (argc > 9 && verb < COUNT(verbs) && !text_same(argv[1], verbs[verb].word))
		verb++;
	if (argc < 10 || argc > 11 || verb == COUNT(verbs) ||
		!number_parse(argv[8], 1, INT64_MAX, &args.n) ||
		!number_parse(argv[9], 0, INT64_MAX, &args.m) ||
		(argc > 10 && !number_parse(argv[10], 0, INT64_MAX, &args.k)) ||
		(text_same(argv[1], "kills") && args.n > PROCESSES_MAX))
		return 2;
	args.guard = argv[2];
	args.name = (struct raw_name){argv[5], argv[6], argv[7]};
	snprintf(args.init, sizeof args.init, "module=%s ledger=%s role=server", argv[3], argv[4]);
	if (ledger_map(&ledger, argv[4], true) != LEDGER_FINE)
		raw_fail(argv[4], CKR_GENERAL_ERROR);
	null_count = raw_null_count();
	board = mmap(
		NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		raw_fail("mmap", CKR_HOST_MEMORY);
	srandom((unsigned)getpid());
	verbs[verb].count();
	print_all();
	return 0;
}
