// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl save: what is in a region, as an image file. Owns options, messages
 * and the order of the steps; the steps are copy, freeze, hold and target.
 *
 * Most is copied while others go on writing. Then the writers of this kernel are
 * frozen and the region's volume lock and free leases held, for as long as it
 * takes to compare what was copied with what is there, and to write the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applet.h"
#include "copy.h"
#include "escape.h"
#include "fault.h"
#include "flatten.h"
#include "freeze.h"
#include "hold.h"
#include "image.h"
#include "interrupt.h"
#include "message.h"
#include "mounted.h"
#include "progress.h"
#include "save.h"
#include "size.h"
#include "target.h"

enum { OPTION_BRANCH = 1, OPTION_FLAT };

const struct applet_option save_options[] = {
	{ OPTION_BRANCH, "branch", "BRANCH",
	  "the branch to be made flat (default: main)" },
	{ OPTION_FLAT, "flat", NULL,
	  "save what one branch shows, as an image without branches" },
	{ 'f', "force", NULL, "replace FILE if it is there" },
	{ 'q', "quiet", NULL, "print nothing but errors" },
	{ 0 }
};

/* How often the region is looked at anew when another mount came between looking and holding. */
#define TRIES 5

struct save {
	const char *source; /* as the user named it */
	const char *branch; /* NULL: all of them */
	bool force, quiet, flat;
	struct image img;
	struct freeze freeze;
	struct hold hold;
	struct copy copy;
	struct target target;
	struct progress progress;
};

static volatile sig_atomic_t cancelled;

static void on_signal(int number)
{
	cancelled = number;
}

static const char *target_name(const struct save *save)
{
	return save->target.kind == TARGET_PIPE ? "standard output" : save->target.path;
}

/* ---- what is printed ---- */

static int stopped(struct save *save)
{
	progress_clear(&save->progress);
	message_error("stopped by a signal; nothing was saved");
	return EXIT_FAILED;
}

static int target_failed(struct save *save, int err)
{
	if (cancelled)
		return stopped(save);
	progress_clear(&save->progress);
	if (err == -ENODEV || err == -ENOTTY || err == -EISDIR)
		message_error("%s: %s", target_name(save), save->target.what);
	else
		message_error("%s: %s: %s", target_name(save), save->target.what,
			      strerror(-err));
	if (save->target.hint)
		message_hint("%s", save->target.hint);
	return err == -ENOTTY ? EXIT_REFUSED : EXIT_FAILED;
}

static int copy_failed(struct save *save, int err)
{
	if (cancelled)
		return stopped(save);
	progress_clear(&save->progress);
	message_error("%s: %s: %s", target_name(save), save->copy.what, strerror(-err));
	return EXIT_FAILED;
}

static int source_failed(struct save *save, int err)
{
	char *text = image_strerror(&save->img, err);

	message_error("%s: %s", save->source, text ? text : strerror(-err));
	free(text);
	return err == -ENOENT || err == -EISDIR ||
			       save->img.finding.code == DXC_SB_MAGIC ||
			       save->img.finding.code == DXC_SB_SHORT ?
		       EXIT_NOT_FOUND :
		       EXIT_FAILED;
}

/* Another kernel or mount namespace, which cannot be frozen from here, has it mounted. */
static int refuse_stranger(struct save *save)
{
	const char *host = save->hold.stranger.host;

	progress_clear(&save->progress);
	message_error("%s: is mounted for writing by %s, where it cannot be kept still",
		      save->source, *host ? host : "another host");
	message_hint(
		"save it there, or from the mount namespace that shows all its mounts");
	return EXIT_REFUSED;
}

static int refuse_changed(struct save *save)
{
	progress_clear(&save->progress);
	message_error("%s: was written while it was being saved; nothing was saved",
		      save->source);
	return EXIT_REFUSED;
}

/* Why the region could not be held still, or not to the end. */
static int hold_failed(struct save *save, int err)
{
	if (cancelled)
		return stopped(save);
	progress_clear(&save->progress);
	switch (err) {
	case -EAGAIN:
		message_error(
			"%s: is mounted again and again meanwhile; nothing was saved",
			save->source);
		return EXIT_REFUSED;
	case -EBUSY:
		if (save->freeze.blame) {
			message_error("%s: was frozen already, by another program",
				      save->freeze.blame);
			message_hint("fsfreeze -u thaws it");
		} else {
			message_error("%s: an operation on its branches does not end",
				      save->source);
		}
		return EXIT_REFUSED;
	case -ETIMEDOUT:
		message_error(
			"%s: could not be written for too long while %s was kept still",
			target_name(save), save->source);
		message_hint("save to a place that needs nothing of what is saved");
		return EXIT_FAILED;
	case -ESTALE:
		message_error("%s: was not kept still to the end; nothing was saved",
			      save->source);
		return EXIT_FAILED;
	}
	message_error("%s: cannot be kept still: %s",
		      save->freeze.blame ? save->freeze.blame : save->source,
		      err == -EPERM ? "only root may do that" : strerror(-err));
	return err == -EPERM ? EXIT_REFUSED : EXIT_FAILED;
}

static void print_result(const struct save *save)
{
	FILE *out = save->target.kind == TARGET_PIPE ? stderr : stdout;
	char size[32], used[32];
	struct stat st;

	if (save->quiet)
		return;
	if (fstat(save->target.fd, &st) < 0)
		return;
	escape_print(out, target_name(save));
	fprintf(out, ": %s saved, %s in use\n",
		size_human(st.st_size, size, sizeof(size)),
		size_human(st.st_blocks * 512ull, used, sizeof(used)));
}

/* ---- options ---- */

static int wrong_use(const char *what, const char *why)
{
	return applet_wrong_use("save", EXIT_USAGE, "%s: %s", what, why);
}

/* -1: go on; else the exit status. */
static int parse_arguments(struct save *save, int argc, char **argv)
{
	const struct applet *applet = applet_find("save");
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		switch (option) {
		case 'h':
			applet_usage(applet);
			return EXIT_OK;
		case 'f':
			save->force = true;
			break;
		case OPTION_BRANCH:
			save->branch = optarg;
			break;
		case OPTION_FLAT:
			save->flat = true;
			break;
		case 'q':
			save->quiet = true;
			break;
		default:
			return applet_wrong_option("save", EXIT_USAGE, option, argv);
		}
	}
	if (argc - optind < 2)
		return applet_wrong_use("save", EXIT_USAGE, "no %s given",
					argc == optind ? "SOURCE" : "FILE");
	if (argc - optind > 2)
		return applet_wrong_use("save", EXIT_USAGE, "unexpected argument \"%s\"",
					argv[optind + 2]);
	save->source = argv[optind];
	save->target.path = argv[optind + 1];
	if (!*save->target.path)
		return wrong_use("FILE", "an empty name");
	if (save->branch && !save->flat)
		return wrong_use("--branch",
				 "needs --flat: otherwise all branches are saved");
	return -1;
}

/* ---- where it goes ---- */

static int look_at_target(struct save *save)
{
	struct target *target = &save->target;
	char none[8];
	int err = target_look(target);

	if (err)
		return target_failed(save, err);
	if (target->kind == TARGET_PIPE) {
		err = target_find_signature(target, none, sizeof(none));
		return err ? target_failed(save, err) : EXIT_OK;
	}
	if (target->kind != TARGET_FILE) {
		message_error("%s: is no file", target->path);
		message_hint("save to a file; dd or mkdaxfs write to devices");
		return EXIT_REFUSED;
	}
	if (target->exists && !save->force) {
		message_error("%s: is there already", target->path);
		message_hint("-f replaces it");
		return EXIT_REFUSED;
	}
	return EXIT_OK;
}

static int begin_target(struct save *save)
{
	int err = target_begin(&save->target, save->img.vol.region.size);

	if (err)
		return target_failed(save, err);
	if (freeze_has_file(&save->freeze, save->target.fd)) {
		message_error("%s: lies in what is to be saved", target_name(save));
		message_hint("save to another file system%s",
			     save->target.kind == TARGET_PIPE ?
				     "; TMPDIR names another directory" :
				     "");
		return EXIT_REFUSED;
	}
	return EXIT_OK;
}

/* ---- what it is of ---- */

static bool is_same_device(const char *a, const char *b)
{
	struct stat x, y;

	return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 &&
	       (x.st_mode & S_IFMT) == (y.st_mode & S_IFMT) && x.st_rdev &&
	       x.st_rdev == y.st_rdev;
}

/* Is the mount one of the region that was opened, and not of a copy of it? */
static bool is_of_region(const void *priv, struct libmnt_fs *fs,
			 const struct daxfs_volume_info *info)
{
	const struct image *img = priv;

	if (img->src.kind == SOURCE_PHYS)
		return info->dv_backing == DAXFS_BACKING_PHYS &&
		       info->dv_phys == img->src.phys;
	return info->dv_backing == DAXFS_BACKING_DAX &&
	       is_same_device(mnt_fs_get_source(fs), img->src.path);
}

/* The memory behind a mount; an exit status. */
static int map_mount(struct save *save)
{
	struct image *img = &save->img;
	int err = freeze_find(&save->freeze, img->src.fd);

	if (!err && save->freeze.count)
		err = source_map_mount_writable(&img->src);
	else if (!err)
		err = source_map_mount(&img->src);
	if (err) {
		message_error("%s: its memory cannot be read: %s", save->source,
			      err == -EPERM || err == -EACCES ? "only root may do that" :
								strerror(-err));
		return err == -EPERM || err == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	err = dxc_volume_open(&img->vol, img->src.map, img->src.size, &img->finding);
	return err ? source_failed(save, err) : EXIT_OK;
}

/* A device that is mounted is read through its mount, which has no cache between. */
static int open_source(struct save *save)
{
	struct image *img = &save->img;
	char *mount = NULL;
	int err = image_open(img, save->source);

	if (err)
		return source_failed(save, err);
	if (img->src.kind != SOURCE_MOUNT && img->src.kind != SOURCE_FILE)
		mount = mounted_find(img->vol.uuid, is_of_region, img);
	if (mount) {
		image_close(img);
		err = image_open(img, mount);
		free(mount);
		if (err)
			return source_failed(save, err);
	}
	return img->src.kind == SOURCE_MOUNT ? map_mount(save) : EXIT_OK;
}

/* ---- steps ---- */

static void tick(void *priv)
{
	struct save *save = priv;

	freeze_tick(&save->freeze);
	hold_tick(&save->hold);
}

/* Who is there, and may write? An exit status. */
static int look_around(struct save *save)
{
	int err;

	hold_free(&save->hold);
	err = hold_look(&save->hold, &save->img.vol, &save->img.src, save->freeze.count);
	if (err == -EBUSY)
		return refuse_stranger(save);
	return err ? hold_failed(save, err) : EXIT_OK;
}

/* What is held is held no more when this returns. 0 or -errno; *copied: the copy failed. */
static int copy_held(struct save *save, bool *copied)
{
	bool shown = save->progress.shown;
	int err, err2;

	*copied = false;
	/* Who shows what is drawn may be waiting for what is frozen. */
	save->progress.shown = false;
	err = freeze_begin(&save->freeze);
	if (!err)
		err = hold_begin(&save->hold);
	if (!err) {
		err = copy_again(&save->copy);
		*copied = err != 0;
	}
	err2 = hold_end(&save->hold);
	err = err ? err : err2;
	err2 = freeze_end(&save->freeze);
	save->progress.shown = shown;
	return err2 ? err2 : err;
}

/* The second pass, in which nothing changes; an exit status. */
static int copy_rest(struct save *save)
{
	int status = EXIT_OK, err;
	bool copied;

	if (!save->freeze.count) {
		err = copy_again(&save->copy);
		if (err)
			return copy_failed(save, err);
		return save->copy.changed ? refuse_changed(save) : EXIT_OK;
	}
	for (int i = 0; i < TRIES; i++) {
		err = copy_held(save, &copied);
		if (!err)
			return EXIT_OK;
		if (err != -EAGAIN)
			break;
		status = look_around(save);
		if (status)
			return status;
	}
	return copied && err != -ETIMEDOUT ? copy_failed(save, err) :
					     hold_failed(save, err);
}

static int copy_region(struct save *save)
{
	struct copy *copy = &save->copy;
	int status, err;

	copy->vol = &save->img.vol;
	copy->target = &save->target;
	copy->progress = &save->progress;
	copy->cancelled = &cancelled;
	copy->tick = tick;
	copy->priv = save;
	status = dxc_volume_is_writable(copy->vol) ? look_around(save) : EXIT_OK;
	if (status)
		return status;
	err = copy_all(copy);
	if (err)
		return copy_failed(save, err);
	progress_clear(&save->progress);
	status = copy_rest(save);
	if (status)
		return status;
	err = copy_tidy(copy);
	progress_clear(&save->progress);
	return err ? copy_failed(save, err) : EXIT_OK;
}

static int finish(struct save *save)
{
	int err;

	if (cancelled)
		return stopped(save);
	err = target_sync(&save->target);
	if (err)
		save->target.what = "cannot be written";
	if (!err)
		err = target_finish(&save->target);
	if (err)
		return target_failed(save, err);
	print_result(save);
	if (!save->copy.damaged)
		return EXIT_OK;
	message_error("%s: is damaged, and so is what was saved", save->source);
	message_hint("fsck.daxfs says what is damaged");
	return EXIT_FAILED;
}

/* ---- one branch, flat ---- */

static int flatten_failed(struct save *save, const struct flatten *flat, int err)
{
	if (cancelled)
		return stopped(save);
	if (flat->target_failed)
		return target_failed(save, err);
	progress_clear(&save->progress);
	if (err == -ENOENT && !flat->what) {
		message_error("%s: there is no branch \"%s\"", save->source,
			      flat->branch);
		return EXIT_NOT_FOUND;
	}
	if (err == -EROFS && !flat->what) {
		message_error("%s: has no branches", save->source);
		return EXIT_NOT_FOUND;
	}
	if (flat->path)
		message_error("%s: %s: %s", flat->path, flat->what, strerror(-err));
	else if (err == -EUCLEAN)
		message_error("%s: branch \"%s\" is damaged", save->source, flat->branch);
	else
		message_error("%s: %s: %s", target_name(save),
			      flat->what ? flat->what : "cannot be saved",
			      strerror(-err));
	return EXIT_FAILED;
}

/* Of an image that nobody writes, in size bytes at map; an exit status. */
static int flatten(struct save *save, void *map, u64 size)
{
	struct flatten flat = {
		.map = map,
		.size = size,
		.branch = save->branch ? save->branch : "main",
		.name = save->source,
		.target = &save->target,
		.progress = &save->progress,
		.cancelled = &cancelled,
	};
	int err = flatten_run(&flat);
	int status = err ? flatten_failed(save, &flat, err) : EXIT_OK;

	progress_clear(&save->progress);
	flatten_free(&flat);
	return status;
}

/* What others may write is first copied, whole, to a file without a name. */
static int flatten_copy(struct save *save)
{
	struct target wanted = save->target;
	u64 size = save->img.vol.region.size;
	void *map = NULL;
	int status, err;

	memset(&save->target, 0, sizeof(save->target));
	save->target.path = "-";
	err = target_look(&save->target);
	status = err ? target_failed(save, err) : begin_target(save);
	if (!status)
		status = copy_region(save);
	if (!status) {
		err = target_map(&save->target, size, &map);
		if (err) {
			save->copy.what = "cannot be mapped";
			status = copy_failed(save, err);
		}
	}
	if (!status) {
		struct target spool = save->target;

		save->target = wanted;
		status = flatten(save, map, size);
		wanted = save->target;
		save->target = spool;
		target_unmap(&save->target, map, size);
	}
	target_close(&save->target);
	save->target = wanted;
	/* Other branches may be damaged; of this one it would have been said. */
	save->copy.damaged = false;
	return status;
}

static int run_flat(struct save *save)
{
	bool is_still = save->img.src.kind == SOURCE_FILE ||
			!dxc_volume_is_writable(&save->img.vol);
	int status = is_still ?
			     flatten(save, save->img.src.map, save->img.vol.region.size) :
			     flatten_copy(save);

	return status ? status : finish(save);
}

static int run_whole(struct save *save)
{
	int status = begin_target(save);

	if (!status)
		status = copy_region(save);
	return status ? status : finish(save);
}

static int run(struct save *save)
{
	int status = look_at_target(save);

	if (!status)
		status = open_source(save);
	if (status)
		return status;
	return save->flat ? run_flat(save) : run_whole(save);
}

static struct save *new_save(void)
{
	struct save *save = calloc(1, sizeof(*save));

	if (!save) {
		message_error("%s", strerror(ENOMEM));
		return NULL;
	}
	save->img.src.fd = -1;
	save->freeze.guard = -1;
	save->target.fd = -1;
	save->target.dir_fd = -1;
	save->target.lock = -1;
	save->target.memory.fd = -1;
	return save;
}

int save_memory(void *map, uint64_t size, const char *name, const char *path)
{
	struct save *save = new_save();
	int status = EXIT_OK, err;

	if (!save)
		return EXIT_FAILED;
	save->source = name;
	save->target.path = path;
	save->force = true;
	save->quiet = true;
	save->img.src.kind = SOURCE_MOUNT;
	save->img.src.map = map;
	save->img.src.size = size;
	progress_init(&save->progress, false);
	err = dxc_volume_open(&save->img.vol, map, size, &save->img.finding);
	if (err)
		status = source_failed(save, err);
	if (!status)
		status = look_at_target(save);
	if (!status)
		status = run_whole(save);
	hold_free(&save->hold);
	target_close(&save->target);
	free(save);
	return status;
}

int cmd_save(int argc, char **argv)
{
	struct save *save = new_save();
	int status;

	if (!save)
		return EXIT_FAILED;
	status = parse_arguments(save, argc, argv);
	if (status < 0) {
		progress_init(&save->progress, save->quiet);
		interrupt_catch(on_signal, SA_RESETHAND);
		signal(SIGXFSZ, SIG_IGN);
		fault_exits_with(EXIT_FAILED);
		status = run(save);
		hold_free(&save->hold);
		freeze_free(&save->freeze);
		target_close(&save->target);
		image_close(&save->img);
	}
	free(save);
	if (cancelled && status != EXIT_OK) {
		fflush(stdout);
		raise(cancelled);
	}
	return status;
}
