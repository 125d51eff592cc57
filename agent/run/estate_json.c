#include "estate_json.h"

#include <string.h>

#include "estate_words.h"
#include "keystay/run/run.h"
#include "used.h"

static json_t *
list_json(const struct list *l)
{
	json_t *array = json_array();

	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(array, json_string(l->item[i]));
	return array;
}

static json_t *
left_json(when_t end, when_t now)
{
	return end ? json_integer(days_until(end, now)) : json_null();
}

static json_t *
age_json(when_t made, when_t now)
{
	return made ? json_integer((now - made) / DAY) : json_null();
}

/* What the token said of the key when it was made. */
static int
add_evidence(const char *text, json_t *key, struct err *e)
{
	static const char *const words[] = {
		"sensitive", "never_extractable", "local", "token_class"};
	AUTO(json_t) json_t *evidence = NULL;

	if (!text)
		return 0;
	if (json_read(text, strlen(text), &evidence, e) < 0)
		return -1;
	for (size_t i = 0; i < COUNT(words); i++)
		json_object_set(key, words[i], json_object_get(evidence, words[i]));
	return 0;
}

static int
add_key(json_t *keys, const struct estate_key *k, when_t now, struct err *e)
{
	const struct version_row *v = &k->version;
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:b, s:o, s:o, s:o}",
			"uri", k->key.uri, "type", v->key_type, "state", k->key.state, "token",
			k->key.token, "authority", v->authority, "serial", v->serial, "issuer",
			v->issuer, "not_before", json_when(v->not_before), "not_after",
			json_when(v->not_after), "fingerprint_sha256", v->fingerprint, "anchored",
			v->anchored, "created_at", json_when(k->key.created_at), "key_age_days",
			age_json(k->key.created_at, now), "revoked_at", json_when(v->revoked_at));

	json_array_append_new(keys, json);
	add_usage(json, &k->usage);
	return add_evidence(k->evidence, json, e);
}

static json_t *
served_json(const struct estate_details *d)
{
	json_t *array = json_array();

	for (size_t i = 0; i < d->served_count; i++) {
		const struct served_row *s = &d->served[i];
		json_array_append_new(array,
			json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "endpoint", s->endpoint, "sni",
				s->sni, "key_type", s->key_type, "ok", s->ok, "fingerprint_sha256",
				s->fingerprint, "checked_at", json_when(s->checked_at)));
	}
	return array;
}

static json_t *
attempt_json(const struct estate_details *d)
{
	const struct attempt *a = &d->attempt;

	if (!d->has_attempt)
		return json_null();
	json_t *error = json_null();
	if (a->error_kind != ERR_NONE) {
		json_decref(error);
		error = json_pack("{s:s, s:s, s:s}", "kind", err_word(a->error_kind), "text",
			a->error_text, "hint", a->error_hint);
	}
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:o}", "step", a->step, "authority",
		a->authority, "tries", (json_int_t)a->tries, "reason", a->reason, "not_before",
		json_when(a->not_before), "error", error);
}

/* `authority` is the first that is configured; that of a key is where its certificate is from. */
static int
managed_json(struct estate *s, const struct estate_row *r, when_t now, json_t **ret, struct err *e)
{
	AUTO(estate_details) struct estate_details d = {.keys = 0};
	AUTO(json_t) json_t *keys = json_array();

	if (estate_details(s, r, &d, e) < 0)
		return -1;
	for (size_t i = 0; i < d.keys; i++)
		if (add_key(keys, &d.key[i], now, e) < 0)
			return -1;
	*ret = json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:s?, s:o, s:s, s:O, s:o, s:o, s:s?,"
			 " s:s, s:o, s:o, s:o, s:o}",
		"name", r->name, "names", list_json(r->names), "managed", 1, "state",
		estate_state_word(r->state), "authority", r->conf->authority.item[0], "policy",
		r->policy, "owner", r->conf->owner, "renew_at", json_when(r->due_at),
		"renew_reason", r->due_for, "keys", keys, "attempt", attempt_json(&d), "served",
		served_json(&d), "loss", r->loss, "token", r->token, "authorities",
		list_json(&r->conf->authority), "not_after", json_when(r->not_after), "days_left",
		left_json(r->not_after, now), "key_age_days", age_json(r->key_made_at, now));
	return *ret ? 0 : err_set(e, ERR_FAILED, "no memory");
}

/* What programs ask of every certificate is there: no key, nothing served, no attempt. */
static int
watched_json(const struct estate_row *r, when_t now, json_t **ret, struct err *e)
{
	const struct watched_row *w = r->watched;
	json_t *o = json_pack("{s:s, s:o, s:b, s:s, s:s, s:s, s:s, s:n, s:s, s:[], s:n, s:[], s:n}",
		"name", r->name, "names", list_json(r->names), "managed", 0, "state",
		estate_state_word(r->state), "authority", r->authority, "policy", r->policy,
		"owner", r->owner, "renew_at", "renew_reason", "", "keys", "attempt", "served",
		"loss");
	json_t *known = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:o,"
				  " s:o, s:o, s:o, s:s}",
		"token", r->token, "source", w->source, "place", w->place, "config", w->config,
		"subject", w->subject, "endpoints", list_json(&w->endpoints), "key_type",
		w->key_type, "notes", w->notes, "issuer", w->issuer, "serial", w->serial,
		"not_before", json_when(w->not_before), "not_after", json_when(w->not_after),
		"days_left", left_json(w->not_after, now), "added_at", json_when(w->added_at),
		"looked_at", json_when(w->looked_at), "fingerprint_sha256", w->fingerprint);

	if (!o || !known || json_object_update(o, known) < 0) {
		json_decref(o);
		json_decref(known);
		return err_set(e, ERR_FAILED, "no memory");
	}
	json_decref(known);
	json_object_set_new(o, "problem", w->problem[0] ? json_string(w->problem) : json_null());
	*ret = o;
	return 0;
}

int
estate_json(struct estate *s, const struct estate_row *r, when_t now, json_t **ret, struct err *e)
{
	return r->conf ? managed_json(s, r, now, ret, e) : watched_json(r, now, ret, e);
}
