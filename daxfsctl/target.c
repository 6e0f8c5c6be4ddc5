// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files, devices, memory and pipes as things an image can be written to. Knows
 * nothing of the image but that its first block makes it one.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kmod/core/core.h"
#include "signature.h"
#include "source.h"
#include "spool.h"

static const u8 zeros[256u << 10];

static int fail(struct target *target, int err, const char *what)
{
	target->what = what;
	return err;
}

static int memory_fail(struct target *target, int err)
{
	target->what = target->memory.what;
	target->hint = target->memory.hint;
	return err;
}

static bool is_memory(const struct target *target)
{
	return target->kind == TARGET_DEVDAX || target->kind == TARGET_PHYS ||
	       target->kind == TARGET_HEAP;
}

/* ---- looking ---- */

/* Where the file is or will be: symlinks are followed, its directory is opened. */
static int look_at_file(struct target *target)
{
	char *dir, *slash;
	int err;

	target->kind = TARGET_FILE;
	target->is_zero = true;
	target->size = target->wanted_size;
	target->real = target->exists ? realpath(target->path, NULL) : strdup(target->path);
	if (!target->real)
		return fail(target, -errno, "cannot be found");
	slash = strrchr(target->real, '/');
	target->base = slash ? slash + 1 : target->real;
	if (!*target->base)
		return fail(target, -EISDIR, "is a directory that does not exist");
	if (!slash)
		dir = strdup(".");
	else
		dir = strndup(target->real, slash == target->real ? 1 : slash - target->real);
	if (!dir)
		return fail(target, -ENOMEM, "cannot be created");
	target->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err = target->dir_fd < 0 ? -errno : 0;
	free(dir);
	return err ? fail(target, err, "its directory cannot be opened") : 0;
}

/* Nobody wants a file there: it is a device's name, mistyped, or its driver is missing. */
static bool is_in_dev(const struct target *target)
{
	struct stat dir, dev;

	return fstat(target->dir_fd, &dir) == 0 && stat("/dev", &dev) == 0 &&
	       dir.st_dev == dev.st_dev && dir.st_ino == dev.st_ino;
}

static int look_at_device(struct target *target, enum target_kind kind)
{
	uint64_t size;
	int err;

	target->kind = kind;
	err = source_size(target->path, &size);
	if (err == -ENODEV)
		return fail(target, err, "is neither a file, a block device nor a DAX device");
	if (err)
		return fail(target, err, "its size cannot be found out");
	if (target->wanted_size > size)
		return fail(target, -ENOSPC, "is smaller than the size that was asked for");
	target->size = target->wanted_size ? target->wanted_size : size;
	return 0;
}

/* The image is put together in a file without a name, from where it goes out. */
static int look_at_pipe(struct target *target)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	target->kind = TARGET_PIPE;
	target->size = target->wanted_size;
	target->is_zero = true;
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return fail(target, -EBADF, "is not open for writing");
	return 0;
}

int target_look(struct target *target)
{
	struct stat st;
	int err;

	target->fd = -1;
	target->lock = -1;
	target->dir_fd = -1;
	target->memory.fd = -1;
	if (!target->path) {
		target->kind = TARGET_PHYS;
		target->size = target->wanted_size;
		return 0;
	}
	if (target->is_heap) {
		target->kind = TARGET_HEAP;
		target->size = target->wanted_size;
		target->is_zero = true;
		return 0;
	}
	if (strcmp(target->path, "-") == 0)
		return look_at_pipe(target);
	if (stat(target->path, &st) < 0) {
		if (errno != ENOENT)
			return fail(target, -errno, "cannot be examined");
		/* A symlink that leads nowhere would be replaced, not followed. */
		if (lstat(target->path, &st) == 0)
			return fail(target, -ENOENT, "is a symlink to a file that is not there");
		err = look_at_file(target);
		if (!err && is_in_dev(target))
			err = fail(target, -ENODEV, "is a device that is not there");
		return err;
	}
	if (S_ISBLK(st.st_mode))
		return look_at_device(target, TARGET_BLOCK);
	if (S_ISCHR(st.st_mode))
		return look_at_device(target, TARGET_DEVDAX);
	if (!S_ISREG(st.st_mode))
		return fail(target, -ENODEV,
			    "is neither a file, a block device nor a DAX device");
	target->exists = true;
	target->dev = st.st_dev;
	target->ino = st.st_ino;
	target->mode = st.st_mode & 07777;
	return look_at_file(target);
}

static int take_block_device(struct target *target)
{
	/* O_EXCL on a block device: nobody has mounted it or put a volume on it. */
	target->fd = open(target->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (target->fd < 0)
		return fail(target, -errno, errno == EBUSY ? "is mounted or in use" :
							     "cannot be opened");
	target->lock = source_lock(target->fd);
	return 0;
}

int target_find_signature(struct target *target, char *name, size_t n)
{
	int fd, found, err = 0;
	struct stat st;

	switch (target->kind) {
	case TARGET_PIPE:
		if (!isatty(STDOUT_FILENO))
			return 0;
		target->hint = "send it to a file or to another program";
		return fail(target, -ENOTTY, "is a terminal, which an image is not for");
	case TARGET_FILE:
		if (!target->exists)
			return 0;
		fd = open(target->real, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return fail(target, -errno, "cannot be opened");
		found = fstat(fd, &st) < 0 ? -errno : signature_find(fd, st.st_size, name, n);
		close(fd);
		break;
	case TARGET_BLOCK:
		err = take_block_device(target);
		if (err)
			return err;
		found = signature_find(target->fd, target->size, name, n);
		break;
	case TARGET_DEVDAX:
		err = memory_map_devdax(&target->memory, target->path, target->size);
		if (err)
			return memory_fail(target, err);
		found = signature_find_in_memory(target->memory.map, target->size, name, n);
		break;
	case TARGET_PHYS:
		err = memory_map_physical(&target->memory, target->phys, target->size);
		if (err)
			return memory_fail(target, err);
		found = signature_find_in_memory(target->memory.map, target->size, name, n);
		break;
	default:
		return 0;
	}
	return found < 0 ? fail(target, found, "cannot be read") : found;
}

/* ---- writing ---- */

static int write_fd(int fd, uint64_t off, const u8 *buf, size_t n)
{
	while (n) {
		ssize_t done = pwrite(fd, buf, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -ENOSPC;
		buf += done;
		off += done;
		n -= done;
	}
	return 0;
}

int target_write(struct target *target, uint64_t off, const void *buf, size_t n)
{
	if (!is_memory(target))
		return write_fd(target->fd, off, buf, n);
	memcpy(target->memory.map + off, buf, n);
	if (target->kind != TARGET_HEAP)
		memory_flush(target->memory.map + off, n);
	return 0;
}

int target_zero(struct target *target, uint64_t off, uint64_t n)
{
	int err = 0;

	while (n && !err) {
		size_t part = n < sizeof(zeros) ? n : sizeof(zeros);

		err = target_write(target, off, zeros, part);
		off += part;
		n -= part;
	}
	return err;
}

int target_read(struct target *target, uint64_t off, void *buf, size_t n)
{
	u8 *to = buf;

	while (n) {
		ssize_t done = pread(target->fd, to, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -EIO;
		to += done;
		off += done;
		n -= done;
	}
	return 0;
}

int target_punch(struct target *target, uint64_t off, uint64_t n)
{
	if (fallocate(target->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
		      (off_t)n) == 0)
		return 0;
	return target_zero(target, off, n);
}

int target_sync(struct target *target)
{
	if (is_memory(target)) {
		memory_fence();
		return 0;
	}
	/* What lies in a file without a name is gone after a crash anyway. */
	if (target->kind == TARGET_PIPE)
		return 0;
	return fsync(target->fd) < 0 ? -errno : 0;
}

/* A name that nobody has, beside the file; caller frees. */
static char *temporary_name(const struct target *target)
{
	u64 number = 0;
	char *name;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return NULL;
	if (asprintf(&name, ".%.200s.%08llx", target->base,
		     (unsigned long long)(number & 0xffffffff)) < 0)
		return NULL;
	return name;
}

static int resize_file(struct target *target, uint64_t size)
{
	if (target->size > size)
		size = target->size;
	if (ftruncate(target->fd, (off_t)size) < 0)
		return fail(target, -errno, "cannot be made as large as the image");
	return 0;
}

static int create_spool(struct target *target, uint64_t size)
{
	target->fd = spool_open();
	if (target->fd >= 0)
		return resize_file(target, size);
	target->hint = "TMPDIR names another directory for it";
	return fail(target, target->fd, "no temporary file can be had to put it together in");
}

static int create_file(struct target *target, uint64_t size)
{
	target->fd = openat(target->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	for (int tries = 0; target->fd < 0 && tries < 100; tries++) {
		/* Not every filesystem has unnamed files. */
		free(target->temporary);
		target->temporary = temporary_name(target);
		if (!target->temporary)
			return fail(target, -ENOMEM, "cannot be created");
		target->fd = openat(target->dir_fd, target->temporary,
				    O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
		if (target->fd < 0 && errno != EEXIST)
			break;
	}
	if (target->fd < 0) {
		int err = -errno;

		free(target->temporary);
		target->temporary = NULL;
		return fail(target, err, "cannot be created");
	}
	if (target->exists && fchmod(target->fd, target->mode) < 0)
		return fail(target, -errno, "cannot be given its mode");
	return resize_file(target, size);
}

/* The copy of the superblock of an image that was here must not outlive it. */
static int zero_old_copy(struct target *target)
{
	struct dxc_volume *old = malloc(sizeof(*old));
	uint64_t size = target->size;
	void *map;
	int err;

	if (!old)
		return -ENOMEM;
	err = target_map(target, size, &map);
	if (!err) {
		err = dxc_volume_open(old, map, size, NULL);
		target_unmap(target, map, size);
		err = err ? 0 : target_zero(target, dxc_super_copy_at(old->region.size),
					    DAXFS_SB_SIZE);
	}
	free(old);
	return err;
}

int target_begin(struct target *target, uint64_t size)
{
	int err = 0;

	if (target->kind == TARGET_FILE)
		return create_file(target, size);
	if (target->kind == TARGET_PIPE)
		return create_spool(target, size);
	if (target->kind == TARGET_HEAP) {
		if (target->size > size)
			size = target->size;
		err = memory_allocate(&target->memory, target->path, size);
		return err ? memory_fail(target, err) : 0;
	}
	err = zero_old_copy(target);
	if (!err)
		err = target_zero(target, 0, DAXFS_SB_SIZE);
	if (!err && target->kind == TARGET_BLOCK)
		err = signature_wipe(target->fd, target->size);
	if (!err)
		err = target_sync(target);
	return err ? fail(target, err, "what is on it cannot be removed") : 0;
}

int target_map(struct target *target, uint64_t size, void **map)
{
	if (is_memory(target)) {
		*map = target->memory.map;
		return 0;
	}
	*map = mmap(NULL, size, PROT_READ, MAP_SHARED, target->fd, 0);
	return *map == MAP_FAILED ? -errno : 0;
}

int target_map_writable(struct target *target, uint64_t size, void **map)
{
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, target->fd, 0);
	return *map == MAP_FAILED ? -errno : 0;
}

void target_unmap(struct target *target, void *map, uint64_t size)
{
	if (!is_memory(target))
		munmap(map, size);
}

/* Gives the unnamed file a name; -EEXIST when it is taken. */
static int link_file(struct target *target, const char *name)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", target->fd);
	if (linkat(AT_FDCWD, self, target->dir_fd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

static int send_spool(struct target *target)
{
	struct stat st;
	int err = fstat(target->fd, &st) < 0 ? -errno : 0;

	if (!err)
		err = spool_send(target->fd, st.st_size, STDOUT_FILENO);
	return err ? fail(target, err, "cannot be written") : 0;
}

int target_finish(struct target *target)
{
	int err;

	if (target->kind == TARGET_PIPE)
		return send_spool(target);

	if (target->kind == TARGET_HEAP) {
		err = memory_end_access(&target->memory);
		return err ? fail(target, err, "its buffer cannot be handed over") : 0;
	}
	if (target->kind != TARGET_FILE)
		return 0;
	if (!target->temporary) {
		/* A new name takes one step; one that exists can only be renamed over. */
		err = target->exists ? -EEXIST : link_file(target, target->base);
		for (int tries = 0; err == -EEXIST && tries < 100; tries++) {
			free(target->temporary);
			target->temporary = temporary_name(target);
			err = target->temporary ? link_file(target, target->temporary) : -ENOMEM;
		}
		if (err) {
			free(target->temporary);
			target->temporary = NULL;
			return fail(target, err, "cannot be given its name");
		}
	}
	if (target->temporary &&
	    renameat(target->dir_fd, target->temporary, target->dir_fd, target->base) < 0)
		return fail(target, -errno, "cannot be given its name");
	free(target->temporary);
	target->temporary = NULL;
	/* The name too is to survive a crash; not every directory can be synced. */
	fsync(target->dir_fd);
	return 0;
}

void target_close(struct target *target)
{
	if (target->temporary)
		unlinkat(target->dir_fd, target->temporary, 0);
	free(target->temporary);
	free(target->real);
	if (target->fd >= 0)
		close(target->fd);
	if (target->lock >= 0)
		close(target->lock);
	if (target->dir_fd >= 0)
		close(target->dir_fd);
	memory_unmap(&target->memory);
	target->temporary = NULL;
	target->real = NULL;
	target->fd = -1;
	target->lock = -1;
	target->dir_fd = -1;
}
