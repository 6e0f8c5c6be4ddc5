// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl: finds the applet that argv[0] or the first argument names, and runs
 * it. Owns the applet table and what follows from it: usage, getopt tables,
 * the links. Knows nothing of what the applets do.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <daxfs/format.h>

#include "applet.h"
#include "charset.h"
#include "message.h"

#ifndef DAXFS_RELEASE
#define DAXFS_RELEASE "unknown"
#endif

#define OPTIONS_MAX 64

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

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

static const struct applet *find_by_link(const char *name)
{
	for (const struct applet *a = applets; a->name; a++)
		for (const char *const *link = a->links; *link; link++)
			if (strcmp(*link, name) == 0)
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

static int list_applets(void)
{
	puts("Usage: daxfsctl VERB [ARGUMENT]...\n"
	     "       daxfsctl --list\n"
	     "       daxfsctl --install [-s] DIR\n"
	     "\n"
	     "Makes, mounts, shows and checks daxfs images.\n"
	     "\n"
	     "Verbs:");
	for (const struct applet *a = applets; a->name; a++)
		printf("  %-10s %s\n", a->name, a->help);
	puts("\nOptions:");
	for (const struct applet *a = applet_plain; a->name; a++)
		printf("  %s %-*s %s\n", a->name, 17 - (int)strlen(a->name), a->synopsis,
		       a->help);
	puts("\n'daxfsctl help VERB' explains a verb.");
	return EXIT_OK;
}

static int cmd_help(int argc, char **argv)
{
	const struct applet *a;

	if (argc > 2)
		return applet_wrong_use(NULL, EXIT_USAGE,
					"one verb at a time, not \"%s\"", argv[2]);
	if (argc < 2 || strcmp(argv[1], "--help") == 0)
		return list_applets();
	a = applet_find(argv[1]);
	if (!a)
		a = find_by_link(argv[1]);
	if (!a)
		return applet_wrong_use(NULL, EXIT_USAGE, "there is no verb \"%s\"",
					argv[1]);
	applet_usage(a);
	return EXIT_OK;
}

static int print_version(void)
{
	printf("daxfsctl %s (media format %u)\n", DAXFS_RELEASE, DAXFS_VERSION);
	return EXIT_OK;
}

static int cmd_version(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		applet_usage(applet_find("version"));
		return EXIT_OK;
	}
	if (argc > 1)
		return applet_wrong_use(NULL, EXIT_USAGE, "unexpected argument \"%s\"",
					argv[1]);
	return print_version();
}

static int list_links(void)
{
	for (const struct applet *a = applets; a->name; a++)
		for (const char *const *link = a->links; *link; link++)
			puts(*link);
	return EXIT_OK;
}

/* 0 also when the link is there already and leads to this program. */
static int make_link(const char *self, int dir, const char *name, bool symbolic)
{
	struct stat mine, theirs;
	int err;

	if (symbolic)
		err = symlinkat(self, dir, name);
	else
		err = linkat(AT_FDCWD, self, dir, name, 0);
	if (!err)
		return 0;
	err = -errno;
	if (err == -EEXIST && stat(self, &mine) == 0 &&
	    fstatat(dir, name, &theirs, 0) == 0 && mine.st_dev == theirs.st_dev &&
	    mine.st_ino == theirs.st_ino)
		return 0;
	return err;
}

static int install_links(int argc, char **argv)
{
	bool symbolic = argc > 2 && strcmp(argv[2], "-s") == 0;
	const char *path = argv[symbolic ? 3 : 2];
	char self[PATH_MAX];
	int status = EXIT_OK;
	ssize_t n;
	int dir;

	if (argc != (symbolic ? 4 : 3) || (path[0] == '-' && path[1]))
		return applet_wrong_use(
			NULL, EXIT_USAGE,
			"--install takes one directory, and -s before it");
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0) {
		message_error("/proc/self/exe: %s", strerror(errno));
		return EXIT_FAILED;
	}
	self[n] = '\0';
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		message_error("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	for (const struct applet *a = applets; a->name; a++) {
		for (const char *const *link = a->links; *link; link++) {
			int err = make_link(self, dir, *link, symbolic);

			if (!err)
				continue;
			message_error("%s/%s: cannot be made a link to %s: %s", path,
				      *link, self, strerror(-err));
			if (err == -EXDEV)
				message_hint(
					"use -s: hard links cannot lead to another filesystem");
			status = err == -EEXIST ? EXIT_REFUSED : EXIT_FAILED;
		}
	}
	close(dir);
	return status;
}

/* Options in place of a verb with which nothing goes. */
static const struct {
	const char *name;
	int (*run)(void);
} lone_options[] = {
	{ "--help", list_applets },	{ "-h", list_applets },
	{ "--version", print_version }, { "-V", print_version },
	{ "--list", list_links },
};

/* Arguments of daxfsctl itself, without an applet. */
static int run_plain(int argc, char **argv)
{
	const struct applet *a;

	if (argc < 2)
		return applet_wrong_use(NULL, EXIT_USAGE, "no verb given");
	a = applet_find(argv[1]);
	if (a) {
		/* help and version speak for daxfsctl as a whole */
		if (a->run != cmd_help && a->run != cmd_version)
			message_set_verb(a->name);
		if (argc == 3 && strcmp(argv[2], "--version") == 0)
			return print_version();
		return a->run(argc - 1, argv + 1);
	}
	for (size_t i = 0; i < sizeof(lone_options) / sizeof(lone_options[0]); i++) {
		if (strcmp(lone_options[i].name, argv[1]) != 0)
			continue;
		if (argc > 2)
			return applet_wrong_use(NULL, EXIT_USAGE,
						"unexpected argument \"%s\"", argv[2]);
		return lone_options[i].run();
	}
	if (strcmp(argv[1], "--install") == 0)
		return install_links(argc, argv);
	if (strcmp(argv[1], "--completions") == 0)
		return cmd_completions(argc - 1, argv + 1);
	return applet_wrong_use(NULL, EXIT_USAGE, "%s \"%s\"",
				argv[1][0] == '-' ? "unknown option" : "there is no verb",
				argv[1]);
}

int main(int argc, char **argv)
{
	const struct applet *a;
	const char *name;
	int status;

	charset_init();
	name = argc && argv[0] ? strrchr(argv[0], '/') : NULL;
	name = name ? name + 1 : argc ? argv[0] : "daxfsctl";
	a = find_by_link(name);
	if (a) {
		message_set_verb(a->name);
		if (argc == 2 && strcmp(argv[1], "--version") == 0)
			status = print_version();
		else
			status = a->run(argc, argv);
	} else {
		status = run_plain(argc, argv);
	}

	/* What was to be shown and was not is a failure. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		message_error("standard output: %s", strerror(errno));
		if (status == EXIT_OK)
			status = EXIT_FAILED;
	}
	return status;
}
