// SPDX-License-Identifier: GPL-2.0-only
/* Branch operations that end anywhere, and recovery from that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "checker.h"
#include "family.h"
#include "tap.h"
#include "tests.h"

static u64 random_state = 88172645463325252ull;

/*
 * Memory that keeps what was written back before a fence. Of what was stored
 * otherwise, each 8 bytes may be there or not when the power goes.
 */
static struct memory {
	u8 *now, *durable;
	u8 flushed[SIZE / 8];
} * memory;

static u32 dirty[SIZE / 8];

static u32 find_dirty(void)
{
	u32 i, n = 0;

	for (i = 0; i < SIZE / 8; i++)
		if (memcmp(memory->durable + i * 8, memory->now + i * 8, 8))
			dirty[n++] = i;
	return n;
}

static void on_write_back(const void *p, size_t n)
{
	u64 at = (const u8 *)p - memory->now;

	for (u64 i = at / 8; i <= (at + n - 1) / 8; i++)
		memory->flushed[i] = 1;
}

static void pass_fence(void)
{
	u32 i;

	for (i = 0; i < SIZE / 8; i++)
		if (memory->flushed[i]) {
			memory->flushed[i] = 0;
			memcpy(memory->durable + i * 8, memory->now + i * 8, 8);
		}
}

/* What is left after the power has gone now, with some of the dirty words. */
static void lose(u8 *left, u32 count, u32 which)
{
	memcpy(left, memory->durable, SIZE);
	for (u32 i = 0; i < count; i++) {
		bool kept = which == 0	   ? false :
			    which == 1	   ? true :
			    which % 3 == 0 ? i == which / 3 - 1 :
					     broken_random(&random_state) >> 63;
		if (kept)
			memcpy(left + dirty[i] * 8, memory->now + dirty[i] * 8, 8);
	}
}

static char before[LOOK_MAX], after[LOOK_MAX];
static u64 crashes;
static bool decided; /* the operation has returned: nothing of it may be lost */
static u8 *scratch[3];
static u32 fences_left;

/* What a second crash, while recovering from the first, leaves. */
static void on_recovery_fence(void)
{
	if (fences_left && !--fences_left)
		lose(scratch[2], find_dirty(), 4);
	pass_fence();
}

static int expect_leftover(void *priv, const struct dxc_finding *f)
{
	if (!CHECK(dxc_code_is_leftover(f->code)))
		printf("# found: %s\n", dxc_code_text(f->code));
	return 0;
}

/* What the checker says of the tables; how much it is. */
static u64 check_tables(const struct dxc_volume *v)
{
	/* As if the base were bad: the logs here are not meant for any. */
	struct dxc_check chk = { .report = expect_leftover, .findings = 1 };
	struct checker c = { .vol = v, .chk = &chk, .buf = malloc(DAXFS_BLOCK_SIZE) };

	CHECK_EQ(dxc_check_delta(&c), 0);
	CHECK_EQ(chk.leftovers, chk.findings - 1);
	free(c.buf);
	return chk.leftovers;
}

static u64 leftovers;
static bool renames;

/* What is being renamed has one of its names, before anybody recovers anything. */
static void check_name(const struct dxc_volume *v)
{
	struct dxc_branch br;

	CHECK(!dxc_branch_find(v, "b", &br) ||
	      !dxc_branch_find(v, "a-name-of-more-than-a-word", &br));
	CHECK(dxc_owner_is(br.id, b) && dxc_owner_is(br.parent, a));
	CHECK_EQ(br.head_word, dxc_link_open(le64_to_cpu(family_raw(v, b.branch)->br_head)));
}

static void check_recovered(struct dxc_volume *v)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	static char text[LOOK_MAX];
	const char *got;
	u8 *copy;

	CHECK_EQ(dxc_branch_recover(v, &rest), 0);
	got = family_look(v, text);
	if (!CHECK(!strcmp(got, after) || (!decided && !strcmp(got, before))))
		printf("# got:\n%s\n", got);
	copy = malloc(SIZE);
	memcpy(copy, v->region.base, SIZE);
	CHECK_EQ(dxc_branch_recover(v, &rest), 0);
	CHECK(!memcmp(copy, v->region.base, SIZE));
	free(copy);
	CHECK_EQ(check_tables(v), 0);
	crashes++;
}

static void crash(u32 count, u32 which)
{
	static struct memory second;
	struct memory *first = memory;
	struct dxc_volume v = vol;
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	void (*fence)(void) = broken_fence;

	lose(scratch[0], count, which);
	/* Recovery may be cut short as well. */
	memcpy(scratch[1], scratch[0], SIZE);
	v.region.base = second.now = scratch[0];
	second.durable = scratch[1];
	memory = &second;
	leftovers += check_tables(&v);
	if (renames)
		check_name(&v);
	fences_left = 1 + broken_random(&random_state) % 24;
	broken_fence = on_recovery_fence;
	CHECK_EQ(dxc_branch_recover(&v, &rest), 0);
	broken_fence = NULL;
	broken_write_back = NULL;
	if (!fences_left) {
		struct dxc_volume again = vol;

		again.region.base = scratch[2];
		check_recovered(&again);
	}
	check_recovered(&v);
	memory = first;
	broken_write_back = on_write_back;
	broken_fence = fence;
}

static void crash_now(void)
{
	u32 count = find_dirty(), i;

	crash(count, 0);
	crash(count, 1);
	for (i = 0; i < count && i < 8; i++)
		crash(count, 3 * (i + 1));
	for (i = 0; i < 6; i++)
		crash(count, 2);
}

static void on_fence(void)
{
	crash_now();
	pass_fence();
}

static void do_create(void)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_create(&vol, 0, c, "z", 9, 0, 1007, &br), 0);
}

static void do_rename(void)
{
	CHECK_EQ(dxc_branch_rename(&vol, 0, b, "a-name-of-more-than-a-word"), 0);
}

static void do_commit(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };

	CHECK_EQ(family_commit(d, top, &rest), 0);
}

static void do_commit_empty(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };

	CHECK_EQ(family_commit(c, a, &rest), 0);
}

static void do_commit_known(void)
{
	u32 without = f.branch;
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK,
					.known = family_known,
					.priv = &without };

	CHECK_EQ(family_commit(g, f, &rest), 0);
}

static void do_abort(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };

	CHECK_EQ(dxc_branch_abort(&vol, e, &rest), 0);
}

static void do_abort_known(void)
{
	u32 without = BRANCHES;
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK,
					.known = family_known,
					.priv = &without };

	CHECK_EQ(dxc_branch_abort(&vol, a, &rest), 0);
}

static void crash_tests(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} operations[] = {
		{ "create", do_create },
		{ "rename", do_rename },
		{ "commit", do_commit },
		{ "commit of an empty log", do_commit_empty },
		{ "commit of known chunks", do_commit_known },
		{ "abort", do_abort },
		{ "abort of known chunks", do_abort_known },
	};
	static struct memory first;
	u32 i;

	for (i = 0; i < 3; i++)
		scratch[i] = malloc(SIZE);
	first.durable = malloc(SIZE);
	first.now = vol.region.base;
	memory = &first;
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		family();
		CHECK(family_look(&vol, before) == before);
		operations[i].run();
		CHECK(family_look(&vol, after) == after);
		CHECK(strcmp(before, after));

		family();
		memcpy(first.durable, first.now, SIZE);
		memset(first.flushed, 0, sizeof(first.flushed));
		crashes = 0;
		decided = false;
		renames = operations[i].run == do_rename;
		broken_write_back = on_write_back;
		broken_fence = on_fence;
		operations[i].run();
		decided = true;
		crash_now();
		broken_write_back = NULL;
		broken_fence = NULL;
		tap_end("%s: after a crash at any fence, and one while recovering, it happened or it did not: %llu crashes",
			operations[i].name, (unsigned long long)crashes);
	}
	CHECK(leftovers > 100);
	tap_end("the checker takes what a crash leaves in the tables for no damage, and finds nothing after recovery");
	free(first.durable);
	for (i = 0; i < 3; i++)
		free(scratch[i]);
}

/* A writer that did not know yet took chunks for a branch that somebody else had discarded. */
static void late_taker_tests(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_owner gone = { .branch = BRANCHES - 1, .generation = 77 };
	struct dxc_chunk_use use;
	dxc_chunk hint = 0, chunk;

	family();
	CHECK_EQ(dxc_chunk_take(&vol, &hint, DAXFS_CHUNK_LOG, gone, 1, &chunk), 0);
	CHECK_EQ(check_tables(&vol), 1);
	CHECK_EQ(dxc_branch_recover(&vol, &rest), 0);
	CHECK_EQ(check_tables(&vol), 0);
	CHECK_EQ(dxc_chunk_read(&vol, chunk, &use), 0);
	CHECK_EQ(use.kind, DAXFS_CHUNK_FREED);
	CHECK_EQ(use.freed_seq, rest.seq);
	tap_end("recovery frees a chunk of a branch that is gone, though nothing else is left to do");
}

void crashes_tests(void)
{
	static void (*const parts[])(void) = { crash_tests, late_taker_tests };

	family_new();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		parts[i]();
	}
	family_free();
}
