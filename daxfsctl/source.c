// SPDX-License-Identifier: GPL-2.0-only
/*
 * SOURCE: decides what a word on the command line means, opens and maps it.
 * Knows devices and sysfs; does not look at what the region holds.
 */
#include "source.h"

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <daxfs/format.h>
#include <daxfs/ioctl.h>

#include "devdax.h"
#include "size.h"

/* What an empty file is mapped to: there is a map, of no bytes. */
static unsigned char no_bytes[1];

static int block_size(int fd, uint64_t *size)
{
	if (ioctl(fd, BLKGETSIZE64, size) < 0)
		return -errno;
	return 0;
}

int source_size(const char *path, uint64_t *size)
{
	struct stat st;
	int fd, err;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*size = st.st_size;
		return 0;
	}
	if (S_ISCHR(st.st_mode) && devdax_is(st.st_rdev))
		return devdax_size(st.st_rdev, size);
	if (!S_ISBLK(st.st_mode))
		return -ENODEV;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = block_size(fd, size);
	close(fd);
	return err;
}

/* ADDR+SIZE */
static int parse_phys(const char *text, struct source *src)
{
	const char *plus = strchr(text, '+');
	char *addr;
	int err;

	if (!plus)
		return -EINVAL;
	addr = strndup(text, plus - text);
	if (!addr)
		return -ENOMEM;
	err = size_parse(addr, &src->phys);
	free(addr);
	if (!err)
		err = size_parse(plus + 1, &src->size);
	if (err)
		return err;
	if (!src->size)
		return -EINVAL;
	if (src->phys + src->size < src->phys)
		return -ERANGE;
	src->kind = SOURCE_PHYS;
	src->path = strdup("/dev/mem");
	return src->path ? 0 : -ENOMEM;
}

/* Only the root of a mount answers for the volume. */
static int check_mount(const char *path)
{
	struct statx stx;
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return -errno;
	if ((unsigned long)fs.f_type != DAXFS_SUPER_MAGIC)
		return -EISDIR;
	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	if ((stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	    !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return -EISDIR;
	return 0;
}

/* Takes over path. */
static int parse_path(char *path, struct source *src)
{
	struct stat st;
	int err = 0;

	if (stat(path, &st) < 0)
		err = -errno;
	else if (S_ISREG(st.st_mode))
		src->kind = SOURCE_FILE;
	else if (S_ISBLK(st.st_mode))
		src->kind = SOURCE_BLOCK;
	else if (S_ISCHR(st.st_mode) && devdax_is(st.st_rdev))
		src->kind = SOURCE_DEVDAX;
	else if (!S_ISDIR(st.st_mode))
		err = -ENODEV;
	else
		err = check_mount(path);
	if (err) {
		free(path);
		return err;
	}
	if (S_ISDIR(st.st_mode))
		src->kind = SOURCE_MOUNT;
	src->path = path;
	return 0;
}

int source_parse(const char *text, struct source *src)
{
	char *path;

	memset(src, 0, sizeof(*src));
	src->fd = -1;
	if (!*text)
		return -ENOENT;
	if (strncmp(text, "phys:", 5) == 0)
		return parse_phys(text + 5, src);
	if (strncmp(text, "UUID=", 5) == 0 || strncmp(text, "LABEL=", 6) == 0) {
		path = blkid_evaluate_spec(text, NULL);
		if (!path)
			return -ENOENT;
	} else {
		path = strdup(text);
		if (!path)
			return -ENOMEM;
	}
	return parse_path(path, src);
}

static int open_size(struct source *src)
{
	struct stat st;

	switch (src->kind) {
	case SOURCE_PHYS:
	case SOURCE_MOUNT:
		return 0;
	case SOURCE_BLOCK:
		return block_size(src->fd, &src->size);
	case SOURCE_FILE:
	case SOURCE_DEVDAX:
		break;
	}
	if (fstat(src->fd, &st) < 0)
		return -errno;
	if (src->kind == SOURCE_DEVDAX)
		return devdax_size(st.st_rdev, &src->size);
	src->size = st.st_size;
	return 0;
}

static void close_files(struct source *src)
{
	close(src->fd);
	if (src->lock >= 0)
		close(src->lock);
	src->fd = -1;
	src->lock = -1;
}

#define LOCK_TRIES 100
#define LOCK_PAUSE_NS 50000000

int source_lock(int fd)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	char path[64] = "/dev/";
	struct stat st;
	int lock = -1;
	dev_t disk;

	/* The lock of a partition is the one of its disk. */
	if (fstat(fd, &st) < 0 ||
	    blkid_devno_to_wholedisk(st.st_rdev, path + 5, sizeof(path) - 5, &disk) < 0)
		return -1;
	if (disk != st.st_rdev) {
		lock = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (lock < 0)
			return -1;
		fd = lock;
	}
	for (int i = 0; i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		nanosleep(&pause, NULL);
	return lock;
}

/* One that was mounted cannot be mapped until its driver is the one for that again. */
static int make_mappable(struct source *src)
{
	struct stat st;
	int err;

	if (stat(src->path, &st) < 0)
		return -errno;
	if (!devdax_has_driver(st.st_rdev, DEVDAX_FOR_MOUNTS))
		return 0;
	err = devdax_bind(st.st_rdev, src->path, DEVDAX_FOR_PROGRAMS);
	return err == -ENODEV ? -ENOTSUP : err;
}

int source_open(struct source *src, bool writable)
{
	int flags = O_CLOEXEC;
	void *map;
	int err;

	flags |= writable && src->kind != SOURCE_MOUNT ? O_RDWR : O_RDONLY;
	if (src->kind == SOURCE_MOUNT)
		flags |= O_DIRECTORY;
	/* Not beside a mount of this kernel, or whoever else has it for himself. */
	if (writable && src->kind == SOURCE_BLOCK)
		flags |= O_EXCL;
	src->lock = -1;
	if (src->kind == SOURCE_DEVDAX) {
		err = make_mappable(src);
		if (err)
			return err;
	}
	src->fd = open(src->path, flags);
	if (src->fd < 0)
		return errno == ENOENT && src->kind == SOURCE_PHYS ? -ENXIO : -errno;
	if (flags & O_EXCL)
		src->lock = source_lock(src->fd);
	err = open_size(src);
	if (err)
		goto close_fd;
	if (src->kind == SOURCE_MOUNT)
		return 0;
	if (!src->size) {
		src->map = no_bytes;
		return 0;
	}
	err = -EFBIG;
	if (src->size > SIZE_MAX)
		goto close_fd;
	/*
	 * A mounted pmem device changes behind the page cache of its block
	 * device: what was cached before must not be what is shown now.
	 */
	if (src->kind == SOURCE_BLOCK)
		posix_fadvise(src->fd, 0, 0, POSIX_FADV_DONTNEED);
	map = mmap(NULL, src->size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		   src->fd, (off_t)src->phys);
	err = -errno;
	if (map == MAP_FAILED)
		goto close_fd;
	src->map = map;
	return 0;

close_fd:
	close_files(src);
	return err;
}

/*
 * A dma-buf of the region behind a mount. One that the kernel exports is asked
 * for reading only. A region that is itself a dma-buf has the mode that its
 * exporter gave it: a writable one is only handed out as such.
 */
int source_export_mount(int mount, bool writable)
{
	static const __u32 modes[] = { O_RDONLY, O_RDWR };

	for (size_t i = writable; i < sizeof(modes) / sizeof(*modes); i++) {
		struct daxfs_dmabuf db = { .db_size = sizeof(db),
					   .db_flags = O_CLOEXEC | modes[i] };

		if (ioctl(mount, DAXFS_IOC_DMABUF, &db) == 0)
			return db.db_fd;
		if (errno != EOPNOTSUPP)
			break;
	}
	return -errno;
}

static int map_mount(struct source *src, bool writable)
{
	int dmabuf, err = -EIO;
	void *map;
	off_t size;

	dmabuf = source_export_mount(src->fd, writable);
	if (dmabuf < 0)
		return dmabuf;
	size = lseek(dmabuf, 0, SEEK_END);
	if (size <= 0 || (uint64_t)size > SIZE_MAX)
		goto close_dmabuf;
	/*
	 * The mapping keeps the region; what is mounted changes beneath it. The
	 * mount has told a dma-buf's exporter that the processor accesses it.
	 */
	map = mmap(NULL, (size_t)size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		   dmabuf, 0);
	err = -errno;
	if (map == MAP_FAILED)
		goto close_dmabuf;
	src->map = map;
	src->size = (uint64_t)size;
	err = 0;
close_dmabuf:
	close(dmabuf);
	return err;
}

int source_map_mount(struct source *src)
{
	return map_mount(src, false);
}

int source_map_mount_writable(struct source *src)
{
	return map_mount(src, true);
}

void source_refresh(struct source *src, uint64_t off, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = off / page * page;
	uint64_t to = off + len > src->size ? src->size : off + len;

	if (src->kind != SOURCE_BLOCK)
		return;
	/* A page that somebody maps is not dropped. */
	madvise(src->map + from, to - from, MADV_DONTNEED);
	posix_fadvise(src->fd, (off_t)from, (off_t)(to - from), POSIX_FADV_DONTNEED);
}

bool source_is_memory(const struct source *src)
{
	return src->kind == SOURCE_DEVDAX || src->kind == SOURCE_PHYS;
}

int source_sync(struct source *src, uint64_t off, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from = off / page * page;

	if (source_is_memory(src) || src->map == no_bytes)
		return 0;
	/* msync() has a file's size stored as well, and the cache of a device. */
	return msync(src->map + from, off + len - from, MS_SYNC) < 0 ? -errno : 0;
}

void source_close(struct source *src)
{
	if (src->map && src->map != no_bytes)
		munmap(src->map, src->size);
	src->map = NULL;
	if (src->fd >= 0)
		close_files(src);
	free(src->path);
	src->path = NULL;
}

const char *source_strerror(int err)
{
	switch (-err) {
	case EISDIR:
		return "is a directory, but not where a daxfs is mounted";
	case ENODEV:
		return "is neither an image file, a block device, a DAX device nor a mount point";
	case ENOTSUP:
		return "has a driver for mounting only, and the kernel no " DEVDAX_FOR_PROGRAMS " to read it with";
	case ENXIO:
		return "there is no /dev/mem to read physical memory through";
	case EINVAL:
		return "is not phys:ADDR+SIZE with an address that is a multiple of 4096";
	case ERANGE:
		return "number too large";
	case EFBIG:
		return "too large for the address space";
	}
	return strerror(-err);
}
