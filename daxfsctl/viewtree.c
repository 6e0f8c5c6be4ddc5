// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks a view depth first, in the order that trees want, and reads its files.
 * The view may be hostile: a directory that is entered twice is refused, so that
 * the walk ends, and names are what the core says they are.
 */
#include "viewtree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

/* What lives only while the walk lasts. */
struct walk {
	struct tree *tree;
	const struct contents *from;
	struct tree_inode **index;	/* of all inodes, by number in the view */
	size_t index_room;		/* power of two */
	struct tree_inode **stack;	/* directories to visit, next one last */
	size_t stack_count, stack_room;
	struct tree_entry *entries;
	size_t entry_room;
	/* The xattrs of the file being looked at. */
	const struct dxc_file *file;
	struct xattr_value *xattrs;
	size_t xattr_count, xattr_room;
	int err;
};

static int blame(const struct walk *walk, const struct tree_inode *inode, int err)
{
	return tree_blame(walk->tree, inode, "cannot be read", -err);
}

/* Room for one more in an array whose room doubles; NULL without memory. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 256;
	void *p;

	if (count < *room)
		return array;
	p = reallocarray(array, more, size);
	if (p)
		*room = more;
	return p;
}

/* ---- inodes by number ---- */

static size_t place_of(const struct walk *walk, u64 ino)
{
	size_t at = (size_t)(ino * 0x9e3779b97f4a7c15ull >> 20) & (walk->index_room - 1);

	while (walk->index[at] && walk->index[at]->ino != ino)
		at = (at + 1) & (walk->index_room - 1);
	return at;
}

static int grow_index(struct walk *walk)
{
	struct tree_inode **before = walk->index;
	size_t count = walk->index_room;

	walk->index_room = count ? count * 2 : 1024;
	walk->index = calloc(walk->index_room, sizeof(struct tree_inode *));
	if (!walk->index) {
		free(before);
		walk->index_room = 0;
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		if (before[i])
			walk->index[place_of(walk, before[i]->ino)] = before[i];
	free(before);
	return 0;
}

/* ---- one inode ---- */

static int keep_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	struct walk *walk = priv;
	struct xattr_value *all;
	char *full = NULL;
	u8 *value = malloc(DAXFS_XATTR_VALUE_MAX);
	int size;

	all = grow(walk->xattrs, walk->xattr_count, &walk->xattr_room, sizeof(*all));
	if (all)
		walk->xattrs = all;
	if (!all || !value ||
	    asprintf(&full, "%s%.*s", dxc_xattr_prefix(prefix), (int)len, name) < 0) {
		free(value);
		return -ENOMEM;
	}
	size = contents_xattr(walk->from, walk->file, prefix, name, len, value, NULL);
	if (size < 0) {
		free(full);
		free(value);
		return size;
	}
	walk->xattrs[walk->xattr_count++] = (struct xattr_value){
		.name = full,
		.value = realloc(value, size ? size : 1) ?: value,
		.len = size,
	};
	return 0;
}

static int store_xattrs(struct walk *walk, const struct dxc_file *file, struct tree_inode *inode)
{
	struct xattrs_problem problem;
	int err;

	walk->file = file;
	walk->xattr_count = 0;
	err = contents_xattrs(walk->from, file, keep_xattr, walk, NULL);
	if (!err) {
		err = xattrs_store(&walk->tree->xattrs, walk->xattrs, walk->xattr_count,
				   &inode->xattr, &problem);
		if (err)
			err = tree_blame(walk->tree, inode, problem.what,
					 err == -E2BIG ? 0 : -err);
	} else {
		err = blame(walk, inode, err);
	}
	for (size_t i = 0; i < walk->xattr_count; i++) {
		free((void *)walk->xattrs[i].name);
		free((void *)walk->xattrs[i].value);
	}
	return err;
}

static int store_target(struct walk *walk, const struct dxc_file *file, struct tree_inode *inode)
{
	char *target, *copy;
	int err = contents_link(walk->from, file, &target, NULL);

	if (err)
		return blame(walk, inode, err);
	copy = tree_alloc(walk->tree, strlen(target) + 1);
	if (copy) {
		strcpy(copy, target);
		inode->link.target = copy;
		inode->size = strlen(copy);
	}
	free(target);
	return copy ? 0 : blame(walk, inode, -ENOMEM);
}

/* Makes inode ino of the view, whose first name is name in dir. NULL: with blame. */
static struct tree_inode *make_inode(struct walk *walk, u64 ino, struct tree_inode *dir,
				     const char *name)
{
	struct tree_inode *inode = NULL, nobody = { .parent = dir, .name = name };
	struct dxc_file file;
	u64 units = 0;
	int err = contents_inode(walk->from, ino, &file, NULL);

	if (!err && S_ISREG(file.attr.mode))
		err = contents_blocks(walk->from, &file, &units, NULL);
	if (!err) {
		struct stat st = {
			.st_mode = file.attr.mode,
			.st_uid = file.attr.uid,
			.st_gid = file.attr.gid,
			.st_size = (off_t)file.attr.size,
			.st_blocks = (blkcnt_t)units,
			.st_rdev = makedev(file.attr.rdev_major, file.attr.rdev_minor),
			.st_mtim = { .tv_sec = file.attr.mtime, .tv_nsec = file.attr.mtime_nsec },
			.st_ino = ino,
		};

		inode = tree_new_inode(walk->tree, &st);
		err = inode ? 0 : -ENOMEM;
	}
	if (err) {
		blame(walk, &nobody, err);
		return NULL;
	}
	inode->parent = dir ? dir : inode;
	inode->name = name;
	inode->nlink = S_ISDIR(inode->mode) ? 2 : 1;
	if (S_ISLNK(inode->mode))
		err = store_target(walk, &file, inode);
	if (!err)
		err = store_xattrs(walk, &file, inode);
	return err ? NULL : inode;
}

/* ---- directories ---- */

static int read_names(struct walk *walk, struct tree_inode *dir, size_t *count)
{
	struct dxc_dirent *de = malloc(sizeof(*de));
	struct dxc_file file;
	u64 pos = 0;
	int err = de ? contents_inode(walk->from, dir->ino, &file, NULL) : -ENOMEM;

	*count = 0;
	while (!err) {
		struct tree_entry *entries;
		char *name;

		err = contents_next(walk->from, &file, &pos, de, NULL);
		if (err)
			break;
		pos++;
		entries = grow(walk->entries, *count, &walk->entry_room, sizeof(*entries));
		if (entries)
			walk->entries = entries;
		name = tree_alloc(walk->tree, de->len + 1u);
		if (!entries || !name) {
			err = -ENOMEM;
			break;
		}
		memcpy(name, dxc_dirent_name(de), de->len);
		/* The number stands where the hash will be: until the names are sorted. */
		walk->entries[(*count)++] = (struct tree_entry){
			.name = name,
			.len = de->len,
			.inode = (struct tree_inode *)(uintptr_t)de->ino,
		};
	}
	free(de);
	if (err != -ENOENT)
		return blame(walk, dir, err);
	tree_sort_entries(walk->entries, *count);
	return 0;
}

/* Finds or makes the inode of an entry, which has its number so far. */
static int enter(struct walk *walk, struct tree_inode *dir, struct tree_entry *entry)
{
	u64 ino = (uintptr_t)entry->inode;
	struct tree_inode *inode;
	size_t at;

	if (walk->tree->inode_count >= walk->index_room / 2 && grow_index(walk))
		return blame(walk, dir, -ENOMEM);
	at = place_of(walk, ino);
	inode = walk->index[at];
	if (inode && S_ISDIR(inode->mode))
		return blame(walk, inode, -EUCLEAN);
	if (inode) {
		inode->nlink++;
		entry->inode = inode;
		return 0;
	}
	inode = make_inode(walk, ino, dir, entry->name);
	if (!inode)
		return -EIO;
	entry->inode = inode;
	walk->index[at] = inode;
	if (S_ISDIR(inode->mode)) {
		inode->depth = dir->depth + 1;
		dir->nlink++;
	}
	return 0;
}

static int push(struct walk *walk, struct tree_inode *dir)
{
	struct tree_inode **stack = grow(walk->stack, walk->stack_count, &walk->stack_room,
					 sizeof(struct tree_inode *));

	if (!stack)
		return blame(walk, dir, -ENOMEM);
	walk->stack = stack;
	walk->stack[walk->stack_count++] = dir;
	return 0;
}

static int visit(struct walk *walk, struct tree_inode *dir)
{
	size_t count;
	int err = read_names(walk, dir, &count);

	for (size_t i = 0; i < count && !err; i++)
		err = enter(walk, dir, &walk->entries[i]);
	if (!err)
		err = tree_set_entries(walk->tree, dir, walk->entries, count);
	/* Last pushed, first visited: depth first, in the order of the names. */
	for (size_t i = err ? 0 : count; i-- > 0 && !err;)
		if (S_ISDIR(dir->dir.entries[i].inode->mode))
			err = push(walk, dir->dir.entries[i].inode);
	return err;
}

static int walk_all(struct walk *walk)
{
	struct tree *tree = walk->tree;
	struct tree_inode *root;
	int err = grow_index(walk);

	root = err ? NULL : make_inode(walk, DAXFS_ROOT_INO, NULL, NULL);
	if (!root)
		return err ? err : -EIO;
	walk->index[place_of(walk, root->ino)] = root;
	err = push(walk, root);
	while (!err && walk->stack_count) {
		if (tree_is_cancelled(tree))
			return -EINTR;
		err = visit(walk, walk->stack[--walk->stack_count]);
		if (tree->options->tick)
			tree->options->tick(tree->options->priv, tree->inode_count);
	}
	return err;
}

/* ---- contents ---- */

/* The part of the file at pos. */
static int map_at(const struct tree *tree, const struct tree_inode *inode, u64 pos,
		  struct dxc_extent *ex)
{
	struct dxc_file file;
	int err = contents_inode(tree->view, inode->ino, &file, NULL);

	return err ? err : contents_map(tree->view, &file, pos, ex, NULL);
}

static ssize_t read_file(const struct tree *tree, const struct tree_inode *inode, void *buf,
			 size_t len, u64 pos)
{
	struct dxc_extent ex;
	int err;

	if (pos >= inode->size)
		return 0;
	err = map_at(tree, inode, pos, &ex);
	if (!err) {
		len = min_t(u64, len, ex.len);
		if (ex.data)
			err = dxc_region_read(&tree->view->vol->region, ex.data, buf, len);
		else
			memset(buf, 0, len);
	}
	if (!err)
		return (ssize_t)len;
	errno = -err;
	return -1;
}

static int next_data(const struct tree *tree, const struct tree_inode *inode, u64 from,
		     u64 *data, u64 *hole)
{
	struct dxc_extent ex;
	int err;

	for (; from < inode->size; from = ex.pos + ex.len) {
		err = map_at(tree, inode, from, &ex);
		if (err)
			return err;
		if (!ex.data)
			continue;
		*data = ex.pos;
		*hole = ex.pos + ex.len;
		return 1;
	}
	return 0;
}

/* All is in memory. */
static int open_file(const struct tree *tree)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)tree;
	return fd < 0 ? -errno : fd;
}

static const struct tree_files view_files = {
	.open = open_file,
	.read = read_file,
	.next_data = next_data,
};

int viewtree_scan(struct tree *tree, const struct contents *contents)
{
	struct walk walk = { .tree = tree, .from = contents };
	int err;

	tree->view = contents;
	tree->files = &view_files;
	err = walk_all(&walk);
	free(walk.index);
	free(walk.stack);
	free(walk.entries);
	free(walk.xattrs);
	return err;
}
