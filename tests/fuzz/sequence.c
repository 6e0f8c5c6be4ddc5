// SPDX-License-Identifier: GPL-2.0-only
/* Inputs of fuzz_operations. */
#include <stdio.h>
#include "../unit/broken.h"
#include "seed.h"
#include "sequence.h"

/*
 *	u8 kind			enum op_kind in the low five bits; above: fails
 *	u8 branch		r[0]
 *	le16 choices[4]		r[1] to r[4], whose upper halves follow from the lower
 */
void sequence_op(const u8 *input, u32 index, struct sequence_op *to)
{
	const u8 *at = input + SEQUENCE_HEADER + index * SEQUENCE_OP;
	u32 i, low;

	to->op.kind = at[0] % 32 % OP_KINDS;
	to->fails = at[0] / 32;
	to->op.r[0] = at[1];
	for (i = 1; i < 5; i++) {
		low = at[2 * i] | at[2 * i + 1] << 8;
		to->op.r[i] = low | low * 0x9e3779b1u << 16;
	}
}

int sequence_seeds(const char *dir)
{
	/* Of sequences that get somewhere: few branch operations among many others. */
	static const u8 kinds[] = {
		OP_CREATE, OP_CREATE,  OP_CREATE,   OP_CREATE, OP_TMPFILE, OP_LINK,
		OP_LINK,   OP_UNLINK,  OP_UNLINK,   OP_RMDIR,  OP_RENAME,  OP_RENAME,
		OP_RENAME, OP_WRITE,   OP_WRITE,    OP_WRITE,  OP_WRITE,   OP_RESIZE,
		OP_RESIZE, OP_PUNCH,   OP_PREALLOC, OP_XATTR,  OP_XATTR,   OP_SETATTR,
		OP_FORGET, OP_COMPACT, OP_BRANCH,   OP_COMMIT, OP_SEEN,	   OP_SETTLE,
	};
	static const u8 rare[] = { OP_ABORT, OP_REMOUNT, OP_COMPARE, OP_BRANCH,
				   OP_COMMIT };
	static u8 input[SEQUENCE_MAX];
	u32 number, count, i, k;
	u64 state = 88, bits;
	int err = 0;

	for (number = 0; !err && number < 64; number++) {
		count = 10 + number;
		input[0] = number % 3 ? 1u << number % 5 : 0;
		for (i = 0; i < count; i++) {
			u8 *at = input + SEQUENCE_HEADER + i * SEQUENCE_OP;

			bits = broken_random(&state) >> 20;
			at[0] = bits % 12 ? kinds[(bits >> 8) % sizeof(kinds)] :
					    rare[(bits >> 8) % sizeof(rare)];
			if (bits % 7 == 0)
				at[0] |= (bits >> 16) % 8 << 5;
			for (k = 1; k < SEQUENCE_OP; k++)
				at[k] = broken_random(&state) >> 40;
		}
		err = seed_save(dir, number, input,
				SEQUENCE_HEADER + count * SEQUENCE_OP);
	}
	return err;
}
