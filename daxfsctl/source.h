/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SOURCE, as every applet takes it: image file | /dev/pmemN | /dev/daxX.Y |
 * phys:ADDR+SIZE | a mount point | UUID= | LABEL=.
 */
#ifndef DAXFSCTL_SOURCE_H
#define DAXFSCTL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

enum source_kind {
	SOURCE_FILE,	/* regular file */
	SOURCE_BLOCK,	/* block device */
	SOURCE_DEVDAX,	/* /dev/daxX.Y */
	SOURCE_PHYS,	/* phys:ADDR+SIZE, through /dev/mem */
	SOURCE_MOUNT,	/* a mounted daxfs, opened at its root */
};

struct source {
	enum source_kind kind;
	char *path;		/* owned; what to open or mount */
	uint64_t phys;		/* SOURCE_PHYS: address */
	uint64_t size;		/* bytes, once known */
	/* while open: */
	int fd;
	unsigned char *map;	/* the region, mapped; of SOURCE_MOUNT by source_map_mount() only */
	int lock;		/* source_lock() of a block device that is writable, or -1 */
};

/* Decides what text means; opens nothing but what it must look at. 0 or -errno. */
int source_parse(const char *text, struct source *src);
/*
 * Opens and maps it, read-only unless writable. 0 or -errno; -EBUSY for a block
 * device that is to be written to and that somebody has for himself.
 */
int source_open(struct source *src, bool writable);
/*
 * Maps the region behind an open SOURCE_MOUNT, read-only, as a dma-buf. 0 or
 * -errno, -EPERM for who is not root of the whole machine.
 */
int source_map_mount(struct source *src);
/* A dma-buf of the region behind the root directory mount, which must allow writing or not. */
int source_export_mount(int mount, bool writable);
/* The same for who takes part in what kernels say to each other there. */
int source_map_mount_writable(struct source *src);
/*
 * A mounted block device changes behind its page cache: the bytes from off on
 * are read anew from here on, if nobody has written them through the map.
 */
void source_refresh(struct source *src, uint64_t off, uint64_t len);
/* What is stored in the map is in memory: no file or block device is behind it. */
bool source_is_memory(const struct source *src);
/* What was stored in a part of the map of a file or block device is on it. 0 or -errno. */
int source_sync(struct source *src, uint64_t off, uint64_t len);
void source_close(struct source *src);
/*
 * fd, a block device that is open for writing, is locked as long as it is open, or
 * what is returned: a descriptor, or -1, to be closed after it. udev then looks at
 * the device once that is done (systemd's "Locking Block Device Access"); without,
 * what is written while it is looking can stay unknown to it. Waits for udev, for
 * some seconds at most: who holds the lock for longer keeps udev away himself.
 */
int source_lock(int fd);

/* Words for an error of the functions here; statically allocated. */
const char *source_strerror(int err);

/* Size of a device or file; devdax from sysfs. 0 or -errno. */
int source_size(const char *path, uint64_t *size);

#endif
