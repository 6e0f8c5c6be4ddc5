// SPDX-License-Identifier: GPL-2.0-only
/* Allocates dma-bufs and fills them. Knows nothing of what is in them. */
#include "dmabuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE	0x100000u

static uint64_t round_to_page(uint64_t size)
{
	uint64_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) & ~(page - 1);
}

static int alloc_from_heap(const char *heap, uint64_t size)
{
	struct dma_heap_allocation_data data = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int fd, err;

	fd = open(heap, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &data) < 0 ? -errno : 0;
	close(fd);
	return err ? err : (int)data.fd;
}

static int alloc_from_memfd(uint64_t size)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int device, memfd, err;

	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return -errno;
	memfd = memfd_create("daxfs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0) {
		err = -errno;
		goto close_device;
	}
	/* The kernel takes only memory that cannot be taken away again. */
	if (ftruncate(memfd, (off_t)size) < 0 ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
		err = -errno;
		goto close_memfd;
	}
	create.memfd = memfd;
	err = ioctl(device, UDMABUF_CREATE, &create);
	if (err < 0)
		err = -errno;
close_memfd:
	close(memfd);
close_device:
	close(device);
	return err;
}

int dmabuf_alloc(const char *heap, uint64_t size)
{
	int fd;

	size = round_to_page(size);
	fd = alloc_from_heap(heap, size);
	if (fd != -ENOENT && fd != -ENODEV && fd != -ENXIO)
		return fd;
	fd = alloc_from_memfd(size);
	return fd == -ENOENT || fd == -ENXIO ? -ENODEV : fd;
}

static int sync_access(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_WRITE | flags };

	while (ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	return 0;
}

/*
 * pread() rather than a mapping of the file: a file that shrinks is an error, not a signal.
 * Some file systems (9p, NFS with O_DIRECT) want pages to put what they read into, which the
 * memory of a dma-buf has not: then by way of buffer, of BUFFER_SIZE.
 */
static ssize_t read_some(int file, unsigned char *to, uint64_t size, uint64_t pos, void *buffer)
{
	ssize_t n = pread(file, to, size < 0x40000000 ? size : 0x40000000, (off_t)pos);

	if (n >= 0 || errno != EFAULT)
		return n;
	n = pread(file, buffer, size < BUFFER_SIZE ? size : BUFFER_SIZE, (off_t)pos);
	if (n > 0)
		memcpy(to, buffer, n);
	return n;
}

static int read_range(int file, unsigned char *to, uint64_t pos, uint64_t end, void *buffer)
{
	while (pos < end) {
		ssize_t n = read_some(file, to + pos, end - pos, pos, buffer);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		pos += n;
	}
	return 0;
}

/* What is a hole in the file is zero in the dma-buf already. */
static int read_data(int file, unsigned char *to, uint64_t size, void *buffer)
{
	uint64_t pos = 0;

	while (pos < size) {
		off_t data = lseek(file, (off_t)pos, SEEK_DATA);
		off_t hole;
		uint64_t end;
		int err;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0)
			return read_range(file, to, pos, size, buffer);
		if ((uint64_t)data >= size)
			return 0;
		hole = lseek(file, data, SEEK_HOLE);
		end = hole < 0 || (uint64_t)hole > size ? size : (uint64_t)hole;
		err = read_range(file, to, data, end, buffer);
		if (err)
			return err;
		pos = end;
	}
	return 0;
}

int dmabuf_load(int dmabuf, int file, uint64_t size)
{
	struct stat st;
	void *map, *buffer;
	int err, end_err;

	/* Else a truncated file would look like one that ends in a hole. */
	if (fstat(file, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size < size)
		return -EIO;
	buffer = malloc(BUFFER_SIZE);
	if (!buffer)
		return -ENOMEM;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		free(buffer);
		return err;
	}
	err = sync_access(dmabuf, DMA_BUF_SYNC_START);
	if (!err) {
		err = read_data(file, map, size, buffer);
		end_err = sync_access(dmabuf, DMA_BUF_SYNC_END);
		err = err ? err : end_err;
	}
	munmap(map, size);
	free(buffer);
	return err;
}
