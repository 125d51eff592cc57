/* Certificates that are taken into the inventory to be watched (life/adopt.h). */
#include "../../agent/life/watch_others.h"
#include "support/certificate.h"
#include "support/unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "keystay/base/file.h"
#include "keystay/life/adopt.h"
#include "keystay/net/probe.h"
#include "keystay/run/system.h"
#include "keystay/state/db.h"
#include "keystay/state/inventory.h"
#include "keystay/state/journal.h"
#include "keystay/state/keys.h"
#include "keystay/x509/ossl.h"

#define HEADER \
	"name,names,subject,owner,authority,policy,token,key_type,not_after,endpoints,notes\n"

static struct config *config;
static struct life *life;
static when_t now;
static X509 *shown; /* by every endpoint; NULL: nothing listens */
static char asked[256];

static when_t
still_now(void *ctx)
{
	(void)ctx;
	return now;
}

static int
show_shown(void *ctx, const struct probe_request *r, struct probe_answer *ret, struct err *e)
{
	unsigned char *der = NULL;

	(void)ctx;
	memset(ret, 0, sizeof *ret);
	snprintf(asked, sizeof asked, "%s %s %d", r->endpoint, r->sni, r->limit_ms);
	if (!shown)
		return err_set(e, ERR_NETWORK, "endpoint '%s': no connection", r->endpoint);
	int len = i2d_X509(shown, &der);
	buf_add(r->leaf, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}

static struct services services;

static int
set_up(void **state)
{
	static int n;
	char text[2048], name[32];
	struct err e;

	(void)state;
	services = *system_services();
	services.now = still_now;
	services.probe = show_shown;
	now = NOW;
	snprintf(name, sizeof name, "adopt-%d.yaml", ++n);
	snprintf(text, sizeof text,
		"state: %s/state-%d\n"
		"tokens:\n"
		"  - {name: web, module: /usr/lib/x.so, label: web, pin: prompt}\n"
		"authorities:\n"
		"  - {name: portal, protocol: acme, url: 'https://ca.example/',\n"
		"     account_key: {token: web}}\n"
		"certificates:\n"
		"  - name: managed\n"
		"    names: [managed.example, www.managed.example]\n"
		"    token: web\n"
		"    authority: portal\n"
		"    policy: lab\n"
		"    challenge: {type: http-01, webroot: /srv}\n",
		unit_folder(), n);
	const char *path = unit_file(name, text);
	if (config_read(path, &config, &e) < 0)
		return -1;
	const struct life_conf conf = {.config = config, .services = &services, .command = "test"};
	return life_open(&conf, &life, &e);
}

static int
tear_down(void **state)
{
	(void)state;
	life_close(life);
	config_free(config);
	life = NULL;
	config = NULL;
	X509_free(shown);
	shown = NULL;
	return 0;
}

static int
list(struct adoption *a, const char *text)
{
	return adopt_list(unit_file("list.csv", text), a, UNIT_ERR);
}

/* "name result;" of each, after they are stored. */
static const char *
stored(struct adoption *a)
{
	static const char *const words[] = {"new", "updated", "unchanged", "managed"};
	static char text[1024];

	text[0] = '\0';
	assert_ok(adoption_judge(a, config, life_db(life), now, UNIT_ERR));
	assert_ok(life_adopt(life, a, UNIT_ERR));
	for (size_t i = 0; i < a->items; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s%s %s;",
			a->item[i].before, *a->item[i].before ? ">" : "", a->item[i].row.name,
			words[a->item[i].result]);
	return text;
}

static const char *
adopt_text(const char *text)
{
	AUTO(adoption) struct adoption a = {.items = 0};

	assert_ok(list(&a, text));
	return stored(&a);
}

static struct watched_row row;

static const struct watched_row *
got(const char *name)
{
	bool found;

	watched_free(&row);
	row = (struct watched_row){.added_at = 0};
	assert_ok(watched_get(life_db(life), name, &row, &found, UNIT_ERR));
	if (!found)
		fail_msg("'%s' is not watched", name);
	return &row;
}

static int
count_row(void *ctx, const struct watched_row *w, struct err *e)
{
	(void)w;
	(void)e;
	++*(int *)ctx;
	return 0;
}

static int
watched(void)
{
	int n = 0;

	assert_ok(watched_each(life_db(life), count_row, &n, UNIT_ERR));
	return n;
}

static int
count_adopted(void *ctx, const struct event *v, struct err *e)
{
	(void)e;
	*(int *)ctx += text_same(v->kind, "adopted");
	return 0;
}

static int
journaled(void)
{
	int n = 0;

	assert_ok(journal_each(life_db(life), NULL, count_adopted, &n, UNIT_ERR));
	return n;
}

/* --- lists */

static void
refuses(const char *text, const char *why, const char *hint)
{
	AUTO(adoption) struct adoption a = {.items = 0};

	assert_refused(list(&a, text), ERR_CONFIG, why);
	if (!strstr(unit_err.hint, hint))
		fail_msg("'%s': the hint is '%s'", text, unit_err.hint);
}

static void
what_is_wrong_in_a_list_is_refused_with_its_line(void **state)
{
	(void)state;
	refuses("", "there is no certificate in this list", "header");
	refuses(HEADER, "there is no certificate in this list", "header");
	refuses("name,owner\na,b\n", "list.csv:1: the header has no column 'names'", "name,names,");
	refuses("names,Names\na.example,b\n", "list.csv:1: the column 'names' is there twice", "");
	refuses("name,names\n../x,a.example\n", "list.csv:2: '../x' is not a name", "");
	refuses("name,names\na,\n", "list.csv:2: the field 'names' is empty", "");
	refuses("names\na.example b_c.example\n",
		"list.csv:2: 'b_c.example' is no name for a certificate", "");
	refuses("names\n\xc3\xbc.example\n", "it is not ASCII", "A-label");
	refuses("names,not_after\na.example,11/09/27\n",
		"list.csv:2: the year of '11/09/27' has two digits", "");
	refuses("names,not_after\na.example,09/31/2027\n", "'09/31/2027' is no date", "");
	refuses("names,not_after\na.example,31.12.2027\n", "'31.12.2027' is no date", "");
	refuses("names,not_after\na.example,2027-02-30\n", "is no date", "");
	refuses("names,endpoints\na.example,a.example\n",
		"list.csv:2: the endpoint 'a.example' is not HOST:PORT", "");
	refuses("names,owner\na.example,b,c\n", "list.csv:2: 3 fields, and the header has 2", "");
	refuses("name,names\nx,a.example\ny,b.example\nx,c.example\n",
		"list.csv:4: the name 'x' is in line 2 too", "");
	refuses("names,key_type\na.example,a type of key that is too long\n",
		"list.csv:2: the field 'key_type' is longer than 15 bytes", "");
	/* All that are wrong are told at once. */
	refuses("name,names\nx,a.example\ny,\nz,b.example\nu,\nv,-\n",
		"list.csv:3: the field 'names' is empty", "wrong too: lines 5, 6");
	refuses("name,names\ny,\nu,\n", "list.csv:2:", "wrong too: line 3");
	assert_int_equal(watched(), 0);
}

static void
all_columns_are_read(void **state)
{
	AUTO(adoption) struct adoption a = {.items = 0};

	(void)state;
	assert_ok(list(&a, "Notes,Not After,NAMES,colour,name,Key-Type,subject,owner,authority,"
			   "policy,token,endpoints\n"
			   "'=old,11/09/2027,\"WWW.Example.org.,192.0.2.1;2001:DB8:0::1 "
			   "www.example.org\",red,uc,RSA 3072,/C=GB/O=x,me@example.org,portal,lab,"
			   "web,127.0.0.1:443 [::1]:443\n"));
	assert_int_equal(a.told.count, 1);
	assert_non_null(strstr(a.told.item[0], "list.csv:1: not read: colour"));
	assert_string_equal(stored(&a), "uc new;");
	const struct watched_row *w = got("uc");
	assert_int_equal(w->names.count, 3);
	assert_string_equal(w->names.item[0], "www.example.org");
	assert_string_equal(w->names.item[2], "2001:db8::1");
	assert_string_equal(w->notes, "=old");
	assert_string_equal(w->key_type, "rsa-3072");
	assert_string_equal(w->subject, "/C=GB/O=x");
	assert_string_equal(w->owner, "me@example.org");
	assert_string_equal(w->endpoints.item[1], "[::1]:443");
	assert_int_equal(w->not_after, when_from_utc(2027, 9, 11, 0, 0, 0));
	assert_string_equal(w->source, WATCHED_LIST);
	assert_true(w->place[0] == '/');
	assert_int_equal(w->added_at, NOW);
}

static void
a_list_is_read_again_and_again(void **state)
{
	(void)state;
	assert_string_equal(adopt_text("name,names,owner\nx,a.example,\n,*.b.example,o\n"),
		"x new;wildcard.b.example new;");
	assert_string_equal(adopt_text("name,names,owner\nx,a.example,\n,*.b.example,o\n"),
		"x unchanged;wildcard.b.example unchanged;");
	assert_int_equal(journaled(), 2);
	/* What is not said now stays; a row that is gone from the list stays watched. */
	now += DAY;
	assert_string_equal(
		adopt_text("name,names,notes\nx,a.example a2.example,n\n"), "x updated;");
	assert_int_equal(got("x")->names.count, 2);
	assert_int_equal(got("x")->added_at, NOW);
	assert_string_equal(got("wildcard.b.example")->owner, "o");
	assert_int_equal(journaled(), 3);
	/* The same certificate by another name. */
	assert_string_equal(adopt_text("name,names\nb,*.b.example\n"), "b new;");
}

static void
names_are_made_and_kept_apart(void **state)
{
	(void)state;
	assert_string_equal(
		adopt_text("names\na.example\na.example b.example\na.example c.example\n"),
		"a.example new;a.example-2 new;a.example-3 new;");
	assert_string_equal(
		adopt_text("names\na.example\na.example b.example\na.example c.example\n"),
		"a.example unchanged;a.example-2 unchanged;a.example-3 unchanged;");
	assert_string_equal(adopt_text("names\n2001:db8::1\n"), "2001-db8--1 new;");
	/* The configuration's names are taken. */
	assert_string_equal(adopt_text("names\nmanaged\n"), "managed-2 new;");
	assert_string_equal(adopt_text("name,names\nmanaged,www.managed.example managed.example\n"),
		"managed managed;");
	AUTO(adoption) struct adoption a = {.items = 0};
	assert_ok(list(&a, "name,names\nmanaged,other.example\n"));
	assert_refused(adoption_judge(&a, config, life_db(life), now, UNIT_ERR), ERR_CONFIG,
		"list.csv:2: the name 'managed' is that of a certificate that keystay manages");
	adoption_free(&a);
	assert_ok(list(&a, "name,names\na.example-2,other.example\n"));
	for (size_t i = 0; i < a.items; i++)
		text_copy(a.item[i].row.place, WATCHED_PLACE, "/another.csv");
	assert_refused(adoption_judge(&a, config, life_db(life), now, UNIT_ERR), ERR_CONFIG,
		"the name 'a.example-2' is that of another watched certificate");
}

/* --- what is looked at again */

static char told[2048];

static void
note_alert(void *ctx, const struct alert *a)
{
	(void)ctx;
	snprintf(told + strlen(told), sizeof told - strlen(told), "%s %s%s;", a->subject, a->kind,
		a->over ? " over" : "");
}

/* What people are told by a pass so many days later. */
static const char *
told_after(int days)
{
	now += days * DAY;
	told[0] = '\0';
	assert_ok(watch_others(life, UNIT_ERR));
	return told;
}

static void
begin_unattended(void)
{
	const struct life_conf conf = {.config = config,
		.services = &services,
		.command = "test",
		.watcher = {.alert = note_alert},
		.unattended = true};

	life_close(life);
	life = NULL;
	assert_ok(life_open(&conf, &life, UNIT_ERR));
}

static void
people_are_told_of_an_end_that_is_near(void **state)
{
	(void)state;
	begin_unattended();
	assert_string_equal(
		adopt_text("name,names,not_after\nx,a.example,2026-11-20\ny,b.example,\n"),
		"x new;y new;");
	/* NOW is 2026-09-21. */
	assert_string_equal(told_after(0), "");
	assert_string_equal(told_after(29), "");
	assert_string_equal(told_after(1), "x expiring;");
	assert_string_equal(told_after(1), "");
	assert_string_equal(told_after(14), "");
	assert_string_equal(told_after(1), "x expiring;");
	assert_string_equal(told_after(10), "x expiring;");
	assert_string_equal(told_after(10), "x expired;");
	assert_string_equal(told_after(10), "");
	assert_string_equal(
		adopt_text("name,names,not_after\nx,a.example,2027-11-20\n"), "x updated;");
	assert_string_equal(told_after(1), "x expiring over;x expired over;");
	assert_string_equal(told_after(1), "");
}

/* --- what is found */

static X509 *
make(const char *subject, const char *names, EVP_PKEY *key)
{
	const struct spec s = {.subject = subject, .key = key, .names = names};
	return certificate_make(&s);
}

static const char *
pem_file(const char *name, X509 *x, EVP_PKEY *key, bool key_first)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;

	BIO_puts(bio, "Bag Attributes\n    friendlyName: x\n");
	if (key && key_first)
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_X509(bio, x);
	if (key && !key_first)
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	long len = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)len);
	const char *path = unit_file(name, text);
	free(text);
	return path;
}

static void
a_file_with_a_key_is_read_and_the_key_is_not(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(1024);
	AUTO(X509) X509 *x = make("x", "DNS:Www.example.org,IP:192.0.2.1,email:a@b.example", key);
	AUTO(X509) X509 *old = make("old.example.org", NULL, rsa);
	AUTO(X509) X509 *none = make("Some Person", NULL, key);

	(void)state;
	for (int first = 0; first < 2; first++) {
		AUTO(adoption) struct adoption a = {.items = 0};
		const char *path = pem_file("combined.pem", x, key, first);
		assert_ok(adopt_file(path, &services, &a, UNIT_ERR));
		const struct adopt_wish wish = {.owner = "me"};
		assert_ok(adoption_complete(&a, &wish, UNIT_ERR));
		assert_string_equal(
			stored(&a), first ? "www.example.org unchanged;" : "www.example.org new;");
		const struct watched_row *w = got("www.example.org");
		assert_int_equal(w->names.count, 2);
		assert_string_equal(w->names.item[1], "192.0.2.1");
		assert_string_equal(w->key_type, "ec-p256");
		assert_string_equal(w->source, WATCHED_FILE);
		assert_string_equal(w->place, path);
		assert_string_equal(w->owner, "me");
		assert_int_equal(strlen(w->fingerprint), 64);
		assert_int_equal(w->looked_at, now);
		assert_true(w->not_before < NOW && w->not_after > NOW);
	}
	AUTO(adoption) struct adoption a = {.items = 0};
	assert_ok(adopt_file(pem_file("old.pem", old, NULL, false), &services, &a, UNIT_ERR));
	assert_string_equal(a.item[0].row.names.item[0], "old.example.org");
	assert_string_equal(a.item[0].row.key_type, "rsa-1024");
	assert_refused(adopt_file(pem_file("none.pem", none, NULL, false), &services, &a, UNIT_ERR),
		ERR_CONFIG, "the certificate names no host");
	assert_refused(adopt_file(unit_file("key.pem", "-----BEGIN PRIVATE KEY-----\n"), &services,
			       &a, UNIT_ERR),
		ERR_CONFIG, "key.pem': there is no certificate in it");
	assert_refused(adopt_file(unit_file("cut.pem", "-----BEGIN CERTIFICATE-----\nMII\n"),
			       &services, &a, UNIT_ERR),
		ERR_CONFIG, "there is no certificate in it");
	assert_refused(
		adopt_file("/nowhere.pem", &services, &a, UNIT_ERR), ERR_FAILED, "/nowhere.pem");
}

/* As RFC 5280 4.1.2.6 allows it, where there are other names. */
static void
a_subject_may_be_empty(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");
	AUTO(X509) X509 *x = make("x", "DNS:www.example.org", key);
	AUTO(X509_NAME) X509_NAME *nobody = X509_NAME_new();
	AUTO(adoption) struct adoption a = {.items = 0};

	(void)state;
	X509_set_subject_name(x, nobody);
	X509_sign(x, key, EVP_sha256());
	assert_ok(adopt_file(pem_file("nobody.pem", x, NULL, false), &services, &a, UNIT_ERR));
	assert_string_equal(a.item[0].row.subject, "");
	assert_string_equal(a.item[0].row.names.item[0], "www.example.org");
}

static void
an_endpoint_is_asked_for_its_host(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-384");

	(void)state;
	AUTO(adoption) struct adoption a = {.items = 0};
	assert_refused(adopt_endpoint("www.example.org:443", NULL, &services, &a, UNIT_ERR),
		ERR_NETWORK, "no connection");
	shown = make("x", "DNS:www.example.org", key);
	assert_ok(adopt_endpoint("www.example.org:443", NULL, &services, &a, UNIT_ERR));
	assert_string_equal(asked, "www.example.org:443 www.example.org 10000");
	assert_ok(adopt_endpoint("[::1]:8443", "a.example", &services, &a, UNIT_ERR));
	assert_string_equal(asked, "[::1]:8443 a.example 10000");
	assert_string_equal(a.item[1].row.place, "[::1]:8443 a.example");
	assert_string_equal(a.item[1].row.endpoints.item[0], "[::1]:8443");
	assert_string_equal(a.item[1].row.key_type, "ec-p384");
	/* The same bytes at two endpoints are one certificate each place; once more changes none.
	 */
	assert_string_equal(stored(&a), "www.example.org new;www.example.org-2 new;");
	assert_string_equal(stored(&a), "www.example.org unchanged;www.example.org-2 unchanged;");
}

static void
what_is_watched_is_looked_at_each_day(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");
	AUTO(X509) X509 *first = make("x", "DNS:file.example", key);
	AUTO(X509) X509 *next = make("x", "DNS:file.example,DNS:more.example", key);
	AUTO(adoption) struct adoption a = {.items = 0};
	char before[65];

	(void)state;
	begin_unattended();
	shown = make("x", "DNS:www.example", key);
	assert_ok(adopt_file(pem_file("looked.pem", first, NULL, false), &services, &a, UNIT_ERR));
	assert_ok(adopt_endpoint("127.0.0.1:443", "www.example", &services, &a, UNIT_ERR));
	for (size_t i = 0; i < a.items; i++)
		a.item[i].row.not_after = NOW + 300 * DAY;
	assert_string_equal(stored(&a), "file.example new;www.example new;");
	text_copy(before, sizeof before, got("file.example")->fingerprint);
	pem_file("looked.pem", next, NULL, false);
	asked[0] = '\0';
	now += DAY - 1;
	assert_ok(watch_others(life, UNIT_ERR));
	assert_string_equal(asked, "");
	assert_string_equal(got("file.example")->fingerprint, before);
	now += 1;
	assert_ok(watch_others(life, UNIT_ERR));
	assert_string_equal(asked, "127.0.0.1:443 www.example 10000");
	assert_string_not_equal(got("file.example")->fingerprint, before);
	assert_int_equal(got("file.example")->names.count, 2);
	assert_int_equal(journaled(), 3);
	/* One that is gone is told once, and when it is there again. */
	assert_int_equal(remove(got("file.example")->place), 0);
	X509_free(shown);
	shown = NULL;
	told_after(1);
	assert_non_null(strstr(told, "file.example not-seen;"));
	assert_non_null(strstr(told, "www.example not-seen;"));
	assert_non_null(strstr(got("www.example")->problem, "no connection"));
	assert_null(strstr(told_after(1), "not-seen"));
	pem_file("looked.pem", next, NULL, false);
	assert_non_null(strstr(told_after(1), "file.example not-seen over;"));
	assert_string_equal(got("file.example")->problem, "");
}

/* What a list says of a certificate, and the certificate itself, are one row. */
static void
a_list_and_what_is_found_come_together(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");
	AUTO(X509) X509 *x = make("x", "DNS:a.example,DNS:b.example", key);
	AUTO(adoption) struct adoption a = {.items = 0};

	(void)state;
	assert_string_equal(
		adopt_text("name,names,owner,not_after,endpoints\nuc,b.example a.example,o,"
			   "2027-01-01,127.0.0.1:443\n"),
		"uc new;");
	assert_ok(adopt_file(pem_file("uc.pem", x, NULL, false), &services, &a, UNIT_ERR));
	assert_string_equal(stored(&a), "uc updated;");
	const struct watched_row *w = got("uc");
	assert_string_equal(w->source, WATCHED_FILE);
	assert_string_equal(w->owner, "o");
	assert_string_equal(w->endpoints.item[0], "127.0.0.1:443");
	assert_int_not_equal(w->not_after, when_from_utc(2027, 1, 1, 0, 0, 0));
	assert_int_equal(watched(), 1);
	/* The list says it once more: the facts stay, and it may have another name there. */
	assert_string_equal(
		adopt_text("name,names,owner\npay,a.example b.example,o2\n"), "uc>pay updated;");
	w = got("pay");
	assert_string_equal(w->source, WATCHED_FILE);
	assert_string_equal(w->owner, "o2");
	assert_int_equal(strlen(w->fingerprint), 64);
	assert_int_equal(watched(), 1);
}

static void
what_is_live_is_managed(void **state)
{
	AUTO(EVP_PKEY) EVP_PKEY *key = EVP_EC_gen("P-256");
	AUTO(X509) X509 *x = make("x", "DNS:a.example", key);
	AUTO(adoption) struct adoption a = {.items = 0};
	const struct key_row k = {.id = "01",
		.label = "l",
		.token = "web",
		.type = "ec-p256",
		.purpose = "certificate",
		.owner = "managed"};
	struct version_row v = {
		.certificate = "managed", .number = 1, .key_type = "ec-p256", .key_id = "01"};
	const struct certificate_row c = {.name = "managed", .live_version = 1, .last_version = 1};

	(void)state;
	assert_ok(adopt_file(pem_file("a.pem", x, NULL, false), &services, &a, UNIT_ERR));
	text_copy(v.fingerprint, sizeof v.fingerprint, a.item[0].row.fingerprint);
	assert_ok(key_reserve(life_db(life), &k, UNIT_ERR));
	assert_ok(version_save(life_db(life), &v, UNIT_ERR));
	assert_ok(certificate_save(life_db(life), &c, UNIT_ERR));
	assert_string_equal(stored(&a), "managed managed;");
	assert_int_equal(watched(), 0);
}

static void
what_the_command_line_says_goes_first(void **state)
{
	AUTO(adoption) struct adoption a = {.items = 0};
	const struct adopt_wish owner = {.owner = "me", .notes = "n"}, name = {.name = "x"};

	(void)state;
	assert_ok(list(&a, "names,owner\na.example,you\nb.example,\n"));
	assert_ok(adoption_complete(&a, &owner, UNIT_ERR));
	assert_string_equal(a.item[0].row.owner, "me");
	assert_string_equal(a.item[1].row.notes, "n");
	assert_refused(adoption_complete(&a, &name, UNIT_ERR), ERR_USAGE, "--name is for one");
	a.items = 1;
	assert_ok(adoption_complete(&a, &name, UNIT_ERR));
	assert_string_equal(stored(&a), "x new;");
	a.items = 2;
}

int
main(void)
{
#define WITH_LIFE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_LIFE(what_is_wrong_in_a_list_is_refused_with_its_line),
		WITH_LIFE(all_columns_are_read),
		WITH_LIFE(a_list_is_read_again_and_again),
		WITH_LIFE(names_are_made_and_kept_apart),
		WITH_LIFE(a_file_with_a_key_is_read_and_the_key_is_not),
		WITH_LIFE(a_subject_may_be_empty),
		WITH_LIFE(an_endpoint_is_asked_for_its_host),
		WITH_LIFE(a_list_and_what_is_found_come_together),
		WITH_LIFE(what_is_live_is_managed),
		WITH_LIFE(what_the_command_line_says_goes_first),
		WITH_LIFE(people_are_told_of_an_end_that_is_near),
		WITH_LIFE(what_is_watched_is_looked_at_each_day),
	};
	int rc = cmocka_run_group_tests_name("adopt", tests, NULL, NULL);
	watched_free(&row);
	return rc;
}
