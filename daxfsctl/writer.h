/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes a laid-out tree to a target: contents, metadata, superblock last. */
#ifndef DAXFSCTL_WRITER_H
#define DAXFSCTL_WRITER_H

#include "layout.h"
#include "progress.h"
#include "target.h"
#include "tree.h"

struct writer {
	/* Set by the caller. */
	struct tree *tree;
	const struct dedupe *dedupe;
	struct layout *layout;
	struct target *target;
	struct progress *progress;
	const char *label;	/* at most DAXFS_LABEL_LEN bytes; "" for none */
	u8 uuid[16];		/* used as it is unless derive_uuid */
	bool derive_uuid;	/* from names, attributes and contents */
	s64 created;
	bool has_epoch;		/* no mtime after epoch is stored */
	s64 epoch;

	/* After an error that is not the tree's: what could not be done. */
	const char *what;
};

/*
 * Writes the image to the target, which target_begin() has made ready, and
 * opens it once as a mount would. 0 or -errno, with the tree's blame or what.
 */
int writer_run(struct writer *writer);

#endif
