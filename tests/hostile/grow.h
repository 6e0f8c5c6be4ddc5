/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives a fresh writable image branches with logs that hold a bit of
 * everything, so that there is something to damage. New files hold records
 * (record.h); blocks of files of the base are copied as they are.
 *
 *	main -+- left --- leaf
 *	      `- right, whose lease belongs to a mount that is gone
 */
#ifndef GROW_H
#define GROW_H

#include "layer.h"

/* 0 or -errno; then *what says what failed. */
int grow(u8 *base, u64 size, const char **what);

/* Also, what a kernel that is gone may leave: */
enum grow_remains {
	GROW_COMMIT, /* of leaf, decided and not finished */
	GROW_LEASE, /* of leaf */
	GROW_LOCK, /* of the volume */
	GROW_REMAINS
};

int grow_remains(u8 *base, u64 size, enum grow_remains remains);

#endif
