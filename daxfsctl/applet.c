// SPDX-License-Identifier: GPL-2.0-only
/*
 * The applet table, and what follows from a row of it: usage, getopt tables,
 * messages of wrong use. Runs no applet.
 */
#include "applet.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "message.h"

#define OPTIONS_MAX 64

static const char *const mkfs_links[] = { "mkdaxfs", "mkfs.daxfs", NULL };
static const char *const mount_links[] = { "mount.daxfs", NULL };
static const char *const umount_links[] = { "umount.daxfs", NULL };
static const char *const branch_links[] = { "daxfs-branch", NULL };
static const char *const inspect_links[] = { "daxfs-inspect", NULL };
static const char *const save_links[] = { "daxfs-save", NULL };
static const char *const fsck_links[] = { "fsck.daxfs", NULL };
static const char *const no_links[] = { NULL };
static const struct applet_option no_options[] = { { 0 } };

/* Those of branch.c, which knows what they do. */
static const struct applet_word branch_words[] = {
	{ "create", "a new branch, and show it", "NAME" },
	{ "list", "all branches", "" },
	{ "show", "what there is to say of one branch", "BRANCH" },
	{ "switch", "show another branch", "BRANCH" },
	{ "diff", "what a branch changed", "BRANCH" },
	{ "commit", "a branch into its parent, and discard its siblings", "BRANCH" },
	{ "abort", "discard a branch", "BRANCH" },
	{ "rename", "give a branch another name", "BRANCH NAME" },
	{ "mount", "another branch at another directory", "BRANCH DIR" },
	{ 0 }
};

/* Those of inspect.c, which knows what they do. */
static const struct applet_word inspect_words[] = {
	{ "ls", "the names in a directory", "PATH" },
	{ "stat", "everything the image says of a file", "PATH" },
	{ "cat", "the contents of a file", "PATH" },
	{ "extents", "where the contents are", "PATH" },
	{ "extract", "files, written to a directory", "PATH" },
	{ "log", "the records of a branch's log", "BRANCH" },
	{ "layout", "a picture of the region", "" },
	{ 0 }
};

const struct applet applets[] = {
	{ "mkfs", mkfs_links, cmd_mkfs,
	  "[OPTION]... -d DIR|--tar FILE|- -o FILE|DEVICE|-\n"
	  "[OPTION]... -d DIR|--tar FILE|- -p ADDR -s SIZE\n"
	  "[OPTION]... -d DIR|--tar FILE|- -H HEAP [-s SIZE] -m MOUNTPOINT",
	  "Make a daxfs image from a directory tree or a tar archive.", mkfs_options, "FILE|DEVICE",
	  NULL, "" },
	{ "mount", mount_links, cmd_mount, "[OPTION]... SOURCE DIR",
	  "Mount a daxfs: a device, a physical range, or an image file loaded into memory.",
	  mount_options, "SOURCE DIR", NULL, "" },
	{ "umount", umount_links, cmd_umount, "[OPTION]... DIR",
	  "Unmount a daxfs, and write its memory back to its image file if that was asked for.",
	  umount_options, "DIR", NULL, "" },
	{ "branch", branch_links, cmd_branch,
	  "create NAME -m DIR [-p BRANCH] [--stay]\n"
	  "create NAME -m EMPTYDIR [-p BRANCH] [--volume DIR|-s SOURCE]\n"
	  "list|show|switch|diff|commit|abort [-m DIR] [OPTION]... [NAME]\n"
	  "list -s SOURCE [OPTION]...\n"
	  "diff -s SOURCE [--stat|--json] [NAME]\n"
	  "rename OLD NEW [-m DIR]\n"
	  "mount NAME DIR [--volume DIR]",
	  "Make, show, commit and discard the branches of a mounted daxfs.",
	  branch_options, "VERB", branch_words, "mount volume" },
	{ "inspect", inspect_links, cmd_inspect,
	  "[OPTION]... SOURCE\n"
	  "[OPTION]... SOURCE ls|stat|cat|extents PATH\n"
	  "[--branch BRANCH] SOURCE extract -C DIR [PATH]\n"
	  "[OPTION]... SOURCE log [BRANCH]\n"
	  "[OPTION]... SOURCE layout\n"
	  "--udev DEVICE",
	  "Show what an image holds, without mounting it.", inspect_options,
	  "SOURCE VERB", inspect_words, "" },
	{ "fsck", fsck_links, cmd_fsck, "[OPTION]... SOURCE",
	  "Check an image completely.", fsck_options, "SOURCE", NULL, "" },
	{ "save", save_links, cmd_save, "[OPTION]... SOURCE FILE|-\n"
	  "[OPTION]... [--branch BRANCH] --flat SOURCE FILE|-",
	  "Save what is in a region, mounted or not, to an image file.", save_options,
	  "SOURCE FILE", NULL, "" },
	{ "list", no_links, cmd_list, "[OPTION]... [SOURCE]...",
	  "List every daxfs that can be seen: on devices, in files, mounted.",
	  list_options, "SOURCE", NULL, "" },
	{ "help", no_links, cmd_help, "[VERB]", "Explain a verb, or list all.",
	  no_options, "VERB", NULL, "" },
	{ "version", no_links, cmd_version, "", "Print the version.", no_options, "",
	  NULL, "" },
	{ 0 }
};

static const struct applet_option install_options[] = { { 's', NULL, NULL,
							  "make symbolic links" },
							{ 0 } };

const struct applet applet_plain[] = {
	{ "--help", no_links, NULL, "", "print this and exit", no_options, "", NULL, "" },
	{ "--version", no_links, NULL, "", "print the version and exit", no_options, "",
	  NULL, "" },
	{ "--list", no_links, NULL, "", "print the names this program can be called by",
	  no_options, "", NULL, "" },
	{ "--install", no_links, NULL, "[-s] DIR",
	  "link itself to these names in DIR; -s: symbolic links", install_options, "DIR",
	  NULL, "" },
	{ 0 }
};

const struct applet *applet_find(const char *name)
{
	for (const struct applet *a = applets; a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

static bool has_letter(const struct applet *a, char letter)
{
	for (const struct applet_option *o = a->options; o->long_name || o->short_name;
	     o++)
		if (o->short_name == letter)
			return true;
	return false;
}

static bool has_long_name(const struct applet *a, const char *name)
{
	for (const struct applet_option *o = a->options; o->long_name || o->short_name;
	     o++)
		if (o->long_name && strcmp(o->long_name, name) == 0)
			return true;
	return false;
}

/* Is it what getopt returns for an option of the row, or for --help? */
static bool is_letter_of(const struct applet *a, int letter)
{
	return letter == 'h' ||
	       (letter > 0 && letter < 128 && has_letter(a, (char)letter));
}

const struct option *applet_long_options(const struct applet *a)
{
	static struct option table[OPTIONS_MAX + 2];
	size_t n = 0;

	memset(table, 0, sizeof(table));
	for (const struct applet_option *o = a->options;
	     (o->long_name || o->short_name) && n < OPTIONS_MAX; o++) {
		if (!o->long_name)
			continue;
		table[n].name = o->long_name;
		table[n].has_arg = o->argument ? required_argument : no_argument;
		table[n].val = (unsigned char)o->short_name;
		n++;
	}
	if (!has_long_name(a, "help")) {
		table[n].name = "help";
		table[n].val = 'h';
	}
	return table;
}

const char *applet_short_options(const struct applet *a)
{
	static char text[OPTIONS_MAX * 2 + 3];
	char *p = text;

	/* The applet says what is wrong, in one form; getopt keeps quiet. */
	*p++ = ':';
	for (const struct applet_option *o = a->options;
	     (o->long_name || o->short_name) && p < text + sizeof(text) - 4; o++) {
		if (!isgraph((unsigned char)o->short_name))
			continue;
		*p++ = o->short_name;
		if (o->argument)
			*p++ = ':';
	}
	if (!has_letter(a, 'h'))
		*p++ = 'h';
	*p = '\0';
	return text;
}

const char *applet_option_name(const struct applet_option *options, int letter)
{
	for (; options->short_name || options->long_name; options++)
		if (options->short_name == letter)
			return options->long_name ? options->long_name : "";
	return "";
}

static void print_option(const struct applet_option *o)
{
	char left[80];
	int n = 0;

	if (isgraph((unsigned char)o->short_name))
		n = snprintf(left, sizeof(left), "-%c%s", o->short_name,
			     o->long_name ? ", " : "");
	else
		n = snprintf(left, sizeof(left), "    ");
	if (o->long_name)
		n += snprintf(left + n, sizeof(left) - n, "--%s", o->long_name);
	if (o->argument)
		snprintf(left + n, sizeof(left) - n, " %s", o->argument);
	printf("  %-26s %s\n", left, o->help);
}

void applet_usage(const struct applet *a)
{
	static const struct applet_option help = { 'h', "help", NULL,
						   "print this and exit" };
	const char *line = a->synopsis;
	const char *head = "Usage:";

	while (line) {
		const char *end = strchr(line, '\n');
		int n = end ? (int)(end - line) : (int)strlen(line);

		printf("%-6s daxfsctl %s%s%.*s\n", head, a->name, n ? " " : "", n, line);
		head = "";
		line = end ? end + 1 : NULL;
	}
	if (a->links[0]) {
		printf("       as %s", a->links[0]);
		for (const char *const *link = a->links + 1; *link; link++)
			printf(" or %s", *link);
		puts(" with the same arguments");
	}
	printf("\n%s\n\nOptions:\n", a->help);
	for (const struct applet_option *o = a->options; o->long_name || o->short_name;
	     o++)
		print_option(o);
	if (!has_long_name(a, "help"))
		print_option(&help);
}

int applet_wrong_use(const char *verb, int status, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	message_error("%s", text);
	fprintf(stderr, "Try 'daxfsctl %s%s--help'.\n", verb ? verb : "",
		verb ? " " : "");
	return status;
}

int applet_wrong_option(const char *verb, int status, int letter, char **argv)
{
	const char *last = argv[optind - 1];
	bool is_long = strncmp(last, "--", 2) == 0;

	if (letter == ':' && is_long)
		return applet_wrong_use(verb, status, "option \"%s\" needs an argument",
					last);
	if (letter == ':')
		return applet_wrong_use(verb, status, "option \"-%c\" needs an argument",
					optopt);
	/*
	 * getopt leaves in optopt what a long option stands for that was given
	 * an argument and takes none, nothing for one that it does not know.
	 */
	if (is_long && strchr(last, '=') && is_letter_of(applet_find(verb), optopt))
		return applet_wrong_use(verb, status, "option \"%.*s\" takes no argument",
					(int)strcspn(last, "="), last);
	if (!optopt)
		return applet_wrong_use(verb, status, "unknown option \"%s\"", last);
	/* Of bundled letters: last is not yet the word that this one is in. */
	return applet_wrong_use(verb, status, "unknown option \"-%c\"", optopt);
}
