#include "commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "keystay/base/file.h"
#include "keystay/life/by_hand.h"
#include "keystay/x509/certs_only.h"
#include "living.h"
#include "renewing.h"

/* One for each key type, and one more for a chain that comes apart. */
#define FILES_MAX 8

struct request {
	const char *name;
	const char *file[FILES_MAX];
	size_t files;
	struct list waive;
	const char *reason;
	struct buf text[FILES_MAX];
};

/* --- what was brought, read before root becomes the owner of the state folder */

static int
read_input(struct buf *ret, struct err *e)
{
	char part[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof part)) > 0)
		buf_add(ret, part, (size_t)n);
	if (n < 0)
		return err_errno(e, ERR_FAILED, errno, "cannot read standard input");
	return ret->full ? err_set(e, ERR_AUTHORITY, "standard input is larger than %zu bytes",
				   ret->ceiling)
			 : 0;
}

static int
read_files(struct request *q, struct err *e)
{
	for (size_t i = 0; i < q->files; i++) {
		q->text[i] = (struct buf)BUF(CERTS_ONLY_MAX);
		if (text_same(q->file[i], "-") ? read_input(&q->text[i], e) < 0
					       : file_read(q->file[i], &q->text[i], e) < 0)
			return -1;
	}
	return 0;
}

/* --- taking it */

static int
finish(struct run *r, struct life *l, const struct certificate_conf *c,
	const struct hand_taken *taken, int *ret_status, struct err *e)
{
	*ret_status = EXIT_DONE;
	if (taken->outcome == HAND_THERE) {
		run_report(r, "certificates",
			json_pack("{s:s, s:s}", "name", c->name, "result", "nothing to do"));
		run_say(r, "%s: nothing to do; this certificate is in place", c->name);
		return 0;
	}
	if (taken->outcome == HAND_WAITS)
		run_say(r, "%s: taken; the certificate for the key %s is still missing", c->name,
			taken->missing);
	if (life_go(l, WAIT_DEFAULT, e) < 0)
		return -1;
	*ret_status = show_result(r, life_result_at(l, 0));
	return 0;
}

static int
import(struct run *r, struct request *q, int *ret_status, struct err *e)
{
	struct hand_answer answer[FILES_MAX];
	const struct hand_import in = {
		.answer = answer, .answers = q->files, .waive = &q->waive, .reason = q->reason};
	const struct certificate_conf *c;
	struct hand_taken taken;
	struct life *l;

	if (run_need_config(r, e) < 0 || read_files(q, e) < 0)
		return -1;
	if (!(c = config_certificate(r->config, q->name)))
		return run_no_certificate(r, q->name, e);
	for (size_t i = 0; i < q->files; i++)
		answer[i] = (struct hand_answer){
			text_same(q->file[i], "-") ? "standard input" : q->file[i],
			buf_text(&q->text[i]), q->text[i].len};
	if (run_open_life(r, "import", &l, e) < 0)
		return -1;
	int rc = life_import(l, c, &in, &taken, e);
	if (rc == 0)
		rc = finish(r, l, c, &taken, ret_status, e);
	life_close(l);
	return rc;
}

static int
read_arguments(struct run *r, struct request *q, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		bool option = argv[i][0] == '-' && argv[i][1];
		if (text_same(argv[i], "--waive") && i + 1 < argc) {
			if (!hand_waivable(argv[++i]))
				return run_usage(r, &command_import, "--waive is one of %s",
					hand_waivable_words());
			if (!list_add(&q->waive, argv[i]))
				return EXIT_FAILED;
		} else if (text_same(argv[i], "--reason") && i + 1 < argc)
			q->reason = argv[++i];
		else if (option)
			return run_unknown(r, &command_import, argv[i]);
		else if (!q->name)
			q->name = argv[i];
		else if (q->files < FILES_MAX)
			q->file[q->files++] = argv[i];
		else
			return run_usage(r, &command_import, "more than %d files", FILES_MAX);
	}
	if (!q->name || q->files == 0)
		return run_usage(r, &command_import, "which certificate, from which file?");
	if (q->waive.count && (!q->reason || !*q->reason))
		return run_usage(r, &command_import,
			"what is waived is journaled with a reason: --reason TEXT");
	return EXIT_DONE;
}

static int
main_import(struct run *r, int argc, char **argv)
{
	struct request q = {.files = 0};
	struct err e;

	int status = read_arguments(r, &q, argc, argv);
	if (status == EXIT_DONE && import(r, &q, &status, &e) < 0)
		status = run_fail(r, &e);
	for (size_t i = 0; i < q.files; i++)
		buf_free(&q.text[i]);
	list_free(&q.waive);
	return status;
}

static const struct command_option options[] = {
	{"--waive", "WORD",
		"accept other names, subject, lifetime or chain, or a broken rule, once"},
	{"--reason", "TEXT", "why; journaled with what is waived"},
	{0},
};

const struct command command_import = {
	.name = "import",
	.group = COMMANDS_DAILY,
	.synopsis = "NAME FILE... [--waive WORD --reason TEXT]",
	.summary = "bring a CA's answer back: verify it, install it, prove that it is served",
	.options = options,
	.example = "keystay import uc uc.p7b",
	.main = main_import,
};
