/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the branch applet share. */
#ifndef DAXFSCTL_BRANCH_H
#define DAXFSCTL_BRANCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <daxfs/ioctl.h>

#include "columns.h"

/* The command line. What a verb does not take was refused already. */
struct branch_args {
	const char *verb;
	const char *names[2];	/* operands, in order; NULL: not given */
	const char *mount;	/* -m; NULL: the mount that holds the current directory */
	const char *parent;
	const char *source;
	const char *volume;
	struct table_options table;
	bool stay, dry_run, to_root, stat, quiet, yes;
};

/* ---- branch_mount.c: a mounted daxfs and what it says of its branches ---- */

struct branch_mount {
	char *path;		/* for messages, owned */
	int fd;			/* of its root directory; -1: none */
	struct daxfs_branch_info *branches;
	size_t count;
};

/*
 * Opens the daxfs mounted at path, or, when that is NULL, the one that holds
 * the current directory, and lists its branches. Each returns an exit status,
 * having said what is wrong; branch_mount_close() is right after any of them.
 */
int branch_mount_open(struct branch_mount *bm, const char *path);
/* The same for a directory that is open; takes over fd. */
int branch_mount_adopt(struct branch_mount *bm, const char *path, int fd);
void branch_mount_close(struct branch_mount *bm);

/* What is at path. 0, -ENOTDIR and others of open(2); *is_mount: a daxfs is mounted there. */
int branch_path_is_mount(const char *path, bool *is_mount);

/* Without words: 0 or -errno, *list to be freed. Text in it is NUL terminated. */
int branch_list_read(int fd, struct daxfs_branch_info **list, size_t *count);

/* NULL when there is none. */
const struct daxfs_branch_info *branch_shown(const struct branch_mount *bm);
const struct daxfs_branch_info *branch_named(const struct branch_mount *bm, const char *name);
const struct daxfs_branch_info *branch_with_id(const struct branch_mount *bm, uint64_t id);
const struct daxfs_branch_info *branch_parent(const struct branch_mount *bm,
					      const struct daxfs_branch_info *br);
/*
 * Is br above or the same as what is below it? Follows no more parents than
 * there are branches.
 */
bool branch_is_ancestor(const struct branch_mount *bm, const struct daxfs_branch_info *br,
			const struct daxfs_branch_info *below);

/* What the kernel says of the mount that fd is the root of: DAXFS_VOLUME_*. */
uint32_t branch_mount_flags(int fd);

/* The branch that an operand names, the shown one for NULL; says when there is none. */
const struct daxfs_branch_info *branch_operand(const struct branch_mount *bm, const char *name);

/*
 * DAXFS_IOC_BRANCH_*. about is the branch that a message names. An exit status,
 * the kernel's reason said.
 */
int branch_call(int fd, unsigned long request, struct daxfs_branch_op *op,
		const char *about);

/* Could it be a branch's name? As the kernel decides it. */
bool branch_name_is_legal(const char *name);

/* ---- branch_image.c: an image that is read itself ---- */

struct image;

/* Opens a source, having said what is wrong; an exit status, and only with EXIT_OK is it open. */
int branch_image_open(struct image *img, const char *source);
/*
 * As branch_mount_open(), but of an image that need not be mounted: fd is then
 * -1. Of a mount point in its place the mount is asked. Unless used, di_used of
 * an image stays 0: that is the part that takes time.
 */
int branch_source_open(struct branch_mount *bm, const char *source, bool used);

/* ---- branch_targets.c: the mount table of this machine ---- */

struct branch_targets;

/* The mounts of the volume that fd is a root of. NULL without memory or mount table. */
struct branch_targets *branch_targets_load(int fd);
void branch_targets_free(struct branch_targets *targets);
/* The n-th directory at which a mount shows a branch, NULL after the last. */
const char *branch_targets_get(const struct branch_targets *targets, const char *branch,
			       size_t n);
/* The n-th directory at which a mount shows nothing any more, and which branch it has lost. */
const char *branch_targets_lost(const struct branch_targets *targets, const char **branch,
				size_t n);
/*
 * A mount of the only volume that is mounted: 0 and *path to be freed, -ENOENT:
 * none is mounted, -ENOTUNIQ: several are, -ENOMEM.
 */
int branch_targets_only_volume(char **path);

/* ---- the verbs; each returns an exit status ---- */

/* branch_list.c */
int cmd_branch_list(const struct branch_args *args);
int cmd_branch_show(const struct branch_args *args);
/* 0 or -EINVAL; the name that is no column in *bad, len bytes. */
int branch_columns_check(const char *list, const char **bad, size_t *len);

/* branch_change.c */
int cmd_branch_create(const struct branch_args *args);
int cmd_branch_switch(const struct branch_args *args);
int cmd_branch_commit(const struct branch_args *args);
int cmd_branch_abort(const struct branch_args *args);
int cmd_branch_rename(const struct branch_args *args);
int cmd_branch_mount(const struct branch_args *args);

/* branch_report.c */
int cmd_branch_diff(const struct branch_args *args);
/* What a branch of a mount changed; an exit status. diff_free() is right after any. */
struct diff;
int branch_diff_mount(struct branch_mount *bm, const char *name, struct diff *diff);
void branch_diff_print(const struct diff *diff, bool stat);
/* The members of an array that is open. */
struct json;
void branch_diff_json(struct json *json, const struct diff *diff);

#endif
