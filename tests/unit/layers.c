// SPDX-License-Identifier: GPL-2.0-only
/* Layers: the space that their logs take, and what they keep in memory. */
#include <stdio.h>
#include <string.h>
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
	CHECK(m.log_chunks > 50);
	pinned = 0;
	stage_close(&m);
	tap_end("a chunk with a block that somebody does I/O to is given to no log");
}

void layers_tests(void)
{
	static void (*const parts[])(void) = { busy };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i]();
}
