// SPDX-License-Identifier: GPL-2.0-only
/*
 * walker [--strict | --exact] DIR: uses a mounted tree in all ways that a
 * reader can, and looks at every byte that it is shown.
 *
 * Errors are what a damaged image may give; they are counted. What must not be
 * is a byte that no test file ever held (record.h): it came from outside of
 * the image's data. Then the exit status is 1 and the file is named.
 *
 * --strict is for images that "validate" let through: a file shows records of
 * one file only, at their place within the block. Blocks may have moved: an
 * image that says so is another image, not a broken one.
 * --exact is for images that nobody damaged: records of one file, each where
 * it belongs, and no error at all.
 */
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
#include "record.h"

#define DEPTH_MAX 64
#define STEPS_MAX 500000
#define FILE_MAX (16u << 20) /* bytes read of one file */
#define MAP_LOOK (256u << 10) /* bytes looked at in a mapping; of the rest one per page */
#define PAGE 4096u
#define MARKS 64

static enum { ANY, STRICT, EXACT } mode;
static uint64_t steps, files, dirs, bytes, leaks, errors;
static uint64_t error_counts[140]; /* by errno */
static char path[DEPTH_MAX * 260];

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
	errors++;
	error_counts[err > 0 && err < 140 ? err : 0]++;
	if (mode == EXACT)
		fprintf(stderr, "walker: %s: %s: %s\n", path, what, strerror(err));
}

static void leak(uint64_t pos, const uint8_t *data, size_t n, const char *why)
{
	size_t i;

	/* One line per place, but not for every byte of a large one. */
	if (leaks++ >= 20)
		return;
	fprintf(stderr, "walker: %s: %s at %llu:", path, why, (unsigned long long)pos);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %02x", data[i]);
	fputc('\n', stderr);
}

/* Which file's records this file has shown so far. */
struct shown {
	bool any;
	uint32_t file;
};

/* n bytes that the file shows at pos, which is a multiple of the record size. */
static void look(struct shown *shown, uint64_t pos, const uint8_t *data, size_t n)
{
	struct record rec;
	size_t i, len;

	bytes += n;
	for (i = 0; i < n; i += len) {
		len = n - i < RECORD_SIZE ? n - i : RECORD_SIZE;
		switch (record_read(data + i, len, &rec)) {
		case RECORD_ALIEN:
			leak(pos + i, data + i, len, "bytes of no file");
			continue;
		case RECORD_WHOLE:
			break;
		default:
			continue;
		}
		if (mode == ANY)
			continue;
		if (shown->any && shown->file != rec.file)
			leak(pos + i, data + i, len, "bytes of another file");
		shown->any = true;
		shown->file = rec.file;
		if (rec.offset % PAGE != (pos + i) % PAGE ||
		    (mode == EXACT && rec.offset != pos + i))
			leak(pos + i, data + i, len, "bytes of another place");
	}
}

static uint8_t buf[64 << 10];

static void read_at(int fd, struct shown *shown, uint64_t pos, uint64_t end)
{
	ssize_t n;
	size_t want;

	while (pos < end && steps++ < STEPS_MAX) {
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
		if (i < MAP_LOOK) {
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
	if (len > FILE_MAX || len < size) {
		map_at(fd, shown, 0, FILE_MAX, MAP_SHARED);
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

	for (n = 0; n < 1000 && steps++ < STEPS_MAX; n++) {
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

	for (rounds = 0; rounds < 64 && steps++ < STEPS_MAX; rounds++) {
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

static void walk_file(int dir, const char *name)
{
	struct shown shown = { 0 };
	struct stat st;
	uint64_t size;
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st)) {
		failed(errno, "open");
		if (fd >= 0)
			close(fd);
		return;
	}
	if (S_ISREG(st.st_mode)) {
		size = st.st_size;
		read_at(fd, &shown, 0, size < FILE_MAX ? size : FILE_MAX);
		if (size > FILE_MAX)
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
	ssize_t n = llistxattr(full, names, sizeof(names)), at;

	if (n < 0) {
		if (errno != ENOTSUP)
			failed(errno, "listxattr");
		return;
	}
	for (at = 0; at < n && steps++ < STEPS_MAX;
	     at += strnlen(names + at, n - at) + 1) {
		if (names[n - 1]) {
			failed(EIO, "list of xattrs without an end");
			return;
		}
		if (lgetxattr(full, names + at, value, sizeof(value)) < 0)
			failed(errno, names + at);
		if (lgetxattr(full, names + at, NULL, 0) < 0)
			failed(errno, names + at);
	}
	if (lgetxattr(full, "user.not-there", value, sizeof(value)) >= 0)
		failed(EIO, "an xattr that nobody gave");
	else if (errno != ENODATA && errno != ENOTSUP && errno != EPERM)
		failed(errno, "user.not-there");
}

static void walk_dir(int parent, const char *name, int depth);

static void walk_entry(int dir, const char *name, int depth)
{
	size_t end = strlen(path);
	char target[4200];
	struct stat st;

	if (end + strlen(name) + 2 > sizeof(path))
		return;
	path[end] = '/';
	strcpy(path + end + 1, name);
	files++;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		failed(errno, "lstat");
	} else {
		walk_xattrs(path);
		if (S_ISLNK(st.st_mode) &&
		    readlinkat(dir, name, target, sizeof(target)) < 0)
			failed(errno, "readlink");
		if (S_ISREG(st.st_mode))
			walk_file(dir, name);
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
		else if (mode == EXACT && (!de || strcmp(de->d_name, names[i])))
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
	dirs++;
	while (depth < DEPTH_MAX && steps++ < STEPS_MAX) {
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

static void print_summary(void)
{
	int i;

	printf("walker: %llu files, %llu directories, %llu bytes, %llu errors",
	       (unsigned long long)files, (unsigned long long)dirs,
	       (unsigned long long)bytes, (unsigned long long)errors);
	for (i = 0; i < 140; i++)
		if (error_counts[i])
			printf(", %llu %s", (unsigned long long)error_counts[i],
			       i == EFAULT ? "SIGBUS" :
			       i	   ? strerrorname_np(i) :
					     "other");
	printf("%s\n", steps >= STEPS_MAX ? ", stopped after enough steps" : "");
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_bus, .sa_flags = SA_NODEFER };
	struct stat st;

	if (argc == 3 && !strcmp(argv[1], "--strict"))
		mode = STRICT;
	else if (argc == 3 && !strcmp(argv[1], "--exact"))
		mode = EXACT;
	else if (argc != 2 || argv[1][0] == '-') {
		fputs("usage: walker [--strict | --exact] DIR\n", stderr);
		return 2;
	}
	if (strlen(argv[argc - 1]) > 4000 ||
	    (stat(argv[argc - 1], &st) && errno == ENOENT)) {
		fprintf(stderr, "walker: %s: no such directory\n", argv[argc - 1]);
		return 2;
	}
	sigaction(SIGBUS, &act, NULL);
	strcpy(path, argv[argc - 1]);
	walk_xattrs(path);
	walk_dir(AT_FDCWD, path, 0);
	print_summary();
	if (leaks > 20)
		fprintf(stderr, "walker: %llu places in all\n",
			(unsigned long long)leaks);
	return leaks || (mode == EXACT && errors);
}
