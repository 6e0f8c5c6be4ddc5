// SPDX-License-Identifier: GPL-2.0-only
/*
 * The property test: for every sequence of operations, on every branch, what a
 * view shows is what a plain tree in memory has become - live, after its log is
 * loaded anew, after commit and after compaction.
 *
 *	property [--seed N] [--sequences N] [--verbose]
 *
 * A sequence that fails is made as short as it still fails, and printed.
 * PROPERTY_SEED is where seeds start. Each sequence runs in a process of its
 * own, so that a sanitizer's finding is a failure like others.
 */
#include <getopt.h>
#include <fcntl.h>
#include <stdio.h>
#include <sanitizer/lsan_interface.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../unit/broken.h"
#include "../unit/tap.h"
#include "shrink.h"
#include "world.h"

struct mode {
	const char *sentence;
	u32 chunks, blocks_max, ops, sequences;
	u32 alloc_failures; /* in 1,000 operations */
	const u8 *weights; /* by kind */
};

static const u8 mixed[OP_KINDS] = {
	[OP_CREATE] = 14, [OP_TMPFILE] = 2, [OP_LINK] = 5,     [OP_UNLINK] = 9,
	[OP_RMDIR] = 3,	  [OP_RENAME] = 12, [OP_SETATTR] = 3,  [OP_RESIZE] = 7,
	[OP_WRITE] = 14,  [OP_PUNCH] = 4,   [OP_PREALLOC] = 2, [OP_XATTR] = 5,
	[OP_FORGET] = 2,  [OP_COMPACT] = 3, [OP_BRANCH] = 3,   [OP_COMMIT] = 2,
	[OP_ABORT] = 1,	  [OP_SETTLE] = 1,  [OP_SEEN] = 2,     [OP_REMOUNT] = 1,
	[OP_COMPARE] = 5,
};

/* Few files, many blocks: maps of many runs. */
static const u8 blocks[OP_KINDS] = {
	[OP_CREATE] = 1, [OP_UNLINK] = 1,   [OP_RESIZE] = 2,  [OP_WRITE] = 60,
	[OP_PUNCH] = 20, [OP_PREALLOC] = 1, [OP_COMPACT] = 1, [OP_BRANCH] = 1,
	[OP_COMMIT] = 1, [OP_SETTLE] = 1,   [OP_SEEN] = 2,    [OP_COMPARE] = 2,
};

static const struct mode modes[] = {
	{ "views are what the operations made them", 256, 50, 150, 120, 0, mixed },
	{ "and in files of many runs", 512, 600, 400, 6, 0, blocks },
	{ "and in an area that is full", 16, 60, 200, 60, 0, mixed },
	{ "and when allocations fail", 256, 50, 150, 40, 200, mixed },
};

static const struct mode *mode;
static struct image *img;
static u64 total[OP_KINDS + 4];
static u64 *shared; /* totals of the child */

static void make(struct op *ops, u32 count, u64 seed)
{
	u64 state = seed * 0x9e3779b97f4a7c15ull | 1, sum = 0, pick;
	u32 i, k;

	for (k = 0; k < OP_KINDS; k++)
		sum += mode->weights[k];
	for (i = 0; i < 8; i++)
		broken_random(&state);
	for (i = 0; i < count; i++) {
		pick = (broken_random(&state) >> 20) % sum;
		for (k = 0; pick >= mode->weights[k]; k++)
			pick -= mode->weights[k];
		ops[i].kind = k;
		for (k = 0; k < 5; k++)
			ops[i].r[k] = broken_random(&state) >> 32;
	}
}

static void run(const struct op *ops, u32 count)
{
	static struct dxc_tally tally;
	static struct world w;
	u32 i;

	world_open(&w, img);
	w.vol->tally = &tally;
	HOLDS(dxc_tally_count(w.vol));
	w.blocks_max = mode->blocks_max;
	for (i = 0; i < count; i++) {
		if (mode->alloc_failures && ops[i].r[4] % 1000 < mode->alloc_failures &&
		    ops[i].kind != OP_COMPARE)
			broken_alloc_at = 1 + (ops[i].r[4] >> 12) % 6;
		world_do(&w, &ops[i]);
		broken_alloc_at = 0;
		compare_tally(w.vol);
		if (ops[i].r[3] & 1)
			follower_follow(&w);
	}
	compare_all(&w);
	for (i = 0; i < OP_KINDS; i++)
		shared[i] += w.done[i];
	shared[OP_KINDS] += w.no_space;
	shared[OP_KINDS + 1] += w.no_memory;
	shared[OP_KINDS + 2] += w.far_follows;
	shared[OP_KINDS + 3] += w.far_reloads;
	world_close(&w);
}

/* In a process of its own: did it fail? quiet: say nothing. */
static bool fails(const struct op *ops, u32 count, bool quiet)
{
	int status, null;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (quiet) {
			null = open("/dev/null", O_WRONLY);
			dup2(null, 1);
			dup2(null, 2);
		}
		/* A loop that does not end is a failure too. */
		alarm(60);
		run(ops, count);
		_exit(__lsan_do_recoverable_leak_check() ? WORLD_FAILED : 0);
	}
	return pid < 0 || waitpid(pid, &status, 0) != pid || status;
}

static bool still_fails(const struct op *ops, u32 count)
{
	return fails(ops, count, true);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "seed", required_argument, NULL, 's' },
						 { "sequences", required_argument, NULL,
						   'n' },
						 { "mode", required_argument, NULL, 'm' },
						 { "verbose", no_argument, NULL, 'v' },
						 { 0 } };
	u64 seed = getenv("PROPERTY_SEED") ? strtoull(getenv("PROPERTY_SEED"), NULL, 0) :
					     1;
	u32 sequences = 0, i, k, left, only = ~0u, count;
	bool verbose = false, failed = false;
	struct op *ops;
	u64 sum;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'n')
			sequences = atoi(optarg);
		else if (c == 'm')
			only = atoi(optarg);
		else if (c == 'v')
			verbose = true;
		else
			return 2;
	}
	shared = map_shared(sizeof(total));
	for (k = 0; k < sizeof(modes) / sizeof(modes[0]); k++) {
		if (only != ~0u && only != k)
			continue;
		mode = &modes[k];
		img = world_image(mode->chunks, DAXFS_CHUNK_DEFAULT);
		memset(shared, 0, sizeof(total));
		ops = calloc(mode->ops, sizeof(*ops));
		count = sequences ? sequences : mode->sequences;
		for (i = 0; i < count; i++) {
			make(ops, mode->ops, seed + i);
			if (!fails(ops, mode->ops, true))
				continue;
			failed = true;
			left = shrink(ops, mode->ops, still_fails);
			printf("# --mode %u --seed %llu, made shorter:\n", k,
			       (unsigned long long)(seed + i));
			for (c = 0; c < (int)left; c++) {
				printf("#\t");
				world_print(stdout, &ops[c]);
			}
			fails(ops, left, false);
			CHECK(!"the sequence above");
			break;
		}
		sum = 0;
		for (c = 0; c < OP_KINDS + 2; c++) {
			sum += c < OP_KINDS ? shared[c] : 0;
			if (verbose)
				printf("# %d: %llu\n", c, (unsigned long long)shared[c]);
		}
		/* Else following is not what is tested. */
		CHECK(sequences || shared[OP_KINDS + 2] > 4 * shared[OP_KINDS + 3]);
		tap_end("%s: %llu operations in %u sequences, %llu without space, %llu without memory, followed %llu times and %llu read anew",
			mode->sentence, (unsigned long long)sum, i,
			(unsigned long long)shared[OP_KINDS],
			(unsigned long long)shared[OP_KINDS + 1],
			(unsigned long long)shared[OP_KINDS + 2],
			(unsigned long long)shared[OP_KINDS + 3]);
		free(ops);
		image_free(img);
	}
	tap_done();
	return failed;
}
