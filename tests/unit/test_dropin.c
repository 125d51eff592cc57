/* Drop-ins (config/dropin.h): what is written is read as it was meant, and only keystay's own files
 * are its own. And subjects in one line (x509/subject.h). */
#include "support/unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/config/dropin.h"
#include "keystay/config/name.h"
#include "keystay/x509/subject.h"

static const char base[] =
	"tokens:\n"
	"  - {name: web, module: /usr/lib/x.so, label: web, pin: prompt}\n"
	"authorities:\n"
	"  - {name: portal, protocol: acme, url: 'https://ca.example/',\n"
	"     account_key: {token: web}}\n"
	"certificates:\n"
	"  - name: first\n"
	"    names: [first.example]\n"
	"    token: web\n"
	"    authority: portal\n"
	"    policy: lab\n"
	"    challenge: {type: http-01, webroot: /srv}\n"
	"    # about the next one\n"
	"\n"
	"  - {name: second, names: [second.example], token: web, authority: portal,\n"
	"     policy: lab,\n"
	"     challenge: {type: http-01, webroot: /srv}}\n"
	"# the end\n";

static char folder[PATH_MAX], path[PATH_MAX + 32];
static struct config *config;

static int
set_up(void **state)
{
	static int n;

	(void)state;
	snprintf(folder, sizeof folder, "%s/etc-%d", unit_folder(), n++);
	if (mkdir(folder, 0700) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/keystay.yaml", folder);
	struct err e;
	return file_replace(path, base, strlen(base), 0600, FILE_SAME_OWNER, FILE_SAME_GROUP, &e);
}

static int
tear_down(void **state)
{
	(void)state;
	config_free(take(&config));
	return 0;
}

static void
read_again(void)
{
	config_free(take(&config));
	assert_ok(config_read(path, &config, UNIT_ERR));
}

/* One of everything, with values that a careless writer would spoil. */
static const char everything[] =
	"certificates:\n"
	"  - name: uc\n"
	"    names: [b.example, a.example, '*.c.example', 192.0.2.1, 2001:db8::1, d.example]\n"
	"    subject: {organization: 'No: \"1\" \\ {x} #y', unit: 'true', locality: ' Zürich ',\n"
	"      state: '~', country: GB, serial_number: '007', common_name: a.example}\n"
	"    lifetime: 365d\n"
	"    owner: '- someone: else'\n"
	"    token: web\n"
	"    keys: [ec-p384, rsa-3072]\n"
	"    authority: [portal]\n"
	"    policy: lab\n"
	"    install:\n"
	"      - {target: nginx, binary: /opt/nginx, conf: /opt/nginx.conf, test: [a, '-b c', ''],\n"
	"         reload: [], endpoints: ['127.0.0.1:443', '[::1]:443']}\n"
	"      - target: files\n"
	"        paths: {cert: '/a b/c', chain: /d, fullchain: /e, key: /f, combined: /g}\n"
	"        owner: www\n"
	"        group: '1'\n"
	"        mode: 0440\n";

static void
all_of_a_certificate_is_written_and_read_again(void **state)
{
	AUTO(buf) struct buf first = BUF(DROPIN_MAX), second = BUF(DROPIN_MAX);
	AUTO(char) char *place = dropin_path(path, "uc");
	AUTO(config) struct config *given = NULL, *landed = NULL;
	char whole[sizeof everything + 512];

	(void)state;
	/* No authority that proves by http-01 may have the wildcard. */
	snprintf(whole, sizeof whole, "%s", everything);
	const struct config_text meant = {place, whole, strlen(whole)};
	assert_refused(config_read_with(path, &meant, 1, &given, UNIT_ERR), ERR_CONFIG,
		"certificates.d/uc.yaml:2:5: certificate 'uc': authority 'portal' needs a "
		"'challenge:'");
	memcpy(strstr(whole, "'*.c.example'"), "   c.example ", 13);
	snprintf(whole + strlen(whole), sizeof whole - strlen(whole),
		"    challenge: {type: http-01, listen: '127.0.0.1:80'}\n");
	const struct config_text mended = {place, whole, strlen(whole)};
	assert_ok(config_read_with(path, &mended, 1, &given, UNIT_ERR));
	assert_int_equal(access(place, F_OK), -1);
	assert_ok(dropin_text(config_certificate(given, "uc"), &first, UNIT_ERR));
	assert_ok(dropin_write(place, &first, UNIT_ERR));
	assert_ok(config_read(path, &landed, UNIT_ERR));
	const struct certificate_conf *c = config_certificate(landed, "uc");
	assert_string_equal(c->subject.organization, "No: \"1\" \\ {x} #y");
	assert_string_equal(c->subject.unit, "true");
	assert_string_equal(c->subject.locality, " Zürich ");
	assert_string_equal(c->subject.state, "~");
	assert_string_equal(c->owner, "- someone: else");
	assert_int_equal(c->names.count, 6);
	assert_int_equal(c->keys, 2);
	assert_int_equal(c->installs, 2);
	assert_true(c->install[0].reload_elsewhere);
	assert_string_equal(c->install[0].test.item[2], "");
	assert_string_equal(c->install[1].path[FILE_CERT], "/a b/c");
	assert_int_equal(c->install[1].mode, 0440);
	assert_string_equal(c->challenge.listen, "127.0.0.1:80");
	assert_ok(dropin_text(c, &second, UNIT_ERR));
	assert_string_equal(buf_text(&first), buf_text(&second));
	assert_true(dropin_is_own(landed, c));
	struct stat st;
	assert_int_equal(stat(place, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
}

static void
a_copy_is_a_copy_of_all(void **state)
{
	AUTO(buf) struct buf first = BUF(DROPIN_MAX), second = BUF(DROPIN_MAX);
	AUTO(certificate_conf) struct certificate_conf copy = {.name = NULL};
	AUTO(char) char *place = dropin_path(path, "uc");
	char whole[sizeof everything + 512];

	(void)state;
	snprintf(whole, sizeof whole, "%s    challenge: {type: http-01, webroot: /srv}\n",
		everything);
	memcpy(strstr(whole, "'*.c.example'"), "   c.example ", 13);
	const struct config_text with = {place, whole, strlen(whole)};
	assert_ok(config_read_with(path, &with, 1, &config, UNIT_ERR));
	assert_ok(certificate_conf_copy(config_certificate(config, "uc"), &copy, UNIT_ERR));
	assert_ok(dropin_text(config_certificate(config, "uc"), &first, UNIT_ERR));
	config_free(take(&config));
	assert_ok(dropin_text(&copy, &second, UNIT_ERR));
	assert_string_equal(buf_text(&first), buf_text(&second));
}

/* Puts a file into certificates.d. */
static void
drop(const char *name, const char *text)
{
	AUTO(char) char *place = dropin_path(path, name);
	struct buf b = {.text = (char *)text, .len = strlen(text), .ceiling = DROPIN_MAX};

	assert_ok(dropin_write(place, &b, UNIT_ERR));
}

#define ONE(name)                                                        \
	"certificates:\n  - {name: " name ", names: [" name ".example]," \
	" token: web, authority: portal, policy: lab,"                   \
	" challenge: {type: http-01, webroot: /srv}}\n"

static bool
is_own(const char *name)
{
	read_again();
	return dropin_is_own(config, config_certificate(config, name));
}

static void
only_what_keystay_wrote_is_its_own(void **state)
{
	AUTO(char) char *place = dropin_path(path, "x");
	char aside[PATH_MAX];

	(void)state;
	drop("x", DROPIN_MARK "\n" ONE("x"));
	assert_true(is_own("x"));
	drop("x", DROPIN_MARK "\n\n# mine\n" ONE("x"));
	assert_true(is_own("x"));
	drop("x", ONE("x"));
	assert_false(is_own("x"));
	drop("x", "# mine\n" DROPIN_MARK "\n" ONE("x"));
	assert_false(is_own("x"));
	/* With more in it than the one. */
	drop("x", DROPIN_MARK "\nalert: {command: [/bin/true]}\n" ONE("x"));
	assert_false(is_own("x"));
	drop("x",
		DROPIN_MARK "\n" ONE(
			"x") "  - {name: y, names: [y.example], token: web, authority: portal, policy: lab,\n"
			     "     challenge: {type: http-01, webroot: /srv}}\n");
	assert_false(is_own("x"));
	assert_false(is_own("y"));
	/* Under another name, and a link. */
	drop("x", DROPIN_MARK "\n" ONE("z"));
	assert_false(is_own("z"));
	drop("x", DROPIN_MARK "\n" ONE("x"));
	snprintf(aside, sizeof aside, "%.4000s/aside", folder);
	assert_int_equal(rename(place, aside), 0);
	assert_int_equal(symlink(aside, place), 0);
	assert_false(is_own("x"));
	assert_false(is_own("first"));
}

static void
lines_to_change_by_hand_are_named(void **state)
{
	char hint[PATH_MAX + 100];

	(void)state;
	read_again();
	assert_int_equal(config_last_line(config, config_certificate(config, "first")), 12);
	assert_int_equal(config_last_line(config, config_certificate(config, "second")), 17);
	assert_refused(dropin_not_own(config, config_certificate(config, "second"), "take it out",
			       UNIT_ERR),
		ERR_CONFIG,
		"keystay.yaml:15: certificate 'second' is in a file that keystay did "
		"not write");
	snprintf(hint, sizeof hint, "take it out by hand: %s, lines 15 to 17", path);
	assert_string_equal(unit_err.hint, hint);
}

static void
what_is_given_stands_for_the_file(void **state)
{
	AUTO(char) char *place = dropin_path(path, "x"), *other = dropin_path(path, "first");
	static const char mended[] = DROPIN_MARK "\n" ONE("x"), twice[] = ONE("first"),
			  broken[] = "certificates:\n  - name: [\n";

	(void)state;
	drop("x", "certificates: {");
	assert_refused(config_read(path, &config, UNIT_ERR), ERR_CONFIG, "x.yaml:1:");
	const struct config_text better = {place, mended, strlen(mended)};
	assert_ok(config_read_with(path, &better, 1, &config, UNIT_ERR));
	assert_non_null(config_certificate(config, "x"));
	assert_int_equal(config->certificates, 3);
	config_free(take(&config));
	const struct config_text both[] = {
		{place, mended, strlen(mended)}, {other, twice, strlen(twice)}};
	assert_refused(config_read_with(path, both, 2, &config, UNIT_ERR), ERR_CONFIG,
		"the certificate 'first' is there twice");
	const struct config_text bad[] = {
		{place, mended, strlen(mended)}, {other, broken, strlen(broken)}};
	assert_refused(config_read_with(path, bad, 2, &config, UNIT_ERR), ERR_CONFIG,
		"certificates.d/first.yaml:");
}

static void
a_drop_in_is_taken_away(void **state)
{
	AUTO(char) char *place = dropin_path(path, "x");

	(void)state;
	drop("x", DROPIN_MARK "\n" ONE("x"));
	assert_ok(dropin_remove(place, UNIT_ERR));
	assert_int_equal(access(place, F_OK), -1);
	assert_ok(dropin_remove(place, UNIT_ERR));
}

static void
names_keep_to_their_rule(void **state)
{
	char longest[66];

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[65] = '\0';
	assert_false(config_name_fits(longest));
	longest[64] = '\0';
	assert_true(config_name_fits(longest));
	assert_true(config_name_fits("a.B_c-9"));
	static const char *const bad[] = {"", ".", "..", ".a", "a/b", "../a", "a b", "a\n", "ü"};
	for (size_t i = 0; i < COUNT(bad); i++)
		if (config_name_fits(bad[i]))
			fail_msg("taken for a name: '%s'", bad[i]);
}

/* --- subjects */

static void
subject_is(const char *line, const char *o, const char *ou, const char *l, const char *st,
	const char *c)
{
	AUTO(subject) struct subject s = {.country = NULL};
	const char *const got[] = {o, ou, l, st, c};

	assert_ok(subject_read(line, &s, UNIT_ERR));
	const char *const has[] = {s.organization, s.unit, s.locality, s.state, s.country};
	for (size_t i = 0; i < COUNT(has); i++)
		if ((got[i] == NULL) != (has[i] == NULL) || (got[i] && !text_same(got[i], has[i])))
			fail_msg("'%s': field %zu is '%s'", line, i, has[i] ? has[i] : "NULL");
}

static void
no_subject(const char *line, const char *why)
{
	AUTO(subject) struct subject s = {.country = NULL};

	assert_refused(subject_read(line, &s, UNIT_ERR), ERR_CONFIG, why);
}

static void
subjects_are_read_in_each_form(void **state)
{
	(void)state;
	subject_is("", NULL, NULL, NULL, NULL, NULL);
	subject_is("O=A,OU=B,L=C,ST=D,C=GB", "A", "B", "C", "D", "GB");
	subject_is("C = GB, O = Example Council, CN = www.example.org", "Example Council", NULL,
		NULL, NULL, "GB");
	subject_is("/C=GB/ST=Devon/O=Roads/Parking & Sons/OU=IT", "Roads/Parking & Sons", "IT",
		NULL, "Devon", "GB");
	subject_is("O=\"A, B; C\" , C=GB", "A, B; C", NULL, NULL, NULL, "GB");
	subject_is("O=A\\, B\\\\C\\2b\\ ,L=\\C3\\BCx", "A, B\\C+ ", NULL, "\xc3\xbcx", NULL, NULL);
	subject_is("o=A;s=D", "A", NULL, NULL, "D", NULL);
	subject_is("organizationName=A,countryName=GB,emailAddress=x@example.org", "A", NULL, NULL,
		NULL, "GB");
	no_subject("Example Council", "'Example Council' is not a subject");
	no_subject("O=A,", "is not a subject");
	no_subject("O=A,,C=GB", "is not a subject");
	no_subject("O=\"A", "is not a subject");
	no_subject("O=\"A\"B", "is not a subject");
	no_subject("O=A\\", "is not a subject");
	no_subject("O=", "the subject's field 'O' is empty");
	no_subject("O=A,O=B", "twice");
	no_subject("ST=A,S=B", "twice");
	no_subject("DC=example", "a subject has no field 'DC' here");
	no_subject("O=\\ff", "is not UTF-8");
	no_subject("O=\\00", "is not a subject");
}

int
main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_FILES(all_of_a_certificate_is_written_and_read_again),
		WITH_FILES(a_copy_is_a_copy_of_all),
		WITH_FILES(only_what_keystay_wrote_is_its_own),
		WITH_FILES(lines_to_change_by_hand_are_named),
		WITH_FILES(what_is_given_stands_for_the_file),
		WITH_FILES(a_drop_in_is_taken_away),
		cmocka_unit_test(names_keep_to_their_rule),
		cmocka_unit_test(subjects_are_read_in_each_form),
	};
	return cmocka_run_group_tests_name("dropin", tests, NULL, NULL);
}
