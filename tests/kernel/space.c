// SPDX-License-Identifier: GPL-2.0-only
/*
 * space WHAT ARGUMENT...: calls that fail for want of space or of the right to
 * write, and sizes at the end of the range. The table at the end says what
 * there is.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define PROGRAM "space"
#include "calls.h"

#define PAGE 4096
#define LAST INT64_MAX		/* of loff_t */

static const char *path_in(const char *dir, const char *name)
{
	static char path[4200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* ---- what a call that fails leaves as it was ---- */

/* FILE of four pages: private pages stay, whatever is refused after COMMAND has frozen the branch. */
static void refused(char **arg)
{
	int fd = open_or_fail(arg[0], O_RDWR);
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	const struct {
		const char *what;
		int mode;
		off_t pos, len;
	} calls[] = {
		{ "ftruncate", -1, 100, 0 },
		{ "ftruncate", -1, 0, 0 },
		{ "ftruncate", -1, 1 << 20, 0 },
		{ "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE },
		{ "punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 2 * PAGE },
		{ "zero range", FALLOC_FL_ZERO_RANGE, 0, 5 * PAGE },
		{ "fallocate", 0, 0, 1 << 20 },
		{ "pwrite", -2, 10, 0 },
	};
	struct stat before, after;

	if (p == MAP_FAILED || fstat(fd, &before) || before.st_size < 4 * PAGE)
		fail("%s cannot be mapped", arg[0]);
	memset(p, 'P', 4 * PAGE);
	if (system(arg[1]))
		fail("%s has failed", arg[1]);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int err = calls[i].mode == -1 ? ftruncate(fd, calls[i].pos) :
			  calls[i].mode == -2 ? pwrite(fd, "new", 3, calls[i].pos) :
			  fallocate(fd, calls[i].mode, calls[i].pos, calls[i].len);

		if (err >= 0 || errno != EROFS)
			fail("%s %lld: %d %s, not EROFS", calls[i].what, (long long)calls[i].pos, err,
			     strerror(errno));
		for (size_t at = 0; at < 4 * PAGE; at++)
			if (p[at] != 'P')
				fail("%s %lld was refused, and byte %zu of the private copy is gone",
				     calls[i].what, (long long)calls[i].pos, at);
		if (fstat(fd, &after) || after.st_size != before.st_size ||
		    after.st_blocks != before.st_blocks ||
		    memcmp(&after.st_mtim, &before.st_mtim, sizeof(before.st_mtim)) ||
		    memcmp(&after.st_ctim, &before.st_ctim, sizeof(before.st_ctim)))
			fail("%s %lld was refused, and stat says something else", calls[i].what,
			     (long long)calls[i].pos);
	}
}

/* fallocate has no space for that, and nothing has changed. */
static void refused_for_space(const char *path, int fd, int mode, off_t pos, off_t len)
{
	struct statfs fs_before, fs_after;
	struct stat before, after;
	static char old[1 << 20], now[1 << 20];
	ssize_t n;

	fsync(fd);
	n = pread(fd, old, sizeof(old), 0);
	if (fstat(fd, &before) || fstatfs(fd, &fs_before))
		fail("%s: %s", path, strerror(errno));
	if (!fallocate(fd, mode, pos, len) || errno != ENOSPC)
		fail("fallocate %d %lld %lld: %s, not ENOSPC", mode, (long long)pos, (long long)len,
		     strerror(errno));
	if (fstat(fd, &after) || fstatfs(fd, &fs_after))
		fail("%s: %s", path, strerror(errno));
	if (after.st_size != before.st_size)
		fail("%lld bytes have become %lld", (long long)before.st_size, (long long)after.st_size);
	if (after.st_blocks > before.st_blocks + 16)
		fail("%lld units have become %lld", (long long)before.st_blocks,
		     (long long)after.st_blocks);
	if (memcmp(&after.st_mtim, &before.st_mtim, sizeof(before.st_mtim)) ||
	    memcmp(&after.st_ctim, &before.st_ctim, sizeof(before.st_ctim)))
		fail("its times have changed");
	/* A chunk of the log, and the rest of one of data. */
	if (fs_after.f_bfree + 64 < fs_before.f_bfree)
		fail("%llu free blocks have become %llu", (unsigned long long)fs_before.f_bfree,
		     (unsigned long long)fs_after.f_bfree);
	if (pread(fd, now, sizeof(now), 0) != n || memcmp(old, now, n > 0 ? n : 0))
		fail("its contents have changed");
}

/* FILE and more BYTES than there are, in each mode and from more than one place. */
static void too_much(char **arg)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	static const off_t places[] = { 0, 1000, 123456 };
	int fd = open_or_fail(arg[0], O_RDWR);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (size_t j = 0; j < sizeof(places) / sizeof(places[0]); j++)
			refused_for_space(arg[0], fd, modes[i], places[j], strtoll(arg[1], NULL, 0));
}

/* ---- zeros in a range ---- */

static char wanted[200000];

/* The file is as wanted, seen through read and through a mapping that has been there before. */
static void expect_wanted(int fd, const char *map, off_t size, const char *what, off_t pos, off_t len)
{
	static char now[sizeof(wanted)];

	if (pread(fd, now, sizeof(now), 0) != size)
		fail("%s %lld %lld: it is not %lld bytes", what, (long long)pos, (long long)len,
		     (long long)size);
	if (memcmp(now, wanted, size))
		fail("%s %lld %lld: read shows other bytes", what, (long long)pos, (long long)len);
	if (memcmp(map, wanted, size))
		fail("%s %lld %lld: the mapping shows other bytes", what, (long long)pos, (long long)len);
}

/* FILE of 100,000 bytes. */
static void zeros(char **arg)
{
	static const struct {
		off_t pos, len;
	} at[] = { { 10, 20 },	     { 4000, 200 }, { 8192, 4096 },  { 12000, 30000 },
		   { 0, 5000 },	     { 90000, 10000 }, { 99999, 1 } };
	int fd = open_or_fail(arg[0], O_RDWR);
	off_t size = pread(fd, wanted, sizeof(wanted), 0);
	char *map = mmap(NULL, sizeof(wanted), PROT_READ, MAP_SHARED, fd, 0);

	if (size != 100000 || map == MAP_FAILED)
		fail("%s: %lld bytes, or no mapping", arg[0], (long long)size);
	expect_wanted(fd, map, size, "at first", 0, 0);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		off_t pos = at[i].pos, len = at[i].len;

		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len))
			fail("punch: %s", strerror(errno));
		memset(wanted + pos, 0, len);
		expect_wanted(fd, map, size, "punch", pos, len);
		pos = pos / 2 + 7;
		if (fallocate(fd, FALLOC_FL_ZERO_RANGE, pos, len))
			fail("zero range: %s", strerror(errno));
		memset(wanted + pos, 0, len);
		expect_wanted(fd, map, size, "zero range", pos, len);
	}
	if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 99000, 5000))
		fail("zero range past the end: %s", strerror(errno));
	memset(wanted + 99000, 0, 5000);
	expect_wanted(fd, map, 104000, "zero range", 99000, 5000);
}

/* ---- the end of the range ---- */

static const char *dir;

static void say(const char *what, long long pos, long long len, long long got)
{
	printf("%s %#llx %#llx: ", what, pos, len);
	if (got < 0)
		printf("%s", strerrorname_np(errno));
	else
		printf("%#llx", got);
}

static int new_file(void)
{
	return open_or_fail(path_in(dir, "limits"), O_RDWR | O_CREAT | O_TRUNC);
}

/* The file goes: how long it is, and with seeks where its data are. */
static void gone(int fd, int seeks)
{
	struct stat st;

	fstat(fd, &st);
	printf(", size %#llx", (long long)st.st_size);
	/* What a tmpfs has in the last page of all it does not find. */
	if (st.st_size > LAST - PAGE + 1) {
		off_t hole = lseek(fd, 0, SEEK_HOLE), data = lseek(fd, st.st_size - 1, SEEK_DATA);
		char c = 0;

		if (hole < 0 || (data < 0 ? errno != ENXIO : data != st.st_size - 1))
			printf(", hole %lld, data %lld", (long long)hole, (long long)data);
		if (pread(fd, &c, 1, st.st_size - 1) != 1)
			printf(", the last byte cannot be read");
		printf(", last %d", c);
		goto out;
	}
	if (!seeks)
		goto out;
	say(", hole", 0, 0, lseek(fd, 0, SEEK_HOLE));
	say(", data", 0, 0, lseek(fd, 0, SEEK_DATA));
	say(", hole", st.st_size - 1, 0, lseek(fd, st.st_size - 1, SEEK_HOLE));
	say(", data", st.st_size - 1, 0, lseek(fd, st.st_size - 1, SEEK_DATA));
	say(", end", 0, 0, lseek(fd, 0, SEEK_END));
out:
	printf("\n");
	close(fd);
	unlink(path_in(dir, "limits"));
}

static void map_last(int fd, off_t pos)
{
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, pos), c = 0;

	if (p == MAP_FAILED) {
		say(", mmap", pos, PAGE, -1);
		return;
	}
	p[7] = 'm';
	if (pread(fd, &c, 1, pos + 7) != 1 || c != 'm')
		printf(", mmap %#llx: the store is not there", (long long)pos);
	munmap(p, PAGE);
}

/* DIR: one line for each call, to be compared with what a tmpfs says. */
static void limits(char **arg)
{
	static const off_t ends[] = { LAST, LAST - 1, LAST - PAGE + 1, LAST - PAGE, LAST - 2 * PAGE + 1,
				      LAST - 2 * PAGE, LAST - 3 * PAGE, 1ll << 62, 1ll << 44 };
	static const off_t starts[] = { 0, LAST - 3 * PAGE + 1, LAST - PAGE, LAST - PAGE + 1, LAST - 0x7ff,
					LAST - 1, LAST };
	static const off_t lengths[] = { 1, 0x7ff, PAGE - 1, PAGE, 2 * PAGE, LAST - 1, LAST };
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE };
	int fd, small;
	char c;

	dir = arg[0];
	small = open_or_fail(path_in(dir, "small"), O_RDWR | O_CREAT | O_TRUNC);
	if (write(small, "0123456789", 10) != 10)
		fail("write: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		fd = new_file();
		say("truncate", ends[i], 0, ftruncate(fd, ends[i]));
		map_last(fd, (ends[i] - 1) & -PAGE);
		map_last(fd, (ends[i] - 1 - PAGE) & -PAGE);
		gone(fd, 1);
		fd = new_file();
		say("truncate", ends[i], 0, ftruncate(fd, ends[i]));
		say(", shorter", ends[i] - 5000, 0, ftruncate(fd, ends[i] - 5000));
		say(", longer", ends[i], 0, ftruncate(fd, ends[i]));
		gone(fd, 1);
		for (size_t k = 0; k < 3; k++) {
			fd = new_file();
			say("pwrite", ends[i], k, pwrite(fd, "xy", k, ends[i]));
			say(", pread", ends[i], 1, pread(fd, &c, 1, ends[i]));
			gone(fd, 1);
		}
		fd = new_file();
		off_t to = ends[i], from = 0;
		say("copy", to, 10, copy_file_range(small, &from, fd, &to, 10, 0));
		from = ends[i];
		to = 0;
		say(", copy from", from, 10, copy_file_range(small, &from, fd, &to, 10, 0));
		gone(fd, 1);
	}
	for (size_t m = 0; m < 3; m++)
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
			for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
				for (off_t size = 0; size >= 0; size = size ? size == LAST ? -1 : LAST : 5000) {
					fd = new_file();
					if (size == LAST && ftruncate(fd, LAST))
						fail("ftruncate: %s", strerror(errno));
					if (size && pwrite(fd, "x", 1, size - 1) != 1)
						fail("pwrite: %s", strerror(errno));
					printf("mode %d of %#llx ", modes[m], (long long)size);
					say("fallocate", starts[i], lengths[k],
					    fallocate(fd, modes[m], starts[i], lengths[k]));
					/* Blocks that nothing was written to are data here, holes of a tmpfs. */
					gone(fd, modes[m] & FALLOC_FL_PUNCH_HOLE);
				}
	unlink(path_in(dir, "small"));
}

/* DIR: what a tmpfs does not have says nothing but what it may. */
static void limits_more(char **arg)
{
	static const off_t starts[] = { 0, 100, LAST - 3 * PAGE + 1, LAST - PAGE, LAST - PAGE + 1, LAST - 0x7ff,
					LAST - 1, LAST };
	static const off_t lengths[] = { 1, 0x7ff, PAGE - 1, PAGE, 2 * PAGE, LAST - 1, LAST };
	union {
		struct fiemap map;
		char bytes[4096];
	} f;
	int fd;

	dir = arg[0];
	for (int keep = 0; keep < 2; keep++)
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
			for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
				fd = new_file();
				if (fallocate(fd, FALLOC_FL_ZERO_RANGE | keep, starts[i], lengths[k]) &&
				    errno != ENOSPC && errno != EFBIG)
					fail("zero range %#llx %#llx: %s", (long long)starts[i],
					     (long long)lengths[k], strerror(errno));
				memset(&f, 0, sizeof(f));
				f.map.fm_start = starts[i];
				f.map.fm_length = lengths[k];
				f.map.fm_extent_count = 16;
				if (ioctl(fd, FS_IOC_FIEMAP, &f) && errno != EFBIG)
					fail("fiemap %#llx %#llx: %s", (long long)starts[i],
					     (long long)lengths[k], strerror(errno));
				f.map.fm_start = 0;
				f.map.fm_length = ~0ull;
				if (ioctl(fd, FS_IOC_FIEMAP, &f))
					fail("fiemap: %s", strerror(errno));
				close(fd);
			}
	unlink(path_in(dir, "limits"));
}

/* ---- space that is about to come back ---- */

#define AGAIN 300

static char long_name[220];

static const char *numbered(int i)
{
	sprintf(long_name + 200, "%d", i);
	return path_in(dir, long_name);
}

static int do_create(int i)
{
	int fd = open(numbered(i), O_WRONLY | O_CREAT | O_EXCL, 0644);

	return fd < 0 ? fd : close(fd);
}

static int do_mkdir(int i)
{
	return mkdir(numbered(i), 0755);
}

static int do_symlink(int i)
{
	return symlink(long_name, numbered(i));
}

static int do_link(int i)
{
	char old[4200];

	snprintf(old, sizeof(old), "%s/old", dir);
	return link(old, numbered(i));
}

static int do_rename(int i)
{
	char from[4200];

	strcpy(from, i ? numbered(i - 1) : path_in(dir, "old"));
	return rename(from, numbered(i));
}

static int do_setxattr(int i)
{
	char name[32], value[1000];

	memset(value, i, sizeof(value));
	sprintf(name, "trusted.%d", i);
	return setxattr(path_in(dir, "old"), name, value, sizeof(value), 0);
}

static int do_acl(int i)
{
	/* Version 2: user::rwx user:I:r-- group::r-- mask::r-- other::r-- */
	unsigned int acl[] = { 2, 7 << 16 | 1, -1u, 4 << 16 | 2, i, 4 << 16 | 4, -1u, 4 << 16 | 16, -1u,
			       4 << 16 | 32, -1u };

	return setxattr(path_in(dir, "old"), "system.posix_acl_access", acl, sizeof(acl), 0);
}

static int do_setattr(int i)
{
	return chmod(path_in(dir, "old"), i & 0777);
}

static int do_truncate(int i)
{
	return truncate(path_in(dir, "old"), i * 1000);
}

static int do_tmpfile(int i)
{
	(void)i;
	return open(dir, O_TMPFILE | O_RDWR, 0600) < 0 ? -1 : 0;
}

static int do_unlink(int i)
{
	char name[16];

	sprintf(name, "many/%d", i);
	return unlink(path_in(dir, name));
}

static int do_allocate(int i)
{
	static int fd = -1;

	if (fd < 0)
		fd = open_or_fail(path_in(dir, "old"), O_RDWR);
	return fallocate(fd, 0, (off_t)i * 8 * PAGE, PAGE);
}

static int do_write(int i)
{
	static int fd = -1;

	if (fd < 0)
		fd = open_or_fail(path_in(dir, "old"), O_RDWR);
	return pwrite(fd, "x", 1, (off_t)i * 8 * PAGE) == 1 ? 0 : -1;
}

static const struct {
	const char *name;
	int (*call)(int i);
} calls[] = {
	{ "create", do_create },     { "mkdir", do_mkdir },	  { "symlink", do_symlink },
	{ "link", do_link },	     { "rename", do_rename },	  { "setxattr", do_setxattr },
	{ "acl", do_acl },	     { "setattr", do_setattr },	  { "truncate", do_truncate },
	{ "tmpfile", do_tmpfile },   { "unlink", do_unlink },	  { "fallocate", do_allocate },
	{ "write", do_write },
};

/* DIR CALL: in a branch that is aborted when it has filled everything; then CALL, AGAIN times, at once. */
static void at_once(char **arg)
{
	int fd = open_or_fail(arg[0], O_RDONLY | O_DIRECTORY), full;
	static char data[1 << 20];
	int (*call)(int i) = NULL;

	dir = arg[0];
	memset(long_name, 'n', 200);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, arg[1]))
			call = calls[i].call;
	if (!call)
		fail("no such call");
	branch(fd, DAXFS_IOC_BRANCH_CREATE, "full", "", 0);
	full = open_or_fail(path_in(dir, "full"), O_WRONLY | O_CREAT);
	for (size_t size = sizeof(data); size; size /= 8)
		while (write(full, data, size) > 0)
			;
	if (errno != ENOSPC)
		fail("write: %s", strerror(errno));
	close(full);
	branch(fd, DAXFS_IOC_BRANCH_ABORT, "", "", 0);
	for (int i = 0; i < AGAIN; i++)
		if (call(i))
			fail("%s %d: %s", arg[1], i, strerror(errno));
}

/* FILE: writes until there is no more room; how many blocks went in. */
static void write_all(char **arg)
{
	int fd = open_or_fail(arg[0], O_WRONLY | O_CREAT | O_TRUNC);
	static char data[1 << 16];
	long long blocks = 0;
	ssize_t n;

	for (size_t size = sizeof(data); size >= PAGE; size /= 2)
		while ((n = write(fd, data, size)) > 0)
			blocks += n / PAGE;
	if (errno != ENOSPC)
		fail("write: %s", strerror(errno));
	printf("%lld\n", blocks);
}

static const struct {
	const char *name;
	int arguments;
	void (*run)(char **arg);
} table[] = {
	{ "refused", 2, refused },	   { "too-much", 2, too_much }, { "limits", 1, limits },
	{ "limits-more", 1, limits_more }, { "at-once", 2, at_once },	{ "write-all", 1, write_all },	{ "zeros", 1, zeros },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(argv[1], table[i].name) && argc == 2 + table[i].arguments) {
			table[i].run(argv + 2);
			return 0;
		}
	fputs("usage: space WHAT ARGUMENT...\n", stderr);
	return 2;
}
