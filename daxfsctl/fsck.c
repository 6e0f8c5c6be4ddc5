// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl fsck: checks with the core's checker, the one behind the mount option
 * "validate", and repairs what can be repaired. What is said of it, and when, is in
 * fsck_findings.c; the repair in fsck_repair.c.
 */
#include "fsck.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applet.h"
#include "fault.h"
#include "image.h"
#include "inspect.h"
#include "message.h"
#include "signature.h"

enum {
	OPT_EXTRACT = 1,
	OPT_BRANCH,
};

const struct applet_option fsck_options[] = {
	{ 'n', "check-only", NULL, "change nothing, as without -p, -a and -y" },
	{ 'p', "preen", NULL, "repair what is safe to" },
	{ 'a', NULL, NULL, "the same" },
	{ 'y', "yes", NULL,
	  "repair everything that can be, also at the price of a part of it" },
	{ OPT_EXTRACT, "extract", "DIR", "write what can be read of the files to DIR" },
	{ OPT_BRANCH, "branch", "BRANCH", "--extract: the files of this branch, not of main" },
	{ 'f', "force", NULL, "taken from boot scripts: every check is a full one" },
	{ 'A', NULL, NULL, "taken from boot scripts, means nothing" },
	{ 'C', "progress", NULL, "show progress on a terminal" },
	{ 'V', "verbose", NULL, "say what is checked" },
	{ 'J', "json", NULL, "print JSON" },
	{ 0 }
};

/* ---- opening ---- */

/* Does it hold something else by now, of which only a daxfs that was there before tells? */
static bool is_somebody_elses(struct fsck *fsck, char *name, size_t n)
{
	if (source_is_memory(&fsck->src))
		return signature_find_in_memory(fsck->src.map, fsck->src.size, name, n) >
		       0;
	return signature_find(fsck->src.fd, fsck->src.size, name, n) > 0;
}

/* Without a superblock there may be its copy. 0: that is to be gone by; else -errno, *said: and why. */
static int open_copy(struct fsck *fsck, bool *said)
{
	struct dxc_region rg = { .base = fsck->src.map, .size = fsck->src.size };
	char name[64];
	dxc_off at;
	int err = -ENOENT;

	/* One whose checksum is right is as somebody made it. */
	if (fsck->super.code == DXC_SB_MAGIC || fsck->super.code == DXC_SB_CHECKSUM)
		err = dxc_super_find_copy(&rg, &fsck->vol, &at);
	if (err == -ENOTUNIQ) {
		message_error(
			"%s: more than one copy of a superblock is there, and nothing tells which is right",
			fsck->source);
		*said = true;
	}
	if (err)
		return err;
	if (fsck->super.code == DXC_SB_MAGIC &&
	    is_somebody_elses(fsck, name, sizeof(name))) {
		message_error(
			"%s: holds %s, and the copy of a daxfs superblock at 0x%" PRIx64
			": the daxfs was overwritten",
			fsck->source, name, at);
		*said = true;
		return -EEXIST;
	}
	fsck->from_copy = true;
	return 0;
}

/* What is wrong with an image that cannot be opened; an exit status. */
static int explain(struct fsck *fsck, int err)
{
	const char *words = strerror(-err);

	if (image_error_is_media(err) && fsck->super.code != DXC_OK) {
		/* Nothing else is known of it. */
		memset(&fsck->vol, 0, sizeof(fsck->vol));
		if (fsck_findings_add(&fsck->findings, &fsck->super) != 0)
			return FSCK_FAILED;
		fsck_print(fsck, false);
		/* Another format may be sound: this program cannot tell. */
		return err == -EOPNOTSUPP ? FSCK_FAILED : FSCK_UNCORRECTED;
	}
	if (fsck->super.code == DXC_SB_SHORT || fsck->super.code == DXC_SB_MAGIC)
		words = "is no daxfs image";
	else if (!fsck->src.map)
		words = source_strerror(err);
	message_error("%s: %s", fsck->source, words);
	return FSCK_FAILED;
}

/* 0: fsck->vol is what is to be checked; else an exit status, which was explained. */
static int open_volume(struct fsck *fsck)
{
	int err = source_parse(fsck->source, &fsck->src);
	bool said = false;

	if (!err)
		err = source_open(&fsck->src, false);
	if (!err && fsck->src.kind == SOURCE_MOUNT) {
		fsck->is_mounted = true;
		err = source_map_mount(&fsck->src);
	}
	if (!err)
		err = dxc_volume_open(&fsck->vol, fsck->src.map, fsck->src.size,
				      &fsck->super);
	if (!err)
		return FSCK_OK;
	if (fsck->super.code != DXC_OK && !open_copy(fsck, &said))
		return FSCK_OK;
	return said ? FSCK_FAILED : explain(fsck, err);
}

static void say_waiting(void *priv)
{
	const struct fsck *fsck = priv;

	if (fsck->verbose && !fsck->as_json) {
		printf("%s: watching for the heartbeats of its mounts\n", fsck->source);
		fflush(stdout);
	}
}

static int watch(struct fsck *fsck)
{
	struct dxc_mount who;
	int found;

	if (fsck->is_mounted)
		return FSCK_OK;
	found = heartbeat_watch(&fsck->beats, &fsck->vol, &fsck->src, &who, say_waiting,
				fsck);
	if (found < 0) {
		message_error("%s: %s", fsck->source, strerror(-found));
		return FSCK_FAILED;
	}
	if (!found)
		return FSCK_OK;
	fsck->is_mounted = true;
	if (fsck->verbose && !fsck->as_json)
		printf("%s: is mounted by %s\n", fsck->source, heartbeat_host(&who));
	if (fsck->mode == FSCK_CHECK)
		return FSCK_OK;
	message_error("%s: is mounted by %s; nothing was changed", fsck->source,
		      heartbeat_host(&who));
	return FSCK_FAILED;
}

/* ---- what is asked for ---- */

/* As `inspect SOURCE extract -C DIR /`, in our exit statuses. */
static int extract(struct fsck *fsck)
{
	struct inspect in = { .source = fsck->source,
			      .directory = fsck->extract,
			      .branch = fsck->branch,
			      .from_copy = fsck->from_copy };
	int err = fsck->from_copy ? image_open_by_copy(&in.img, fsck->source) :
				    image_open(&in.img, fsck->source);
	bool writable;
	int status;

	if (err) {
		message_error("%s: nothing can be extracted: %s", fsck->source,
			      strerror(-err));
		return FSCK_FAILED;
	}
	status = inspect_extract(&in, "/");
	writable = dxc_volume_is_writable(&in.img.vol);
	image_close(&in.img);
	if (status == EXIT_NOT_FOUND)
		return FSCK_FAILED;
	if (!fsck->as_json)
		printf("%s: %s%s%s %s in %s%s\n", fsck->source,
		       status == EXIT_OK ? "all files" : "what can be read",
		       writable ? " of branch " : "",
		       !writable ? "" : fsck->branch ? fsck->branch : "main",
		       status == EXIT_OK ? "are" : "is", fsck->extract,
		       writable && !fsck->branch ? "; --branch takes another one" : "");
	return status == EXIT_OK ? FSCK_OK : FSCK_UNCORRECTED;
}

static int run(struct fsck *fsck)
{
	int status = open_volume(fsck);
	bool repaired = false;

	if (status)
		return status;
	if (fsck->src.kind == SOURCE_MOUNT && fsck->mode != FSCK_CHECK) {
		message_error(
			"%s: is mounted; what it was mounted from is repaired, when it is not",
			fsck->source);
		return FSCK_FAILED;
	}
	if (fsck->verbose && !fsck->as_json)
		printf("%s: checking %" PRIu64 " inodes, %" PRIu64 " bytes\n",
		       fsck->source, fsck->vol.inode_count, fsck->vol.region.size);
	status = watch(fsck);
	if (!status)
		status = fsck_check(fsck);
	if (!status && fsck->mode != FSCK_CHECK) {
		status = fsck_repair(fsck);
		repaired = fsck->findings.count != 0;
	}
	/* What was not looked at is neither clean nor repaired. */
	if (!(status & FSCK_FAILED) || fsck->findings.count || fsck->as_json)
		status |= fsck_print(fsck, repaired);
	if (fsck->extract)
		status |= extract(fsck);
	return status;
}

static void set_mode(struct fsck *fsck, enum fsck_mode mode, bool *conflict)
{
	static bool is_set;

	if (is_set && fsck->mode != mode)
		*conflict = true;
	is_set = true;
	fsck->mode = mode;
}

int cmd_fsck(int argc, char **argv)
{
	const struct applet *applet = applet_find("fsck");
	struct fsck fsck = { .src.fd = -1 };
	bool conflict = false;
	int letter, status;

	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		switch (letter) {
		case 'f':
		case 'A':
			break;
		case 'n':
			set_mode(&fsck, FSCK_CHECK, &conflict);
			break;
		case 'p':
		case 'a':
			set_mode(&fsck, FSCK_PREEN, &conflict);
			break;
		case 'y':
			set_mode(&fsck, FSCK_REPAIR, &conflict);
			break;
		case OPT_EXTRACT:
			fsck.extract = optarg;
			break;
		case OPT_BRANCH:
			fsck.branch = optarg;
			break;
		case 'C':
			fsck.progress = isatty(STDERR_FILENO);
			break;
		case 'V':
			fsck.verbose = true;
			break;
		case 'J':
			fsck.as_json = true;
			break;
		case 'h':
			applet_usage(applet);
			return FSCK_OK;
		default:
			return applet_wrong_option("fsck", FSCK_USAGE, letter, argv);
		}
	}
	for (; optind < argc; optind++) {
		/* Boot scripts pass an empty argument for an option they left out. */
		if (!*argv[optind])
			continue;
		if (fsck.source)
			return applet_wrong_use("fsck", FSCK_USAGE,
						"one SOURCE at a time, not \"%s\" too",
						argv[optind]);
		fsck.source = argv[optind];
	}
	if (!fsck.source)
		return applet_wrong_use("fsck", FSCK_USAGE, "no SOURCE given");
	if (conflict)
		return applet_wrong_use("fsck", FSCK_USAGE,
					"only one of -n, -p (or -a) and -y");
	if (fsck.extract && fsck.mode != FSCK_CHECK)
		return applet_wrong_use(
			"fsck", FSCK_USAGE,
			"--extract changes nothing: it goes without -p, -a and -y");
	if (fsck.branch && !fsck.extract)
		return applet_wrong_use("fsck", FSCK_USAGE, "--branch is for --extract");
	fault_exits_with(FSCK_FAILED);
	status = run(&fsck);
	heartbeat_free(&fsck.beats);
	fsck_findings_free(&fsck.findings);
	if (fsck.src.fd >= 0 || fsck.src.path)
		source_close(&fsck.src);
	if (fflush(stdout) != 0 || ferror(stdout))
		status |= FSCK_FAILED;
	return status;
}
