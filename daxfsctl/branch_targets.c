// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where on this machine the branches of a volume are mounted, from the mount
 * table. Prints nothing.
 */
#include "branch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mounted.h"

#define BRANCH_DEFAULT "main"

struct target {
	char *path;
	char branch[DAXFS_BRANCH_NAME_SIZE];
	bool discarded;
};

struct branch_targets {
	struct target *targets;
	size_t count;
};

static int add_target(struct branch_targets *targets, struct libmnt_fs *fs)
{
	struct target *t;
	char *value;
	size_t len;

	t = reallocarray(targets->targets, targets->count + 1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	targets->targets = t;
	t += targets->count;
	t->path = strdup(mnt_fs_get_target(fs));
	if (!t->path)
		return -ENOMEM;
	strcpy(t->branch, BRANCH_DEFAULT);
	if (mnt_fs_get_option(fs, "branch", &value, &len) == 0 && value &&
	    len < sizeof(t->branch)) {
		memcpy(t->branch, value, len);
		t->branch[len] = '\0';
	}
	t->discarded = mnt_fs_get_option(fs, "discarded", NULL, NULL) == 0;
	targets->count++;
	return 0;
}

/* Is the super block of fs one of volume's? */
static bool is_of_volume(struct libmnt_fs *fs, const struct mounted *volume)
{
	struct mounted id;
	bool same;
	int fd = mounted_open(fs);

	if (fd < 0)
		return false;
	same = mounted_read(fd, &id) == 0 && mounted_is_same_volume(volume, &id);
	free(id.branches);
	close(fd);
	return same;
}

struct branch_targets *branch_targets_load(int fd)
{
	struct branch_targets *targets = calloc(1, sizeof(*targets));
	struct libmnt_table *table = mounted_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted volume = { 0 };
	struct libmnt_fs *fs;
	dev_t *devs = NULL;
	size_t dev_count = 0;
	int err = -ENOMEM;

	if (!targets || !table || !iter)
		goto out;
	err = mounted_read(fd, &volume);
	if (err)
		goto out;
	/* First the super blocks, as only their roots answer; then all that show them. */
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		dev_t *more;

		if (!mounted_is_daxfs(fs) ||
		    (mnt_fs_get_devno(fs) != volume.dev && !is_of_volume(fs, &volume)))
			continue;
		err = -ENOMEM;
		more = reallocarray(devs, dev_count + 1, sizeof(*devs));
		if (!more)
			goto out;
		devs = more;
		devs[dev_count++] = mnt_fs_get_devno(fs);
	}
	err = 0;
	mnt_reset_iter(iter, MNT_ITER_FORWARD);
	while (!err && mnt_table_next_fs(table, iter, &fs) == 0) {
		if (!mounted_is_daxfs(fs))
			continue;
		for (size_t i = 0; i < dev_count; i++) {
			if (devs[i] != mnt_fs_get_devno(fs))
				continue;
			err = add_target(targets, fs);
			break;
		}
	}
out:
	free(volume.branches);
	free(devs);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	if (err) {
		branch_targets_free(targets);
		targets = NULL;
	}
	return targets;
}

void branch_targets_free(struct branch_targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; i < targets->count; i++)
		free(targets->targets[i].path);
	free(targets->targets);
	free(targets);
}

const char *branch_targets_get(const struct branch_targets *targets, const char *branch,
			       size_t n)
{
	if (!targets)
		return NULL;
	for (size_t i = 0; i < targets->count; i++)
		if (!targets->targets[i].discarded &&
		    strcmp(targets->targets[i].branch, branch) == 0 && n-- == 0)
			return targets->targets[i].path;
	return NULL;
}

const char *branch_targets_lost(const struct branch_targets *targets, const char **branch,
				size_t n)
{
	if (!targets)
		return NULL;
	for (size_t i = 0; i < targets->count; i++) {
		if (!targets->targets[i].discarded || n-- != 0)
			continue;
		*branch = targets->targets[i].branch;
		return targets->targets[i].path;
	}
	return NULL;
}

int branch_targets_only_volume(char **path)
{
	struct libmnt_table *table = mounted_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted first = { 0 };
	struct libmnt_fs *fs;
	char *found = NULL;
	int err = table && iter ? 0 : -ENOMEM;

	while (!err && mnt_table_next_fs(table, iter, &fs) == 0) {
		struct mounted id;
		int fd;

		if (!mounted_is_daxfs(fs))
			continue;
		fd = mounted_open(fs);
		if (fd < 0)
			continue;
		if (mounted_read(fd, &id) == 0) {
			if (!found) {
				first = id;
				id.branches = NULL;
				found = strdup(mnt_fs_get_target(fs));
				err = found ? 0 : -ENOMEM;
			} else if (!mounted_is_same_volume(&first, &id)) {
				err = -ENOTUNIQ;
			}
			free(id.branches);
		}
		close(fd);
	}
	free(first.branches);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	if (!err && !found)
		err = -ENOENT;
	if (err) {
		free(found);
		return err;
	}
	*path = found;
	return 0;
}
