// SPDX-License-Identifier: GPL-2.0-only
/*
 * Crashes: the power goes at any fence of an operation, with any of what is not
 * durable lost. What is found afterwards is what was there before the operation
 * or after it, all of it, and after it when it had returned.
 *
 *	crash [--seed N] [--seconds N]
 */
#include <getopt.h>
#include <stdio.h>
#include <time.h>
#include "../property/world.h"
#include "../unit/broken.h"
#include "../unit/tap.h"
#include "recorder.h"

/* What all branches look like. */
struct state {
	u32 count;
	struct {
		char name[DAXFS_BRANCH_NAME_MAX + 1];
		char parent[DAXFS_BRANCH_NAME_MAX + 1];
		struct model model;
	} branches[WORLD_BRANCHES];
};

static struct world w;
static struct state before, after;
static u64 random_state;
static const struct op *doing;
static bool failed;
static u64 crashes_of[OP_KINDS];

static void state_free(struct state *st)
{
	while (st->count)
		model_free(&st->branches[--st->count].model);
}

static void state_take(struct state *st)
{
	const struct world_branch *b;
	u32 i;

	state_free(st);
	for (i = 0; i < WORLD_BRANCHES; i++) {
		b = &w.branches[i];
		if (!b->live)
			continue;
		strcpy(st->branches[st->count].name, b->br.name);
		strcpy(st->branches[st->count].parent,
		       b->parent ? b->parent->br.name : "main");
		model_copy(&st->branches[st->count++].model, &b->model);
	}
}

/* ---- what a crash leaves ---- */

struct found {
	u32 count;
	bool loaded[64];
	struct dxc_branch br[64];
	struct dxc_layer layers[64];
	struct dxc_space space;
};

static int load(const struct dxc_volume *vol, struct found *fo, u32 i)
{
	u32 up = 0;
	int err;

	if (fo->loaded[i])
		return 0;
	if (fo->br[i].id.branch) {
		while (up < fo->count && !dxc_owner_is(fo->br[up].id, fo->br[i].parent))
			up++;
		if (up == fo->count)
			return -ESTALE;
		err = load(vol, fo, up);
		if (err)
			return err;
	}
	err = dxc_layer_init(&fo->layers[i], vol, &fo->space,
			     fo->br[i].id.branch ? &fo->layers[up] : NULL, &fo->br[i]);
	if (err)
		return err;
	fo->loaded[i] = true;
	return dxc_layer_load(&fo->layers[i], &fo->br[i], true, NULL);
}

static int find(const struct dxc_volume *vol, struct found *fo)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	u32 index = 0, i;
	int err;

	memset(fo, 0, sizeof(*fo));
	err = dxc_branch_recover(vol, &rest);
	if (err)
		return err;
	while (fo->count < 64 && !dxc_branch_next(vol, &index, &fo->br[fo->count]))
		fo->count++;
	err = dxc_space_init(&fo->space, vol);
	for (i = 0; i < fo->count && !err; i++)
		err = load(vol, fo, i);
	return err;
}

static bool is_state(const struct found *fo, const struct state *st)
{
	jmp_buf jump;
	u32 i, k;

	if (fo->count != st->count) {
		sprintf(fail_text, "%u branches, not %u", fo->count, st->count);
		return false;
	}
	fail_jump = &jump;
	if (setjmp(jump)) {
		fail_jump = NULL;
		return false;
	}
	for (i = 0; i < fo->count; i++) {
		for (k = 0; strcmp(fo->br[i].name, st->branches[k].name); k++)
			HOLDS(k + 1 < st->count);
		compare_view(&st->branches[k].model, &fo->layers[i], false);
	}
	fail_jump = NULL;
	return true;
}

static bool on_crash(u8 *base, bool ended)
{
	struct dxc_volume vol = *w.vol;
	char why[sizeof(fail_text)] = "";
	struct found fo;
	bool ok;
	u32 i;
	int err;

	vol.region.base = base;
	crashes_of[doing->kind]++;
	err = find(&vol, &fo);
	ok = !err && is_state(&fo, &after);
	if (!ok) {
		strcpy(why, err ? "cannot be loaded" : fail_text);
		ok = !err && !ended && is_state(&fo, &before);
	}
	/* Everything is accounted for: what was taken in vain came back. */
	for (i = 0; i < fo.count && ok; i++)
		compare_space(&fo.layers[i], true);
	for (i = 0; i < fo.count; i++)
		dxc_layer_free(&fo.layers[i]);
	dxc_space_exit(&fo.space);
	if (ok)
		return true;
	printf("# %s the operation had returned (error %d)\n# not after: %s\n",
	       ended ? "after" : "before", err, why);
	if (!ended && !err)
		printf("# not before: %s\n", fail_text);
	printf("# ");
	world_print(stdout, doing);
	failed = true;
	CHECK(!"one state or the other");
	return false;
}

/* ---- operations ---- */

static const u8 weights[OP_KINDS] = {
	[OP_CREATE] = 14, [OP_TMPFILE] = 2, [OP_LINK] = 5,    [OP_UNLINK] = 7,
	[OP_RMDIR] = 3,	  [OP_RENAME] = 14, [OP_SETATTR] = 2, [OP_RESIZE] = 9,
	[OP_WRITE] = 14,  [OP_PUNCH] = 4,   [OP_XATTR] = 5,   [OP_FORGET] = 2,
	[OP_COMPACT] = 5, [OP_BRANCH] = 5,  [OP_COMMIT] = 4,  [OP_ABORT] = 2,
	[OP_SETTLE] = 2,  [OP_SEEN] = 2,
};

static void next_op(struct op *op)
{
	u32 sum = 0, k, pick;

	for (k = 0; k < OP_KINDS; k++)
		sum += weights[k];
	pick = (broken_random(&random_state) >> 20) % sum;
	for (k = 0; pick >= weights[k]; k++)
		pick -= weights[k];
	op->kind = k;
	for (k = 0; k < 5; k++)
		op->r[k] = broken_random(&random_state) >> 32;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", required_argument, NULL, 's' },
						 { "seconds", required_argument, NULL,
						   't' },
						 { 0 } };
	u64 seed = 1, crashes = 0, ops = 0;
	time_t end = time(NULL) + 50;
	struct image *img = world_image(256, DAXFS_CHUNK_DEFAULT);
	struct op op;
	u32 i, k;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			end = time(NULL) + atoi(optarg);
		else
			return 2;
	}
	compare_loose_tails = true;
	for (; time(NULL) < end && !failed; seed++) {
		random_state = seed * 0x9e3779b97f4a7c15ull | 1;
		for (i = 0; i < 8; i++)
			broken_random(&random_state);
		image_reset(img);
		world_open(&w, img);
		w.one_record = true;
		w.blocks_max = 12;
		recorder_open(&w.vol->region, 0);
		for (i = 0; i < 80 && time(NULL) < end && !failed; i++) {
			next_op(&op);
			doing = &op;
			state_take(&before);
			recorder_start();
			world_do(&w, &op);
			recorder_stop();
			state_take(&after);
			crashes += recorder_crashes(8, &random_state, on_crash);
			ops++;
		}
		if (failed)
			printf("# --seed %llu, operation %u\n", (unsigned long long)seed,
			       i - 1);
		recorder_close();
		state_free(&before);
		state_free(&after);
		world_close(&w);
	}
	for (k = 0; k < OP_KINDS; k++)
		if (weights[k] && k != OP_FORGET && k != OP_SETTLE && !failed)
			CHECK(crashes_of[k]);
	tap_end("after a crash each operation is there whole or not at all, and stays: %llu crashes in %llu operations",
		(unsigned long long)crashes, (unsigned long long)ops);
	image_free(img);
	return tap_done();
}
