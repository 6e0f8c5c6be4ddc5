// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rows that write. They leave the tree as it was, but for the folder
 * "work", so that rounds and reading rows find it unchanged.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK "usr/lib/work"
/* Operations on paths: so many in a round, the first ones not measured. */
#define PATHS 1280u
#define WARM 256u

static void make_work(void)
{
	if (mkdir(WORK, 0755) && errno != EEXIST)
		die("mkdir", WORK);
}

/* Names that were not asked for before: round is the caller's. */
static char (*work_paths(const struct target *t, unsigned int round))[PATH_SIZE]
{
	static char paths[PATHS][PATH_SIZE];
	char name[32];
	unsigned int i;

	for (i = 0; i < PATHS; i++) {
		snprintf(name, sizeof(name), WORK "/%u-%u", round, i);
		path_of(paths[i], t, name);
	}
	return paths;
}

static double create_unlink(const struct target *t)
{
	static unsigned int round;
	char(*paths)[PATH_SIZE] = work_paths(t, round++);
	uint64_t start = 0;
	unsigned int i;
	int fd;

	make_work();
	for (i = 0; i < PATHS; i++) {
		if (i == WARM)
			start = now();
		fd = open(paths[i], O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			die("create", paths[i]);
		close(fd);
		if (unlink(paths[i]))
			die("unlink", paths[i]);
	}
	return (double)(now() - start) / (PATHS - WARM);
}

static double append_4k(const struct target *t)
{
	const unsigned int count = 1024;
	static char buf[4096];
	uint64_t start;
	unsigned int i;
	int fd;

	(void)t;
	make_work();
	memset(buf, 'a', sizeof(buf));
	fd = must_open(WORK "/log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
	start = now();
	for (i = 0; i < count; i++)
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			die("append", WORK "/log");
	start = now() - start;
	close(fd);
	unlink(WORK "/log");
	return (double)start / count;
}

static double overwrite_100(const struct target *t)
{
	const unsigned int count = 4096, pages = 64;
	static char buf[4096];
	uint64_t start = 0;
	unsigned int i;
	int fd;

	(void)t;
	make_work();
	memset(buf, 'o', sizeof(buf));
	fd = must_open(WORK "/data", O_RDWR | O_CREAT | O_TRUNC);
	for (i = 0; i < pages; i++)
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			die("write", WORK "/data");
	for (i = 0; i < 2 * count; i++) {
		if (i == count)
			start = now();
		if (pwrite(fd, buf, 100, i % pages * 4096 + 512) != 100)
			die("overwrite", WORK "/data");
	}
	start = now() - start;
	close(fd);
	unlink(WORK "/data");
	return (double)start / count;
}

static double mkdir_rmdir(const struct target *t)
{
	static unsigned int round;
	char(*paths)[PATH_SIZE] = work_paths(t, round++);
	uint64_t start = 0;
	unsigned int i;

	make_work();
	for (i = 0; i < PATHS; i++) {
		if (i == WARM)
			start = now();
		if (mkdir(paths[i], 0755) || rmdir(paths[i]))
			die("mkdir or rmdir", paths[i]);
	}
	return (double)(now() - start) / (PATHS - WARM);
}

static double rename_there(const struct target *t)
{
	static unsigned int round;
	char(*paths)[PATH_SIZE] = work_paths(t, round++);
	uint64_t start = 0;
	unsigned int i;

	make_work();
	close(must_open(paths[0], O_WRONLY | O_CREAT));
	for (i = 0; i + 1 < PATHS; i++) {
		if (i == WARM)
			start = now();
		if (rename(paths[i], paths[i + 1]))
			die("rename", paths[i]);
	}
	start = now() - start;
	unlink(paths[i]);
	return (double)start / (PATHS - 1 - WARM);
}

const struct row writing_rows[] = { { "create-unlink", true, false, create_unlink },
				    { "append-4k", true, false, append_4k },
				    { "overwrite-100", true, false, overwrite_100 },
				    { "mkdir-rmdir", true, false, mkdir_rmdir },
				    { "rename", true, false, rename_there },
				    {} };
