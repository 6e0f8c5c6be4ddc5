/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the bytes of an archive's files are: in the archive itself when that is
 * a plain file, else in a spool, a nameless temporary file. Never in memory.
 */
#ifndef DAXFSCTL_MEMBER_H
#define DAXFSCTL_MEMBER_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "../kmod/core/core.h"

struct tree;

struct member_part {
	u64 pos;		/* in the file */
	u64 len;
	u64 off;		/* in the spool or the archive */
	bool is_spooled;
};

/* A regular file; what no part holds is a hole. */
struct member {
	u64 size;
	u64 stored;		/* sum of the parts */
	u32 count;
	const struct member_part *parts; /* by position, not overlapping */
};

struct members {
	const char *archive;	/* for messages */
	int fd;			/* the archive, a regular file; -1: all is spooled */
	u64 size;		/* of it, and when it was changed, as it was opened */
	struct timespec mtime;
	int spool;		/* -1: not needed yet */
	u64 spooled;
	/* Of the member being read. */
	struct member_part *parts;
	u32 part_count;
	u64 stored;
};

/* tree is of this archive, and has no members yet. 0 or -ENOMEM. */
int members_attach(struct tree *tree, const char *archive);
/* From now on bytes can be left in the archive, open as fd, which stays the caller's. */
int members_use_archive(struct members *members, int fd);

/*
 * The next bytes of the member being read, in ascending order: copied to the
 * spool, or left in the archive. 0 or -errno; spool_dir() is where the spool is.
 */
int members_spool(struct members *members, u64 pos, const void *bytes, size_t len);
int members_leave(struct members *members, u64 pos, u64 off, size_t len);
/* Ends the member being read, in memory of the tree. NULL: no memory. */
const struct member *members_end(struct members *members, struct tree *tree, u64 size);

#endif
