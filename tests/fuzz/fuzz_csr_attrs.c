/* What EST servers want to see in a request (x509/csr_attrs.h). */
#include "fuzz.h"
#include "keystay/x509/csr_attrs.h"

#include <openssl/err.h>

static void
printable(const struct list *l)
{
	for (size_t i = 0; i < l->count; i++)
		MUST(l->item[i][0] && fuzz_printable(l->item[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(csr_attrs) struct csr_attrs a = {0};
	struct err e = {0};

	AUTO(char) char *body = fuzz_bytes(data, size);
	if (csr_attrs_read(body, size, &a, &e) < 0) {
		MUST(e.kind == ERR_AUTHORITY && e.text[0] && fuzz_printable(e.text));
		MUST(!a.extensions && !a.subject.count && !a.asked.count && !a.ignored.count);
		return 0;
	}
	MUST(a.curve == NID_undef || a.key != NID_undef);
	MUST(a.rsa_bits == 0 || a.key == NID_rsaEncryption);
	printable(&a.asked);
	printable(&a.subject);
	printable(&a.ignored);
	MUST(ERR_peek_error() == 0);
	return 0;
}
