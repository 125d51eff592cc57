/*
 * keystay-guard's start and end: what it is told, who called C_Initialize, forks; ledgers that are
 * not there, grow, are replaced or removed; keys that it must not know.
 */
#include "support/fault.h"
#include "support/guarded.h"
#include "support/ledger_file.h"
#include "support/unit.h"

#include <dlfcn.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EC = 1, OTHER };

static CK_INFO info;
static CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};

static CK_OBJECT_HANDLE
private_key(CK_BYTE id)
{
	return guarded_find(CKO_PRIVATE_KEY, id, NULL);
}

/* PATH of a name in the scratch folder that is not made; static ring of 4. */
static const char *
path_of(const char *name)
{
	static char path[4][PATH_MAX];
	static int at;
	char *p = path[at++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", unit_folder(), name);
	return p;
}

/* An init string of these two and what is more; static. */
static const char *
init_of(const char *module, const char *ledger, const char *more)
{
	static char text[2 * PATH_MAX + 500];

	snprintf(text, sizeof text, "module=%s ledger=%s %s", module, ledger, more);
	return text;
}

/* --- C_Initialize and C_Finalize */

static void
a_servers_users_are_counted_and_the_vendor_sees_one(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	CK_OBJECT_HANDLE key = private_key(EC);
	/* A second user, who says nothing, and a third who says the same. */
	assert_rv(guarded->C_Initialize(NULL), CKR_OK);
	assert_rv(guarded_start(guarded, guarded_init("")), CKR_OK);
	assert_rv(guarded_start(guarded, ""), CKR_OK);
	assert_int_equal(fault_calls("C_Initialize"), 0);
	assert_rv(guarded->C_SignInit(guarded_session, &ecdsa, key), CKR_OK);
	for (int i = 0; i < 3; i++)
		assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_int_equal(fault_calls("C_Finalize"), 0);
	assert_counts(s, "uses=1");
	assert_rv(guarded->C_GetInfo(&info), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_int_equal(fault_calls("C_Finalize"), 1);
	assert_counts(s, "");
	assert_rv(guarded->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_rv(guarded->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	/* And anew. */
	guarded_begin(guarded, "");
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_rv(guarded->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void
all_of_the_agents_calls_reach_the_vendor(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "role=agent");
	assert_rv(guarded->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
	assert_int_equal(fault_calls("C_Initialize"), 1);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_int_equal(fault_calls("C_Finalize"), 1);
	assert_rv(guarded->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	guarded_begin(guarded, "role=agent");
	assert_rv(guarded->C_GetInfo(&info), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void
a_vendor_that_does_not_start_leaves_nothing_started(void **state)
{
	(void)state;
	CK_FUNCTION_LIST *f = guarded_copy(NULL);
	fault_rules("fail C_Initialize CKR_DEVICE_ERROR\n");
	for (int i = 0; i < 2; i++) {
		assert_rv(guarded_start(f, guarded_init("")), CKR_DEVICE_ERROR);
		assert_rv(f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
		assert_rv(f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	guarded_begin(f, "");
	assert_rv(f->C_Finalize(NULL), CKR_OK);
	assert_rv(f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void
one_guard_stands_before_one_module(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	assert_rv(guarded_start(guarded, init_of("/other.so", guarded_ledger_path(), "")),
		CKR_ARGUMENTS_BAD);
	assert_rv(guarded_start(guarded, "role=server"), CKR_ARGUMENTS_BAD);
	assert_rv(guarded_start(guarded, "what is this"), CKR_ARGUMENTS_BAD);
	/* What is there goes on, and has one user still. */
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_rv(guarded->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	/* The first settings stay, also when nobody uses it. */
	assert_rv(guarded_start(guarded, init_of("/other.so", guarded_ledger_path(), "")),
		CKR_ARGUMENTS_BAD);
	assert_rv(guarded_start(guarded, init_of(guarded_module(), "/else", "role=agent")), CKR_OK);
	CK_ULONG count = 8;
	CK_BYTE seed[4] = {1};
	CK_SLOT_ID slots[8];
	assert_rv(guarded->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	assert_rv(guarded->C_SeedRandom(1, seed, sizeof seed), CKR_RANDOM_SEED_NOT_SUPPORTED);
}

static void
settings_that_are_none_start_nothing(void **state)
{
	static const char *const texts[] = {"ledger=/x", "what", "role=agent", " ",
		"module=/x custodian=/run/c", "custodian=/run/c"};
	CK_FUNCTION_LIST *f = guarded_copy(NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_rv(guarded_start(f, texts[i]), CKR_ARGUMENTS_BAD);
		assert_rv(f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	/* Nothing of them is kept. */
	guarded_begin(f, "");
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
}

static void
settings_come_from_the_file_when_nothing_is_said(void **state)
{
	char text[2 * PATH_MAX];
	CK_FUNCTION_LIST *f = guarded_copy(NULL);

	(void)state;
	setenv("KEYSTAY_GUARD", path_of("no.conf"), 1);
	assert_rv(f->C_Initialize(NULL), CKR_ARGUMENTS_BAD);
	setenv("KEYSTAY_GUARD", unit_file("guard.conf", "module=\n"), 1);
	assert_rv(f->C_Initialize(NULL), CKR_ARGUMENTS_BAD);
	snprintf(text, sizeof text, "# as told\nmodule=%s\nledger=%s\n", guarded_module(),
		guarded_ledger_path());
	setenv("KEYSTAY_GUARD", unit_file("guard.conf", text), 1);
	assert_rv(guarded_start(f, ""), CKR_OK);
	assert_rv(f->C_Initialize(NULL), CKR_OK);
	unsetenv("KEYSTAY_GUARD");
	assert_rv(f->C_GetInfo(&info), CKR_OK);
	assert_rv(f->C_Finalize(NULL), CKR_OK);
	assert_rv(f->C_Finalize(NULL), CKR_OK);
	guarded_begin(f, "");
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_int_equal(guarded_slots(), 1);
}

static void
the_vendors_init_string_is_the_rest(void **state)
{
	(void)state;
	/* SoftHSM refuses any. */
	CK_FUNCTION_LIST *f = guarded_copy(NULL);
	assert_rv(guarded_start(f, guarded_init("init=a=b c")), CKR_ARGUMENTS_BAD);
	assert_int_equal(fault_calls("C_Initialize"), 1);
	assert_rv(f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void
a_module_that_is_none_is_refused(void **state)
{
	const char *self;
	CK_FUNCTION_LIST *f = guarded_copy(&self);
	const char *const paths[] = {path_of("nothing.so"), unit_file("text.so", "no module\n"),
		"libm.so.6", unit_folder(), self};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		const char *init = init_of(paths[i], guarded_ledger_path(), "");
		assert_rv(guarded_start(f, init), CKR_ARGUMENTS_BAD);
		assert_rv(f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	/* A link to itself is itself. */
	assert_int_equal(symlink(self, path_of("self.so")), 0);
	assert_rv(guarded_start(f, init_of(path_of("self.so"), "", "")), CKR_ARGUMENTS_BAD);
	guarded_begin(f, "");
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
}

/* --- forks */

/* The C library's, with its handlers; the name itself may not stand in a source. */
static pid_t
child_process(void)
{
	pid_t (*split)(void);

	*(void **)&split = dlsym(RTLD_DEFAULT, "fork");
	assert_non_null(split);
	return split();
}

/* What a child says of its calls: the first that is wrong, from 1. */
static int
ended_with(pid_t child)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* SoftHSM does not see that it was forked, and is there and logged in still. */
static bool
starts_and_signs(void)
{
	static CK_BYTE pin[] = "48151623";

	CK_RV rv = guarded->C_Initialize(NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return false;
	rv = guarded->C_OpenSession(guarded_slot, CKF_SERIAL_SESSION, NULL, NULL, &guarded_session);
	if (rv != CKR_OK)
		return false;
	rv = guarded->C_Login(guarded_session, CKU_USER, pin, sizeof pin - 1);
	return (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) &&
	       guarded_sign(private_key(EC)) == CKR_OK;
}

/* In a child whose parent has two users of the module: which step is the first to fail? */
static int
end_and_begin_anew(void)
{
	for (int step = 1; step < 6; step += 2) {
		if (guarded->C_Finalize(NULL) != CKR_OK ||
			guarded->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED)
			return step;
		if (!starts_and_signs())
			return step + 1;
	}
	return 0;
}

static void
a_child_begins_anew_and_counts_in_the_same_ledger(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	assert_rv(guarded->C_Initialize(NULL), CKR_OK);
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	pid_t child = child_process();
	if (child == 0)
		_exit(starts_and_signs() ? 0 : 1);
	assert_int_equal(ended_with(child), 0);
	assert_counts(s, "uses=2 done=2");
	child = child_process();
	if (child == 0)
		_exit(end_and_begin_anew());
	assert_int_equal(ended_with(child), 0);
	assert_counts(s, "uses=5 done=5");
	/* The parent has its two users still. */
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_rv(guarded->C_GetInfo(&info), CKR_OK);
	assert_rv(guarded->C_Finalize(NULL), CKR_OK);
	assert_rv(guarded->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void
what_the_parent_began_a_child_does_not_give_back(void **state)
{
	CK_BYTE data[32] = {7}, signature[64];
	CK_ULONG bytes = sizeof signature;

	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	assert_rv(guarded->C_SignInit(guarded_session, &ecdsa, private_key(EC)), CKR_OK);
	pid_t child = child_process();
	if (child == 0) {
		(void)guarded->C_CloseSession(guarded_session);
		(void)guarded->C_CloseAllSessions(guarded_slot);
		(void)guarded->C_Finalize(NULL);
		_exit(0);
	}
	assert_int_equal(ended_with(child), 0);
	assert_counts(s, "uses=1");
	assert_rv(guarded->C_Sign(guarded_session, data, sizeof data, signature, &bytes), CKR_OK);
	assert_counts(s, "uses=1 done=1");
}

/* --- ledgers */

static void
without_a_ledger_a_server_signs_on(void **state)
{
	static const char *const ledgers[] = {"", "/no/such/ledger"};

	(void)state;
	for (size_t i = 0; i < COUNT(ledgers); i++) {
		/* The last one that is said counts. */
		char more[PATH_MAX];
		snprintf(more, sizeof more, "ledger=%s unknown=refuse", ledgers[i]);
		guarded_begin(guarded_copy(NULL), more);
		for (int n = 0; n < 3; n++)
			assert_rv(guarded_sign(private_key(EC)), CKR_OK);
		assert_int_equal(guarded_slots(), 0);
		assert_header("");
		guarded_end();
	}
}

static void
no_ledger_refuse_does_not_start_without_one(void **state)
{
	const char *path = path_of("late-ledger");
	CK_FUNCTION_LIST *f = guarded_copy(NULL);

	(void)state;
	assert_rv(guarded_start(f, init_of(guarded_module(), "", "no_ledger=refuse")),
		CKR_ARGUMENTS_BAD);
	assert_rv(guarded_start(f, init_of(guarded_module(), path, "no_ledger=refuse")),
		CKR_ARGUMENTS_BAD);
	assert_rv(f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_int_equal(fault_calls("C_Initialize"), 0);
	unlink(unit_file("late-ledger", "no ledger\n"));
	ledger_file_make(path, 0, 1, 1);
	assert_rv(guarded_start(f, init_of(guarded_module(), path, "no_ledger=refuse")), CKR_OK);
	assert_rv(f->C_Finalize(NULL), CKR_OK);
}

static void
a_ledger_that_was_replaced_is_followed(void **state)
{
	CK_BYTE data[32] = {7}, signature[64];
	CK_ULONG bytes = sizeof signature;
	const char *fresh = path_of("fresh");

	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	CK_OBJECT_HANDLE key = private_key(EC);
	CK_SESSION_HANDLE other = guarded_open();
	const struct ledger *old = ledger_file_map(guarded_ledger_path());
	struct ledger_slot *before = ledger_slot_at(old, 0);
	assert_rv(guarded_sign(key), CKR_OK);
	assert_rv(guarded->C_SignInit(other, &ecdsa, key), CKR_OK);
	assert_counts(before, "uses=2 done=1");
	ledger_file_make(fresh, 0, 1, 2);
	assert_int_equal(rename(fresh, guarded_ledger_path()), 0);
	struct ledger_slot *after = guarded_register(EC, STATE_ACTIVE, 2);
	/* It is looked for where keys are. */
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(before, "uses=3 done=2");
	assert_int_equal(private_key(EC), key);
	/* What was begun before ends where it began. */
	assert_rv(guarded->C_Sign(other, data, sizeof data, signature, &bytes), CKR_OK);
	assert_counts(before, "uses=3 done=3");
	assert_counts(after, "");
	for (int i = 0; i < 2; i++)
		assert_rv(guarded_sign(key), CKR_OK);
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_counts(before, "uses=3 done=3");
	assert_counts(after, "uses=2 done=2 over=1");
}

static void
what_an_unknown_key_began_is_given_back_where_it_was_reserved(void **state)
{
	const char *fresh = path_of("fresh");

	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	guarded_make(false, 0x30, "mine", "one");
	guarded_make(false, 0x30, "yours", "other");
	CK_OBJECT_HANDLE key = guarded_find(CKO_PRIVATE_KEY, 0x30, "mine");
	CK_SESSION_HANDLE other = guarded_open();
	const struct ledger *old = ledger_file_map(guarded_ledger_path());
	assert_rv(guarded->C_SignInit(other, &ecdsa, key), CKR_OK);
	assert_string_equal(guarded_counts(ledger_header(old)->count), "uses=1");
	ledger_file_make(fresh, 0, 1, 2);
	assert_int_equal(rename(fresh, guarded_ledger_path()), 0);
	assert_rv(guarded_sign(guarded_find(CKO_PRIVATE_KEY, 0x30, "mine")), CKR_OK);
	assert_header("uses=1 done=1");
	assert_rv(guarded->C_CloseSession(other), CKR_OK);
	assert_header("uses=1 done=1");
	assert_string_equal(guarded_counts(ledger_header(old)->count), "");
}

static void
a_ledger_that_was_removed_is_counted_in_still(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "");
	struct ledger *old = ledger_file_map(guarded_ledger_path());
	struct ledger_slot *s = ledger_slot_at(old, 0);
	assert_int_equal(unlink(guarded_ledger_path()), 0);
	for (int i = 0; i < 3; i++)
		assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_counts(s, "uses=3 done=3");
	/* What is put there and is none is not followed. */
	const char *file = ledger_file_make(guarded_ledger_path(), 0, 1, 3);
	assert_int_equal(truncate(file, 100), 0);
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_counts(s, "uses=4 done=4");
	s->hard = 4;
	assert_rv(guarded_sign(private_key(EC)), CKR_KEY_FUNCTION_NOT_PERMITTED);
	ledger_file_make(guarded_ledger_path(), 0, 1, 3);
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_counts(s, "uses=4 done=4 over=1");
	assert_int_equal(guarded_slots(), 1);
}

static void
a_part_that_was_added_is_found(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "unknown=refuse");
	ledger_file_make(guarded_ledger_path(), 0, 1, 4);
	CK_OBJECT_HANDLE key = private_key(EC);
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	struct ledger *l = ledger_file_map(guarded_ledger_path());
	ledger_file_make(guarded_ledger_path(), 1, 0, 4);
	ledger_header(l)->parts = 2;
	assert_true(ledger_look_again(l));
	for (size_t i = 0; i < LEDGER_SLOTS; i++)
		ledger_slot_at(l, i)->use = SLOT_MOVING;
	const struct ledger_key k = guarded_key(EC, NULL);
	struct ledger_slot *s = ledger_claim(l, &k, STATE_ACTIVE, 1);
	assert_ptr_equal(s, ledger_slot_at(l, LEDGER_SLOTS));
	/* What was not found is forgotten with the first search. */
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_counts(s, "uses=1 done=1");
	/* And a third one, for a key that nobody asked for yet. */
	ledger_file_make(guarded_ledger_path(), 2, 0, 4);
	ledger_header(l)->parts = 3;
	assert_true(ledger_look_again(l));
	for (size_t i = LEDGER_SLOTS + 1; i < 2 * LEDGER_SLOTS; i++)
		ledger_slot_at(l, i)->use = SLOT_MOVING;
	const struct ledger_key other = guarded_key(OTHER, NULL);
	CK_OBJECT_HANDLE handle = private_key(OTHER);
	s = ledger_claim(l, &other, STATE_ACTIVE, 1);
	assert_ptr_equal(s, ledger_slot_at(l, 2 * LEDGER_SLOTS));
	assert_rv(guarded_sign(handle), CKR_OK);
	assert_counts(s, "uses=1 done=1");
}

/* --- unknown=refuse */

/* What was not found is looked for again within a second or so. */
static CK_RV
sign_soon(CK_OBJECT_HANDLE key)
{
	CK_RV rv = guarded_sign(key);

	for (int i = 0; i < 300 && rv != CKR_OK; i++) {
		usleep(10 * 1000);
		rv = guarded_sign(key);
	}
	return rv;
}

static void
a_key_that_nobody_registered_is_refused(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "unknown=refuse");
	CK_OBJECT_HANDLE key = private_key(EC);
	fault_log_clear();
	for (int i = 0; i < 3; i++)
		assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(fault_calls("C_SignInit"), 0);
	assert_header("unknown=3");
	assert_int_equal(guarded_slots(), 0);
	/* One that a guard met elsewhere is not registered by that. */
	struct ledger_slot *s = guarded_register(EC, STATE_UNKNOWN, 0);
	CK_OBJECT_HANDLE again = private_key(EC);
	for (int i = 0; i < 300 && s->count[COUNT_UNKNOWN] == 0; i++) {
		assert_rv(guarded_sign(again), CKR_KEY_FUNCTION_NOT_PERMITTED);
		usleep(10 * 1000);
	}
	assert_counts(s, "unknown=1");
	s->state = STATE_ACTIVE;
	assert_rv(guarded_sign(key), CKR_OK);
	assert_counts(s, "uses=1 done=1 unknown=1");
}

static void
a_key_that_is_registered_while_the_server_runs_signs_soon(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "unknown=refuse");
	CK_OBJECT_HANDLE key = private_key(EC);
	assert_rv(guarded_sign(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	struct ledger_slot *s = guarded_register(EC, STATE_ACTIVE, 0);
	assert_rv(sign_soon(key), CKR_OK);
	assert_counts(s, "uses=1 done=1");
	/* What cannot be told apart is unknown too. */
	guarded_make(false, 0x31, "mine", "one");
	guarded_make(false, 0x31, "yours", "other");
	uint64_t before = ledger_header(guarded_ledger())->count[COUNT_UNKNOWN];
	assert_rv(guarded_sign(guarded_find(CKO_PRIVATE_KEY, 0x31, "mine")),
		CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(ledger_header(guarded_ledger())->count[COUNT_UNKNOWN], before + 1);
}

static void
the_agent_is_refused_no_unknown_key(void **state)
{
	(void)state;
	guarded_begin(guarded_copy(NULL), "role=agent unknown=refuse");
	assert_rv(guarded_sign(private_key(EC)), CKR_OK);
	assert_header("uses=1 done=1 agent=1");
	struct ledger_slot *s = guarded_register(EC, STATE_UNKNOWN, 0);
	for (int i = 0; i < 300 && s->count[COUNT_DONE] == 0; i++) {
		assert_rv(guarded_sign(private_key(EC)), CKR_OK);
		usleep(10 * 1000);
	}
	assert_counts(s, "uses=1 done=1 agent=1");
}

static int
begin(void **state)
{
	(void)state;
	fault_rules("");
	fault_log_clear();
	/* A test may have left another one, or none. */
	ledger_file_make(guarded_ledger_path(), 0, 1, 1);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	guarded_end();
	return 0;
}

static int
set_up(void **state)
{
	guarded_set_up(state);
	guarded_begin(guarded_own(), "");
	guarded_make(false, EC, "ec", "ec");
	guarded_make(false, OTHER, "other", "other");
	return end(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_servers_users_are_counted_and_the_vendor_sees_one),
		TEST(all_of_the_agents_calls_reach_the_vendor),
		TEST(a_vendor_that_does_not_start_leaves_nothing_started),
		TEST(one_guard_stands_before_one_module),
		TEST(settings_that_are_none_start_nothing),
		TEST(settings_come_from_the_file_when_nothing_is_said),
		TEST(the_vendors_init_string_is_the_rest),
		TEST(a_module_that_is_none_is_refused),
		TEST(a_child_begins_anew_and_counts_in_the_same_ledger),
		TEST(what_the_parent_began_a_child_does_not_give_back),
		TEST(without_a_ledger_a_server_signs_on),
		TEST(no_ledger_refuse_does_not_start_without_one),
		TEST(a_ledger_that_was_replaced_is_followed),
		TEST(what_an_unknown_key_began_is_given_back_where_it_was_reserved),
		TEST(a_ledger_that_was_removed_is_counted_in_still),
		TEST(a_part_that_was_added_is_found),
		TEST(a_key_that_nobody_registered_is_refused),
		TEST(a_key_that_is_registered_while_the_server_runs_signs_soon),
		TEST(the_agent_is_refused_no_unknown_key),
	};
	return cmocka_run_group_tests_name("guard start", tests, set_up, NULL);
}
