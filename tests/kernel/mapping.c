// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapping WHAT FILE...: one property of writable mappings of a file. Silent and
 * 0 when it holds, else one sentence and 1. The table at the end says what
 * there is, and how long FILE must be.
 */
#define _GNU_SOURCE
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define PROGRAM "mapping"
#include "pages.h"

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

static int open_whole(const char *path, size_t least)
{
	int fd = open_or_fail(path, O_RDWR);
	struct stat st;

	if (fstat(fd, &st) || (size_t)st.st_size < least)
		fail("%s is too short: nothing to try", path);
	return fd;
}

static void read_at(int fd, void *buf, size_t len, off_t at)
{
	if (pread(fd, buf, len, at) != (ssize_t)len)
		fail("pread of %zu at %lld: %s", len, (long long)at, strerror(errno));
}

static void write_at(int fd, const void *buf, size_t len, off_t at)
{
	if (pwrite(fd, buf, len, at) != (ssize_t)len)
		fail("pwrite of %zu at %lld: %s", len, (long long)at, strerror(errno));
}

/* Where the block at pos is in the region; 0: nowhere. */
static uint64_t place(int fd, off_t pos)
{
	struct {
		struct fiemap head;
		struct fiemap_extent extent;
	} fm = { .head = { .fm_start = pos, .fm_length = PAGE, .fm_extent_count = 1 } };

	if (ioctl(fd, FS_IOC_FIEMAP, &fm))
		fail("fiemap: %s", strerror(errno));
	if (!fm.head.fm_mapped_extents || (off_t)fm.extent.fe_logical > pos)
		return 0;
	return fm.extent.fe_physical + (pos - fm.extent.fe_logical);
}

/* A process that waits for a byte, does what it is told, and says how it went. */
struct helper {
	pid_t pid;
	int go, done;
};

static struct helper start(int (*work)(volatile char *p), volatile char *p)
{
	int go[2], done[2];
	struct helper h;
	char byte = 0;

	if (pipe(go) || pipe(done))
		fail("pipe: %s", strerror(errno));
	h.pid = fork();
	if (!h.pid) {
		close(go[1]);
		close(done[0]);
		/* The first look, before anything is written. */
		(void)*p;
		if (write(done[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		byte = work(p);
		_exit(write(done[1], &byte, 1) != 1);
	}
	close(go[0]);
	close(done[1]);
	h.go = go[1];
	h.done = done[0];
	if (h.pid < 0 || read(h.done, &byte, 1) != 1)
		fail("the other process does not start");
	return h;
}

static void tell(struct helper *h)
{
	if (write(h->go, "", 1) != 1)
		fail("the other process died");
}

static int finish(struct helper *h)
{
	char byte;
	int status;

	if (read(h->done, &byte, 1) != 1 ||
	    waitpid(h->pid, &status, 0) != h->pid || status)
		fail("the other process died");
	return byte;
}

/* ---- mapping and file are one ---- */

static int sees_x(volatile char *p)
{
	return p[10] == 'x' && p[PAGE] == 'y';
}

static void mapping_coherent(char **argv)
{
	int fd = open_whole(argv[0], 8 * PAGE);
	char *p = map_shared(fd, 8 * PAGE), buf[64];
	struct helper h = start(sees_x, p + 2 * PAGE);

	/* Both blocks of the base were looked at, here and there, before. */
	(void)*(volatile char *)(p + 2 * PAGE);
	(void)*(volatile char *)(p + 3 * PAGE);
	p[2 * PAGE + 10] = 'x';
	read_at(fd, buf, 1, 2 * PAGE + 10);
	if (buf[0] != 'x')
		fail("read does not see what the mapping wrote");
	write_at(fd, "y", 1, 3 * PAGE);
	if (p[3 * PAGE] != 'y')
		fail("the mapping does not see what write wrote");
	tell(&h);
	if (!finish(&h))
		fail("another process's mapping does not see what was written");
	/* Own blocks now: again, in both directions. */
	p[2 * PAGE + 11] = 'z';
	read_at(fd, buf, 2, 2 * PAGE + 10);
	write_at(fd, "zw", 2, 3 * PAGE);
	if (memcmp(buf, "xz", 2) || memcmp(p + 3 * PAGE, "zw", 2))
		fail("mapping and file differ in blocks of the branch");
	/* Without a look before. */
	p[5 * PAGE - 1] = 'q';
	write_at(fd, "0123456789", 10, 5 * PAGE - 3);
	if (memcmp(p + 5 * PAGE - 3, "0123456789", 10))
		fail("a write across two blocks is not in the mapping");
	/* A write whose buffer is the part of the mapping that it changes, and reading into it. */
	write_at(fd, p + 6 * PAGE, PAGE, 6 * PAGE + 1);
	read_at(fd, p + 7 * PAGE, 100, 7 * PAGE);
}

/* Touching a block copies it, and only it. */
static void mapping_one(char **argv)
{
	int fd = open_whole(argv[0], 8 * PAGE);
	uint64_t before[8];
	struct stat st, now;
	char *p = map_shared(fd, 8 * PAGE), text[8 * PAGE], again[8 * PAGE];

	read_at(fd, text, sizeof(text), 0);
	for (int i = 0; i < 8; i++)
		before[i] = place(fd, i * PAGE);
	fstat(fd, &st);
	p[3 * PAGE + 77]++;
	text[3 * PAGE + 77]++;
	for (int i = 0; i < 8; i++)
		if ((place(fd, i * PAGE) != before[i]) != (i == 3))
			fail("after the first write to block 3, block %d is at %#llx, before at %#llx",
			     i, (unsigned long long)place(fd, i * PAGE),
			     (unsigned long long)before[i]);
	before[3] = place(fd, 3 * PAGE);
	p[3 * PAGE]++;
	text[3 * PAGE]++;
	if (place(fd, 3 * PAGE) != before[3])
		fail("the second write to a block has copied it again");
	read_at(fd, again, sizeof(again), 0);
	if (memcmp(text, again, sizeof(text)))
		fail("a byte that nobody wrote has changed");
	fstat(fd, &now);
	if (now.st_blocks != st.st_blocks || now.st_size != st.st_size)
		fail("%lld blocks have become %lld", (long long)st.st_blocks,
		     (long long)now.st_blocks);
	if (now.st_mtim.tv_sec == st.st_mtim.tv_sec && now.st_mtim.tv_nsec == st.st_mtim.tv_nsec)
		fail("writing to the mapping left the time as it was");
}

static void mapping_private(char **argv)
{
	int fd = open_whole(argv[0], 4 * PAGE);
	char *p = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char text[4 * PAGE], again[4 * PAGE];
	uint64_t before = place(fd, PAGE);

	read_at(fd, text, sizeof(text), 0);
	memset(p + PAGE, 'p', 2 * PAGE);
	read_at(fd, again, sizeof(again), 0);
	if (memcmp(text, again, sizeof(text)))
		fail("writing to a private mapping has changed the file");
	if (place(fd, PAGE) != before)
		fail("writing to a private mapping has copied a block of the file");
	write_at(fd, "file", 4, PAGE);
	if (p[PAGE] != 'p' || p[3 * PAGE - 1] != 'p')
		fail("the private mapping has lost what was written to it");
	/* Nor when what it was copied from is no more. */
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE) ||
	    fallocate(fd, FALLOC_FL_ZERO_RANGE, 2 * PAGE, PAGE))
		fail("fallocate: %s", strerror(errno));
	if (p[PAGE] != 'p' || p[3 * PAGE - 1] != 'p')
		fail("punching the file has taken what was written to the private mapping");
	write_at(fd, text + PAGE, 2 * PAGE, PAGE);
}

/* ---- pages ---- */

static int wait_for_1(volatile char *p)
{
	volatile uint32_t *word = (volatile uint32_t *)p;
	struct timespec ten = { .tv_sec = 10 };

	while (*word == 0)
		if (syscall(SYS_futex, word, FUTEX_WAIT, 0, &ten, NULL, 0) && errno != EAGAIN)
			return errno;
	return 0;
}

static void mapping_futex(char **argv)
{
	int fd = open_whole(argv[0], 2 * PAGE), err;
	char zero[PAGE] = "";
	volatile uint32_t *word;
	struct helper h;
	struct timespec tick = { .tv_nsec = 1000000 };

	/* A block of the branch. */
	write_at(fd, zero, PAGE, PAGE);
	word = (volatile uint32_t *)(map_shared(fd, 2 * PAGE) + PAGE);
	h = start(wait_for_1, (volatile char *)word);
	tell(&h);
	/* The other one, still without a 1, waits again. */
	for (int i = 0; i < 5000; i++) {
		if (syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) == 1)
			goto woken;
		nanosleep(&tick, NULL);
	}
	fail("nobody waits on the futex that another process waits on");
woken:
	*word = 1;
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
	err = finish(&h);
	if (err)
		fail("waiting on a futex: %s", strerror(err));
}

/* FILE's mapping is what a direct read and a direct write elsewhere (DEVICE) use. */
static void mapping_direct(char **argv)
{
	int fd = open_whole(argv[0], 16 * PAGE);
	int device = open_or_fail(argv[1], O_RDWR | O_DIRECT);
	char *p = map_shared(fd, 16 * PAGE), *copy = aligned_alloc(PAGE, 16 * PAGE);
	char text[16 * PAGE];

	for (size_t i = 0; i < sizeof(text); i++)
		copy[i] = i * 7 + i / 256;
	if (pwrite(device, copy, 16 * PAGE, 0) != 16 * PAGE)
		fail("%s: %s", argv[1], strerror(errno));
	/* Into blocks of the base, which the direct read must copy first. */
	if (pread(device, p, 16 * PAGE, 0) != 16 * PAGE)
		fail("a direct read into the mapping: %s", strerror(errno));
	read_at(fd, text, sizeof(text), 0);
	if (memcmp(text, copy, sizeof(text)))
		fail("after a direct read into its mapping, the file has other bytes");
	p[5]++;
	if (pwrite(device, p, 16 * PAGE, 0) != 16 * PAGE)
		fail("a direct write from the mapping: %s", strerror(errno));
	if (pread(device, copy, 16 * PAGE, 0) != 16 * PAGE || memcmp(copy, p, 16 * PAGE))
		fail("a direct write from the mapping wrote something else");
}

/* A memory error in a page of the branch. Deleting the file is the caller's. */
static void mapping_poison(char **argv)
{
	int fd = open_whole(argv[0], 2 * PAGE);
	char *p = map_shared(fd, 2 * PAGE);

	p[0] = 1;
	/* The answer may be that nothing can be done. */
	if (madvise(p, PAGE, MADV_HWPOISON) && errno == EINVAL)
		_exit(SKIP);
}

/* ---- the end of the file ---- */

static void mapping_end(char **argv)
{
	int fd = open_whole(argv[0], 4 * PAGE);
	char *p = map_shared(fd, 4 * PAGE), buf[PAGE];

	memset(p, 'e', 4 * PAGE);
	if (ftruncate(fd, PAGE + 100))
		fail("truncate: %s", strerror(errno));
	for (int i = 100; i < PAGE; i++)
		if (p[PAGE + i])
			fail("byte %d after the new end is %d, not zero", i - 100, p[PAGE + i]);
	if (!faults(p + 2 * PAGE, 0) || !faults(p + 3 * PAGE, 1))
		fail("a page past the new end does not raise SIGBUS");
	/* What is stored behind the end is nothing. */
	memset(p + PAGE + 100, 'g', PAGE - 100);
	if (ftruncate(fd, 3 * PAGE))
		fail("truncate: %s", strerror(errno));
	read_at(fd, buf, PAGE, PAGE);
	for (int i = 0; i < PAGE; i++)
		if (buf[i] != (i < 100 ? 'e' : 0))
			fail("after an extension byte %d of the block is %d", i, buf[i]);
	if (faults(p + 2 * PAGE, 1) || p[2 * PAGE + 1])
		fail("a page that an extension brought is not there, or not zero");
	/* A write behind the end brings zeros, too. */
	if (ftruncate(fd, PAGE + 50))
		fail("truncate: %s", strerror(errno));
	memset(p + PAGE + 50, 'h', PAGE - 50);
	write_at(fd, "w", 1, 2 * PAGE + 5);
	read_at(fd, buf, PAGE, PAGE);
	for (int i = 50; i < PAGE; i++)
		if (buf[i])
			fail("after a write behind the end byte %d of the block is %d", i, buf[i]);
	/* A hole that is punched is seen as zeros, and can be written to. */
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE))
		fail("punch: %s", strerror(errno));
	if (p[0] || p[PAGE - 1])
		fail("the mapping shows what was punched away");
	p[1] = 'n';
	read_at(fd, buf, 2, 0);
	if (buf[0] || buf[1] != 'n')
		fail("a write to the mapping of a hole is lost");
}

/* A mapping of the old end, which a write behind it replaces. */
static void mapping_behind(char **argv)
{
	int fd = open_whole(argv[0], 2 * PAGE + 100);
	char *p = map_shared(fd, 3 * PAGE), buf[2];
	struct stat before, after;
	off_t far = 100 * PAGE;

	/* A store that faults for ever is to be seen as a failure. */
	alarm(60);
	fstat(fd, &before);
	(void)*(volatile char *)(p + 2 * PAGE);
	munmap(p, PAGE);
	if (pwrite(fd, p, 1, far) != -1 || errno != EFAULT)
		fail("a write of what is not there does not fail");
	fstat(fd, &after);
	if (after.st_size != before.st_size)
		fail("a write that failed has left %lld bytes of %lld", (long long)after.st_size,
		     (long long)before.st_size);
	write_at(fd, "x", 1, far);
	fstat(fd, &after);
	if (after.st_size != far + 1)
		fail("after a write behind the end there are %lld bytes", (long long)after.st_size);
	write_at(fd, "y", 1, 2 * PAGE + 10);
	if (p[2 * PAGE + 10] != 'y')
		fail("the mapping of the old end does not see what write wrote");
	p[2 * PAGE + 11] = 'z';
	read_at(fd, buf, 2, 2 * PAGE + 10);
	if (memcmp(buf, "yz", 2))
		fail("read does not see what the mapping of the old end wrote");
}

/* Zeros that stood for a hole, and blocks that fallocate put into it. */
static void mapping_allocate(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDWR | O_CREAT | O_TRUNC);
	struct stat st, after;
	char *p;

	if (ftruncate(fd, 4 * PAGE))
		fail("truncate: %s", strerror(errno));
	p = map_shared(fd, 4 * PAGE);
	for (int i = 0; i < 4; i++)
		if (p[i * PAGE])
			fail("a hole is not zero");
	if (fallocate(fd, 0, 100, PAGE))
		fail("fallocate: %s", strerror(errno));
	write_at(fd, "a", 1, 200);
	write_at(fd, "b", 1, PAGE + 200);
	if (p[200] != 'a' || p[PAGE + 200] != 'b')
		fail("the mapping does not see what write wrote to blocks of fallocate");
	/* More than there is changes nothing; see space.c for the rest of it. */
	if (fstat(fd, &st) || !fallocate(fd, 0, 0, 1ll << 40) || errno != ENOSPC)
		fail("fallocate of a TiB does not say that there is no space");
	if (fstat(fd, &after) || after.st_size != st.st_size || after.st_blocks != st.st_blocks ||
	    p[200] != 'a' || p[PAGE + 200] != 'b')
		fail("fallocate without space has changed the file");
	close(fd);
	if (ftruncate(open_or_fail(argv[0], O_RDWR), 0))
		fail("truncate: %s", strerror(errno));
}

/* Blocks behind the end are no pages, whatever is touched before it. */
static void mapping_around(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDWR | O_CREAT | O_TRUNC);
	char *p;

	/* All in one piece. */
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 16 * PAGE))
		fail("fallocate: %s", strerror(errno));
	write_at(fd, "around", 6, PAGE);
	p = map_shared(fd, 16 * PAGE);
	if (p[0] || p[PAGE] != 'a')
		fail("the mapping shows something else");
	for (int i = 2; i < 16; i++)
		if (!faults(p + i * PAGE, 0))
			fail("page %d, behind the end, does not raise SIGBUS", i);
}

/* userfaultfd notes writes to pages that may not be there yet. */
static void mapping_protect(char **argv)
{
	int fd = open_whole(argv[0], 4 * PAGE);
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char *p = map_shared(fd, 4 * PAGE), buf;
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register range = { .range = { (unsigned long)p, 4 * PAGE },
					 .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect protect = { .range = range.range,
					       .mode = UFFDIO_WRITEPROTECT_MODE_WP };

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		_exit(SKIP);
	if (ioctl(uffd, UFFDIO_REGISTER, &range))
		fail("userfaultfd cannot be registered: %s", strerror(errno));
	alarm(60);
	/* One that was written, one that was read, two that are not there. */
	p[0] = 1;
	(void)*(volatile char *)(p + PAGE);
	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &protect))
		fail("write-protecting: %s", strerror(errno));
	(void)*(volatile char *)(p + 2 * PAGE);
	for (int i = 0; i < 4; i++) {
		p[i * PAGE + 9] = 'u';
		read_at(fd, &buf, 1, i * PAGE + 9);
		if (buf != 'u')
			fail("a write to page %d is lost", i);
	}
}

/* ---- what others are told ---- */

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_nsec = ms * 1000000 };

	nanosleep(&ts, NULL);
}

/* Each store after an msync is seen in the time of the file. */
static void mapping_times(char **argv)
{
	int fd = open_whole(argv[0], 4 * PAGE);
	char *p = map_shared(fd, 4 * PAGE);
	struct stat before, after;

	for (int i = 0; i < 4; i++) {
		fstat(fd, &before);
		/* Longer than a tick, by which time goes on. */
		sleep_ms(30);
		p[PAGE] = i;
		/* A part of the file, and all of it. */
		if (i % 2 ? msync(p + PAGE, PAGE, MS_SYNC) : fsync(fd))
			fail("msync: %s", strerror(errno));
		fstat(fd, &after);
		if (after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
		    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
			fail("store number %d left the time as it was", i + 1);
	}
	if (p[PAGE] != 3)
		fail("a store is lost");
}

static struct fiemap *extents(int fd, uint64_t start, uint64_t len)
{
	struct fiemap *fm = calloc(1, sizeof(*fm) + 20 * sizeof(fm->fm_extents[0]));

	fm->fm_start = start;
	fm->fm_length = len;
	fm->fm_extent_count = 20;
	if (ioctl(fd, FS_IOC_FIEMAP, fm))
		fail("fiemap: %s", strerror(errno));
	return fm;
}

static void expect_extent(const struct fiemap *fm, unsigned int i, uint64_t block, uint64_t count,
			  uint32_t flags)
{
	const struct fiemap_extent *fe = &fm->fm_extents[i];

	if (i >= fm->fm_mapped_extents)
		fail("no extent %u", i);
	if (fe->fe_logical != block * PAGE || fe->fe_length != count * PAGE || fe->fe_flags != flags)
		fail("extent %u is %llu+%llu flags %#x, not blocks %llu+%llu flags %#x", i,
		     (unsigned long long)fe->fe_logical, (unsigned long long)fe->fe_length,
		     fe->fe_flags, (unsigned long long)block, (unsigned long long)count, flags);
}

/* OLD, 8 blocks of the base, and NEW: whose blocks they are, and which is the last. */
static void mapping_extents(char **argv)
{
	int old = open_whole(argv[0], 8 * PAGE);
	int new = open_or_fail(argv[1], O_RDWR | O_CREAT | O_TRUNC);
	char text[2 * PAGE];
	struct fiemap *fm;

	memset(text, 't', sizeof(text));
	write_at(old, text, 2 * PAGE, 2 * PAGE);
	fm = extents(old, 0, 8 * PAGE);
	expect_extent(fm, 0, 0, 2, FIEMAP_EXTENT_SHARED);
	expect_extent(fm, 1, 2, 2, 0);
	if (fm->fm_extents[2].fe_logical != 4 * PAGE ||
	    !(fm->fm_extents[2].fe_flags & FIEMAP_EXTENT_SHARED))
		fail("the rest is not the base's");
	/* A part of the file ends before its last extent does. */
	fm = extents(old, 0, PAGE);
	expect_extent(fm, 0, 0, 2, FIEMAP_EXTENT_SHARED);

	write_at(new, text, 2 * PAGE, 0);
	if (fallocate(new, 0, 2 * PAGE, 2 * PAGE) ||
	    fallocate(new, FALLOC_FL_KEEP_SIZE, 10 * PAGE, 3 * PAGE))
		fail("fallocate: %s", strerror(errno));
	fm = extents(new, 0, FIEMAP_MAX_OFFSET);
	expect_extent(fm, 0, 0, 2, 0);
	expect_extent(fm, 1, 2, 2, FIEMAP_EXTENT_UNWRITTEN);
	expect_extent(fm, 2, 10, 3, FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_LAST);
	if (fm->fm_mapped_extents != 3)
		fail("%u extents, not 3", fm->fm_mapped_extents);
	fm = extents(new, 3 * PAGE, PAGE);
	expect_extent(fm, 0, 3, 1, FIEMAP_EXTENT_UNWRITTEN);
	/* What is written is not only allocated any more. */
	write_at(new, text, 1, 3 * PAGE);
	fm = extents(new, 2 * PAGE, FIEMAP_MAX_OFFSET);
	expect_extent(fm, 0, 2, 1, FIEMAP_EXTENT_UNWRITTEN);
	expect_extent(fm, 1, 3, 1, 0);
}

/* /proc/self/mem, as a debugger uses it. */
static void mapping_access(char **argv)
{
	int fd = open_whole(argv[0], 4 * PAGE), mem = open_or_fail("/proc/self/mem", O_RDWR);
	char *shared = map_shared(fd, 4 * PAGE), text[2 * PAGE], buf[2 * PAGE];
	char *private = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	/* Across a border, nothing of which was touched. */
	read_at(fd, text, sizeof(text), PAGE / 2);
	read_at(mem, buf, sizeof(buf), (off_t)(shared + PAGE / 2));
	if (memcmp(buf, text, sizeof(text)))
		fail("a debugger reads something else in a shared mapping");
	read_at(mem, buf, sizeof(buf), (off_t)(private + PAGE / 2));
	if (memcmp(buf, text, sizeof(text)))
		fail("a debugger reads something else in a private mapping");
	write_at(mem, "debugger", 8, (off_t)(shared + 3 * PAGE - 4));
	read_at(fd, buf, 8, 3 * PAGE - 4);
	if (memcmp(buf, "debugger", 8) || memcmp(shared + 3 * PAGE - 4, "debugger", 8))
		fail("what a debugger writes to a shared mapping is not in the file");
	write_at(mem, "private", 7, (off_t)(private + PAGE));
	read_at(fd, buf, 7, PAGE);
	if (!memcmp(buf, "private", 7) || memcmp(private + PAGE, "private", 7))
		fail("what a debugger writes to a private mapping is not there alone");
}

/* FILE 1|0: MAP_SYNC works, or is refused. */
static void mapping_synced(char **argv)
{
	int fd = open_whole(argv[0], PAGE);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), c;

	if (!atoi(argv[1]) && (p != MAP_FAILED || errno != EOPNOTSUPP))
		fail("MAP_SYNC is not refused with EOPNOTSUPP where a store is not durable");
	if (!atoi(argv[1]))
		return;
	if (p == MAP_FAILED)
		fail("MAP_SYNC: %s", strerror(errno));
	p[7] = 's';
	read_at(fd, &c, 1, 7);
	if (c != 's')
		fail("a store is lost");
}

static int create(const char *mnt)
{
	char line[4096];

	snprintf(line, sizeof(line), "daxfs-branch create -q pinned --stay -m '%s' 2>/dev/null", mnt);
	return system(line);
}

/*
 * FILE MNT: a page of the file is held for writing, by a copy whose source does not
 * come. No branch is made then; and one that is made has, as its parent, what was
 * written before.
 */
static void mapping_pinned(char **argv)
{
	int fd = open_whole(argv[0], PAGE), status;
	struct remote r = { slow_page(), map_shared(fd, PAGE), 0 };
	pthread_t thread;
	pid_t pid;
	char c;

	r.to[0] = 'a';
	if (pthread_create(&thread, NULL, write_remote, &r))
		fail("no thread");
	wait_for_touch();
	if (!create(argv[1]))
		fail("a branch was made while a page of its parent was being written to");
	read_at(fd, &c, 1, 0);
	if (c != 'a')
		fail("the file has %c", c);
	/* It waits for a while. */
	pid = fork();
	if (!pid)
		_exit(create(argv[1]) ? 1 : 0);
	give(r.from, 'Z');
	pthread_join(thread, NULL);
	if (waitpid(pid, &status, 0) != pid || status)
		fail("no branch was made when the page was free");
	read_at(fd, &c, 1, 0);
	if (r.done != PAGE || c != 'Z')
		fail("what was written before the branch was made is lost");
	if (!faults(r.to, 1))
		fail("the parent of a branch can be written to");
}

/*
 * FILE COMMAND...: runs the command while a page of the file is in a pipe, and nobody has
 * the file mapped, or open. Its status; and the page is the same after it.
 */
static void mapping_piped(char **argv)
{
	int fd = open_whole(argv[0], PAGE), ends[2], status;
	char *p = map_shared(fd, PAGE), c = 0;
	struct iovec page = { p, PAGE };

	p[0] = 'a';
	if (pipe2(ends, O_CLOEXEC) || vmsplice(ends[1], &page, 1, 0) != PAGE)
		fail("vmsplice: %s", strerror(errno));
	munmap(p, PAGE);
	close(fd);
	switch (fork()) {
	case 0:
		execvp(argv[1], argv + 1);
		_exit(127);
	default:
		if (wait(&status) < 0 || status)
			fail("the command failed: %d", status);
	}
	if (read(ends[0], &c, 1) != 1 || c != 'a')
		fail("the page in the pipe is another's: %c", c);
}

/* ---- kept ---- */

static char pattern(size_t i, unsigned int seed)
{
	return (i * 2654435761u + seed) >> 13;
}

/* FILE LENGTH SEED: a new file, all of it through a mapping. */
static void fill(char **argv, int sync)
{
	size_t len = strtoul(argv[1], NULL, 0);
	int fd = open_or_fail(argv[0], O_RDWR | O_CREAT | O_TRUNC);
	char *p;

	if (ftruncate(fd, len))
		fail("truncate: %s", strerror(errno));
	p = map_shared(fd, len);
	for (size_t i = 0; i < len; i++)
		p[i] = pattern(i, atoi(argv[2]));
	if (sync && msync(p, len, MS_SYNC))
		fail("msync: %s", strerror(errno));
}

static void mapping_fill(char **argv)
{
	fill(argv, 1);
}

static void mapping_store(char **argv)
{
	fill(argv, 0);
}

static void mapping_expect(char **argv)
{
	size_t len = strtoul(argv[1], NULL, 0);
	int fd = open_whole(argv[0], len);
	char *p = malloc(len);

	read_at(fd, p, len, 0);
	for (size_t i = 0; i < len; i++)
		if (p[i] != pattern(i, atoi(argv[2])))
			fail("byte %zu is not what the mapping was given", i);
}

/*
 * FILE: writes it from a buffer that ends before memory that is not there, at
 * each distance from a word: all that is there is written, and no more.
 */
static void mapping_cut(char **argv)
{
	char *buf = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_or_fail(argv[0], O_RDWR | O_CREAT | O_TRUNC);

	if (buf == MAP_FAILED || munmap(buf + PAGE, PAGE))
		fail("no buffer: %s", strerror(errno));
	for (int i = 0; i < PAGE; i++)
		buf[i] = pattern(i, 3);
	/* A write that makes no progress is to be seen as a failure, not waited for. */
	alarm(60);
	for (int there = 0; there <= 40; there += there < 20 ? 1 : 5) {
		for (int at = 0; at < 9; at++) {
			char *from = buf + PAGE - there, back[64];
			ssize_t n = pwrite(fd, from, 1000, at);

			if (!there && (n != -1 || errno != EFAULT))
				fail("a write of nothing that is there gave %zd: %s", n, strerror(errno));
			if (there && n != there)
				fail("%zd of %d bytes that were there were written at %d", n, there, at);
			read_at(fd, back, there, at);
			if (memcmp(back, from, there))
				fail("%d bytes at %d are not what was written", there, at);
			if (ftruncate(fd, at + there))
				fail("truncate: %s", strerror(errno));
		}
	}
}

static const struct {
	const char *what;
	int args;
	void (*run)(char **argv);
} table[] = {
	{ "coherent", 1, mapping_coherent },	/* FILE of 8 blocks of the base */
	{ "one", 1, mapping_one },		/* the same */
	{ "private", 1, mapping_private },	/* FILE of 4 blocks of the base */
	{ "futex", 1, mapping_futex },		/* FILE of 2 blocks */
	{ "direct", 2, mapping_direct },	/* FILE of 16 blocks, DEVICE */
	{ "poison", 1, mapping_poison },	/* FILE of 2 blocks */
	{ "end", 1, mapping_end },		/* FILE of 4 blocks */
	{ "behind", 1, mapping_behind },	/* FILE of the base, of 2 blocks and a part */
	{ "allocate", 1, mapping_allocate },	/* a new FILE */
	{ "around", 1, mapping_around },	/* a new FILE */
	{ "protect", 1, mapping_protect },	/* FILE of 4 blocks of the base */
	{ "times", 1, mapping_times },		/* FILE of 4 blocks */
	{ "extents", 2, mapping_extents },	/* FILE of 8 blocks of the base, a new one */
	{ "access", 1, mapping_access },	/* FILE of 4 blocks */
	{ "synced", 2, mapping_synced },	/* FILE of a block, 1 or 0: works or not */
	{ "pinned", 2, mapping_pinned },	/* FILE of a block of a branch, its mount */
	{ "piped", 2, mapping_piped },		/* FILE of a block of a branch, COMMAND... */
	{ "cut", 1, mapping_cut },		/* a new FILE */
	{ "fill", 3, mapping_fill },		/* FILE LENGTH SEED */
	{ "store", 3, mapping_store },		/* the same, without msync */
	{ "expect", 3, mapping_expect },	/* FILE LENGTH SEED */
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(argv[1], table[i].what) || argc - 2 < table[i].args)
			continue;
		table[i].run(argv + 2);
		return 0;
	}
	fputs("usage: mapping WHAT FILE...\n", stderr);
	return 2;
}
