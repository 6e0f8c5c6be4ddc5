// SPDX-License-Identifier: GPL-2.0-only
/* A small region with branches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "family.h"
#include "tap.h"

const struct dxc_owner top = { 0, 1 };
/* Tables and delta area, all that this is about; the superblock is not looked at. */
struct dxc_volume vol = {
	.region = { .size = SIZE, .persistent = true },
	.area = { [DAXFS_AREA_SHARED] = { 0x1000, sizeof(struct daxfs_shared), 0 },
		  [DAXFS_AREA_BRANCHES] = { 0x2000,
					    BRANCHES * sizeof(struct daxfs_branch), 0 },
		  [DAXFS_AREA_MOUNTS] = { 0x3000, MOUNTS * sizeof(struct daxfs_mount),
					  0 },
		  [DAXFS_AREA_CHUNKS] = { 0x4000, CHUNKS * sizeof(__le64), 0 },
		  [DAXFS_AREA_DELTA] = { DELTA, CHUNKS *CHUNK, 0 } },
	.inode_count = INODES,
	.chunk_size = CHUNK,
	.branch_count = BRANCHES,
	.mount_count = MOUNTS,
	.incompat = DAXFS_INCOMPAT_DELTA,
};
struct dxc_owner a, b, c, d, e, f, g;
static dxc_chunk hint;

struct daxfs_branch *family_raw(const struct dxc_volume *v, u32 index)
{
	return (struct daxfs_branch *)(v->region.base +
				       v->area[DAXFS_AREA_BRANCHES].offset) +
	       index;
}

struct daxfs_shared *family_shared(void)
{
	return (struct daxfs_shared *)(vol.region.base +
				       vol.area[DAXFS_AREA_SHARED].offset);
}

/* Nobody but main. */
void family_start(void)
{
	memset(vol.region.base, 0, SIZE);
	dxc_branch_format(&vol, 12345, 0, 1);
	hint = 0;
}

/* ---- branches with logs ---- */

/*
 * Reads a branch's log. Each record of these tests is of one inode, whose
 * number is put into text. The log can then be appended to. -1: it cannot be.
 */
int family_read(const struct dxc_volume *v, const struct dxc_branch *br,
		struct dxc_log *log, char *text)
{
	static u8 buf[CHUNK];
	struct dxc_item item;
	u32 size, pos;
	int err;

	if (dxc_log_open(v, br->head_word, br->first_seq, log))
		return -1;
	while (!(err = dxc_log_read(v, log, buf, &size))) {
		pos = 0;
		if (dxc_item_next(v, buf, size, &pos, &item))
			return -1;
		if (text)
			text += sprintf(text, " %llu", (unsigned long long)item.ino);
	}
	return err == -ENODATA ? 0 : -1;
}

/* Appends records number tag, tag + 1, ... of which five fill a chunk. */
void family_write(struct dxc_owner id, u32 tag, u32 count)
{
	static const u8 filler[3000] = { 7 };
	static u8 buf[CHUNK];
	struct dxc_record rec;
	struct dxc_branch br;
	struct dxc_log log;
	dxc_chunk data;

	CHECK_EQ(dxc_branch_get(&vol, id, &br), 0);
	CHECK_EQ(family_read(&vol, &br, &log, NULL), 0);
	for (; count--; tag++) {
		dxc_record_start(&rec, buf, sizeof(buf));
		dxc_record_unlink(&rec, 1, "x", 1, tag);
		dxc_record_xattr(&rec, tag, DAXFS_XATTR_USER, "x", 1, filler,
				 sizeof(filler));
		CHECK_EQ(dxc_log_append(&vol, &log, id,
					dxc_branch_head_at(&vol, id.branch), &hint, &rec),
			 0);
	}
	CHECK_EQ(dxc_chunk_take(&vol, &hint, DAXFS_CHUNK_DATA, id, 1, &data), 0);
}

struct dxc_owner family_make(struct dxc_owner parent, const char *name, u32 tag,
			     u32 count)
{
	struct dxc_branch up, br;
	struct dxc_log log;

	CHECK_EQ(dxc_branch_get(&vol, parent, &up), 0);
	CHECK_EQ(family_read(&vol, &up, &log, NULL), 0);
	CHECK_EQ(dxc_branch_create(&vol, 0, parent, name, tag, 0, log.seq, &br), 0);
	if (count)
		family_write(br.id, tag, count);
	return br.id;
}

static u32 chunks_of(const struct dxc_volume *v, struct dxc_owner id)
{
	struct dxc_chunk_use use;
	u32 i, n = 0;

	for (i = 0; i < CHUNKS; i++)
		n += !dxc_chunk_read(v, i, &use) &&
		     (use.kind == DAXFS_CHUNK_LOG || use.kind == DAXFS_CHUNK_DATA) &&
		     dxc_owner_is(use.owner, id);
	return n;
}

/* Everything that a user can see of the branches, and where the space is. */
const char *family_look(const struct dxc_volume *v, char *text)
{
	struct dxc_branch br, up;
	struct dxc_chunk_use use;
	struct dxc_log log;
	char *end = text;
	u32 i, index = 0, unused = 0;

	while (!dxc_branch_next(v, &index, &br)) {
		if (dxc_branch_read(v, br.parent.branch, &up, NULL))
			return "a branch without a parent";
		end += sprintf(end, "%s of %s, %u chunks%s:", br.name, up.name,
			       chunks_of(v, br.id),
			       br.winner.generation ? ", commits" : "");
		if (family_read(v, &br, &log, end))
			return "a log that cannot be";
		end += strlen(end);
		end += sprintf(end, "\n");
	}
	for (i = 0; i < CHUNKS; i++)
		unused += !dxc_chunk_read(v, i, &use) &&
			  (use.kind == DAXFS_CHUNK_FREE || use.kind == DAXFS_CHUNK_FREED);
	for (i = 0; i < BRANCHES; i++)
		if (family_raw(v, i)->br_state &&
		    (dxc_branch_read(v, i, &br, NULL) || br.state != DAXFS_BRANCH_LIVE))
			return "an entry that is neither live nor free";
	sprintf(end, "%u chunks unused\n", unused);
	return text;
}

/* Lists of the chunks that branches have, as a kernel that wrote them knows. */
static struct dxc_chunk_list lists[BRANCHES];
static dxc_chunk numbers[BRANCHES][CHUNKS];

const struct dxc_chunk_list *family_known(void *priv, struct dxc_owner id)
{
	const u32 *without = priv;

	return id.branch == *without ? NULL : &lists[id.branch];
}

void family_learn(void)
{
	struct dxc_chunk_use use;
	u32 i;

	for (i = 0; i < BRANCHES; i++)
		lists[i] = (struct dxc_chunk_list){ numbers[i], 0 };
	for (i = 0; i < CHUNKS; i++)
		if (!dxc_chunk_read(&vol, i, &use) && use.owner.generation)
			numbers[use.owner.branch][lists[use.owner.branch].count++] = i;
}

void family(void)
{
	family_start();
	family_write(top, 1, 6);
	a = family_make(top, "a", 100, 6);
	d = family_make(top, "d", 200, 1);
	e = family_make(top, "e", 300, 3);
	b = family_make(a, "b", 400, 7);
	c = family_make(a, "c", 500, 0);
	f = family_make(e, "f", 600, 2);
	g = family_make(f, "g", 700, 12);
	family_learn();
}

int family_commit(struct dxc_owner child, struct dxc_owner parent,
		  struct dxc_branch_rest *rest)
{
	int err = dxc_branch_commit(&vol, child, NULL);

	return err ? err : dxc_branch_finish(&vol, parent, rest);
}

void family_new(void)
{
	vol.region.base = malloc(SIZE);
	family_start();
}

void family_free(void)
{
	free(vol.region.base);
}
