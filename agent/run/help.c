#include "help.h"

#include <stdio.h>
#include <string.h>

/* Texts stand in this column; what reaches into it has its text on the next line. */
#define COLUMN 26

#define WIDTH 80
#define INDENT 2

static const char *const headings[COMMAND_GROUPS] = {
	[COMMANDS_DAILY] = "every day:",
	[COMMANDS_LOOKING] = "looking:",
	[COMMANDS_ESTATE] = "the estate:",
	[COMMANDS_KEYS] = "keys and accounts:",
	[COMMANDS_SET_UP] = "setting up:",
};

static void
print_row(const char *word, const char *arguments, const char *text)
{
	int n = printf("%*s%s%s%s", INDENT, "", word, *arguments ? " " : "", arguments);

	if (n >= COLUMN - 1) {
		putchar('\n');
		n = 0;
	}
	printf("%*s%s\n", COLUMN - n, "", text);
}

/* What fits no column: "one of: a, b, c", over as many lines as it takes. */
static void
print_words(const char *value)
{
	int at = printf("%*sone of:", COLUMN, "");

	while (*value) {
		int len = (int)strcspn(value, "|");
		bool last = !value[len];
		if (at + 1 + len + !last > WIDTH)
			at = printf("\n%*s", COLUMN - 1, "") - 1;
		at += printf(" %.*s%s", len, value, last ? "" : ",");
		value += len + !last;
	}
	putchar('\n');
}

static void
print_options(const char *heading, const struct command_option *o)
{
	if (!o || !o->word)
		return;
	printf("\n%s\n", heading);
	for (; o->word; o++) {
		bool many = o->value && strlen(o->value) > WIDTH - COLUMN;
		print_row(o->word, many ? "WORD" : o->value ? o->value : "", o->text);
		if (many)
			print_words(o->value);
	}
}

void
help_print(const struct command *const *commands)
{
	puts("usage: keystay [OPTION...] COMMAND ...");
	for (int group = 0; group < COMMAND_GROUPS; group++) {
		bool any = false;
		for (size_t i = 0; commands[i]; i++) {
			if (commands[i]->group != (enum command_group)group)
				continue;
			if (!any)
				printf("\n%s\n", headings[group]);
			any = true;
			printf("%*s%-13s %s\n", INDENT, "", commands[i]->name,
				commands[i]->summary);
		}
	}
	print_options("options of all commands:", common_options);
	puts("\n'keystay COMMAND --help' says what a command takes; see also keystay(8).");
}

void
help_print_command(const struct command *c)
{
	printf("usage: keystay %s%s%s\n\n%*s%s\n", c->name, *c->synopsis || c->verbs ? " " : "",
		c->verbs ? "ACTION ..." : c->synopsis, INDENT, "", c->summary);
	if (c->verbs)
		puts("\nactions:");
	for (const struct command_verb *v = c->verbs; v && v->word; v++)
		print_row(v->word, v->arguments, v->text);
	print_options("options:", c->options);
	print_options("options of all commands:", common_options);
	if (c->example)
		puts("\nexample:");
	for (const char *line = c->example; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		printf("%*s%.*s\n", 2 * INDENT, "", (int)strcspn(line, "\n"), line);
	}
	printf("\nsee also: keystay-%s(8)\n", c->name);
}
