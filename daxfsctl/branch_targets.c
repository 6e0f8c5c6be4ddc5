// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where on this machine the branches of a volume are mounted, from the mount
 * table. A super block is known by its device number; which volume it is of,
 * its root directory says. Prints nothing.
 */
#include "branch.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BRANCH_DEFAULT "main"

struct target {
	char *path;
	char branch[DAXFS_BRANCH_NAME_SIZE];
};

struct branch_targets {
	struct target *targets;
	size_t count;
};

/* What tells one volume from another. */
struct identity {
	struct daxfs_volume_info info;
	struct daxfs_branch_info *branches; /* owned */
	size_t count;
	dev_t dev;
};

static int read_identity(int fd, struct identity *id)
{
	struct stat st;

	memset(id, 0, sizeof(*id));
	id->info.dv_size = sizeof(id->info);
	if (ioctl(fd, DAXFS_IOC_VOLUME_INFO, &id->info) < 0 || fstat(fd, &st) < 0)
		return -errno;
	id->dev = st.st_dev;
	/* Images without branches have none to compare. */
	if (branch_list_read(fd, &id->branches, &id->count) != 0)
		id->count = 0;
	return 0;
}

static const struct daxfs_branch_info *shown_in(const struct identity *id)
{
	for (size_t i = 0; i < id->count; i++)
		if (id->branches[i].di_flags & DAXFS_BRANCH_SHOWN)
			return &id->branches[i];
	return NULL;
}

/* Does a's list know of the mount that b is? */
static bool knows_mount(const struct identity *a, const struct identity *b)
{
	const struct daxfs_branch_info *ours = shown_in(a);
	const struct daxfs_branch_info *theirs = shown_in(b);

	if (!ours || !theirs)
		return !ours && !theirs;
	for (size_t i = 0; i < a->count; i++) {
		const struct daxfs_branch_info *br = &a->branches[i];

		if (br->di_id != theirs->di_id ||
		    strcmp(br->di_name, theirs->di_name) != 0)
			continue;
		return br->di_mounts >= (br == ours ? 2u : 1u);
	}
	return false;
}

/*
 * Images are copied, with their UUID: two mounts are of one volume only if
 * each counts the other.
 */
static bool is_same_volume(const struct identity *a, const struct identity *b)
{
	if (a->dev == b->dev)
		return true;
	return memcmp(a->info.dv_uuid, b->info.dv_uuid, sizeof(a->info.dv_uuid)) == 0 &&
	       a->info.dv_backing == b->info.dv_backing &&
	       a->info.dv_phys == b->info.dv_phys &&
	       a->info.dv_region_size == b->info.dv_region_size && knows_mount(a, b) &&
	       knows_mount(b, a);
}

/* A root directory of a super block, unless something else is mounted over it. */
static int open_root(struct libmnt_fs *fs)
{
	const char *root = mnt_fs_get_root(fs);
	struct stat st;
	int fd;

	if (!root || strcmp(root, "/") != 0)
		return -ENOENT;
	fd = open(mnt_fs_get_target(fs), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_dev == mnt_fs_get_devno(fs))
		return fd;
	close(fd);
	return -ENOENT;
}

static bool is_daxfs(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && strcmp(type, "daxfs") == 0 && mnt_fs_get_target(fs);
}

static struct libmnt_table *read_table(void)
{
	return mnt_new_table_from_file("/proc/self/mountinfo");
}

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
	targets->count++;
	return 0;
}

/* Is the super block of fs one of volume's? */
static bool is_of_volume(struct libmnt_fs *fs, const struct identity *volume)
{
	struct identity id;
	bool same;
	int fd = open_root(fs);

	if (fd < 0)
		return false;
	same = read_identity(fd, &id) == 0 && is_same_volume(volume, &id);
	free(id.branches);
	close(fd);
	return same;
}

struct branch_targets *branch_targets_load(int fd)
{
	struct branch_targets *targets = calloc(1, sizeof(*targets));
	struct libmnt_table *table = read_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct identity volume = { 0 };
	struct libmnt_fs *fs;
	dev_t *devs = NULL;
	size_t dev_count = 0;
	int err = -ENOMEM;

	if (!targets || !table || !iter)
		goto out;
	err = read_identity(fd, &volume);
	if (err)
		goto out;
	/* First the super blocks, as only their roots answer; then all that show them. */
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		dev_t *more;

		if (!is_daxfs(fs) ||
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
		if (!is_daxfs(fs))
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
		if (strcmp(targets->targets[i].branch, branch) == 0 && n-- == 0)
			return targets->targets[i].path;
	return NULL;
}

int branch_targets_only_volume(char **path)
{
	struct libmnt_table *table = read_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct identity first = { 0 };
	struct libmnt_fs *fs;
	char *found = NULL;
	int err = table && iter ? 0 : -ENOMEM;

	while (!err && mnt_table_next_fs(table, iter, &fs) == 0) {
		struct identity id;
		int fd;

		if (!is_daxfs(fs))
			continue;
		fd = open_root(fs);
		if (fd < 0)
			continue;
		if (read_identity(fd, &id) == 0) {
			if (!found) {
				first = id;
				id.branches = NULL;
				found = strdup(mnt_fs_get_target(fs));
				err = found ? 0 : -ENOMEM;
			} else if (!is_same_volume(&first, &id)) {
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
