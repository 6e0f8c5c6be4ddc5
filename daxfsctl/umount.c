// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl umount, and umount.daxfs as umount(8) calls it: takes a mount down,
 * and writes the memory back to its image file when that was the last one.
 *
 * The memory is held by a dma-buf of its own from before the last mount goes
 * until it is stored, so that nobody writes it any more when it is saved, and so
 * that it can be mounted again when it could not be.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "applet.h"
#include "message.h"
#include "mount.h"
#include "mounted.h"
#include "save.h"
#include "source.h"
#include "writeback.h"

const struct applet_option umount_options[] = {
	{ 'f', "force", NULL, "taken from umount(8): do not wait" },
	{ 'l', "lazy", NULL, "take it out of the tree now, and down when nobody uses it" },
	{ 'n', "no-mtab", NULL, "taken from umount(8), means nothing" },
	{ 'r', "read-only", NULL, "taken from umount(8), means nothing" },
	{ 'v', "verbose", NULL, "say what was unmounted, and where it was written to" },
	{ 'N', "namespace", "NS", "unmount in the mount namespace of this process or file" },
	{ 't', "types", "TYPE", "daxfs; taken from umount(8)" },
	{ 0 }
};

struct umount_job {
	const char *dir;	/* as the user named it */
	const char *namespace;
	int flags;		/* MNT_* */
	bool verbose;
	/* found out on the way: */
	char *target;		/* as the mount table calls it */
	char *source;		/* likewise */
	char *path;		/* where to write back to, or NULL */
	char *other;		/* another mount of the same memory, or NULL */
	char branch[DAXFS_BRANCH_NAME_SIZE];	/* the one it shows */
	bool is_last;		/* no other mount keeps the memory */
	bool is_dmabuf;
	bool is_changed;	/* something was written in it */
	int dmabuf;		/* -1: none */
	void *map;
	uint64_t size;
};

/* ---- what is mounted there ---- */

/* Is fs another mount of the memory that id is of? */
static bool is_same_memory(struct libmnt_fs *fs, struct libmnt_fs *mine, const struct mounted *id)
{
	struct mounted its;
	bool same;
	int fd;

	if (!mounted_is_daxfs(fs) || mnt_fs_get_id(fs) == mnt_fs_get_id(mine))
		return false;
	if (mnt_fs_get_devno(fs) == id->dev)
		return true;
	fd = mounted_open(fs);
	if (fd < 0)
		return false;
	same = mounted_read(fd, &its) == 0 && mounted_is_same_volume(id, &its);
	free(its.branches);
	close(fd);
	return same;
}

/* What the branches say: which one it is, whether anything was written, how many show them. */
static uint64_t read_branches(struct umount_job *job, const struct mounted *id)
{
	uint64_t mounts = 0;

	job->is_changed = id->count > 1;
	for (size_t i = 0; i < id->count; i++) {
		const struct daxfs_branch_info *br = &id->branches[i];

		mounts += br->di_mounts;
		job->is_changed |= br->di_used != 0;
		if (br->di_flags & DAXFS_BRANCH_SHOWN)
			strcpy(job->branch, br->di_name);
	}
	return mounts;
}

static int look_at_volume(struct umount_job *job, struct libmnt_table *table,
			  struct libmnt_fs *mine, int fd)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted id;
	struct libmnt_fs *fs;
	int err = iter ? mounted_read(fd, &id) : -ENOMEM;

	if (err) {
		mnt_free_iter(iter);
		return err;
	}
	/* Mounts that this namespace does not show count, too. */
	job->is_last = read_branches(job, &id) <= 1;
	job->is_dmabuf = id.info.dv_backing == DAXFS_BACKING_DMABUF;
	while (!job->other && mnt_table_next_fs(table, iter, &fs) == 0)
		if (is_same_memory(fs, mine, &id))
			job->other = strdup(mnt_fs_get_target(fs));
	if (job->other)
		job->is_last = false;
	free(id.branches);
	mnt_free_iter(iter);
	return 0;
}

/* Holds the memory for when the mount is gone; an exit status. */
static int hold_memory(struct umount_job *job, int fd)
{
	off_t size;

	job->dmabuf = source_export_mount(fd, true);
	size = job->dmabuf < 0 ? job->dmabuf : lseek(job->dmabuf, 0, SEEK_END);
	if (size > 0) {
		job->size = size;
		job->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, job->dmabuf, 0);
		if (job->map != MAP_FAILED)
			return MOUNT_OK;
		job->map = NULL;
		size = -errno;
	}
	message_error("%s: cannot be written back to %s, and stays mounted: %s", job->dir,
		      job->path, size ? strerror((int)-size) : "the memory is empty");
	return MOUNT_FAILED;
}

static int refuse(const struct umount_job *job, const char *why)
{
	message_error("%s: %s", job->dir, why);
	message_hint("it is to be written back to %s", job->path);
	return MOUNT_FAILED;
}

static int look_at_mount(struct umount_job *job, struct libmnt_table *table, struct libmnt_fs *fs)
{
	int fd = mounted_open(fs), status = MOUNT_OK, err;

	/* A directory of it that is mounted somewhere: never the last one that counts. */
	if (fd < 0)
		return job->path ? refuse(job, "its root cannot be opened") : MOUNT_OK;
	err = look_at_volume(job, table, fs, fd);
	if (job->path && err)
		status = refuse(job, strerror(-err));
	else if (job->path && !job->is_last && !job->other)
		status = refuse(job, "is mounted where this mount namespace does not show it, too");
	else if (job->path && job->is_last && job->flags & (MNT_DETACH | MNT_FORCE))
		status = refuse(job, "has to be unmounted without -l and -f");
	else if (job->path && job->is_last)
		status = hold_memory(job, fd);
	close(fd);
	return status;
}

static int look(struct umount_job *job)
{
	struct libmnt_table *table = mounted_table();
	char *real = realpath(job->dir, NULL);
	struct libmnt_fs *fs = NULL;
	int status;

	if (table)
		fs = mnt_table_find_target(table, real ? real : job->dir, MNT_ITER_BACKWARD);
	if (table && !fs)
		fs = mnt_table_find_source(table, job->dir, MNT_ITER_BACKWARD);
	free(real);
	if (!fs || !mounted_is_daxfs(fs)) {
		message_error("%s: is not where a daxfs is mounted", job->dir);
		mnt_unref_table(table);
		return MOUNT_FAILED;
	}
	job->target = strdup(mnt_fs_get_target(fs));
	job->source = strdup(mnt_fs_get_source(fs) ? mnt_fs_get_source(fs) : "none");
	if (!job->target || !job->source) {
		message_error("%s", strerror(ENOMEM));
		status = MOUNT_SYSTEM;
	} else {
		job->path = writeback_path(job->target);
		status = look_at_mount(job, table, fs);
	}
	mnt_unref_table(table);
	return status;
}

/* ---- taking it down ---- */

static const char *words_for(int err)
{
	switch (err) {
	case EBUSY:
		return "is in use";
	case EPERM:
		return "only root may unmount (CAP_SYS_ADMIN)";
	case EINVAL:
		return "is no mount point";
	}
	return strerror(err);
}

/* It could not be stored: the same memory at the same place, as it was. */
static int mount_again(const struct umount_job *job)
{
	char options[32 + DAXFS_BRANCH_NAME_SIZE];
	struct mount_request request = {
		.target = job->target,
		.dmabuf_fd = job->dmabuf,
		.options = options,
	};

	/* One that was discarded shows none. */
	snprintf(options, sizeof(options), "rw,branch=%s", *job->branch ? job->branch : "main");
	if (mount_region(&request) == 0 && writeback_set(job->target, job->source, job->path) == 0) {
		message_error("%s: could not be written back, and is mounted again", job->dir);
		return MOUNT_FAILED;
	}
	message_error("%s: could not be written back, nor mounted again: what was changed is lost",
		      job->dir);
	return MOUNT_FAILED;
}

static int write_back(const struct umount_job *job)
{
	if (save_memory(job->map, job->size, job->dir, job->path) != EXIT_OK)
		return mount_again(job);
	if (job->verbose)
		printf("%s written back to %s\n", job->dir, job->path);
	return MOUNT_OK;
}

/* Another mount of the memory is now the one that is written back. */
static int pass_on(const struct umount_job *job)
{
	int err = writeback_set(job->other, job->source, job->path);

	if (!err)
		return MOUNT_OK;
	message_error("%s: that it is to be written back to %s cannot be noted: %s", job->other,
		      job->path, strerror(-err));
	return MOUNT_SYSTEM;
}

static int take_down(struct umount_job *job)
{
	/* From here on it is done to the end. */
	if (job->map) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
	}
	if (umount2(job->target, job->flags | UMOUNT_NOFOLLOW) < 0) {
		message_error("%s: cannot be unmounted: %s", job->dir, words_for(errno));
		return errno == EPERM ? MOUNT_USAGE : MOUNT_FAILED;
	}
	writeback_forget(job->target);
	if (job->verbose)
		printf("%s unmounted\n", job->dir);
	if (job->path)
		return job->is_last ? write_back(job) : pass_on(job);
	if (job->is_last && job->is_dmabuf && job->is_changed) {
		message_error("%s: was the last mount of this memory: what was written in it, and not saved, is gone",
			      job->dir);
		message_hint("daxfs-save saves it before, mount --write-back when it is unmounted");
	}
	return MOUNT_OK;
}

/* ---- options ---- */

static int take_option(struct umount_job *job, int letter, char **argv)
{
	switch (letter) {
	case 'f':
		job->flags |= MNT_FORCE;
		return MOUNT_OK;
	case 'l':
		job->flags |= MNT_DETACH;
		return MOUNT_OK;
	case 'n':
	case 'r':
		return MOUNT_OK;
	case 'v':
		job->verbose = true;
		return MOUNT_OK;
	case 'N':
		job->namespace = optarg;
		return MOUNT_OK;
	case 't':
		return mount_check_type("umount", optarg);
	}
	return applet_wrong_option("umount", MOUNT_USAGE, letter, argv);
}

static int run(struct umount_job *job)
{
	int status = job->namespace ? mount_enter_namespace(job->namespace) : MOUNT_OK;

	if (!status)
		status = look(job);
	if (!status)
		status = take_down(job);
	if (job->map)
		munmap(job->map, job->size);
	if (job->dmabuf >= 0)
		close(job->dmabuf);
	free(job->target);
	free(job->source);
	free(job->path);
	free(job->other);
	return status;
}

int cmd_umount(int argc, char **argv)
{
	const struct applet *applet = applet_find("umount");
	struct umount_job job = { .dmabuf = -1 };
	int letter, status;

	optind = 0;
	while ((letter = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		if (letter == 'h') {
			applet_usage(applet);
			return MOUNT_OK;
		}
		status = take_option(&job, letter, argv);
		if (status)
			return status;
	}
	if (optind == argc)
		return applet_wrong_use("umount", MOUNT_USAGE, "no DIR given");
	if (argc - optind > 1)
		return applet_wrong_use("umount", MOUNT_USAGE, "unexpected argument \"%s\"",
					argv[optind + 1]);
	job.dir = argv[optind];
	return run(&job);
}
