/* Messages of EST servers (x509/certs_only.h): base64, PEM, DER, BER, and what is in them. */
#include "fuzz.h"
#include "keystay/x509/certs_only.h"
#include "keystay/x509/chain.h"

#include <openssl/err.h>

/* Whoever is in it is found by its key, and what is made of it can be read as a chain. */
static void
look_at(const struct certs *c, X509 *x)
{
	AUTO(chain) struct chain *chain = NULL;
	AUTO(char) char *pem = NULL;
	struct err e = {0};
	X509 *found = NULL;

	EVP_PKEY *key = X509_get0_pubkey(x);
	ERR_clear_error();
	if (key && certs_of_key(c, key, &found, &e) == 0)
		MUST(EVP_PKEY_eq(X509_get0_pubkey(found), key) == 1);
	MUST(!key || found || e.kind == ERR_AUTHORITY);
	MUST(certs_chain(x, c, c, &pem, &e) == 0);
	if (strlen(pem) <= CHAIN_MAX && chain_parse(pem, strlen(pem), &chain, &e) == 0)
		MUST(X509_cmp(chain_leaf(chain), x) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(certs) struct certs *c = NULL;
	struct err e = {0};
	bool plain;

	AUTO(char) char *body = fuzz_bytes(data, size);
	if (certs_only_read(body, size, &c, &plain, &e) < 0) {
		MUST(!c && e.kind == ERR_AUTHORITY && e.text[0] && fuzz_printable(e.text));
		return 0;
	}
	MUST(certs_count(c) >= 1 && certs_count(c) <= CERTS_COUNT_MAX);
	for (size_t i = 0; i < certs_count(c) && i < 4; i++)
		look_at(c, certs_at(c, i));
	ERR_clear_error();
	return 0;
}
