/*
 * Chains (x509/chain.h). An input that begins like DER is a row of DER certificates and becomes
 * PEM here: a mutation of DER reaches further than one of base64.
 */
#include "fuzz.h"
#include "keystay/ca/aia.h"
#include "keystay/x509/chain.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/ossl.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/mman.h>

/* The length of the first DER structure, all of it when it does not say a sane one. */
static size_t
first_length(const unsigned char *der, size_t len)
{
	const unsigned char *p = der;
	long inner;
	int tag, class;

	if (ASN1_get_object(&p, &inner, &tag, &class, (long)len) & 0x80)
		return len;
	return (size_t)(p - der) + (size_t)inner;
}

static char *
pem_of(const uint8_t *data, size_t size, size_t *ret_len)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	while (size) {
		size_t n = first_length(data, size);
		if (PEM_write_bio(bio, "CERTIFICATE", "", data, (long)n) <= 0)
			BUG("no memory for an input");
		data += n;
		size -= n;
	}
	ERR_clear_error();
	*ret_len = (size_t)BIO_get_mem_data(bio, &text);
	return fuzz_bytes((const uint8_t *)text, *ret_len);
}

static void
facts(const struct chain *c)
{
	struct leaf_facts f;
	struct err e = {0};

	if (chain_leaf_facts(c, &f, &e) < 0) {
		MUST(e.kind == ERR_AUTHORITY && e.text[0]);
		return;
	}
	MUST(*f.serial && strlen(f.serial) <= 40);
	MUST(strlen(f.fingerprint) == 64 && strlen(f.public_hash) == 64);
	MUST(fuzz_printable(f.issuer) && strlen(f.issuer) < sizeof f.issuer);
	MUST(f.not_before && f.not_after);
}

/* Judges with the wish that fits as well as any, so that the later tests are reached. */
static void
judge(const struct chain *c, EVP_PKEY *public, const char *anchors)
{
	AUTO(list) struct list names = {0};
	char place[300];
	if (aia_place(chain_leaf(c), place, sizeof place))
		MUST(text_starts(place, "http") && fuzz_printable(place));
	AUTO(GENERAL_NAMES)
	GENERAL_NAMES *san = X509_get_ext_d2i(chain_leaf(c), NID_subject_alt_name, NULL, NULL);
	struct err e = {0};
	bool anchored = false;

	if (san)
		(void)san_names(san, &names);
	ERR_clear_error();
	const struct chain_wish wish = {.public = public,
		.names = &names,
		.now = ossl_when(X509_get0_notBefore(chain_leaf(c))) + 1,
		.anchors = anchors};
	if (chain_judge(c, &wish, &anchored, &e) == 0) {
		MUST(anchored == (anchors != NULL));
		MUST(EVP_PKEY_eq(X509_get0_pubkey(chain_leaf(c)), public) == 1);
	} else {
		MUST(e.kind == ERR_AUTHORITY && e.text[0]);
	}
}

/* The last certificate as the anchor, in a file that no crash leaves behind. */
static void
judge_anchored(const struct chain *c, EVP_PKEY *public)
{
	AUTO(char) char *pem = NULL;
	struct err e;
	char path[48];

	if (chain_pem(c, chain_count(c) - 1, chain_count(c), &pem, &e) < 0)
		return;
	int fd = memfd_create("anchors", MFD_CLOEXEC);
	if (fd < 0 || write(fd, pem, strlen(pem)) != (ssize_t)strlen(pem))
		BUG("no memory for an input");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	judge(c, public, path);
	close(fd);
}

/* What the agent writes, it can read. */
static void
write_and_read(const struct chain *c)
{
	AUTO(chain) struct chain *again = NULL;
	AUTO(char) char *pem = NULL;
	struct err e;

	if (chain_pem(c, 0, chain_count(c), &pem, &e) < 0)
		return;
	if (strlen(pem) <= CHAIN_MAX)
		MUST(chain_parse(pem, strlen(pem), &again, &e) == 0 &&
			chain_count(again) == chain_count(c));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static EVP_PKEY *stranger;
	AUTO(chain) struct chain *c = NULL;
	struct err e = {0};
	size_t len = size;

	if (!stranger && !(stranger = EVP_EC_gen("P-256")))
		BUG("no key");
	bool der = size && *data == 0x30;
	AUTO(char) char *pem = der ? pem_of(data, size, &len) : fuzz_bytes(data, size);
	if (chain_parse(pem, len, &c, &e) < 0) {
		MUST(!c && e.kind == ERR_AUTHORITY && e.text[0]);
		return 0;
	}
	MUST(chain_count(c) >= 1 && chain_count(c) <= CHAIN_COUNT_MAX);
	facts(c);
	judge(c, stranger, NULL);
	EVP_PKEY *public = X509_get0_pubkey(chain_leaf(c));
	ERR_clear_error();
	if (public) {
		judge(c, public, NULL);
		judge_anchored(c, public);
	}
	write_and_read(c);
	ERR_clear_error();
	return 0;
}
