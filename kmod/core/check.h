/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the checker share: what is remembered of the base, and how
 * findings are reported. For check.c, check_delta.c and check_view.c only.
 */
#ifndef DXC_CHECK_H
#define DXC_CHECK_H

#include "layer.h"

/* What is remembered of each inode of the base. */
struct seen {
	u32 nlink;	/* as the inode says */
	u32 names;	/* entries that name it */
	u32 subdirs;
	u32 parent;
	u32 mark;	/* of the walk towards the root that came by here */
	u8 type;	/* DT_*; 0: the inode is bad, nothing more is said of it */
	bool overlaps;	/* directory with entries of another one */
};

/* A piece of DATA, DIRS or EXTENTS and whose it is. */
struct piece {
	dxc_off start;
	u64 len;
	u64 size;	/* EXTENTS: of the file */
	u32 ino;
};

struct pieces {
	struct piece *list;
	u64 count, room;
};

struct checker {
	const struct dxc_volume *vol;
	struct dxc_check *chk;
	struct seen *seen;	/* by inode number - 1 */
	u8 *set_starts;		/* one bit per 8 bytes of XATTRS */
	struct pieces data, dirs, arrays;
	u8 *buf;		/* one block */
};

/* How it is counted and told. */
static inline int report(struct checker *c, const struct dxc_finding *f)
{
	c->chk->findings++;
	c->chk->leftovers += dxc_code_is_leftover(f->code);
	return c->chk->report(c->chk->priv, f);
}

static inline int found(struct checker *c, unsigned int code, unsigned int area,
			dxc_ino ino, dxc_off offset, u64 detail)
{
	struct dxc_finding f;

	dxc_found(&f, 0, code, area, ino, offset, detail);
	return report(c, &f);
}

/* What a decoder returned: findings are reported, other errors end the check. */
static inline int decoded(struct checker *c, int err, const struct dxc_finding *f)
{
	return err == -EUCLEAN ? report(c, f) : err;
}

static inline int breathe(struct checker *c, u64 i)
{
	if (i % 1024)
		return 0;
	if (c->chk->progress)
		c->chk->progress(c->chk->priv, i, c->vol->inode_count);
	return dxc_pause();
}

/* Offset of the first nonzero byte of buf, len when there is none. */
static inline u64 first_nonzero(const u8 *buf, u64 len)
{
	u64 i;

	/* Nearly always nothing but zeros: compare the buffer with itself, shifted. */
	if (!len || (!buf[0] && !memcmp(buf, buf + 1, len - 1)))
		return len;
	for (i = 0; !buf[i]; i++)
		;
	return i;
}

/*
 * check_delta.c: shared state, tables, chunks and logs of a writable image,
 * after the base was checked. Results as dxc_check().
 */
int dxc_check_delta(struct checker *c);

/*
 * check_view.c: that the view of a layer is one tree and counts its links
 * right. The base was found to be. at: offset of the branch's entry, which
 * findings name. Results as dxc_check().
 */
int dxc_check_view(struct checker *c, const struct dxc_layer *top, dxc_off at);

#endif
