/* SPDX-License-Identifier: GPL-2.0-only */
/* A SOURCE with a daxfs in it, opened for reading. */
#ifndef DAXFSCTL_IMAGE_H
#define DAXFSCTL_IMAGE_H

#include "../kmod/core/core.h"
#include "source.h"

struct image {
	struct source src;
	struct dxc_volume vol;		/* not for SOURCE_MOUNT */
	struct dxc_finding finding;	/* what is wrong, when the media is */
};

/*
 * Opens text and reads its superblock; of a mount point, opens the root only.
 * 0 or -errno; with -errno nothing stays open, and image_strerror() has words.
 */
int image_open(struct image *img, const char *text);
/*
 * The same by the superblock's copy, wherever dxc_super_find_copy() finds it. For
 * reading what a damaged image still has.
 */
int image_open_by_copy(struct image *img, const char *text);
void image_close(struct image *img);

/* A sentence for err, which the caller frees; NULL without memory. */
char *image_strerror(const struct image *img, int err);

/* Is it a statement about the media, not about how to get to it? */
bool image_error_is_media(int err);

#endif
