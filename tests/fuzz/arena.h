/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A writable image for inputs. What nobody may write, superblock and base, is
 * read-only memory: a store there ends the process at the instruction that made
 * it. What may be written is put back before each input.
 */
#ifndef FUZZ_ARENA_H
#define FUZZ_ARENA_H

#include "../unit/image.h"

struct arena {
	struct image *img;
	u8 *kept; /* shared state, tables and delta area, as they are put back */
};

/* The image is the arena's from now on; its base moves. */
void arena_open(struct arena *ar, struct image *img);
/* What is there now is what is put back. */
void arena_keep(struct arena *ar);
void arena_restore(struct arena *ar);

/*
 * Blocks of the heap that are in use, to see that an input leaves none behind:
 * looking for leaks after each input would take longer than the input.
 */
u64 arena_heap_blocks(void);

/* Ends the process if the last input was the one that left blocks behind. */
void arena_heap_check(u64 before);

#endif
