#include "revoking.h"

static void
tell_one(struct run *r, const struct revoked *one)
{
	const struct version_row *v = &one->version;
	char at[WHEN_TEXT];

	run_report(r, "certificates",
		json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:o, s:s}", "name", v->certificate,
			"version", (json_int_t)v->number, "type", v->key_type, "serial", v->serial,
			"issuer", v->issuer, "authority", v->authority, "live", one->live,
			"revoked_at", json_when(v->revoked_at), "reason", v->revoked_for));
	if (one->before)
		run_say(r, "%s: version %lld (serial %s) was revoked before, at %s (%s)",
			v->certificate, (long long)v->number, v->serial,
			when_format(v->revoked_at, at), v->revoked_for);
	else if (v->revoked_at)
		run_say(r, "%s: version %lld (serial %s) is revoked (%s)", v->certificate,
			(long long)v->number, v->serial, v->revoked_for);
}

void
tell_revoked(struct run *r, const struct revocation *v)
{
	bool due = false;

	run_array(r, "certificates");
	for (size_t i = 0; i < v->items; i++) {
		const struct revoked *one = &v->item[i];
		tell_one(r, one);
		due = due || (one->live && (one->version.revoked_at ||
						   v->reason == REVOKE_KEY_COMPROMISE));
	}
	if (v->reason == REVOKE_KEY_COMPROMISE && v->items)
		run_say(r, "the key is refused for ever");
	if (due && v->reason == REVOKE_CESSATION_OF_OPERATION)
		run_say(r, "no other is got for it; take it out of the configuration");
	else if (due)
		run_say(r, "due now%s: 'keystay renew --due' gets another",
			v->reason == REVOKE_KEY_COMPROMISE && v->staged ? ", with a new key ready"
									: "");
}
