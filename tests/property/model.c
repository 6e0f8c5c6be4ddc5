// SPDX-License-Identifier: GPL-2.0-only
/* What a branch should look like: a plain tree in memory. */
#include "model.h"

static void inode_free(struct model_inode *in)
{
	u32 i;

	for (i = 0; i < in->xattr_count; i++)
		free(in->xattrs[i].value);
	free(in->data);
	free(in);
}

void model_free(struct model *m)
{
	u32 i;

	for (i = 0; i < m->inode_count; i++)
		inode_free(m->inodes[i]);
	free(m->inodes);
	free(m->names);
	memset(m, 0, sizeof(*m));
}

static void *copy_of(const void *p, size_t n)
{
	void *copy = malloc(n ? n : 1);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

void model_copy(struct model *to, const struct model *from)
{
	struct model_inode *in;
	u32 i, k;

	memset(to, 0, sizeof(*to));
	to->inodes = malloc((from->inode_count + 1) * sizeof(*to->inodes));
	for (i = 0; i < from->inode_count; i++) {
		if (!from->inodes[i]->attr.nlink)
			continue;
		in = copy_of(from->inodes[i], sizeof(*in));
		if (in->data)
			in->data = copy_of(in->data, in->attr.size);
		for (k = 0; k < in->xattr_count; k++)
			in->xattrs[k].value =
				copy_of(in->xattrs[k].value, in->xattrs[k].value_len);
		to->inodes[to->inode_count++] = in;
	}
	to->names = copy_of(from->names, from->name_count * sizeof(*to->names));
	to->name_count = from->name_count;
}

void model_take_open(struct model *to, struct model *from)
{
	u32 i, n = 0;

	for (i = 0; i < from->inode_count; i++) {
		if (from->inodes[i]->attr.nlink) {
			from->inodes[n++] = from->inodes[i];
			continue;
		}
		to->inodes =
			realloc(to->inodes, (to->inode_count + 1) * sizeof(*to->inodes));
		to->inodes[to->inode_count++] = from->inodes[i];
	}
	from->inode_count = n;
}

struct model_inode *model_find(const struct model *m, dxc_ino ino)
{
	u32 i;

	for (i = 0; i < m->inode_count; i++)
		if (m->inodes[i]->attr.ino == ino)
			return m->inodes[i];
	return NULL;
}

struct model_inode *model_add(struct model *m, const struct dxc_attr *attr)
{
	struct model_inode *in = calloc(1, sizeof(*in));

	in->attr = *attr;
	if (S_ISREG(attr->mode) || S_ISLNK(attr->mode))
		in->data = calloc(1, attr->size + 1);
	m->inodes = realloc(m->inodes, (m->inode_count + 1) * sizeof(*m->inodes));
	m->inodes[m->inode_count++] = in;
	return in;
}

void model_remove(struct model *m, dxc_ino ino)
{
	u32 i;

	for (i = 0; i < m->inode_count; i++) {
		if (m->inodes[i]->attr.ino != ino)
			continue;
		inode_free(m->inodes[i]);
		m->inodes[i] = m->inodes[--m->inode_count];
		return;
	}
}

struct model_name *model_lookup(const struct model *m, dxc_ino dir, const char *name,
				u32 len)
{
	u32 i;

	for (i = 0; i < m->name_count; i++)
		if (m->names[i].dir == dir && m->names[i].len == len &&
		    !memcmp(m->names[i].name, name, len))
			return &m->names[i];
	return NULL;
}

void model_link(struct model *m, dxc_ino dir, const char *name, u32 len, dxc_ino ino)
{
	struct model_name *na;

	m->names = realloc(m->names, (m->name_count + 1) * sizeof(*m->names));
	na = &m->names[m->name_count++];
	na->dir = dir;
	na->ino = ino;
	na->len = len;
	memcpy(na->name, name, len);
}

void model_unlink(struct model *m, dxc_ino dir, const char *name, u32 len)
{
	*model_lookup(m, dir, name, len) = m->names[m->name_count - 1];
	m->name_count--;
}

bool model_is_empty(const struct model *m, dxc_ino dir)
{
	u32 i;

	for (i = 0; i < m->name_count; i++)
		if (m->names[i].dir == dir)
			return false;
	return true;
}

bool model_is_below(const struct model *m, dxc_ino dir, dxc_ino top)
{
	for (; dir != DAXFS_ROOT_INO; dir = model_find(m, dir)->attr.parent)
		if (dir == top)
			return true;
	return top == DAXFS_ROOT_INO;
}

void model_resize(struct model_inode *in, u64 size)
{
	in->data = realloc(in->data, size + 1);
	if (size > in->attr.size)
		memset(in->data + in->attr.size, 0, size - in->attr.size);
	in->attr.size = size;
}

void model_write(struct model_inode *in, u64 pos, const u8 *data, u64 len)
{
	if (pos + len > in->attr.size)
		model_resize(in, pos + len);
	if (data)
		memcpy(in->data + pos, data, len);
	else
		memset(in->data + pos, 0, len);
}

struct model_xattr *model_xattr(struct model_inode *in, u32 prefix, const char *name,
				u32 len)
{
	u32 i;

	for (i = 0; i < in->xattr_count; i++)
		if (in->xattrs[i].prefix == prefix && in->xattrs[i].name_len == len &&
		    !memcmp(in->xattrs[i].name, name, len))
			return &in->xattrs[i];
	return NULL;
}

void model_set_xattr(struct model_inode *in, u32 prefix, const char *name, u32 len,
		     const void *value, u32 value_len)
{
	struct model_xattr *xa = model_xattr(in, prefix, name, len);

	if (xa) {
		free(xa->value);
		*xa = in->xattrs[--in->xattr_count];
	}
	if (!value)
		return;
	xa = &in->xattrs[in->xattr_count++];
	xa->prefix = prefix;
	xa->name_len = len;
	xa->value_len = value_len;
	memcpy(xa->name, name, len);
	xa->value = copy_of(value, value_len);
}
