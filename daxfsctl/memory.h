/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared memory that an image can be written to: a physical range, a DAX
 * character device, a buffer of a dma-heap.
 */
#ifndef DAXFSCTL_MEMORY_H
#define DAXFSCTL_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct memory {
	int fd;			/* -1: not open */
	unsigned char *map;
	uint64_t size;
	const char *what;	/* static: what could not be done, after an error */
	const char *hint;	/* static or NULL: the next step */
};

/*
 * 0 or -errno with what. A range that is System RAM or holds a mounted daxfs
 * is refused with -EBUSY: nobody could want to overwrite it.
 */
int memory_map_physical(struct memory *memory, uint64_t phys, uint64_t size);
/* size as sysfs has it (source_size). */
int memory_map_devdax(struct memory *memory, const char *path, uint64_t size);
/* A new, zeroed buffer; memory->fd is the dma-buf. */
int memory_allocate(struct memory *memory, const char *heap, uint64_t size);
void memory_unmap(struct memory *memory);

/*
 * What was stored is in the memory, not only in this processor's cache, when
 * memory_flush() of it and then memory_fence() have returned.
 */
void memory_flush(const void *start, size_t n);
void memory_fence(void);
/* Lets devices see what was stored in an allocated buffer. 0 or -errno. */
int memory_end_access(struct memory *memory);

#endif
