// SPDX-License-Identifier: GPL-2.0-only
/* Layers: the space that their logs take, and what they keep in memory. */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "stage.h"
#include "tap.h"
#include "tests.h"

/* ---- chunks of logs ---- */

static dxc_off pinned;

static bool is_pinned(void *priv, dxc_off off, u64 blocks)
{
	(void)priv;
	return pinned >= off && pinned - off < blocks * DAXFS_BLOCK_SIZE;
}

static void busy(void)
{
	struct dxc_chunk_use use;
	struct dxc_part part;
	struct dxc_layer m;
	struct dxc_attr attr;
	dxc_chunk chunk;
	dxc_ino ino;
	u32 i;

	stage_open(64, &m);
	stage_space.busy = is_pinned;
	CHECK_EQ(stage_make(&m, 1, "x", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	for (i = 0; i < 8; i++)
		CHECK_EQ(stage_write(&m, &attr, i), 0);
	CHECK_EQ(dxc_view_map(&m, ino, NULL, 0, &part, NULL), 0);
	pinned = part.ex.data;
	chunk = (pinned - stage->area[DAXFS_AREA_DELTA].offset) / stage->chunk_size;
	CHECK_EQ(dxc_op_resize(&m, &attr, NULL, 0, NULL), 0);
	attr = stage_attr(&m, 2);
	for (i = 0; i < 20000 && !dxc_op_setattr(&m, &attr); i++) {
		CHECK_EQ(dxc_chunk_read(stage, chunk, &use), 0);
		CHECK(use.kind != DAXFS_CHUNK_LOG);
	}
	CHECK(i > 5000);
	pinned = 0;
	stage_close(&m);
	tap_end("a chunk with a block that somebody does I/O to is given to no log");
}

/*
 * Fills everything with one file, then changes a mode for as long as that
 * works, and more often; deletes all but the file before it cuts it off.
 */
static void full(u32 chunks, u32 files)
{
	struct dxc_attr attr, other;
	dxc_ino big, first = 0, ino;
	struct dxc_layer m;
	char name[16];
	u32 i, k = 0, was;
	int err;

	stage_open(chunks, &m);
	was = stage_free_chunks();
	for (i = 0; i < files; i++) {
		sprintf(name, "f%u", i);
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0600, &ino), 0);
		first = first ? first : ino;
	}
	CHECK_EQ(stage_make(&m, 1, "big", S_IFREG | 0600, &big), 0);
	attr = stage_attr(&m, big);
	for (i = 0; !(err = stage_write(&m, &attr, i)); i++)
		;
	CHECK_EQ(err, -ENOSPC);
	other = stage_attr(&m, 2);
	for (k = 0; k < 20000 && !(err = dxc_op_setattr(&m, &other)); k++)
		other.mode ^= 0100;
	CHECK(!err || err == -ENOSPC);
	for (k = 0; k < 1000; k++)
		dxc_op_setattr(&m, &other);
	/* Taking away what has no blocks makes the log longer at first. */
	for (k = 0; k < files; k++) {
		sprintf(name, "f%u", k);
		CHECK_EQ(stage_remove(&m, 1, name, first + k), 0);
	}
	for (k = 0; k < 20000; k++)
		CHECK_EQ(dxc_op_punch(&m, &attr, i + 10, 1), 0);
	CHECK_EQ(dxc_op_resize(&m, &attr, NULL, 4096, NULL), 0);
	CHECK_EQ(stage_remove(&m, 1, "big", big), 0);
	CHECK_EQ(dxc_layer_compact(&m), 0);
	CHECK_EQ(stage_reload("main", NULL), 0);
	/* The chunk that blocks were last given from stays with the branch. */
	CHECK(stage_free_chunks() + 2 >= was);
	stage_close(&m);
}

static void emptied(void)
{
	full(64, 0);
	full(64, 500);
	full(1024, 8000);
	tap_end("what is full can be emptied, whatever was changed before and whatever goes first");
}

/* ---- what is kept in memory ---- */

static void failing(void)
{
	u32 nodes, names, room, i;
	struct dxc_attr attr, root;
	char name[201] = "long";
	struct dxc_layer m;
	dxc_ino ino;
	u64 live;

	stage_open(64, &m);
	CHECK_EQ(stage_make(&m, 1, "big", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	for (i = 0; !stage_write(&m, &attr, i); i++)
		;
	for (i = 0; i < 100000; i++) {
		sprintf(name, "f%u", i);
		if (stage_make(&m, 1, name, S_IFREG | 0600, &ino))
			break;
	}
	memset(name, 'n', 200);
	nodes = m.node_count;
	names = m.name_count;
	live = m.live_bytes;
	room = dxc_node_find(&m, 1)->slot_room;
	attr = stage_attr(&m, 2);
	root = stage_attr(&m, 1);
	for (i = 0; i < 5000; i++) {
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0600, &ino), -ENOSPC);
		CHECK_EQ(dxc_op_link(&m, &root, name, 200, &attr), -ENOSPC);
	}
	CHECK_EQ(m.node_count, nodes);
	CHECK_EQ(m.name_count, names);
	CHECK_EQ(m.live_bytes, live);
	CHECK(dxc_node_find(&m, 1)->slot_room <= 2 * room);
	CHECK(!dxc_layer_has(&m, 2));
	stage_close(&m);
	tap_end("operations that fail leave nothing behind in memory");
}

static u32 count_xattrs(const struct dxc_layer *layer, dxc_ino ino)
{
	const struct dxc_layer_xattr *xa = dxc_node_find(layer, ino)->xattrs;
	u32 n = 0;

	for (; xa; xa = xa->next)
		n++;
	return n;
}

static int old_xattr(const struct dxc_layer *layer)
{
	struct dxc_file file = { 0 };

	CHECK_EQ(dxc_view_inode(layer, 2, &file, NULL), 0);
	return dxc_view_xattr(layer, 2, &file.base, DAXFS_XATTR_USER, "old", 3, NULL, 0,
			      NULL);
}

static void removed_xattrs(void)
{
	struct dxc_layer m, c;
	char name[16];
	dxc_ino ino;
	u32 i;

	stage_open(256, &m);
	CHECK_EQ(stage_make(&m, 1, "x", S_IFREG | 0600, &ino), 0);
	for (i = 0; i < 1000; i++) {
		sprintf(name, "a%u", i);
		CHECK_EQ(stage_xattr(&m, ino, name, "v"), 0);
		CHECK_EQ(stage_xattr(&m, ino, name, NULL), 0);
		CHECK_EQ(stage_xattr(&m, 2, name, "v"), 0);
		CHECK_EQ(stage_xattr(&m, 2, name, NULL), 0);
	}
	CHECK_EQ(count_xattrs(&m, ino), 0);
	CHECK_EQ(count_xattrs(&m, 2), 0);
	CHECK_EQ(old_xattr(&m), 1);
	CHECK_EQ(stage_xattr(&m, 2, "old", NULL), 0);
	CHECK_EQ(count_xattrs(&m, 2), 1);
	CHECK_EQ(old_xattr(&m), -ENODATA);
	CHECK_EQ(stage_xattr(&m, ino, "keep", "v"), 0);
	CHECK_EQ(stage_xattr(&m, 2, "more", "v"), 0);
	stage_branch(&c, &m, "c");
	CHECK_EQ(stage_xattr(&c, ino, "keep", NULL), 0);
	CHECK_EQ(count_xattrs(&c, ino), 1);
	CHECK_EQ(stage_xattr(&c, 2, "more", NULL), 0);
	stage_commit(&c, &m);
	CHECK_EQ(count_xattrs(&m, ino), 0);
	CHECK_EQ(count_xattrs(&m, 2), 1);
	CHECK_EQ(old_xattr(&m), -ENODATA);
	CHECK_EQ(dxc_layer_compact(&m), 0);
	stage_branch(&c, &m, "d");
	CHECK_EQ(stage_xattr(&c, 2, "old", "new"), 0);
	CHECK_EQ(stage_xattr(&c, 2, "old", NULL), 0);
	CHECK_EQ(count_xattrs(&c, 2), 0);
	stage_commit(&c, &m);
	CHECK_EQ(old_xattr(&m), -ENODATA);
	CHECK_EQ(stage_reload("main", NULL), 0);
	stage_close(&m);
	tap_end("an xattr that is removed leaves something behind only where there is one below");
}

static void deleted_later(void)
{
	struct dxc_layer m, c;
	dxc_ino ino, dir;
	u32 i, nodes = 0;
	u64 live = 0;

	stage_open(256, &m);
	for (i = 0; i < 20; i++) {
		stage_branch(&c, &m, "a");
		CHECK_EQ(stage_make(&c, 1, "dir", S_IFDIR | 0700, &dir), 0);
		CHECK_EQ(stage_make(&c, dir, "file", S_IFREG | 0600, &ino), 0);
		stage_commit(&c, &m);
		stage_branch(&c, &m, "b");
		CHECK_EQ(stage_remove(&c, dir, "file", ino), 0);
		CHECK_EQ(stage_remove(&c, 1, "dir", dir), 0);
		stage_commit(&c, &m);
		if (i)
			CHECK(m.node_count == nodes && m.live_bytes == live);
		nodes = m.node_count;
		live = m.live_bytes;
	}
	CHECK_EQ(stage_reload("main", NULL), 0);
	stage_close(&m);
	tap_end("what one branch makes and the next one deletes leaves nothing in their parent");
}

/* ---- the end of a file that becomes longer ---- */

static bool is_all(const u8 *at, u8 value, u32 len)
{
	while (len && *at == value) {
		at++;
		len--;
	}
	return !len;
}

static void ends(void)
{
	u8 *base, before[DAXFS_BLOCK_SIZE];
	struct dxc_inode old;
	struct dxc_attr attr;
	struct dxc_part part;
	struct dxc_layer m;
	dxc_off was;
	bool copied;
	u32 rest;

	stage_open(64, &m);
	base = stage->region.base;

	/* A block of the base becomes a copy, and stays what it is itself. */
	CHECK_EQ(dxc_inode_read(stage, 2, &old, NULL), 0);
	attr = stage_attr(&m, 2);
	rest = attr.size % DAXFS_BLOCK_SIZE;
	CHECK(rest);
	CHECK_EQ(dxc_view_map(&m, 2, &old, attr.size, &part, NULL), 0);
	CHECK(!part.own);
	was = part.ex.data + (attr.size - rest - part.ex.pos);
	memcpy(before, base + was, rest);
	CHECK_EQ(dxc_op_clean_end(&m, &attr, &old, &copied, NULL), 0);
	CHECK(copied);
	CHECK_EQ(dxc_view_map(&m, 2, &old, attr.size, &part, NULL), 0);
	CHECK(part.own && part.ex.data != was);
	CHECK_EQ(part.ex.pos, attr.size - rest);
	CHECK(!memcmp(base + part.ex.data, before, rest) &&
	      !memcmp(base + was, before, rest));
	CHECK(is_all(base + part.ex.data + rest, 0, DAXFS_BLOCK_SIZE - rest));

	/* One's own is made zero where it is, behind the end only. */
	memset(base + part.ex.data, 'x', DAXFS_BLOCK_SIZE);
	was = part.ex.data;
	CHECK_EQ(dxc_op_clean_end(&m, &attr, &old, &copied, NULL), 0);
	CHECK(!copied);
	CHECK_EQ(dxc_view_map(&m, 2, &old, attr.size, &part, NULL), 0);
	CHECK_EQ(part.ex.data, was);
	CHECK(is_all(base + was, 'x', rest));
	CHECK(is_all(base + was + rest, 0, DAXFS_BLOCK_SIZE - rest));

	/* Nothing where a block ends, or in a hole. */
	CHECK_EQ(dxc_op_punch(&m, &attr, attr.size / DAXFS_BLOCK_SIZE, 1), 0);
	CHECK_EQ(dxc_op_clean_end(&m, &attr, &old, &copied, NULL), 0);
	CHECK(!copied);
	attr.size -= rest;
	CHECK_EQ(dxc_op_clean_end(&m, &attr, &old, &copied, NULL), 0);
	CHECK(!copied);
	CHECK_EQ(dxc_view_map(&m, 2, &old, attr.size, &part, NULL), 0);
	CHECK(!part.ex.data);
	CHECK_EQ(stage_reload("main", NULL), 0);
	stage_close(&m);
	tap_end("before a file becomes longer what lies behind its end is made zero");
}

/* ---- loading anew ---- */

static bool has_name(const struct dxc_layer *layer, const char *name)
{
	struct dxc_file file = { 0 };
	struct dxc_dirent de;

	CHECK_EQ(dxc_view_inode(layer, 1, &file, NULL), 0);
	return !dxc_view_lookup(layer, 1, &file.base, name, strlen(name), &de, NULL);
}

/* m is as it was, and what it has in use is not given out. */
static void check_kept(struct dxc_layer *m, const struct dxc_branch *br, dxc_off own)
{
	dxc_off off;
	u64 got;
	u32 i;

	CHECK(has_name(m, "before") && !has_name(m, "after-0"));
	CHECK(!dxc_layer_is_current(m, br));
	for (i = 0; i < 8; i++) {
		CHECK_EQ(dxc_blocks_take(m, 0, 1, &off, &got), 0);
		CHECK(off != own);
		dxc_blocks_give_back(m, off, 1);
	}
}

/* What checks of the whole image find. */
static u32 found_codes;
static bool found_other;

static int note_code(void *priv, const struct dxc_finding *f)
{
	found_codes++;
	found_other |= f->code != DXC_LR_TORN && f->code != DXC_CH_IDLE;
	return 0;
}

/* Findings: what a writer has left may be said, and nothing else. */
static u32 check_stage(void)
{
	struct dxc_check chk = { .report = note_code };

	found_codes = 0;
	found_other = false;
	CHECK_EQ(dxc_check(stage, &chk), 0);
	CHECK(!found_other);
	return found_codes;
}

/*
 * A writer that stood still adds files to main after a child was made: as many as stay in the
 * segment, or more. The child is committed by one who knows where main's log ended, or not.
 */
static void write_late(u32 before, u32 late, bool knows)
{
	struct dxc_layer m, child, seen, over;
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_owner main_id;
	struct dxc_space space;
	char name[32];
	dxc_ino ino;
	u64 end;
	u32 i;

	stage_open(256, &m);
	main_id = m.owner;
	for (i = 0; i < before; i++) {
		sprintf(name, "before-%u", i);
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0600, &ino), 0);
	}
	end = m.log.seq;
	if (knows)
		rest.tail = m.log.chunk;
	stage_branch(&child, &m, "child");
	CHECK_EQ(stage_make(&child, 1, "child's", S_IFREG | 0600, &ino), 0);
	dxc_layer_free(&child);
	for (i = 0; i < late; i++) {
		sprintf(name, "late-%u", i);
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0600, &ino), 0);
	}
	CHECK(check_stage() > 0);
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&seen, "main", NULL, &space, NULL), 0);
	CHECK(!seen.damaged && seen.log.seq == end);
	CHECK(!has_name(&seen, "late-0") && (!before || has_name(&seen, "before-0")));
	CHECK_EQ(stage_load(&over, "child", &seen, &space, NULL), 0);
	CHECK(!over.damaged && has_name(&over, "child's") && !has_name(&over, "late-0"));
	CHECK_EQ(dxc_branch_commit(stage, over.owner, NULL), 0);
	CHECK_EQ(dxc_branch_finish(stage, main_id, &rest), 0);
	dxc_layer_free(&over);
	dxc_layer_free(&seen);
	CHECK_EQ(stage_load(&seen, "main", NULL, &space, NULL), 0);
	CHECK(has_name(&seen, "child's") && !has_name(&seen, "late-0"));
	CHECK(!before || has_name(&seen, "before-0"));
	dxc_layer_free(&seen);
	check_stage();
	dxc_space_exit(&space);
	stage_close(&m);
}

static void late(void)
{
	static const u32 counts[] = { 0, 3, 40 };
	u32 i, k;

	for (i = 0; i < 3; i++)
		for (k = 1; k < 3; k++) {
			write_late(counts[i], k == 1 ? 1 : 5, false);
			write_late(counts[i], counts[k] * 10, false);
			write_late(counts[i], counts[k] * 10, true);
		}
	tap_end("what a writer adds to its log after a child was made does not count, for the child, for a commit of it, and for checks");
}

/* Somebody else has written to the branch; reading that is cut short. */
static void cut_short(void)
{
	struct dxc_layer m, other;
	struct dxc_space space;
	struct dxc_branch br;
	struct dxc_part part;
	struct dxc_attr attr;
	char name[16];
	dxc_ino ino;
	u64 i, k;

	stage_open(1024, &m);
	CHECK_EQ(stage_make(&m, 1, "before", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	CHECK_EQ(stage_write(&m, &attr, 0), 0);
	CHECK_EQ(dxc_view_map(&m, ino, NULL, 0, &part, NULL), 0);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(dxc_layer_is_current(&m, &br));
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&other, "main", NULL, &space, NULL), 0);
	for (i = 0; i < 1200; i++) {
		sprintf(name, "after-%u", (u32)i);
		CHECK_EQ(stage_make(&other, 1, name, S_IFREG | 0600, &ino), 0);
		attr = stage_attr(&other, ino);
		CHECK_EQ(stage_write(&other, &attr, 0), 0);
	}
	dxc_layer_free(&other);
	dxc_space_exit(&space);
	for (i = 1; i < 1000; i++) {
		broken_pause_at = i;
		if (!dxc_layer_reload(&m, &br, false, NULL))
			break;
		broken_pause_at = 0;
		check_kept(&m, &br, part.ex.data);
	}
	broken_pause_at = 0;
	CHECK(i > 10 && i < 1000);
	CHECK(has_name(&m, "before") && has_name(&m, "after-1199"));
	CHECK(dxc_layer_is_current(&m, &br));
	/* One that is torn has to be read. */
	m.torn = true;
	CHECK(!dxc_layer_is_current(&m, &br));
	broken_pause_at = 1;
	CHECK_EQ(dxc_layer_reload(&m, &br, false, NULL), 0);
	broken_pause_at = 0;
	CHECK(dxc_layer_is_current(&m, &br));
	stage_close(&m);
	tap_end("a layer stays as it was when somebody kills the task that loads it anew, at any of %llu pauses",
		(unsigned long long)i - 1);

	stage_open(64, &m);
	CHECK_EQ(stage_make(&m, 1, "before", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	CHECK_EQ(stage_write(&m, &attr, 0), 0);
	CHECK_EQ(dxc_view_map(&m, ino, NULL, 0, &part, NULL), 0);
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&other, "main", NULL, &space, NULL), 0);
	CHECK_EQ(stage_make(&other, 1, "after-0", S_IFREG | 0600, &ino), 0);
	dxc_layer_free(&other);
	dxc_space_exit(&space);
	for (i = 1; i < 1000; i++) {
		broken_alloc_at = i;
		if (!dxc_layer_reload(&m, &br, false, NULL))
			break;
		broken_alloc_at = 0;
		for (k = 0; k < 2; k++)
			check_kept(&m, &br, part.ex.data);
	}
	broken_alloc_at = 0;
	CHECK(i > 5 && i < 1000);
	CHECK(has_name(&m, "before") && has_name(&m, "after-0"));
	stage_close(&m);
	tap_end("a layer stays as it was when there is no memory to load it anew");
}

/* Chunks that a writer took who then was gone, while the branch was only read here, and after. */
static void repaired(void)
{
	struct dxc_chunk_use use;
	dxc_chunk hint = 40, before, later, data;
	struct dxc_branch br;
	struct dxc_part part;
	struct dxc_layer m;
	struct dxc_attr attr;
	dxc_ino ino;
	u32 was;

	stage_open(64, &m);
	CHECK_EQ(stage_make(&m, 1, "x", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	CHECK_EQ(stage_write(&m, &attr, 0), 0);
	dxc_layer_free(&m);
	was = stage_free_chunks();
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_LOG, br.id, 1, &before), 0);
	CHECK_EQ(stage_load(&m, "main", NULL, &stage_space, NULL), 0);
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_LOG, br.id, 1, &later), 0);
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_DATA, br.id, 1, &data), 0);
	CHECK_EQ(stage_free_chunks(), was - 3);
	CHECK(dxc_layer_is_current(&m, &br));
	dxc_layer_repair(&m);
	CHECK_EQ(stage_free_chunks(), was);
	CHECK(!dxc_chunk_read(stage, before, &use) && use.kind == DAXFS_CHUNK_FREED);
	CHECK(!dxc_chunk_read(stage, later, &use) && use.kind == DAXFS_CHUNK_FREED);
	CHECK(!dxc_chunk_read(stage, data, &use) && use.kind == DAXFS_CHUNK_FREED);
	attr = stage_attr(&m, ino);
	CHECK_EQ(dxc_view_map(&m, ino, NULL, 0, &part, NULL), 0);
	CHECK(part.own);
	CHECK_EQ(stage_write(&m, &attr, 1), 0);
	CHECK_EQ(stage_reload("main", NULL), 0);
	dxc_layer_repair(&m);
	/* But for what its log goes on in. */
	CHECK_EQ(stage_free_chunks(), was - 1);
	CHECK_EQ(stage_reload("main", NULL), 0);
	stage_close(&m);
	tap_end("who may write a branch that was only read gives back what nothing in it refers to");
}

static int count_bytes(void *priv, u32 prefix, const char *name, u32 len)
{
	*(u32 *)priv += strlen(dxc_xattr_prefix(prefix)) + len + 1;
	return 0;
}

/* As many as can be listed, over an inode of the base that has one. */
static void many_xattrs(void)
{
	struct dxc_file file = { 0 };
	struct dxc_layer m;
	char name[256];
	u32 i, bytes = 0;
	int err;

	stage_open(256, &m);
	CHECK_EQ(dxc_view_inode(&m, 2, &file, NULL), 0);
	for (i = 0; i < 1000; i++) {
		sprintf(name, "a%0199u", i);
		err = dxc_view_xattr_room(&m, 2, &file.base, DAXFS_XATTR_USER, 200, NULL);
		if (err)
			break;
		CHECK_EQ(stage_xattr(&m, 2, name, "v"), 0);
	}
	CHECK_EQ(err, -ENOSPC);
	CHECK_EQ(dxc_view_xattrs(&m, 2, &file.base, count_bytes, &bytes, NULL), 0);
	CHECK(bytes <= DXC_XATTR_LIST_MAX && bytes + 206 > DXC_XATTR_LIST_MAX);
	err = dxc_view_xattr_room(&m, 2, &file.base, DAXFS_XATTR_USER,
				  DXC_XATTR_LIST_MAX - bytes - 6, NULL);
	CHECK_EQ(err, 0);
	/* One that is removed makes room. */
	CHECK_EQ(stage_xattr(&m, 2, "old", NULL), 0);
	err = dxc_view_xattr_room(&m, 2, &file.base, DAXFS_XATTR_USER,
				  DXC_XATTR_LIST_MAX - bytes - 6 + 9, NULL);
	CHECK_EQ(err, 0);
	stage_close(&m);
	tap_end("an inode gets no more xattrs than can be listed: ENOSPC");
}

/* As a log may say that nobody wrote so: each further name would be looked for among all others. */
static void more_xattrs(void)
{
	struct dxc_layer m;
	char name[256];
	u32 i;

	stage_open(256, &m);
	/* 206 bytes of a list each. */
	for (i = 0; i < DXC_XATTR_LIST_MAX / 206; i++) {
		sprintf(name, "a%0199u", i);
		CHECK_EQ(stage_xattr(&m, 2, name, "v"), 0);
		/* Set again, or removed, they do not count twice. */
		CHECK_EQ(stage_xattr(&m, 2, name, i % 8 ? "w" : NULL), 0);
		CHECK_EQ(i % 8 ? 0 : stage_xattr(&m, 2, name, "x"), 0);
	}
	CHECK_EQ(stage_reload("main", NULL), 0);
	CHECK_EQ(stage_xattr(&m, 2, name, "y"), 0);
	CHECK_EQ(stage_reload("main", NULL), 0);
	sprintf(name, "a%0199u", i);
	CHECK_EQ(stage_xattr(&m, 2, name, "v"), 0);
	CHECK_EQ(stage_reload("main", NULL), -EUCLEAN);
	stage_close(&m);
	tap_end("a log that gives an inode more xattrs than can be listed is refused");
}

/* Records of one chunk, and of as many as one may take, after any number of the others. */
static void long_records(void)
{
	static u8 value[60000];
	struct dxc_attr base, root;
	struct dxc_layer m;
	dxc_ino ino;
	u32 round, few, i;
	char name[16];

	for (round = 0; round < 80; round++) {
		few = round / 2;
		stage_chunk_size = DAXFS_CHUNK_MIN;
		stage_open(512, &m);
		base = stage_attr(&m, 2);
		root = stage_attr(&m, 1);
		if (round % 2)
			CHECK_EQ(dxc_op_xattr(&m, &base, DAXFS_XATTR_USER, "long", 4,
					      value, 30000),
				 0);
		for (i = 0; m.chunk_count < few && i < 4000; i++) {
			root = stage_attr(&m, 1);
			CHECK_EQ(dxc_op_setattr(&m, &root), 0);
		}
		CHECK_EQ(dxc_op_xattr(&m, &base, DAXFS_XATTR_USER, "long", 4, value,
				      sizeof(value)),
			 0);
		sprintf(name, "after %u", few);
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0644, &ino), 0);
		stage_close(&m);
	}
	stage_chunk_size = 0;
	tap_end("records of one chunk and of seventeen follow each other");
}

/* A long file in the layer, until there is no space: its log is short. How many blocks. */
static u32 fill_with_blocks(struct dxc_layer *layer, dxc_ino ino, u32 most)
{
	struct dxc_attr file = stage_attr(layer, ino);
	u32 start = file.size / DAXFS_BLOCK_SIZE, i = start;

	while (i < start + most && !stage_write(layer, &file, i))
		i++;
	return i - start;
}

static u32 fill_with_names(struct dxc_layer *layer, dxc_ino *inos, u32 most)
{
	char name[24];
	u32 i;

	for (i = 0; i < most; i++) {
		sprintf(name, "name %u", i);
		if (stage_make(layer, 1, name, S_IFREG | 0644, &inos[i]))
			break;
	}
	return i;
}

static void empty_of_names(struct dxc_layer *layer, const dxc_ino *inos, u32 count)
{
	char name[24];
	u32 i;
	int err;

	for (i = 0; i < count; i++) {
		sprintf(name, "name %u", i);
		err = stage_remove(layer, 1, name, inos[i]);
		/* As who waits for the readers of what was given up. */
		if (err == -ENOSPC) {
			stage_seen(layer);
			err = stage_remove(layer, 1, name, inos[i]);
		}
		CHECK_EQ(err, 0);
	}
}

/* What is full can be emptied, in whichever layer the names are that filled it. */
static void full_of_a_child(void)
{
	static dxc_ino inos[20000];
	struct dxc_layer m, b, c;
	u32 loaded, made;
	dxc_ino ino;

	for (loaded = 0; loaded < 2; loaded++) {
		stage_chunk_size = DAXFS_CHUNK_MIN;
		stage_open(512, &m);
		stage_branch(&b, &m, "first");
		made = fill_with_names(&b, inos, 2000);
		CHECK_EQ(made, 2000);
		stage_commit(&b, &m);
		if (loaded) {
			dxc_layer_free(&m);
			CHECK_EQ(stage_load(&m, "main", NULL, &stage_space, NULL), 0);
		}
		/* A long file: its log is short. */
		stage_branch(&c, &m, "second");
		CHECK_EQ(stage_make(&c, 1, "long", S_IFREG | 0644, &ino), 0);
		CHECK(fill_with_blocks(&c, ino, 512) > 50);
		/* What it has goes when it is aborted, and nobody reads it any more. */
		dxc_layer_free(&c);
		empty_of_names(&m, inos, made);
		stage_close(&m);
	}
	stage_chunk_size = 0;
	tap_end("what a child filled can be emptied in its parent, though a sibling took the rest");
}

/*
 * Two kernels write a branch each: what one of them fills with names can be
 * emptied, though the other one fills the rest, with or without counting
 * between. The same for a branch that nobody has loaded meanwhile.
 */
static void full_of_another(void)
{
	static dxc_ino inos[20000], ino;
	struct dxc_layer m, b, c, far;
	struct dxc_space space;
	u32 how, made, blocks;

	for (how = 0; how < 3; how++) {
		stage_chunk_size = DAXFS_CHUNK_MIN;
		stage_open(512, &m);
		stage_branch(&b, &m, "names");
		stage_branch(&c, &m, "blocks");
		CHECK_EQ(stage_make(&c, 1, "long", S_IFREG | 0644, &ino), 0);
		CHECK_EQ(dxc_space_init(&space, stage), 0);
		CHECK_EQ(stage_load(&far, "main", NULL, &space, NULL), 0);
		dxc_layer_free(&b);
		CHECK_EQ(stage_load(&b, "names", &far, &space, NULL), 0);
		/* Counted when much was free. */
		blocks = how == 1 ? fill_with_blocks(&c, ino, 1) : 0;
		made = fill_with_names(&b, inos, 1500);
		CHECK_EQ(made, 1500);
		if (how == 2)
			dxc_layer_free(&b);
		blocks += fill_with_blocks(&c, ino, 512);
		CHECK(blocks > 50 && blocks < 500);
		if (how == 2)
			CHECK_EQ(stage_load(&b, "names", &far, &space, NULL), 0);
		empty_of_names(&b, inos, made);
		dxc_layer_free(&b);
		dxc_layer_free(&far);
		dxc_space_exit(&space);
		dxc_layer_free(&c);
		stage_close(&m);
	}
	stage_chunk_size = 0;
	tap_end("what one kernel filled it can empty, though another one took the rest");
}

/* Names of the base are taken away to the last one in an area that is full. */
static void base_of_full(void)
{
	struct dxc_attr dir;
	struct dxc_layer m;
	char name[24];
	dxc_ino ino;
	u32 i;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_base_files = 1000;
	stage_open(512, &m);
	CHECK_EQ(stage_make(&m, 1, "long", S_IFREG | 0644, &ino), 0);
	CHECK(fill_with_blocks(&m, ino, 512) > 400);
	for (i = 0; i < stage_base_files; i++) {
		sprintf(name, "base %u", i);
		CHECK_EQ(stage_remove(&m, 1, name, 3 + i), 0);
	}
	dir = stage_attr(&m, 1);
	CHECK_EQ(dxc_op_setattr(&m, &dir), 0);
	stage_close(&m);
	stage_base_files = 0;
	stage_chunk_size = 0;
	tap_end("the base can be emptied in an area that is full");
}

void layers_tests(void)
{
	late();
	ends();
	static void (*const parts[])(
		void) = { busy,		 emptied,      failing,		removed_xattrs,
			  deleted_later, cut_short,    repaired,	many_xattrs,
			  more_xattrs,	 long_records, full_of_a_child, full_of_another,
			  base_of_full };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i]();
}
