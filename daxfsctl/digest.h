/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fast 128-bit digest: which files may be equal, and the UUID that follows
 * from a tree. The same on every machine. Not for use against an adversary:
 * whoever acts on two equal digests compares the bytes.
 */
#ifndef DAXFSCTL_DIGEST_H
#define DAXFSCTL_DIGEST_H

#include "../kmod/core/core.h"

#define DIGEST_STEP 32

struct digest {
	u64 lane[4];
	u64 length;
	u8 rest[DIGEST_STEP];	/* the length % DIGEST_STEP bytes not mixed in yet */
};

void digest_init(struct digest *d, u64 seed);
void digest_add(struct digest *d, const void *bytes, size_t n);
void digest_end(struct digest *d, u64 out[2]);

/* All three of n bytes. */
void digest_bytes(u64 seed, const void *bytes, size_t n, u64 out[2]);
/* A number, byte order independent. */
void digest_add_number(struct digest *d, u64 number);

#endif
