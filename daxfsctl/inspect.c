// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect: its arguments, and the words that its verbs share. Every
 * byte of the image is somebody else's: it is read through the core only,
 * which checks, and shown through escape.h only.
 */
#include "inspect.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "applet.h"
#include "escape.h"
#include "fault.h"
#include "message.h"
#include "path.h"
#include "size.h"

const struct applet_option inspect_options[] = {
	{ 'l', "long", NULL, "ls: mode, links, owner, size and time as well" },
	{ 'R', "recursive", NULL, "ls: what is in the directories below as well" },
	{ 'b', "bytes", NULL, "print sizes in bytes" },
	{ 'J', "json", NULL, "print JSON" },
	{ 0 }
};

/* One row per verb after SOURCE. */
static const struct inspect_verb {
	const char *name;
	int (*run)(struct inspect *in, const char *path);
	bool needs_path; /* else it is "/" when none is given */
	bool has_json;
} verbs[] = {
	{ "ls", inspect_ls, false, true },
	{ "stat", inspect_stat, true, true },
	{ "cat", inspect_cat, true, false },
	{ "extents", inspect_extents, true, true },
};

static const struct inspect_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

void inspect_complain(const struct inspect *in, const char *path, int err,
		      const struct dxc_finding *f)
{
	struct image wrong = { .finding = *f };
	char *text;

	if (f->code == DXC_OK) {
		message_error("%s: %s: %s", in->source, path, strerror(-err));
		return;
	}
	text = image_strerror(&wrong, err);
	message_error("%s: %s: %s", in->source, path, text ? text : strerror(-err));
	free(text);
}

int inspect_lookup(struct inspect *in, const char *path, bool follow,
		   struct dxc_inode *inode)
{
	const struct contents base = { .vol = &in->img.vol };
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	int err;

	err = path_lookup(&base, path, follow, &file, &f);
	if (!err) {
		*inode = file.base;
		return EXIT_OK;
	}
	inspect_complain(in, path, err, &f);
	return err == -ENOENT || err == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED;
}

char *inspect_size(const struct inspect *in, u64 size, char *buf, size_t n)
{
	if (!in->bytes)
		return size_human(size, buf, n);
	snprintf(buf, n, "%" PRIu64, size);
	return buf;
}

void inspect_mode(u32 mode, char text[INSPECT_MODE_LEN])
{
	static const char types[] = "?pc?d?b?-?l?s???";
	static const char bits[] = "rwxrwxrwx";

	text[0] = types[dxc_type_of_mode(mode)];
	memset(text + 1, '-', 9);
	for (unsigned int i = 0; i < 9; i++)
		if (mode & (0400u >> i))
			text[1 + i] = bits[i];
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	text[10] = '\0';
}

const char *inspect_type(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	}
	return "unknown";
}

char *inspect_time(s64 seconds, char *buf, size_t n)
{
	time_t when = seconds;
	struct tm tm;

	/* A year past what struct tm holds is still a number. */
	if (!gmtime_r(&when, &tm) || !strftime(buf, n, "%Y-%m-%d %H:%M:%S +0000", &tm))
		snprintf(buf, n, "%" PRId64, seconds);
	return buf;
}

char *inspect_label(const char *label)
{
	return escape_line(label, strlen(label));
}

/* Opens the source; an exit status. */
static int open_source(struct inspect *in)
{
	char *text;
	int err;

	err = image_open(&in->img, in->source);
	if (!err)
		return EXIT_OK;
	text = image_strerror(&in->img, err);
	message_error("%s: %s", in->source, text ? text : strerror(-err));
	free(text);
	switch (in->img.finding.code) {
	case DXC_OK:
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	case DXC_SB_SHORT:
	case DXC_SB_MAGIC:
		return EXIT_NOT_FOUND;
	}
	return EXIT_FAILED;
}

static int run_verb(struct inspect *in, const struct inspect_verb *verb, const char *path)
{
	int status;

	status = open_source(in);
	if (status)
		return status;
	if (in->img.src.kind != SOURCE_MOUNT) {
		status = verb ? verb->run(in, path) : inspect_super(in);
	} else if (!verb) {
		status = inspect_mount(in);
	} else {
		message_error("%s: is mounted: %s needs an image", in->source,
			      verb->name);
		message_hint("what is mounted can be seen with %s itself",
			     strcmp(verb->name, "extents") == 0 ? "filefrag -v" :
								  verb->name);
		status = EXIT_FAILED;
	}
	image_close(&in->img);
	return status;
}

int cmd_inspect(int argc, char **argv)
{
	const struct applet *applet = applet_find("inspect");
	const struct inspect_verb *verb = NULL;
	struct inspect in = { 0 };
	const char *path = "/";
	int letter;

	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		switch (letter) {
		case 'l':
			in.details = true;
			break;
		case 'R':
			in.recursive = true;
			break;
		case 'b':
			in.bytes = true;
			break;
		case 'J':
			in.json = true;
			break;
		case 'h':
			applet_usage(applet);
			return EXIT_OK;
		default:
			return applet_wrong_option("inspect", EXIT_USAGE, letter, argv);
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return applet_wrong_use("inspect", EXIT_USAGE, "no SOURCE given");
	in.source = argv[0];
	if (argc > 1) {
		verb = find_verb(argv[1]);
		if (!verb)
			return applet_wrong_use(
				"inspect", EXIT_USAGE,
				"cannot \"%s\": the verbs are ls, stat, cat and extents",
				argv[1]);
	}
	if (argc > 3)
		return applet_wrong_use("inspect", EXIT_USAGE,
					"unexpected argument \"%s\"", argv[3]);
	if (argc > 2)
		path = argv[2];
	else if (verb && verb->needs_path)
		return applet_wrong_use("inspect", EXIT_USAGE, "%s needs a PATH",
					verb->name);
	if ((in.details || in.recursive) && (!verb || verb->run != inspect_ls))
		return applet_wrong_use("inspect", EXIT_USAGE, "-l and -R belong to ls");
	if (in.json && verb && !verb->has_json)
		return applet_wrong_use("inspect", EXIT_USAGE, "%s has no JSON",
					verb->name);

	fault_exits_with(EXIT_FAILED);
	return run_verb(&in, verb, path);
}
