/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounting a region, for mount and for mkfs -m. */
#ifndef DAXFSCTL_MOUNT_H
#define DAXFSCTL_MOUNT_H

#include <stdint.h>

struct mount_request {
	const char *target;	/* directory to mount on */
	const char *source;	/* image file or device; NULL: phys or dmabuf_fd */
	uint64_t phys, size;	/* a physical range, when size is not 0 */
	int dmabuf_fd;		/* -1: none */
	const char *options;	/* as after -o, or NULL */
};

/* Prints the kernel's sentence when it fails; returns the exit status, 0 for success. */
int mount_region(const struct mount_request *rq);

#endif
