// SPDX-License-Identifier: GPL-2.0-only
/* A full area: what takes away what a branch has always has room for its record. */
#include <stdio.h>
#include <string.h>
#include "stage.h"
#include "tap.h"
#include "tests.h"

#define BASE_FIRST 3u /* inode of /base 0 */

static dxc_ino inos[2000];
static char filler[8000];

static int make(struct dxc_layer *layer, u32 i)
{
	char name[24];

	sprintf(name, "file %u", i);
	return stage_make(layer, 1, name, S_IFREG | 0600, &inos[i]);
}

/* As a kernel does it: once more when nobody reads any more what was given up. */
static int take_away(struct dxc_layer *layer, const char *name, dxc_ino ino)
{
	int err = stage_remove(layer, 1, name, ino);

	if (err != -ENOSPC)
		return err;
	stage_seen(layer);
	return stage_remove(layer, 1, name, ino);
}

static void empty(struct dxc_layer *layer, u32 count)
{
	char name[24];
	u32 i;

	for (i = 0; i < count; i++) {
		sprintf(name, "file %u", i);
		CHECK_EQ(take_away(layer, name, inos[i]), 0);
	}
}

static int set(struct dxc_layer *layer, dxc_ino ino, u32 n, u32 len)
{
	struct dxc_attr attr = stage_attr(layer, ino);
	char name[16];

	return dxc_op_xattr(layer, &attr, DAXFS_XATTR_USER, name, sprintf(name, "x%u", n),
			    filler, len);
}

/* Blocks to a file until there is no more space. */
static void fill(struct dxc_layer *layer, dxc_ino ino)
{
	struct dxc_attr attr = stage_attr(layer, ino);
	u64 i;
	int err;

	for (i = 0; !(err = stage_write(layer, &attr, i)); i++)
		;
	CHECK_EQ(err, -ENOSPC);
}

/* What the log takes without asking for a chunk is counted before that is asked for. */
static void long_names(void)
{
	char name[DAXFS_NAME_MAX + 1];
	struct dxc_layer m;
	u32 chunks, count, i;

	memset(name, 'n', DAXFS_NAME_MAX);
	name[DAXFS_NAME_MAX] = 0;
	for (chunks = 17; chunks < 64; chunks++) {
		stage_chunk_size = DAXFS_CHUNK_MIN;
		stage_open(chunks, &m);
		for (count = 0; count < 2000; count++) {
			memcpy(name,
			       (char[]){ 'a' + count / 26 / 26, 'a' + count / 26 % 26,
					 'a' + count % 26 },
			       3);
			if (stage_make(&m, 1, name, S_IFREG | 0600, &inos[count]))
				break;
		}
		CHECK(count > 20 && count < 2000);
		for (i = count; i--;) {
			memcpy(name,
			       (char[]){ 'a' + i / 26 / 26, 'a' + i / 26 % 26,
					 'a' + i % 26 },
			       3);
			CHECK_EQ(take_away(&m, name, inos[i]), 0);
		}
		stage_close(&m);
	}
	tap_end("an area full of long names can be emptied, however small it is");
}

/* The estimate of what compaction writes is one: names over others, files that were cut. */
static void estimates(void)
{
	struct dxc_layer m;
	struct dxc_attr attr;
	char name[24];
	dxc_ino ino;
	u32 i;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_base_files = 300;
	stage_open(512, &m);
	for (i = 0; i < 300; i++) {
		sprintf(name, "base %u", i);
		if (i % 2) {
			struct dxc_inode base;

			attr = stage_attr(&m, BASE_FIRST + i);
			CHECK_EQ(dxc_inode_read(stage, attr.ino, &base, NULL), 0);
			CHECK_EQ(dxc_op_resize(&m, &attr, &base, 0, NULL), 0);
		} else {
			CHECK_EQ(stage_remove(&m, 1, name, BASE_FIRST + i), 0);
			CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0600, &ino), 0);
		}
	}
	CHECK_EQ(dxc_layer_compact(&m), 0);
	CHECK(m.log_bytes <= m.live_bytes + m.live_bytes / 16 + 100);
	stage_close(&m);
	stage_base_files = 0;
	tap_end("what compaction will write is known before");
}

/* What a file of the base was given goes with it. */
static void given_to_base(void)
{
	struct dxc_layer m;
	char name[24];
	u32 i, round;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_base_files = 20;
	stage_open(256, &m);
	for (i = 0; i < 20; i++)
		CHECK_EQ(set(&m, BASE_FIRST + i, 0, 8000), 0);
	for (i = 0; i < 20; i++) {
		sprintf(name, "base %u", i);
		CHECK_EQ(take_away(&m, name, BASE_FIRST + i), 0);
	}
	for (round = 0; round < 2; round++) {
		CHECK_EQ(dxc_layer_compact(&m), 0);
		stage_seen(&m);
		CHECK(m.log_chunks <= 2);
		dxc_layer_free(&m);
		stage_load_to_write(&m);
	}
	stage_close(&m);
	stage_base_files = 0;
	tap_end("xattrs that a branch gave to files of the base take nothing when these are deleted");
}

/* What frees nothing, and may be done for ever, leaves room for what does. */
static void trims(void)
{
	struct dxc_attr attr;
	struct dxc_layer m;
	u32 how, i;
	int err;

	for (how = 0; how < 2; how++) {
		stage_chunk_size = DAXFS_CHUNK_MIN;
		stage_base_files = 60;
		stage_open(256, &m);
		CHECK_EQ(make(&m, 0), 0);
		CHECK_EQ(make(&m, 1), 0);
		fill(&m, inos[0]);
		for (i = 0, err = 0; !err && i < 20000; i++) {
			attr = stage_attr(&m, how ? BASE_FIRST + i % 60 : 2);
			if (how)
				err = dxc_op_punch(&m, &attr, 2 * (i / 60), 1);
			else
				err = dxc_op_punch(&m, &attr, 2 * i, 1);
		}
		CHECK_EQ(err, -ENOSPC);
		empty(&m, 2);
		stage_close(&m);
	}
	stage_base_files = 0;
	tap_end("holes in files of the base, as many as can be, leave room for deleting");
}

/* The same for names of the layers below, which whoever deletes them only hides. */
static void hides(void)
{
	struct dxc_layer m, a, b;
	u32 i, hidden = 0;
	char name[24];
	dxc_ino own;
	int err = 0;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_open(256, &m);
	for (i = 0; i < 1500; i++)
		if (make(&m, i))
			break;
	CHECK(i > 400);
	stage_branch(&a, &m, "a");
	stage_branch(&b, &m, "b");
	CHECK_EQ(stage_make(&b, 1, "own", S_IFREG | 0600, &own), 0);
	fill(&b, own);
	for (hidden = 0; !err && hidden < i; hidden++) {
		sprintf(name, "file %u", hidden);
		err = take_away(&a, name, inos[hidden]);
	}
	CHECK(hidden > 20);
	for (err = 0, hidden = 0; !err && hidden < i; hidden++) {
		sprintf(name, "file %u", hidden);
		err = take_away(&b, name, inos[hidden]);
	}
	CHECK_EQ(take_away(&b, "own", own), 0);
	dxc_layer_free(&b);
	dxc_layer_free(&a);
	stage_close(&m);
	tap_end("a branch that hid all it could of its parent's names can still delete its own files");
}

/* Another kernel knows of a log only how long it is. */
static void long_log(void)
{
	struct dxc_layer m, a, far, b;
	struct dxc_space space;
	struct dxc_attr attr;
	dxc_ino own, ino;
	u32 i;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_open(128, &m);
	stage_branch(&a, &m, "a");
	stage_branch(&b, &m, "b");
	CHECK_EQ(stage_make(&a, 1, "own", S_IFREG | 0600, &own), 0);
	dxc_layer_free(&b);
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&far, "main", NULL, &space, NULL), 0);
	CHECK_EQ(stage_load(&b, "b", &far, &space, NULL), 0);
	CHECK_EQ(stage_make(&b, 1, "file 0", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&b, ino);
	while (dxc_log_size(stage, &b.log) - b.log.used > 250)
		CHECK_EQ(dxc_op_setattr(&b, &attr), 0);
	attr = stage_attr(&a, own);
	for (i = 0; i < 400; i++)
		CHECK_EQ(dxc_op_setattr(&a, &attr), 0);
	fill(&a, own);
	CHECK_EQ(take_away(&b, "file 0", ino), 0);
	dxc_layer_free(&b);
	dxc_layer_free(&far);
	dxc_space_exit(&space);
	dxc_layer_free(&a);
	stage_close(&m);
	tap_end("a kernel with a long log leaves another one room for deleting");
}

/* Chunks that were ever taken, in the volume. */
static u64 taken_chunks(void)
{
	u64 taken = 0;

	CHECK(dxc_chunks_taken(stage, &taken));
	return taken;
}

static bool is_in_use(void *priv, dxc_off off, u64 blocks)
{
	(void)off;
	(void)blocks;
	return *(bool *)priv;
}

/* Compaction that found no room is tried again when there is some. */
static void passing(void)
{
	struct dxc_attr attr;
	struct dxc_layer m;
	bool in_use = false;
	u64 taken;
	dxc_ino ino;
	int err, i;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_open(64, &m);
	stage_space.busy = is_in_use;
	stage_space.priv = &in_use;
	CHECK_EQ(stage_make(&m, 1, "own", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&m, ino);
	while (m.log_chunks < 6)
		CHECK_EQ(dxc_op_setattr(&m, &attr), 0);
	fill(&m, ino);
	in_use = true;
	attr = stage_attr(&m, ino);
	while (!(err = dxc_op_setattr(&m, &attr)))
		;
	CHECK_EQ(err, -ENOSPC);
	CHECK_EQ(dxc_op_setattr(&m, &attr), -ENOSPC);
	/* Whatever it was that compaction took and gave back. */
	taken = taken_chunks();
	for (i = 0; i < 20; i++)
		CHECK_EQ(dxc_op_setattr(&m, &attr), -ENOSPC);
	CHECK(taken_chunks() - taken <= 2);
	in_use = false;
	CHECK_EQ(dxc_op_setattr(&m, &attr), 0);
	CHECK(m.log_chunks < 6);
	stage_close(&m);
	tap_end("a log that could not be compacted while pages were in use is when they are not");
}

/* Each mount that adds to a log begins a segment, and there may be no room for another one. */
static void many_mounts(void)
{
	struct dxc_layer m, b;
	struct dxc_attr attr;
	dxc_ino ino, own;
	u32 i;

	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_open(64, &m);
	CHECK_EQ(stage_make(&m, 1, "file", S_IFREG | 0600, &ino), 0);
	for (i = 0; i < 8; i++) {
		dxc_layer_free(&m);
		stage_load_to_write(&m);
		attr = stage_attr(&m, ino);
		CHECK_EQ(dxc_op_setattr(&m, &attr), 0);
	}
	CHECK(m.log_chunks > 8);
	stage_branch(&b, &m, "b");
	CHECK_EQ(stage_make(&b, 1, "own", S_IFREG | 0600, &own), 0);
	fill(&b, own);
	dxc_layer_free(&b);
	dxc_layer_free(&m);
	stage_load_to_write(&m);
	attr = stage_attr(&m, ino);
	CHECK_EQ(dxc_op_setattr(&m, &attr), 0);
	CHECK(m.log_chunks < 8);
	stage_close(&m);
	tap_end("a log of many short segments is compacted where there is no room for another one");
}

void fullness_tests(void)
{
	memset(filler, 'v', sizeof(filler));
	long_names();
	estimates();
	given_to_base();
	trims();
	hides();
	long_log();
	passing();
	many_mounts();
	stage_chunk_size = 0;
}
