// SPDX-License-Identifier: GPL-2.0-only
/* Completions for zsh: calls of _arguments. */
#include "completion.h"

#include <stdio.h>

/* What stands between single quotes, where also _describe or _arguments read it. */
static void zsh_quoted(const char *text)
{
	completion_put_quoted(text, "\\:[]", "'\\''");
}

static void zsh_action(const struct applet *a, enum kind kind)
{
	switch (kind) {
	case KIND_FILE:
	case KIND_SOURCE:
		fputs("_files", stdout);
		return;
	case KIND_DIRECTORY:
	case KIND_MOUNT:
		fputs("_directories", stdout);
		return;
	case KIND_BRANCH:
		printf("_daxfsctl_branches_%s", a->name);
		return;
	case KIND_LIST:
		printf("_daxfsctl_list _daxfsctl_branches_%s", a->name);
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
		zsh_action(a, completion_option_kind(a, o));
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

/* What comes after a verb depends on it: a function that is told which operand it is. */
static void zsh_after(const struct applet *a)
{
	printf("(( $+functions[_daxfsctl_after_%s] )) ||\n"
	       "_daxfsctl_after_%s() {\n"
	       "\tlocal expl\n"
	       "\n"
	       "\tcase $line[%d]-$1 in\n",
	       a->name, a->name, completion_count_operands(a->operands));
	for (const struct applet_word *w = a->words; w->name; w++) {
		const char *operand = w->operands;
		size_t len = 0;

		for (int i = 1; (len = completion_next_operand(&operand, len)) != 0;
		     i++) {
			enum kind kind = completion_kind(a, operand, len);

			printf("\t%s-%d) ", w->name, i);
			printf(kind == KIND_NOTHING ? "_message %.*s" :
						      "_wanted operands expl %.*s ",
			       (int)len, operand);
			if (kind != KIND_NOTHING)
				zsh_action(a, kind);
			puts(" ;;");
		}
	}
	puts("\tesac\n}\n");
}

/* Where a row has the names of whose branches are meant. */
static void zsh_branches(const struct applet *a)
{
	printf("(( $+functions[_daxfsctl_branches_%s] )) ||\n"
	       "_daxfsctl_branches_%s() {\n"
	       "\tlocal -a mounts=(",
	       a->name, a->name);
	completion_put_all_of(a, KIND_MOUNT);
	printf(" ) sources=(");
	completion_put_all_of(a, KIND_SOURCE);
	fputs(" )\n\n\t_daxfsctl_branches \"$@\"\n}\n\n", stdout);
}

static void zsh_row(const struct applet *a)
{
	const struct applet_option *o = NULL;
	const char *operand = a->operands;
	size_t len = 0;
	int i = 1;

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
		zsh_after(a);
	}
	if (completion_has_branches(a))
		zsh_branches(a);
	printf("(( $+functions[_daxfsctl-%s] )) ||\n"
	       "_daxfsctl-%s() {\n"
	       "\t_arguments -s -S :",
	       a->name, a->name);
	while ((o = completion_next_option(a, o)))
		zsh_option(a, o);
	for (; (len = completion_next_operand(&operand, len)) != 0; i++) {
		printf(" \\\n\t\t'%d:%.*s:", i, (int)len, operand);
		zsh_action(a, completion_kind(a, operand, len));
		putchar('\'');
	}
	for (int after = 1; after <= completion_most_after(a); after++)
		printf(" \\\n\t\t'%d: : _daxfsctl_after_%s %d'", i++, a->name, after);
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
	      "# The branches of what $mounts and $sources name, options or numbers of operands, else of the mount that holds the current directory.\n"
	      "(( $+functions[_daxfsctl_branches] )) ||\n"
	      "_daxfsctl_branches() {\n"
	      "\tlocal -a names ask\n"
	      "\tlocal -i here=$#mounts\n"
	      "\tlocal option word PATH=$PATH" COMPLETION_SBIN "\n"
	      "\n"
	      "\tfor option in $mounts $sources; do\n"
	      "\t\tif [[ $option == <-> ]]; then\n"
	      "\t\t\tword=$line[option]\n"
	      "\t\telse\n"
	      "\t\t\t(( $+opt_args[$option] )) || continue\n"
	      "\t\t\t# _arguments adds quotes of its own.\n"
	      "\t\t\tword=${(Q)opt_args[$option]}\n"
	      "\t\tfi\n"
	      "\t\there=0\n"
	      "\t\t# Of what stands there a tilde and quotes are taken: nothing is run.\n"
	      "\t\tword=${(Q)word}\n"
	      "\t\t[[ $word != '~'(|/*) ]] || word=$HOME${word#'~'}\n"
	      "\t\t# No device is looked at, whatever it is called.\n"
	      "\t\tif (( $mounts[(Ie)$option] )); then\n"
	      "\t\t\task+=(--mount=$word)\n"
	      "\t\telif [[ ( -f $word || -d $word ) && $word != (" COMPLETION_NO_PATH
	      ")* ]]; then\n"
	      "\t\t\task+=(--source=$word)\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "\t(( ! here )) || ask=('')\n"
	      "\tfor word in \"$ask[@]\"; do\n"
	      "\t\tnames+=(${(f)\"$(command daxfsctl branch list -rno NAME $word 2>/dev/null)\"})\n"
	      "\tdone\n"
	      "\t# UTF-8 comes as \\xHH.\n"
	      "\tnames=(\"${(@g::)names}\")\n"
	      "\tcompadd \"$@\" -a names\n"
	      "}\n"
	      "\n"
	      "# Mount options, of which the last is completed if it is a branch: by the function after the arguments for compadd.\n"
	      "(( $+functions[_daxfsctl_list] )) ||\n"
	      "_daxfsctl_list() {\n"
	      "\tcompset -P '*,'\n"
	      "\tcompset -P branch= && $@[-1] \"${(@)@[1,-2]}\"\n"
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
