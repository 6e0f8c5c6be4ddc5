/* SPDX-License-Identifier: GPL-2.0-only */
/* How full an image is: its tables, its chunks, and whose they are. */
#ifndef DAXFSCTL_USAGE_H
#define DAXFSCTL_USAGE_H

#include "../kmod/core/branch.h"

/* A branch that is live, at its index in the table. */
struct usage_branch {
	struct dxc_owner id;	/* generation 0: there is none */
	u32 log_chunks, data_chunks;
	char name[DAXFS_BRANCH_NAME_MAX + 1];
};

struct usage {
	u32 branch_count;	/* live ones */
	u32 mount_count;	/* slots that are claimed */
	struct usage_branch *branches; /* one for each entry of the table */
	u32 entries;
	u32 free, freed;	/* chunks; freed: not yet to be used again */
	u32 log, data;		/* chunks of whatever owner */
	u32 orphans;		/* of log and data: their branch is not live */
	u32 bad;		/* chunks whose word means nothing */
};

/* Reads the tables. 0 or -ENOMEM; what cannot be read counts as bad, or not at all. */
int usage_read(struct usage *us, const struct dxc_volume *vol);
void usage_free(struct usage *us);
/* The live branch that owns the chunk, else NULL. */
struct usage_branch *usage_owner(const struct usage *us, const struct dxc_chunk_use *use);
/* Bytes of an area that are in use; of the base it is all of it. */
u64 usage_of_area(const struct usage *us, const struct dxc_volume *vol, unsigned int area);
/*
 * What df would say of the image: bytes in use, of how many. What a branch has
 * free in its own chunks is in use here.
 */
void usage_of_image(const struct usage *us, const struct dxc_volume *vol, u64 *used,
		    u64 *size);

#endif
