// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a tree of a tar archive without unpacking it, so that owners, devices
 * and xattrs need no root. What one header after the other does to names is
 * done to names in memory; when the archive has ended they become the tree, in
 * the order in which a directory would be scanned.
 *
 * As with tar: of several members with one name the last one counts, a
 * directory may come after what is in it, and a hard link is to what its
 * target's name stands for at that moment. Unlike tar, what would be written
 * elsewhere than the archive says (absolute names, "..", through symlinks) is
 * an error, and owners are the numbers, whatever names stand beside them.
 */
#include "tar.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

#include "../kmod/core/layer.h"
#include "acl.h"
#include "digest.h"
#include "libarchive.h"
#include "member.h"
#include "spool.h"
#include "tarfile.h"

struct node;

/* A name in a directory. */
struct name {
	struct node *dir;
	const char *text;
	u32 len;
	struct node *node;
	struct name *next;	/* in the same directory */
};

/* What a name stands for. */
struct node {
	u32 mode;
	u32 uid;
	u32 gid;
	u32 mtime_nsec;
	s64 mtime;
	u64 size;
	const char *target;	/* symlinks */
	const struct member *member; /* regular files */
	dev_t device;
	struct xattr_value *xattrs;
	size_t xattr_count;
	struct name *names;	/* directories */
	u32 count;
	struct tree_inode *inode; /* once it has one */
	struct node *next;	/* directory to be visited after this one */
};

struct tar {
	struct tree *tree;
	struct tarfile file;
	struct node *root;
	struct name **index;	/* hash table of all names */
	u64 room;		/* power of two */
	u64 count;
	u64 seed;
	const char *path;	/* of the member being read, as in the archive */
	u64 seen;		/* members */
	struct tree_entry *entries; /* of the directory being made */
	size_t entry_room;
};

/* ---- blame ---- */

static int blame(struct tar *tar, const char *what, int err)
{
	size_t n = strlen(tar->tree->root_path) + strlen(tar->path) + 1;
	char *path = malloc(n);

	if (!path)
		return tree_blame_path(tar->tree, tar->tree->members->archive, what, err);
	snprintf(path, n, "%s%s", tar->tree->root_path, tar->path);
	err = tree_blame_path(tar->tree, path, what, err);
	free(path);
	return err;
}

static int no_memory(struct tar *tar)
{
	return tree_blame_path(tar->tree, tar->tree->members->archive, "cannot be read", ENOMEM);
}

/* For an error of tarfile, whose words do not live as long as the blame. */
static int blame_file(struct tar *tar, bool in_member)
{
	char *what = tree_alloc(tar->tree, sizeof(tar->file.what));

	if (!what)
		return no_memory(tar);
	memcpy(what, tar->file.what, sizeof(tar->file.what));
	if (in_member)
		return blame(tar, what, tar->file.err);
	return tree_blame_path(tar->tree, tar->tree->members->archive, what, tar->file.err);
}

/* ---- names ---- */

static u64 hash_of(const struct tar *tar, const struct node *dir, const char *text, u32 len)
{
	u64 sum[2];

	digest_bytes(tar->seed ^ (uintptr_t)dir, text, len, sum);
	return sum[0];
}

static struct name **find_slot(struct tar *tar, const struct node *dir, const char *text,
			       u32 len)
{
	u64 at = hash_of(tar, dir, text, len) & (tar->room - 1);

	for (; tar->index[at]; at = (at + 1) & (tar->room - 1)) {
		const struct name *name = tar->index[at];

		if (name->dir == dir && name->len == len && memcmp(name->text, text, len) == 0)
			break;
	}
	return &tar->index[at];
}

static int grow_index(struct tar *tar)
{
	u64 room = tar->room ? tar->room * 2 : 1024, old_room = tar->room;
	struct name **index = calloc(room, sizeof(struct name *)), **old = tar->index;

	if (!index)
		return -ENOMEM;
	tar->index = index;
	tar->room = room;
	for (u64 i = 0; i < old_room; i++)
		if (old[i])
			*find_slot(tar, old[i]->dir, old[i]->text, old[i]->len) = old[i];
	free(old);
	return 0;
}

static struct name *find_name(struct tar *tar, const struct node *dir, const char *text,
			      u32 len)
{
	return tar->room ? *find_slot(tar, dir, text, len) : NULL;
}

/* A name that is not there yet, which stands for nothing. NULL: no memory. */
static struct name *add_name(struct tar *tar, struct node *dir, const char *text, u32 len)
{
	struct name *name;
	char *copy;

	if (tar->count >= tar->room / 2 && grow_index(tar))
		return NULL;
	name = tree_alloc(tar->tree, sizeof(*name));
	copy = tree_alloc(tar->tree, len + 1);
	if (!name || !copy)
		return NULL;
	memcpy(copy, text, len);
	name->dir = dir;
	name->text = copy;
	name->len = len;
	name->next = dir->names;
	dir->names = name;
	dir->count++;
	*find_slot(tar, dir, text, len) = name;
	tar->count++;
	return name;
}

static struct node *new_node(struct tar *tar, u32 mode)
{
	struct node *node = tree_alloc(tar->tree, sizeof(*node));

	if (node)
		node->mode = mode;
	return node;
}

/* The next component of a path that says something, or a length of 0. */
static u32 next_component(const char **path)
{
	u32 len;

	for (;; *path += len) {
		*path += strspn(*path, "/");
		len = strcspn(*path, "/");
		if (len != 1 || **path != '.')
			return len;
	}
}

/*
 * Finds the place that path names; *name NULL is the root. With create, what is
 * missing above it becomes directories, and the name itself one that stands for
 * nothing; else -ENOENT without blame.
 */
static int find_place(struct tar *tar, const char *path, bool create, struct name **name)
{
	struct node *dir = tar->root;
	u32 len;

	*name = NULL;
	if (path[0] == '/')
		return blame(tar, "has an absolute name", 0);
	while ((len = next_component(&path)) != 0) {
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return blame(tar, "has a name with \"..\" in it", 0);
		if (len > DAXFS_NAME_MAX)
			return blame(tar, "has a name longer than 255 bytes", 0);
		if (*name) {
			if (!(*name)->node) {
				(*name)->node = new_node(tar, S_IFDIR | 0755);
				if (!(*name)->node)
					return no_memory(tar);
			}
			dir = (*name)->node;
			if (!S_ISDIR(dir->mode))
				return blame(tar, "is below a file that is not a directory", 0);
		}
		*name = find_name(tar, dir, path, len);
		if (!*name && !create)
			return -ENOENT;
		if (!*name)
			*name = add_name(tar, dir, path, len);
		if (!*name)
			return no_memory(tar);
		path += len;
	}
	return 0;
}

/* ---- attributes ---- */

static char *copy_text(struct tar *tar, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = tree_alloc(tar->tree, n);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

static struct xattr_value *find_xattr(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->xattr_count; i++)
		if (strcmp(node->xattrs[i].name, name) == 0)
			return &node->xattrs[i];
	return NULL;
}

/* One more name in the list that all of them must fit in. */
static int list_name(struct tar *tar, const char *name, size_t *listed)
{
	if (strlen(name) > XATTR_NAME_MAX)
		return blame(tar, "has an xattr whose name is longer than 255 bytes", 0);
	*listed += strlen(name) + 1;
	if (*listed > DXC_XATTR_LIST_MAX)
		return blame(tar, "has xattrs whose names together are longer than 64 KiB", 0);
	return 0;
}

/* A list that stands there as an xattr too is exact there. */
static int read_acl(struct tar *tar, struct node *node, struct archive_entry *entry, int type,
		    const char *name, size_t *listed)
{
	const struct xattr_value *exact = find_xattr(node, name);
	const char *what = NULL;
	struct xattr_value value;
	int ret;

	/* Linux has none there, and tar passes them over. */
	if (S_ISLNK(node->mode) ||
	    (type == ARCHIVE_ENTRY_ACL_TYPE_DEFAULT && !S_ISDIR(node->mode)))
		return 0;
	/* Nobody could use the file, since the kernel must not take it for none. */
	if (exact && !acl_is_valid(exact->value, exact->len))
		return blame(tar, "has an access control list that is not valid", 0);
	ret = acl_encode(tar->tree, entry, type, exact ? NULL : &value, &node->mode, &what);
	if (ret == -ENOTSUP)
		return blame(tar, what, 0);
	if (ret < 0)
		return no_memory(tar);
	if (!ret)
		return 0;
	node->xattrs[node->xattr_count++] = value;
	return list_name(tar, name, listed);
}

static int read_xattrs(struct tar *tar, struct node *node, struct archive_entry *entry)
{
	int count = la.archive_entry_xattr_reset(entry);
	struct xattr_value *value;
	const char *name;
	const void *bytes;
	size_t len, listed = 0;
	int err;

	/* Two more for access control lists. */
	node->xattrs = tree_alloc(tar->tree, (count + 2) * sizeof(*node->xattrs));
	if (!node->xattrs)
		return no_memory(tar);
	node->xattr_count = 0;
	while (la.archive_entry_xattr_next(entry, &name, &bytes, &len) == ARCHIVE_OK) {
		void *copy;

		if (len > DAXFS_XATTR_VALUE_MAX)
			return blame(tar, "an xattr is longer than 64 KiB", 0);
		/* One that is there already is replaced. */
		value = find_xattr(node, name);
		if (!value) {
			err = list_name(tar, name, &listed);
			if (err)
				return err;
			value = &node->xattrs[node->xattr_count++];
		}
		copy = tree_alloc(tar->tree, len);
		value->name = copy_text(tar, name);
		if (!copy || !value->name)
			return no_memory(tar);
		if (len)
			memcpy(copy, bytes, len);
		value->value = copy;
		value->len = len;
	}
	err = read_acl(tar, node, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ACL_XATTR_ACCESS,
		       &listed);
	if (!err)
		err = read_acl(tar, node, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT,
			       ACL_XATTR_DEFAULT, &listed);
	return err;
}

static int read_attributes(struct tar *tar, struct node *node, struct archive_entry *entry)
{
	s64 uid = la.archive_entry_uid(entry), gid = la.archive_entry_gid(entry);
	long nsec = la.archive_entry_mtime_nsec(entry);

	if (uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return blame(tar, "belongs to somebody whose number is not one of 32 bits", 0);
	if (nsec < 0 || nsec >= 1000000000)
		return blame(tar, "has an impossible modification time", 0);
	node->uid = uid;
	node->gid = gid;
	node->mtime = la.archive_entry_mtime(entry);
	node->mtime_nsec = nsec;
	return read_xattrs(tar, node, entry);
}

/* ---- files ---- */

static int read_contents(struct tar *tar, struct node *node)
{
	struct members *members = tar->tree->members;
	u64 end = 0, pos, place;
	const void *bytes;
	size_t len;
	int ret, err;

	while ((ret = tarfile_read(&tar->file, &bytes, &len, &pos, &place)) == 1) {
		if (tree_is_cancelled(tar->tree))
			return -EINTR;
		if (!len)
			continue;
		if (pos < end || pos > node->size || len > node->size - pos)
			return blame(tar, "has parts that overlap or lie behind its end", 0);
		end = pos + len;
		if (place != TARFILE_NOWHERE) {
			err = members_leave(members, pos, place, len);
		} else {
			err = members_spool(members, pos, bytes, len);
			if (err)
				return tree_blame_path(tar->tree, spool_dir(),
						       "has no place for the archive's files "
						       "(TMPDIR names another directory)", -err);
		}
		if (err)
			return no_memory(tar);
	}
	if (ret < 0)
		return blame_file(tar, true);
	node->member = members_end(members, tar->tree, node->size);
	return node->member ? 0 : no_memory(tar);
}

static int read_target(struct tar *tar, struct node *node, struct archive_entry *entry)
{
	const char *target = la.archive_entry_symlink(entry);

	if (!target || !*target)
		return blame(tar, "is a symbolic link to nothing", 0);
	if (strlen(target) > DAXFS_SYMLINK_MAX)
		return blame(tar, "is a symbolic link to a name longer than 4095 bytes", 0);
	node->target = copy_text(tar, target);
	node->size = strlen(target);
	/* Others do not exist on Linux. */
	node->mode = S_IFLNK | 0777;
	return node->target ? 0 : no_memory(tar);
}

/* What the member is, of those types that are not directories. */
static int read_special(struct tar *tar, struct node *node, struct archive_entry *entry)
{
	s64 size;

	switch (node->mode & S_IFMT) {
	case S_IFREG:
		size = la.archive_entry_size(entry);
		if (size < 0 || size > INT64_MAX - (s64)DAXFS_BLOCK_SIZE)
			return blame(tar, "has an impossible size", 0);
		node->size = size;
		return read_contents(tar, node);
	case S_IFLNK:
		return read_target(tar, node, entry);
	case S_IFCHR:
	case S_IFBLK:
		/* More than these many bits no Linux has. */
		if (la.archive_entry_rdevmajor(entry) >= 1u << 12 ||
		    la.archive_entry_rdevminor(entry) >= 1u << 20)
			return blame(tar, "has an impossible device number", 0);
		node->device = makedev(la.archive_entry_rdevmajor(entry),
				       la.archive_entry_rdevminor(entry));
		return 0;
	case S_IFIFO:
		return 0;
	}
	return blame(tar, "is of a type that Linux does not have", 0);
}

static int check_replaced(struct tar *tar, const struct name *name)
{
	if (!name)
		return blame(tar, "is the root, and not a directory", 0);
	if (name->node && S_ISDIR(name->node->mode) && name->node->count)
		return blame(tar, "takes the place of a directory that is not empty", 0);
	return 0;
}

static int read_directory(struct tar *tar, struct name *name, struct archive_entry *entry)
{
	struct node *dir = name ? name->node : tar->root;

	if (!dir || !S_ISDIR(dir->mode)) {
		dir = new_node(tar, 0);
		if (!dir)
			return no_memory(tar);
		name->node = dir;
	}
	dir->mode = S_IFDIR | (la.archive_entry_mode(entry) & 07777);
	return read_attributes(tar, dir, entry);
}

static int read_link(struct tar *tar, struct name *name, const char *target)
{
	struct name *other;
	int err;

	err = find_place(tar, target, false, &other);
	if (err == -ENOENT || (!err && other && !other->node))
		return blame(tar, "is a hard link to what the archive does not have before it", 0);
	if (err)
		return err;
	if (!other || S_ISDIR(other->node->mode))
		return blame(tar, "is a hard link to a directory", 0);
	if (other == name)
		return 0;
	err = check_replaced(tar, name);
	if (!err)
		name->node = other->node;
	return err;
}

static int read_member(struct tar *tar, struct archive_entry *entry)
{
	const char *link = la.archive_entry_hardlink(entry);
	u32 mode = la.archive_entry_mode(entry);
	struct name *name;
	struct node *node;
	int err;

	tar->path = la.archive_entry_pathname(entry);
	if (!tar->path || !*tar->path)
		return tree_blame_path(tar->tree, tar->tree->members->archive,
				       "has a member without a name", 0);
	err = find_place(tar, tar->path, true, &name);
	if (err)
		return err;
	if (link)
		return read_link(tar, name, link);
	if (S_ISDIR(mode))
		return read_directory(tar, name, entry);
	err = check_replaced(tar, name);
	if (err)
		return err;
	/* Other names of what was here before keep it. */
	node = new_node(tar, mode & (S_IFMT | 07777));
	if (!node)
		return no_memory(tar);
	name->node = node;
	err = read_attributes(tar, node, entry);
	return err ? err : read_special(tar, node, entry);
}

static int read_all(struct tar *tar)
{
	const struct tree_options *options = tar->tree->options;
	struct archive_entry *entry;
	int ret, err;

	while ((ret = tarfile_next(&tar->file, &entry)) == 1) {
		if (tree_is_cancelled(tar->tree))
			return -EINTR;
		err = read_member(tar, entry);
		if (err)
			return err;
		if (options->tick)
			options->tick(options->priv, ++tar->seen);
	}
	return ret < 0 ? blame_file(tar, false) : 0;
}

/* ---- names become the tree ---- */

static struct tree_inode *make_inode(struct tar *tar, struct node *node)
{
	struct stat st = {
		.st_mode = node->mode,
		.st_uid = node->uid,
		.st_gid = node->gid,
		.st_size = (off_t)node->size,
		.st_rdev = node->device,
		.st_mtim = { .tv_sec = node->mtime, .tv_nsec = node->mtime_nsec },
	};

	node->inode = tree_new_inode(tar->tree, &st);
	if (!node->inode)
		return NULL;
	if (S_ISREG(node->mode)) {
		node->inode->member = node->member;
		node->inode->file.may_be_sparse = node->member->stored < node->size;
	} else if (S_ISLNK(node->mode)) {
		node->inode->link.target = node->target;
		node->inode->size = node->size;
	}
	return node->inode;
}

static int store_xattrs(struct tar *tar, const struct node *node)
{
	struct tree_inode *inode = node->inode;
	struct xattrs_problem problem;
	int err = xattrs_store(&tar->tree->xattrs, node->xattrs, node->xattr_count,
			       &inode->xattr, &problem);

	if (err)
		return tree_blame(tar->tree, inode, problem.what, err == -E2BIG ? 0 : -err);
	if (problem.skipped[0] && inode->name)
		tree_note(tar->tree, inode->parent, inode->name, problem.skipped);
	return 0;
}

/* The names of a directory that are not excluded, sorted, into tar->entries. */
static int collect(struct tar *tar, const struct node *dir, size_t *count)
{
	struct tree_entry *entry;
	int err;

	*count = 0;
	if (dir->count > tar->entry_room) {
		entry = realloc(tar->entries, dir->count * sizeof(*entry));
		if (!entry)
			return no_memory(tar);
		tar->entries = entry;
		tar->entry_room = dir->count;
	}
	for (const struct name *name = dir->names; name; name = name->next) {
		err = tree_is_excluded(tar->tree, dir->inode, name->text);
		if (err < 0)
			return no_memory(tar);
		if (err)
			continue;
		entry = &tar->entries[(*count)++];
		memset(entry, 0, sizeof(*entry));
		entry->name = name->text;
		entry->len = name->len;
	}
	tree_sort_entries(tar->entries, *count);
	return 0;
}

/* Gives each name in a directory its inode; *next are the directories to visit. */
static int visit(struct tar *tar, struct node *dir, struct node **next)
{
	struct node *first = NULL, **last = &first;
	size_t count;
	int err = collect(tar, dir, &count);

	for (size_t i = 0; i < count && !err; i++) {
		struct tree_entry *entry = &tar->entries[i];
		struct node *node = find_name(tar, dir, entry->name, entry->len)->node;

		if (node->inode) {
			entry->inode = node->inode;
			node->inode->nlink++;
			continue;
		}
		entry->inode = make_inode(tar, node);
		if (!entry->inode)
			return no_memory(tar);
		entry->inode->parent = dir->inode;
		entry->inode->name = entry->name;
		entry->inode->nlink = S_ISDIR(node->mode) ? 2 : 1;
		if (S_ISDIR(node->mode)) {
			entry->inode->depth = dir->inode->depth + 1;
			dir->inode->nlink++;
			*last = node;
			last = &node->next;
		}
		err = store_xattrs(tar, node);
	}
	if (err)
		return err;
	/* Depth first: those found here come before the others. */
	*last = *next;
	*next = first;
	return tree_set_entries(tar->tree, dir->inode, tar->entries, count);
}

static int make_tree(struct tar *tar)
{
	struct node *next = tar->root, *dir;
	int err;

	if (!make_inode(tar, tar->root))
		return no_memory(tar);
	tar->root->inode->parent = tar->root->inode;
	err = store_xattrs(tar, tar->root);
	while (next && !err) {
		if (tree_is_cancelled(tar->tree))
			return -EINTR;
		dir = next;
		next = dir->next;
		err = visit(tar, dir, &next);
	}
	return err;
}

/* ---- all of it ---- */

static int prepare(struct tar *tar, const char *path)
{
	struct tree *tree = tar->tree;
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	char *prefix;

	if (members_attach(tree, name))
		return -ENOMEM;
	prefix = tree_alloc(tree, strlen(name) + 2);
	tar->root = new_node(tar, S_IFDIR | 0755);
	if (!prefix || !tar->root)
		return no_memory(tar);
	snprintf(prefix, strlen(name) + 2, "%s:", name);
	tree->root_path = prefix;
	/* Only so that nobody can choose names that meet in the table. */
	if (getrandom(&tar->seed, sizeof(tar->seed), GRND_NONBLOCK) < 0)
		tar->seed = (uintptr_t)tar;
	return 0;
}

int tar_scan(struct tree *tree, const char *path)
{
	struct tar tar = { .tree = tree, .file.fd = -1 };
	locale_t plain, before;
	int err;

	err = prepare(&tar, path);
	if (err)
		return err;
	/* Where there are only bytes, libarchive gives names as the bytes they are. */
	plain = newlocale(LC_CTYPE_MASK, "C", NULL);
	before = plain ? uselocale(plain) : NULL;
	err = tarfile_open(&tar.file, path, tree->options->cancelled);
	if (err)
		err = blame_file(&tar, false);
	if (!err && tar.file.is_plain) {
		err = members_use_archive(tree->members, tar.file.fd);
		if (err)
			err = tree_blame_path(tree, tree->members->archive,
					      "cannot be examined", -err);
	}
	if (!err)
		err = read_all(&tar);
	tarfile_close(&tar.file);
	if (!err)
		err = make_tree(&tar);
	if (plain) {
		uselocale(before);
		freelocale(plain);
	}
	free(tar.index);
	free(tar.entries);
	return err;
}
