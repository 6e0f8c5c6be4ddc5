/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inputs of fuzz_operations: a byte of SEQUENCE_* and the operations of the
 * property test (tests/property/world.h), SEQUENCE_OP bytes each.
 */
#ifndef FUZZ_SEQUENCE_H
#define FUZZ_SEQUENCE_H

#include "../property/world.h"

#define SEQUENCE_FULL 0x01u /* an area that is full soon */
#define SEQUENCE_LONG 0x02u /* files of many runs */
#define SEQUENCE_NO_MEMORY 0x04u /* allocations fail, see struct sequence_op */
#define SEQUENCE_RETIRES 0x08u /* others read what is given up, until it is settled */
#define SEQUENCE_BUSY 0x10u /* somebody does I/O to blocks that are free */
#define SEQUENCE_HEADER 1u
#define SEQUENCE_OP 10u
#define SEQUENCE_OPS 120u
#define SEQUENCE_MAX (SEQUENCE_HEADER + SEQUENCE_OPS * SEQUENCE_OP)

struct sequence_op {
	struct op op;
	u32 fails; /* the allocation that fails, 0: none */
};

/* How many operations the input has. */
static inline u32 sequence_count(u32 len)
{
	return len < SEQUENCE_HEADER ?
		       0 :
		       min_t(u32, (len - SEQUENCE_HEADER) / SEQUENCE_OP, SEQUENCE_OPS);
}

void sequence_op(const u8 *input, u32 index, struct sequence_op *to);

int sequence_seeds(const char *dir);

#endif
