// SPDX-License-Identifier: GPL-2.0-only
/* Completions for fish: one rule for each thing that can be offered, and when it can. */
#include "completion.h"

#include <stdio.h>

static void fish_quoted(const char *text)
{
	putchar('\'');
	completion_put_quoted(text, "\\", "\\'");
	putchar('\'');
}

/* The options of a row that take an argument: of what is not among them an operand follows. */
static void fish_valued(const struct applet *a)
{
	const struct applet_option *o = NULL;
	const char *space = " ";
	bool any = false;

	while ((o = completion_next_option(a, o)))
		any = any || o->argument;
	if (!any)
		return;
	printf("\t\tcase %s\n\t\t\tset letters", a->name);
	while ((o = completion_next_option(a, o))) {
		if (!o->argument || !completion_has_letter(o))
			continue;
		printf("%s%c", space, o->short_name);
		space = "";
	}
	printf("\n\t\t\tset names");
	while ((o = completion_next_option(a, o)))
		if (o->argument && o->long_name)
			printf(" --%s", o->long_name);
	putchar('\n');
	if (!completion_has_branches(a))
		return;
	printf("\t\t\tset mounts");
	completion_put_all_of(a, KIND_MOUNT);
	printf("\n\t\t\tset sources");
	completion_put_all_of(a, KIND_SOURCE);
	putchar('\n');
}

static void fish_kind(const struct applet *a, enum kind kind, bool is_option)
{
	switch (kind) {
	case KIND_FILE:
	case KIND_SOURCE:
		fputs(is_option ? " -r -F" : " -F", stdout);
		return;
	case KIND_BRANCH:
		printf(" %s-a '(__daxfsctl_branches)'", is_option ? "-x " : "");
		return;
	case KIND_LIST:
		fputs(" -x -a '(__daxfsctl_list)'", stdout);
		return;
	case KIND_DIRECTORY:
	case KIND_MOUNT:
		printf(" %s-a '(__fish_complete_directories)'", is_option ? "-x " : "");
		return;
	case KIND_WORD:
		if (is_option)
			fputs(" -x", stdout);
		if (!a->words) {
			fputs(" -a '", stdout);
			completion_put_names(applets);
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

/* What comes after a verb, which is operand number "at". */
static void fish_after(const struct applet *a, const struct applet_word *w, int at)
{
	const char *operand = w->operands;
	size_t len = 0;

	for (int i = at; (len = completion_next_operand(&operand, len)) != 0; i++) {
		if (completion_kind(a, operand, len) == KIND_NOTHING)
			continue;
		printf("complete $commands -n '__daxfsctl_at %s %d %d %s'", a->name, i,
		       at, w->name);
		fish_kind(a, completion_kind(a, operand, len), false);
		putchar('\n');
	}
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
	while ((o = completion_next_option(a, o))) {
		printf("complete $commands -n '__daxfsctl_at %s'", a->name);
		if (completion_has_letter(o))
			printf(" -s %c", o->short_name);
		if (o->long_name)
			printf(" -l %s", o->long_name);
		if (o->argument)
			fish_kind(a, completion_option_kind(a, o), true);
		printf(" -d ");
		fish_quoted(completion_option_help(a, o));
		putchar('\n');
	}
	for (int i = 0; (len = completion_next_operand(&operand, len)) != 0; i++)
		if (completion_kind(a, operand, len) != KIND_NOTHING)
			fish_operand(a, i, completion_kind(a, operand, len));
	for (const struct applet_word *w = a->words; w && w->name; w++)
		fish_after(a, w, completion_count_operands(a->operands));
}

void completion_fish(void)
{
	fputs(COMPLETION_NOTICE
	      "\n"
	      "# What stands before the cursor, one a line: the verb, then operands, mounts and sources, each with that word before it.\n"
	      "function __daxfsctl_given\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tset -l verb\n"
	      "\tset -l letters\n"
	      "\tset -l names\n"
	      "\tset -l mounts\n"
	      "\tset -l sources\n"
	      "\tset -l option\n"
	      "\tset -l operands\n"
	      "\tset -l parts\n"
	      "\tset -l ended false\n"
	      "\n"
	      "\tswitch (string replace -r '.*/' '' -- $words[1])\n",
	      stdout);
	for (const struct applet *a = applets; a->name; a++) {
		if (!a->links[0])
			continue;
		printf("\t\tcase ");
		completion_put_links(a, " ");
		printf("\n\t\t\tset verb %s\n", a->name);
	}
	fputs("\t\tcase '*'\n"
	      "\t\t\tset -q words[2]; or return\n"
	      "\t\t\tset verb $words[2]\n"
	      "\t\t\tset -e words[1]\n"
	      "\tend\n"
	      "\tset -e words[1]\n"
	      "\techo $verb\n"
	      "\n"
	      "\tswitch $verb\n",
	      stdout);
	completion_for_each_row(fish_valued);
	fputs("\tend\n"
	      "\tfor word in $words\n"
	      "\t\tif set -q option[1]\n"
	      "\t\t\tset parts $option $word\n"
	      "\t\telse if $ended; or not string match -q -- '-?*' $word\n"
	      "\t\t\techo operand $word\n"
	      "\t\t\tset -a operands $word\n"
	      "\t\t\tset parts (count $operands) $word\n"
	      "\t\telse if test $word = --\n"
	      "\t\t\tset ended true\n"
	      "\t\t\tcontinue\n"
	      "\t\telse if contains -- $word $names\n"
	      "\t\t\tset option $word\n"
	      "\t\t\tcontinue\n"
	      "\t\telse if string match -q -- '--*' $word\n"
	      "\t\t\tset parts (string match -r -- '^(--[^=]*)=(.*)$' $word)[2..]\n"
	      "\t\telse if set -q letters[1]; and set parts (string match -r -- \"^-[^$letters]*([$letters])(.*)\\$\" $word)[2..]\n"
	      "\t\t\tset parts[1] -$parts[1]\n"
	      "\t\t\tif test -z \"$parts[2]\"\n"
	      "\t\t\t\tset option $parts[1]\n"
	      "\t\t\t\tcontinue\n"
	      "\t\t\tend\n"
	      "\t\telse\n"
	      "\t\t\tcontinue\n"
	      "\t\tend\n"
	      "\t\tset -e option\n"
	      "\t\t# Of what stands there a tilde is taken: nothing is run.\n"
	      "\t\tset word (string replace -r -- '^~(?=/|$)' $HOME $parts[2])\n"
	      "\t\tif contains -- \"$parts[1]\" $mounts\n"
	      "\t\t\techo mount $word\n"
	      "\t\telse if contains -- \"$parts[1]\" $sources\n"
	      "\t\t\techo source $word\n"
	      "\t\tend\n"
	      "\tend\n"
	      "end\n"
	      "\n"
	      "# Is this the verb being completed, with these many operands before the cursor, of which number \"at\" is this word?\n"
	      "function __daxfsctl_at --argument-names wanted count at word\n"
	      "\tset -l given (__daxfsctl_given)\n"
	      "\ttest \"$given[1]\" = $wanted; or return 1\n"
	      "\tset -q count[1]; or return 0\n"
	      "\tset -l operands (string replace -rf '^operand ' '' -- $given)\n"
	      "\ttest (count $operands) -eq $count; or return 1\n"
	      "\tset -q at[1]; or return 0\n"
	      "\ttest \"$operands[$at]\" = $word\n"
	      "end\n"
	      "\n"
	      "# UTF-8 comes as \\xHH.\n"
	      "function __daxfsctl_names\n"
	      "\tcommand daxfsctl branch list -rno NAME $argv 2>/dev/null | while read -l name\n"
	      "\t\tprintf '%b\\n' $name\n"
	      "\tend\n"
	      "end\n"
	      "\n"
	      "# The branches of what was named, else of the mount that holds the current directory.\n"
	      "function __daxfsctl_branches\n"
	      "\tset -l given (__daxfsctl_given)\n"
	      "\tset -l ask (string replace -rf -- '^(mount|source) ' '--$1=' $given)\n"
	      "\tset -lx PATH $PATH /usr/local/sbin /usr/sbin /sbin\n"
	      "\tcommand -q daxfsctl; or return\n"
	      "\tif not set -q ask[1]; and contains -- $given[1]",
	      stdout);
	for (const struct applet *a = applets; a->name; a++)
		if (*a->mounts)
			printf(" %s", a->name);
	fputs("\n"
	      "\t\t__daxfsctl_names\n"
	      "\tend\n"
	      "\tfor whose in $ask\n"
	      "\t\t# No device is looked at, whatever it is called.\n"
	      "\t\tset -l source (string match -r -- '^--source=(.*)$' $whose)[2]\n"
	      "\t\tif set -q source[1]\n"
	      "\t\t\tstring match -qr '^(" COMPLETION_NO_PATH
	      ")' -- $source; and continue\n"
	      "\t\t\ttest -f $source; or test -d $source; or continue\n"
	      "\t\tend\n"
	      "\t\t__daxfsctl_names $whose\n"
	      "\tend\n"
	      "end\n"
	      "\n"
	      "# Mount options, of which the last is completed if it is a branch.\n"
	      "function __daxfsctl_list\n"
	      "\tset -l before (commandline -ct | string match -r -- '^(?:--[^=]*=)?((?:.*,)?branch=)[^,]*$')[2]\n"
	      "\tset -q before[1]; and string join \\n -- $before(__daxfsctl_branches)\n"
	      "end\n"
	      "\n"
	      "function __daxfsctl_first\n"
	      "\tset -l words (commandline -opc)\n"
	      "\tnot set -q words[2]\n"
	      "end\n"
	      "\n"
	      "set -l commands -c daxfsctl",
	      stdout);
	completion_put_all_links(" -c ");
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
	completion_for_each_row(fish_row);
}
