#include "acme_account.h"

#include <string.h>

#include "keystay/base/log.h"

/* Contacts of an account that are kept; what is behind them is not looked at. */
#define CONTACTS_MAX 20

/* newAccount (7.3), signed with the key itself; the account's URL is kept. */
static int
post_new_account(struct acme *a, const json_t *payload, struct acme_reply *ret, struct err *e)
{
	AUTO(buf) struct buf member = BUF(4096);
	AUTO(char) char *text = json_line(payload);

	buf_addf(&member, "\"jwk\":%s", a->jwk);
	if (!text || member.full)
		return err_set(e, ERR_FAILED, "no memory for an account");
	if (acme_post_as(a, buf_text(&member), a->new_account, text, ret, e) < 0)
		return -1;
	const char *url = ret->answer.location;
	if (!text_starts(url, "https://") || strpbrk(url, "\"\\ "))
		return err_set(e, ERR_AUTHORITY, "authority '%s': the account has no https URL",
			a->conf->name);
	if (!text_same(json_text_at(ret->json, "status"), "valid"))
		return err_set(e, ERR_AUTHORITY,
			"authority '%s': the account is '%.32s', not valid", a->conf->name,
			json_text_at(ret->json, "status"));
	text_copy(a->account, sizeof a->account, url);
	log_debug("authority '%s': account %s", a->conf->name, url);
	return 0;
}

int
acme_need_account(struct acme *a, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	AUTO(json_t) json_t *payload = json_object();

	if (a->account[0])
		return 0;
	if (a->conf->agree_terms)
		json_object_set_new(payload, "termsOfServiceAgreed", json_true());
	if (a->conf->contact.count) {
		json_t *contact = json_array();
		for (size_t i = 0; i < a->conf->contact.count; i++)
			json_array_append_new(contact, json_string(a->conf->contact.item[i]));
		json_object_set_new(payload, "contact", contact);
	}
	/* 201 makes it, 200 finds the one that this key already has (7.3.1). */
	return post_new_account(a, payload, &reply, e);
}

/* The account has ended: the server has none of this key, or takes none of its requests. */
static bool
is_gone(const struct acme_reply *reply, const struct err *e)
{
	return e->kind == ERR_AUTHORITY && (text_same(reply->problem, "accountDoesNotExist") ||
						   text_same(reply->problem, "unauthorized"));
}

int
acme_find_account(struct acme *a, bool *ret_found, char problem[48], struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	AUTO(json_t) json_t *payload = json_pack("{s:b}", "onlyReturnExisting", 1);

	*ret_found = true;
	if (a->account[0])
		return 0;
	if (post_new_account(a, payload, &reply, e) == 0)
		return 0;
	if (!is_gone(&reply, e))
		return -1;
	text_copy(problem, 48, reply.problem);
	*ret_found = false;
	return 0;
}

/* What it says of itself, as far as it is fit to be shown. */
static int
read_account(const json_t *json, struct ca_account *ret, struct err *e)
{
	json_t *item;
	size_t i;

	text_copy(ret->status, sizeof ret->status, json_text_at(json, "status"));
	text_printable(ret->status);
	if (!ret->status[0])
		return err_set(e, ERR_AUTHORITY, "the account has no status");
	ret->agreed = json_is_true(json_object_get(json, "termsOfServiceAgreed"));
	json_array_foreach(json_array_at(json, "contact"), i, item)
	{
		char contact[320];
		if (i == CONTACTS_MAX || !json_is_string(item))
			break;
		text_copy(contact, sizeof contact, json_string_value(item));
		text_printable(contact);
		if (!list_add(&ret->contact, contact))
			return err_set(e, ERR_FAILED, "no memory for an account");
	}
	return 0;
}

/* A status in our words, where the server gives a problem instead of an account. */
static int
gone_account(struct ca_account *ret, const char *problem)
{
	text_copy(ret->status, sizeof ret->status,
		text_same(problem, "accountDoesNotExist") ? "unknown" : "refused");
	return 0;
}

int
acme_show_account(void *ca, bool deactivate, struct ca_account *ret, struct err *e)
{
	AUTO(acme_reply) struct acme_reply reply = {0};
	struct acme *a = ca;
	char problem[48] = "";
	bool found;

	*ret = (struct ca_account){.url = ""};
	if (acme_need_directory(a, e) < 0 || acme_find_account(a, &found, problem, e) < 0)
		return -1;
	text_copy(ret->url, sizeof ret->url, a->account);
	if (!found)
		return gone_account(ret, problem);
	/* 7.3.6; a POST-as-GET shows it (6.3). */
	if (acme_post(a, a->account, deactivate ? "{\"status\":\"deactivated\"}" : NULL, &reply,
		    e) < 0)
		return is_gone(&reply, e) ? gone_account(ret, reply.problem) : -1;
	if (read_account(reply.json, ret, e) < 0) {
		list_free(&ret->contact);
		return err_in(e, "authority '%s'", a->conf->name);
	}
	return 0;
}
