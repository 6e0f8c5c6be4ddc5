// SPDX-License-Identifier: GPL-2.0-only
/* A writer that stood still, was taken for dead, and goes on with the operation that it had begun. */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "words.h"
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

/* main, as the late one has it, with a file. */
static void open_late(struct dxc_layer *layer, const char *name, dxc_ino *ino)
{
	dxc_holder nobody = 0;

	stage_open(256, layer);
	layer->holder = late;
	CHECK_EQ(dxc_lease_take(stage, main_id, late, &nobody), 0);
	CHECK_EQ(stage_make(layer, 1, name, S_IFREG | 0600, ino), 0);
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
	struct dxc_space space;
	struct dxc_layer a, b;
	struct dxc_attr attr;
	struct dxc_branch br;
	char name[16];
	dxc_ino ino, first;
	u32 i;

	open_late(&a, "first", &first);
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
	struct dxc_space space;
	struct dxc_layer a, b;
	dxc_ino ino;

	open_late(&a, "first", &ino);
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
	struct dxc_space space;
	struct dxc_layer a, b;
	struct dxc_branch br;
	dxc_ino ino;

	open_late(&a, "b0", &ino);
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
	b.log.head_link = dxc_head_next(b.log.head_link, 0);
	CHECK_EQ(dxc_layer_repair(&b), -EAGAIN);
	CHECK(!dxc_layer_is_current(&b, &br));
	CHECK_EQ(dxc_layer_reload(&b, &br, true, NULL), 0);
	dxc_layer_free(&b);
	dxc_space_exit(&space);
	stage_close(&a);
	tap_end("a log that was taken over is not replaced by what the late one has compacted");
}

/* The first record in a branch that was discarded, whose entry is another's by now. */
static void reused_entry(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_layer main_layer, a, b;
	dxc_ino ino;

	stage_open(64, &main_layer);
	stage_branch(&a, &main_layer, "a");
	a.holder = late;
	CHECK_EQ(dxc_branch_abort(stage, a.owner, &rest), 0);
	stage_branch(&b, &main_layer, "b");
	CHECK_EQ(b.owner.branch, a.owner.branch);
	CHECK_EQ(make_short(&a), -ESTALE);
	CHECK_EQ(stage_make(&b, 1, "b0", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(stage_reload("b", &main_layer), 0);
	dxc_layer_free(&a);
	dxc_layer_free(&b);
	stage_close(&main_layer);
	tap_end("the late first record of a discarded branch is not another one's");
}

/* ---- operations on branches ---- */

#define SOME	8u

static u32 pause_at, steps, taker_slot;
static const char *taker_name;
static struct dxc_layer m, winner, sibling;
static struct dxc_owner made;	/* the taker's branch; generation 0: it could not */
static bool was_created;	/* what the late one makes was there when the taker looked */
static void (*take)(void);

/* Files of the taker's in its branch. */
static void make_some(struct dxc_layer *over, const struct dxc_branch *br)
{
	struct dxc_layer own;
	struct dxc_attr attr;
	char name[16];
	dxc_ino ino;
	u32 i;

	made = br->id;
	CHECK_EQ(dxc_layer_init(&own, stage, over->space, over, br), 0);
	CHECK_EQ(dxc_layer_load(&own, br, true, NULL), 0);
	for (i = 0; i < SOME; i++) {
		sprintf(name, "b%u", i);
		CHECK_EQ(stage_make(&own, 1, name, S_IFREG | 0600, &ino), 0);
		attr = stage_attr(&own, ino);
		CHECK_EQ(stage_write(&own, &attr, 0), 0);
	}
	dxc_layer_free(&own);
}

/* Whoever was writing the branch is taken for dead; the volume lock is his still. */
static void take_lease(void)
{
	dxc_holder me, holder = dxc_holder_of(0, 77);
	struct dxc_layer over;
	struct dxc_space space;
	struct dxc_branch br;

	CHECK_EQ(dxc_mount_claim(stage, 88, main_id, true, "b", NULL, NULL, &taker_slot), 0);
	me = dxc_holder_of(taker_slot, 88);
	made.generation = 0;
	if (dxc_lease_take(stage, sibling.owner, me, &holder))
		return;
	dxc_mount_set_seen(stage, taker_slot, 88, dxc_commit_seq(stage));
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&over, "main", NULL, &space, NULL), 0);
	CHECK_EQ(dxc_branch_get(stage, sibling.owner, &br), 0);
	make_some(&over, &br);
	dxc_layer_free(&over);
	dxc_space_exit(&space);
}

/* As a kernel does that has waited for long enough: it has a branch of its own then, with files. */
static void take_lock(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	dxc_holder me, holder = dxc_holder_of(0, 77);
	struct dxc_layer over;
	struct dxc_space space;
	struct dxc_branch br;
	dxc_holder nobody = 0;

	was_created = !dxc_branch_find(stage, "mine", &br);
	CHECK_EQ(dxc_mount_claim(stage, 88, main_id, true, "b", NULL, NULL, &taker_slot), 0);
	me = dxc_holder_of(taker_slot, 88);
	CHECK_EQ(dxc_lock_take(stage, me, &holder), 0);
	dxc_branch_fence(stage);
	CHECK_EQ(dxc_branch_recover(stage, &rest), 0);
	dxc_mount_set_seen(stage, taker_slot, 88, dxc_commit_seq(stage));
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&over, "main", NULL, &space, NULL), 0);
	made.generation = 0;
	if (taker_name && !dxc_branch_create(stage, me, main_id, taker_name, 1, 0, over.log.seq, &br))
		make_some(&over, &br);
	/* Or it goes on with one that is there. */
	if (!taker_name && !dxc_branch_get(stage, sibling.owner, &br) &&
	    !dxc_lease_take(stage, sibling.owner, me, &nobody))
		make_some(&over, &br);
	dxc_lock_drop(stage, me);
	dxc_layer_free(&over);
	dxc_space_exit(&space);
}

static void on_step(void)
{
	if (++steps != pause_at)
		return;
	broken_fence = NULL;
	broken_on_change = NULL;
	take();
}

static int report(void *priv, const struct dxc_finding *f)
{
	*(u32 *)priv += !dxc_code_is_leftover(f->code);
	return 0;
}

/* Is the taker's branch there, with all that was made in it? */
static void check_taken(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	u32 damage = 0, i, n = 0;
	struct dxc_check chk = { .report = report, .priv = &damage };
	struct dxc_layer over, own;
	struct dxc_dirent entry;
	struct dxc_space space;
	struct dxc_branch br;
	char name[16];

	CHECK_EQ(dxc_branch_get(stage, made, &br), 0);
	CHECK_EQ(dxc_branch_recover(stage, &rest), 0);
	CHECK_EQ(dxc_branch_get(stage, made, &br), 0);
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&over, "main", NULL, &space, NULL), 0);
	CHECK_EQ(stage_load(&own, br.name, &over, &space, NULL), 0);
	for (i = 0; i < SOME; i++) {
		sprintf(name, "b%u", i);
		n += !dxc_view_lookup(&own, 1, NULL, name, strlen(name), &entry, NULL);
	}
	CHECK_EQ(n, SOME);
	dxc_layer_free(&own);
	dxc_layer_free(&over);
	dxc_space_exit(&space);
	CHECK_EQ(dxc_check(stage, &chk), 0);
	CHECK_EQ(damage, 0);
}

static int late_commit(struct dxc_branch_rest *rest)
{
	int err = dxc_branch_commit(stage, winner.owner, rest);

	return err ? err : dxc_branch_finish(stage, main_id, rest);
}

static int late_abort(struct dxc_branch_rest *rest)
{
	return dxc_branch_abort(stage, sibling.owner, rest);
}

/* Who writes it, and had to take no lock over for that, is known by its lease. */
static int late_abort_leased(struct dxc_branch_rest *rest)
{
	dxc_holder nobody = 0;

	broken_fence = NULL;
	broken_on_change = NULL;
	rest->lease = rest->lock;
	CHECK_EQ(dxc_lease_take(stage, sibling.owner, rest->lease, &nobody), 0);
	broken_fence = on_step;
	broken_on_change = on_step;
	return dxc_branch_abort(stage, sibling.owner, rest);
}

static int late_create(struct dxc_branch_rest *rest)
{
	struct dxc_branch br;
	int err = dxc_branch_create(stage, rest->lock, main_id, "mine", 1, 0, m.log.seq, &br);

	CHECK(err || dxc_lock_is_held(stage, rest->lock) || was_created);
	if (!err && !dxc_lock_is_held(stage, rest->lock)) {
		dxc_branch_unmake(stage, br.id);
		err = -EAGAIN;
	}
	return err;
}

static int late_rename(struct dxc_branch_rest *rest)
{
	return dxc_branch_rename(stage, rest->lock, sibling.owner, "other");
}

static void paused(const char *what, int (*operate)(struct dxc_branch_rest *rest), const char *name)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	dxc_holder nobody;
	char title[160];
	dxc_ino ino;
	bool taken;
	u32 made_by_taker = 0;

	taker_name = name;
	take = operate == late_abort_leased ? take_lease : take_lock;
	pause_at = 0;
	do {
		stage_open(128, &m);
		CHECK_EQ(stage_make(&m, 1, "x", S_IFREG | 0600, &ino), 0);
		stage_branch(&winner, &m, "w");
		CHECK_EQ(stage_make(&winner, 1, "w0", S_IFREG | 0600, &ino), 0);
		stage_branch(&sibling, &m, "s");
		CHECK_EQ(stage_make(&sibling, 1, "s0", S_IFREG | 0600, &ino), 0);
		stage_seen(&m);
		rest.lock = dxc_holder_of(0, 77);
		rest.lease = 0;
		nobody = 0;
		CHECK_EQ(dxc_lock_take(stage, rest.lock, &nobody), 0);
		pause_at++;
		steps = 0;
		made.generation = 0;
		broken_fence = on_step;
		broken_on_change = on_step;
		operate(&rest);
		taken = !broken_fence;
		broken_fence = NULL;
		broken_on_change = NULL;
		if (made.generation) {
			made_by_taker++;
			check_taken();
		}
		dxc_layer_free(&sibling);
		dxc_layer_free(&winner);
		stage_close(&m);
	} while (taken);
	CHECK(pause_at > 3 && made_by_taker > (name ? 1 : 0));
	sprintf(title, "%s: whoever stands still before any store or fence of it takes nothing away from who took over", what);
	tap_end(title);
}


/* ---- review ---- */
static u32 rv_at, rv_n;
static bool rv_taken;
static dxc_holder rv_dead, rv_me;

static void rv_step(void)
{
	dxc_holder h = rv_dead;

	if (++rv_n != rv_at)
		return;
	broken_on_change = NULL;
	rv_taken = !dxc_lease_take(stage, sibling.owner, rv_me, &h);
}

/* A commits, alive and with the lock; meanwhile C takes over a dead kernel's lease of the sibling. */
static void review_doomed(void)
{
	struct dxc_branch_rest rest;
	struct dxc_chunk_use use;
	dxc_holder nobody;
	dxc_ino ino;
	struct dxc_attr attr;
	u32 slot, i, bad = 0, left, own;
	bool done;

	rv_at = 0;
	do {
		memset(&rest, 0, sizeof(rest));
		rest.tail = DXC_NO_CHUNK;
		stage_open(128, &m);
		CHECK_EQ(stage_make(&m, 1, "x", S_IFREG | 0600, &ino), 0);
		stage_branch(&winner, &m, "w");
		CHECK_EQ(stage_make(&winner, 1, "w0", S_IFREG | 0600, &ino), 0);
		stage_branch(&sibling, &m, "s");
		CHECK_EQ(stage_make(&sibling, 1, "s0", S_IFREG | 0600, &ino), 0);
		attr = stage_attr(&sibling, ino);
		CHECK_EQ(stage_write(&sibling, &attr, 0), 0);
		stage_seen(&m);
		rest.lock = dxc_holder_of(0, 77);
		nobody = 0;
		CHECK_EQ(dxc_lock_take(stage, rest.lock, &nobody), 0);
		/* whoever wrote the sibling is dead */
		rv_dead = dxc_holder_of(5, 55);
		nobody = 0;
		CHECK_EQ(dxc_lease_take(stage, sibling.owner, rv_dead, &nobody), 0);
		CHECK_EQ(dxc_mount_claim(stage, 88, main_id, true, "c", NULL, NULL, &slot), 0);
		rv_me = dxc_holder_of(slot, 88);
		rv_at++; rv_n = 0; rv_taken = false;
		broken_on_change = rv_step;
		CHECK_EQ(dxc_branch_commit(stage, winner.owner, &rest), 0);
		CHECK_EQ(dxc_branch_finish(stage, main_id, &rest), 0);
		done = broken_on_change;
		broken_on_change = NULL;
		for (i = left = own = 0; i < dxc_chunk_count(stage); i++) {
			if (dxc_chunk_read(stage, i, &use)) continue;
			own += (use.kind == DAXFS_CHUNK_LOG || use.kind == DAXFS_CHUNK_DATA) && dxc_owner_is(use.owner, sibling.owner);
			left += use.kind == DAXFS_CHUNK_FREED;
		}
		if (dxc_is_live(stage, sibling.owner)) {
			bad++;
			printf("# step %u: taken %d, commit returned 0, sibling lives, owns %u chunks, %u freed, main frozen %d, winner live %d\n",
			       rv_at, rv_taken, own, left, dxc_branch_is_frozen(stage, main_id), dxc_is_live(stage, winner.owner));
		}
		dxc_layer_free(&sibling);
		dxc_layer_free(&winner);
		stage_close(&m);
	} while (!done);
	CHECK_EQ(bad, 0);
	tap_end("a sibling whose lease is taken over during a commit is discarded");
}

/* A made a branch, stood still; B took the lock over and writes the branch; A undoes it. */
static void review_unmake(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	dxc_holder a = dxc_holder_of(0, 77), holder = 0, b;
	struct dxc_branch br, now;
	dxc_ino ino;
	u32 slot;

	stage_open(128, &m);
	CHECK_EQ(stage_make(&m, 1, "x", S_IFREG | 0600, &ino), 0);
	stage_seen(&m);
	CHECK_EQ(dxc_lock_take(stage, a, &holder), 0);
	CHECK_EQ(dxc_branch_create(stage, a, main_id, "mine", 1, 0, m.log.seq, &br), 0);
	/* B */
	CHECK_EQ(dxc_mount_claim(stage, 88, main_id, true, "b", NULL, NULL, &slot), 0);
	b = dxc_holder_of(slot, 88);
	holder = a;
	CHECK_EQ(dxc_lock_take(stage, b, &holder), 0);
	dxc_branch_fence(stage);
	CHECK_EQ(dxc_branch_recover(stage, &rest), 0);
	dxc_lock_drop(stage, b);
	holder = 0;
	CHECK_EQ(dxc_lease_take(stage, br.id, b, &holder), 0);
	/* A goes on: look_again() of branch_op.c */
	CHECK(!dxc_lock_is_held(stage, a));
	dxc_branch_unmake(stage, br.id);
	CHECK_EQ(dxc_branch_get(stage, br.id, &now), 0);
	CHECK(dxc_lease_is_held(stage, br.id, b));
	stage_close(&m);
	tap_end("a late undo of a create discards nothing that the taker has");
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
	reused_entry();
	paused("commit", late_commit, "new");
	paused("abort", late_abort, "new");
	paused("abort of what the taker goes on with", late_abort, NULL);
	paused("abort of what the taker writes", late_abort_leased, NULL);
	paused("create", late_create, "new");
	paused("create of the same name", late_create, "mine");
	paused("rename", late_rename, "new");
	review_doomed();
	review_unmake();
}
