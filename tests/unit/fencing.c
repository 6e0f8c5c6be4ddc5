// SPDX-License-Identifier: GPL-2.0-only
/* A writer that stood still, was taken for dead, and goes on with the operation that it had begun. */
#include <stdio.h>
#include <string.h>
#include "stage.h"
#include "tap.h"
#include "tests.h"

#define FILES 100u

static const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
static const dxc_holder late = 0x1000000001ull, taker = 0x2000000002ull;

/* What the late one was about to do. */
static int make_short(struct dxc_layer *layer)
{
	dxc_ino ino;

	return stage_make(layer, 1, "z0", S_IFREG | 0600, &ino);
}

static int make_long(struct dxc_layer *layer)
{
	dxc_ino ino;

	return stage_make(layer, 1, "a name that is much longer than the others", S_IFREG | 0600, &ino);
}

static int change_mode(struct dxc_layer *layer)
{
	struct dxc_attr attr = stage_attr(layer, 2);

	attr.mode ^= 0100;
	return dxc_op_setattr(layer, &attr);
}

/* Its segment has no room for that. */
static int make_in_new_segment(struct dxc_layer *layer)
{
	layer->log.used = dxc_log_size(stage, &layer->log);
	return make_short(layer);
}

static u32 count_files(const struct dxc_layer *layer)
{
	struct dxc_dirent entry;
	char name[16];
	u32 i, n = 0;

	for (i = 0; i < FILES; i++) {
		sprintf(name, "b%u", i);
		n += !dxc_view_lookup(layer, 1, NULL, name, strlen(name), &entry, NULL);
	}
	return n;
}

/* As a kernel loads it that has taken the lease over from the late one. */
static void take_over(struct dxc_layer *layer, struct dxc_space *space)
{
	dxc_holder holder = late;
	struct dxc_branch br;

	CHECK_EQ(dxc_lease_take(stage, main_id, taker, &holder), 0);
	CHECK_EQ(dxc_space_init(space, stage), 0);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_layer_init(layer, stage, space, NULL, &br), 0);
	CHECK_EQ(dxc_layer_load(layer, &br, true, NULL), 0);
	layer->holder = taker;
}

/* What a kernel sees that mounts it now. */
static u32 seen_by_others(void)
{
	struct dxc_space space;
	struct dxc_layer m;
	u32 n;

	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&m, "main", NULL, &space, NULL), 0);
	CHECK(!m.damaged);
	n = count_files(&m);
	dxc_layer_free(&m);
	dxc_space_exit(&space);
	return n;
}

static void late_operation(int (*operate)(struct dxc_layer *layer))
{
	dxc_holder holder = 0;
	struct dxc_space space;
	struct dxc_layer a, b;
	struct dxc_attr attr;
	struct dxc_branch br;
	char name[16];
	dxc_ino ino, first;
	u32 i;

	stage_open(256, &a);
	a.holder = late;
	CHECK_EQ(dxc_lease_take(stage, main_id, late, &holder), 0);
	CHECK_EQ(stage_make(&a, 1, "first", S_IFREG | 0600, &first), 0);
	take_over(&b, &space);
	for (i = 0; i < FILES; i++) {
		sprintf(name, "b%u", i);
		CHECK_EQ(stage_make(&b, 1, name, S_IFREG | 0600, &ino), 0);
		attr = stage_attr(&b, ino);
		CHECK_EQ(stage_write(&b, &attr, 0), 0);
	}
	CHECK_EQ(operate(&a), -ESTALE);
	CHECK_EQ(seen_by_others(), FILES);
	/* And the taker goes on, of which nothing is lost, either. */
	CHECK_EQ(stage_remove(&b, 1, "first", first), 0);
	CHECK_EQ(stage_make(&b, 1, "last", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(seen_by_others(), FILES);
	dxc_layer_free(&b);
	dxc_space_exit(&space);
	/* What the late one has in memory is not what it writes to. */
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(!dxc_layer_is_current(&a, &br));
	stage_close(&a);
}

/* Between the taking and the taker's first record. */
static void before_the_taker(void)
{
	dxc_holder holder = 0;
	struct dxc_space space;
	struct dxc_layer a, b;
	dxc_ino ino;

	stage_open(256, &a);
	a.holder = late;
	CHECK_EQ(dxc_lease_take(stage, main_id, late, &holder), 0);
	CHECK_EQ(stage_make(&a, 1, "first", S_IFREG | 0600, &ino), 0);
	take_over(&b, &space);
	CHECK_EQ(make_short(&a), -ESTALE);
	CHECK_EQ(stage_make(&b, 1, "b0", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(stage_make(&b, 1, "b1", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(seen_by_others(), 2);
	dxc_layer_free(&b);
	dxc_space_exit(&space);
	stage_close(&a);
	tap_end("a late record before the taker's first one changes nothing, either");
}

/* Who takes a log over that is being compacted, or has been since it was read. */
static void compaction(void)
{
	dxc_holder holder = 0;
	struct dxc_space space;
	struct dxc_layer a, b;
	struct dxc_branch br;
	dxc_ino ino;

	stage_open(256, &a);
	a.holder = late;
	CHECK_EQ(dxc_lease_take(stage, main_id, late, &holder), 0);
	CHECK_EQ(stage_make(&a, 1, "b0", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(dxc_layer_compact(&a), 0);
	take_over(&b, &space);
	/* Also before the taker has added anything, and may have told others how long the log is. */
	CHECK_EQ(dxc_layer_compact(&a), -ESTALE);
	CHECK_EQ(stage_make(&b, 1, "b1", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(dxc_layer_compact(&a), -ESTALE);
	CHECK_EQ(seen_by_others(), 2);
	CHECK_EQ(dxc_layer_compact(&b), 0);
	CHECK_EQ(stage_make(&b, 1, "b2", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(seen_by_others(), 3);
	/* The taker, too late. */
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(dxc_layer_is_current(&b, &br));
	br.head_word = b.log.head_link;
	b.log.head_link = dxc_head_next(b.log.head_link, 0);
	CHECK_EQ(dxc_layer_repair(&b), -EAGAIN);
	b.log.head_link = br.head_word;
	CHECK_EQ(dxc_layer_repair(&b), 0);
	dxc_layer_free(&b);
	dxc_space_exit(&space);
	stage_close(&a);
	tap_end("a log that was taken over is not replaced by what the late one has compacted");
}

void fencing_tests(void)
{
	late_operation(make_short);
	late_operation(make_long);
	late_operation(change_mode);
	late_operation(make_in_new_segment);
	tap_end("who writes after its lease was taken over is told so, and nothing of the taker's is lost");
	before_the_taker();
	compaction();
}
