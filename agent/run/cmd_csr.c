#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystay/life/by_hand.h"
#include "keystay/x509/names.h"
#include "living.h"
#include "renewing.h"

struct request {
	const char *name;
	const char *out; /* NULL = standard output */
	enum key_mode key;
};

/* --- for the person who carries it */

static void
tell_subject(FILE *to, const struct subject *s)
{
	const struct {
		const char *word, *value;
	} fields[] = {{"O", s->organization}, {"OU", s->unit}, {"L", s->locality}, {"ST", s->state},
		{"C", s->country}, {"serialNumber", s->serial_number}, {"CN", s->common_name}};
	bool any = false;

	fprintf(to, "subject      ");
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].value) {
			fprintf(to, "%s%s=%s", any ? ", " : "", fields[i].word, fields[i].value);
			any = true;
		}
	fprintf(to, "%s\n", any ? "" : "none");
}

static void
tell_names(FILE *to, const struct list *names)
{
	for (size_t i = 0; i < names->count; i++) {
		enum name_kind kind = name_kind(names->item[i]);
		if (i == 0)
			fprintf(to, "names %-6zu ", names->count);
		else
			fprintf(to, "%13s", "");
		fprintf(to, "%s%s%s%s\n", names->item[i], kind == NAME_DNS ? "" : " (",
			kind == NAME_DNS ? "" : name_kind_word(kind), kind == NAME_DNS ? "" : ")");
	}
}

static void
tell(struct run *r, const struct certificate_conf *c, const struct hand_requests *all,
	const struct request *q)
{
	FILE *to = q->out ? stdout : stderr;
	char at[WHEN_TEXT];

	if (r->quiet || r->json)
		return;
	fprintf(to, "certificate  %s%s%s\n", c->name, c->owner && *c->owner ? ", owner " : "",
		c->owner ? c->owner : "");
	fprintf(to, "authority    %s%s%s\n", all->authority->name, all->authority->url ? ": " : "",
		all->authority->url ? all->authority->url : "");
	for (size_t i = 0; i < all->parts; i++) {
		const struct key_row *k = &all->part[i].key;
		fprintf(to, "key          %s in token '%s', made %s\n", k->type, k->token,
			when_format(k->created_at, at));
		fprintf(to, "             SHA-256 of the public key %s\n", k->public_hash);
	}
	tell_subject(to, &c->subject);
	tell_names(to, &c->names);
	if (all->parts)
		fprintf(to, "%s %s\n", all->again ? "waits since " : "asked at    ",
			when_format(all->part[0].asked_at, at));
	fprintf(to, "next         %s%s%s to the portal; then 'keystay import %s FILE'\n",
		q->out ? "take '" : "take the request", q->out ? q->out : "", q->out ? "'" : "",
		c->name);
}

/* --- the request itself */

static void
report(struct run *r, const struct certificate_conf *c, const struct hand_requests *all)
{
	for (size_t i = 0; i < all->parts; i++)
		run_report(r, "requests",
			json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:s}", "certificate", c->name,
				"authority", all->authority->name, "key_type",
				all->part[i].key.type, "public_key_sha256",
				all->part[i].key.public_hash, "asked_at",
				json_when(all->part[i].asked_at), "again", all->again, "csr",
				all->part[i].csr));
}

/*
 * The first into FILE, those of other key types into FILE.TYPE: a portal takes one at a time. They
 * are opened while root is still root: where they go, the owner of the state folder may not write.
 */
struct output {
	char path[4200];
	int fd;
	bool fresh; /* it was not there before */
};

struct outputs {
	struct output item[PARTS_MAX];
	size_t items;
};

static int
open_outputs(const struct certificate_conf *c, const char *out, struct outputs *ret, struct err *e)
{
	for (size_t i = 0; out && i < c->keys; i++) {
		struct output *o = &ret->item[ret->items];
		snprintf(o->path, sizeof o->path, "%s%s%s", out, i ? "." : "",
			i ? key_type_word(c->key[i]) : "");
		o->fresh = access(o->path, F_OK) < 0;
		o->fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (o->fd < 0)
			return err_errno(e, ERR_FAILED, errno, "cannot write '%s'", o->path);
		ret->items++;
	}
	return 0;
}

/* What stays empty is not left behind. */
static void
close_outputs(struct outputs *all)
{
	struct stat st;

	for (size_t i = 0; i < all->items; i++) {
		struct output *o = &all->item[i];
		if (o->fresh && fstat(o->fd, &st) == 0 && st.st_size == 0)
			(void)unlink(o->path);
		close(o->fd);
	}
	all->items = 0;
}

static int
write_one(const struct output *o, const char *csr, struct err *e)
{
	size_t len = strlen(csr);

	if (ftruncate(o->fd, 0) < 0 || pwrite(o->fd, csr, len, 0) != (ssize_t)len ||
		fsync(o->fd) < 0) {
		err_errno(e, ERR_FAILED, errno, "cannot write '%s'", o->path);
		return err_hint(e, "the request waits all the same: 'keystay csr' shows it again");
	}
	return 0;
}

/* Each into the file of its key type: of several, one may have its answer already. */
static int
write_files(const struct certificate_conf *c, const struct hand_requests *all,
	const struct outputs *out, struct err *e)
{
	for (size_t i = 0; i < out->items; i++)
		for (size_t k = 0; k < all->parts; k++)
			if (text_same(all->part[k].key.type, key_type_word(c->key[i])) &&
				write_one(&out->item[i], all->part[k].csr, e) < 0)
				return -1;
	return 0;
}

static int
show(struct run *r, const struct certificate_conf *c, const struct request *q,
	const struct hand_requests *all, const struct outputs *out, struct err *e)
{
	report(r, c, all);
	if (write_files(c, all, out, e) < 0)
		return -1;
	for (size_t i = 0; !q->out && !r->json && i < all->parts; i++)
		fputs(all->part[i].csr, stdout);
	fflush(stdout);
	tell(r, c, all, q);
	return 0;
}

/* One that waits is given up for another key only by somebody who knows. */
static int
confirm(struct run *r, struct life *l, const struct request *q, struct err *e)
{
	char since[WHEN_TEXT];
	when_t waits;

	if (q->key == KEY_AUTO)
		return 0;
	if (hand_waiting(life_db(l), r->config, q->name, &waits, e) < 0)
		return -1;
	return waits ? run_confirm(r, e,
			       "the request of '%s' that waits since %s is for the key that was "
			       "chosen then; with '--key' it may be given up, and an answer to it "
			       "would be refused",
			       q->name, when_format(waits, since))
		     : 0;
}

static int
request(struct run *r, const struct certificate_conf *c, const struct request *q,
	const struct outputs *out, struct err *e)
{
	AUTO(hand_requests) struct hand_requests all = {.parts = 0};
	struct life *l;

	if (run_open_life(r, "csr", &l, e) < 0)
		return -1;
	int rc = confirm(r, l, q, e);
	if (rc == 0)
		rc = life_request(l, c, q->key, &all, e);
	life_close(l);
	return rc < 0 ? -1 : show(r, c, q, &all, out, e);
}

static int
make_request(struct run *r, const struct request *q, struct err *e)
{
	const struct certificate_conf *c;
	struct outputs out = {.items = 0};

	if (run_need_config(r, e) < 0)
		return -1;
	if (!(c = config_certificate(r->config, q->name)))
		return run_no_certificate(r, q->name, e);
	int rc = open_outputs(c, q->out, &out, e);
	if (rc == 0)
		rc = request(r, c, q, &out, e);
	close_outputs(&out);
	return rc;
}

static int
main_csr(struct run *r, int argc, char **argv)
{
	struct request q = {.key = KEY_AUTO};
	struct err e;

	for (int i = 0; i < argc; i++) {
		if (text_same(argv[i], "--out") && i + 1 < argc)
			q.out = argv[++i];
		else if (text_same(argv[i], "--key") && i + 1 < argc) {
			if (!key_mode_of(argv[++i], &q.key))
				return run_no_value(r, &command_csr, "--key", argv[i]);
		} else if (argv[i][0] == '-' || q.name)
			return run_unknown(r, &command_csr, argv[i]);
		else
			q.name = argv[i];
	}
	if (!q.name)
		return run_usage(r, &command_csr, "which certificate?");
	return make_request(r, &q, &e) < 0 ? run_fail(r, &e) : EXIT_DONE;
}

static const struct command_option options[] = {
	{"--out", "FILE", "write the request there, not to standard output"},
	{"--key", "new|same|auto", "which key; auto: what the policy says"},
	{0},
};

const struct command command_csr = {
	.name = "csr",
	.group = COMMANDS_DAILY,
	.synopsis = "NAME [--out FILE] [--key new|same|auto]",
	.summary = "make (or show again) the request that a person takes to a CA's portal",
	.options = options,
	.example = "keystay csr uc --out uc.csr",
	.main = main_csr,
};
