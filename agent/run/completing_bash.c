/* Functions of cases, and one that looks at the words before the cursor. */
#include <stdio.h>
#include <string.h>

#include "completing.h"
#include "keystay/base/text.h"
#include "takes.h"

static const char head[] =
	"# bash completion for keystay, made by 'keystay completion bash'\n"
	"\n"
	"# Names that the configuration has: of certificates, authorities, tokens or policies.\n"
	"_keystay_names() {\n"
	"\tlocal config=()\n"
	"\t[ -z \"$keystay_config\" ] || config=(--config \"${keystay_config/#\\~/$HOME}\")\n"
	"\t\"${keystay_program/#\\~/$HOME}\" \"${config[@]}\" completion --names \"$1\" "
	"2>/dev/null </dev/null\n"
	"}\n";

static const char tail[] =
	"\n"
	"# KIND [WORD...]: what may stand at the cursor, in COMPREPLY.\n"
	"_keystay_reply() {\n"
	"\tlocal kind=$1 IFS=$'\\n'\n"
	"\tshift\n"
	"\tcase $kind in\n"
	"\twords)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$keystay_word\") ;;\n"
	"\tfile)\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$keystay_word\") ;;\n"
	"\tsource)\n"
	"\t\tcase $keystay_word in\n"
	"\t\tfile:*)\n"
	"\t\t\tkeystay_word=${keystay_word#file:}\n"
	"\t\t\t_keystay_reply file ;;\n"
	"\t\t*)\n"
	"\t\t\tcompopt -o nospace 2>/dev/null\n"
	"\t\t\t_keystay_reply words file: credential: prompt ;;\n"
	"\t\tesac ;;\n"
	"\tcertificate | authority | token | policy)\n"
	"\t\t_keystay_reply words $(_keystay_names \"$kind\") ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_keystay() {\n"
	"\t# Not COMP_WORDS: there ':' and '=' are words of their own.\n"
	"\tlocal keystay_words keystay_word keystay_program keystay_config=\n"
	"\tlocal command= verb= option= i word places place=0\n"
	"\tread -ra keystay_words <<<\"${COMP_LINE:0:COMP_POINT}\"\n"
	"\tcase ${COMP_LINE:0:COMP_POINT} in *[[:space:]]) keystay_words+=(\"\") ;; esac\n"
	"\tCOMPREPLY=()\n"
	"\tkeystay_program=${keystay_words[0]}\n"
	"\tkeystay_word=${keystay_words[${#keystay_words[@]} - 1]}\n"
	"\tfor ((i = 1; i < ${#keystay_words[@]} - 1; i++)); do\n"
	"\t\tword=${keystay_words[i]}\n"
	"\t\tif [ -n \"$option\" ]; then\n"
	"\t\t\t[ \"$option\" != --config ] || keystay_config=$word\n"
	"\t\t\toption=\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\tcase $word in\n"
	"\t\t--config=*) keystay_config=${word#*=} ;;\n"
	"\t\t-*) [ -z \"$(_keystay_value \"$command\" \"$word\")\" ] || option=$word ;;\n"
	"\t\t*)\n"
	"\t\t\tif [ -z \"$command\" ]; then\n"
	"\t\t\t\tcommand=$word\n"
	"\t\t\telif [ -z \"$verb\" ] && [ -n \"$(_keystay_verbs \"$command\")\" ]; then\n"
	"\t\t\t\tverb=$word\n"
	"\t\t\telse\n"
	"\t\t\t\tplace=$((place + 1))\n"
	"\t\t\tfi ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase $keystay_word in\n"
	"\t--*=*)\n"
	"\t\toption=${keystay_word%%=*}\n"
	"\t\tkeystay_word=${keystay_word#*=} ;;\n"
	"\tesac\n"
	"\tif [ -n \"$option\" ]; then\n"
	"\t\t_keystay_reply $(_keystay_value \"$command\" \"$option\")\n"
	"\telif [ \"${keystay_word:0:1}\" = - ]; then\n"
	"\t\t_keystay_reply words $(_keystay_options \"$command\")\n"
	"\telif [ -z \"$command\" ]; then\n"
	"\t\t_keystay_reply words $(_keystay_commands)\n"
	"\telif [ -z \"$verb\" ] && [ -n \"$(_keystay_verbs \"$command\")\" ]; then\n"
	"\t\t_keystay_reply words $(_keystay_verbs \"$command\")\n"
	"\telse\n"
	"\t\tplaces=($(_keystay_places \"$command${verb:+ $verb}\"))\n"
	"\t\t# The last one may stand again.\n"
	"\t\tif [ $place -ge ${#places[@]} ] && [[ ${places[*]} = *... ]]; then\n"
	"\t\t\tplace=$((${#places[@]} - 1))\n"
	"\t\tfi\n"
	"\t\tword=${places[place]-}\n"
	"\t\t[ -z \"$word\" ] || _keystay_reply \"${word%...}\"\n"
	"\tfi\n"
	"}\n"
	"complete -F _keystay keystay\n";

static void
begin(const char *name, const char *word, struct buf *out)
{
	buf_addf(out, "\n%s() {\n\tcase %s in\n", name, word);
}

static void
end(struct buf *out)
{
	buf_adds(out, "\tesac\n}\n");
}

static void
add_value(const char *command, const struct command_option *o, struct buf *out)
{
	enum takes takes = takes_of(o->value);

	buf_addf(out, "\t%s%s%s) echo %s", command, *command ? "\\ " : "*\\ ", o->word,
		takes_word(takes));
	if (takes == TAKES_WORDS)
		for (const char *w = o->value; *w; w += strspn(w, "|")) {
			buf_addf(out, " %.*s", (int)strcspn(w, "|"), w);
			w += strcspn(w, "|");
		}
	buf_adds(out, " ;;\n");
}

static void
add_values(const struct command *const *commands, struct buf *out)
{
	begin("_keystay_value", "\"$1 $2\"", out);
	for (; *commands; commands++)
		for (const struct command_option *o = (*commands)->options; o && o->word; o++)
			if (o->value)
				add_value((*commands)->name, o, out);
	for (const struct command_option *o = common_options; o->word; o++)
		if (o->value)
			add_value("", o, out);
	end(out);
}

static void
add_options(const struct command *const *commands, struct buf *out)
{
	begin("_keystay_options", "$1", out);
	for (; *commands; commands++) {
		const struct command_option *o = (*commands)->options;
		if (!o || !o->word)
			continue;
		buf_addf(out, "\t%s) echo", (*commands)->name);
		for (; o->word; o++)
			buf_addf(out, " %s", o->word);
		buf_adds(out, " ;;\n");
	}
	buf_adds(out, "\tesac\n\techo");
	for (const struct command_option *o = common_options; o->word; o++)
		buf_addf(out, " %s", o->word);
	buf_adds(out, "\n}\n");
}

static void
add_verbs(const struct command *const *commands, struct buf *out)
{
	begin("_keystay_verbs", "$1", out);
	buf_adds(out, "\thelp) _keystay_commands ;;\n");
	for (; *commands; commands++) {
		const struct command_verb *v = (*commands)->verbs;
		if (!v)
			continue;
		buf_addf(out, "\t%s) echo", (*commands)->name);
		for (; v->word; v++)
			buf_addf(out, " %s", v->word);
		buf_adds(out, " ;;\n");
	}
	end(out);
}

static void
add_place(const char *command, const char *verb, const char *usage,
	const struct command_option *options, struct buf *out)
{
	struct places p;

	takes_places(usage, options, &p);
	if (p.count == 0)
		return;
	buf_addf(out, "\t%s%s%s) echo", command, *verb ? "\\ " : "", verb);
	for (size_t i = 0; i < p.count; i++)
		buf_addf(out, " %s%s", takes_word(p.place[i]),
			p.more && i + 1 == p.count ? "..." : "");
	buf_adds(out, " ;;\n");
}

static void
add_places(const struct command *const *commands, struct buf *out)
{
	begin("_keystay_places", "$1", out);
	for (; *commands; commands++) {
		const struct command *c = *commands;
		if (!c->verbs)
			add_place(c->name, "", c->synopsis, c->options, out);
		for (const struct command_verb *v = c->verbs; v && v->word; v++)
			add_place(c->name, v->word, v->arguments, c->options, out);
	}
	end(out);
}

void
complete_bash(const struct command *const *commands, struct buf *out)
{
	buf_adds(out, head);
	buf_adds(out, "\n_keystay_commands() {\n\techo help");
	for (size_t i = 0; commands[i]; i++)
		buf_addf(out, " %s", commands[i]->name);
	buf_adds(out, "\n}\n");
	add_options(commands, out);
	add_values(commands, out);
	add_verbs(commands, out);
	add_places(commands, out);
	buf_adds(out, tail);
}
