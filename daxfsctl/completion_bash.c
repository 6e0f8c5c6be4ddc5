// SPDX-License-Identifier: GPL-2.0-only
/* Completions for bash: a table, and the function that walks through a command line by it. */
#include "completion.h"

#include <stdio.h>
#include <string.h>

static void bash_options(const struct applet *a)
{
	const struct applet_option *o = NULL;
	const char *space = "";

	printf("\t\toptions='");
	while ((o = completion_next_option(a, o))) {
		if (completion_has_letter(o)) {
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

	while ((o = completion_next_option(a, o))) {
		const char *kind;

		if (!o->argument)
			continue;
		kind = completion_kind_name(completion_option_kind(a, o));
		if (!any)
			printf("\t\tvalued=' ");
		any = true;
		if (completion_has_letter(o))
			printf("-%c=%s ", o->short_name, kind);
		if (o->long_name)
			printf("--%s=%s ", o->long_name, kind);
	}
	if (any)
		puts("'");
}

static void bash_operands(const struct applet *a, const char *operand)
{
	const char *space = "";
	size_t len = 0;

	if (!*operand)
		return;
	printf("\t\toperands+=(");
	while ((len = completion_next_operand(&operand, len)) != 0) {
		printf("%s%s", space,
		       completion_kind_name(completion_kind(a, operand, len)));
		space = " ";
	}
	puts(")");
}

/* A word after a verb, with all that have the same operands. */
static void bash_word(const struct applet *a, const struct applet_word *w)
{
	const char *bar = "";

	for (const struct applet_word *before = a->words; before < w; before++)
		if (strcmp(before->operands, w->operands) == 0)
			return;
	if (!*w->operands)
		return;
	putchar('\t');
	for (const struct applet_word *as = w; as->name; as++) {
		if (strcmp(as->operands, w->operands) != 0)
			continue;
		printf("%s'%s %s'", bar, a->name, as->name);
		bar = " | ";
	}
	puts(")");
	bash_operands(a, w->operands);
	puts("\t\t;;");
}

static void bash_row(const struct applet *a)
{
	printf("\t%s)\n", a->name);
	bash_options(a);
	bash_valued(a);
	bash_operands(a, a->operands);
	if (*a->mounts)
		puts("\t\there=1");
	if (a->words) {
		printf("\t\tverbs='");
		for (const struct applet_word *w = a->words; w->name; w++)
			printf("%s%s", w == a->words ? "" : " ", w->name);
		puts("'");
	}
	puts("\t\t;;");
	for (const struct applet_word *w = a->words; w && w->name; w++)
		bash_word(a, w);
}

void completion_bash(void)
{
	fputs(COMPLETION_NOTICE
	      "# shellcheck shell=bash disable=SC2034,SC2154 # bash-completion sets and reads these\n"
	      "\n"
	      "# What the table says of a verb, or of a word after it: into variables of the caller.\n"
	      "_daxfsctl_row()\n"
	      "{\n"
	      "\tcase $1 in\n",
	      stdout);
	completion_for_each_row(bash_row);
	fputs("\t*) return 1 ;;\n"
	      "\tesac\n"
	      "}\n"
	      "\n"
	      "# A word of kind $1, of which the shell takes no more than a tilde and quotes: nothing is run.\n"
	      "_daxfsctl_given()\n"
	      "{\n"
	      "\tlocal word=${2//[\\\\\\\"\\']/}\n"
	      "\n"
	      "\t[[ $1 == mount || $1 == source ]] || return 0\n"
	      "\there=''\n"
	      "\t[[ $word != '~' && $word != '~/'* ]] || word=$HOME${word:1}\n"
	      "\t# No device is looked at, whatever it is called.\n"
	      "\tif [[ $1 == mount ]] || [[ (-f $word || -d $word) && $word != @(" COMPLETION_NO_PATH
	      ")* ]]; then\n"
	      "\t\task+=(\"--$1=$word\")\n"
	      "\tfi\n"
	      "}\n"
	      "\n"
	      "# Puts the kind of an option's argument into the caller's $option, nothing for one that takes none.\n"
	      "_daxfsctl_kind()\n"
	      "{\n"
	      "\toption=${valued#*\" $1=\"}\n"
	      "\toption=${option%% *}\n"
	      "}\n"
	      "\n"
	      "# The same for the option whose argument is the word after $1.\n"
	      "_daxfsctl_option()\n"
	      "{\n"
	      "\tlocal letters=${1#-} letter\n"
	      "\n"
	      "\tif [[ $1 == --*=* ]]; then\n"
	      "\t\t_daxfsctl_kind \"${1%%=*}\"\n"
	      "\t\t_daxfsctl_given \"$option\" \"${1#*=}\"\n"
	      "\t\toption=''\n"
	      "\t\treturn\n"
	      "\telif [[ $1 == --* ]]; then\n"
	      "\t\t_daxfsctl_kind \"$1\"\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\twhile [[ $letters ]]; do\n"
	      "\t\tletter=${letters:0:1}\n"
	      "\t\tletters=${letters:1}\n"
	      "\t\t_daxfsctl_kind \"-$letter\"\n"
	      "\t\tif [[ $option && $letters ]]; then\n"
	      "\t\t\t# More letters are the argument.\n"
	      "\t\t\t_daxfsctl_given \"$option\" \"$letters\"\n"
	      "\t\t\toption='' letters=''\n"
	      "\t\tfi\n"
	      "\t\t[[ ! $option ]] || return 0\n"
	      "\tdone\n"
	      "}\n"
	      "\n"
	      "# The branches of what was named, else of the mount that holds the current directory, that start with $1.\n"
	      "_daxfsctl_branches()\n"
	      "{\n"
	      "\tlocal whose name plain PATH=$PATH" COMPLETION_SBIN "\n"
	      "\n"
	      "\t[[ ! $here ]] || ask=('')\n"
	      "\tfor whose in \"${ask[@]}\"; do\n"
	      "\t\twhile read -r name; do\n"
	      "\t\t\t# Nothing else can be a branch's name, and these need no quotes; UTF-8 comes as \\xHH.\n"
	      "\t\t\tplain=${name//\\\\x[89a-f][[:xdigit:]]/}\n"
	      "\t\t\t[[ $plain != *[^[:alnum:]._/@+:-]* ]] || continue\n"
	      "\t\t\tprintf -v name %b \"$name\"\n"
	      "\t\t\t[[ $name != \"$1\"* ]] || COMPREPLY+=(\"$name\")\n"
	      "\t\tdone < <(command daxfsctl branch list -rno NAME ${whose:+\"$whose\"} 2>/dev/null)\n"
	      "\tdone\n"
	      "}\n"
	      "\n"
	      "# The shell replaces what is behind the last colon or at sign of $1.\n"
	      "_daxfsctl_trim()\n"
	      "{\n"
	      "\tlocal breaks=${COMP_WORDBREAKS//[^:@]/} before i\n"
	      "\n"
	      "\t[[ $breaks && $1 == *[$breaks]* ]] || return 0\n"
	      "\tbefore=${1%\"${1##*[\"$breaks\"]}\"}\n"
	      "\tfor i in \"${!COMPREPLY[@]}\"; do\n"
	      "\t\tCOMPREPLY[i]=${COMPREPLY[i]#\"$before\"}\n"
	      "\tdone\n"
	      "}\n"
	      "\n"
	      "_daxfsctl()\n"
	      "{\n"
	      "\tlocal cur prev words cword split\n"
	      "\tlocal verb first=1 n=0 i option='' ended='' kind options='' valued=' ' operands=()\n"
	      "\tlocal ask=() here=''\n"
	      "\tlocal verbs='",
	      stdout);
	completion_put_names(applets);
	fputs("'\n"
	      "\n"
	      "\t# A colon is part of phys:ADDR+SIZE, both are of the names of branches.\n"
	      "\t_init_completion -s -n :@ || return\n"
	      "\tcase ${words[0]##*/} in\n",
	      stdout);
	for (const struct applet *a = applets; a->name; a++) {
		if (!a->links[0])
			continue;
		putchar('\t');
		completion_put_links(a, " | ");
		printf(") verb=%s ;;\n", a->name);
	}
	fputs("\t*) verb=${words[1]-} first=2 ;;\n"
	      "\tesac\n"
	      "\tif ((cword < first)); then\n"
	      "\t\t[[ $cur != -* ]] || verbs='",
	      stdout);
	completion_put_names(applet_plain);
	fputs("'\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\")\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\t_daxfsctl_row \"$verb\" || return\n"
	      "\n"
	      "\tfor ((i = first; i < cword; i++)); do\n"
	      "\t\tif [[ $option ]]; then\n"
	      "\t\t\t_daxfsctl_given \"$option\" \"${words[i]}\"\n"
	      "\t\t\toption=''\n"
	      "\t\telif [[ ! $ended && ${words[i]} == -- ]]; then\n"
	      "\t\t\tended=1\n"
	      "\t\telif [[ ! $ended && ${words[i]} == -?* ]]; then\n"
	      "\t\t\t_daxfsctl_option \"${words[i]}\"\n"
	      "\t\telse\n"
	      "\t\t\t_daxfsctl_given \"${operands[n]-}\" \"${words[i]}\"\n"
	      "\t\t\t[[ ${operands[n]-} != word ]] || _daxfsctl_row \"$verb ${words[i]}\"\n"
	      "\t\t\tn=$((n + 1))\n"
	      "\t\tfi\n"
	      "\tdone\n"
	      "\t[[ $split != true ]] || _daxfsctl_kind \"$prev\"\n"
	      "\n"
	      "\tif [[ $option || $split == true ]]; then\n"
	      "\t\tkind=$option\n"
	      "\telif [[ ! $ended && $cur == -* ]]; then\n"
	      "\t\tkind=option\n"
	      "\telse\n"
	      "\t\tkind=${operands[n]-}\n"
	      "\tfi\n"
	      "\tcase $kind in\n"
	      "\tfile | source) _filedir ;;\n"
	      "\tdirectory | mount) _filedir -d ;;\n"
	      "\tbranch) _daxfsctl_branches \"$cur\" ;;\n"
	      "\t# The shell replaces what is behind the equals sign, unless there are quotes.\n"
	      "\tlist)\n"
	      "\t\t[[ ${cur##*,} == branch=* && $cur != [\\\"\\']* ]] || return 0\n"
	      "\t\tcur=${cur##*,branch=}\n"
	      "\t\tcur=${cur#branch=}\n"
	      "\t\t_daxfsctl_branches \"$cur\"\n"
	      "\t\t;;\n"
	      "\toption) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\") ;;\n"
	      "\tword) mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$cur\") ;;\n"
	      "\tesac\n"
	      "\t_daxfsctl_trim \"$cur\"\n"
	      "} &&\n"
	      "\tcomplete -F _daxfsctl daxfsctl",
	      stdout);
	completion_put_all_links(" ");
	putchar('\n');
}
