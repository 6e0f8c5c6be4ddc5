// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks the mount table, and the root directories that it names. A super block is
 * known by its device number; which volume it is of, its root directory says.
 */
#include "mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "branch.h"

int mounted_read(int fd, struct mounted *id)
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

static const struct daxfs_branch_info *shown_in(const struct mounted *id)
{
	for (size_t i = 0; i < id->count; i++)
		if (id->branches[i].di_flags & DAXFS_BRANCH_SHOWN)
			return &id->branches[i];
	return NULL;
}

/* Does a's list know of the mount that b is? */
static bool knows_mount(const struct mounted *a, const struct mounted *b)
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
 * The kernel gives each a number. An older one does not: as images are copied,
 * with their UUID, two mounts are of one volume only if each counts the other.
 */
bool mounted_is_same_volume(const struct mounted *a, const struct mounted *b)
{
	if (a->dev == b->dev)
		return true;
	if (a->info.dv_instance || b->info.dv_instance)
		return a->info.dv_instance == b->info.dv_instance;
	return memcmp(a->info.dv_uuid, b->info.dv_uuid, sizeof(a->info.dv_uuid)) == 0 &&
	       a->info.dv_backing == b->info.dv_backing &&
	       a->info.dv_phys == b->info.dv_phys &&
	       a->info.dv_region_size == b->info.dv_region_size && knows_mount(a, b) &&
	       knows_mount(b, a);
}

const char *mounted_backing(__u32 backing)
{
	switch (backing) {
	case DAXFS_BACKING_PHYS:
		return "phys";
	case DAXFS_BACKING_DAX:
		return "dax";
	case DAXFS_BACKING_DMABUF:
		return "dmabuf";
	}
	return "unknown";
}

int mounted_open(struct libmnt_fs *fs)
{
	const char *root = mnt_fs_get_root(fs);
	struct statx stx;
	struct stat st;
	int fd;

	if (!root || strcmp(root, "/") != 0)
		return -ENOENT;
	fd = open(mnt_fs_get_target(fs), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && st.st_dev == mnt_fs_get_devno(fs))
		return fd;
	/* Of several super blocks that show one branch all report the number of one. */
	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) == 0 &&
	    stx.stx_mask & STATX_MNT_ID && stx.stx_mnt_id == (__u64)mnt_fs_get_id(fs))
		return fd;
	close(fd);
	return -ENOENT;
}

bool mounted_is_daxfs(struct libmnt_fs *fs)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && strcmp(type, "daxfs") == 0 && mnt_fs_get_target(fs);
}

struct libmnt_table *mounted_table(void)
{
	return mnt_new_table_from_file("/proc/self/mountinfo");
}

char *mounted_find(const __u8 uuid[16],
		   bool (*is_it)(const void *priv, struct libmnt_fs *fs,
				 const struct daxfs_volume_info *info),
		   const void *priv)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_table *table = mounted_table();
	struct libmnt_fs *fs;
	char *target = NULL;

	while (iter && table && !target && mnt_table_next_fs(table, iter, &fs) == 0) {
		int fd = mounted_is_daxfs(fs) ? mounted_open(fs) : -1;
		struct mounted id;

		if (fd < 0)
			continue;
		if (mounted_read(fd, &id) == 0) {
			if (memcmp(id.info.dv_uuid, uuid, sizeof(id.info.dv_uuid)) == 0 &&
			    (!is_it || is_it(priv, fs, &id.info)))
				target = strdup(mnt_fs_get_target(fs));
			free(id.branches);
		}
		close(fd);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return target;
}
