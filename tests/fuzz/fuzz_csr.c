/* Requests in DER (x509/csr.h), judged with their own key and names and with others. */
#include "fuzz.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/ossl.h"

#include <openssl/ec.h>
#include <openssl/err.h>

/* The names that a request asks for, as far as they can be read. */
static void
own_names(X509_REQ *req, struct list *ret)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
	AUTO(GENERAL_NAMES)
	GENERAL_NAMES *san = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);

	if (san)
		(void)san_names(san, ret);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void
judge(const void *der, size_t len, EVP_PKEY *public, const struct list *names)
{
	const struct csr_wish wish = {.names = names};
	struct err e = {0};

	if (csr_judge(der, len, public, &wish, &e) == 0)
		MUST(csr_has_names(der, len, names));
	else
		MUST(e.kind == ERR_TOKEN && e.text[0]);
	MUST(ERR_peek_error() == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static EVP_PKEY *stranger;
	AUTO(char) char *der = fuzz_bytes(data, size), *pem = NULL;
	AUTO(list) struct list other = {0}, own = {0};
	const unsigned char *p = (const unsigned char *)der;
	struct err e;

	if (!stranger && !(stranger = EVP_EC_gen("P-256")))
		BUG("no key");
	AUTO(X509_REQ) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)size);
	if (req)
		own_names(req, &own);
	ERR_clear_error();
	list_add(&other, "www.example.org");
	judge(der, size, stranger, &other);
	if (req && X509_REQ_get0_pubkey(req)) {
		judge(der, size, X509_REQ_get0_pubkey(req), &own);
		judge(der, size, X509_REQ_get0_pubkey(req), &other);
	}
	ERR_clear_error();
	MUST(size == 0 || csr_pem(der, size, &pem, &e) == 0);
	return 0;
}
