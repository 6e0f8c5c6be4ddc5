/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of an image written to a directory, as far as they can be had. */
#ifndef DAXFSCTL_EXTRACT_H
#define DAXFSCTL_EXTRACT_H

#include "contents.h"

struct extract {
	struct contents from;
	int target;		/* a directory; nothing outside it is written to */
	/*
	 * Called for what could not be had: path in the image; what of it, NULL:
	 * all; err and, when the image is at fault, f.
	 */
	void (*lost)(void *priv, const char *path, const char *what, int err,
		     const struct dxc_finding *f);
	void *priv;
};

/*
 * Writes file, whose path in the image is path, to the target: under name, with
 * all that is in it, or, when name is NULL, what is in this directory. Then the
 * target gets its attributes only if own is set.
 *
 * Nothing that is there is replaced, or entered. 0 when all was tried, else the
 * -errno after which it is no use going on: -ENOMEM, -ENOSPC, -EDQUOT, -EROFS
 * and others of the target.
 */
int extract_file(struct extract *ex, const struct dxc_file *file, const char *path,
		 const char *name, bool own);

#endif
