// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chunks that change hands while somebody still knows them as what they were: a writer that stood
 * still and lost its lease, or a reader that loads while a writer goes on.
 */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "stage.h"
#include "tap.h"
#include "tests.h"

#define CHUNKS	64u
#define FILES	96u

static const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
static const dxc_holder late = 0x1000000001ull, taker = 0x2000000002ull;

static struct dxc_layer a, b;	/* the late one's, the taker's */
static struct dxc_space space;
static dxc_off where[FILES];	/* of the taker's files */
static u32 made, pause_at, fences;
static dxc_chunk contested;

static void lease(dxc_holder to, dxc_holder from)
{
	CHECK_EQ(dxc_lease_take(stage, main_id, to, &from), 0);
}

static int make(struct dxc_layer *layer, const char *prefix, u32 i, int byte, dxc_off *off)
{
	char name[32];
	dxc_ino ino;

	sprintf(name, "%s%u", prefix, i);
	return stage_file(layer, name, byte, &ino, off);
}

static int make_empty(struct dxc_layer *layer, const char *prefix, u32 i)
{
	char name[32];
	dxc_ino ino;

	sprintf(name, "%s%u", prefix, i);
	return stage_make(layer, 1, name, S_IFREG | 0600, &ino);
}

/* main, which the late one writes. */
static void open_late(void)
{
	stage_open(CHUNKS, &a);
	lease(late, 0);
	a.holder = late;
	made = 0;
}

static void load(dxc_holder holder)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_layer_init(&b, stage, &space, NULL, &br), 0);
	b.holder = holder;
	CHECK_EQ(dxc_layer_load(&b, &br, holder == taker, NULL), 0);
}

/* What was freed is free at once, as nobody else is mounted. */
static void reclaim(void)
{
	u32 i;

	stage_seen(&b);
	for (i = 0; i < CHUNKS; i++)
		dxc_chunk_reclaim(stage, i, dxc_commit_seq(stage));
}

static void take_over(void)
{
	lease(taker, late);
	load(taker);
	reclaim();
}

static void close_both(void)
{
	dxc_layer_free(&b);
	dxc_space_exit(&space);
	stage_close(&a);
}

static u32 kind_of(dxc_chunk chunk)
{
	struct dxc_chunk_use use;

	CHECK_EQ(dxc_chunk_read(stage, chunk, &use), 0);
	return use.kind;
}

static dxc_chunk chunk_at(dxc_off off)
{
	return (off - stage->area[DAXFS_AREA_DELTA].offset) / stage->chunk_size;
}

/* ---- loading while a writer takes chunks ---- */

static int racing_err;
static dxc_off racing_off;

static void write_meanwhile(void)
{
	broken_on_copy = NULL;
	a.log.used = dxc_log_size(stage, &a.log);
	racing_err = make(&a, "a", 1, 0x11, &racing_off);
}

/* The chunk table is read, then the log, which names chunks that were taken in between. */
static void loading(bool is_late)
{
	struct dxc_branch br;
	dxc_chunk segment;
	dxc_off off;
	u32 i;

	open_late();
	CHECK_EQ(make(&a, "a", 0, 0x10, &off), 0);
	if (is_late)
		lease(taker, late);
	broken_on_copy = write_meanwhile;
	load(is_late ? taker : DXC_HOLDER_NONE);
	CHECK_EQ(racing_err, is_late ? -ESTALE : 0);
	segment = b.log.chunk;
	for (i = 0; is_late && i < 4; i++)
		CHECK_EQ(make(&b, "b", i, 0x20, &off), 0);
	dxc_lease_drop(stage, main_id, is_late ? taker : late);
	lease(taker, 0);
	b.holder = taker;
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(dxc_layer_is_current(&b, &br));
	CHECK_EQ(dxc_layer_repair(&b), 0);
	CHECK_EQ(kind_of(segment), DAXFS_CHUNK_LOG);
	if (!is_late)
		CHECK_EQ(kind_of(chunk_at(racing_off)), DAXFS_CHUNK_DATA);
	CHECK_EQ(stage_reload("main", NULL), 0);
	close_both();
}

/* ---- a late writer stores into nobody's file ---- */

static void fill_at_fence(void)
{
	if (++fences != pause_at)
		return;
	broken_fence = NULL;
	take_over();
	while (made < FILES && !make(&b, "b", made, 0x80 + made % 64, &where[made]))
		made++;
	CHECK(made > CHUNKS / 3 && made < FILES);
}

static int do_add(void)
{
	return make_empty(&a, "late", 0);
}

static int do_extend(void)
{
	a.log.used = dxc_log_size(stage, &a.log);
	return do_add();
}

static int do_compact(void)
{
	return dxc_layer_compact(&a);
}

static u64 count_changed(void)
{
	u64 n = 0, k;
	u32 i;

	for (i = 0; i < made; i++)
		for (k = 0; k < stage->chunk_size; k++)
			n += stage->region.base[where[i] + k] != 0x80 + i % 64;
	return n;
}

static void late_stores(const char *what, int (*operate)(void))
{
	static char value[2000];
	char name[16];
	dxc_ino ino;
	bool taken;
	u32 i;

	memset(value, 'v', sizeof(value) - 1);
	pause_at = 0;
	do {
		open_late();
		CHECK_EQ(stage_make(&a, 1, "x", S_IFREG | 0600, &ino), 0);
		for (i = 0; i < 3 * stage->chunk_size / sizeof(value); i++) {
			sprintf(name, "x%u", i);
			CHECK_EQ(stage_xattr(&a, ino, name, value), 0);
		}
		pause_at++;
		fences = 0;
		broken_fence = fill_at_fence;
		operate();
		taken = !broken_fence;
		broken_fence = NULL;
		if (taken) {
			CHECK_EQ(count_changed(), 0);
			close_both();
		} else {
			stage_close(&a);
		}
	} while (taken);
	CHECK(pause_at > 1);
	tap_end("%s: late at any fence, it stores into none of the files of who took over", what);
}

/* ---- a segment's chunk that is a segment again, or a file ---- */

static void reuse_as_segment(void)
{
	struct dxc_dirent entry;
	char name[16];
	u32 i;

	if (++fences != pause_at)
		return;
	broken_fence = NULL;
	take_over();
	for (i = 0; i < 3; i++) {
		sprintf(name, "a%u", i);
		if (!dxc_view_lookup(&b, 1, NULL, name, strlen(name), &entry, NULL))
			CHECK_EQ(stage_remove(&b, 1, name, entry.ino), 0);
	}
	CHECK_EQ(dxc_layer_compact(&b), 0);
	reclaim();
	space.hint = contested;
	if (b.log.chunk != DXC_NO_CHUNK)
		b.log.used = dxc_log_size(stage, &b.log);
	for (; made < 4; made++)
		CHECK_EQ(make_empty(&b, "b", made), 0);
	CHECK_EQ(b.log.chunk, contested);
}

static void reuse_as_file(void)
{
	if (++fences != pause_at)
		return;
	broken_fence = NULL;
	take_over();
	CHECK_EQ(dxc_layer_compact(&b), 0);
	reclaim();
	space.hint = contested;
	CHECK_EQ(make(&b, "b", 0, 0x80, &where[0]), 0);
	CHECK_EQ(chunk_at(where[0]), contested);
	made = 1;
}

/* claims: so many mounts have taken the lease since the segment was added. */
static void late_link(void (*reuse)(void), u32 claims)
{
	struct dxc_branch br;
	bool taken;
	u32 i;

	pause_at = 0;
	do {
		open_late();
		for (i = 0; i < 3; i++)
			CHECK_EQ(make_empty(&a, "a", i), 0);
		contested = a.log.chunk;
		for (i = 0; i < claims; i++) {
			CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
			CHECK(dxc_layer_is_current(&a, &br));
			CHECK_EQ(dxc_layer_repair(&a), 0);
		}
		pause_at++;
		fences = 0;
		broken_fence = reuse;
		do_extend();
		taken = !broken_fence;
		broken_fence = NULL;
		if (taken) {
			if (reuse == reuse_as_file)
				CHECK_EQ(count_changed(), 0);
			else
				CHECK_EQ(make_empty(&b, "b", 4), 0);
			CHECK_EQ(stage_reload("main", NULL), 0);
			close_both();
		} else {
			stage_close(&a);
		}
	} while (taken);
	CHECK(pause_at > 3);
}

static void reuse_first(void)
{
	dxc_off off;

	broken_fence = NULL;
	take_over();
	space.hint = contested;
	CHECK_EQ(make_empty(&b, "b", 0), 0);
	CHECK_EQ(b.log.chunk, contested);
	CHECK_EQ(make(&b, "b", 1, 0x44, &off), 0);
}

/* The second of two chunks is another's: the first one is not given back if it is, too. */
static void untaking(void)
{
	dxc_chunk got;
	u32 count = 2;

	open_late();
	CHECK_EQ(make_empty(&a, "a", 0), 0);
	contested = a.log.chunk + 1;
	stage_space.hint = contested;
	broken_fence = reuse_first;
	dxc_space_take_segment(&a, 2 * stage->chunk_size - 1024, DXC_COMPACTS, &got, &count);
	broken_fence = NULL;
	CHECK_EQ(kind_of(contested), DAXFS_CHUNK_LOG);
	CHECK_EQ(stage_reload("main", NULL), 0);
	close_both();
	tap_end("who cannot have all chunks of a segment gives none back that another has by then");
}

static void twice(void)
{
	dxc_holder holder = 0;

	open_late();
	CHECK_EQ(dxc_lease_take(stage, main_id, late, &holder), -EBUSY);
	CHECK_EQ(holder, late);
	stage_close(&a);
	tap_end("who has a lease is told so when it takes it again: another thread may give it back");
}

void reuse_tests(void)
{
	loading(false);
	loading(true);
	tap_end("what a writer takes while its branch is loaded is not given back by who loaded it");
	late_stores("record", do_add);
	late_stores("record in a new segment", do_extend);
	late_stores("compaction", do_compact);
	late_link(reuse_as_segment, 0);
	late_link(reuse_as_segment, 4);
	tap_end("a late segment is not linked to another one in the same chunk");
	late_link(reuse_as_file, 0);
	tap_end("the link of a late segment is not stored into a file that has the chunk");
	untaking();
	twice();
}
