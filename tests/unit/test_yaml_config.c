/* The configuration: every complaint with its place, and nothing that leads nowhere. */
#include "support/unit.h"

#include <limits.h>
#include <sys/stat.h>

#include "keystay/base/buf.h"
#include "keystay/base/file.h"
#include "keystay/config/config.h"

static const char tokens[] = "tokens:\n"
			     "  - name: web\n"
			     "    module: /usr/lib/softhsm/libsofthsm2.so\n"
			     "    label: web\n"
			     "    pin: file:/etc/keystay/pin\n";
static const char authorities[] = "authorities:\n"
				  "  - name: public\n"
				  "    protocol: acme\n"
				  "    url: https://acme.example/directory\n"
				  "    account_key: {token: web}\n";
static const char certificates[] = "certificates:\n"
				   "  - name: www\n"
				   "    names: [www.example.org]\n"
				   "    token: web\n"
				   "    authority: public\n"
				   "    policy: lab\n"
				   "    challenge: {type: http-01, webroot: /var/www}\n";

/* Where the configuration of this test is; its name is in errors. */
static char folder[PATH_MAX];

static int
set_up(void **state)
{
	static int n;

	(void)state;
	snprintf(folder, sizeof folder, "%s/etc-%d", unit_folder(), n++);
	return mkdir(folder, 0700);
}

static const char *
write_file(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", strrchr(folder, '/') + 1, name);
	return unit_file(path, text);
}

static void
make_folder(const char *name)
{
	char path[PATH_MAX + 32];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* Reads the folder's configuration, of which this is keystay.yaml. */
static int
read_text(const char *text, struct config **ret)
{
	*ret = NULL;
	return config_read(write_file("keystay.yaml", text), ret, UNIT_ERR);
}

/* The same of three parts; NULL is the good one. */
static int
read_parts(const char *t, const char *a, const char *c, struct config **ret)
{
	AUTO(buf) struct buf text = BUF(65536);

	buf_adds(&text, t ? t : tokens);
	buf_adds(&text, a ? a : authorities);
	buf_adds(&text, c ? c : certificates);
	return read_text(buf_text(&text), ret);
}

/* Refused, and the folder's name stands before the words, which begin with a file. */
static void
assert_refused_at(int rc, const char *where)
{
	char words[PATH_MAX + 512];

	snprintf(words, sizeof words, "%s/%s", folder, where);
	assert_refused(rc, ERR_CONFIG, words);
}

static void
an_unknown_key_is_shown_with_its_place_and_a_caret(void **state)
{
	struct config *c;

	(void)state;
	assert_refused_at(read_text("state: /x\ntokenz: []\n", &c),
		"keystay.yaml:2:1: unknown key 'tokenz' in the configuration\n"
		"    tokenz: []\n"
		"    ^");
	assert_string_equal(unit_err.hint,
		"did you mean 'tokens'? the keys of the configuration are: state, tokens, "
		"authorities, certificates, contracts, validations, alert");
	assert_null(c);
	assert_refused_at(read_parts(NULL, NULL,
				  "certificates:\n"
				  "  - name: www\n"
				  "    names: [a.example]\n"
				  "    tokn: web\n",
				  &c),
		"keystay.yaml:14:5: unknown key 'tokn' in a certificate\n"
		"        tokn: web\n"
		"        ^");
	assert_null(c);
	/* Deep in flow style the column is the key's, too. */
	assert_refused_at(
		read_parts(NULL,
			"authorities:\n"
			"  - {name: public, protocol: acme, url: https://a/, account_key: "
			"{token: web, tipe: x}}\n",
			NULL, &c),
		"keystay.yaml:7:79: unknown key 'tipe' in 'account_key'\n");
}

static void
text_that_is_no_yaml_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = {"tokens: [\n", "state: \"x\n", "a: b: c\n",
		"\tstate: /x\n", "state: @x\n", "- a\nb: c\n", "state: /x\n  more: y\n", "{",
		"%YAML 9.9\n---\nx: y\n", "state: \x01\n", "state: \xff\xfe\n"};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_refused_at(read_text(bad[i], &c), "keystay.yaml:");
		assert_null(c);
	}
}

static void
what_stands_twice_is_refused(void **state)
{
	struct config *c;

	(void)state;
	assert_refused_at(read_text("state: /x\nstate: /y\n", &c),
		"keystay.yaml:2:1: the key 'state' stands twice in the configuration\n"
		"    state: /y\n"
		"    ^");
	assert_refused_at(read_parts(NULL, NULL, "certificates:\n  - {name: www, name: www}\n", &c),
		"keystay.yaml:12:17: the key 'name' stands twice in a certificate");
	assert_refused(read_parts(NULL, NULL,
			       "certificates:\n"
			       "  - {name: a, names: [a.x, A.X.], token: web, authority: public, "
			       "policy: lab}\n",
			       &c),
		ERR_CONFIG, "12:28: the name 'a.x' stands twice");
	assert_refused(read_parts(NULL, NULL,
			       "certificates:\n"
			       "  - {name: a, keys: [ec-p256, rsa-2048, ec-p256]}\n",
			       &c),
		ERR_CONFIG, "12:41: the type 'ec-p256' stands twice");
}

static void
a_missing_key_is_named_with_the_place_of_its_part(void **state)
{
	struct config *c;

	(void)state;
	assert_refused_at(
		read_text("tokens:\n  - module: /m.so\n    label: x\n    pin: prompt\n", &c),
		"keystay.yaml:2:5: a token has no 'name'\n"
		"      - module: ...\n"
		"        ^");
	assert_refused(read_text("tokens:\n  - {name: x, module: /m.so, pin: prompt}\n", &c),
		ERR_CONFIG, ":2:5: the token 'x' has neither 'label' nor 'serial'");
	assert_refused(read_text("tokens: [{}]\n", &c), ERR_CONFIG, "a token has no 'name'");
	assert_refused(read_text("tokens: [ '' ]\n", &c), ERR_CONFIG, "a token is a mapping");
	assert_refused(read_parts(NULL, NULL, "certificates:\n  - name: www\n", &c), ERR_CONFIG,
		"a certificate has no 'names'");
	assert_refused(
		read_parts(NULL, "authorities:\n  - {name: a, protocol: acme, url: https://a/}\n",
			NULL, &c),
		ERR_CONFIG, "an authority has no 'account_key'");
	assert_refused(read_parts(NULL, "authorities:\n  - {name: a, account_key: {}}\n", NULL, &c),
		ERR_CONFIG, "'account_key' has no 'token'");
}

static void
values_of_the_wrong_kind_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{"[]\n", ":1:1: the configuration is a mapping"},
		{"text\n", "the configuration is a mapping"},
		{"state: [/x]\n", ":1:8: a text is expected here\n    state: [/x]\n           ^"},
		{"state: {a: b}\n", "a text is expected here"},
		{"tokens: web\n", ":1:9: a list of tokens is expected here"},
		{"tokens: {name: web}\n", "a list of tokens is expected here"},
		{"tokens: [web]\n", "a token is a mapping"},
		{"tokens:\n  - name: [web]\n", "a text is expected here"},
		{"? [a]\n: b\n", "a key is expected here"},
		{"authorities:\n  - agree_terms: yes\n",
			"true or false is expected here, not 'yes'"},
		{"authorities:\n  - agree_terms: [true]\n", "true or false is expected here"},
		{"authorities:\n  - protocol: est2\n", "'est2' is not a protocol"},
		{"authorities:\n  - account_key: web\n", "'account_key' is a mapping"},
		{"authorities:\n  - account_key: {type: dsa}\n", "'dsa' is not a type of key"},
		{"certificates:\n  - keys: [ec-p521]\n", "'ec-p521' is not a type of key"},
		{"certificates:\n  - keys: ec-p256\n", "a list of key types is expected"},
		{"certificates:\n  - names: www.example.org\n", "a list of names is expected"},
		{"certificates:\n  - names: []\n", "at least one name"},
		{"certificates:\n  - names:\n", "at least one name"},
		{"certificates:\n  - subject: {country: DEU}\n",
			"a country is two capital letters"},
		{"certificates:\n  - subject: {cn: x}\n", "unknown key 'cn' in 'subject'"},
		{"certificates:\n  - install: [{target: apache3}]\n", "is not a kind of target"},
		{"certificates:\n  - install: [{target: files}]\n",
			"'files' target has no 'paths'"},
		{"certificates:\n  - install: [{target: nginx, paths: {key: /k}}]\n",
			"are for a 'files' target only"},
		{"certificates:\n  - install: [{target: files, conf: /c, paths: {key: /k}}]\n",
			"are not for a 'files' target"},
		{"certificates:\n  - install: [{paths: {key: k.pem}}]\n",
			"an absolute path is expected here, not 'k.pem'"},
		{"certificates:\n  - install: [{mode: '0666'}]\n", "a mode such as 0640"},
		{"certificates:\n  - install: [{mode: '0648'}]\n", "a mode such as 0640"},
		{"certificates:\n  - install: [{mode: '-640'}]\n", "a mode such as 0640"},
		{"certificates:\n  - install: [{mode: '04755'}]\n", "a mode such as 0640"},
		{"certificates:\n  - install: [{endpoints: [localhost]}]\n",
			"'localhost' is not HOST:PORT"},
		{"certificates:\n  - install: [{endpoints: ['::1:443']}]\n", "is not HOST:PORT"},
		{"certificates:\n  - install: [{endpoints: ['h:0']}]\n", "is not HOST:PORT"},
		{"certificates:\n  - install: [{endpoints: [':443']}]\n", "is not HOST:PORT"},
		{"certificates:\n  - challenge: {type: dns-01, webroot: /w}\n",
			"'dns-01' is not a challenge"},
		{"certificates:\n  - challenge: {type: http-01}\n",
			"a challenge has 'webroot' or 'listen', one of the two"},
		{"certificates:\n  - challenge: {type: http-01, webroot: /w, listen: '[::]:80'}\n",
			"a challenge has 'webroot' or 'listen', one of the two"},
		{"certificates:\n  - challenge: {webroot: /w}\n", "'challenge' has no 'type'"},
		{"certificates:\n  - challenge: {listen: '80'}\n", "'80' is not ADDR:PORT"},
		{"tokens:\n  - {name: x, module: m.so, label: x, pin: prompt}\n",
			"must be an absolute path"},
		{"state: here\n", "'state:' must be an absolute path, not 'here'"},
		{"state: ''\n", "'state:' must be an absolute path"},
	};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_refused(read_text(rows[i].text, &c), ERR_CONFIG, rows[i].words);
		assert_non_null(strstr(unit_err.text, "keystay.yaml:"));
		assert_null(c);
	}
}

static void
anchors_and_aliases_are_refused(void **state)
{
	struct config *c;

	(void)state;
	assert_refused(read_text("state: &here /x\n", &c), ERR_CONFIG,
		"anchors and aliases are not used in this file");
	assert_int_equal(read_text("state: *here\n", &c), -1);
	assert_int_equal(unit_err.kind, ERR_CONFIG);
	assert_refused(read_text("tokens: &t []\nauthorities: *t\n", &c), ERR_CONFIG, ":2:");
	/* The way that makes a small file a large one. */
	assert_int_equal(
		read_text("tokens: &a [{name: x}]\ncertificates: [*a, *a, *a, *a]\n", &c), -1);
	assert_refused(read_text("certificates:\n  - <<: {name: x}\n", &c), ERR_CONFIG,
		"unknown key '<<'");
}

static void
a_second_document_is_refused(void **state)
{
	struct config *c;

	(void)state;
	assert_refused_at(
		read_text("state: /x\n---\nstate: /y\n", &c), "keystay.yaml:2:1: only one");
	assert_refused(read_text("---\nstate: /x\n...\n---\n", &c), ERR_CONFIG,
		"only one YAML document is read");
	assert_ok(read_text("---\nstate: /x\n...\n", &c));
	config_free(c);
}

static void
names_of_parts_and_of_certificates_are_judged(void **state)
{
	static const char *const bad[] = {"''", ".hidden", "..", "a/b", "../x", "a b", "'a\\b'",
		"b\xc3\xbc"
		"cher",
		"'*'", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	static const char *const bad_dns[] = {
		"a..b", "-a.example", "'*.example'", "192.0.2", "a_b.example", "''"};
	char text[256];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, "certificates:\n  - name: %s\n", bad[i]);
		assert_refused(read_text(text, &c), ERR_CONFIG, "is not a name: letters");
		snprintf(text, sizeof text, "tokens:\n  - name: %s\n", bad[i]);
		assert_refused(read_text(text, &c), ERR_CONFIG, "is not a name");
		snprintf(text, sizeof text, "authorities:\n  - name: %s\n", bad[i]);
		assert_refused(read_text(text, &c), ERR_CONFIG, "is not a name");
	}
	for (size_t i = 0; i < COUNT(bad_dns); i++) {
		snprintf(text, sizeof text, "certificates:\n  - names: [a.example, %s]\n",
			bad_dns[i]);
		assert_refused(read_text(text, &c), ERR_CONFIG, "keystay.yaml:2:2");
		assert_non_null(strstr(unit_err.text, "is no name for a certificate"));
	}
	assert_refused(read_text("certificates:\n  - names: [b\xc3\xbc"
				 "cher.example]\n",
			       &c),
		ERR_CONFIG, "it is not ASCII");
	assert_non_null(strstr(unit_err.hint, "xn--"));
}

static void
a_pin_in_the_file_is_refused_and_not_shown(void **state)
{
	static const char *const pins[] = {"987654", "'987654'", "\"987654 \"", "pin-value=987654",
		"env:", "file:", "File:/987654"};
	char text[256];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(pins); i++) {
		snprintf(text, sizeof text,
			"tokens:\n  - name: web\n    module: /m.so\n    label: x\n    pin: %s\n",
			pins[i]);
		assert_refused_at(read_text(text, &c), "keystay.yaml:5:1");
		assert_non_null(strstr(unit_err.text, ": 'pin:' says where"));
		assert_null(strstr(unit_err.text, "987654"));
		assert_null(strstr(unit_err.hint, "987654"));
		assert_non_null(strstr(unit_err.hint, "file:PATH"));
	}
	/* Nor where another fault of the same line is complained of. */
	static const char *const faults[] = {"{name: w, pn: 987654}", "{name: w, pin: [987654]}",
		"{name: w, pin: \"987654}", "{name: w, pin: &a 987654}", "{nam: w, pin: 987654}"};
	for (size_t i = 0; i < COUNT(faults); i++) {
		snprintf(text, sizeof text, "tokens:\n  - %s\n", faults[i]);
		assert_int_equal(read_text(text, &c), -1);
		assert_null(strstr(unit_err.text, "987654"));
		assert_null(strstr(unit_err.hint, "987654"));
	}
}

static void
an_authority_is_spoken_to_by_https_only(void **state)
{
	static const char *const bad[] = {"http://acme.example/", "acme.example", "ftp://a/", "''",
		"file:///etc/passwd", "https:/a"};
	char text[256];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, "authorities:\n  - url: %s\n", bad[i]);
		assert_refused(
			read_text(text, &c), ERR_CONFIG, "an authority is spoken to over https");
		assert_non_null(strstr(unit_err.text, "keystay.yaml:2:1"));
	}
}

static void
what_leads_nowhere_is_refused(void **state)
{
	static const struct {
		const char *tokens, *authorities, *certificates;
		const char *words;
	} rows[] = {
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x], token: wep, authority: public, "
			"policy: lab}\n",
			"keystay.yaml:12:5: certificate 'www': there is no token 'wep' under "
			"'tokens:'"},
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x], token: web, authority: pubic, "
			"policy: lab}\n",
			"keystay.yaml:12:5: certificate 'www': there is no authority 'pubic'"},
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x], token: web, policy: lab, "
			"authority: second, challenge: {type: http-01, webroot: /w}}\n",
			"there is no authority 'second'"},
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x], token: web, authority: [], "
			"policy: lab}\n",
			"the certificate 'www' has no authority"},
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x], token: web, authority: public, "
			"policy: lap, challenge: {type: http-01, webroot: /w}}\n",
			"keystay.yaml:12:5: certificate 'www': there is no policy 'lap'"},
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x], token: web, authority: public, "
			"policy: lab}\n",
			"certificate 'www': authority 'public' needs a 'challenge:'"},
		{NULL, NULL,
			"certificates:\n  - {name: www, names: [a.x, '*.a.x'], token: web, authority: "
			"public, policy: lab, challenge: {type: http-01, webroot: /w}}\n",
			"no authority proves the wildcard '*.a.x' by http-01"},
		{NULL,
			"authorities:\n  - {name: public, protocol: acme, url: https://a/, "
			"account_key: {token: nope}}\n",
			NULL, "keystay.yaml:7:5: authority 'public': there is no token 'nope'"},
		{"tokens:\n  - {name: web, module: /m, label: a, pin: prompt}\n"
		 "  - {name: web, module: /m, label: b, pin: prompt}\n",
			NULL, NULL, "keystay.yaml:3:5: the token 'web' is there twice"},
		{NULL,
			"authorities:\n"
			"  - {name: a, protocol: acme, url: https://a/, account_key: {token: web}}\n"
			"  - {name: a, protocol: acme, url: https://b/, account_key: {token: web}}\n",
			NULL, "keystay.yaml:8:5: the authority 'a' is there twice"},
	};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_refused(
			read_parts(rows[i].tokens, rows[i].authorities, rows[i].certificates, &c),
			ERR_CONFIG, rows[i].words);
		assert_null(c);
	}
}

static void
a_name_that_leads_nowhere_has_the_nearest_one_as_its_hint(void **state)
{
	static const char *const rows[][2] = {
		{"token: wep, authority: public, policy: lab",
			"did you mean 'web'? the tokens are: web"},
		{"token: hsm, authority: public, policy: lab", "the tokens are: web"},
		{"token: web, authority: pubic, policy: lab",
			"did you mean 'public'? the authorities are: public"},
		{"token: web, authority: public, policy: lap, "
		 "challenge: {type: http-01, webroot: /w}",
			"did you mean 'lab'? 'keystay policy list' shows the policies"},
	};
	struct config *c;
	char text[400];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof text, "certificates:\n  - {name: www, names: [a.x], %s}\n",
			rows[i][0]);
		assert_refused(
			read_parts(NULL, NULL, text, &c), ERR_CONFIG, "certificate 'www': there");
		assert_string_equal(unit_err.hint, rows[i][1]);
	}
}

/* Tokens of these modules and roads (NULL = nothing said), each of two or four lines. */
static int
read_roads(const char *const rows[][2], size_t count, struct config **ret)
{
	AUTO(buf) struct buf text = BUF(8192);

	*ret = NULL;
	buf_adds(&text, "tokens:\n");
	for (size_t i = 0; i < count; i++) {
		buf_addf(
			&text, "  - name: t%zu\n    label: t\n    module: /%s.so\n", i, rows[i][0]);
		buf_adds(&text, "    pin: file:/pin\n");
		if (rows[i][1])
			buf_addf(&text, "    road: %s\n", rows[i][1]);
	}
	return read_text(buf_text(&text), ret);
}

static void
a_road_is_one_of_three_words(void **state)
{
	static const char *const bad[] = {
		"both", "Provider", "pkcs11", "\"\"", "[libp11]", "{}", "provider libp11"};
	static const struct {
		const char *word;
		enum road road;
	} good[] = {{NULL, ROAD_AUTO}, {"auto", ROAD_AUTO}, {"provider", ROAD_PROVIDER},
		{"libp11", ROAD_LIBP11}};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *const rows[][2] = {{"m", bad[i]}};
		assert_refused_at(read_roads(rows, 1, &c), "keystay.yaml:6:1");
		assert_null(c);
	}
	const char *const odd[][2] = {{"m", "both"}};
	assert_refused_at(read_roads(odd, 1, &c),
		"keystay.yaml:6:11: 'road:' is 'auto', 'provider' or 'libp11', not 'both'");
	for (size_t i = 0; i < COUNT(good); i++) {
		const char *const rows[][2] = {{"m", good[i].word}};
		AUTO(config) struct config *read = NULL;
		assert_ok(read_roads(rows, 1, &read));
		assert_int_equal(read->token[0].road, good[i].road);
	}
}

static void
two_roads_of_one_module_are_refused_with_both_places(void **state)
{
	const char *const differ[][2] = {{"a", "provider"}, {"b", "libp11"}, {"a", "libp11"}};
	const char *const between[][2] = {{"a", "provider"}, {"a", "auto"}, {"a", "libp11"}};
	char words[PATH_MAX + 100];
	struct config *c;

	(void)state;
	assert_refused_at(read_roads(differ, 3, &c), "keystay.yaml:12:");
	assert_null(c);
	snprintf(words, sizeof words,
		"the tokens 't0' (%s/keystay.yaml:2) and 't2' are of one module, and their roads "
		"differ ('provider', 'libp11')",
		folder);
	assert_non_null(strstr(unit_err.text, words));
	assert_refused(read_roads(between, 3, &c), ERR_CONFIG, "are of one module");
}

static void
a_token_that_names_no_road_goes_by_that_of_its_module(void **state)
{
	const char *const first[][2] = {{"a", NULL}, {"b", NULL}, {"a", "libp11"}};
	const char *const last[][2] = {
		{"a", "provider"}, {"a", "auto"}, {"b", "libp11"}, {"a", NULL}};
	AUTO(config) struct config *c = NULL, *d = NULL;

	(void)state;
	assert_ok(read_roads(first, 3, &c));
	assert_int_equal(c->token[0].road, ROAD_LIBP11);
	assert_int_equal(c->token[1].road, ROAD_AUTO);
	assert_int_equal(c->token[2].road, ROAD_LIBP11);
	assert_ok(read_roads(last, 4, &d));
	assert_int_equal(d->token[1].road, ROAD_PROVIDER);
	assert_int_equal(d->token[2].road, ROAD_LIBP11);
	assert_int_equal(d->token[3].road, ROAD_PROVIDER);
}

static void
a_good_configuration_is_read_with_its_defaults(void **state)
{
	AUTO(config) struct config *c = NULL;

	(void)state;
	assert_ok(read_parts(NULL, NULL, NULL, &c));
	assert_string_equal(c->state, "/var/lib/keystay");
	assert_int_equal(c->tokens, 1);
	assert_int_equal(c->authorities, 1);
	assert_int_equal(c->certificates, 1);
	const struct authority_conf *a = config_authority(c, "public");
	assert_string_equal(a->trust, "system");
	assert_int_equal(a->account_key.type, KEY_EC_P256);
	assert_false(a->agree_terms);
	const struct certificate_conf *cert = config_certificate(c, "www");
	assert_ptr_equal(cert, &c->certificate[0]);
	assert_int_equal(cert->keys, 1);
	assert_int_equal(cert->key[0], KEY_EC_P256);
	assert_int_equal(cert->authority.count, 1);
	assert_string_equal(cert->authority.item[0], "public");
	assert_string_equal(cert->challenge.webroot, "/var/www");
	assert_int_equal(cert->at.line, 12);
	assert_int_equal(cert->at.column, 5);
	assert_null(config_certificate(c, "WWW"));
	assert_null(config_certificate(c, ""));
	assert_null(config_token(c, "wwe"));
	assert_null(config_authority(c, "web"));
}

static void
an_empty_configuration_and_a_missing_one(void **state)
{
	static const char *const empty[] = {"", "\n", "# nothing\n", "---\n", "tokens:\n",
		"tokens: []\ncertificates:\nauthorities:\n"};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(empty); i++) {
		assert_ok(read_text(empty[i], &c));
		assert_int_equal(c->certificates, 0);
		assert_null(config_certificate(c, "www"));
		config_free(c);
	}
	assert_refused(config_read("/nonexistent/keystay.yaml", &c, UNIT_ERR), ERR_CONFIG,
		"cannot open '/nonexistent/keystay.yaml'");
	assert_non_null(strstr(unit_err.hint, "--config"));
	assert_refused(config_read(folder, &c, UNIT_ERR), ERR_CONFIG, "is not a regular file");
	config_free(NULL);
}

static void
certificates_are_dropped_in_in_the_order_of_their_files(void **state)
{
	struct config *c = NULL;

	(void)state;
	make_folder("certificates.d");
	write_file("certificates.d/20-b.yaml",
		"certificates:\n  - {name: b, names: [b.x], token: second, authority: public, policy: "
		"lab, challenge: {type: http-01, webroot: /w}}\n");
	write_file("certificates.d/10-a.yaml",
		"tokens:\n  - {name: second, module: /m, serial: '01', pin: prompt}\n"
		"certificates:\n  - {name: a, names: [a.x], token: web, authority: public, policy: "
		"lab, challenge: {type: http-01, webroot: /w}}\n");
	write_file("certificates.d/.hidden.yaml", "junk: [\n");
	write_file("certificates.d/30-c.yaml~", "junk: [\n");
	write_file("certificates.d/README", "junk: [\n");
	assert_ok(read_parts(NULL, NULL, NULL, &c));
	assert_int_equal(c->certificates, 3);
	assert_string_equal(c->certificate[1].name, "a");
	assert_string_equal(c->certificate[2].name, "b");
	assert_non_null(config_token(c, "second"));
	assert_non_null(strstr(config_certificate(c, "b")->at.file, "certificates.d/20-b.yaml"));
	config_free(c);
	/* What is wrong in one is said with its name. */
	write_file("certificates.d/30-c.yaml", "certificates:\n  - {nam: c}\n");
	assert_refused_at(read_parts(NULL, NULL, NULL, &c),
		"certificates.d/30-c.yaml:2:6: unknown key 'nam'");
	write_file("certificates.d/30-c.yaml", certificates);
	assert_refused(read_parts(NULL, NULL, NULL, &c), ERR_CONFIG,
		"the certificate 'www' is there twice (also ");
	assert_null(c);
}

static void
a_policy_folder_stands_over_the_shipped_ones(void **state)
{
	struct config *c = NULL;

	(void)state;
	make_folder("policies");
	write_file("policies/lab.yaml", "policy: lab\nrules:\n  key_types: [rsa-4096]\n");
	write_file("policies/z-own.yaml", "policy: own\nextends: lab\nrules: {renew_at: 40%}\n");
	assert_ok(read_parts(NULL, NULL, NULL, &c));
	assert_int_equal(policy_find(c->policies, "lab")->key_types.count, 1);
	assert_int_equal(policy_find(c->policies, "own")->renew_at, 40);
	assert_string_equal(policy_find(c->policies, "own")->rule[RULE_KEY_TYPES].from, "lab");
	assert_int_equal(policy_find(c->policies, "web-public")->key_types.count, 5);
	config_free(c);
	write_file("policies/z-own.yaml", "policy: own\nrules:\n  rennew_at: 40%\n");
	assert_refused_at(read_parts(NULL, NULL, NULL, &c),
		"policies/z-own.yaml:3:3: unknown rule 'rennew_at'\n      rennew_at: 40%\n      ^");
	write_file("policies/z-own.yaml", "policy: own\nextends: nowhere\nrules: {}\n");
	assert_refused_at(
		read_parts(NULL, NULL, NULL, &c), "policies/z-own.yaml:1:1: policy 'own'");
	assert_null(c);
}

static void
three_thousand_certificates_are_read_and_found(void **state)
{
	AUTO(config) struct config *c = NULL;
	AUTO(buf) struct buf text = BUF(4 * 1024 * 1024);
	char name[32];

	(void)state;
	buf_adds(&text, tokens);
	buf_adds(&text, authorities);
	buf_adds(&text, "certificates:\n");
	/* Not in the order of their names. */
	for (int i = 0; i < 3000; i++) {
		int n = i * 1777 % 3000;
		buf_addf(&text,
			"  - name: c%d\n    names: [c%d.example, www.c%d.example]\n    token: web\n"
			"    authority: public\n    policy: lab\n"
			"    challenge: {type: http-01, webroot: /w}\n",
			n, n, n);
	}
	assert_false(text.full);
	assert_ok(read_text(buf_text(&text), &c));
	assert_int_equal(c->certificates, 3000);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "c%d", i);
		const struct certificate_conf *cert = config_certificate(c, name);
		assert_non_null(cert);
		assert_string_equal(cert->name, name);
		assert_true(text_starts(cert->names.item[1], "www.c"));
	}
	assert_null(config_certificate(c, "c3000"));
	assert_null(config_certificate(c, "c"));
}

static void
a_long_line_and_a_late_column_are_shown_cut(void **state)
{
	AUTO(buf) struct buf text = BUF(8192);
	struct config *c;

	(void)state;
	buf_adds(&text, "certificates: [{name: ");
	for (int i = 0; i < 300; i++)
		buf_adds(&text, "x.");
	buf_adds(&text, "}]\n");
	assert_refused_at(read_text(buf_text(&text), &c), "keystay.yaml:1:23: 'x.x.");
	buf_clear(&text);
	buf_adds(&text, "state: /x\ntokens: [");
	for (int i = 0; i < 300; i++)
		buf_adds(&text, " ");
	buf_adds(&text, "{nam\t: x}]\n");
	assert_int_equal(read_text(buf_text(&text), &c), -1);
	assert_true(strlen(unit_err.text) < sizeof unit_err.text);
	assert_null(strchr(unit_err.text, '\t'));
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup(test, set_up)
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_key_is_shown_with_its_place_and_a_caret),
		TEST(text_that_is_no_yaml_is_refused_with_its_place),
		TEST(what_stands_twice_is_refused),
		TEST(a_missing_key_is_named_with_the_place_of_its_part),
		TEST(values_of_the_wrong_kind_are_refused),
		TEST(anchors_and_aliases_are_refused),
		TEST(a_second_document_is_refused),
		TEST(names_of_parts_and_of_certificates_are_judged),
		TEST(a_pin_in_the_file_is_refused_and_not_shown),
		TEST(an_authority_is_spoken_to_by_https_only),
		TEST(what_leads_nowhere_is_refused),
		TEST(a_name_that_leads_nowhere_has_the_nearest_one_as_its_hint),
		TEST(a_road_is_one_of_three_words),
		TEST(two_roads_of_one_module_are_refused_with_both_places),
		TEST(a_token_that_names_no_road_goes_by_that_of_its_module),
		TEST(a_good_configuration_is_read_with_its_defaults),
		TEST(an_empty_configuration_and_a_missing_one),
		TEST(certificates_are_dropped_in_in_the_order_of_their_files),
		TEST(a_policy_folder_stands_over_the_shipped_ones),
		TEST(three_thousand_certificates_are_read_and_found),
		TEST(a_long_line_and_a_late_column_are_shown_cut),
	};
	return cmocka_run_group_tests_name("yaml_config", tests, NULL, NULL);
}
