/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the checker share: what is remembered of the base, and how
 * findings are reported. For check.c, check_*.c and repair.c only.
 */
#ifndef DXC_CHECKER_H
#define DXC_CHECKER_H

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
	u64 size;	/* of the file; DATA: 0 when it is an extent, len when it is packed */
	u32 ino;
	u32 checksum;	/* of the file */
};

/* The same bytes, for files of the same size? */
static inline bool dxc_piece_is_same(const struct piece *a, const struct piece *b)
{
	return a->start == b->start && a->len == b->len && a->size == b->size;
}

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

/* check.c: what must be zero for ever outside the areas; index < DXC_ZERO_RANGES. */
#define DXC_ZERO_RANGES	2u
void dxc_zero_range(const struct dxc_volume *vol, u32 index, dxc_off *from, dxc_off *to);

/* What is remembered of an entry of the branch table. */
struct branch_node {
	struct dxc_branch br;
	bool bad;		/* the entry says what cannot be; that was reported */
	bool live;		/* and so is its parent */
	bool renamed;		/* another entry holds the name that it is to get */
	bool commits;		/* its log and a child's are being made one */
	bool lost;		/* repair: records of its log, or of one below, are given up */
	u64 base_seq, read_seq;	/* dxc_delta_load(): of a log that cannot be loaded, how far it was read */
	bool viewed;		/* check_log(): the view of its layer was checked */
	bool read;		/* its log was read to the end */
	u32 mark;		/* of the walk towards main that came by here, + 1 */
	u32 child, sibling;	/* first child, next of the parent's; 0: none */
	u64 frozen_seq;		/* of the layer, as the first child has it */
	struct dxc_layer *layer;
};

/* Of what writable images have besides the base. */
struct delta {
	struct checker *c;
	struct branch_node *nodes;	/* by index */
	struct dxc_space space;
	u64 next_ino, next_gen, next_salt, commit_seq; /* ~0: cannot be read */
	u32 depth;			/* dxc_delta_walk(): parents of the branch that is visited */
	bool salvages;			/* dxc_delta_load(): as dxc_layer.salvages */
	void *priv;			/* of who walks */
};

/* Of its state word alone, and the entry can be. */
static inline bool node_is_live(const struct branch_node *node)
{
	return !node->bad && node->br.state == DAXFS_BRANCH_LIVE;
}

/*
 * check_delta.c, for repair.c: reads the tables and says of them what
 * dxc_check_delta() says. To be ended, on an error too.
 */
int dxc_delta_start(struct delta *d, struct checker *c);
/*
 * Calls visit for branches, a parent before its children, the lists of which are used up.
 * visit leaves the branch's layer in its node, or none: nothing above it is
 * visited then. The layers below are there. d->space is the caller's.
 */
int dxc_delta_walk(struct delta *d, int (*visit)(struct delta *d, u32 index));
void dxc_delta_end(struct delta *d);
/*
 * A layer for branch index, over its parent's, loaded: 0 without a layer when
 * its log cannot be, with the finding in *f; else f->code is DXC_OK.
 */
int dxc_delta_load(struct delta *d, u32 index, struct dxc_finding *f);

/*
 * check_contents.c: that files hold what their checksums say, after pieces were
 * sorted and looked at for overlaps. Results as dxc_check().
 */
int dxc_check_contents(struct checker *c);

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
