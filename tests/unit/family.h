/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small region with branches, for tests: the tables and a delta area, without
 * superblock or base, which branches do not look at. Says what it looks like as
 * text, so that a test can say what it should.
 */
#ifndef FAMILY_H
#define FAMILY_H

#include "branch.h"

#define BRANCHES 16
#define MOUNTS 6
#define CHUNKS 40
#define CHUNK 0x4000u
#define DELTA 0x10000
#define SIZE (DELTA + CHUNKS * CHUNK)
#define INODES 10
#define LOOK_MAX 4096

extern struct dxc_volume vol; /* made by family_new() */
extern const struct dxc_owner top; /* main */

/*
 * As family() makes them; each has a log but c, which is empty.
 *
 *	main -+- a -+- b
 *	      |     `- c
 *	      +- d
 *	      `- e --- f --- g
 */
extern struct dxc_owner a, b, c, d, e, f, g;

/* A region with nobody but main. */
void family_new(void);
void family_free(void);
/* The same one again, zeroed before. */
void family_start(void);
void family(void);

/* A branch with count records, of inodes tag, tag + 1, ..., in its log. */
struct dxc_owner family_make(struct dxc_owner parent, const char *name, u32 tag,
			     u32 count);
/* Adds records, of which five fill a chunk, and a data chunk. */
void family_write(struct dxc_owner id, u32 tag, u32 count);
/*
 * Reads a branch's log to its end, and the inode numbers in it into text, if
 * not NULL. -1: it cannot be.
 */
int family_read(const struct dxc_volume *v, const struct dxc_branch *br,
		struct dxc_log *log, char *text);
/* Commits, with all that follows. */
int family_commit(struct dxc_owner child, struct dxc_owner parent,
		  struct dxc_branch_rest *rest);

/* Everything that a user can see of the branches, and where the space is. */
const char *family_look(const struct dxc_volume *v, char *text);

/* struct dxc_branch_rest.known, of what family_learn() found; all but index *priv. */
const struct dxc_chunk_list *family_known(void *priv, struct dxc_owner id);
void family_learn(void);

struct daxfs_branch *family_raw(const struct dxc_volume *v, u32 index);
struct daxfs_shared *family_shared(void);

#endif
