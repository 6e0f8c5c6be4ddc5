/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory that a campaign damages and mounts: a physical range or a
 * dma-buf, mapped here, with an image in it and canaries (record.h) wherever
 * no area of the image is, and in chunks that are free. The process that mounts it inherits no mapping.
 *
 * A kernel with CONFIG_IO_STRICT_DEVMEM takes /dev/mem's pages away when a
 * driver requests them, as a mount of a physical range does. They are back
 * after the next place_restore() or place_clear_zeros() without a mount.
 */
#ifndef PLACE_H
#define PLACE_H

#include "mutate.h"

#define PLACE_RANGES 8192 /* each free chunk may be one */

struct place_range {
	dxc_off offset;
	u64 length;
};

struct place {
	u8 *base; /* the region */
	u64 size;
	u64 image_size;
	u64 phys;
	int dmabuf; /* or -1: phys */
	const char *branch; /* to mount, of an image that has branches; or NULL */
	bool remap; /* a mount takes the pages of the mapping away */
	struct dxc_volume vol; /* the sound image, in base */
	u8 *sound; /* what the region holds when nothing is damaged */
	struct place_range canaries[PLACE_RANGES];
	u32 canary_count;
	dxc_off copy; /* where the last seal wrote the superblock's copy */
};

/* Says on standard error what failed, and ends the program. */
void place_open(struct place *place, const char *image, bool dmabuf);

/* Can it be changed while it is mounted? Physical ranges: with iomem=relaxed. */
bool place_stays_mapped(const struct place *place);

/* The image as it was, with its canaries. */
void place_restore(struct place *place);
/*
 * After a mutation: repairs the checksums, and takes canaries away from where
 * the image now says that an area is.
 */
void place_seal(struct place *place, const struct mutate_plan *plan);
/* Takes away those where a valid image has zeros. */
void place_clear_zeros(struct place *place);

/*
 * Mounts it at dir: 0 or -errno. log: what the kernel says of it, one line, or
 * an empty one.
 */
#define PLACE_LOG 400
int place_mount(const struct place *place, const char *dir, bool validate,
		char log[PLACE_LOG]);

#endif
