// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl: finds the applet that argv[0] or the first argument names, and runs
 * it; makes the links. Knows nothing of what the applets do.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static const struct applet *find_by_link(const char *name)
{
	for (const struct applet *a = applets; a->name; a++)
		for (const char *const *link = a->links; *link; link++)
			if (strcmp(*link, name) == 0)
				return a;
	return NULL;
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

int cmd_help(int argc, char **argv)
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

int cmd_version(int argc, char **argv)
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
