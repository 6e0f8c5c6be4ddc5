/* SPDX-License-Identifier: GPL-2.0-only */
/* Owner, xattrs, mode and times of a file that was written from an image. */
#ifndef DAXFSCTL_EXTRACT_ATTRIBUTES_H
#define DAXFSCTL_EXTRACT_ATTRIBUTES_H

#include "contents.h"

struct attributes {
	const struct contents *from;
	const struct dxc_file *file;
	int fd;		/* of what was made; O_PATH unless a regular file or a directory */
	void *value;	/* room for DAXFS_XATTR_VALUE_MAX bytes */
	/* Called for each that the image, with *f, or the target does not give. */
	void (*lost)(void *priv, const char *what, int err, const struct dxc_finding *f);
	void *priv;
};

/*
 * Sets what can be set. Owners and xattrs that only root may set are not missed
 * when somebody else extracts; a set-id bit is only kept with its owner. 0 or the
 * last -errno.
 */
int attributes_set(const struct attributes *at);

#endif
