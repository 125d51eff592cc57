/*
 * Which CAs an authority may issue by (life/trust.h): those of its files, and those of a real
 * database (state/anchors.h) that stand by what is configured still.
 */
#include "support/certificate.h"
#include "support/unit.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <unistd.h>

#include "keystay/ca/ca.h"
#include "keystay/life/trust.h"
#include "keystay/state/anchors.h"
#include "keystay/state/db.h"
#include "keystay/x509/anchors.h"

#define URL "https://est.example/"

enum { ROOT, NEXT, LAST, OTHER, ALL };

static EVP_PKEY *key;
static X509 *ca[ALL];
static char hex[ALL][65];
static char bootstrap[ALL][80]; /* as a database has it */
static char seeds[ALL][200];    /* a file of each */
static struct db *db;

static int
make_all(void **state)
{
	static const char *const names[ALL] = {"root", "next", "last", "other"};

	(void)state;
	key = EVP_EC_gen("P-256");
	for (int i = 0; i < ALL; i++) {
		char name[20];
		ca[i] = certificate_make(&(struct spec){
			.subject = names[i], .key = key, .constraints = "critical,CA:TRUE"});
		assert_true(anchor_fingerprint(ca[i], hex[i]));
		snprintf(bootstrap[i], sizeof bootstrap[i], "bootstrap:%s", hex[i]);
		AUTO(char) char *pem = certificate_pem((X509 *const[]){ca[i], NULL});
		snprintf(name, sizeof name, "%s.pem", names[i]);
		text_copy(seeds[i], sizeof seeds[i], unit_file(name, pem));
	}
	return 0;
}

static int
free_all(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	for (int i = 0; i < ALL; i++)
		X509_free(ca[i]);
	return 0;
}

/* Every test has a database of its own. */
static int
set_up(void **state)
{
	static int n;
	char path[200];

	(void)state;
	snprintf(path, sizeof path, "%s/trust-%d.db", unit_folder(), n++);
	return db_open(path, &db, UNIT_ERR);
}

static int
tear_down(void **state)
{
	(void)state;
	db_close(db);
	db = NULL;
	return 0;
}

static int
save(const char *authority, int which, const char *by)
{
	AUTO(char) char *pem = certificate_pem((X509 *const[]){ca[which], NULL});
	struct anchor_row row = {.pem = pem, .added_at = NOW + which};

	text_copy(row.authority, sizeof row.authority, authority);
	text_copy(row.fingerprint, sizeof row.fingerprint, hex[which]);
	text_copy(row.vouched_by, sizeof row.vouched_by, by);
	return anchor_save(db, &row, UNIT_ERR);
}

static void
learned(int which, const char *by)
{
	assert_ok(save("est", which, by));
}

/* One with these of its words; the configuration would own them. */
static struct authority_conf
conf_of(const char *trust, const char *issuer, const char *bootstrap_hex)
{
	return (struct authority_conf){.name = (char *)"est",
		.url = (char *)URL,
		.trust = (char *)trust,
		.issuer = (char *)issuer,
		.est = {.bootstrap = (char *)bootstrap_hex}};
}

static void
same_pem(const char *pem, const int *wanted)
{
	X509 *all[ALL + 1] = {NULL};

	for (int i = 0; wanted[i] >= 0; i++)
		all[i] = ca[wanted[i]];
	AUTO(char) char *text = all[0] ? certificate_pem(all) : strdup("");
	assert_string_equal(pem, text);
}

static void
knows(struct db *of, struct authority_conf a, const int *wanted)
{
	AUTO(char) char *pem = NULL;

	assert_ok(trust_known(of, &a, &pem, UNIT_ERR));
	same_pem(pem, wanted);
	assert_int_equal(ERR_peek_error(), 0);
}
#define KNOWS(conf, ...) knows(db, conf, (const int[]){__VA_ARGS__, -1})
#define KNOWS_NONE(conf) knows(db, conf, (const int[]){-1})

/* --- what the configuration names */

static void
a_file_that_is_not_there_is_an_error_of_the_configuration(void **state)
{
	const struct authority_conf by_issuer = conf_of("system", "/nowhere/ca.pem", NULL);
	const struct authority_conf by_trust = conf_of("/nowhere/ca.pem", NULL, NULL);
	AUTO(char) char *pem = NULL;

	(void)state;
	assert_refused(trust_known(db, &by_issuer, &pem, UNIT_ERR), ERR_CONFIG, "authority 'est'");
	assert_non_null(strstr(unit_err.text, "/nowhere/ca.pem"));
	assert_non_null(strstr(unit_err.hint, "mend 'issuer:'"));
	assert_refused(trust_known(NULL, &by_trust, &pem, UNIT_ERR), ERR_CONFIG, "authority 'est'");
	assert_non_null(strstr(unit_err.hint, "mend 'trust:'"));
	assert_refused(trust_https(db, &by_trust, &pem, UNIT_ERR), ERR_CONFIG, "authority 'est'");
	assert_refused(trust_https(db, &by_issuer, &pem, UNIT_ERR), ERR_CONFIG, "authority 'est'");
	assert_null(pem);
}

static void
a_file_without_certificates_is_an_error_of_the_configuration(void **state)
{
	static const char *const texts[] = {"", "text\n", "-----BEGIN CERTIFICATE-----\nMAA=\n"};
	AUTO(char) char *pem = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const struct authority_conf a =
			conf_of("system", unit_file("odd.pem", texts[i]), NULL);
		assert_refused(trust_known(db, &a, &pem, UNIT_ERR), ERR_CONFIG, "authority 'est'");
		assert_non_null(strstr(unit_err.hint, "mend 'issuer:'"));
		assert_null(pem);
	}
}

static void
the_file_of_issuer_or_else_of_trust_names_anchors(void **state)
{
	(void)state;
	AUTO(char) char *pem = certificate_pem((X509 *const[]){ca[LAST], ca[ROOT], NULL});
	const char *two = unit_file("two.pem", pem);

	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT);
	KNOWS(conf_of(seeds[ROOT], NULL, NULL), ROOT);
	KNOWS(conf_of(seeds[OTHER], seeds[ROOT], NULL), ROOT);
	KNOWS(conf_of("system", two, NULL), LAST, ROOT);
	KNOWS_NONE(conf_of("system", NULL, NULL));
	KNOWS_NONE(conf_of(NULL, NULL, hex[ROOT]));
}

static void
without_a_database_only_what_is_configured_is_known(void **state)
{
	(void)state;
	learned(NEXT, hex[ROOT]);
	knows(NULL, conf_of("system", seeds[ROOT], NULL), (const int[]){ROOT, -1});
	knows(NULL, conf_of("system", NULL, NULL), (const int[]){-1});
	knows(NULL, conf_of(NULL, NULL, hex[ROOT]), (const int[]){-1});
}

/* --- what was learned */

static void
what_a_seed_vouches_for_is_known_and_what_that_vouches_for(void **state)
{
	(void)state;
	learned(NEXT, hex[ROOT]);
	learned(LAST, hex[NEXT]);
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT, NEXT, LAST);
	KNOWS(conf_of(seeds[ROOT], NULL, NULL), ROOT, NEXT, LAST);
	/* Also without the first one, where the second is configured. */
	KNOWS(conf_of("system", seeds[NEXT], NULL), NEXT, LAST);
	KNOWS(conf_of("system", seeds[LAST], NULL), LAST);
}

static void
what_stands_by_something_that_is_not_configured_is_not_known(void **state)
{
	(void)state;
	learned(NEXT, hex[ROOT]);
	learned(LAST, hex[NEXT]);
	KNOWS(conf_of("system", seeds[OTHER], NULL), OTHER);
	KNOWS(conf_of(seeds[OTHER], NULL, NULL), OTHER);
	KNOWS_NONE(conf_of("system", NULL, NULL));
	KNOWS_NONE(conf_of(NULL, NULL, hex[ROOT]));
	/* A CA for the connection alone is none that issues. */
	KNOWS(conf_of(seeds[ROOT], seeds[OTHER], NULL), OTHER);
}

static void
what_stands_by_itself_or_in_a_ring_is_not_known(void **state)
{
	(void)state;
	learned(OTHER, hex[OTHER]);
	learned(NEXT, hex[LAST]);
	learned(LAST, hex[NEXT]);
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT);
}

static void
words_that_mean_nothing_vouch_for_nobody(void **state)
{
	static const char *const words[] = {
		"", "system", "system ", "bootstrap:", "bootstrap: ", "seed", "system https://"};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		assert_int_equal(tear_down(NULL), 0);
		assert_int_equal(set_up(NULL), 0);
		learned(NEXT, words[i]);
		KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT);
		KNOWS_NONE(conf_of("system", NULL, NULL));
		KNOWS_NONE(conf_of(NULL, NULL, hex[ROOT]));
	}
}

static void
what_a_fingerprint_vouched_for_goes_with_that_fingerprint(void **state)
{
	char shorter[65];

	(void)state;
	learned(ROOT, bootstrap[ROOT]);
	learned(NEXT, hex[ROOT]);
	KNOWS(conf_of(NULL, NULL, hex[ROOT]), ROOT, NEXT);
	KNOWS(conf_of("system", NULL, hex[ROOT]), ROOT, NEXT);
	KNOWS_NONE(conf_of(NULL, NULL, hex[OTHER]));
	KNOWS_NONE(conf_of("system", NULL, NULL));
	text_copy(shorter, sizeof shorter, hex[ROOT]);
	shorter[63] = '\0';
	KNOWS_NONE(conf_of(NULL, NULL, shorter));
	KNOWS(conf_of("system", seeds[OTHER], NULL), OTHER);
}

static void
what_the_systems_cas_vouched_for_goes_with_them_and_with_that_url(void **state)
{
	struct authority_conf moved = conf_of("system", NULL, NULL);

	(void)state;
	learned(ROOT, "system " URL);
	learned(NEXT, hex[ROOT]);
	KNOWS(conf_of("system", NULL, NULL), ROOT, NEXT);
	moved.url = (char *)URL "est";
	KNOWS_NONE(moved);
	moved.url = (char *)"https://other.example/";
	KNOWS_NONE(moved);
	/* Whatever else is named says more than the system does. */
	KNOWS(conf_of("system", seeds[OTHER], NULL), OTHER);
	KNOWS(conf_of(seeds[OTHER], NULL, NULL), OTHER);
	KNOWS_NONE(conf_of("system", NULL, hex[OTHER]));
	KNOWS_NONE(conf_of(NULL, NULL, hex[OTHER]));
	/* A seed of the same CA makes it known by its own word, and what stands by it. */
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT, NEXT);
}

static void
what_is_both_a_seed_and_learned_is_there_once(void **state)
{
	(void)state;
	learned(ROOT, bootstrap[ROOT]);
	learned(NEXT, hex[ROOT]);
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT, NEXT);
	KNOWS(conf_of(NULL, seeds[ROOT], hex[ROOT]), ROOT, NEXT);
}

static void
the_order_is_that_of_learning_and_any_order_is_understood(void **state)
{
	(void)state;
	/* Who is vouched for stands before who vouches. */
	learned(LAST, hex[NEXT]);
	learned(NEXT, hex[ROOT]);
	learned(OTHER, hex[ROOT]);
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT, NEXT, OTHER, LAST);
}

static void
what_another_authority_learned_is_not_known(void **state)
{
	(void)state;
	assert_ok(save("other", NEXT, hex[ROOT]));
	assert_ok(save("EST", LAST, hex[ROOT]));
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT);
	/* The same CA may be an anchor of both. */
	learned(NEXT, hex[ROOT]);
	KNOWS(conf_of("system", seeds[ROOT], NULL), ROOT, NEXT);
}

/* --- the rows themselves */

static struct {
	char fingerprint[ALL][65], vouched_by[ALL][600];
	when_t added_at[ALL];
	int count;
} seen;

static int
note(void *ctx, const struct anchor_row *row, struct err *e)
{
	int at = seen.count;

	assert_ptr_equal(ctx, &seen);
	assert_true(at < ALL);
	assert_string_equal(row->authority, "est");
	assert_true(text_starts(row->pem, "-----BEGIN CERTIFICATE-----\n"));
	if (at == 2)
		return err_set(e, ERR_FAILED, "no more of these");
	text_copy(seen.fingerprint[at], 65, row->fingerprint);
	text_copy(seen.vouched_by[at], 600, row->vouched_by);
	seen.added_at[at] = row->added_at;
	seen.count++;
	return 0;
}

static void
a_row_that_is_there_stands_by_the_newest_word(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	learned(NEXT, hex[ROOT]);
	learned(ROOT, "system " URL);
	learned(NEXT, hex[OTHER]);
	learned(NEXT, bootstrap[NEXT]);
	assert_ok(save("other", LAST, hex[ROOT]));
	assert_ok(anchors_each(db, "est", note, &seen, UNIT_ERR));
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.fingerprint[0], hex[NEXT]);
	assert_string_equal(seen.vouched_by[0], bootstrap[NEXT]);
	assert_int_equal(seen.added_at[0], NOW + NEXT);
	assert_string_equal(seen.fingerprint[1], hex[ROOT]);
	assert_string_equal(seen.vouched_by[1], "system " URL);
	KNOWS(conf_of("system", seeds[OTHER], NULL), OTHER);
}

static void
rows_end_where_one_is_refused_and_there_may_be_none(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	assert_ok(anchors_each(db, "est", note, &seen, UNIT_ERR));
	assert_int_equal(seen.count, 0);
	for (int i = 0; i < ALL; i++)
		learned(i, hex[ROOT]);
	assert_refused(
		anchors_each(db, "est", note, &seen, UNIT_ERR), ERR_FAILED, "no more of these");
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.fingerprint[0], hex[ROOT]);
	assert_string_equal(seen.fingerprint[1], hex[NEXT]);
}

static void
a_row_that_is_damaged_is_an_error_where_it_would_count(void **state)
{
	struct anchor_row row = {.authority = "est", .pem = "junk", .added_at = NOW};
	const struct authority_conf a = conf_of("system", seeds[ROOT], NULL);
	AUTO(char) char *pem = NULL;

	(void)state;
	text_copy(row.fingerprint, sizeof row.fingerprint, hex[NEXT]);
	text_copy(row.vouched_by, sizeof row.vouched_by, hex[ROOT]);
	assert_ok(anchor_save(db, &row, UNIT_ERR));
	assert_refused(
		trust_known(db, &a, &pem, UNIT_ERR), ERR_AUTHORITY, "an anchor in the database");
	assert_null(pem);
	KNOWS(conf_of("system", seeds[OTHER], NULL), OTHER);
	KNOWS(conf_of("system", seeds[NEXT], NULL), NEXT);
}

/* --- the connection */

static void
verifies(struct authority_conf a, const char *wanted)
{
	AUTO(char) char *pem = NULL;

	assert_ok(trust_https(db, &a, &pem, UNIT_ERR));
	assert_string_equal(pem, wanted);
}

static void
a_connection_is_verified_by_trust_and_by_what_issues(void **state)
{
	AUTO(char) char *root = certificate_pem((X509 *const[]){ca[ROOT], NULL});
	AUTO(char) char *learned_too = certificate_pem((X509 *const[]){ca[ROOT], ca[NEXT], NULL});
	AUTO(char) char *other = certificate_pem((X509 *const[]){ca[OTHER], NULL});
	AUTO(char) char *both = NULL;

	(void)state;
	verifies(conf_of("system", NULL, NULL), "");
	verifies(conf_of("system", seeds[ROOT], NULL), root);
	learned(NEXT, hex[ROOT]);
	verifies(conf_of("system", seeds[ROOT], NULL), learned_too);
	/* The file of 'trust:' is read as it is, whether or not a newline ends it. */
	assert_true(asprintf(&both, "%s\n%s", other, learned_too) > 0);
	verifies(conf_of(seeds[OTHER], seeds[ROOT], NULL), both);
	other[strlen(other) - 1] = '\0';
	const char *unended = unit_file("unended.pem", other);
	AUTO(char) char *shorter = NULL;
	assert_true(asprintf(&shorter, "%s\n%s", other, learned_too) > 0);
	verifies(conf_of(unended, seeds[ROOT], NULL), shorter);
}

#define WITH_DATABASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATABASE(a_file_that_is_not_there_is_an_error_of_the_configuration),
		WITH_DATABASE(a_file_without_certificates_is_an_error_of_the_configuration),
		WITH_DATABASE(the_file_of_issuer_or_else_of_trust_names_anchors),
		WITH_DATABASE(without_a_database_only_what_is_configured_is_known),
		WITH_DATABASE(what_a_seed_vouches_for_is_known_and_what_that_vouches_for),
		WITH_DATABASE(what_stands_by_something_that_is_not_configured_is_not_known),
		WITH_DATABASE(what_stands_by_itself_or_in_a_ring_is_not_known),
		WITH_DATABASE(words_that_mean_nothing_vouch_for_nobody),
		WITH_DATABASE(what_a_fingerprint_vouched_for_goes_with_that_fingerprint),
		WITH_DATABASE(what_the_systems_cas_vouched_for_goes_with_them_and_with_that_url),
		WITH_DATABASE(what_is_both_a_seed_and_learned_is_there_once),
		WITH_DATABASE(the_order_is_that_of_learning_and_any_order_is_understood),
		WITH_DATABASE(what_another_authority_learned_is_not_known),
		WITH_DATABASE(a_row_that_is_there_stands_by_the_newest_word),
		WITH_DATABASE(rows_end_where_one_is_refused_and_there_may_be_none),
		WITH_DATABASE(a_row_that_is_damaged_is_an_error_where_it_would_count),
		WITH_DATABASE(a_connection_is_verified_by_trust_and_by_what_issues),
	};
	return cmocka_run_group_tests_name("trust", tests, make_all, free_all);
}
