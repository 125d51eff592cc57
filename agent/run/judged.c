#include "judged.h"

#include <stdio.h>

#include "keystay/state/keys.h"

struct showing {
	struct run *run;
	struct db *db;
	struct usage *usage;
	bool show;
};

static json_t *
texts_json(const struct list *l)
{
	json_t *all = json_array();

	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(all, json_string(l->item[i]));
	return all;
}

static void
origin_list(const struct key_origin *o, struct list *ret)
{
	for (int i = 0; i < ORIGINS; i++)
		if (o->said[i])
			(void)list_add(ret, origin_word((enum origin)i));
}

static void
show_key(struct run *r, const char *key_type, const struct key_row *key, const struct facts *f)
{
	AUTO(list) struct list origin = {0};
	char made[WHEN_TEXT], said[200];

	origin_list(&f->policy.origin, &origin);
	run_say(r, "  key %s: made %s in a token of the class '%s' (%s), %lld signatures", key_type,
		when_format(key->created_at, made),
		f->policy.token_class ? f->policy.token_class : "unknown",
		list_join(&origin, said, sizeof said), (long long)f->policy.signatures);
}

static void
show_chain(struct run *r, const char *key_type, const struct chain_traits *t)
{
	char issued[WHEN_TEXT], until[WHEN_TEXT], by[300], signatures[200], eku[200], ku[200];
	when_t life = t->not_after - t->not_before + 1;

	run_say(r, "  chain %s: issued %s (%zu SCTs), %lld days up to %s", key_type,
		when_format(t->issued_at, issued), t->scts, (long long)((life + DAY - 1) / DAY),
		when_format(t->not_after, until));
	run_say(r, "    by %s; signed %s; for %s; %s", list_join(&t->issuers, by, sizeof by),
		list_join(&t->signatures, signatures, sizeof signatures),
		t->has_eku ? list_join(&t->eku, eku, sizeof eku) : "anything",
		t->has_ku ? list_join(&t->ku, ku, sizeof ku) : "any usage");
}

static json_t *
weak_json(const struct weak *w)
{
	json_t *all = json_array();

	for (int i = 0; i < WEAKNESSES; i++)
		if (w->found[i])
			json_array_append_new(all, json_string(weakness_word((enum weakness)i)));
	return all;
}

static void
report(struct run *r, const char *key_type, const struct key_row *key, const struct facts *f)
{
	AUTO(list) struct list origin = {0};
	const struct chain_traits *t = f->policy.issued;

	if (!r->json)
		return;
	origin_list(&f->policy.origin, &origin);
	json_t *all = json_pack("{s:s, s:o, s:I, s:s?, s:o}", "key_type", key_type, "key_made_at",
		json_when(key->created_at), "signatures", (json_int_t)f->policy.signatures,
		"token_class", f->policy.token_class, "key_origin", texts_json(&origin));
	if (t)
		json_object_set_new(all, "chain",
			json_pack("{s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
				"not_before", json_when(t->not_before), "not_after",
				json_when(t->not_after), "issued_at", json_when(t->issued_at),
				"validity_seconds", (json_int_t)(t->not_after - t->not_before + 1),
				"scts", (json_int_t)t->scts, "issuers", texts_json(&t->issuers),
				"signature_algorithms", texts_json(&t->signatures), "eku",
				texts_json(&t->eku), "ku", texts_json(&t->ku), "weak",
				weak_json(&t->weak)));
	run_report(r, "facts", all);
}

/* Adds what is known of the key in use: its age, and how often it signed. */
static int
look_at_part(void *ctx, const char *key_type, const char *key_id, struct facts *f, struct err *e)
{
	struct showing *s = ctx;
	struct key_usage used = {.signatures = 0};
	struct key_row key;

	if (key_get(s->db, key_id, &key, e) < 0 ||
		(s->usage && usage_of(s->usage, &key, &used, e) < 0))
		return -1;
	f->policy.key_made_at = key.created_at;
	f->policy.signatures = used.signatures;
	if (!s->show)
		return 0;
	show_key(s->run, key_type, &key, f);
	if (f->policy.issued)
		show_chain(s->run, key_type, f->policy.issued);
	report(s->run, key_type, &key, f);
	return 0;
}

int
judge_certificate(struct run *r, struct db *db, struct usage *usage,
	const struct certificate_conf *c, bool show, struct judgement judged[RULES], struct err *e)
{
	struct showing s = {r, db, usage, show};
	return facts_judge_live(
		r->config, db, c, services_now(r->services), look_at_part, &s, judged, e);
}
