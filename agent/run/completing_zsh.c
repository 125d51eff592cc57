/* Specifications for zsh's own _arguments; see zshcompsys(1). */
#include <stdio.h>
#include <string.h>

#include "completing.h"
#include "keystay/base/text.h"
#include "takes.h"

static const char head[] = "#compdef keystay\n"
			   "# zsh completion for keystay, made by 'keystay completion zsh'\n"
			   "\n"
			   "# KIND: names that the configuration has.\n"
			   "_keystay_names() {\n"
			   "\tlocal config=${(Q)opt_args[--config]:-$keystay_config}\n"
			   "\tlocal -a arguments names\n"
			   "\t[[ -z $config ]] || arguments=(--config ${~config})\n"
			   "\tnames=(${(f)\"$(${~keystay_program} $arguments completion --names $1 "
			   "2>/dev/null </dev/null)\"})\n"
			   "\tcompadd -a names\n"
			   "}\n"
			   "\n"
			   "_keystay_source() {\n"
			   "\tif compset -P file:; then\n"
			   "\t\t_files\n"
			   "\telse\n"
			   "\t\tcompadd -S '' file: credential:\n"
			   "\t\tcompadd prompt\n"
			   "\tfi\n"
			   "}\n";

/* In single quotes, as the text of a specification in brackets. */
static void
add_text(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addf(out, "%s%c", strchr("[]:\\", *text) ? "\\" : "", *text);
	}
}

static void
add_action(enum takes takes, const char *value, struct buf *out)
{
	switch (takes) {
	case TAKES_WORDS:
		buf_adds(out, "(");
		for (; *value; value++)
			buf_addf(out, "%c", *value == '|' ? ' ' : *value);
		buf_adds(out, ")");
		break;
	case TAKES_FILE:
		buf_adds(out, "_files");
		break;
	case TAKES_SOURCE:
		buf_adds(out, "_keystay_source");
		break;
	case TAKES_CERTIFICATE:
	case TAKES_AUTHORITY:
	case TAKES_TOKEN:
	case TAKES_POLICY:
		/* A blank before it: zsh adds no arguments of its own then. */
		buf_addf(out, " _keystay_names %s", takes_word(takes));
		break;
	case TAKES_ANYTHING:
	case TAKES:
		buf_adds(out, " ");
		break;
	}
}

static void
add_options(const struct command_option *o, const char *before, struct buf *out)
{
	for (; o && o->word; o++) {
		buf_addf(out, "%s'%s[", before, o->word);
		add_text(o->text, out);
		buf_adds(out, "]");
		if (o->value) {
			enum takes takes = takes_of(o->value);
			buf_adds(out, ":");
			add_text(takes == TAKES_WORDS ? "word" : o->value, out);
			buf_adds(out, ":");
			add_action(takes, o->value, out);
		}
		buf_adds(out, "'");
	}
}

static void
add_described(const char *word, const char *text, const char *before, struct buf *out)
{
	buf_addf(out, "%s'%s:", before, word);
	add_text(text, out);
	buf_adds(out, "'");
}

static void
add_places(const char *usage, const struct command_option *options, size_t from, const char *before,
	struct buf *out)
{
	struct places p;

	takes_places(usage, options, &p);
	for (size_t i = 0; i < p.count; i++) {
		if (p.more && i + 1 == p.count)
			buf_addf(out, "%s'*: :", before);
		else
			buf_addf(out, "%s'%zu: :", before, i + from);
		add_action(p.place[i], "", out);
		buf_adds(out, "'");
	}
}

/* The verb is a command of its own, as far as zsh is concerned. */
static void
add_verbs(const struct command *c, struct buf *out)
{
	buf_adds(out, "\t\t_arguments -C -A '-*' $common");
	add_options(c->options, " \\\n\t\t\t", out);
	buf_adds(out, " \\\n\t\t\t'1: :->verb' '*:: :->arguments' && return\n"
		      "\t\tkeystay_config=${(Q)opt_args[--config]:-$keystay_config}\n"
		      "\t\tcase $state in\n"
		      "\t\tverb)\n"
		      "\t\t\tverbs=(");
	for (const struct command_verb *v = c->verbs; v->word; v++)
		add_described(v->word, v->text, "\n\t\t\t\t", out);
	buf_adds(out, "\n\t\t\t)\n"
		      "\t\t\t_describe action verbs ;;\n"
		      "\t\targuments)\n"
		      "\t\t\tcase $words[1] in\n");
	for (const struct command_verb *v = c->verbs; v->word; v++) {
		buf_addf(out, "\t\t\t%s)\n\t\t\t\t_arguments $common", v->word);
		add_options(c->options, " \\\n\t\t\t\t\t", out);
		add_places(v->arguments, c->options, 1, " \\\n\t\t\t\t\t", out);
		buf_adds(out, " ;;\n");
	}
	buf_adds(out, "\t\t\tesac ;;\n"
		      "\t\tesac ;;\n");
}

static void
add_command(const struct command *c, struct buf *out)
{
	buf_addf(out, "\t%s)\n", c->name);
	if (c->verbs) {
		add_verbs(c, out);
		return;
	}
	buf_adds(out, "\t\t_arguments $common");
	add_options(c->options, " \\\n\t\t\t", out);
	add_places(c->synopsis, c->options, 1, " \\\n\t\t\t", out);
	buf_adds(out, " ;;\n");
}

void
complete_zsh(const struct command *const *commands, struct buf *out)
{
	buf_adds(out, head);
	buf_adds(out, "\n_keystay() {\n"
		      "\tlocal curcontext=$curcontext state line\n"
		      "\tlocal keystay_program=${(Q)words[1]} keystay_config=\n"
		      "\tlocal -A opt_args\n"
		      "\tlocal -a common commands verbs\n"
		      "\tcommon=(");
	add_options(common_options, "\n\t\t", out);
	buf_adds(out, "\n\t)\n\tcommands=(");
	for (size_t i = 0; commands[i]; i++)
		add_described(commands[i]->name, commands[i]->summary, "\n\t\t", out);
	add_described("help", "what a command takes", "\n\t\t", out);
	buf_adds(out,
		"\n\t)\n"
		"\t_arguments -C -A '-*' $common '1: :->command' '*:: :->arguments' && return\n"
		"\tkeystay_config=${(Q)opt_args[--config]}\n"
		"\tif [[ $state = command ]]; then\n"
		"\t\t_describe command commands\n"
		"\t\treturn\n"
		"\tfi\n"
		"\tcase $words[1] in\n");
	for (size_t i = 0; commands[i]; i++)
		add_command(commands[i], out);
	buf_adds(out, "\thelp)\n"
		      "\t\t_describe command commands ;;\n"
		      "\tesac\n"
		      "}\n"
		      "\n"
		      "# Loaded by its name from $fpath, or sourced.\n"
		      "if [[ $funcstack[1] = _keystay ]]; then\n"
		      "\t_keystay \"$@\"\n"
		      "else\n"
		      "\tcompdef _keystay keystay\n"
		      "fi\n");
}
