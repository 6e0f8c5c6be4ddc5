// SPDX-License-Identifier: GPL-2.0-only
/*
 * Path resolution in an image, by the rules of path_resolution(7) with the
 * image's root as the root. Knows no output.
 */
#include "path.h"

#include <stdio.h>

/* As many as the kernel follows. */
#define LINKS_MAX 40

int path_read_link(const struct dxc_volume *vol, const struct dxc_inode *inode,
		   char **target, struct dxc_finding *f)
{
	char *text;
	int err;

	/* Bounds the allocation, whatever the core thinks of the size. */
	if (inode->size > DAXFS_SYMLINK_MAX)
		return dxc_found(f, -EUCLEAN, DXC_INO_SIZE, DAXFS_AREA_INODES, inode->ino,
				 inode->data, inode->size);
	text = malloc(inode->size + 1);
	if (!text)
		return -ENOMEM;
	err = dxc_symlink_read(vol, inode, text, f);
	if (err) {
		free(text);
		return err;
	}
	*target = text;
	return 0;
}

/* One step from a directory to what a component of a path names in it. */
static int step(const struct dxc_volume *vol, const struct dxc_inode *dir,
		const char *name, size_t len, struct dxc_inode *next,
		struct dxc_finding *f)
{
	struct dxc_dirent de;
	int err;

	if (len > DAXFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (len == 1 && name[0] == '.') {
		*next = *dir;
		return 0;
	}
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return dxc_inode_read(vol, dir->parent, next, f);
	err = dxc_dir_lookup(vol, dir, name, (u32)len, &de, f);
	if (err)
		return err;
	return dxc_inode_read(vol, de.ino, next, f);
}

/* Replaces *rest, which is at p, with the target of a symlink and what follows. */
static int follow_link(const struct dxc_volume *vol, const struct dxc_inode *link,
		       char **rest, const char *p, struct dxc_finding *f)
{
	char *target, *joined;
	int err;

	err = path_read_link(vol, link, &target, f);
	if (err)
		return err;
	if (asprintf(&joined, "%s%s", target, p) < 0) {
		free(target);
		return -ENOMEM;
	}
	err = *target ? 0 : -ENOENT;
	free(target);
	free(*rest);
	*rest = joined;
	return err;
}

int path_lookup(const struct dxc_volume *vol, const char *path, bool follow,
		struct dxc_inode *inode, struct dxc_finding *f)
{
	struct dxc_inode cur, next;
	unsigned int links = 0;
	char *rest;
	char *p;
	int err;

	rest = strdup(path);
	if (!rest)
		return -ENOMEM;
	p = rest;
	err = dxc_inode_read(vol, DAXFS_ROOT_INO, &cur, f);
	while (!err) {
		size_t len;

		/* A slash, a trailing one too, is only right after a directory. */
		if (*p == '/' && !S_ISDIR(cur.mode))
			err = -ENOTDIR;
		p += strspn(p, "/");
		if (err || !*p)
			break;
		err = -ENOTDIR;
		if (!S_ISDIR(cur.mode))
			break;
		len = strcspn(p, "/");
		err = step(vol, &cur, p, len, &next, f);
		if (err)
			break;
		p += len;
		if (!S_ISLNK(next.mode) || (!*p && !follow)) {
			cur = next;
			continue;
		}
		err = -ELOOP;
		if (++links > LINKS_MAX)
			break;
		err = follow_link(vol, &next, &rest, p, f);
		p = rest;
		if (!err && *p == '/')
			err = dxc_inode_read(vol, DAXFS_ROOT_INO, &cur, f);
	}
	free(rest);
	if (!err)
		*inode = cur;
	return err;
}
