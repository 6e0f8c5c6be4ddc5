// SPDX-License-Identifier: GPL-2.0-only
/*
 * Path resolution in an image, by the rules of path_resolution(7) with the
 * image's root as the root. Knows no output.
 */
#include "path.h"

#include <stdio.h>

/* As many as the kernel follows. */
#define LINKS_MAX 40

/* One step from a directory to what a component of a path names in it. */
static int step(const struct contents *c, const struct dxc_file *dir, const char *name,
		size_t len, struct dxc_file *next, struct dxc_finding *f)
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
		return contents_inode(c, dir->attr.parent, next, f);
	err = contents_lookup(c, dir, name, (u32)len, &de, f);
	if (err)
		return err;
	return contents_inode(c, de.ino, next, f);
}

/* Replaces *rest, which is at p, with the target of a symlink and what follows. */
static int follow_link(const struct contents *c, const struct dxc_file *link, char **rest,
		       const char *p, struct dxc_finding *f)
{
	char *target, *joined;
	int err;

	err = contents_link(c, link, &target, f);
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

int path_lookup(const struct contents *c, const char *path, bool follow,
		struct dxc_file *file, struct dxc_finding *f)
{
	struct dxc_file cur, next;
	unsigned int links = 0;
	char *rest;
	char *p;
	int err;

	rest = strdup(path);
	if (!rest)
		return -ENOMEM;
	p = rest;
	err = contents_inode(c, DAXFS_ROOT_INO, &cur, f);
	while (!err) {
		size_t len;

		/* A slash, a trailing one too, is only right after a directory. */
		if (*p == '/' && !S_ISDIR(cur.attr.mode))
			err = -ENOTDIR;
		p += strspn(p, "/");
		if (err || !*p)
			break;
		err = -ENOTDIR;
		if (!S_ISDIR(cur.attr.mode))
			break;
		len = strcspn(p, "/");
		err = step(c, &cur, p, len, &next, f);
		if (err)
			break;
		p += len;
		if (!S_ISLNK(next.attr.mode) || (!*p && !follow)) {
			cur = next;
			continue;
		}
		err = -ELOOP;
		if (++links > LINKS_MAX)
			break;
		err = follow_link(c, &next, &rest, p, f);
		p = rest;
		if (!err && *p == '/')
			err = contents_inode(c, DAXFS_ROOT_INO, &cur, f);
	}
	free(rest);
	if (!err)
		*file = cur;
	return err;
}

int path_join(char **path, size_t *room, size_t len, const char *name)
{
	bool slash = len == 0 || (*path)[len - 1] != '/';
	size_t need = len + slash + strlen(name) + 1;

	if (need > *room) {
		char *more = realloc(*path, need * 2);

		if (!more)
			return -ENOMEM;
		*path = more;
		*room = need * 2;
	}
	if (slash)
		(*path)[len] = '/';
	strcpy(*path + len + slash, name);
	return 0;
}
