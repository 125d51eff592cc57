#include "capabilities.h"

#include <stdio.h>

#include "keystay/base/buf.h"
#include "keystay/token/roads.h"

static void
show_types(struct run *r, const char *where, const struct capabilities *c)
{
	AUTO(buf) struct buf text = BUF(1024);

	for (int i = 0; i < KEY_TYPES; i++)
		buf_addf(&text, "%s%s %s", i ? ", " : "", key_type_word((enum key_type)i),
			made_word(c->type[i]));
	run_finding(r, "ok", where, "", "keys: %s", buf_text(&text));
}

static void
show_family(struct run *r, const char *where, const struct capabilities *c, enum key_family family)
{
	static const char *const switches[] = {[SWITCH_WORKS] = "can be switched off",
		[SWITCH_IGNORED] = "signs though CKA_SIGN is false",
		[SWITCH_REFUSED] = "cannot be switched off"};
	const struct family_probe *f = &c->family[family];
	AUTO(buf) struct buf text = BUF(1024);
	struct key_name name = {.label = "the probe's key"};
	struct err why;

	if (!f->tried)
		return;
	for (int i = 0; i < EXTRAS; i++)
		if (f->facts.refused & 1u << i)
			buf_addf(&text, "%s%s", text.len ? ", " : "; refused: ",
				template_extra_word((enum template_extra)i));
	run_finding(r, "ok", where, "", "%s keys: %s%s", key_family_word(family), switches[f->off],
		buf_text(&text));
	if (f->road_signs == SAID_NO)
		run_finding(r, "warn", where,
			c->road == ROAD_PROVIDER
				? "write 'road: libp11' for the tokens of this module"
				: "",
			"signatures of %s keys by the road '%s' do not verify",
			key_family_word(family), road_word(c->road));
	if (f->stays == SAID_NO)
		run_finding(r, "warn", where,
			"whoever has the PIN can take keys out of this token, whatever their "
			"attributes say",
			"%s keys: %s", key_family_word(family), f->doubt);
	if (f->extractable == WEAKEN_WORKS || f->insensitive == WEAKEN_WORKS)
		run_finding(r, "warn", where,
			"whoever has the PIN can take keys out of this token, whatever their "
			"attributes say",
			"%s keys can be made %s after they were made", key_family_word(family),
			f->extractable == WEAKEN_WORKS ? "extractable" : "readable");
	else if (f->extractable == WEAKEN_PRETENDS || f->insensitive == WEAKEN_PRETENDS)
		run_finding(r, "ok", where, "",
			"%s keys: attributes can be changed afterwards, and mean nothing; the value stays",
			key_family_word(family));
	if (f->copy == WEAKEN_WORKS)
		run_finding(r, "ok", where, "", "%s keys can be copied within the token",
			key_family_word(family));
	if (key_judge(&f->facts, &name, &why) < 0)
		run_finding(r, "warn", where, "", "%s keys are not as asked: %s",
			key_family_word(family), why.text);
}

void
show_capabilities(struct run *r, const char *where, const struct capabilities *c)
{
	const struct module_identity *m = &c->module;

	run_report(r, "tokens", capabilities_json(c));
	run_finding(r, "ok", where, "", "module '%s' %s of %s (PKCS#11 %s), SHA-256 %.16s...; %s",
		m->description, m->version, m->manufacturer, m->cryptoki, m->library_sha256,
		token_class_word(c->class));
	run_finding(r, "ok", where, "", "signs by the road '%s'; %zu mechanisms",
		road_word(c->road), c->mechanism_count);
	show_types(r, where, c);
	show_family(r, where, c, FAMILY_EC);
	show_family(r, where, c, FAMILY_RSA);
	if (c->sees_others == SAID_YES)
		run_finding(r, "ok", where, "", "sees at once what other programs make");
	if (c->sees_others == SAID_NO)
		run_finding(r, "warn", where, "let the server's 'reload:' restart it",
			"a running program does not see keys that another one makes: servers must "
			"be restarted, not reloaded, for a new key");
	if (c->pin_flag[0])
		run_finding(r, "warn", where, "a wrong PIN was tried; do not try more of them",
			"the token says of its PIN: %s", c->pin_flag);
}
