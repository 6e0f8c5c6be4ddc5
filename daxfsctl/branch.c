// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl branch: its arguments. Decides which options belong to which verb;
 * what the verbs do is in files of their own.
 */
#include "branch.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "applet.h"
#include "fault.h"

enum { OPT_STAY = 1, OPT_VOLUME, OPT_STAT, OPT_DRY_RUN, OPT_TO_ROOT };

const struct applet_option branch_options[] = {
	{ 'm', "mount", "DIR",
	  "the mounted daxfs (default: the one that holds the current directory)" },
	{ 'p', "parent", "BRANCH",
	  "create: the branch to start from (default: what DIR shows)" },
	{ OPT_STAY, "stay", NULL, "create: DIR goes on showing what it shows" },
	{ OPT_VOLUME, "volume", "DIR",
	  "create, mount: a mount of the image, when DIR is not to be one yet" },
	{ 's', "source", "SOURCE",
	  "create: the image, when it is not mounted yet; list, diff: look there" },
	{ OPT_STAT, "stat", NULL,
	  "diff, commit --dry-run: print sizes, and a summary at the end" },
	{ OPT_DRY_RUN, "dry-run", NULL,
	  "commit: print what would happen, change nothing" },
	{ OPT_TO_ROOT, "to-root", NULL, "commit: level by level, up to main" },
	{ 'J', "json", NULL, "list, show, diff, commit --dry-run: print JSON" },
	{ 'o', "output", "COLUMNS", "list: these columns, separated by commas" },
	{ 'O', "output-all", NULL, "list: all columns" },
	{ 'P', "pairs", NULL, "list: print KEY=\"value\" pairs" },
	{ 'r', "raw", NULL, "list: print without alignment" },
	{ 'n', "noheadings", NULL, "list: print no headings" },
	{ 'b', "bytes", NULL, "list, show: print sizes in bytes" },
	{ 'y', "yes", NULL, "commit: do not ask, also on a terminal" },
	{ 'q', "quiet", NULL, "say nothing when all is well" },
	{ 0 }
};

/* One row per verb. */
static const struct branch_verb {
	const char *name;
	int (*run)(const struct branch_args *args);
	unsigned int least, most; /* operands */
	const char *operands[2];
	const char *letters; /* options it takes besides -m */
} verbs[] = {
	{ "create", cmd_branch_create, 1, 1, { "NAME" }, "pqs\1\2" },
	{ "list", cmd_branch_list, 0, 0, { NULL }, "JoOPrnbs" },
	{ "show", cmd_branch_show, 0, 1, { "NAME" }, "Jb" },
	{ "switch", cmd_branch_switch, 1, 1, { "NAME" }, "q" },
	{ "diff", cmd_branch_diff, 0, 1, { "NAME" }, "Js\3" },
	{ "commit", cmd_branch_commit, 0, 1, { "NAME" }, "qyJ\3\4\5" },
	{ "abort", cmd_branch_abort, 0, 1, { "NAME" }, "q" },
	{ "rename", cmd_branch_rename, 2, 2, { "OLD", "NEW" }, "q" },
	{ "mount", cmd_branch_mount, 2, 2, { "NAME", "DIR" }, "q\2" },
};

static const struct branch_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static void take_option(struct branch_args *args, int letter)
{
	switch (letter) {
	case 'm':
		args->mount = optarg;
		break;
	case 'p':
		args->parent = optarg;
		break;
	case 's':
		args->source = optarg;
		break;
	case OPT_VOLUME:
		args->volume = optarg;
		break;
	case OPT_STAY:
		args->stay = true;
		break;
	case OPT_STAT:
		args->stat = true;
		break;
	case OPT_DRY_RUN:
		args->dry_run = true;
		break;
	case OPT_TO_ROOT:
		args->to_root = true;
		break;
	case 'y':
		args->yes = true;
		break;
	case 'q':
		args->quiet = true;
		break;
	default:
		table_take_option(&args->table, letter, optarg);
	}
}

/* Operands into args; an exit status. */
static int take_operands(struct branch_args *args, const struct branch_verb *verb,
			 int argc, char **argv)
{
	if ((unsigned int)argc < verb->least)
		return applet_wrong_use("branch", EXIT_USAGE, "%s needs %s %s",
					verb->name,
					verb->operands[argc][0] == 'O' ? "an" : "a",
					verb->operands[argc]);
	if ((unsigned int)argc > verb->most)
		return applet_wrong_use("branch", EXIT_USAGE,
					"unexpected argument \"%s\"", argv[verb->most]);
	for (int i = 0; i < argc; i++)
		args->names[i] = argv[i];
	return EXIT_OK;
}

/* What excludes what; an exit status. */
static int check_options(const struct branch_args *args)
{
	const char *bad;
	size_t len;

	if (table_contradiction(&args->table))
		return applet_wrong_use("branch", EXIT_USAGE, "%s",
					table_contradiction(&args->table));
	if ((args->table.json || args->stat) && !args->dry_run &&
	    strcmp(args->verb, "commit") == 0)
		return applet_wrong_use("branch", EXIT_USAGE,
					"commit takes no --%s without --dry-run",
					args->table.json ? "json" : "stat");
	if (args->table.json && args->stat)
		return applet_wrong_use("branch", EXIT_USAGE,
					"--json and --stat exclude each other");
	if (args->source && args->volume)
		return applet_wrong_use("branch", EXIT_USAGE,
					"--source and --volume exclude each other");
	if (args->source && args->mount && strcmp(args->verb, "create") != 0)
		return applet_wrong_use("branch", EXIT_USAGE,
					"--source and --mount exclude each other");
	if ((args->source || args->volume) && !args->mount &&
	    strcmp(args->verb, "create") == 0)
		return applet_wrong_use("branch", EXIT_USAGE,
					"create: say with -m where to mount the branch");
	if (args->mount && strcmp(args->verb, "mount") == 0)
		return applet_wrong_use("branch", EXIT_USAGE,
					"mount takes --volume DIR, not -m");
	if (args->table.chosen && branch_columns_check(args->table.chosen, &bad, &len) != 0)
		return applet_wrong_use("branch", EXIT_USAGE,
					"there is no column \"%.*s\"", (int)len, bad);
	return EXIT_OK;
}

/* Names that are about to be given must be names; those of branches just may not be there. */
static int check_new_name(const char *name)
{
	if (branch_name_is_legal(name))
		return EXIT_OK;
	return applet_wrong_use(
		"branch", EXIT_USAGE,
		"\"%s\" cannot be a branch's name: that is 1 to %d bytes of A-Z a-z 0-9 . _ - / @ + : and letters in UTF-8, the first no . or -",
		name, DAXFS_BRANCH_NAME_SIZE - 1);
}

int cmd_branch(int argc, char **argv)
{
	const struct applet *applet = applet_find("branch");
	const struct branch_verb *verb;
	struct branch_args args = { 0 };
	char seen[32] = "";
	size_t n = 0;
	int letter, status;

	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		if (letter == 'h') {
			applet_usage(applet);
			return EXIT_OK;
		}
		if (letter == '?' || letter == ':')
			return applet_wrong_option("branch", EXIT_USAGE, letter, argv);
		take_option(&args, letter);
		if (!strchr(seen, letter) && n < sizeof(seen) - 1)
			seen[n++] = (char)letter;
	}
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return applet_wrong_use("branch", EXIT_USAGE, "no verb given");
	verb = find_verb(argv[0]);
	if (!verb)
		return applet_wrong_use("branch", EXIT_USAGE, "there is no verb \"%s\"",
					argv[0]);
	args.verb = verb->name;
	for (const char *p = seen; *p; p++)
		if (*p != 'm' && !strchr(verb->letters, *p))
			return applet_wrong_use("branch", EXIT_USAGE, "%s takes no --%s",
						verb->name, applet_option_name(branch_options, *p));
	status = take_operands(&args, verb, argc - 1, argv + 1);
	if (!status)
		status = check_options(&args);
	if (!status && verb->run == cmd_branch_create)
		status = check_new_name(args.names[0]);
	if (!status && verb->run == cmd_branch_rename)
		status = check_new_name(args.names[1]);
	if (status)
		return status;
	/* diff and list read a mapped region. */
	fault_exits_with(EXIT_FAILED);
	return verb->run(&args);
}
