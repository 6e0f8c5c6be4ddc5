/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that the kernel lends as a dma-buf. */
#ifndef DAXFSCTL_DMABUF_H
#define DAXFSCTL_DMABUF_H

#include <stdint.h>

#define DMABUF_HEAP "/dev/dma_heap/system"

/*
 * A dma-buf of at least size zero bytes: from the heap, or when the kernel has
 * no such heap from /dev/udmabuf. An fd, or -errno; -ENODEV: neither is there.
 */
int dmabuf_alloc(const char *heap, uint64_t size);

/* Copies the first size bytes of a file into a dma-buf that is still all zero. 0 or -errno. */
int dmabuf_load(int dmabuf, int file, uint64_t size);

#endif
