/* CA certificates that an answer lacks, from where the certificate says (ca/aia.h). */
#include "support/certificate.h"
#include "support/unit.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <string.h>

#include "keystay/ca/aia.h"
#include "keystay/net/http.h"
#include "keystay/x509/ossl.h"

static EVP_PKEY *root_key, *middle_key, *issuing_key, *leaf_key;
static X509 *root, *middle, *issuing, *leaf;

/* What the places answer, and how often they were asked. */
static struct {
	X509 *middle, *issuing; /* what is at /middle, at /issuing; NULL = 404 */
	const char *text;       /* instead */
	int asked;
} world;

static X509 *
made(const char *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *by, bool ca, const char *place)
{
	const struct spec s = {.subject = subject,
		.key = key,
		.issuer = issuer,
		.issuer_key = by,
		.names = ca ? NULL : "DNS:a.example",
		.constraints = ca ? "critical,CA:TRUE" : "critical,CA:FALSE",
		.usage = ca ? "keyCertSign" : "digitalSignature",
		.purpose = ca ? NULL : "serverAuth"};
	X509 *x = certificate_make(&s);

	if (place) {
		certificate_extend(x, NID_info_access, place);
		assert_true(X509_sign(x, by, EVP_sha256()) > 0);
	}
	return x;
}

static int
make_all(void **state)
{
	(void)state;
	root_key = EVP_EC_gen("P-256");
	middle_key = EVP_EC_gen("P-256");
	issuing_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	root = made("root", root_key, NULL, NULL, true, NULL);
	middle = made("middle", middle_key, root, root_key, true, NULL);
	issuing = made("issuing", issuing_key, middle, middle_key, true,
		"caIssuers;URI:http://ca.example/middle");
	leaf = made("leaf", leaf_key, issuing, issuing_key, false,
		"OCSP;URI:http://ocsp.example,caIssuers;URI:ldap://ca.example,"
		"caIssuers;URI:http://ca.example/issuing");
	return 0;
}

static int
free_all(void **state)
{
	(void)state;
	X509_free(root);
	X509_free(middle);
	X509_free(issuing);
	X509_free(leaf);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(issuing_key);
	EVP_PKEY_free(leaf_key);
	return 0;
}

static int
answer(void *ctx, struct http *h, const struct http_request *r, struct http_answer *ret,
	struct err *e)
{
	X509 *x = strstr(r->url, "/middle") ? world.middle : world.issuing;
	unsigned char *der = NULL;

	(void)ctx;
	(void)h;
	(void)e;
	assert_true(r->plain && r->ceiling <= 256 * 1024 && r->method == HTTP_GET);
	world.asked++;
	*ret = (struct http_answer){.status = x || world.text ? 200 : 404, .body = BUF(r->ceiling)};
	int len = x && !world.text ? i2d_X509(x, &der) : 0;
	if (world.text)
		buf_adds(&ret->body, world.text);
	else if (len > 0)
		buf_add(&ret->body, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}

static int
complete(struct certs *known)
{
	const struct services s = {.http = answer};

	world.asked = 0;
	int rc = aia_complete(&s, "authority 'portal'", leaf, known, UNIT_ERR);
	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static void
a_place_is_the_first_that_http_leads_to(void **state)
{
	char url[200], small[10];

	(void)state;
	assert_true(aia_place(leaf, url, sizeof url));
	assert_string_equal(url, "http://ca.example/issuing");
	assert_false(aia_place(leaf, small, sizeof small));
	assert_false(aia_place(root, url, sizeof url));
}

static void
issuers_are_fetched_one_after_the_other(void **state)
{
	AUTO(certs) struct certs *known = certs_new();

	(void)state;
	world.middle = middle;
	world.issuing = issuing;
	assert_ok(complete(known));
	assert_int_equal(world.asked, 2);
	assert_int_equal(certs_count(known), 2);
	assert_true(certs_has(known, issuing) && certs_has(known, middle));
	/* What is known is not asked for. */
	assert_ok(complete(known));
	assert_int_equal(world.asked, 0);
}

static void
what_did_not_sign_it_is_refused(void **state)
{
	AUTO(certs) struct certs *known = certs_new();
	AUTO(X509) X509 *impostor = made("issuing", middle_key, root, root_key, true, NULL);

	(void)state;
	world.issuing = impostor;
	assert_refused(complete(known), ERR_AUTHORITY, "did not sign the certificate");
	assert_int_equal(world.asked, 1);
	world.issuing = NULL;
	assert_refused(complete(known), ERR_AUTHORITY, "answers 404");
	world.text = "<html>";
	assert_refused(complete(known), ERR_AUTHORITY, "no certs-only message");
	world.text = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_the_first_that_http_leads_to),
		cmocka_unit_test(issuers_are_fetched_one_after_the_other),
		cmocka_unit_test(what_did_not_sign_it_is_refused),
	};
	return cmocka_run_group_tests_name("aia", tests, make_all, free_all);
}
