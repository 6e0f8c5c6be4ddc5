// SPDX-License-Identifier: GPL-2.0-only
/* Completions for fish: one rule for each thing that can be offered, and when it can. */
#include "completion.h"

#include <stdio.h>
#include <string.h>

static void fish_quoted(const char *text)
{
	putchar('\'');
	completion_put_quoted(text, "\\", "\\'");
	putchar('\'');
}

/* The letters and names of a row's options that take an argument, for counting operands. */
static void fish_valued(const struct applet *a)
{
	const struct applet_option *o = NULL;
	bool any = false;

	while ((o = completion_next_option(a, o)))
		any = any || o->argument;
	if (!any)
		return;
	printf("\t\tcase %s\n\t\t\tset letters ", a->name);
	while ((o = completion_next_option(a, o)))
		if (o->argument && completion_has_letter(o))
			putchar(o->short_name);
	printf("\n\t\t\tset names");
	while ((o = completion_next_option(a, o)))
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
			fish_kind(a, completion_kind(o->argument, strlen(o->argument)),
				  true);
		printf(" -d ");
		fish_quoted(completion_option_help(a, o));
		putchar('\n');
	}
	for (int i = 0; (len = completion_next_operand(&operand, len)) != 0; i++)
		if (completion_kind(operand, len) != KIND_NOTHING)
			fish_operand(a, i, completion_kind(operand, len));
}

void completion_fish(void)
{
	fputs(COMPLETION_NOTICE
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
		completion_put_links(a, " ");
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
	completion_for_each_row(fish_valued);
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
