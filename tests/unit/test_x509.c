/* Names, requests and chains: what a token signed and what an authority gave, judged. */
#include "support/certificate.h"
#include "support/unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "keystay/x509/chain.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/names.h"
#include "keystay/x509/ossl.h"

static EVP_PKEY *root_key, *inter_key, *our_key, *other_key;
static X509 *root, *inter;

/* What an authority gives when all is well. */
static struct spec
leaf_spec(void)
{
	return (struct spec){.subject = "a leaf",
		.key = our_key,
		.issuer = inter,
		.issuer_key = inter_key,
		.names = "DNS:a.example,DNS:*.b.example,IP:192.0.2.7,IP:2001:db8::1",
		.constraints = "critical,CA:FALSE",
		.usage = "critical,digitalSignature",
		.purpose = "serverAuth,clientAuth"};
}

static struct chain *
chain_of(X509 *a, X509 *b, X509 *c)
{
	X509 *const all[] = {a, b, c, NULL};
	AUTO(char) char *pem = certificate_pem(all);
	struct chain *chain = NULL;

	assert_ok(chain_parse(pem, strlen(pem), &chain, UNIT_ERR));
	return chain;
}

static void
our_names(struct list *names)
{
	list_add(names, "a.example");
	list_add(names, "*.b.example");
	list_add(names, "192.0.2.7");
	list_add(names, "2001:db8::1");
}

/* Judges a leaf of that kind below the intermediate. */
static int
judge(const struct spec *s)
{
	AUTO(list) struct list names = {0};
	AUTO(X509) X509 *leaf = certificate_make(s);
	AUTO(chain) struct chain *c = chain_of(leaf, inter, NULL);
	struct chain_wish wish = {.public = our_key, .names = &names, .now = NOW};
	bool anchored = true;

	our_names(&names);
	int rc = chain_judge(c, &wish, &anchored, UNIT_ERR);
	/* Untouched when it is refused; no anchors, no anchor found. */
	assert_int_equal(anchored, rc < 0);
	return rc;
}

static void
a_leaf_that_is_not_what_was_asked_for_is_refused(void **state)
{
	struct spec s;

	(void)state;
#define REFUSED(change, words) \
	s = leaf_spec();       \
	change;                \
	assert_refused(judge(&s), ERR_AUTHORITY, words)
	REFUSED(s.key = other_key, "is for another key than ours");
	REFUSED(s.names = "DNS:a.example,IP:192.0.2.7,IP:2001:db8::1",
		"lacks the name '*.b.example'");
	REFUSED(s.names = "DNS:a.example,DNS:*.b.example,IP:2001:db8::1",
		"lacks the name '192.0.2.7'");
	/* An address as a DNS name is no address. */
	REFUSED(s.names = "DNS:a.example,DNS:*.b.example,DNS:192.0.2.7,IP:2001:db8::1",
		"no list of names that can be read");
	REFUSED(s.names = "DNS:a.example,DNS:*.b.example,IP:192.0.2.7,IP:2001:db8::1,DNS:evil."
			  "example",
		"a name that was not asked for: 'evil.example'");
	REFUSED(s.names = "DNS:a.example,DNS:*.b.example,IP:192.0.2.7,IP:2001:db8::1,email:a@b.c",
		"a name that was not asked for: 'a@b.c'");
	REFUSED(s.names = "DNS:a.example,DNS:*.b.example,IP:192.0.2.7,IP:2001:db8::1,RID:1.2.3",
		"no list of names that can be read");
	REFUSED(s.names = NULL, "no list of names that can be read");
	REFUSED(s.until = NOW, "expired at 2026-09-21T14:13:20Z");
	REFUSED(s.until = NOW - 1, "expired at");
	REFUSED(s.from = NOW + 301, "is not valid before 2026-09-21T14:18:21Z");
	assert_non_null(strstr(unit_err.hint, "clock"));
	REFUSED((s.from = NOW + 200, s.until = NOW + 100), "ends before it begins");
	REFUSED((s.constraints = "critical,CA:TRUE", s.usage = "critical,keyCertSign"),
		"is a CA's");
	REFUSED(s.constraints = "critical,CA:TRUE", "is a CA's");
	REFUSED((s.constraints = "CA:TRUE,pathlen:0", s.usage = NULL), "is a CA's");
	REFUSED(s.purpose = "clientAuth", "not for TLS servers");
	REFUSED(s.purpose = "codeSigning,emailProtection", "not for TLS servers");
	REFUSED(s.usage = "critical,cRLSign", "not for TLS servers");
	/* Signed by another key under the intermediate's name. */
	REFUSED(s.issuer_key = other_key, "certificate 1 of the chain is not signed by the next");
	REFUSED((s.issuer = root, s.issuer_key = root_key),
		"certificate 1 of the chain is not signed by the next one");
}

/* The same leaf of one who does not ask for a TLS server's. */
static int
judge_no_server(const struct spec *s)
{
	AUTO(list) struct list names = {0};
	AUTO(X509) X509 *leaf = certificate_make(s);
	AUTO(chain) struct chain *c = chain_of(leaf, inter, NULL);
	const struct chain_wish wish = {
		.public = our_key, .names = &names, .now = NOW, .not_a_server = true};
	bool anchored;

	our_names(&names);
	return chain_judge(c, &wish, &anchored, UNIT_ERR);
}

static void
a_leaf_that_need_not_be_a_servers_is_judged_by_all_else(void **state)
{
	static const char *const purposes[] = {
		"clientAuth", "codeSigning,emailProtection", "1.2.3.4.5", "serverAuth", NULL};
	struct spec s;

	(void)state;
	for (size_t i = 0; i < COUNT(purposes); i++) {
		s = leaf_spec();
		s.purpose = purposes[i];
		assert_ok(judge_no_server(&s));
	}
	s = leaf_spec();
	s.usage = "critical,nonRepudiation";
	assert_ok(judge_no_server(&s));
#define REFUSED_TOO(change, words) \
	s = leaf_spec();           \
	s.purpose = "clientAuth";  \
	change;                    \
	assert_refused(judge_no_server(&s), ERR_AUTHORITY, words)
	REFUSED_TOO(s.key = other_key, "is for another key than ours");
	REFUSED_TOO(s.names = "DNS:a.example", "lacks the name");
	REFUSED_TOO(s.until = NOW, "expired at");
	REFUSED_TOO((s.constraints = "critical,CA:TRUE", s.usage = "critical,keyCertSign"),
		"is a CA's");
	REFUSED_TOO(s.constraints = "critical,CA:TRUE", "is a CA's");
	REFUSED_TOO(s.issuer_key = other_key, "is not signed by the next one");
}

static void
a_leaf_that_is_as_asked_for_is_accepted_at_the_edges_too(void **state)
{
	struct spec s = leaf_spec();

	(void)state;
	assert_ok(judge(&s));
	s.until = NOW + 1;
	assert_ok(judge(&s));
	s = leaf_spec();
	s.from = NOW + 300;
	assert_ok(judge(&s));
	s = leaf_spec();
	s.names =
		"IP:2001:DB8:0:0:0:0:0:1,DNS:A.Example,IP:192.0.2.7,DNS:*.B.example,DNS:a.example";
	assert_ok(judge(&s));
	s = leaf_spec();
	s.purpose = NULL;
	s.usage = NULL;
	s.constraints = NULL;
	assert_ok(judge(&s));
}

static void
a_chain_must_lead_from_one_to_the_next(void **state)
{
	AUTO(list) struct list names = {0};
	struct spec s = leaf_spec(), no_ca = leaf_spec();
	AUTO(X509) X509 *leaf = certificate_make(&s);
	struct chain_wish wish = {.public = our_key, .names = &names, .now = NOW};
	bool anchored;

	(void)state;
	our_names(&names);
	AUTO(chain) struct chain *whole = chain_of(leaf, inter, root);
	assert_ok(chain_judge(whole, &wish, &anchored, UNIT_ERR));
	assert_false(anchored);
	AUTO(chain) struct chain *alone = chain_of(leaf, NULL, NULL);
	assert_ok(chain_judge(alone, &wish, &anchored, UNIT_ERR));
	AUTO(chain) struct chain *gap = chain_of(leaf, root, NULL);
	assert_refused(chain_judge(gap, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"certificate 1 of the chain is not signed by the next one");
	AUTO(chain) struct chain *twice = chain_of(leaf, inter, inter);
	assert_refused(chain_judge(twice, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"certificate 2 of the chain is not signed by the next one");
	AUTO(chain) struct chain *reversed = chain_of(inter, leaf, NULL);
	assert_refused(chain_judge(reversed, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"is for another key than ours");
	/* The name and the key of the intermediate, but it may not issue. */
	no_ca = (struct spec){.subject = "an intermediate",
		.key = inter_key,
		.issuer = root,
		.issuer_key = root_key,
		.constraints = "critical,CA:FALSE"};
	AUTO(X509) X509 *weak = certificate_make(&no_ca);
	AUTO(chain) struct chain *below_no_ca = chain_of(leaf, weak, root);
	assert_refused(chain_judge(below_no_ca, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"certificate 2 of the chain is no CA");
}

static void
a_chain_must_end_at_the_anchors_where_there_are_some(void **state)
{
	AUTO(list) struct list names = {0};
	struct spec s = leaf_spec();
	AUTO(X509) X509 *leaf = certificate_make(&s);
	struct spec foreign = {.subject = "the root",
		.key = other_key,
		.constraints = "critical,CA:TRUE",
		.usage = "critical,keyCertSign"};
	AUTO(X509) X509 *foreign_root = certificate_make(&foreign);
	X509 *const root_alone[] = {root, NULL}, *const inter_alone[] = {inter, NULL},
		    *const foreign_alone[] = {foreign_root, NULL};
	AUTO(char) char *root_pem = certificate_pem(root_alone);
	AUTO(char) char *inter_pem = certificate_pem(inter_alone);
	AUTO(char) char *foreign_pem = certificate_pem(foreign_alone);
	AUTO(chain) struct chain *c = chain_of(leaf, inter, NULL);
	AUTO(chain) struct chain *alone = chain_of(leaf, NULL, NULL);
	struct chain_wish wish = {.public = our_key, .names = &names, .now = NOW};
	bool anchored = false;

	(void)state;
	our_names(&names);
	wish.anchors = unit_file("foreign.pem", foreign_pem);
	assert_refused(chain_judge(c, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"the chain does not end at '");
	wish.anchors = unit_file("root.pem", root_pem);
	assert_refused(chain_judge(alone, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"the chain does not end at '");
	const char *empty = unit_file("empty.pem", "");
	wish.anchors = empty;
	assert_refused(chain_judge(c, &wish, &anchored, UNIT_ERR), ERR_CONFIG,
		"cannot read the anchors in '");
	assert_non_null(strstr(unit_err.hint, "issuer"));
	wish.anchors = "/nonexistent/anchors.pem";
	assert_refused(chain_judge(c, &wish, &anchored, UNIT_ERR), ERR_CONFIG,
		"cannot read the anchors in '/nonexistent/anchors.pem'");
	assert_false(anchored);
	wish.anchors = unit_file("root.pem", root_pem);
	assert_ok(chain_judge(c, &wish, &anchored, UNIT_ERR));
	assert_true(anchored);
	/* An intermediate may be the anchor. */
	anchored = false;
	wish.anchors = unit_file("inter.pem", inter_pem);
	assert_ok(chain_judge(c, &wish, &anchored, UNIT_ERR));
	assert_true(anchored);
	/* An anchor is valid or it is none. */
	wish.now = NOW + 20 * DAY;
	assert_refused(chain_judge(c, &wish, &anchored, UNIT_ERR), ERR_AUTHORITY,
		"certificate has expired");
}

static int
parse(const char *text, size_t len)
{
	struct chain *c = NULL;
	int rc = chain_parse(text, len, &c, UNIT_ERR);
	if (rc < 0)
		assert_null(c);
	chain_free(c);
	return rc;
}

static void
text_that_is_no_chain_is_refused(void **state)
{
	X509 *const one[] = {inter, NULL};
	AUTO(char) char *pem = certificate_pem(one);
	AUTO(char) char *text = NULL;
	AUTO(char) char *many = calloc(1, 64 * 1024);
	size_t len = strlen(pem);

	(void)state;
	assert_refused(parse("", 0), ERR_AUTHORITY, "the chain is empty");
	assert_refused(parse(" \r\n\n", 4), ERR_AUTHORITY, "the chain is empty");
	assert_refused(parse("<html><body>502</body></html>", 29), ERR_AUTHORITY,
		"something that is no PEM certificate");
	assert_refused(parse("-----BEGIN CERT", 15), ERR_AUTHORITY, "no PEM certificate");
	for (size_t cut = 1; cut < 30; cut++)
		assert_refused(parse(pem, len - cut - 1), ERR_AUTHORITY, "the chain is cut short");
	for (size_t cut = 0; cut < len - 1; cut += 7)
		assert_int_equal(parse(pem, cut), -1);
	assert_true(asprintf(&text, "%sjunk", pem) > 0);
	assert_refused(parse(text, len + 4), ERR_AUTHORITY, "no PEM certificate");
	/* Without the junk, which no length counts, it is a chain. */
	assert_ok(parse(text, len));
	text[len / 2] = '!';
	assert_refused(
		parse(text, len), ERR_AUTHORITY, "certificate 1 of the chain cannot be read");
	static const char wrong[] = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n"
				    "-----END CERTIFICATE-----\n";
	assert_refused(parse(wrong, strlen(wrong)), ERR_AUTHORITY,
		"certificate 1 of the chain cannot be read");
	static const char key[] =
		"-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n";
	assert_refused(parse(key, strlen(key)), ERR_AUTHORITY, "no PEM certificate");
	static const char header[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\n"
				     "MAMCAQE=\n-----END CERTIFICATE-----\n";
	assert_refused(parse(header, strlen(header)), ERR_AUTHORITY, "cannot be read");
	for (size_t i = 0; i < CHAIN_COUNT_MAX; i++)
		memcpy(many + i * len, pem, len);
	assert_ok(parse(many, CHAIN_COUNT_MAX * len));
	memcpy(many + CHAIN_COUNT_MAX * len, pem, len);
	assert_refused(parse(many, (CHAIN_COUNT_MAX + 1) * len), ERR_AUTHORITY,
		"holds more than 10 certificates");
}

static void
a_chain_larger_than_its_ceiling_is_refused(void **state)
{
	AUTO(char) char *much = malloc(CHAIN_MAX + 1);

	(void)state;
	memset(much, '\n', CHAIN_MAX + 1);
	assert_refused(parse(much, CHAIN_MAX + 1), ERR_AUTHORITY, "larger than 262144 bytes");
	assert_refused(parse(much, CHAIN_MAX), ERR_AUTHORITY, "the chain is empty");
}

static void
the_facts_of_a_leaf_and_the_parts_of_a_chain_are_given(void **state)
{
	struct spec s = leaf_spec();
	AUTO(X509) X509 *leaf = certificate_make(&s);
	AUTO(chain) struct chain *c = chain_of(leaf, inter, root);
	X509 *const one[] = {leaf, NULL}, *const rest[] = {inter, root, NULL};
	AUTO(char) char *leaf_pem = certificate_pem(one);
	AUTO(char) char *rest_pem = certificate_pem(rest);
	AUTO(char) char *first = NULL;
	AUTO(char) char *behind = NULL;
	AUTO(char) char *none = NULL;
	struct leaf_facts f;
	unsigned char digest[32], *der = NULL;
	char hex[65];

	(void)state;
	assert_int_equal(chain_count(c), 3);
	assert_int_equal(X509_cmp(chain_leaf(c), leaf), 0);
	assert_ok(chain_leaf_facts(c, &f, UNIT_ERR));
	assert_int_equal(f.not_before, NOW - 30 * DAY);
	assert_int_equal(f.not_after, NOW + 30 * DAY);
	assert_true(text_starts(f.serial, "10"));
	assert_int_equal(strlen(f.serial), 4);
	assert_string_equal(f.issuer, "CN = an intermediate");
	assert_int_equal(X509_digest(leaf, EVP_sha256(), digest, NULL), 1);
	assert_string_equal(f.fingerprint, hex_encode(digest, 32, hex));
	int len = i2d_PUBKEY(our_key, &der);
	assert_int_equal(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	assert_string_equal(f.public_hash, hex_encode(digest, 32, hex));
	assert_ok(chain_pem(c, 0, 1, &first, UNIT_ERR));
	assert_string_equal(first, leaf_pem);
	assert_ok(chain_pem(c, 1, 99, &behind, UNIT_ERR));
	assert_string_equal(behind, rest_pem);
	assert_ok(chain_pem(c, 3, 99, &none, UNIT_ERR));
	assert_string_equal(none, "");
}

/* What a certificate with this serial number and authority key identifier is called. */
static const char *
renewal_id_of(const char *serial, const unsigned char *key, int key_len)
{
	static struct leaf_facts f;
	struct spec s = leaf_spec();
	AUTO(X509) X509 *leaf = certificate_make(&s);
	AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
	BIGNUM *number = NULL;

	assert_true(BN_hex2bn(&number, serial) > 0);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf));
	BN_free(number);
	if (key) {
		id->keyid = ASN1_OCTET_STRING_new();
		ASN1_OCTET_STRING_set(id->keyid, key, key_len);
		assert_int_equal(
			X509_add1_ext_i2d(leaf, NID_authority_key_identifier, id, 0, 0), 1);
	}
	AUTHORITY_KEYID_free(id);
	assert_true(X509_sign(leaf, inter_key, EVP_sha256()) > 0);
	AUTO(chain) struct chain *c = chain_of(leaf, NULL, NULL);
	assert_ok(chain_leaf_facts(c, &f, UNIT_ERR));
	return f.ari_id;
}

static void
a_certificate_is_called_by_issuer_key_and_serial_number(void **state)
{
	/* The example of RFC 9773 4.1: a byte 00 keeps the serial number from being negative. */
	static const unsigned char key[] = {0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1,
		0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4};
	static const unsigned char long_key[41];
	(void)state;

	assert_string_equal(
		renewal_id_of("87654321", key, 20), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
	assert_string_equal(renewal_id_of("7F", key, 20), "aYhba4dGQEHhs3uEe6CuLN4ByNQ.fw");
	assert_string_equal(renewal_id_of("80", key, 1), "aQ.AIA");
	/* The longest that there may be fits. */
	const char *id = renewal_id_of("7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", long_key, 40);
	assert_int_equal(strlen(id), 54 + 1 + 27);
	/* None where the issuer's key is not named, or by a name that is too long. */
	assert_string_equal(renewal_id_of("87654321", NULL, 0), "");
	assert_string_equal(renewal_id_of("87654321", long_key, 41), "");
}

static void
a_hostile_issuer_is_shown_without_control_characters(void **state)
{
	struct spec s = leaf_spec();
	static const struct spec hostile = {.subject = "evil\033[2J\nroot"};
	struct spec ca = hostile;
	struct leaf_facts f;

	(void)state;
	ca.key = other_key;
	AUTO(X509) X509 *issuer = certificate_make(&ca);
	s.issuer = issuer;
	s.issuer_key = other_key;
	AUTO(X509) X509 *leaf = certificate_make(&s);
	AUTO(chain) struct chain *c = chain_of(leaf, NULL, NULL);
	assert_ok(chain_leaf_facts(c, &f, UNIT_ERR));
	for (const char *p = f.issuer; *p; p++)
		assert_true((unsigned char)*p >= 0x20);
	assert_non_null(strstr(f.issuer, "root"));
}

static const struct subject council = {.organization = (char *)"Example Council"};

/* A request of a key in software for our names. */
static void
request(EVP_PKEY *key, const struct list *names, struct buf *der)
{
	const struct csr_wish wish = {.subject = &council, .names = names};
	assert_ok(csr_make(NULL, key, key, &wish, der, UNIT_ERR));
}

/* Judges such a request. */
static int
judge_request(const struct buf *der, size_t len, EVP_PKEY *public, const struct list *names)
{
	const struct csr_wish wish = {.subject = &council, .names = names};
	return csr_judge(der->text, len, public, &wish, UNIT_ERR);
}

static void
a_request_for_another_key_or_other_names_is_refused(void **state)
{
	AUTO(list) struct list names = {0}, fewer = {0}, more = {0}, other = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	our_names(&names);
	our_names(&more);
	our_names(&other);
	list_add(&fewer, "a.example");
	list_add(&more, "c.example");
	free(other.item[0]);
	other.item[0] = strdup("c.example");
	request(our_key, &names, &der);
	assert_ok(judge_request(&der, der.len, our_key, &names));
	assert_refused(judge_request(&der, der.len, other_key, &names), ERR_TOKEN,
		"the request is for another key");
	assert_refused(judge_request(&der, der.len, our_key, &fewer), ERR_TOKEN,
		"the request is for other names");
	assert_refused(judge_request(&der, der.len, our_key, &more), ERR_TOKEN,
		"the request is for other names");
	assert_refused(judge_request(&der, der.len, our_key, &other), ERR_TOKEN,
		"the request is for other names");
	assert_true(csr_has_names(der.text, der.len, &names));
	assert_false(csr_has_names(der.text, der.len, &fewer));
	assert_false(csr_has_names(der.text, der.len / 2, &names));
	assert_false(csr_has_names("", 0, &names));
}

static void
a_request_with_a_tampered_signature_or_text_is_refused(void **state)
{
	AUTO(list) struct list names = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	our_names(&names);
	request(our_key, &names, &der);
	der.text[der.len - 1] ^= 1;
	assert_refused(judge_request(&der, der.len, our_key, &names), ERR_TOKEN,
		"the signature of the request does not verify");
	assert_non_null(strstr(unit_err.hint, "was not sent"));
	der.text[der.len - 1] ^= 1;
	char *field = memmem(der.text, der.len, "Example Council", 15);
	assert_non_null(field);
	field[0] = 'e';
	assert_refused(judge_request(&der, der.len, our_key, &names), ERR_TOKEN, "does not verify");
	field[0] = 'E';
	assert_ok(judge_request(&der, der.len, our_key, &names));
	/* No flipped byte gets through. */
	for (size_t i = 0; i < der.len; i++) {
		der.text[i] ^= 0x20;
		assert_int_equal(judge_request(&der, der.len, our_key, &names), -1);
		der.text[i] ^= 0x20;
	}
}

static void
a_request_that_is_cut_or_has_a_rest_is_refused(void **state)
{
	AUTO(list) struct list names = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX);

	(void)state;
	our_names(&names);
	request(our_key, &names, &der);
	for (size_t len = 0; len < der.len; len += 13)
		assert_refused(judge_request(&der, len, our_key, &names), ERR_TOKEN,
			"not one DER structure");
	buf_add(&der, "\0", 1);
	assert_refused(
		judge_request(&der, der.len, our_key, &names), ERR_TOKEN, "not one DER structure");
}

/* Judges a request for a.example that asks for these extensions. */
static int
judge_extensions(const char *san, const char *usage)
{
	AUTO(list) struct list names = {0};
	AUTO(X509_REQ) X509_REQ *req = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	unsigned char *der = NULL;

	list_add(&names, "a.example");
	X509_REQ_set_pubkey(req, our_key);
	if (san)
		sk_X509_EXTENSION_push(
			extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
	if (usage)
		sk_X509_EXTENSION_push(
			extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage));
	if (san || usage)
		assert_int_equal(X509_REQ_add_extensions(req, extensions), 1);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	assert_true(X509_REQ_sign(req, our_key, EVP_sha256()) > 0);
	int len = i2d_X509_REQ(req, &der);
	const struct csr_wish wish = {.names = &names};
	int rc = csr_judge(der, (size_t)len, our_key, &wish, UNIT_ERR);
	OPENSSL_free(der);
	return rc;
}

static void
a_request_that_asks_for_more_than_names_is_refused(void **state)
{
	(void)state;
	assert_ok(judge_extensions("DNS:a.example", NULL));
	assert_refused(judge_extensions("DNS:A.EXAMPLE", NULL), ERR_TOKEN, "asks for more");
	assert_refused(
		judge_extensions("DNS:a.example", "keyCertSign"), ERR_TOKEN, "asks for more");
	assert_refused(judge_extensions(NULL, "digitalSignature"), ERR_TOKEN, "other names");
	assert_refused(judge_extensions(NULL, NULL), ERR_TOKEN, "other names");
	assert_refused(
		judge_extensions("DNS:a.example,email:a@b.c", NULL), ERR_TOKEN, "other names");
	assert_refused(judge_extensions("DNS:a.example,URI:https://a.example/", NULL), ERR_TOKEN,
		"other names");
}

static int
make(EVP_PKEY *key, const struct subject *subject, const struct list *names, struct buf *der)
{
	const struct csr_wish wish = {.subject = subject, .names = names};
	return csr_make(NULL, key, our_key, &wish, der, UNIT_ERR);
}

static void
a_request_has_its_subject_and_fits_its_ceiling(void **state)
{
	AUTO(list) struct list names = {0};
	AUTO(buf) struct buf der = BUF(CSR_MAX), small = BUF(100);
	AUTO(char) char *pem = NULL;
	struct subject subject = {.organization = (char *)"Example Council",
		.unit = (char *)"Web",
		.locality = (char *)"K\xc3\xb6ln",
		.state = (char *)"NRW",
		.country = (char *)"DE"};
	struct subject wrong = {.country = (char *)"DEU"};

	(void)state;
	our_names(&names);
	assert_refused(make(our_key, &wrong, &names, &der), ERR_CONFIG,
		"a field of 'subject:' does not fit");
	/* A key that signs for another one is caught before anything is sent. */
	assert_refused(make(other_key, &subject, &names, &der), ERR_TOKEN, "does not verify");
	assert_int_equal(der.len, 0);
	assert_refused(
		make(our_key, &subject, &names, &small), ERR_CONFIG, "larger than 100 bytes");
	assert_ok(make(our_key, &subject, &names, &der));
	const unsigned char *p = (const unsigned char *)der.text;
	AUTO(X509_REQ) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.len);
	assert_non_null(req);
	X509_NAME *name = X509_REQ_get_subject_name(req);
	assert_int_equal(X509_NAME_entry_count(name), 5);
	assert_int_equal(X509_NAME_get_index_by_NID(name, NID_commonName, -1), -1);
	assert_ok(csr_pem(der.text, der.len, &pem, UNIT_ERR));
	assert_true(text_starts(pem, "-----BEGIN CERTIFICATE REQUEST-----\n"));
}

static void
names_are_normalised_or_refused(void **state)
{
#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz01234567890"
	static const struct {
		const char *text;
		const char *wanted; /* NULL = refused */
		const char *words;
	} rows[] = {
		{"", NULL, "its length is not 1 to 253"},
		{".", NULL, "its length is not 1 to 253"},
		{"..", NULL, "a label is empty"},
		{"a..b", NULL, "a label is empty"},
		{".a.b", NULL, "a label is empty"},
		{"a.b..", NULL, "a label is empty"},
		{"-a.example", NULL, "letters, digits"},
		{"a-.example", NULL, "ends with '-'"},
		{"a.example-", NULL, "ends with '-'"},
		{"a_b.example", NULL, "letters, digits"},
		{"a b.example", NULL, "letters, digits"},
		{" a.example", NULL, "letters, digits"},
		{"a.example\n", NULL, "letters, digits"},
		{"a.example:443", NULL, "letters, digits"},
		{"@b.example", NULL, "before the '@'"},
		{"a@", NULL, "no domain name"},
		{".a@b.example", NULL, "before the '@'"},
		{"a.@b.example", NULL, "before the '@'"},
		{"a..b@b.example", NULL, "before the '@'"},
		{"a b@b.example", NULL, "before the '@'"},
		{"a@c@b.example", NULL, "before the '@'"},
		{"\xc3\xa9@b.example", NULL, "before the '@'"},
		{"a@*.b.example", NULL, "no domain name"},
		{"a@192.0.2.7", NULL, "no domain name"},
		{L63 "xx@b.example", NULL, "1 to 64 characters"},
		{"https://a b/", NULL, "RFC 3986"},
		{"https://a/<b>", NULL, "RFC 3986"},
		{"https://b\xc3\xbc/", NULL, "RFC 3986"},
		{"https://", NULL, "letters, digits"},
		{"://a.example", NULL, "letters, digits"},
		{"urn:", NULL, "letters, digits"},
		{"mailto:a", NULL, "letters, digits"},
		{"b\xc3\xbc"
		 "cher.example",
			NULL, "it is not ASCII"},
		{"*", NULL, "letters, digits"},
		{"*.", NULL, "letters, digits"},
		{"*.example", NULL, "a wildcard needs two labels"},
		{"**.a.example", NULL, "letters, digits"},
		{"*a.b.example", NULL, "letters, digits"},
		{"a*.b.example", NULL, "letters, digits"},
		{"a.*.example", NULL, "letters, digits"},
		{"*.*.example", NULL, "letters, digits"},
		{"*.192.0.2.7", NULL, "its last label is a number"},
		{"192.0.2.256", NULL, "its last label is a number"},
		{"192.0.2", NULL, "its last label is a number"},
		{"1234567890", NULL, "its last label is a number"},
		{"a.123", NULL, "its last label is a number"},
		{"fe80::1%eth0", NULL, "letters, digits"},
		{"[2001:db8::1]", NULL, "letters, digits"},
		{"2001:db8:::1", NULL, "letters, digits"},
		{L63 "x.example", NULL, "longer than 63"},
		{L63 "." L63 "." L63 "." L63, NULL, "253"},
		{"a.example", "a.example", NULL},
		{"A.eXaMPLE", "a.example", NULL},
		{"a.example.", "a.example", NULL},
		{"*.A.example", "*.a.example", NULL},
		{"localhost", "localhost", NULL},
		{"1.a", "1.a", NULL},
		{"123.456x", "123.456x", NULL},
		{"a--b.example", "a--b.example", NULL},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", NULL},
		{L63 ".example", L63 ".example", NULL},
		{"192.0.2.7", "192.0.2.7", NULL},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1", NULL},
		{"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1", NULL},
		{"::", "::", NULL},
		{"::ffff:192.0.2.7", "::ffff:192.0.2.7", NULL},
		{"Web.Team+x@B.Example", "Web.Team+x@b.example", NULL},
		{"SIP:Pool@b.example", "sip:Pool@b.example", NULL},
		{"HTTPS://A.example/B?c=d#e", "https://A.example/B?c=d#e", NULL},
		{"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
			"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8", NULL},
		{"spiffe://council.example/web", "spiffe://council.example/web", NULL},
	};
	char name[NAME_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		strncpy(name, "left alone", sizeof name);
		int rc = name_normal(rows[i].text, name, UNIT_ERR);
		if ((rc == 0) != (rows[i].wanted != NULL))
			fail_msg("'%s' gives %d", rows[i].text, rc);
		if (rc < 0)
			assert_refused(rc, ERR_CONFIG, rows[i].words);
		assert_string_equal(name, rc < 0 ? "left alone" : rows[i].wanted);
	}
	assert_int_equal(name_normal("b\xc3\xbc"
				     "cher.example",
				 name, UNIT_ERR),
		-1);
	assert_non_null(strstr(unit_err.hint, "xn--"));
	/* 253 characters are a name, with a dot behind them too. */
	char longest[256];
	memset(longest, 'a', sizeof longest);
	for (size_t i = 63; i < 253; i += 64)
		longest[i] = '.';
	longest[253] = '\0';
	assert_ok(name_normal(longest, name, UNIT_ERR));
	assert_string_equal(name, longest);
	memcpy(longest + 253, ".", 2);
	assert_ok(name_normal(longest, name, UNIT_ERR));
	assert_int_equal(strlen(name), 253);
	memcpy(longest + 253, "a", 2);
	assert_refused(name_normal(longest, name, UNIT_ERR), ERR_CONFIG, "253");
}

static void
names_are_compared_as_sets_and_told_apart(void **state)
{
	AUTO(list) struct list a = {0}, b = {0};

	(void)state;
	assert_true(names_equal(&a, &b));
	list_add(&a, "a.example");
	assert_false(names_equal(&a, &b));
	list_add(&b, "b.example");
	assert_false(names_equal(&a, &b));
	list_add(&a, "b.example");
	list_add(&b, "a.example");
	assert_true(names_equal(&a, &b));
	assert_true(name_is_ip("192.0.2.7"));
	assert_true(name_is_ip("2001:db8::1"));
	assert_false(name_is_ip("192.0.2.7.example"));
	assert_true(name_is_wildcard("*.a.example"));
	assert_false(name_is_wildcard("a.*.example"));
	assert_false(name_is_wildcard("*.a@b.example"));
	assert_int_equal(name_kind("a.example"), NAME_DNS);
	assert_int_equal(name_kind("2001:db8::1"), NAME_IP);
	assert_int_equal(name_kind("a@b.example"), NAME_EMAIL);
	assert_int_equal(name_kind("sip:a@b.example"), NAME_URI);
	AUTO(list) struct list people = {0};
	list_add(&people, "a@b.example");
	assert_null(names_first_host(&people));
	list_add(&people, "b.example");
	assert_string_equal(names_first_host(&people), "b.example");
}

static int
set_up(void **state)
{
	(void)state;
	root_key = EVP_EC_gen("P-256");
	inter_key = EVP_EC_gen("P-256");
	our_key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	struct spec s = {.subject = "the root",
		.key = root_key,
		.constraints = "critical,CA:TRUE",
		.usage = "critical,keyCertSign,cRLSign",
		.until = NOW + 10 * DAY};
	root = certificate_make(&s);
	s = (struct spec){.subject = "an intermediate",
		.key = inter_key,
		.issuer = root,
		.issuer_key = root_key,
		.constraints = "critical,CA:TRUE,pathlen:0",
		.usage = "critical,keyCertSign,cRLSign",
		.until = NOW + 15 * DAY};
	inter = certificate_make(&s);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	X509_free(root);
	X509_free(inter);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(inter_key);
	EVP_PKEY_free(our_key);
	EVP_PKEY_free(other_key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaf_that_is_not_what_was_asked_for_is_refused),
		cmocka_unit_test(a_leaf_that_need_not_be_a_servers_is_judged_by_all_else),
		cmocka_unit_test(a_leaf_that_is_as_asked_for_is_accepted_at_the_edges_too),
		cmocka_unit_test(a_chain_must_lead_from_one_to_the_next),
		cmocka_unit_test(a_chain_must_end_at_the_anchors_where_there_are_some),
		cmocka_unit_test(text_that_is_no_chain_is_refused),
		cmocka_unit_test(a_chain_larger_than_its_ceiling_is_refused),
		cmocka_unit_test(the_facts_of_a_leaf_and_the_parts_of_a_chain_are_given),
		cmocka_unit_test(a_certificate_is_called_by_issuer_key_and_serial_number),
		cmocka_unit_test(a_hostile_issuer_is_shown_without_control_characters),
		cmocka_unit_test(a_request_for_another_key_or_other_names_is_refused),
		cmocka_unit_test(a_request_with_a_tampered_signature_or_text_is_refused),
		cmocka_unit_test(a_request_that_is_cut_or_has_a_rest_is_refused),
		cmocka_unit_test(a_request_that_asks_for_more_than_names_is_refused),
		cmocka_unit_test(a_request_has_its_subject_and_fits_its_ceiling),
		cmocka_unit_test(names_are_normalised_or_refused),
		cmocka_unit_test(names_are_compared_as_sets_and_told_apart),
	};
	return cmocka_run_group_tests_name("x509", tests, set_up, tear_down);
}
