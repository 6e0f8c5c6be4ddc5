// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gets hold of shared memory, and says in words why it cannot. Does not look
 * at what is in it.
 */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kmod/core/env.h"
#include "devdax.h"
#include "dmabuf.h"
#include "size.h"

#define PAGE_BYTES	4096u

static int fail(struct memory *memory, int err, const char *what, const char *hint)
{
	memory->what = what;
	memory->hint = hint;
	return err;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Root sees the true addresses; for others they are 0 and /dev/mem is closed anyway. */
static bool is_system_ram(uint64_t phys, uint64_t size)
{
	FILE *file = fopen("/proc/iomem", "re");
	bool found = false;
	char line[256];

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		uint64_t first, last;
		char *name = strstr(line, " : ");

		if (!name || sscanf(line, " %" SCNx64 "-%" SCNx64, &first, &last) != 2)
			continue;
		found = strncmp(name + 3, "System RAM", 10) == 0 && last &&
			overlaps(phys, size, first, last - first + 1);
	}
	fclose(file);
	return found;
}

/* Does a daxfs mounted here use some of the range? */
static bool is_mounted(uint64_t phys, uint64_t size)
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	bool found = false;
	struct mntent *m;

	if (!table)
		return false;
	while (!found && (m = getmntent(table))) {
		char *options, *phys_text, *size_text;
		uint64_t its_phys, its_size;

		if (strcmp(m->mnt_type, "daxfs") != 0)
			continue;
		options = m->mnt_opts;
		phys_text = hasmntopt(m, "phys");
		size_text = hasmntopt(m, "size");
		if (!phys_text || !size_text)
			continue;
		for (char *p = options; *p; p++)
			if (*p == ',')
				*p = '\0';
		found = strncmp(phys_text, "phys=", 5) == 0 &&
			strncmp(size_text, "size=", 5) == 0 &&
			size_parse(phys_text + 5, &its_phys) == 0 &&
			size_parse(size_text + 5, &its_size) == 0 &&
			overlaps(phys, size, its_phys, its_size);
	}
	endmntent(table);
	return found;
}

static bool is_locked_down(void)
{
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";
	bool locked;

	if (!file)
		return false;
	locked = fgets(line, sizeof(line), file) && !strstr(line, "[none]");
	fclose(file);
	return locked;
}

static int cannot_open_mem(struct memory *memory, int err)
{
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return fail(memory, -err,
			    "this kernel has no /dev/mem to write physical memory with",
			    "it was built without CONFIG_DEVMEM; use a DAX device, or -H HEAP");
	case EPERM:
		if (is_locked_down())
			return fail(memory, -err,
				    "the kernel is locked down and gives no physical memory to programs",
				    "see kernel_lockdown(7); use a DAX device, or -H HEAP");
		break;
	}
	return fail(memory, -err, "/dev/mem cannot be opened",
		    geteuid() ? "writing physical memory needs root" : NULL);
}

static int map_it(struct memory *memory, uint64_t offset)
{
	void *map = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd,
			 (off_t)offset);

	if (map == MAP_FAILED)
		return -errno;
	memory->map = map;
	return 0;
}

int memory_map_physical(struct memory *memory, uint64_t phys, uint64_t size)
{
	int err;

	memory->size = size;
	if (is_system_ram(phys, size))
		return fail(memory, -EBUSY, "the range is System RAM, which the kernel uses",
			    "reserve memory with memmap=SIZE$ADDR on the kernel command line");
	if (is_mounted(phys, size))
		return fail(memory, -EBUSY, "a daxfs in this range is mounted", NULL);
	memory->fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (memory->fd < 0)
		return cannot_open_mem(memory, errno);
	err = map_it(memory, phys);
	if (err == -EPERM || err == -EACCES)
		return fail(memory, err,
			    "the kernel does not give this range to programs (CONFIG_STRICT_DEVMEM)",
			    "a driver may hold it, see /proc/iomem");
	if (err)
		return fail(memory, err, "the range cannot be mapped", NULL);
	return 0;
}

int memory_map_devdax(struct memory *memory, const char *path, uint64_t size)
{
	uint64_t align;
	struct stat st;
	int err;

	if (stat(path, &st) < 0)
		return fail(memory, -errno, "cannot be examined", NULL);
	err = devdax_bind(st.st_rdev, path, DEVDAX_FOR_PROGRAMS);
	if (err == -EBUSY)
		return fail(memory, err, "is mounted or in use", NULL);
	/* Mapped in its own pages only; its size is a multiple of theirs. */
	align = devdax_align(st.st_rdev);
	if (align)
		size = (size + align - 1) / align * align;
	memory->size = size;
	memory->fd = open(path, O_RDWR | O_CLOEXEC);
	if (memory->fd < 0)
		return fail(memory, -errno, "cannot be opened", NULL);
	err = map_it(memory, 0);
	if (err)
		return fail(memory, err, "cannot be mapped", NULL);
	return 0;
}

/*
 * The system heap takes what it is asked for until the kernel kills somebody,
 * most likely us. Other heaps have memory of their own.
 */
static bool is_too_much(const char *heap, uint64_t size)
{
	FILE *file = fopen("/proc/meminfo", "re");
	const char *name = strrchr(heap, '/');
	uint64_t available = UINT64_MAX;
	char line[128];

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %" SCNu64, &available) == 1)
			break;
	fclose(file);
	return strncmp(name ? name + 1 : heap, "system", 6) == 0 && size / 1024 > available;
}

int memory_allocate(struct memory *memory, const char *heap, uint64_t size)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	int err;

	/* dmabuf_alloc() takes other memory when there is no such heap: not asked for. */
	if (access(heap, R_OK) < 0)
		return fail(memory, -errno, "cannot be opened",
			    errno == ENOENT ? "ls /dev/dma_heap says which heaps the kernel has" :
					      NULL);
	memory->size = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	if (is_too_much(heap, size))
		return fail(memory, -ENOMEM, "there is not that much memory free", NULL);
	memory->fd = dmabuf_alloc(heap, memory->size);
	if (memory->fd < 0) {
		err = memory->fd;
		memory->fd = -1;
		return fail(memory, err,
			    err == -ENOTTY ? "is not a dma-heap" :
					     "cannot allocate a buffer of this size", NULL);
	}
	err = map_it(memory, 0);
	if (err)
		return fail(memory, err, "its buffer cannot be mapped", NULL);
	if (ioctl(memory->fd, DMA_BUF_IOCTL_SYNC, &sync) < 0)
		return fail(memory, -errno, "its buffer cannot be written", NULL);
	return 0;
}

int memory_end_access(struct memory *memory)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW };

	return ioctl(memory->fd, DMA_BUF_IOCTL_SYNC, &sync) < 0 ? -errno : 0;
}

void memory_unmap(struct memory *memory)
{
	if (memory->map)
		munmap(memory->map, memory->size);
	memory->map = NULL;
	if (memory->fd >= 0)
		close(memory->fd);
	memory->fd = -1;
}

void memory_flush(const void *start, size_t n)
{
	dxc_write_back(start, n);
}

void memory_fence(void)
{
	dxc_write_fence(true);
}
