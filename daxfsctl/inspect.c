// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect: its arguments, and which verb runs on what. Every byte of
 * the image is somebody else's: it is read through the core only, which checks,
 * and shown through escape.h only.
 */
#include "inspect.h"

#include <getopt.h>

#include "applet.h"
#include "fault.h"
#include "message.h"

enum { OPTION_BRANCH = 1, OPTION_UDEV };

const struct applet_option inspect_options[] = {
	{ 'l', "long", NULL, "ls: mode, links, owner, size and time as well" },
	{ 'R', "recursive", NULL, "ls: what is in the directories below as well" },
	{ 'C', "directory", "DIR", "extract: where to" },
	{ OPTION_BRANCH, "branch", "BRANCH", "show files of this branch, not of main" },
	{ 'b', "bytes", NULL, "print sizes in bytes" },
	{ 'J', "json", NULL, "print JSON" },
	{ OPTION_UDEV, "udev", NULL, "print what udev wants to know, reading 4 KiB" },
	{ 0 }
};

/* One row per verb after SOURCE. */
static const struct inspect_verb {
	const char *name;
	int (*run)(struct inspect *in, const char *operand);
	const char *operand; /* its placeholder; NULL: it takes none */
	const char *otherwise; /* when it is not given; NULL: it must be */
	const char *options; /* the letters it takes */
	bool live; /* it reads the memory behind a mount, too */
} verbs[] = {
	{ "ls", inspect_ls, "PATH", "/", "lR\1bJ", false },
	{ "stat", inspect_stat, "PATH", NULL, "\1bJ", false },
	{ "cat", inspect_cat, "PATH", NULL, "\1", false },
	{ "extents", inspect_extents, "PATH", NULL, "\1bJ", false },
	{ "extract", inspect_extract, "PATH", "/", "C\1", false },
	{ "log", inspect_log, "BRANCH", "main", "bJ", true },
	{ "layout", inspect_layout, NULL, NULL, "bJ", true },
};

static const struct inspect_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* What is wrong is the superblock: its copy may be right. */
static bool open_by_copy(struct inspect *in)
{
	struct image copy;

	if (in->img.finding.code == DXC_OK || in->img.finding.code == DXC_SB_SHORT ||
	    image_open_by_copy(&copy, in->source) != 0)
		return false;
	in->img = copy;
	in->from_copy = true;
	return true;
}

/* Opens the source; an exit status. */
static int open_source(struct inspect *in, bool salvage)
{
	unsigned int code;
	char *text;
	int err;

	err = image_open(&in->img, in->source);
	if (!err)
		return EXIT_OK;
	code = in->img.finding.code;
	text = image_strerror(&in->img, err);
	message_error("%s: %s", in->source, text ? text : strerror(-err));
	free(text);
	if (salvage && open_by_copy(in)) {
		message_hint("the superblock's copy is used");
		return EXIT_OK;
	}
	switch (code) {
	case DXC_OK:
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	case DXC_SB_SHORT:
	case DXC_SB_MAGIC:
		return EXIT_NOT_FOUND;
	}
	return EXIT_FAILED;
}

/* What a person does with a mount instead. */
static const char *instead_of(const struct inspect_verb *verb)
{
	if (verb->run == inspect_extents)
		return "filefrag -v";
	return verb->run == inspect_extract ? "cp -a" : verb->name;
}

/* The memory behind a mount, as an image; an exit status. */
static int map_mount(struct inspect *in)
{
	struct image *img = &in->img;
	char *text;
	int err;

	err = source_map_mount(&img->src);
	if (err) {
		message_error("%s: its memory cannot be read: %s", in->source,
			      err == -EPERM || err == -EACCES ? "only root may do that" :
								strerror(-err));
		return err == -EPERM || err == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	err = dxc_volume_open(&img->vol, img->src.map, img->src.size, &img->finding);
	if (!err)
		return EXIT_OK;
	text = image_strerror(img, err);
	message_error("%s: %s", in->source, text ? text : strerror(-err));
	free(text);
	return EXIT_FAILED;
}

static int run_verb(struct inspect *in, const struct inspect_verb *verb,
		    const char *operand)
{
	int status;

	status = open_source(in, verb && verb->run == inspect_extract);
	if (status)
		return status;
	if (in->img.src.kind == SOURCE_MOUNT && verb && verb->live)
		status = map_mount(in);
	if (status) {
		/* said */
	} else if (in->img.src.kind != SOURCE_MOUNT || (verb && verb->live)) {
		status = verb ? verb->run(in, operand) : inspect_super(in);
	} else if (!verb) {
		status = inspect_mount(in);
	} else {
		message_error("%s: is mounted: %s needs an image", in->source,
			      verb->name);
		message_hint("what is mounted can be seen with %s itself",
			     instead_of(verb));
		status = EXIT_FAILED;
	}
	image_close(&in->img);
	return status;
}

/* Is it one of those that the verb, or inspect without one, takes? */
static int check_options(const struct inspect_verb *verb, const char *given)
{
	const char *taken = verb ? verb->options : "bJ";

	for (; *given; given++) {
		if (strchr(taken, *given))
			continue;
		if (*given == 'J')
			return applet_wrong_use("inspect", EXIT_USAGE, "%s has no JSON",
						verb->name);
		return applet_wrong_use("inspect", EXIT_USAGE, "%s takes no --%s",
					verb ? verb->name : "inspect without a verb",
					applet_option_name(inspect_options, *given));
	}
	return EXIT_OK;
}

/* Notes an option, and that it was given. */
static void take_option(struct inspect *in, int letter, char *given)
{
	size_t n = strlen(given);

	switch (letter) {
	case 'l':
		in->details = true;
		break;
	case 'R':
		in->recursive = true;
		break;
	case 'C':
		in->directory = optarg;
		break;
	case OPTION_BRANCH:
		in->branch = optarg;
		break;
	case 'b':
		in->bytes = true;
		break;
	case 'J':
		in->json = true;
		break;
	case OPTION_UDEV:
		in->udev = true;
		break;
	}
	if (!strchr(given, letter)) {
		given[n] = (char)letter;
		given[n + 1] = '\0';
	}
}

/* SOURCE VERB OPERAND; an exit status. */
static int take_operands(struct inspect *in, int argc, char **argv,
			 const struct inspect_verb **verb, const char **operand)
{
	int most;

	if (argc < 1)
		return applet_wrong_use("inspect", EXIT_USAGE, "no SOURCE given");
	in->source = argv[0];
	if (argc < 2)
		return EXIT_OK;
	*verb = find_verb(argv[1]);
	if (!*verb)
		return applet_wrong_use(
			"inspect", EXIT_USAGE,
			"cannot \"%s\": the verbs are ls, stat, cat, extents, extract, log and layout",
			argv[1]);
	most = (*verb)->operand ? 3 : 2;
	if (argc > most)
		return applet_wrong_use("inspect", EXIT_USAGE,
					"unexpected argument \"%s\"", argv[most]);
	*operand = argc > 2 ? argv[2] : (*verb)->otherwise;
	if (!*operand && (*verb)->operand)
		return applet_wrong_use("inspect", EXIT_USAGE, "%s needs a %s",
					(*verb)->name, (*verb)->operand);
	return EXIT_OK;
}

/* --udev DEVICE, and nothing else. */
static int run_udev(int argc, char **argv, const char *given)
{
	if (argc < 1)
		return applet_wrong_use("inspect", EXIT_USAGE, "no SOURCE given");
	if (argc > 1)
		return applet_wrong_use("inspect", EXIT_USAGE,
					"unexpected argument \"%s\"", argv[1]);
	if (given[1])
		return applet_wrong_use("inspect", EXIT_USAGE,
					"--udev goes with no other option");
	return inspect_udev(argv[0]);
}

int cmd_inspect(int argc, char **argv)
{
	const struct applet *applet = applet_find("inspect");
	char given[sizeof(inspect_options) / sizeof(inspect_options[0])] = "";
	const struct inspect_verb *verb = NULL;
	const char *operand = NULL;
	struct inspect in = { 0 };
	int letter, status;

	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		if (letter == 'h') {
			applet_usage(applet);
			return EXIT_OK;
		}
		if (letter == '?' || letter == ':')
			return applet_wrong_option("inspect", EXIT_USAGE, letter, argv);
		take_option(&in, letter, given);
	}
	if (in.udev)
		return run_udev(argc - optind, argv + optind, given);
	status = take_operands(&in, argc - optind, argv + optind, &verb, &operand);
	if (!status)
		status = check_options(verb, given);
	if (status)
		return status;
	if (verb && verb->run == inspect_extract && !in.directory)
		return applet_wrong_use("inspect", EXIT_USAGE, "extract needs -C DIR");

	fault_exits_with(EXIT_FAILED);
	return run_verb(&in, verb, operand);
}
