/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an image is made of, in memory: a directory, what unpacking an archive
 * would give, or what a branch shows. Holds names, attributes and symlink targets; the bytes of
 * files stay where they are and are read when needed, through tree_open_file().
 */
#ifndef DAXFSCTL_TREE_H
#define DAXFSCTL_TREE_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../kmod/core/core.h"
#include "xattrs.h"

struct contents;
struct member;
struct members;
struct tree;
struct tree_inode;

/* A name in a directory. */
struct tree_entry {
	const char *name;
	struct tree_inode *inode;
	u32 hash;		/* set when the directory is written */
	u32 len;
};

/* The bytes of one regular file, or of several equal ones. */
struct tree_content {
	struct tree_inode *owner; /* the file they are read from: the lowest number */
	u64 size;		/* bytes, not 0 */
	u64 digest[2];		/* sum over the segments read, when it is wanted */
	/*
	 * What is stored, sorted by position; lengths are whole blocks. data is
	 * set by the layout. A dense file has one part, in whole.
	 */
	struct dxc_extent *parts;
	struct dxc_extent whole;
	dxc_off extents;	/* where the extent array is, sparse files */
	u32 part_count;
	u32 checksum;		/* as in_checksum; known when the contents are written */
	bool sparse;
	bool packed;		/* shares its block with others: set by the layout */
};

struct tree_inode {
	u32 number;		/* in the image, from 1 */
	u32 mode;
	u32 uid;
	u32 gid;
	u32 nlink;		/* in the image */
	u32 mtime_nsec;
	s64 mtime;
	u64 size;
	u32 xattr;		/* as in_xattr */
	u32 depth;		/* directories: 0 for the root */
	/* The first name that led here. */
	struct tree_inode *parent;
	const char *name;
	/* Identity in the source: what is read later must still be this. */
	union {
		struct {
			dev_t dev;
			ino_t ino;
		};
		const struct member *member; /* regular files of an archive */
	};
	union {
		struct {
			struct tree_entry *entries; /* sorted by name */
			u32 count;
			u32 entry_size;
			dxc_off offset;
		} dir;
		struct {
			const char *target;
			dxc_off offset;
		} link;
		struct {
			u32 major;
			u32 minor;
		} device;
		struct {
			struct tree_content *content; /* NULL: empty file */
			struct tree_inode *twin; /* stored before, with equal bytes */
			bool may_be_sparse;
		} file;
	};
};

struct tree_options {
	const char *const *exclude; /* globs, matched against the path below the root */
	size_t exclude_count;
	bool all_root;
	/* The image itself, when it lies in the tree; skip_ino 0: it does not. */
	dev_t skip_dev;
	ino_t skip_ino;
	/* Tells of what was left out without being an error; may be NULL. */
	void (*note)(void *priv, const char *path, const char *what);
	/* Called for each directory; may be NULL. */
	void (*tick)(void *priv, u64 inodes);
	void *priv;
	const volatile sig_atomic_t *cancelled; /* nonzero: stop with -EINTR; may be NULL */
};

/* What went wrong with which file, in words; the first failure stays. */
struct tree_blame {
	char *path;		/* as the user would write it */
	const char *what;	/* static: what could not be done */
	int err;		/* 0: what says it all */
};

/* Where the bytes of files are that are in no directory. Any thread may call. */
struct tree_files {
	/* A descriptor to be closed, which stands for a file; or -errno. */
	int (*open)(const struct tree *tree);
	/* As tree_confirm_file(), of all files; NULL: nothing changes. */
	int (*confirm)(struct tree *tree);
	/* As pread(). */
	ssize_t (*read)(const struct tree *tree, const struct tree_inode *inode, void *buf,
			size_t len, u64 pos);
	/* As tree_next_data(). */
	int (*next_data)(const struct tree *tree, const struct tree_inode *inode, u64 from,
			 u64 *data, u64 *hole);
	/* Gives up what they are in, when the tree is freed; may be NULL. */
	void (*free)(struct tree *tree);
};

struct tree {
	const struct tree_options *options;
	const char *root_path;	/* what names in messages begin with */
	int root_fd;		/* -1: not a directory */
	const struct tree_files *files; /* NULL: they are in a directory */
	struct members *members; /* of an archive, else NULL: member.h */
	const struct contents *view; /* of a branch, else NULL: viewtree.h */
	struct tree_inode **inodes; /* by number - 1 */
	u32 inode_count;
	u32 inode_room;
	u32 counts[16];		/* inodes by DT_* */
	u64 file_bytes;		/* sum of the sizes of regular files */
	struct xattrs xattrs;
	struct tree_blame blame;
	pthread_mutex_t blame_lock;
	struct tree_arena *arena;
	char *path;		/* below the root, only made for globs and notes */
	size_t path_room;
};

/* path and options must outlive the tree. Call tree_free() whatever comes after. */
void tree_init(struct tree *tree, const char *path, const struct tree_options *options);
/*
 * Reads names and attributes below the path. Deterministic: names in byte
 * order, a directory's names numbered together. Changes the working directory
 * while it runs. 0 or -errno with blame.
 */
int tree_scan(struct tree *tree);
void tree_free(struct tree *tree);
/* Zeroed memory that lives as long as the tree; not for use by several threads. */
void *tree_alloc(struct tree *tree, size_t size);

/*
 * What a tree is built with. Numbers are given in the order of the calls, which
 * is to be: the root; then, of each directory in depth-first order, all names.
 */
/* The next inode; its parent, name and links are the caller's. NULL: no memory. */
struct tree_inode *tree_new_inode(struct tree *tree, const struct stat *st);
/* 1: an exclude matches name in dir, 0, or -ENOMEM. */
int tree_is_excluded(struct tree *tree, const struct tree_inode *dir, const char *name);
void tree_note(struct tree *tree, const struct tree_inode *dir, const char *name,
	       const char *what);
void tree_sort_entries(struct tree_entry *entries, size_t count);
/* Copies the sorted entries into the directory. 0 or -errno with blame. */
int tree_set_entries(struct tree *tree, struct tree_inode *dir,
		     const struct tree_entry *entries, size_t count);

/* Records why inode failed; returns -err, or -EIO for err 0. Any thread. */
int tree_blame(struct tree *tree, const struct tree_inode *inode, const char *what,
	       int err);
/* The same with a path that says all of it, such as the archive's own. */
int tree_blame_path(struct tree *tree, const char *path, const char *what, int err);
static inline bool tree_is_cancelled(const struct tree *tree)
{
	return tree->options->cancelled && *tree->options->cancelled;
}

/*
 * The directories a thread is in, open; neighbours in the tree are reached
 * without going through the root again.
 */
#define TREE_CURSOR_LEVELS 32
struct tree_cursor {
	struct {
		const struct tree_inode *dir;
		int fd;
	} level[TREE_CURSOR_LEVELS];
};

void tree_cursor_init(struct tree_cursor *cursor);
void tree_cursor_close(struct tree_cursor *cursor);
/* Opens a regular file for reading: a descriptor, or -errno with blame. */
int tree_open_file(struct tree *tree, struct tree_cursor *cursor,
		   const struct tree_inode *inode);
/*
 * Is what was read through fd what was scanned? Called after reading, so that
 * it speaks for the bytes read. 0 or -errno with blame.
 */
int tree_confirm_file(struct tree *tree, const struct tree_inode *inode, int fd);
/*
 * Reads exactly len bytes, fewer are a change of the file. 0 or -errno with
 * blame.
 */
int tree_read_file(struct tree *tree, const struct tree_inode *inode, int fd,
		   void *buf, size_t len, u64 pos);
/*
 * The next part that is not a hole, at from or behind it. 1, 0: there is none,
 * or -errno without blame, -EINVAL where the filesystem does not know.
 */
int tree_next_data(struct tree *tree, const struct tree_inode *inode, int fd, u64 from,
		   u64 *data, u64 *hole);

#endif
