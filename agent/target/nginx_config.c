#include "keystay/target/nginx_config.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "keystay/base/endpoint.h"

/* A configuration that includes itself in turns ends somewhere. */
#define DEPTH_MAX 24
#define WORDS_IN_ALL ((size_t)4 * 1024 * 1024)
#define WORD_TEXT 600
#define FILES_MAX 4096

/* One of the files that were printed. */
struct file {
	char *name;
	const char *text, *stop;
};

struct dump {
	struct file *file;
	size_t files;
	char folder[512]; /* of the first file: what relative paths begin at */
	size_t words;     /* read so far */
	size_t found;
	int (*each)(void *ctx, const struct nginx_certificate *c, struct err *e);
	void *ctx;
};

/* --- the files of a dump */

static const char heading[] = "# configuration file ";

/* The name in a line "# configuration file NAME:"; NULL for another line. The caller frees. */
static char *
name_in(const char *line, size_t len)
{
	size_t prefix = strlen(heading);

	if (len && line[len - 1] == '\r')
		len--;
	if (len <= prefix + 1 || len > prefix + 500 || memcmp(line, heading, prefix) != 0 ||
		line[len - 1] != ':' || memchr(line, '\0', len))
		return NULL;
	return strndup(line + prefix, len - prefix - 1);
}

static int
split(struct dump *d, const char *p, const char *stop, struct err *e)
{
	d->file = calloc(FILES_MAX, sizeof *d->file);
	if (!d->file)
		return err_set(e, ERR_FAILED, "no memory");
	while (p < stop) {
		const char *end = memchr(p, '\n', (size_t)(stop - p));
		size_t len = (size_t)((end ? end : stop) - p);
		char *name = name_in(p, len);
		if (name && d->files)
			d->file[d->files - 1].stop = p;
		p += len + (end != NULL);
		if (!name)
			continue;
		if (d->files == FILES_MAX) {
			free(name);
			return err_set(
				e, ERR_CONFIG, "more than %d files of a configuration", FILES_MAX);
		}
		d->file[d->files++] = (struct file){name, p, stop};
	}
	const char *slash = d->files ? strrchr(d->file[0].name, '/') : NULL;
	if (slash)
		snprintf(d->folder, sizeof d->folder, "%.*s", (int)(slash - d->file[0].name),
			d->file[0].name);
	return 0;
}

/* --- words */

struct reader {
	const struct file *file;
	const char *p;
	int line;
	int word_line; /* where the first word of the statement stands */
	char word[NGINX_WORDS_MAX][WORD_TEXT];
	size_t words;
};

static void
skip_blank(struct reader *r)
{
	bool comment = false;

	for (; r->p < r->file->stop; r->p++) {
		if (*r->p == '\n') {
			r->line++;
			comment = false;
		} else if (*r->p == '#') {
			comment = true;
		} else if (!comment && !strchr(" \t\r", *r->p)) {
			return;
		}
	}
}

/* A word, quoted or not; what does not fit is cut, which the caller sees by its length. */
static void
read_word(struct reader *r)
{
	char *word = r->words < NGINX_WORDS_MAX ? r->word[r->words] : NULL;
	char quote = *r->p == '"' || *r->p == '\'' ? *r->p : '\0';
	size_t n = 0;

	if (quote)
		r->p++;
	for (; r->p < r->file->stop; r->p++) {
		if (quote ? *r->p == quote : strchr(" \t\r\n;{}", *r->p) != NULL && *r->p) {
			/* "${name}" is one word. */
			bool variable = !quote && n && word && (*r->p == '{' || *r->p == '}') &&
					memchr(word, '$', n) &&
					(word[n - 1] == '$' || *r->p == '}');
			if (!variable)
				break;
		}
		if (*r->p == '\\' && r->p + 1 < r->file->stop)
			r->p++;
		r->line += *r->p == '\n';
		if (word && n < WORD_TEXT - 1)
			word[n++] = *r->p;
	}
	if (quote && r->p < r->file->stop)
		r->p++;
	if (word) {
		word[n] = '\0';
		r->words++;
	}
}

/* The words up to ';', '{' or '}', which is the answer; '\0' at the end of the file. */
static char
read_statement(struct reader *r, struct dump *d)
{
	r->words = 0;
	for (;;) {
		skip_blank(r);
		if (r->p == r->file->stop || d->words > WORDS_IN_ALL)
			return '\0';
		if (r->words == 0)
			r->word_line = r->line;
		if (strchr(";{}", *r->p) && *r->p)
			return *r->p++;
		d->words++;
		const char *before = r->p;
		read_word(r);
		/* A byte that is neither is passed over. */
		if (r->p == before)
			r->p++;
	}
}

/* --- what a server has */

struct scope {
	struct scope *outer;
	bool server;
	bool ssl_on; /* the old `ssl on;` */
	struct nginx_certificate *item;
	size_t items;
	struct list names, listens, plain; /* addresses: with ssl, and without */
};

static void
scope_free(struct scope *s)
{
	free(s->item);
	list_free(&s->names);
	list_free(&s->listens);
	list_free(&s->plain);
}

/* "443", "*:443", "[::]:443", "192.0.2.1:443": where a client of this machine reaches it. */
static bool
endpoint_of(const char *listen, char endpoint[300])
{
	char host[ENDPOINT_HOST], port[ENDPOINT_PORT];
	int64_t number;

	if (text_starts(listen, "unix:"))
		return false;
	if (number_parse(listen, 1, 65535, &number)) {
		snprintf(endpoint, 300, "127.0.0.1:%s", listen);
		return true;
	}
	snprintf(endpoint, 300, "%.280s", listen);
	if (!endpoint_split(endpoint, host, port)) {
		/* Without a port it is 80. */
		snprintf(endpoint, 300, "%.280s:80", listen);
		if (!endpoint_split(endpoint, host, port))
			return false;
	}
	if (text_same(host, "*") || text_same(host, "0.0.0.0"))
		snprintf(endpoint, 300, "127.0.0.1:%s", port);
	else if (text_same(host, "::"))
		snprintf(endpoint, 300, "[::1]:%s", port);
	return true;
}

static int
take_listen(struct scope *s, const struct reader *r, struct err *e)
{
	char endpoint[300];
	bool ssl = false;

	for (size_t i = 2; i < r->words; i++)
		ssl = ssl || text_same(r->word[i], "ssl");
	if (r->words < 2 || !endpoint_of(r->word[1], endpoint))
		return 0;
	struct list *to = ssl ? &s->listens : &s->plain;
	return list_has(to, endpoint) || list_add(to, endpoint)
		       ? 0
		       : err_set(e, ERR_FAILED, "no memory");
}

static int
take_certificate(struct dump *d, struct scope *s, const struct reader *r, struct err *e)
{
	if (r->words < 2)
		return 0;
	if (++d->found > NGINX_CERTIFICATES_MAX)
		return err_set(e, ERR_CONFIG, "more than %d certificates in a configuration",
			NGINX_CERTIFICATES_MAX);
	struct nginx_certificate *more = realloc(s->item, (s->items + 1) * sizeof *more);
	if (!more)
		return err_set(e, ERR_FAILED, "no memory");
	s->item = more;
	struct nginx_certificate *c = &s->item[s->items];
	*c = (struct nginx_certificate){.variable = strchr(r->word[1], '$') != NULL};
	bool plain = *r->word[1] == '/' || strchr(r->word[1], ':') || c->variable || !*d->folder;
	int n = snprintf(c->path, sizeof c->path, "%s%s%s", plain ? "" : d->folder,
		plain ? "" : "/", r->word[1]);
	/* A path that is cut is another path. */
	if (n >= (int)sizeof c->path)
		return 0;
	snprintf(c->config, sizeof c->config, "%s:%d", r->file->name, r->word_line);
	s->items++;
	return 0;
}

static int
take_names(struct scope *s, const struct reader *r, struct err *e)
{
	for (size_t i = 1; i < r->words; i++)
		if (!list_has(&s->names, r->word[i]) && !list_add(&s->names, r->word[i]))
			return err_set(e, ERR_FAILED, "no memory");
	return 0;
}

static int
take_statement(struct dump *d, struct scope *s, const struct reader *r, struct err *e)
{
	const char *word = r->word[0];

	if (text_same(word, "ssl_certificate"))
		return take_certificate(d, s, r, e);
	if (text_same(word, "ssl") && r->words > 1)
		s->ssl_on = text_same(r->word[1], "on");
	if (!s->server)
		return 0;
	if (text_same(word, "listen"))
		return take_listen(s, r, e);
	return text_same(word, "server_name") ? take_names(s, r, e) : 0;
}

/* The certificates of a server: its own, else those of the level above. */
static int
end_server(struct dump *d, const struct scope *s, struct err *e)
{
	const struct scope *from = s;

	while (from->items == 0 && from->outer)
		from = from->outer;
	const struct list *listens = s->listens.count || !s->ssl_on ? &s->listens : &s->plain;
	if (from != s && listens->count == 0)
		return 0;
	for (size_t i = 0; i < from->items; i++) {
		struct nginx_certificate c = from->item[i];
		/* Borrowed for the call. */
		c.endpoints = *listens;
		c.names = s->names;
		if (d->each(d->ctx, &c, e) < 0)
			return -1;
	}
	return 0;
}

/* --- blocks and files */

static int read_file(
	struct dump *d, const struct file *f, struct scope *s, int depth, struct err *e);

static int
read_include(struct dump *d, const struct reader *r, struct scope *s, int depth, struct err *e)
{
	char pattern[1200];

	if (r->words < 2)
		return 0;
	snprintf(pattern, sizeof pattern, "%s%s%s", *r->word[1] == '/' ? "" : d->folder,
		*r->word[1] == '/' ? "" : "/", r->word[1]);
	for (size_t i = 0; i < d->files; i++) {
		d->words++;
		if (fnmatch(pattern, d->file[i].name, FNM_PATHNAME) == 0 &&
			read_file(d, &d->file[i], s, depth + 1, e) < 0)
			return -1;
	}
	return 0;
}

static int read_block(struct dump *d, struct reader *r, struct scope *s, int depth, struct err *e);

/* Everything deeper than a server is none of ours; its braces are counted all the same. */
static int
read_inner(struct dump *d, struct reader *r, struct scope *s, int depth, struct err *e)
{
	struct scope inner = {.outer = s};

	inner.server = r->words == 1 && text_same(r->word[0], "server");
	int rc = read_block(d, r, &inner, depth + 1, e);
	if (rc == 0 && inner.server)
		rc = end_server(d, &inner, e);
	scope_free(&inner);
	return rc;
}

static int
read_block(struct dump *d, struct reader *r, struct scope *s, int depth, struct err *e)
{
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_CONFIG,
			"the configuration of nginx goes deeper than %d levels", DEPTH_MAX);
	for (;;) {
		char end = read_statement(r, d);
		if (end == '\0' || end == '}')
			return 0;
		if (r->words == 0 && end == ';')
			continue;
		int rc = end == '{'                         ? read_inner(d, r, s, depth, e)
			 : text_same(r->word[0], "include") ? read_include(d, r, s, depth, e)
							    : take_statement(d, s, r, e);
		if (rc < 0)
			return -1;
	}
}

static int
read_file(struct dump *d, const struct file *f, struct scope *s, int depth, struct err *e)
{
	struct reader *r = malloc(sizeof *r);
	int rc = 0;

	if (!r)
		return err_set(e, ERR_FAILED, "no memory");
	r->file = f;
	r->p = f->text;
	r->line = 1;
	r->words = 0;
	/* A '}' too many ends nothing but itself. */
	while (rc == 0 && r->p < f->stop && d->words <= WORDS_IN_ALL)
		rc = read_block(d, r, s, depth, e);
	free(r);
	return rc;
}

int
nginx_config_read(const char *text, size_t len,
	int (*each)(void *ctx, const struct nginx_certificate *c, struct err *e), void *ctx,
	struct err *e)
{
	struct dump d = {.each = each, .ctx = ctx};
	struct scope top = {.outer = NULL};

	if (len > NGINX_CONFIG_MAX)
		return err_set(e, ERR_CONFIG, "the configuration of nginx is larger than %zu bytes",
			NGINX_CONFIG_MAX);
	int rc = split(&d, text, text + len, e);
	if (rc == 0 && d.files)
		rc = read_file(&d, &d.file[0], &top, 0, e);
	if (rc == 0 && d.words > WORDS_IN_ALL)
		rc = err_set(e, ERR_CONFIG, "the configuration of nginx has more than %zu words",
			WORDS_IN_ALL);
	for (size_t i = 0; i < d.files; i++)
		free(d.file[i].name);
	free(d.file);
	scope_free(&top);
	return rc;
}
