// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completions for bash, zsh and fish, written from the applet table. Owns what
 * the shells are told; knows nothing of what the applets do. What it writes
 * runs no program and looks at no device: file names are all that the shells
 * look up themselves.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "applet.h"

#define NOTICE                                      \
	"# SPDX-License-Identifier: GPL-2.0-only\n" \
	"# Generated from the applet table by `make completions`; edits here are lost.\n"

/* What a shell can offer for a placeholder. */
enum kind {
	KIND_NOTHING,
	KIND_FILE,
	KIND_DIRECTORY,
	KIND_WORD,
};

static const struct applet_option help_option = { 'h', "help", NULL,
						  "print help and exit" };
/* An applet without a table of options compares with "--help" only. */
static const struct applet_option long_help_option = { 1, "help", NULL,
						       "print help and exit" };

/* Is "word" one of the words of a placeholder such as "FILE|DEVICE"? */
static bool placeholder_has(const char *placeholder, size_t len, const char *word)
{
	const char *end = placeholder + len;

	while (placeholder < end) {
		size_t n = strcspn(placeholder, "| ");

		if (n > (size_t)(end - placeholder))
			n = (size_t)(end - placeholder);
		if (n == strlen(word) && memcmp(placeholder, word, n) == 0)
			return true;
		placeholder += n + 1;
	}
	return false;
}

static enum kind kind_of(const char *placeholder, size_t len)
{
	static const char *const files[] = { "FILE", "DEVICE", "SOURCE", "NS" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (placeholder_has(placeholder, len, files[i]))
			return KIND_FILE;
	if (placeholder_has(placeholder, len, "DIR"))
		return KIND_DIRECTORY;
	if (placeholder_has(placeholder, len, "VERB"))
		return KIND_WORD;
	return KIND_NOTHING;
}

/* The next operand of a row: 0 after the last one, else its length. */
static size_t next_operand(const char **operand, size_t len)
{
	*operand += len;
	*operand += strspn(*operand, " ");
	return strcspn(*operand, " ");
}

/*
 * Steps through the options of a row, from NULL to NULL, --help included: the
 * table leaves it to main.c, except where the letter or name is taken.
 */
static const struct applet_option *next_option(const struct applet *a,
					       const struct applet_option *o)
{
	if (o == &help_option || o == &long_help_option)
		return NULL;
	o = o ? o + 1 : a->options;
	if (o->short_name || o->long_name)
		return o;
	/* What stands in for a verb has no help of its own. */
	if (!a->run)
		return NULL;
	return o == a->options ? &long_help_option : &help_option;
}

static bool has_letter(const struct applet_option *o)
{
	return isgraph((unsigned char)o->short_name);
}

/* Shells sort what they offer: "the same" would no longer stand below what it means. */
static const char *option_help(const struct applet *a, const struct applet_option *o)
{
	while (strcmp(o->help, "the same") == 0 && o > a->options)
		o--;
	return o->help;
}

/* Prints what stands between single quotes; each of "special" gets a backslash. */
static void put_quoted(const char *text, const char *special, const char *quote)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs(quote, stdout);
			continue;
		}
		if (strchr(special, *text))
			putchar('\\');
		putchar(*text);
	}
}

/* The names that lead to an applet, as the patterns of a shell's case. */
static void put_links(const struct applet *a, const char *between)
{
	for (const char *const *link = a->links; *link; link++)
		printf("%s%s", link == a->links ? "" : between, *link);
}

static void put_all_links(const char *before)
{
	for (const struct applet *a = applets; a->name; a++)
		for (const char *const *link = a->links; *link; link++)
			printf("%s%s", before, *link);
}

static void put_names(const struct applet *table)
{
	for (const struct applet *a = table; a->name; a++)
		printf("%s%s", a == table ? "" : " ", a->name);
}

/* Calls "put" for each row after whose name something can be completed. */
static void for_each_row(void (*put)(const struct applet *a))
{
	for (const struct applet *a = applets; a->name; a++)
		put(a);
	for (const struct applet *a = applet_plain; a->name; a++)
		if (*a->operands || next_option(a, NULL))
			put(a);
}

/* bash */

static const char *bash_kind(enum kind kind)
{
	static const char *const names[] = {
		[KIND_NOTHING] = "nothing",
		[KIND_FILE] = "file",
		[KIND_DIRECTORY] = "directory",
		[KIND_WORD] = "word",
	};

	return names[kind];
}

static void bash_options(const struct applet *a)
{
	const struct applet_option *o = NULL;
	const char *space = "";

	printf("\t\toptions='");
	while ((o = next_option(a, o))) {
		if (has_letter(o)) {
			printf("%s-%c", space, o->short_name);
			space = " ";
		}
		if (o->long_name) {
			printf("%s--%s", space, o->long_name);
			space = " ";
		}
	}
	puts("'");
}

/* Nothing for a row without such options: the caller has set the default. */
static void bash_valued(const struct applet *a)
{
	const struct applet_option *o = NULL;
	bool any = false;

	while ((o = next_option(a, o))) {
		const char *kind;

		if (!o->argument)
			continue;
		kind = bash_kind(kind_of(o->argument, strlen(o->argument)));
		if (!any)
			printf("\t\tvalued=' ");
		any = true;
		if (has_letter(o))
			printf("-%c=%s ", o->short_name, kind);
		if (o->long_name)
			printf("--%s=%s ", o->long_name, kind);
	}
	if (any)
		puts("'");
}

static void bash_row(const struct applet *a)
{
	const char *operand = a->operands;
	size_t len = 0;

	printf("\t%s)\n", a->name);
	bash_options(a);
	bash_valued(a);
	if (*operand) {
		const char *space = "";

		printf("\t\toperands=(");
		while ((len = next_operand(&operand, len)) != 0) {
			printf("%s%s", space, bash_kind(kind_of(operand, len)));
			space = " ";
		}
		puts(")");
	}
	if (a->words) {
		printf("\t\tverbs='");
		for (const struct applet_word *w = a->words; w->name; w++)
			printf("%s%s", w == a->words ? "" : " ", w->name);
		puts("'");
	}
	puts("\t\t;;");
}

static void print_bash(void)
{
	fputs(NOTICE
	      "# shellcheck shell=bash disable=SC2034,SC2154 # bash-completion sets and reads these\n"
	      "\n"
	      "# What the table says of a verb: into variables of the caller.\n"
	      "_daxfsctl_row()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      stdout);
	for_each_row(bash_row);
	fputs("\t*) return 1 ;;\n"
	      "\tesac\n"
	      "}\n"
	      "\n"
	      "# Puts the option whose argument is the word after $1 into the caller's $option.\n"
	      "_daxfsctl_option()\n"
	      "{\n"
	      "\tlocal letters=${1#-} letter\n"
	      "\n"
	      "\tif [[ $1 == --* ]]; then\n"
	      "\t\t[[ $valued != *\" $1=\"* ]] || option=$1\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\twhile [[ $letters ]]; do\n"
	      "\t\tletter=${letters:0:1}\n"
	      "\t\tletters=${letters:1}\n"
	      "\t\tif [[ $valued == *\" -$letter=\"* ]]; then\n"
	      "\t\t\t# More letters would be the argument.\n"
	      "\t\t\t[[ $letters ]] || option=-$letter\n"
	      "\t\t\treturn\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "}\n"
	      "\n"
	      "_daxfsctl()\n"
	      "{\n"
	      "\tlocal cur prev words cword split\n"
	      "\tlocal verb first=1 n=0 i option='' ended='' kind options='' valued=' ' operands=()\n"
	      "\tlocal verbs='",
	      stdout);
	put_names(applets);
	fputs("'\n"
	      "\n"
	      "\t# A colon is part of phys:ADDR+SIZE.\n"
	      "\t_init_completion -s -n : || return\n"
	      "\tcase ${words[0]##*/} in\n",
	      stdout);
	for (const struct applet *a = applets; a->name; a++) {
		if (!a->links[0])
			continue;
		putchar('\t');
		put_links(a, " | ");
		printf(") verb=%s ;;\n", a->name);
	}
	fputs("\t*) verb=${words[1]-} first=2 ;;\n"
	      "\tesac\n"
	      "\tif ((cword < first)); then\n"
	      "\t\t[[ $cur != -* ]] || verbs='",
	      stdout);
	put_names(applet_plain);
	fputs("'\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t_daxfsctl_row \"$verb\" || return\n"
	      "\n"
	      "\tfor ((i = first; i < cword; i++)); do\n"
	      "\t\tif [[ $option ]]; then\n"
	      "\t\t\toption=''\n"
	      "\t\telif [[ ! $ended && ${words[i]} == -- ]]; then\n"
	      "\t\t\tended=1\n"
	      "\t\telif [[ ! $ended && ${words[i]} == -?* ]]; then\n"
	      "\t\t\t_daxfsctl_option \"${words[i]}\"\n"
	      "\t\telse\n"
	      "\t\t\tn=$((n + 1))\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "\t[[ $split != true ]] || option=$prev\n"
	      "\n"
	      "\tif [[ $option ]]; then\n"
	      "\t\tkind=${valued#*\" $option=\"}\n"
	      "\t\tkind=${kind%% *}\n"
	      "\telif [[ ! $ended && $cur == -* ]]; then\n"
	      "\t\tkind=option\n"
	      "\telse\n"
	      "\t\tkind=${operands[n]-}\n"
	      "\tfi\n"
	      "\tcase $kind in\n"
	      "\tfile) _filedir ;;\n"
	      "\tdirectory) _filedir -d ;;\n"
	      "\toption) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;\n"
	      "\tword) mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\") ;;\n"
	      "\tesac\n"
	      "\t__ltrim_colon_completions \"$cur\"\n"
	      "} &&\n"
	      "\tcomplete -F _daxfsctl daxfsctl",
	      stdout);
	put_all_links(" ");
	putchar('\n');
}

/* zsh */

/* What stands between single quotes, where also _describe or _arguments read it. */
static void zsh_quoted(const char *text)
{
	put_quoted(text, "\\:[]", "'\\''");
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
	if (has_letter(o) && o->long_name)
		putchar('{');
	if (has_letter(o))
		printf("-%c%s", o->short_name, o->argument ? "+" : "");
	if (has_letter(o) && o->long_name)
		putchar(',');
	if (o->long_name)
		printf("--%s%s", o->long_name, o->argument ? "=" : "");
	if (has_letter(o) && o->long_name)
		putchar('}');
	fputs("'[", stdout);
	zsh_quoted(option_help(a, o));
	putchar(']');
	if (o->argument) {
		putchar(':');
		zsh_quoted(o->argument);
		putchar(':');
		zsh_action(a, kind_of(o->argument, strlen(o->argument)));
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
	while ((o = next_option(a, o)))
		zsh_option(a, o);
	for (int i = 1; (len = next_operand(&operand, len)) != 0; i++) {
		printf(" \\\n\t\t'%d:%.*s:", i, (int)len, operand);
		zsh_action(a, kind_of(operand, len));
		putchar('\'');
	}
	fputs("\n}\n\n", stdout);
}

static void print_zsh(void)
{
	printf("#compdef daxfsctl");
	put_all_links(" ");
	fputs("\n" NOTICE "\n", stdout);
	for_each_row(zsh_row);

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
		put_links(a, "|");
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

/* fish */

static void fish_quoted(const char *text)
{
	putchar('\'');
	put_quoted(text, "\\", "\\'");
	putchar('\'');
}

/* The letters and names of a row's options that take an argument, for counting operands. */
static void fish_valued(const struct applet *a)
{
	const struct applet_option *o = NULL;
	bool any = false;

	while ((o = next_option(a, o)))
		any = any || o->argument;
	if (!any)
		return;
	printf("\t\tcase %s\n\t\t\tset letters ", a->name);
	while ((o = next_option(a, o)))
		if (o->argument && has_letter(o))
			putchar(o->short_name);
	printf("\n\t\t\tset names");
	while ((o = next_option(a, o)))
		if (o->argument && o->long_name)
			printf(" --%s", o->long_name);
	putchar('\n');
}

static void fish_kind(const struct applet *a, enum kind kind, bool is_option)
{
	switch (kind) {
	case KIND_FILE:
		fputs(is_option ? " -r -F" : " -F", stdout);
		return;
	case KIND_DIRECTORY:
		printf(" %s-a '(__fish_complete_directories)'", is_option ? "-x " : "");
		return;
	case KIND_WORD:
		if (is_option)
			fputs(" -x", stdout);
		if (!a->words) {
			fputs(" -a '", stdout);
			put_names(applets);
			putchar('\'');
		}
		return;
	case KIND_NOTHING:
		if (is_option)
			fputs(" -x", stdout);
		return;
	}
}

static void fish_operand(const struct applet *a, int number, enum kind kind)
{
	const struct applet_word *w = kind == KIND_WORD ? a->words : NULL;

	do {
		printf("complete $commands -n '__daxfsctl_at %s %d'", a->name, number);
		fish_kind(a, kind, false);
		if (w) {
			printf(" -a %s -d ", w->name);
			fish_quoted(w->help);
			w++;
		}
		putchar('\n');
	} while (w && w->name);
}

static void fish_row(const struct applet *a)
{
	const struct applet_option *o = NULL;
	const char *operand = a->operands;
	size_t len = 0;

	printf("\nset commands -c daxfsctl");
	for (const char *const *link = a->links; *link; link++)
		printf(" -c %s", *link);
	putchar('\n');
	while ((o = next_option(a, o))) {
		printf("complete $commands -n '__daxfsctl_at %s'", a->name);
		if (has_letter(o))
			printf(" -s %c", o->short_name);
		if (o->long_name)
			printf(" -l %s", o->long_name);
		if (o->argument)
			fish_kind(a, kind_of(o->argument, strlen(o->argument)), true);
		printf(" -d ");
		fish_quoted(option_help(a, o));
		putchar('\n');
	}
	for (int i = 0; (len = next_operand(&operand, len)) != 0; i++)
		if (kind_of(operand, len) != KIND_NOTHING)
			fish_operand(a, i, kind_of(operand, len));
}

static void print_fish(void)
{
	fputs(NOTICE
	      "\n"
	      "# Is this the verb being completed, and with these many operands before the cursor?\n"
	      "function __daxfsctl_at --argument-names wanted count\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tset -l verb\n"
	      "\tset -l letters\n"
	      "\tset -l names\n"
	      "\tset -l n 0\n"
	      "\tset -l is_argument false\n"
	      "\tset -l ended false\n"
	      "\n"
	      "\tswitch (string replace -r '.*/' '' -- $words[1])\n",
	      stdout);
	for (const struct applet *a = applets; a->name; a++) {
		if (!a->links[0])
			continue;
		printf("\t\tcase ");
		put_links(a, " ");
		printf("\n\t\t\tset verb %s\n", a->name);
	}
	fputs("\t\tcase '*'\n"
	      "\t\t\tset -q words[2]; or return 1\n"
	      "\t\t\tset verb $words[2]\n"
	      "\t\t\tset -e words[1]\n"
	      "\tend\n"
	      "\tset -e words[1]\n"
	      "\ttest \"$verb\" = $wanted; or return 1\n"
	      "\tset -q count[1]; or return 0\n"
	      "\n"
	      "\tswitch $verb\n",
	      stdout);
	for_each_row(fish_valued);
	fputs("\tend\n"
	      "\tfor word in $words\n"
	      "\t\tif $is_argument\n"
	      "\t\t\tset is_argument false\n"
	      "\t\telse if $ended; or not string match -q -- '-?*' $word\n"
	      "\t\t\tset n (math $n + 1)\n"
	      "\t\telse if test $word = --\n"
	      "\t\t\tset ended true\n"
	      "\t\telse if contains -- $word $names\n"
	      "\t\t\tset is_argument true\n"
	      "\t\telse if set -q letters[1]; and string match -qr -- \"^-[^-$letters][^$letters]*[$letters]\\$|^-[$letters]\\$\" $word\n"
	      "\t\t\tset is_argument true\n"
	      "\t\tend\n"
	      "\tend\n"
	      "\ttest $n -eq $count\n"
	      "end\n"
	      "\n"
	      "function __daxfsctl_first\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tnot set -q words[2]\n"
	      "end\n"
	      "\n"
	      "set -l commands -c daxfsctl",
	      stdout);
	put_all_links(" -c ");
	fputs("\ncomplete $commands -f\n\n", stdout);
	for (const struct applet *a = applets; a->name; a++) {
		printf("complete -c daxfsctl -n __daxfsctl_first -a %s -d ", a->name);
		fish_quoted(a->help);
		putchar('\n');
	}
	for (const struct applet *a = applet_plain; a->name; a++) {
		printf("complete -c daxfsctl -n __daxfsctl_first -l %s -d ", a->name + 2);
		fish_quoted(a->help);
		putchar('\n');
	}
	for_each_row(fish_row);
}

int cmd_completions(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {
		{ "bash", print_bash },
		{ "zsh", print_zsh },
		{ "fish", print_fish },
	};

	if (argc != 2)
		return applet_wrong_use(
			NULL, EXIT_USAGE,
			"--completions takes one shell: bash, zsh or fish");
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shells[i].shell, argv[1]) != 0)
			continue;
		shells[i].print();
		return EXIT_OK;
	}
	return applet_wrong_use(
		NULL, EXIT_USAGE,
		"no completions for \"%s\": the shells are bash, zsh and fish", argv[1]);
}
