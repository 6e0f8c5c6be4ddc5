// SPDX-License-Identifier: GPL-2.0-only
/* A full area: what takes away what a branch has always has room for its record. */
#include <stdio.h>
#include <string.h>
#include "stage.h"
#include "tap.h"
#include "tests.h"

#define BASE_FIRST 3u /* inode of /base 0 */

static char filler[8000];

/* As a kernel does it: once more when nobody reads any more what was given up. */
static int take_away(struct dxc_layer *layer, const char *name, dxc_ino ino)
{
	int err = stage_remove(layer, 1, name, ino);

	if (err != -ENOSPC)
		return err;
	stage_seen(layer);
	return stage_remove(layer, 1, name, ino);
}

static int set(struct dxc_layer *layer, dxc_ino ino, u32 n, u32 len)
{
	struct dxc_attr attr = stage_attr(layer, ino);
	char name[16];

	return dxc_op_xattr(layer, &attr, DAXFS_XATTR_USER, name, sprintf(name, "x%u", n), filler,
			    len);
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

void fullness_tests(void)
{
	memset(filler, 'v', sizeof(filler));
	estimates();
	given_to_base();
	stage_chunk_size = 0;
}
