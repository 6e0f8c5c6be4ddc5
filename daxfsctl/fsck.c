// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl fsck: runs the core's checker, the one behind the mount option
 * "validate", and prints what it finds. It changes nothing.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "applet.h"
#include "fault.h"
#include "image.h"
#include "json.h"
#include "message.h"

/* As fsck(8) adds them up */
enum {
	FSCK_OK = 0,
	FSCK_UNCORRECTED = 4,
	FSCK_FAILED = 8,
	FSCK_USAGE = 16,
};

const struct applet_option fsck_options[] = {
	{ 'n', "check-only", NULL, "change nothing (as always in this version)" },
	{ 'p', "preen", NULL, "taken from boot scripts; repairs nothing yet" },
	{ 'a', NULL, NULL, "the same" },
	{ 'y', "yes", NULL, "the same" },
	{ 'f', "force", NULL, "taken from boot scripts: every check is a full one" },
	{ 'A', NULL, NULL, "taken from boot scripts, means nothing" },
	{ 'C', "progress", NULL, "show progress on a terminal" },
	{ 'V', "verbose", NULL, "say what is checked" },
	{ 'J', "json", NULL, "print JSON" },
	{ 0 }
};

struct fsck {
	const char *source;
	bool repair; /* asked for, which cannot be done yet */
	bool progress;
	bool verbose;
	bool as_json;
	struct json json;
	unsigned int percent; /* shown last */
};

static void clear_progress(const struct fsck *fsck)
{
	if (fsck->progress)
		fputs("\r\033[K", stderr);
}

static void show_progress(void *priv, u64 done, u64 total)
{
	struct fsck *fsck = priv;
	unsigned int percent =
		total ? (unsigned int)((double)done * 100 / (double)total) : 100;

	if (!fsck->progress || percent == fsck->percent)
		return;
	fsck->percent = percent;
	fprintf(stderr, "\r%s: %u%%", fsck->source, percent);
}

static void finding_json(struct json *json, const struct dxc_finding *f)
{
	json_open_object(json, NULL);
	json_number(json, "code", f->code);
	json_text(json, "text", dxc_code_text(f->code));
	json_text(json, "area", dxc_area_name(f->area));
	json_bool(json, "leftover", dxc_code_is_leftover(f->code));
	if (f->ino)
		json_number(json, "inode", f->ino);
	json_number(json, "offset", f->offset);
	json_number(json, "detail", f->detail);
	json_close(json, '}');
}

static int report(void *priv, const struct dxc_finding *f)
{
	struct fsck *fsck = priv;

	if (fsck->as_json) {
		finding_json(&fsck->json, f);
		return 0;
	}
	clear_progress(fsck);
	message_finding(stdout, f);
	puts(dxc_code_is_leftover(f->code) ? ", left behind" : "");
	return 0;
}

static void summary(const struct fsck *fsck, const struct image *img,
		    const struct dxc_check *chk)
{
	u64 damage = chk->findings - chk->leftovers;

	if (damage)
		printf("%s: %" PRIu64 " findings, nothing was changed\n", fsck->source,
		       damage);
	else
		printf("%s: clean, %" PRIu64 " inodes\n", fsck->source,
		       img->vol.inode_count);
	if (chk->leftovers)
		printf("%s: %" PRIu64
		       " left behind by a kernel that stopped: no damage, a writable mount clears it up\n",
		       fsck->source, chk->leftovers);
	if (chk->partial)
		printf("%s: branches that these are about were not checked; check again after that\n",
		       fsck->source);
}

/* The whole check of an open image; an exit status. */
static int check(struct fsck *fsck, const struct image *img)
{
	struct dxc_check chk = {
		.report = report,
		.progress = show_progress,
		.priv = fsck,
	};
	bool damaged;
	int err;

	if (fsck->verbose && !fsck->as_json)
		printf("%s: checking %" PRIu64 " inodes, %" PRIu64 " bytes\n",
		       fsck->source, img->vol.inode_count, img->vol.region.size);
	err = dxc_check(&img->vol, &chk);
	clear_progress(fsck);
	damaged = chk.findings > chk.leftovers;
	if (err) {
		message_error("%s: not checked to the end: %s", fsck->source,
			      strerror(-err));
		return FSCK_FAILED | (damaged ? FSCK_UNCORRECTED : 0);
	}
	if (!fsck->as_json)
		summary(fsck, img, &chk);
	return damaged ? FSCK_UNCORRECTED : FSCK_OK;
}

/* What is wrong with an image that cannot be opened; an exit status. */
static int explain(struct fsck *fsck, const struct image *img, int err)
{
	char *text;

	if (image_error_is_media(err) && img->finding.code != DXC_OK) {
		report(fsck, &img->finding);
		if (!fsck->as_json)
			printf("%s: 1 finding, nothing was changed\n", fsck->source);
		/* A newer format may be sound: this program cannot tell. */
		return err == -EOPNOTSUPP ? FSCK_FAILED : FSCK_UNCORRECTED;
	}
	text = image_strerror(img, err);
	message_error("%s: %s", fsck->source, text ? text : strerror(-err));
	free(text);
	return FSCK_FAILED;
}

static int run(struct fsck *fsck)
{
	struct image img;
	int err, status;

	err = image_open(&img, fsck->source);
	if (!err && img.src.kind == SOURCE_MOUNT) {
		message_error("%s: is mounted; fsck takes what it was mounted from",
			      fsck->source);
		image_close(&img);
		return FSCK_FAILED;
	}
	if (fsck->as_json)
		json_begin(&fsck->json, stdout, "findings");
	status = err ? explain(fsck, &img, err) : check(fsck, &img);
	if (fsck->as_json)
		json_end(&fsck->json);
	if (fsck->repair && status & FSCK_UNCORRECTED)
		message_error("%s: this version cannot repair", fsck->source);
	if (!err)
		image_close(&img);
	if (fflush(stdout) != 0 || ferror(stdout))
		status |= FSCK_FAILED;
	return status;
}

int cmd_fsck(int argc, char **argv)
{
	const struct applet *applet = applet_find("fsck");
	struct fsck fsck = { .percent = 101 };
	int letter;

	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		switch (letter) {
		case 'n':
		case 'f':
		case 'A':
			break;
		case 'p':
		case 'a':
		case 'y':
			fsck.repair = true;
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
	fault_exits_with(FSCK_FAILED);
	return run(&fsck);
}
