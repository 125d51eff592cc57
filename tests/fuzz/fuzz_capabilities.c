/* What the database keeps of a token's capabilities (token/capabilities.h). */
#include "fuzz.h"
#include "keystay/token/capabilities.h"
#include "keystay/token/roads.h"
#include "keystay/token/template.h"

static void
check_family(const struct family_probe *f)
{
	MUST(f->off <= SWITCH_REFUSED && f->road_signs <= SAID_YES && f->stays <= SAID_YES);
	MUST(memchr(f->doubt, '\0', sizeof f->doubt));
	MUST((f->facts.refused & ~EXTRAS_ALL) == 0);
	/* What was not tried promises nothing. */
	MUST(f->tried || (!f->facts.refused && !f->value_with_private && !f->doubt[0]));
}

static void
check(const struct capabilities *c)
{
	MUST(c->road < ROADS && road_word(c->road));
	MUST(c->class <= CLASS_HSM_CLAIMED && token_class_word(c->class));
	MUST((c->mechanisms & ~((1u << MECHANISMS) - 1)) == 0);
	MUST(c->sees_others <= SAID_YES);
	MUST(memchr(c->module.path, '\0', sizeof c->module.path));
	MUST(memchr(c->token.label, '\0', sizeof c->token.label));
	MUST(memchr(c->pin_flag, '\0', sizeof c->pin_flag));
	for (int i = 0; i < KEY_TYPES; i++) {
		MUST(c->type[i] <= MADE_NO && made_word(c->type[i]));
		MUST(memchr(c->why_not[i], '\0', sizeof c->why_not[i]));
	}
	for (int i = 0; i < KEY_FAMILIES; i++)
		check_family(&c->family[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(char) char *text = fuzz_bytes(data, size);
	AUTO(json_t) json_t *json = NULL, *kept = NULL, *again = NULL;
	struct capabilities c, back;
	struct err e = {0};

	if (json_read(text, size, &json, &e) < 0)
		return 0;
	if (capabilities_read(json, &c, &e) < 0) {
		MUST(e.kind == ERR_FAILED && e.text[0]);
		return 0;
	}
	check(&c);
	/* What was read can be kept, and is then read as the same. */
	kept = capabilities_json(&c);
	MUST(kept && capabilities_read(kept, &back, &e) == 0);
	check(&back);
	again = capabilities_json(&back);
	MUST(again && json_equal(kept, again));
	return 0;
}
