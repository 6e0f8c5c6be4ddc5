/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an image goes: a file, a block device, memory, or a pipe. A file appears
 * only complete; a device or memory is no filesystem until it is complete; a pipe
 * is given the image when it is complete.
 */
#ifndef DAXFSCTL_TARGET_H
#define DAXFSCTL_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "memory.h"

enum target_kind {
	TARGET_NONE,
	TARGET_FILE,
	TARGET_BLOCK,
	TARGET_DEVDAX,
	TARGET_PHYS,
	TARGET_HEAP,
	TARGET_PIPE,
};

struct target {
	/* What the user said; set before target_look(). */
	const char *path;	/* file, device or heap; "-": standard output; NULL: physical memory */
	bool is_heap;
	uint64_t phys;
	uint64_t wanted_size;	/* 0: not said */

	/* Set by target_look(). */
	enum target_kind kind;
	uint64_t size;		/* bytes there are; 0: as many as needed */
	bool exists;		/* a file that would be replaced */
	dev_t dev;		/* of that file */
	ino_t ino;
	bool is_zero;		/* all bytes are zero before the first write */

	/* After an error: what could not be done, and the next step or NULL. */
	const char *what;
	const char *hint;

	/* Private. */
	int fd;
	int lock;		/* source_lock() of a block device, or -1 */
	struct memory memory;
	int dir_fd;		/* of the file's directory */
	char *real;		/* the file's path without symlinks */
	const char *base;	/* its last component */
	char *temporary;	/* name beside it; NULL: O_TMPFILE */
	mode_t mode;
};

/* Finds out what the target is; opens nothing for writing. 0 or -errno. */
int target_look(struct target *target);
/*
 * Is there something in it? 1 with a name, 0, or -errno. Takes hold of devices
 * and memory, for writing: -EBUSY when somebody else has it.
 */
int target_find_signature(struct target *target, char *name, size_t n);
/*
 * Makes it ready for an image of size bytes. Overwrites what would be
 * recognised, so that from here on it holds nothing. 0 or -errno.
 */
int target_begin(struct target *target, uint64_t size);
/* Any thread. 0 or -errno. */
int target_write(struct target *target, uint64_t off, const void *buf, size_t n);
int target_zero(struct target *target, uint64_t off, uint64_t n);
/* What was written of a file or pipe, -EIO past its end. 0 or -errno. */
int target_read(struct target *target, uint64_t off, void *buf, size_t n);
/* A range of a file or pipe reads as zeros, and takes no space if that can be. 0 or -errno. */
int target_punch(struct target *target, uint64_t off, uint64_t n);
/* What was written is stored. 0 or -errno. */
int target_sync(struct target *target);
/* The first size bytes, readable until target_close(). 0 or -errno. */
int target_map(struct target *target, uint64_t size, void **map);
/* The same of a file or pipe, to be written to. */
int target_map_writable(struct target *target, uint64_t size, void **map);
void target_unmap(struct target *target, void *map, uint64_t size);
/*
 * Shows the file under its name, lets devices see a heap's buffer, sends a pipe its
 * bytes. 0 or -errno; -EINTR: a signal came while a pipe was waited for.
 */
int target_finish(struct target *target);
/* Without target_finish() before, nothing remains. */
void target_close(struct target *target);

#endif
