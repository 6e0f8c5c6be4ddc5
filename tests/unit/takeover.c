// SPDX-License-Identifier: GPL-2.0-only
/*
 * A writer that stands still at any fence of an operation on a log, whose lease is taken over
 * there, and that goes on: it destroys nothing of who took over, and that one can go on, too.
 */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "stage.h"
#include "tap.h"
#include "tests.h"

#define FILES	96u	/* of the taker, at most: there is less room */
#define OLD	12u	/* of the late one */
#define CHUNKS	64u

static const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
static const dxc_holder late = 0x1000000001ull, taker = 0x2000000002ull;

static u32 pause_at, fences;
static bool works_later;	/* the taker, when the late one is done */
static struct dxc_layer a, b;
static struct dxc_space space;
static dxc_ino old[OLD];
static u32 made;	/* files of the taker */

static int make(struct dxc_layer *layer, const char *prefix, u32 i, dxc_ino *ino)
{
	char name[32];
	dxc_off off;

	sprintf(name, "%s%u", prefix, i);
	return stage_file(layer, name, 'x', ino, &off);
}

static u32 count_files(const struct dxc_layer *layer, const char *prefix)
{
	struct dxc_dirent entry;
	char name[32];
	u32 i, n = 0;

	for (i = 0; i < FILES; i++) {
		sprintf(name, "%s%u", prefix, i);
		n += !dxc_view_lookup(layer, 1, NULL, name, strlen(name), &entry, NULL);
	}
	return n;
}

static void lease(dxc_holder to, dxc_holder from)
{
	CHECK_EQ(dxc_lease_take(stage, main_id, to, &from), 0);
}

/* main, which the late one writes. */
static void open_late(void)
{
	stage_open(CHUNKS, &a);
	lease(late, 0);
	a.holder = late;
}

static void close_both(void)
{
	dxc_layer_free(&b);
	dxc_space_exit(&space);
	stage_close(&a);
}

/* As a kernel reads the log that is about to write it. */
static void load(void)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_layer_init(&b, stage, &space, NULL, &br), 0);
	b.holder = taker;
	CHECK_EQ(dxc_layer_load(&b, &br, true, NULL), 0);
}

/* The log is read anew where that is what the answer says, as the kernel does. */
static int again(int err)
{
	struct dxc_branch br;

	if (err != -ESTALE)
		return err;
	CHECK(b.fenced);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(!dxc_layer_is_current(&b, &br));
	CHECK_EQ(dxc_layer_reload(&b, &br, true, NULL), 0);
	return -EAGAIN;
}

/* Its log gets as long as its files. 0 or -ENOSPC. */
static int make_more(void)
{
	static char value[2000];
	char name[16];
	dxc_ino ino;
	u32 i;
	int err = again(make(&b, "b", made, &ino));

	if (err == -EAGAIN)
		err = make(&b, "b", made, &ino);
	made += !err;
	memset(value, 'v', sizeof(value) - 1);
	for (i = 0; !err && i < stage->chunk_size / sizeof(value); i++) {
		sprintf(name, "x%u", i);
		err = stage_xattr(&b, ino, name, value);
	}
	CHECK(!err || err == -ENOSPC);
	return err;
}

/* All that is free, and what it has freed itself, is the taker's in the end. */
static void fill(void)
{
	stage_seen(&b);
	made = 0;
	while (!make_more())
		;
	CHECK(made > CHUNKS / 16 && made < FILES);
}

static void take_over(void)
{
	if (++fences != pause_at)
		return;
	broken_fence = NULL;
	lease(taker, late);
	load();
	if (!works_later)
		fill();
}

static void go_on(void)
{
	struct dxc_attr attr = stage_attr(&b, 1);
	int err;

	attr.mode ^= 0100;
	err = again(dxc_op_setattr(&b, &attr));
	if (err == -EAGAIN)
		err = dxc_op_setattr(&b, &attr);
	CHECK_EQ(err, 0);
}

static int report(void *priv, const struct dxc_finding *f)
{
	*(u32 *)priv += !dxc_code_is_leftover(f->code);
	return 0;
}

static void check_all(void)
{
	u32 damage = 0;
	struct dxc_check chk = { .report = report, .priv = &damage };
	struct dxc_space others;
	struct dxc_layer m;

	CHECK_EQ(dxc_space_init(&others, stage), 0);
	CHECK_EQ(stage_load(&m, "main", NULL, &others, NULL), 0);
	CHECK(!m.damaged);
	CHECK_EQ(count_files(&m, "b"), made);
	dxc_layer_free(&m);
	dxc_space_exit(&others);
	CHECK_EQ(dxc_check(stage, &chk), 0);
	CHECK_EQ(damage, 0);
}

/* ---- what the late one does ---- */

static int do_make(void)
{
	dxc_ino ino;

	return make(&a, "late", 0, &ino);
}

static int do_make_in_new_segment(void)
{
	a.log.used = dxc_log_size(stage, &a.log);
	return do_make();
}

static int do_remove(void)
{
	char name[16];

	sprintf(name, "a%u", OLD - 1);
	return stage_remove(&a, 1, name, old[OLD - 1]);
}

static int do_compact(void)
{
	return dxc_layer_compact(&a);
}

static int do_repair(void)
{
	return dxc_layer_repair(&a);
}

static void late_at_each_fence(int (*operate)(void))
{
	char name[16];
	bool taken;
	u32 i;

	pause_at = 0;
	do {
		open_late();
		for (i = 0; i < OLD; i++)
			CHECK_EQ(make(&a, "a", i, &old[i]), 0);
		/* So that there is something that the log does not name. */
		for (i = 0; i < OLD / 2; i++) {
			sprintf(name, "a%u", i);
			CHECK_EQ(stage_remove(&a, 1, name, old[i]), 0);
		}
		pause_at++;
		fences = 0;
		broken_fence = take_over;
		operate();
		taken = !broken_fence;
		broken_fence = NULL;
		if (taken) {
			if (works_later)
				fill();
			go_on();
			check_all();
			dxc_layer_free(&b);
			dxc_space_exit(&space);
		}
		stage_close(&a);
	} while (taken);
	CHECK(pause_at > 1);
}

static void late_at_any_fence(const char *what, int (*operate)(void))
{
	char title[160];

	works_later = false;
	late_at_each_fence(operate);
	works_later = true;
	late_at_each_fence(operate);
	sprintf(title, "%s: late at any fence, it destroys nothing of who took over, who goes on", what);
	tap_end(title);
}

/* ---- leases that went away and came back ---- */

/* The segment that it had begun is not its own any more: who had the lease meanwhile is late. */
static void came_back(void)
{
	struct dxc_branch br;
	dxc_ino ino;
	u32 i;

	open_late();
	CHECK_EQ(make(&a, "b", 0, &ino), 0);
	lease(taker, late);
	load();
	/* It stands still, and is taken for dead in its turn. */
	lease(late, taker);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(dxc_layer_is_current(&a, &br));
	CHECK_EQ(dxc_layer_repair(&a), 0);
	for (i = 1; i < OLD; i++)
		CHECK_EQ(make(&a, "b", i, &ino), 0);
	CHECK_EQ(make(&b, "c", 0, &ino), -ESTALE);
	for (; i < 2 * OLD; i++)
		CHECK_EQ(make(&a, "b", i, &ino), 0);
	made = i;
	check_all();
	close_both();
	tap_end("a lease that came back: what was written then is not lost to who had it meanwhile");
}

/* No other mount has had the lease since: the rest of the segment is used. */
static void never_away(void)
{
	struct dxc_branch br;
	dxc_chunk chunk;
	dxc_ino ino;

	open_late();
	CHECK_EQ(make(&a, "b", 0, &ino), 0);
	chunk = a.log.chunk;
	dxc_lease_drop(stage, main_id, late);
	lease(late, 0);
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK(dxc_layer_is_current(&a, &br));
	CHECK_EQ(dxc_layer_repair(&a), 0);
	CHECK_EQ(make(&a, "b", 1, &ino), 0);
	CHECK_EQ(a.log.chunk, chunk);
	stage_close(&a);
	tap_end("a lease that was given back and taken again: the log goes on where it was");
}

/* Who has lost it reads the log and claims it after who took over has: it is told so. */
static void late_claim(void)
{
	struct dxc_branch br;
	dxc_ino ino;
	u32 i;

	open_late();
	CHECK_EQ(make(&a, "a", 0, &ino), 0);
	lease(taker, late);
	load();
	made = 0;
	CHECK_EQ(make_more(), 0);
	/* The late one has got the lease, as it thinks, and reads. */
	CHECK_EQ(dxc_branch_find(stage, "main", &br), 0);
	CHECK_EQ(dxc_layer_reload(&a, &br, true, NULL), -EAGAIN);
	CHECK_EQ(dxc_layer_reload(&a, &br, false, NULL), 0);
	CHECK_EQ(dxc_layer_repair(&a), -EAGAIN);
	CHECK_EQ(make(&a, "a", 1, &ino), -ESTALE);
	/* Its claims have changed br_head: the taker's compaction finds that, and is done again. */
	CHECK_EQ(again(dxc_layer_compact(&b)), -EAGAIN);
	CHECK_EQ(dxc_layer_compact(&b), 0);
	for (i = 1; i < 4; i++)
		CHECK_EQ(make_more(), 0);
	check_all();
	close_both();
	tap_end("who claims a log without the lease is told so, and does nothing with it");
}

/* Only the lease's holder gives back chunks: for others they may be in use by now. */
static void only_the_holder(void)
{
	struct dxc_chunk_use use;
	struct dxc_attr attr;
	dxc_chunk chunk;
	dxc_ino ino;

	stage_open(CHUNKS, &a);
	CHECK_EQ(stage_make(&a, 1, "f", S_IFREG | 0600, &ino), 0);
	attr = stage_attr(&a, ino);
	CHECK_EQ(stage_write(&a, &attr, 0), 0);
	chunk = a.filling;
	a.filling = DXC_NO_CHUNK;
	a.retires = true;
	CHECK_EQ(stage_remove(&a, 1, "f", ino), 0);
	dxc_op_forget(&a, ino);
	CHECK_EQ(a.retired_count, 1);
	/* Another kernel has the lease when the grace period of the retired blocks is over. */
	a.holder = late;
	lease(taker, 0);
	dxc_layer_settle(&a, 1);
	CHECK_EQ(dxc_chunk_read(stage, chunk, &use), 0);
	CHECK_EQ(use.kind, DAXFS_CHUNK_DATA);
	CHECK(!a.fenced);
	/* When it has the lease again it does not forget it. */
	lease(late, taker);
	CHECK_EQ(dxc_layer_repair(&a), 0);
	CHECK_EQ(dxc_chunk_read(stage, chunk, &use), 0);
	CHECK(use.kind != DAXFS_CHUNK_DATA);
	stage_close(&a);
	tap_end("who has not the lease gives back none of the branch's chunks");
}

/* ---- commits ---- */

static u32 claims;

static void claim_main(void)
{
	dxc_off at = dxc_branch_head_at(stage, DAXFS_MAIN_BRANCH);
	u64 head = dxc_branch_head_word(stage, DAXFS_MAIN_BRANCH);

	if (++fences != pause_at)
		return;
	broken_fence = NULL;
	claims++;
	CHECK(dxc_publish_link(stage, at, head, dxc_head_next(head, dxc_head_link(head))));
}

/* Who mounts the parent meanwhile takes its lease, and counts the turn of br_head up. */
static void claimed_parent(void)
{
	struct dxc_layer m, child;
	dxc_ino ino;
	bool claimed;

	pause_at = claims = 0;
	do {
		stage_open(CHUNKS, &m);
		stage_branch(&child, &m, "c");
		CHECK_EQ(stage_make(&child, 1, "b0", S_IFREG | 0600, &ino), 0);
		pause_at++;
		fences = 0;
		broken_fence = claim_main;
		stage_commit(&child, &m);
		claimed = !broken_fence;
		broken_fence = NULL;
		CHECK_EQ(count_files(&m, "b"), 1);
		CHECK_EQ(stage_make(&m, 1, "b1", S_IFREG | 0600, &ino), 0);
		CHECK_EQ(dxc_layer_compact(&m), 0);
		CHECK_EQ(stage_reload("main", NULL), 0);
		stage_close(&m);
	} while (claimed);
	CHECK(claims > 2);
	tap_end("a commit is not undone because somebody claims the parent's log meanwhile");
}

void takeover_tests(void)
{
	late_at_any_fence("create", do_make);
	late_at_any_fence("create in a new segment", do_make_in_new_segment);
	late_at_any_fence("remove", do_remove);
	late_at_any_fence("compaction", do_compact);
	late_at_any_fence("repair", do_repair);
	came_back();
	never_away();
	late_claim();
	only_the_holder();
	claimed_parent();
}
