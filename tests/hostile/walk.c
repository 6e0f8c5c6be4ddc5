// SPDX-License-Identifier: GPL-2.0-only
/* Uses a mounted tree, and looks at every byte that it is shown. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <daxfs/format.h>
#include "record.h"
#include "walk.h"

#define DEPTH_MAX 64
#define PAGE 4096u
#define MARKS 64

static struct walk_options opt;
static struct walk_result seen;
static char path[DEPTH_MAX * 260];
static int root = -1;
static uint8_t *by_path; /* inodes up to opt.handles that a path led to */

const struct walk_options walk_defaults = {
	.read_max = 16u << 20,
	.map_max = 16u << 20,
	.look_max = 256u << 10,
	.steps_max = 500000,
};

static bool step(void)
{
	if (opt.progress)
		++*opt.progress;
	seen.stopped = seen.steps++ >= opt.steps_max;
	return !seen.stopped;
}

static sigjmp_buf bus_return;
static volatile sig_atomic_t bus_armed;

static void on_bus(int sig)
{
	if (!bus_armed) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	siglongjmp(bus_return, 1);
}

/* A SIGBUS is counted as EFAULT. */
static void failed(int err, const char *what)
{
	seen.errors++;
	seen.error_counts[err > 0 && err < WALK_ERRNOS ? err : 0]++;
	if (opt.mode == WALK_EXACT)
		fprintf(stderr, "walker: %s: %s: %s\n", path, what, strerror(err));
}

static void leak(uint64_t pos, const uint8_t *data, size_t n, const char *why)
{
	uint64_t from;
	size_t i;

	/* One line per place, but not for every byte of a large one. */
	if (seen.leaks++ >= 20)
		return;
	fprintf(stderr, "walker: %s: %s at %llu:", path, why, (unsigned long long)pos);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %02x", data[i]);
	if (canary_read(data, n, &from))
		fprintf(stderr, " (offset 0x%llx of the region)",
			(unsigned long long)from);
	fputc('\n', stderr);
}

/* Names and values are of the metadata: no record is there, no canary either. */
static void look_text(const char *what, const void *data, size_t n)
{
	static const char *const aliens[] = { RECORD_MAGIC, CANARY_MAGIC };
	const uint8_t *at;
	size_t i;

	for (i = 0; i < sizeof(aliens) / sizeof(aliens[0]); i++) {
		at = memmem(data, n, aliens[i], strlen(aliens[i]));
		if (at)
			leak(at - (const uint8_t *)data, at,
			     (const uint8_t *)data + n - at < RECORD_SIZE ?
				     (size_t)((const uint8_t *)data + n - at) :
				     RECORD_SIZE,
			     what);
	}
}

/* Which file's records this file has shown so far. */
struct shown {
	bool any;
	uint32_t file;
};

/*
 * Small files lie side by side in one block, each at a multiple of DAXFS_PACKED_ALIGN: one that has
 * become longer, or lies elsewhere now, shows where a file ends and another one begins, or
 * begins inside a record itself (first). Is it that, and are records from the next such
 * place on?
 */
static bool is_seam(const uint8_t *data, size_t n, bool first)
{
	uint8_t before[RECORD_SIZE];
	struct record rec;
	size_t rest;

	if (n <= DAXFS_PACKED_ALIGN)
		return false;
	rest = n - DAXFS_PACKED_ALIGN < RECORD_SIZE ? n - DAXFS_PACKED_ALIGN : RECORD_SIZE;
	switch (record_read(data + DAXFS_PACKED_ALIGN, rest, &rec)) {
	case RECORD_ALIEN:
		return record_read(data, DAXFS_PACKED_ALIGN, &rec) != RECORD_ALIEN &&
		       is_seam(data + DAXFS_PACKED_ALIGN, n - DAXFS_PACKED_ALIGN, false);
	case RECORD_WHOLE:
		if (first && rec.offset) {
			record_write(before, rec.file, rec.offset - RECORD_SIZE);
			if (!memcmp(data, before + RECORD_SIZE - DAXFS_PACKED_ALIGN, DAXFS_PACKED_ALIGN))
				return true;
		}
		/* fall through */
	default:
		return record_read(data, DAXFS_PACKED_ALIGN, &rec) != RECORD_ALIEN;
	}
}

/* n bytes that the file shows at pos, which is a multiple of the record size. */
static void look(struct shown *shown, uint64_t pos, const uint8_t *data, size_t n)
{
	struct record rec;
	uint64_t from;
	size_t i, len;

	seen.bytes += n;
	for (i = 0; i < n; i += len) {
		len = n - i < RECORD_SIZE ? n - i : RECORD_SIZE;
		switch (record_read(data + i, len, &rec)) {
		case RECORD_ALIEN:
			if (opt.mode == WALK_CANARY && !canary_read(data + i, len, &from))
				continue;
			if (opt.mode == WALK_ANY && is_seam(data + i, n - i, pos + i == 0)) {
				len = DAXFS_PACKED_ALIGN;
				continue;
			}
			leak(pos + i, data + i, len, "bytes of no file");
			continue;
		case RECORD_WHOLE:
			break;
		default:
			continue;
		}
		if (opt.mode == WALK_ANY || opt.mode == WALK_CANARY)
			continue;
		if (shown->any && shown->file != rec.file)
			leak(pos + i, data + i, len, "bytes of another file");
		shown->any = true;
		shown->file = rec.file;
		if (rec.offset % PAGE != (pos + i) % PAGE ||
		    (opt.mode == WALK_EXACT && rec.offset != pos + i))
			leak(pos + i, data + i, len, "bytes of another place");
	}
}

static uint8_t buf[64 << 10];

static void read_at(int fd, struct shown *shown, uint64_t pos, uint64_t end)
{
	ssize_t n;
	size_t want;

	while (pos < end && step()) {
		want = end - pos < sizeof(buf) ? end - pos : sizeof(buf);
		n = pread(fd, buf, want, pos);
		if (n < 0)
			failed(errno, "read");
		if (n <= 0)
			return;
		look(shown, pos, buf, n);
		/* Short reads may end inside a record. */
		if ((size_t)n < want && (n &= ~(ssize_t)(RECORD_SIZE - 1)) == 0)
			return;
		pos += n;
	}
}

static void map_at(int fd, struct shown *shown, uint64_t pos, uint64_t len, int flags)
{
	/* Changed after sigsetjmp() and used after siglongjmp(). */
	volatile uint64_t i = 0;
	volatile uint8_t sum = 0;
	uint8_t *map = mmap(NULL, len, PROT_READ, flags, fd, pos);

	if (map == MAP_FAILED) {
		failed(errno, "mmap");
		return;
	}
	bus_armed = 1;
	while (sigsetjmp(bus_return, 1)) {
		failed(EFAULT, "mapping");
		i += PAGE;
	}
	for (; i < len; i += PAGE) {
		if (i < opt.look_max) {
			memcpy(buf, map + i, PAGE);
			look(shown, pos + i, buf, PAGE);
		} else {
			sum += map[i];
		}
	}
	bus_armed = 0;
	munmap(map, len);
}

static void walk_map(int fd, struct shown *shown, uint64_t size)
{
	uint64_t pages = (size + PAGE - 1) / PAGE, len = pages * PAGE;

	if (!size)
		return;
	if (len > opt.map_max || len < size) {
		map_at(fd, shown, 0, opt.map_max, MAP_SHARED);
		if (pages <= INT64_MAX / PAGE)
			map_at(fd, shown, (pages - 1) * PAGE, PAGE, MAP_SHARED);
		return;
	}
	map_at(fd, shown, 0, len, MAP_SHARED);
	/* Again through another mapping, from the middle. */
	map_at(fd, shown, pages / 2 * PAGE, len - pages / 2 * PAGE, MAP_PRIVATE);
}

static void walk_holes(int fd, struct shown *shown)
{
	off_t data = 0, hole;
	int n;

	for (n = 0; n < 1000 && step(); n++) {
		data = lseek(fd, data, SEEK_DATA);
		if (data < 0) {
			if (errno != ENXIO)
				failed(errno, "SEEK_DATA");
			return;
		}
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0) {
			failed(errno, "SEEK_HOLE");
			return;
		}
		if (hole <= data) {
			/* The file system's mistake, or the region's while it changes. */
			failed(EIO, "hole before data");
			return;
		}
		read_at(fd, shown, data & ~(off_t)(PAGE - 1),
			hole - data > PAGE ? (data & ~(off_t)(PAGE - 1)) + PAGE : hole);
		data = hole;
	}
}

static void walk_fiemap(int fd)
{
	static struct {
		struct fiemap map;
		struct fiemap_extent extents[128];
	} query;
	uint64_t start = 0;
	uint32_t rounds, last;

	for (rounds = 0; rounds < 64 && step(); rounds++) {
		memset(&query.map, 0, sizeof(query.map));
		query.map.fm_start = start;
		query.map.fm_length = ~0ull - start;
		query.map.fm_extent_count = 128;
		if (ioctl(fd, FS_IOC_FIEMAP, &query)) {
			if (errno != EOPNOTSUPP && errno != ENOTTY)
				failed(errno, "FIEMAP");
			return;
		}
		if (!query.map.fm_mapped_extents)
			return;
		last = query.map.fm_mapped_extents - 1;
		if (last >= 128 || query.extents[last].fe_flags & FIEMAP_EXTENT_LAST)
			return;
		start = query.extents[last].fe_logical + query.extents[last].fe_length;
	}
}

/* An open file, or none and errno. */
static void walk_file(int fd)
{
	struct shown shown = { 0 };
	struct stat st;
	uint64_t size;

	if (fd < 0 || fstat(fd, &st)) {
		failed(errno, "open");
		if (fd >= 0)
			close(fd);
		return;
	}
	if (S_ISREG(st.st_mode)) {
		size = st.st_size;
		read_at(fd, &shown, 0, size < opt.read_max ? size : opt.read_max);
		if (size > opt.read_max)
			read_at(fd, &shown, (size - PAGE) & ~(uint64_t)(PAGE - 1), size);
		walk_map(fd, &shown, size);
		walk_holes(fd, &shown);
		walk_fiemap(fd);
	}
	close(fd);
}

static void walk_xattrs(const char *full)
{
	static char names[65536], value[65536];
	ssize_t n = llistxattr(full, names, sizeof(names)), at, got;

	if (n < 0) {
		if (errno != ENOTSUP)
			failed(errno, "listxattr");
		return;
	}
	look_text("bytes of elsewhere in the names of xattrs", names, n);
	for (at = 0; at < n && step(); at += strnlen(names + at, n - at) + 1) {
		if (names[n - 1]) {
			failed(EIO, "list of xattrs without an end");
			return;
		}
		got = lgetxattr(full, names + at, value, sizeof(value));
		if (got < 0)
			failed(errno, names + at);
		else
			look_text("bytes of elsewhere in an xattr", value, got);
		if (lgetxattr(full, names + at, NULL, 0) < 0)
			failed(errno, names + at);
	}
	if (lgetxattr(full, "user.not-there", value, sizeof(value)) >= 0)
		failed(EIO, "an xattr that nobody gave");
	else if (errno != ENODATA && errno != ENOTSUP && errno != EPERM)
		failed(errno, "user.not-there");
}

/* A file handle has room for what daxfs needs: an inode number and 0. */
struct handle {
	struct file_handle head;
	uint32_t body[MAX_HANDLE_SZ / 4];
};

/* The handle that the file system gives must lead back to the file. */
static void walk_handle(int dir, const char *name, const struct stat *st)
{
	struct handle handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	struct stat again;
	int mount, fd;

	if (name_to_handle_at(dir, name, &handle.head, &mount, 0)) {
		if (errno != EOPNOTSUPP && errno != EPERM)
			failed(errno, "name_to_handle_at");
		return;
	}
	fd = open_by_handle_at(root, &handle.head, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		if (errno != EOPNOTSUPP && errno != EPERM)
			failed(errno, "open_by_handle_at");
		return;
	}
	if (fstat(fd, &again) || again.st_ino != st->st_ino || again.st_dev != st->st_dev)
		failed(EIO, "handle of another file");
	close(fd);
}

/* An inode that perhaps no directory names. Devices are not opened. */
static void walk_number(uint32_t ino)
{
	struct handle handle = { .head = { .handle_bytes = 8, .handle_type = 1 },
				 .body = { ino } };
	size_t end = strlen(path);
	char list[4096];
	struct stat st;
	int fd;

	fd = open_by_handle_at(root, &handle.head, O_PATH | O_CLOEXEC);
	snprintf(path + end, sizeof(path) - end, "/(inode %u)", ino);
	if (fd < 0 || fstat(fd, &st)) {
		if (opt.mode != WALK_EXACT || errno != ESTALE)
			failed(errno, "open_by_handle_at");
		if (fd >= 0)
			close(fd);
		goto out;
	}
	close(fd);
	if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || by_path[ino])
		goto out;
	fd = open_by_handle_at(root, &handle.head, O_RDONLY | O_CLOEXEC);
	if (S_ISREG(st.st_mode)) {
		walk_file(fd);
	} else if (fd < 0) {
		failed(errno, "open_by_handle_at");
	} else {
		if (getdents64(fd, list, sizeof(list)) < 0)
			failed(errno, "getdents of a handle");
		close(fd);
	}
out:
	path[end] = 0;
}

static void walk_numbers(void)
{
	uint32_t ino;

	for (ino = 0; by_path && ino <= opt.handles && step(); ino++)
		walk_number(ino);
}

static void walk_dir(int parent, const char *name, int depth);

static void walk_entry(int dir, const char *name, int depth)
{
	size_t end = strlen(path);
	char target[4200];
	struct statx stx;
	struct stat st;
	ssize_t n;

	if (end + strlen(name) + 2 > sizeof(path))
		return;
	path[end] = '/';
	strcpy(path + end + 1, name);
	seen.files++;
	look_text("bytes of elsewhere in a name", name, strlen(name));
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		failed(errno, "lstat");
	} else {
		if (statx(dir, name, AT_SYMLINK_NOFOLLOW, ~0u & ~STATX__RESERVED, &stx))
			failed(errno, "statx");
		else if (stx.stx_ino != st.st_ino || stx.stx_size != (uint64_t)st.st_size)
			failed(EIO, "stat and statx differ");
		if (by_path && st.st_ino <= opt.handles)
			by_path[st.st_ino] = 1;
		walk_xattrs(path);
		walk_handle(dir, name, &st);
		if (S_ISLNK(st.st_mode)) {
			n = readlinkat(dir, name, target, sizeof(target));
			if (n < 0)
				failed(errno, "readlink");
			else
				look_text("bytes of elsewhere in a target", target, n);
		}
		if (S_ISREG(st.st_mode))
			walk_file(openat(dir, name,
					 O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
		if (S_ISDIR(st.st_mode))
			walk_dir(dir, name, depth + 1);
	}
	path[end] = 0;
}

/* Goes back to some places and reads on from there. */
static void seek_back(DIR *dir, const long *marks, char (*names)[256], int count)
{
	struct dirent *de;
	int i;

	for (i = count - 1; i >= 0; i -= 3) {
		seekdir(dir, marks[i]);
		errno = 0;
		de = readdir(dir);
		if (!de && errno)
			failed(errno, "readdir after seekdir");
		else if (opt.mode == WALK_EXACT && (!de || strcmp(de->d_name, names[i])))
			failed(EIO, "seekdir leads to another entry");
	}
	rewinddir(dir);
	errno = 0;
	if (!readdir(dir) && errno)
		failed(errno, "readdir after rewinddir");
}

static void walk_dir(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
	    count = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char(*names)[256] = calloc(MARKS, sizeof(*names));
	struct dirent *de;
	long marks[MARKS], mark;

	if (!dir || !names) {
		failed(errno, "opendir");
		if (fd >= 0 && !dir)
			close(fd);
		goto out;
	}
	seen.dirs++;
	while (depth < DEPTH_MAX && step()) {
		mark = telldir(dir);
		errno = 0;
		de = readdir(dir);
		if (!de) {
			if (errno)
				failed(errno, "readdir");
			break;
		}
		if (count < MARKS) {
			marks[count] = mark;
			strcpy(names[count++], de->d_name);
		}
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			walk_entry(fd, de->d_name, depth);
	}
	seek_back(dir, marks, names, count);
out:
	if (dir)
		closedir(dir);
	free(names);
}

void walk_add(struct walk_result *sum, const struct walk_result *one)
{
	sum->stopped |= one->stopped;
	sum->steps += one->steps;
	sum->files += one->files;
	sum->dirs += one->dirs;
	sum->bytes += one->bytes;
	sum->leaks += one->leaks;
	sum->errors += one->errors;
	for (int i = 0; i < WALK_ERRNOS; i++)
		sum->error_counts[i] += one->error_counts[i];
}

void walk_print(const struct walk_result *result)
{
	int i;

	printf("walker: %llu files, %llu directories, %llu bytes, %llu errors",
	       (unsigned long long)result->files, (unsigned long long)result->dirs,
	       (unsigned long long)result->bytes, (unsigned long long)result->errors);
	for (i = 0; i < WALK_ERRNOS; i++)
		if (result->error_counts[i])
			printf(", %llu %s", (unsigned long long)result->error_counts[i],
			       i == EFAULT ? "SIGBUS" :
			       i	   ? strerrorname_np(i) :
					     "other");
	printf("%s\n", result->stopped ? ", stopped after enough steps" : "");
}

void walk(const struct walk_options *options, const char *dir, struct walk_result *result)
{
	struct sigaction act = { .sa_handler = on_bus, .sa_flags = SA_NODEFER };

	opt = *options;
	memset(&seen, 0, sizeof(seen));
	sigaction(SIGBUS, &act, NULL);
	snprintf(path, sizeof(path), "%s", dir);
	by_path = opt.handles ? calloc(opt.handles + 1ull, 1) : NULL;
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		failed(errno, "open");
	walk_xattrs(path);
	walk_dir(AT_FDCWD, path, 0);
	walk_numbers();
	if (root >= 0)
		close(root);
	free(by_path);
	by_path = NULL;
	if (seen.leaks > 20)
		fprintf(stderr, "walker: %llu places in all\n",
			(unsigned long long)seen.leaks);
	*result = seen;
}
