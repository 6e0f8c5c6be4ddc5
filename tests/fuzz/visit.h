/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looks at all that a view shows, as a mount and its users would: every name
 * looked up, every part of a file, target and xattr read. Aborts when the core
 * says something that leads out of the region, or does not end.
 */
#ifndef FUZZ_VISIT_H
#define FUZZ_VISIT_H

#include <stdio.h>
#include "layer.h"
#include "must.h"

#define VISIT_NAMES 256
#define VISIT_DIRS 64

struct visit_name {
	dxc_ino dir, ino;
	u8 len, type;
	char name[DAXFS_NAME_MAX];
};

struct visit {
	struct visit_name names[VISIT_NAMES]; /* the first ones that were found */
	u32 name_count;
	dxc_ino dirs[VISIT_DIRS]; /* that were entered; the root is the first */
	u32 dir_count;
	u64 digest; /* of everything that users see, and where it is; in whatever order */
	u64 steps;
	u64 errors;
};

/* honest: the checker found nothing, so any error is a bug and aborts. */
void visit(const struct dxc_layer *top, bool honest, struct visit *v);

/* Prints what digests are made of, to see what two differ in. */
extern bool visit_is_verbose;

/* An error that the core may answer with, whatever the region says. */
bool visit_is_answer(int err);

/* What the base says of it, if it is from there. */
static inline const struct dxc_inode *visit_base(const struct dxc_file *file)
{
	return file->in_base ? &file->base : NULL;
}

#endif
