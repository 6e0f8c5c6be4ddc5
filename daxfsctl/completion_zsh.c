// SPDX-License-Identifier: GPL-2.0-only
/* Completions for zsh: calls of _arguments. */
#include "completion.h"

#include <stdio.h>
#include <string.h>

/* What stands between single quotes, where also _describe or _arguments read it. */
static void zsh_quoted(const char *text)
{
	completion_put_quoted(text, "\\:[]", "'\\''");
}

static void zsh_action(const struct applet *a, enum kind kind)
{
	switch (kind) {
	case KIND_FILE:
		fputs("_files", stdout);
		return;
	case KIND_DIRECTORY:
		fputs("_directories", stdout);
		return;
	case KIND_WORD:
		fputs("_daxfsctl_verbs", stdout);
		if (a->words)
			printf("_%s", a->name);
		return;
	case KIND_NOTHING:
		/* A blank: show the message, offer nothing. */
		putchar(' ');
		return;
	}
}

static void zsh_option(const struct applet *a, const struct applet_option *o)
{
	/* The star: no option is taken back because it was given once, see -ff. */
	fputs(" \\\n\t\t'*'", stdout);
	if (completion_has_letter(o) && o->long_name)
		putchar('{');
	if (completion_has_letter(o))
		printf("-%c%s", o->short_name, o->argument ? "+" : "");
	if (completion_has_letter(o) && o->long_name)
		putchar(',');
	if (o->long_name)
		printf("--%s%s", o->long_name, o->argument ? "=" : "");
	if (completion_has_letter(o) && o->long_name)
		putchar('}');
	fputs("'[", stdout);
	zsh_quoted(completion_option_help(a, o));
	putchar(']');
	if (o->argument) {
		putchar(':');
		zsh_quoted(o->argument);
		putchar(':');
		zsh_action(a, completion_kind(o->argument, strlen(o->argument)));
	}
	putchar('\'');
}

static void zsh_list(const char *name, const char *help)
{
	printf("\t\t'");
	zsh_quoted(name);
	putchar(':');
	zsh_quoted(help);
	puts("'");
}

static void zsh_row(const struct applet *a)
{
	const struct applet_option *o = NULL;
	const char *operand = a->operands;
	size_t len = 0;

	if (a->words) {
		printf("(( $+functions[_daxfsctl_verbs_%s] )) ||\n"
		       "_daxfsctl_verbs_%s() {\n"
		       "\tlocal -a verbs=(\n",
		       a->name, a->name);
		for (const struct applet_word *w = a->words; w->name; w++)
			zsh_list(w->name, w->help);
		printf("\t)\n"
		       "\t_describe -t verbs '%s verb' verbs\n"
		       "}\n\n",
		       a->name);
	}
	printf("(( $+functions[_daxfsctl-%s] )) ||\n"
	       "_daxfsctl-%s() {\n"
	       "\t_arguments -s -S :",
	       a->name, a->name);
	while ((o = completion_next_option(a, o)))
		zsh_option(a, o);
	for (int i = 1; (len = completion_next_operand(&operand, len)) != 0; i++) {
		printf(" \\\n\t\t'%d:%.*s:", i, (int)len, operand);
		zsh_action(a, completion_kind(operand, len));
		putchar('\'');
	}
	fputs("\n}\n\n", stdout);
}

void completion_zsh(void)
{
	printf("#compdef daxfsctl");
	completion_put_all_links(" ");
	fputs("\n" COMPLETION_NOTICE "\n", stdout);
	completion_for_each_row(zsh_row);

	fputs("(( $+functions[_daxfsctl_verbs] )) ||\n"
	      "_daxfsctl_verbs() {\n"
	      "\tlocal -a verbs=(\n",
	      stdout);
	for (const struct applet *a = applets; a->name; a++)
		zsh_list(a->name, a->help);
	fputs("\t)\n"
	      "\t_describe -t verbs verb verbs\n"
	      "}\n"
	      "\n"
	      "(( $+functions[_daxfsctl_options] )) ||\n"
	      "_daxfsctl_options() {\n"
	      "\tlocal -a options=(\n",
	      stdout);
	for (const struct applet *a = applet_plain; a->name; a++)
		zsh_list(a->name, a->help);
	fputs("\t)\n"
	      "\t_describe -o -t options option options\n"
	      "}\n"
	      "\n"
	      "_daxfsctl() {\n"
	      "\tlocal curcontext=$curcontext verb\n"
	      "\n"
	      "\tcase $service in\n",
	      stdout);
	for (const struct applet *a = applets; a->name; a++) {
		if (!a->links[0])
			continue;
		putchar('\t');
		completion_put_links(a, "|");
		printf(") _daxfsctl-%s; return ;;\n", a->name);
	}
	fputs("\tesac\n"
	      "\tif (( CURRENT == 2 )); then\n"
	      "\t\tif [[ $PREFIX == -* ]]; then _daxfsctl_options; else _daxfsctl_verbs; fi\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tverb=$words[2]\n"
	      "\t(( $+functions[_daxfsctl-$verb] )) || return\n"
	      "\tshift words\n"
	      "\t(( CURRENT-- ))\n"
	      "\tcurcontext=${curcontext%:*}-$verb:\n"
	      "\t_daxfsctl-$verb\n"
	      "}\n"
	      "\n"
	      "_daxfsctl \"$@\"\n",
	      stdout);
}
