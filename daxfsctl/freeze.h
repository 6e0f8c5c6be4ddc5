/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The super blocks of this kernel that may write a volume, held still by
 * FIFREEZE: writers and branch operations wait, what they did is in the region.
 * They go on whatever becomes of this process.
 */
#ifndef DAXFSCTL_FREEZE_H
#define DAXFSCTL_FREEZE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct freeze_super {
	int fd;			/* a directory of it */
	dev_t dev;
	char *target;		/* where it is mounted, for people; owned */
};

struct freeze {
	struct freeze_super *supers;
	size_t count;
	const char *blame;	/* after an error of freeze_begin(): the target that is meant */
	/* Private: */
	int guard;		/* the guard's socket, -1: not begun */
	pid_t guard_pid;
	struct freeze_shared *shared;
};

/*
 * Finds them: those of the volume that the root directory mount belongs to,
 * which this mount namespace shows and which are not read-only. 0 or -errno.
 */
int freeze_find(struct freeze *fz, int mount);
/* Does what is written to the file fd wait when they are frozen? */
bool freeze_has_file(const struct freeze *fz, int fd);
/*
 * Freezes all or none. 0 or -errno; -EBUSY: somebody else has frozen one. Until
 * freeze_end() the caller neither prints nor writes to what is frozen.
 */
int freeze_begin(struct freeze *fz);
/* The caller gets on; else they are thawed after some seconds. */
void freeze_tick(struct freeze *fz);
/* 0, or -ETIMEDOUT: they were not frozen to the end. */
int freeze_end(struct freeze *fz);
/* Ends it if it was begun. */
void freeze_free(struct freeze *fz);

#endif
