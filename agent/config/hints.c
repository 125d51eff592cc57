#include "keystay/config/config.h"

#include "keystay/base/guess.h"

/* "the tokens are: web, agent"; there are few of them. */
static int
hint_names(struct guess *g, const char *what, const struct list *names, struct err *e)
{
	char all[300];

	for (size_t i = 0; i < names->count; i++)
		guess_try(g, names->item[i]);
	if (names->count == 0)
		return guess_hint(g, e, "there are no %s yet: write them under '%s:'", what, what);
	return guess_hint(g, e, "the %s are: %s", what, list_join(names, all, sizeof all));
}

int
hint_token(const struct config *c, const char *wrong, struct err *e)
{
	AUTO(list) struct list names = {0};
	struct guess g = {.wrong = wrong};

	for (size_t i = 0; i < c->tokens; i++)
		(void)list_add(&names, c->token[i].name);
	return hint_names(&g, "tokens", &names, e);
}

int
hint_authority(const struct config *c, const char *wrong, struct err *e)
{
	AUTO(list) struct list names = {0};
	struct guess g = {.wrong = wrong};

	for (size_t i = 0; i < c->authorities; i++)
		(void)list_add(&names, c->authority[i].name);
	return hint_names(&g, "authorities", &names, e);
}

int
hint_certificate(const struct config *c, const char *wrong, struct err *e)
{
	struct guess g = {.wrong = wrong};

	for (size_t i = 0; i < c->certificates; i++)
		guess_try(&g, c->certificate[i].name);
	return guess_hint(&g, e, "'keystay status' lists the certificates");
}

int
hint_policy(const struct config *c, const char *wrong, struct err *e)
{
	struct guess g = {.wrong = wrong};
	const struct policy *p;

	for (size_t i = 0; (p = policy_at(c->policies, i)); i++)
		guess_try(&g, p->name);
	return guess_hint(&g, e, "'keystay policy list' shows the policies");
}
