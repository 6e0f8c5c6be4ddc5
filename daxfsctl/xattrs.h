/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The xattr area of an image in the making: equal sets are stored once.
 */
#ifndef DAXFSCTL_XATTRS_H
#define DAXFSCTL_XATTRS_H

#include "../kmod/core/core.h"

struct xattrs {
	u8 *bytes;		/* the area, length bytes in use */
	u64 length;
	u64 room;
	u32 sets;
	u32 *index;		/* hash table of references as in in_xattr */
	u64 index_room;		/* power of two */
	/* Scratch, kept between files. */
	char *names;
	u8 *set;
	u64 set_room;
};

/* An xattr that is known already. */
struct xattr_value {
	const char *name;	/* in full */
	const void *value;
	size_t len;
};

/* What could not be done, beside -errno. */
struct xattrs_problem {
	const char *what;	/* static */
	char skipped[256];	/* one name that daxfs does not store; "": none */
};

void xattrs_init(struct xattrs *xattrs);
void xattrs_free(struct xattrs *xattrs);
/*
 * Reads the xattrs of path (not following a symlink) and puts what in_xattr is
 * to say in *reference. 0 or -errno with problem->what.
 */
int xattrs_read(struct xattrs *xattrs, const char *path, u32 *reference,
		struct xattrs_problem *problem);
/* The same with values that are given; each name at most once. */
int xattrs_store(struct xattrs *xattrs, const struct xattr_value *values, size_t count,
		 u32 *reference, struct xattrs_problem *problem);

#endif
