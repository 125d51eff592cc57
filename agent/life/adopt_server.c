/* What the web server of this machine serves, by its own configuration. */
#include <stdio.h>
#include <string.h>

#include "keystay/target/nginx_config.h"
#include "adopt.h"

/* nginx looks up every name that it proxies to before it prints. */
#define PRINT_LIMIT_MS 60000

struct serving {
	const struct config *config;
	const struct services *services;
	struct adoption *a;
	size_t first; /* of its items in the adoption */
	struct list seen;
};

/* "STATE/live/NAME/..." is what keystay itself put there. */
static bool
is_own(const struct config *c, const char *path)
{
	char folder[4096];

	snprintf(folder, sizeof folder, "%s/live/", c->state);
	if (text_starts(path, folder))
		return true;
	snprintf(folder, sizeof folder, "%s/versions/", c->state);
	return text_starts(path, folder);
}

static int
add_endpoints(struct watched_row *w, const struct list *endpoints, struct err *e)
{
	for (size_t i = 0; i < endpoints->count; i++)
		if (!list_has(&w->endpoints, endpoints->item[i]) &&
			!list_add(&w->endpoints, endpoints->item[i]))
			return err_set(e, ERR_FAILED, "no memory");
	return 0;
}

/* The row of a file that another server named before. */
static struct adopted_row *
find_row(const struct serving *s, const char *path)
{
	for (size_t i = s->first; i < s->a->items; i++)
		if (text_same(s->a->item[i].row.place, path))
			return &s->a->item[i];
	return NULL;
}

static int
take_file(struct serving *s, const struct nginx_certificate *c, struct err *e)
{
	size_t before = s->a->items;
	struct err why;

	if (adopt_file(c->path, s->services, s->a, &why) < 0) {
		/* Half a row is none; the rest of the server is looked at all the same. */
		if (s->a->items > before)
			watched_free(&s->a->item[--s->a->items].row);
		return adoption_tell(s->a, e, "left out: %s, named at %s", why.text, c->config);
	}
	struct watched_row *w = &s->a->item[s->a->items - 1].row;
	text_copy(w->config, sizeof w->config, c->config);
	return add_endpoints(w, &c->endpoints, e);
}

static int
take_certificate(void *ctx, const struct nginx_certificate *c, struct err *e)
{
	struct serving *s = ctx;
	struct adopted_row *item = find_row(s, c->path);

	if (item)
		return add_endpoints(&item->row, &c->endpoints, e);
	if (list_has(&s->seen, c->path))
		return 0;
	if (!list_add(&s->seen, c->path))
		return err_set(e, ERR_FAILED, "no memory");
	if (c->variable)
		return adoption_tell(s->a, e, "left out: '%s' depends on a variable, named at %s",
			c->path, c->config);
	if (*c->path != '/')
		return adoption_tell(
			s->a, e, "left out: '%s' is no file, named at %s", c->path, c->config);
	if (is_own(s->config, c->path))
		return adoption_tell(s->a, e, "left out: '%s' is keystay's own, named at %s",
			c->path, c->config);
	return take_file(s, c, e);
}

int
adopt_server(const struct config *c, const struct services *s, const char *binary, const char *conf,
	struct adoption *a, struct err *e)
{
	struct serving serving = {.config = c, .services = s, .a = a, .first = a->items};
	AUTO(buf) struct buf output = BUF(NGINX_CONFIG_MAX);
	char *argv[] = {
		(char *)binary, (char *)"-T", conf ? (char *)"-c" : NULL, (char *)conf, NULL};
	const struct child child = {
		.argv = argv, .time_limit_ms = PRINT_LIMIT_MS, .output = &output};

	if (s->run(s->ctx, &child, e) < 0)
		return err_hint(e,
			"'%s -T' must work; keys in a token need OPENSSL_CONF set as "
			"nginx has it",
			binary);
	/* The child's words are cut at the ceiling. */
	if (output.len == output.ceiling)
		return err_set(e, ERR_CONFIG, "'%s -T' prints more than %zu bytes", binary,
			NGINX_CONFIG_MAX);
	int rc = nginx_config_read(buf_text(&output), output.len, take_certificate, &serving, e);
	list_free(&serving.seen);
	return rc;
}
