// SPDX-License-Identifier: GPL-2.0-only
/*
 * pair WHAT A B: two processes in mounts that show one branch. B may be read-only: then
 * the other one only looks at what A's does.
 *
 *	pair turns A B		both overwrite, append to and cut the same files, and neither waits for ever
 *	pair append A A		what both append with O_APPEND is all there, once
 *	pair exclusive A B	of two that create a name with O_EXCL, one gets it, and the other sees it
 *	pair longer A A		who reads behind the end of a file of the base that grows meanwhile gets zeros or nothing
 *
 * The base has the files f0 to f199, of 5000 bytes, and the empty directories
 * d0 to d199. Silent and 0, else one sentence and 1.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#define PROGRAM "pair"
#include "calls.h"

#define COUNT 200
#define BASE_SIZE 5000
#define SECONDS 10
#define PATIENCE 60		/* seconds; then they wait for each other */
#define RECORDS 10000
#define FAR (1ll << 40)

/* Shared by both. */
static struct {
	atomic_int at[2];		/* which round each has come to */
	atomic_int won[COUNT];
} *shared;

static int root[2];
static bool looks[2];	/* its mount is read-only */

/* Both begin round number n together. */
static void together(int me, int n)
{
	atomic_store(&shared->at[me], n + 1);
	while (atomic_load(&shared->at[!me]) < n + 1)
		;
}

static int open_at(int me, const char *name, int flags)
{
	int fd = openat(root[me], name, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("%s: open: %s", name, strerror(errno));
	return fd;
}

static void must(bool ok, const char *what)
{
	if (!ok)
		fail("%s: %s", what, strerror(errno));
}

static void write_all(int fd, const char *buf, ssize_t len, off_t pos)
{
	ssize_t got = pwrite(fd, buf, len, pos);

	must(got > 0, "write");
	if (got < len)
		write_all(fd, buf + got, len - got, pos + got);
}

/* Reads what the other one writes, cuts and punches, through both ways. */
static void look_on(void)
{
	time_t end = time(NULL) + SECONDS;
	unsigned int seed = 1, i;
	char buf[3 * BASE_SIZE];
	struct stat st;
	char name[16], *map;
	int fd;

	while (time(NULL) < end) {
		snprintf(name, sizeof(name), "f%d", rand_r(&seed) % 3);
		fd = open_at(1, name, O_RDONLY);
		map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		must(map != MAP_FAILED, "mmap");
		for (i = 0; i < 40; i++) {
			must(pread(fd, buf, sizeof(buf), 0) >= BASE_SIZE, "read");
			must(!fstat(fd, &st) && st.st_size >= BASE_SIZE, "fstat");
			(void)((volatile char *)map)[i];
		}
		munmap(map, 4096);
		close(fd);
	}
}

static void take_turns(int me)
{
	time_t end = time(NULL) + SECONDS;
	unsigned int seed = me, i;
	char buf[BASE_SIZE] = "";
	char name[16], *map;
	int fd;

	if (looks[me]) {
		look_on();
		return;
	}
	while (time(NULL) < end) {
		snprintf(name, sizeof(name), "f%d", rand_r(&seed) % 3);
		fd = open_at(me, name, O_RDWR);
		for (i = 0; i < 20; i++) {
			write_all(fd, buf, 100, 0);
			write_all(fd, buf, sizeof(buf), lseek(fd, 0, SEEK_END));
			if (i % 5 == 4)
				must(!ftruncate(fd, BASE_SIZE), "truncate");
			if (i % 7 == 6)
				must(!fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), "punch");
		}
		/* The first page stays inside the file. */
		map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		must(map != MAP_FAILED, "mmap");
		for (i = 0; i < 20; i++)
			((volatile char *)map)[i] = 'm';
		munmap(map, 4096);
		close(fd);
	}
}

static void append(int me)
{
	int fd = open_at(me, "f0", O_WRONLY | O_APPEND), i;
	char line[17];
	ssize_t n;

	together(me, 0);
	for (i = 0; i < RECORDS; i++) {
		snprintf(line, sizeof(line), "record %c %6d\n", 'A' + me, i);
		n = write(fd, line, 16);
		must(n >= 0, "append");
		/* Every 256th lies in two blocks. */
		if (n != 16)
			fail("%zd of 16 bytes were appended", n);
	}
	close(fd);
}

/* Each one's records are there in their order. */
static void check_appended(void)
{
	int fd = open_at(0, "f0", O_RDONLY), next[2] = { 0, 0 }, me, n;
	char line[17] = "", who;
	struct stat st;
	off_t pos;

	must(!fstat(fd, &st), "fstat");
	if (st.st_size != BASE_SIZE + 2 * RECORDS * 16)
		fail("the file has %lld bytes after 2 * %d records", (long long)st.st_size, RECORDS);
	for (pos = BASE_SIZE; pos < st.st_size; pos += 16) {
		must(pread(fd, line, 16, pos) == 16, "read");
		if (sscanf(line, "record %c %d", &who, &n) != 2)
			fail("no record at %lld", (long long)pos);
		me = who != 'A';
		if (n != next[me]++)
			fail("record %c %d instead of %d", who, n, next[me] - 1);
	}
}

static void exclusive(int me)
{
	struct stat st;
	char name[16];
	int i, fd;

	for (i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "d%d/x", i);
		together(me, i);
		if (looks[me]) {
			while (!atomic_load(&shared->won[i]))
				;
			if (fstatat(root[me], name, &st, 0))
				fail("%s is not there for who looks on: %s", name, strerror(errno));
			continue;
		}
		fd = openat(root[me], name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd >= 0)
			atomic_fetch_add(&shared->won[i], 1);
		else if (errno != EEXIST)
			fail("%s: %s", name, strerror(errno));
		close(fd);
		if (fstatat(root[me], name, &st, 0))
			fail("%s is not there for who did not make it: %s", name, strerror(errno));
	}
}

static void check_exclusive(void)
{
	for (int i = 0; i < COUNT; i++)
		if (atomic_load(&shared->won[i]) != 1)
			fail("d%d/x was created %d times", i, atomic_load(&shared->won[i]));
}

static void longer(int me)
{
	static const char zeros[4096];
	char name[16], buf[4096];
	ssize_t got;
	int i, fd, n;

	for (i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		fd = open_at(me, name, O_RDWR);
		together(me, i);
		if (!me) {
			must(!ftruncate(fd, FAR), "ftruncate");
			must(!ftruncate(fd, 0), "ftruncate");
		} else {
			for (n = 0; n < 2000; n++) {
				got = pread(fd, buf, sizeof(buf), n % 2 ? FAR / 2 : BASE_SIZE + 4096);
				must(got >= 0, "read");
				if (memcmp(buf, zeros, got))
					fail("%s has bytes behind its end", name);
			}
		}
		close(fd);
	}
}

/* Does each() in a process for either mount. */
static void both(void (*each)(int me))
{
	int me, status, left = 2;
	pid_t pids[2];

	for (me = 0; me < 2; me++) {
		pids[me] = fork();
		must(pids[me] >= 0, "fork");
		if (!pids[me]) {
			each(me);
			_exit(0);
		}
	}
	alarm(SECONDS + PATIENCE);
	while (left-- && wait(&status) > 0)
		if (status) {
			kill(pids[0], SIGKILL);
			kill(pids[1], SIGKILL);
			_exit(1);
		}
}

static void on_alarm(int number)
{
	static const char said[] = PROGRAM ": the two wait for each other\n";

	(void)number;
	if (write(1, said, sizeof(said) - 1) < 0)
		_exit(2);
	_exit(1);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct statvfs fs;

	if (argc != 4)
		fail("usage: pair turns|append|exclusive|longer A B");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED, "mmap");
	sigaction(SIGALRM, &action, NULL);
	root[0] = open_or_fail(argv[2], O_RDONLY | O_DIRECTORY);
	root[1] = open_or_fail(argv[3], O_RDONLY | O_DIRECTORY);
	must(!fstatvfs(root[1], &fs), "fstatvfs");
	looks[1] = fs.f_flag & ST_RDONLY;
	if (!strcmp(argv[1], "turns")) {
		both(take_turns);
	} else if (!strcmp(argv[1], "append")) {
		both(append);
		check_appended();
	} else if (!strcmp(argv[1], "exclusive")) {
		both(exclusive);
		check_exclusive();
	} else if (!strcmp(argv[1], "longer")) {
		both(longer);
	} else {
		fail("%s: what?", argv[1]);
	}
	return 0;
}
