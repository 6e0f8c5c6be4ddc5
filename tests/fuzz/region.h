/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzz inputs as regions. An input is one byte of flags and a list of patches
 * onto a built-in valid image (two of them: read-only and writable), so that a
 * few bytes of input say anything about megabytes of mostly zeros:
 *
 *	u8 flags		FUZZ_*
 *	then any number of
 *	le24 place		where, in the metadata and data areas put together
 *	u8 length		0 to 15 in the low bits; the high ones mean nothing
 *	length bytes
 *
 * Between two inputs only what was patched is restored.
 */
#ifndef FUZZ_REGION_H
#define FUZZ_REGION_H

#include "core.h"

#define FUZZ_WRITABLE 0x01u /* patch the writable image */
#define FUZZ_UNSEALED 0x02u /* leave the checksums wrong */
#define FUZZ_NOISE 0x04u /* the region changes while it is read */
#define FUZZ_CUT 0x08u /* two bytes follow: blocks that the region lacks */

struct fuzz_region {
	u8 *base;
	u64 size;
	u64 noise; /* not 0 with FUZZ_NOISE: the generator's state */
};

void fuzz_region_open(struct fuzz_region *rg, const u8 *input, size_t len);
void fuzz_region_close(struct fuzz_region *rg);

/* Writes inputs that are a good start into the directory. */
int fuzz_region_seeds(const char *dir);

#endif
