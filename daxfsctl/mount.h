/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounting a region, for mount, for mkfs -m and for branches. */
#ifndef DAXFSCTL_MOUNT_H
#define DAXFSCTL_MOUNT_H

#include <stdint.h>

/* What mount(8) and umount(8) expect of their helpers */
enum {
	MOUNT_OK = 0,
	MOUNT_USAGE = 1, /* or no permission */
	MOUNT_SYSTEM = 2,
	MOUNT_FAILED = 32,
};

struct mount_request {
	const char *target;	/* directory to mount on */
	const char *source;	/* image file or device; NULL: phys, dmabuf_fd or volume */
	uint64_t phys, size;	/* a physical range, when size is not 0 */
	int dmabuf_fd;		/* -1: none */
	const char *volume;	/* a mount of the same region, or NULL */
	const char *options;	/* as after -o, or NULL */
};

/* Prints the kernel's sentence when it fails; returns the exit status, 0 for success. */
int mount_region(const struct mount_request *rq);
/*
 * The same without a target: the mount is at no path, and ends when *root, its
 * root directory, is closed.
 */
int mount_unattached(const struct mount_request *rq, int *root);

/* ---- options that mount(8) and umount(8) give to their helpers ---- */

/*
 * -N: enters a mount namespace, which a process id or the path of a file names.
 * An exit status, with a message.
 */
int mount_enter_namespace(const char *namespace);
/* -t: daxfs, or one that begins with "daxfs."; an exit status, with a message. */
int mount_check_type(const char *verb, const char *type);

#endif
