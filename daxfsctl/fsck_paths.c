// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the inodes of the base that findings are about are called. Directories
 * are read once, and no more entries of them than there can be: they may lie.
 */
#include "fsck.h"

#include <stdlib.h>
#include <string.h>

/* Where the first name of an inode is; dir 0: nowhere. */
struct name_place {
	u32 dir;
	u32 index;
};

struct fsck_paths {
	const struct dxc_volume *vol;
	struct name_place *places; /* by inode number - 1 */
};

static void read_directory(struct fsck_paths *paths, const struct dxc_inode *dir, u64 *left)
{
	struct dxc_dirent de;

	for (u32 i = 0; i < dir->count && *left; i++, --*left) {
		if (dxc_dir_entry(paths->vol, dir, i, &de, NULL) ||
		    paths->places[de.ino - 1].dir)
			continue;
		paths->places[de.ino - 1].dir = (u32)dir->ino;
		paths->places[de.ino - 1].index = i;
	}
}

struct fsck_paths *fsck_paths_new(const struct dxc_volume *vol)
{
	u64 left = vol->area[DAXFS_AREA_DIRS].length / DAXFS_DIRENT_UNIT;
	struct fsck_paths *paths = malloc(sizeof(*paths));
	struct dxc_inode inode;

	if (!paths)
		return NULL;
	paths->vol = vol;
	paths->places = calloc(vol->inode_count, sizeof(*paths->places));
	if (!paths->places) {
		free(paths);
		return NULL;
	}
	for (u64 ino = 1; ino <= vol->inode_count && left; ino++)
		if (!dxc_inode_read(vol, ino, &inode, NULL) && S_ISDIR(inode.mode))
			read_directory(paths, &inode, &left);
	return paths;
}

void fsck_paths_free(struct fsck_paths *paths)
{
	if (paths)
		free(paths->places);
	free(paths);
}

/* Puts the name of ino before the path, which starts at *start. -ENOENT: it has none that fits. */
static int prepend(const struct fsck_paths *paths, dxc_ino ino, char *buf, size_t *start)
{
	const struct name_place *place = &paths->places[ino - 1];
	struct dxc_inode dir;
	struct dxc_dirent de;

	if (!place->dir || dxc_inode_read(paths->vol, place->dir, &dir, NULL) ||
	    !S_ISDIR(dir.mode) ||
	    dxc_dir_entry(paths->vol, &dir, place->index, &de, NULL) ||
	    *start < de.len + 1u)
		return -ENOENT;
	*start -= de.len;
	memcpy(buf + *start, dxc_dirent_name(&de), de.len);
	buf[--*start] = '/';
	return 0;
}

char *fsck_path_of(const struct fsck_paths *paths, const struct dxc_finding *f)
{
	char buf[4096];
	size_t start = sizeof(buf) - 1;
	dxc_ino ino = f->ino;

	if (!ino || ino > paths->vol->inode_count || f->area < DAXFS_AREA_INODES ||
	    f->area > DAXFS_AREA_DATA)
		return NULL;
	buf[start] = '\0';
	if (ino == DAXFS_ROOT_INO)
		buf[--start] = '/';
	/* Each step makes it longer, so that a loop ends, too. */
	while (ino != DAXFS_ROOT_INO) {
		if (prepend(paths, ino, buf, &start))
			return NULL;
		ino = paths->places[ino - 1].dir;
	}
	return strdup(buf + start);
}
