/* Sign the request in the token; csr_make judges the bytes that were really signed. */
#include <string.h>

#include "keystay/token/token.h"
#include "keystay/x509/csr.h"
#include "keystay/x509/ossl.h"
#include "internal.h"
#include "judge.h"

/* A key that the policy refuses signs nothing; the next try chooses anew. */
static int
judge_part(struct life *l, struct work *w, const struct key_row *row, const EVP_PKEY *public,
	struct err *e)
{
	if (judge_key(l, w, row->id, public, e) == 0)
		return 0;
	if (e->kind == ERR_POLICY)
		text_copy(w->attempt.step, sizeof w->attempt.step, step_word(STEP_POLICY));
	return -1;
}

static int
request_part(struct life *l, struct work *w, struct part *p, struct err *e)
{
	AUTO(EVP_PKEY) EVP_PKEY *public = NULL, *key = NULL;
	AUTO(buf) struct buf der = BUF(CSR_MAX);
	const struct csr_wish wish = {.subject = &w->conf->subject, .names = &w->conf->names};
	struct key_row row;
	struct token *t;

	if (key_get(l->db, p->key_id, &row, e) < 0 || life_key_ensure(l, &row, &public, e) < 0 ||
		judge_part(l, w, &row, public, e) < 0 || life_key_load(l, &row, &key, &t, e) < 0 ||
		csr_make(token_context(t), key, public, &wish, &der, e) < 0)
		return -1;
	free(p->csr);
	free(p->cookie);
	free(p->chain);
	p->cookie = p->chain = NULL;
	p->csr_len = der.len;
	p->csr = buf_take(&der);
	return p->csr ? 0 : err_set(e, ERR_FAILED, "no memory for a request");
}

int
step_csr(struct life *l, struct work *w, enum outcome *ret, struct err *e)
{
	*ret = OUTCOME_NEXT;
	for (size_t i = 0; i < w->attempt.parts; i++)
		if (request_part(l, w, &w->attempt.part[i], e) < 0)
			return -1;
	return 0;
}
