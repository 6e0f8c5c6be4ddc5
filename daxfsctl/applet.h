/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The applet table: one row per applet, from which dispatch, usage, the list
 * of links, completions and man synopses come.
 */
#ifndef DAXFSCTL_APPLET_H
#define DAXFSCTL_APPLET_H

#include <stdbool.h>

/* One option of an applet, for help and completions. */
struct applet_option {
	char short_name;	/* a letter, or 1 to 31 for an option without one: what getopt returns */
	const char *long_name;
	const char *argument;	/* placeholder, e.g. "FILE"; NULL: takes none */
	const char *help;
};

/* A word that an applet takes as an operand, for completions. */
struct applet_word {
	const char *name;
	const char *help;
	const char *operands;	/* placeholders of what comes after it, as those of an applet */
};

struct applet {
	const char *name;		/* the verb */
	const char *const *links;	/* argv[0] names that lead here, NULL-ended */
	int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit status */
	const char *synopsis;		/* after the verb; lines separated by '\n' */
	const char *help;		/* one line */
	const struct applet_option *options; /* ended by an all-zero row */
	/*
	 * Placeholders in order, one space between them. Where there are words, VERB
	 * is the last. BRANCH is a branch that is there, of the mount or the SOURCE
	 * that is named.
	 */
	const char *operands;
	const struct applet_word *words; /* what VERB among them stands for; NULL: an applet */
	/*
	 * Long names of options that name the mount of a BRANCH, likewise; when none
	 * is given it is the one that holds the current directory. "": no BRANCH, or
	 * of a SOURCE only.
	 */
	const char *mounts;
};

/* Exit statuses of mkfs, inspect, list, branch. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,	/* not daxfs, or no such thing */
	EXIT_REFUSED = 4,	/* would destroy, busy, stale, frozen */
};

/* applet.c */
extern const struct applet applets[];	/* ended by a row without name */
/* What daxfsctl takes in place of a verb: rows without links and functions. */
extern const struct applet applet_plain[]; /* ended likewise */
/*
 * getopt tables made from the row's options; the caller frees nothing. They
 * hold -h/--help too (getopt returns 'h') where the row does not use these
 * itself. "--version" alone never reaches an applet.
 */
struct option;
const struct option *applet_long_options(const struct applet *a);
const char *applet_short_options(const struct applet *a);
const struct applet *applet_find(const char *name);
/* The long name of the option that getopt returns as letter. */
const char *applet_option_name(const struct applet_option *options, int letter);
void applet_usage(const struct applet *a);	/* the --help text, to stdout */
/* "daxfsctl: mkfs: ..." and "Try 'daxfsctl mkfs --help'." to stderr; returns status. */
int applet_wrong_use(const char *verb, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for what getopt_long() returned '?' or ':' for. */
int applet_wrong_option(const char *verb, int status, int letter, char **argv);

/* Option tables and functions, each in the file of its applet. */
extern const struct applet_option mkfs_options[], mount_options[],
	branch_options[], inspect_options[], fsck_options[],
	list_options[], save_options[], umount_options[];
int cmd_mkfs(int argc, char **argv);
int cmd_mount(int argc, char **argv);
int cmd_branch(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_fsck(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_save(int argc, char **argv);
int cmd_umount(int argc, char **argv);

/* main.c */
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* completion.c: "--completions SHELL", which is not in the table: packagers know it. */
int cmd_completions(int argc, char **argv);

#endif
