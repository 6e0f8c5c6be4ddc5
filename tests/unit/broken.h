/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's memory, to be broken on purpose: counts fetches from the region,
 * fails one of them or one allocation, or changes what is read while somebody
 * reads it. All off at the start. For DXC_TEST_ENV builds of the core.
 */
#ifndef BROKEN_H
#define BROKEN_H

#include "core.h"

extern u64 broken_copies; /* fetches so far */
extern u64 broken_copy_at; /* the fetch that fails, counted down; 0: none */
extern u64 broken_alloc_at; /* the allocation that fails, likewise */
/*
 * Not 0: state of a random generator. Then one fetch in four returns with a
 * few bits changed, as if somebody wrote the region meanwhile.
 */
extern u64 broken_noise;

/*
 * Called at each fence, before it takes effect: what was stored since the last
 * one may or may not be in persistent memory when the power goes now.
 */
extern void (*broken_fence)(void);
/* Called for what is written back: the next fence makes it durable. */
extern void (*broken_write_back)(const void *p, size_t n);

/* What dxc_random() returns. */
extern u64 broken_secret;

u64 broken_random(u64 *state);

#endif
