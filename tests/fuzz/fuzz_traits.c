/* What a policy looks at in a chain (x509/traits.h): the input is a row of DER certificates. */
#include "fuzz.h"
#include "keystay/policy/policy.h"
#include "keystay/x509/ossl.h"
#include "keystay/x509/traits.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>

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

static int
parse(const uint8_t *data, size_t size, struct chain **ret)
{
	AUTO(BIO) BIO *bio = BIO_new(BIO_s_mem());
	struct err e;
	char *text;

	while (size) {
		size_t n = first_length(data, size);
		if (PEM_write_bio(bio, "CERTIFICATE", "", data, (long)n) <= 0)
			BUG("no memory for an input");
		data += n;
		size -= n;
	}
	size_t len = (size_t)BIO_get_mem_data(bio, &text);
	AUTO(char) char *pem = fuzz_bytes((const uint8_t *)text, len);
	return chain_parse(pem, len, ret, &e);
}

static void
look_at_list(const struct list *l)
{
	MUST(l->count <= TRAITS_MAX);
	for (size_t i = 0; i < l->count; i++)
		MUST(*l->item[i] && strlen(l->item[i]) < TRAIT_TEXT && fuzz_printable(l->item[i]));
}

/* Any policy can judge what was read. */
static void
judge(const struct chain_traits *t)
{
	static struct policies *all;
	const struct policy_facts facts = {.now = t->issued_at, .certificate = "a", .issued = t};
	struct judgement judged[RULES];
	struct err e;

	if (!all && (policies_new(&all, &e) < 0 || policies_finish(all, &e) < 0))
		BUG("the shipped policies cannot be read");
	for (size_t i = 0; policy_at(all, i); i++) {
		(void)policy_judge(policy_at(all, i), &facts, judged);
		for (int r = 0; r < RULES; r++)
			MUST(fuzz_printable(judged[r].text) && fuzz_printable(judged[r].value));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(chain_traits) struct chain_traits t = {0};
	AUTO(chain) struct chain *c = NULL;
	struct err e = {0};

	if (parse(data, size, &c) < 0) {
		ERR_clear_error();
		return 0;
	}
	if (chain_traits(c, &t, &e) < 0) {
		MUST(e.kind == ERR_AUTHORITY && e.text[0] && t.issuers.count == 0);
		return 0;
	}
	MUST(t.not_before && t.not_after && t.issued_at >= t.not_before);
	MUST((t.scts == 0) == (t.first_sct == 0) || t.first_sct == 0);
	MUST(t.keys.count <= chain_count(c) && t.signatures.count >= 1);
	look_at_list(&t.issuers);
	look_at_list(&t.keys);
	look_at_list(&t.signatures);
	look_at_list(&t.eku);
	look_at_list(&t.ku);
	for (size_t i = 0; i < t.ku.count; i++)
		MUST(ku_word_known(t.ku.item[i]));
	judge(&t);
	MUST(ERR_peek_error() == 0);
	return 0;
}
