// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any sequence of operations on branches: what views show is what the model of
 * the property test has become, live and replayed; the check finds nothing;
 * nothing but tables and delta area is written, and no memory left behind.
 */
#include <stdio.h>
#include "../unit/broken.h"
#include "arena.h"
#include "sequence.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_len, const uint8_t *other,
				 size_t other_len, uint8_t *to, size_t max,
				 unsigned int seed);

/* Comparisons in one input, besides the last: each takes as long as many operations. */
#define COMPARES_MAX 3u

static struct arena arenas[2]; /* large and small */
static struct world world;

/* Every third block or so is somebody else's for now. */
static bool is_busy(void *priv, dxc_off off, u64 blocks)
{
	const struct world *w = priv;

	return (off / DAXFS_BLOCK_SIZE * 0x9e3779b1u + (u32)w->now) % 3 == 0;
}

/* What a kernel sets in layers and space, which operations may have made anew. */
static void set_up(struct world *w, u32 flags)
{
	u32 i;

	for (i = 0; i < WORLD_BRANCHES; i++)
		w->branches[i].layer.retires = flags & SEQUENCE_RETIRES;
	w->space.busy = flags & SEQUENCE_BUSY ? is_busy : NULL;
	w->space.priv = w;
}

static int report(void *priv, const struct dxc_finding *f)
{
	FAIL("the check finds: %s, inode %llu, detail %llu", dxc_code_text(f->code),
	     (unsigned long long)f->ino, (unsigned long long)f->detail);
}

static void run(struct world *w, const u8 *input, u32 len)
{
	u32 flags = input[0], count = sequence_count(len), compares = 0, i;
	struct dxc_check chk = { .report = report };
	struct sequence_op seq;

	w->blocks_max = flags & SEQUENCE_LONG ? 400 : 50;
	for (i = 0; i < count; i++) {
		sequence_op(input, i, &seq);
		if (seq.op.kind == OP_COMPARE) {
			if (compares++ == COMPARES_MAX)
				continue;
		} else if (flags & SEQUENCE_NO_MEMORY) {
			broken_alloc_at = seq.fails;
		}
		set_up(w, flags);
		world_do(w, &seq.op);
		broken_alloc_at = 0;
	}
	compare_all(w);
	if (dxc_check(w->vol, &chk))
		FAIL("the check cannot be done");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	arena_open(&arenas[0], world_image(96, IMAGE_CHUNK));
	arena_open(&arenas[1], world_image(16, IMAGE_CHUNK));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct arena *arena;
	jmp_buf failed;
	u64 blocks;

	if (len < SEQUENCE_HEADER)
		return 0;
	/* Blocks that are lost for lack of memory would be taken for ones that are retired. */
	if (input[0] & SEQUENCE_NO_MEMORY && input[0] & SEQUENCE_RETIRES)
		return 0;
	blocks = arena_heap_blocks();
	arena = &arenas[input[0] & SEQUENCE_FULL];
	arena_restore(arena);
	fail_jump = &failed;
	if (setjmp(failed)) {
		fprintf(stderr, "not true: %s\n", fail_text);
		abort();
	}
	world_open(&world, arena->img);
	run(&world, input, len);
	world_close(&world);
	arena_heap_check(blocks);
	return 0;
}

/* ---- mutations ---- */

static u8 *op_at(u8 *data, u32 index)
{
	return data + SEQUENCE_HEADER + index * SEQUENCE_OP;
}

/* Room for operations at index, with those behind it moved. */
static void open_gap(u8 *data, u32 count, u32 index, u32 gap)
{
	memmove(op_at(data, index + gap), op_at(data, index),
		(count - index) * SEQUENCE_OP);
}

/* Whole operations come, go and move; their bytes are libFuzzer's to change. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	u64 state = seed * 0x9e3779b97f4a7c15ull + 1, bits;
	u32 count, room = sequence_count(max), from, to, n, k;
	u8 copy[SEQUENCE_OP * 4];

	broken_random(&state);
	bits = broken_random(&state);
	if (size < SEQUENCE_HEADER) {
		data[0] = 0;
		size = SEQUENCE_HEADER;
	}
	count = sequence_count(size);
	if (bits % 16 == 0)
		data[0] ^= 1u << (bits >> 8) % 5;
	from = count ? (bits >> 16) % count : 0;
	to = (bits >> 24) % (count + 1);
	n = min_t(u32, 1 + (bits >> 32) % 4, count - from);
	switch (bits >> 40 & 7) {
	case 0: /* a new one */
	case 1:
		if (count == room)
			break;
		open_gap(data, count++, to, 1);
		for (k = 0; k < SEQUENCE_OP; k++)
			op_at(data, to)[k] = broken_random(&state) >> 40;
		break;
	case 2: /* some go */
		memmove(op_at(data, from), op_at(data, from + n),
			(count - from - n) * SEQUENCE_OP);
		count -= n;
		break;
	case 3: /* some again, elsewhere */
		if (count + n > room)
			break;
		memcpy(copy, op_at(data, from), n * SEQUENCE_OP);
		open_gap(data, count, to, n);
		memcpy(op_at(data, to), copy, n * SEQUENCE_OP);
		count += n;
		break;
	case 4: /* another kind */
		if (count)
			op_at(data, from)[0] = bits >> 48;
		break;
	default: /* other choices */
		if (count)
			LLVMFuzzerMutate(op_at(data, from), SEQUENCE_OP, SEQUENCE_OP);
		break;
	}
	return SEQUENCE_HEADER + count * SEQUENCE_OP;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_len, const uint8_t *other,
				 size_t other_len, uint8_t *to, size_t max,
				 unsigned int seed)
{
	u32 first = sequence_count(one_len), second = sequence_count(other_len), from;
	u64 state = seed * 0x9e3779b97f4a7c15ull + 1;

	broken_random(&state);
	if (!one_len || !other_len || max < SEQUENCE_HEADER)
		return 0;
	to[0] = one[0];
	first = min_t(u32, (broken_random(&state) >> 32) % (first + 1),
		      sequence_count(max));
	memcpy(op_at(to, 0), one + SEQUENCE_HEADER, first * SEQUENCE_OP);
	from = (broken_random(&state) >> 32) % (second + 1);
	second = min_t(u32, second - from, sequence_count(max) - first);
	memcpy(op_at(to, first), other + SEQUENCE_HEADER + from * SEQUENCE_OP,
	       second * SEQUENCE_OP);
	return SEQUENCE_HEADER + (first + second) * SEQUENCE_OP;
}
