// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completions for bash, zsh and fish, written from the applet table. Owns what
 * the shells are told; knows nothing of what the applets do. What it writes
 * looks at no device, and runs one program in one case: where a branch is
 * wanted, "daxfsctl branch list" asks the mount that was named, or the one that
 * holds the current directory, or reads the image that was named if it is a
 * regular file. That is what every user may do who can read the file; when it
 * fails nothing is offered, and nothing is said.
 */
#include "completion.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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

/* Is there a branch in what stands for a word? A list is one of mount options. */
static bool wants_branch(const char *placeholders)
{
	size_t len = strlen(placeholders);

	return placeholder_has(placeholders, len, "BRANCH") ||
	       placeholder_has(placeholders, len, "LIST");
}

bool completion_has_branches(const struct applet *a)
{
	const struct applet_option *o = NULL;

	while ((o = completion_next_option(a, o)))
		if (o->argument && wants_branch(o->argument))
			return true;
	for (const struct applet_word *w = a->words; w && w->name; w++)
		if (wants_branch(w->operands))
			return true;
	return false;
}

enum kind completion_kind(const struct applet *a, const char *placeholder, size_t len)
{
	static const char *const files[] = { "FILE", "DEVICE", "SOURCE", "NS" };

	if (placeholder_has(placeholder, len, "SOURCE") && completion_has_branches(a))
		return KIND_SOURCE;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (placeholder_has(placeholder, len, files[i]))
			return KIND_FILE;
	if (placeholder_has(placeholder, len, "DIR"))
		return KIND_DIRECTORY;
	if (placeholder_has(placeholder, len, "VERB"))
		return KIND_WORD;
	if (placeholder_has(placeholder, len, "BRANCH"))
		return KIND_BRANCH;
	if (placeholder_has(placeholder, len, "LIST"))
		return KIND_LIST;
	return KIND_NOTHING;
}

enum kind completion_option_kind(const struct applet *a, const struct applet_option *o)
{
	if (*a->mounts && o->long_name &&
	    placeholder_has(a->mounts, strlen(a->mounts), o->long_name))
		return KIND_MOUNT;
	return completion_kind(a, o->argument, strlen(o->argument));
}

const char *completion_kind_name(enum kind kind)
{
	static const char *const names[] = {
		[KIND_NOTHING] = "nothing",	[KIND_FILE] = "file",
		[KIND_DIRECTORY] = "directory", [KIND_WORD] = "word",
		[KIND_BRANCH] = "branch",	[KIND_MOUNT] = "mount",
		[KIND_SOURCE] = "source",	[KIND_LIST] = "list",
	};

	return names[kind];
}

/* The next operand of a row: 0 after the last one, else its length. */
size_t completion_next_operand(const char **operand, size_t len)
{
	*operand += len;
	*operand += strspn(*operand, " ");
	return strcspn(*operand, " ");
}

int completion_count_operands(const char *operand)
{
	size_t len = 0;
	int count = 0;

	while ((len = completion_next_operand(&operand, len)) != 0)
		count++;
	return count;
}

/* The most operands that any of an applet's words has. */
int completion_most_after(const struct applet *a)
{
	int most = 0;

	for (const struct applet_word *w = a->words; w && w->name; w++)
		if (completion_count_operands(w->operands) > most)
			most = completion_count_operands(w->operands);
	return most;
}

/*
 * Steps through the options of a row, from NULL to NULL, --help included: the
 * table leaves it to main.c, except where the letter or name is taken.
 */
const struct applet_option *completion_next_option(const struct applet *a,
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

bool completion_has_letter(const struct applet_option *o)
{
	return isgraph((unsigned char)o->short_name);
}

/* Shells sort what they offer: "the same" would no longer stand below what it means. */
const char *completion_option_help(const struct applet *a, const struct applet_option *o)
{
	while (strcmp(o->help, "the same") == 0 && o > a->options)
		o--;
	return o->help;
}

/* The names of the options of one kind and the numbers of such operands, a blank before each. */
void completion_put_all_of(const struct applet *a, enum kind kind)
{
	const struct applet_option *o = NULL;
	const char *operand = a->operands;
	size_t len = 0;

	while ((o = completion_next_option(a, o))) {
		if (!o->argument || completion_option_kind(a, o) != kind)
			continue;
		if (completion_has_letter(o))
			printf(" -%c", o->short_name);
		if (o->long_name)
			printf(" --%s", o->long_name);
	}
	for (int i = 1; (len = completion_next_operand(&operand, len)) != 0; i++)
		if (completion_kind(a, operand, len) == kind)
			printf(" %d", i);
}

/* Prints what stands between single quotes; each of "special" gets a backslash. */
void completion_put_quoted(const char *text, const char *special, const char *quote)
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
void completion_put_links(const struct applet *a, const char *between)
{
	for (const char *const *link = a->links; *link; link++)
		printf("%s%s", link == a->links ? "" : between, *link);
}

void completion_put_all_links(const char *before)
{
	for (const struct applet *a = applets; a->name; a++)
		for (const char *const *link = a->links; *link; link++)
			printf("%s%s", before, *link);
}

void completion_put_names(const struct applet *table)
{
	for (const struct applet *a = table; a->name; a++)
		printf("%s%s", a == table ? "" : " ", a->name);
}

/* Calls "put" for each row after whose name something can be completed. */
void completion_for_each_row(void (*put)(const struct applet *a))
{
	for (const struct applet *a = applets; a->name; a++)
		put(a);
	for (const struct applet *a = applet_plain; a->name; a++)
		if (*a->operands || completion_next_option(a, NULL))
			put(a);
}

int cmd_completions(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {
		{ "bash", completion_bash },
		{ "zsh", completion_zsh },
		{ "fish", completion_fish },
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
