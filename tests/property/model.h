/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a branch should look like: a plain tree in memory, whole and by itself
 * for each branch. Shares nothing with the core but the structure of attributes.
 */
#ifndef MODEL_H
#define MODEL_H

#include "delta.h"

struct model_xattr {
	u32 prefix;
	u32 name_len, value_len;
	char name[16];
	u8 *value;
};

#define MODEL_XATTRS 10

struct model_inode {
	struct dxc_attr attr;
	u8 *data; /* regular files: attr.size bytes; symlinks: the target */
	struct model_xattr xattrs[MODEL_XATTRS];
	u32 xattr_count;
};

struct model_name {
	dxc_ino dir, ino;
	u32 len;
	char name[DAXFS_NAME_MAX];
};

struct model {
	struct model_inode **inodes; /* those without a name are open */
	u32 inode_count;
	struct model_name *names;
	u32 name_count;
};

void model_free(struct model *m);
/* A copy without what is only open. */
void model_copy(struct model *to, const struct model *from);
/* Takes what is only open in from, and leaves it the rest. */
void model_take_open(struct model *to, struct model *from);

struct model_inode *model_find(const struct model *m, dxc_ino ino);
struct model_inode *model_add(struct model *m, const struct dxc_attr *attr);
void model_remove(struct model *m, dxc_ino ino);
struct model_name *model_lookup(const struct model *m, dxc_ino dir, const char *name,
				u32 len);
void model_link(struct model *m, dxc_ino dir, const char *name, u32 len, dxc_ino ino);
void model_unlink(struct model *m, dxc_ino dir, const char *name, u32 len);
bool model_is_empty(const struct model *m, dxc_ino dir);
/* Is dir in the directory top, at any depth, or top itself? */
bool model_is_below(const struct model *m, dxc_ino dir, dxc_ino top);

void model_resize(struct model_inode *in, u64 size);
/* data NULL: zeros. */
void model_write(struct model_inode *in, u64 pos, const u8 *data, u64 len);
struct model_xattr *model_xattr(struct model_inode *in, u32 prefix, const char *name,
				u32 len);
void model_set_xattr(struct model_inode *in, u32 prefix, const char *name, u32 len,
		     const void *value, u32 value_len);

#endif
