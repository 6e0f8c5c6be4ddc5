// SPDX-License-Identifier: GPL-2.0-only
/* Chunks that are counted along, for df: the count is that of the table, and decides nothing. */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "stage.h"
#include "tap.h"
#include "tests.h"

static struct dxc_layer m;
static struct dxc_tally tally;

static void begin(u32 chunks)
{
	stage_open(chunks, &m);
	memset(&tally, 0, sizeof(tally));
	stage->tally = &tally;
	CHECK(dxc_tally_count(stage));
}

static u64 logs(void)
{
	struct dxc_chunk_use use;
	u64 n = 0;

	for (u32 i = 0; i < dxc_chunk_count(stage); i++)
		n += !dxc_chunk_read(stage, i, &use) && use.kind == DAXFS_CHUNK_LOG;
	return n;
}

/* Nothing was counted wrong up to now. */
static bool is_right(void)
{
	return le64_to_cpu(tally.unused) == stage_free_chunks() &&
	       le64_to_cpu(tally.logs) == logs() && tally.begun == tally.done;
}

/* Then all that was given up is free, and both ways of asking say the same. */
static void check_told(const struct dxc_layer *layer)
{
	for (u32 i = 0; i < dxc_chunk_count(stage); i++)
		dxc_chunk_reclaim(stage, i, ~0ull);
	CHECK(is_right());
	CHECK_EQ(layer->retired_blocks, 0);
	CHECK_EQ(dxc_space_told(layer), dxc_space_left(layer));
}

static void operations(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	dxc_ino ino, other;
	struct dxc_layer c;
	struct dxc_owner id;
	dxc_chunk hint = 0, chunk;
	dxc_off off;
	u64 before;
	int err, n;

	begin(200);
	CHECK(is_right());
	before = dxc_space_told(&m);
	CHECK_EQ(stage_file(&m, "a", 'a', &ino, &off), 0);
	CHECK(is_right() && dxc_space_told(&m) < before);
	check_told(&m);
	CHECK_EQ(stage_file(&m, "b", 'b', &other, &off), 0);
	CHECK_EQ(stage_remove(&m, 1, "a", ino), 0);
	CHECK(is_right());
	check_told(&m);
	for (n = 0; n < 500; n++)
		CHECK_EQ(stage_xattr(&m, 2, "new", "value"), 0);
	CHECK(is_right() && le64_to_cpu(tally.logs) > 1);
	CHECK_EQ(dxc_layer_compact(&m), 0);
	CHECK(is_right());
	check_told(&m);
	/* A branch that is aborted, whose log counts though it is loaded no longer, and one that is not. */
	stage_branch(&c, &m, "c");
	CHECK_EQ(stage_file(&c, "c", 'c', &ino, &off), 0);
	check_told(&c);
	id = c.owner;
	dxc_layer_free(&c);
	check_told(&m);
	CHECK_EQ(dxc_branch_abort(stage, id, &rest), 0);
	CHECK(is_right());
	check_told(&m);
	stage_branch(&c, &m, "d");
	CHECK_EQ(stage_file(&c, "d", 'd', &ino, &off), 0);
	stage_commit(&c, &m);
	CHECK(is_right());
	check_told(&m);
	/* What no log names is given back by who loads the branch. */
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_DATA, m.owner, 3, &chunk), 0);
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_LOG, m.owner, 2, &chunk), 0);
	CHECK(is_right());
	before = le64_to_cpu(tally.unused);
	dxc_layer_free(&m);
	stage_load_to_write(&m);
	CHECK(is_right());
	CHECK_EQ(le64_to_cpu(tally.unused), before + 5);
	while (!(err = stage_file(&m, "f", 'f', &ino, &off)))
		CHECK(is_right());
	CHECK_EQ(err, -ENOSPC);
	check_told(&m);
	stage_close(&m);
	tap_end("free chunks and logs are counted along, whatever takes them and gives them back");
}

/* ---- while they change ---- */

static u32 counts, rights;

static void count_at_fence(void)
{
	void (*hook)(void) = broken_fence;

	broken_fence = NULL;
	counts++;
	rights += dxc_tally_count(stage);
	broken_fence = hook;
}

static void take_at_pause(void)
{
	dxc_chunk hint = 0, chunk;

	broken_on_pause = NULL;
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_LOG, m.owner, 1, &chunk), 0);
}

static void under_way(void)
{
	dxc_chunk hint = 0, chunk;

	begin(64);
	counts = rights = 0;
	broken_fence = count_at_fence;
	CHECK_EQ(dxc_chunk_take(stage, &hint, DAXFS_CHUNK_DATA, m.owner, 1, &chunk), 0);
	broken_fence = NULL;
	CHECK(counts && !rights);
	CHECK(dxc_tally_count(stage) && is_right());
	stage_close(&m);
	tap_end("a walk while a chunk is taken does not say that its count is right");

	stage_chunk_size = DAXFS_CHUNK_MIN;
	begin(5000);
	broken_on_pause = take_at_pause;
	CHECK(!dxc_tally_count(stage));
	CHECK(!broken_on_pause);
	CHECK(dxc_tally_count(stage) && is_right());
	tap_end("nor does one in which a chunk was taken that it had passed");

	tally.unused = cpu_to_le64(5);
	broken_pause_at = 1;
	CHECK(!dxc_tally_count(stage));
	broken_pause_at = 0;
	CHECK_EQ(le64_to_cpu(tally.unused), 5);
	stage_close(&m);
	stage_chunk_size = 0;
	tap_end("a walk that was stopped counts nothing");
}

/* ---- a count that lies ---- */

static int fill(void)
{
	dxc_off off;
	dxc_ino ino;
	int err, n;
	char name[16];

	for (n = 0; n < 1000; n++) {
		sprintf(name, "%d", n);
		err = stage_file(&m, name, 'x', &ino, &off);
		if (err)
			break;
	}
	CHECK_EQ(err, -ENOSPC);
	return n;
}

static void lies(void)
{
	static const u64 sums[] = { 0, 1, 64, 1000, 1ull << 40, ~0ull, 1ull << 63 };
	int right;

	begin(64);
	right = fill();
	stage_close(&m);
	CHECK(right > 20);
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		begin(64);
		tally.unused = cpu_to_le64(sums[i]);
		tally.logs = cpu_to_le64(sums[i]);
		CHECK(dxc_space_told(&m) <= 64ull * stage_space.chunk_blocks);
		CHECK_EQ(fill(), right);
		CHECK(dxc_space_told(&m) <= 64ull * stage_space.chunk_blocks);
		stage_close(&m);
	}
	tap_end("what the count says keeps nothing from being done, and allows nothing");
}

void tally_tests(void)
{
	operations();
	under_way();
	lies();
}
