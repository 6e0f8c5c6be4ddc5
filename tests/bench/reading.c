// SPDX-License-Identifier: GPL-2.0-only
/* The rows that read. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static double pread_each(size_t size, unsigned int count)
{
	static char buf[4096];
	int fd = must_open(TREE_MEDIUM, O_RDONLY);
	uint64_t start = 0;
	unsigned int i;

	/* The first turn is not measured: it warms what is cached. */
	for (i = 0; i < 2 * count; i++) {
		if (i == count)
			start = now();
		if (pread(fd, buf, size, i * 4096ul % MEDIUM_SIZE) != (ssize_t)size)
			die("pread", TREE_MEDIUM);
	}
	start = now() - start;
	close(fd);
	return (double)start / count;
}

static double pread_64(const struct target *t)
{
	(void)t;
	return pread_each(64, 8192);
}

static double pread_4096(const struct target *t)
{
	(void)t;
	return pread_each(4096, 8192);
}

static double touch_pages(const struct target *t)
{
	int fd = must_open(TREE_BIG, O_RDONLY);
	volatile char *p;
	uint64_t start;
	size_t i;

	(void)t;
	p = mmap(NULL, BIG_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap", TREE_BIG);
	start = now();
	for (i = 0; i < BIG_SIZE; i += 4096)
		p[i];
	start = now() - start;
	munmap((void *)p, BIG_SIZE);
	close(fd);
	return (double)start / (BIG_SIZE / 4096);
}

/* Paths are made before the clock starts; from the current folder without a target. */
static char (*small_paths(const struct target *t))[PATH_SIZE]
{
	static char paths[SMALL_FILES][PATH_SIZE];
	char name[64];
	unsigned int i;

	for (i = 0; i < SMALL_FILES; i++) {
		small_path(name, sizeof(name), i);
		if (t)
			path_of(paths[i], t, name);
		else
			strcpy(paths[i], name);
	}
	return paths;
}

static double stat_cold(const struct target *t)
{
	char(*paths)[PATH_SIZE] = small_paths(NULL);
	struct stat st;
	uint64_t start;
	unsigned int i;

	(void)t;
	drop_dentries();
	start = now();
	for (i = 0; i < SMALL_FILES; i++)
		if (stat(paths[i], &st))
			die("stat", paths[i]);
	return (double)(now() - start) / SMALL_FILES;
}

static double stat_warm(const struct target *t)
{
	char(*paths)[PATH_SIZE] = small_paths(NULL);
	uint64_t start = 0;
	struct stat st;
	unsigned int i;

	(void)t;
	for (i = 0; i < 2 * SMALL_FILES; i++) {
		if (i == SMALL_FILES)
			start = now();
		if (stat(paths[i % SMALL_FILES], &st))
			die("stat", paths[i % SMALL_FILES]);
	}
	return (double)(now() - start) / SMALL_FILES;
}

static double open_read_close(const struct target *t)
{
	char(*paths)[PATH_SIZE] = small_paths(t);
	static char buf[4096];
	uint64_t start = 0;
	unsigned int i;
	int fd;

	for (i = 0; i < 2 * SMALL_FILES; i++) {
		if (i == SMALL_FILES)
			start = now();
		fd = open(paths[i % SMALL_FILES], O_RDONLY);
		if (fd < 0 || read(fd, buf, sizeof(buf)) < 1024)
			die("open or read", paths[i % SMALL_FILES]);
		close(fd);
	}
	return (double)(now() - start) / SMALL_FILES;
}

static double readdir_entry(const struct target *t)
{
	static char buf[32768] __attribute__((aligned(8)));
	int fd = must_open(TREE_MANY, O_RDONLY | O_DIRECTORY);
	unsigned int turn, entries = 0;
	uint64_t start = 0;
	char *p;
	long n;

	(void)t;
	for (turn = 0; turn < 2; turn++) {
		entries = 0;
		lseek(fd, 0, SEEK_SET);
		start = now();
		while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
			/* d_reclen is at 16 in struct linux_dirent64 */
			for (p = buf; p < buf + n; p += *(unsigned short *)(p + 16))
				entries++;
		start = now() - start;
	}
	close(fd);
	if (entries != MANY_FILES + 2) {
		fprintf(stderr, "bench: %s: %u entries instead of %u\n", TREE_MANY,
			entries, MANY_FILES + 2);
		exit(1);
	}
	return (double)start / entries;
}

const struct row reading_rows[] = {
	{ .name = "pread-64", .run = pread_64 },
	{ .name = "pread-4k", .run = pread_4096 },
	{ .name = "mmap-page", .run = touch_pages },
	{ .name = "stat-cold", .cold = true, .run = stat_cold },
	{ .name = "stat-warm", .run = stat_warm },
	{ .name = "open-read-close", .run = open_read_close },
	{ .name = "readdir-entry", .run = readdir_entry },
	{}
};
