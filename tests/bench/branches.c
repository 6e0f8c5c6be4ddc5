// SPDX-License-Identifier: GPL-2.0-only
/*
 * Branches: what making, committing and discarding one costs, what a first
 * write to a block of the base costs, and how that depends on how much a
 * branch has changed. Only daxfs has them.
 */
#include "bench.h"

#include <daxfs/ioctl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "bench"
/* Of an empty branch: so many in a round, the first ones not measured. */
#define BRANCHES 64u
#define WARM_BRANCHES 8u
/* Blocks of the base that a round writes to first. */
#define BLOCKS 2048u
#define WARM_BLOCKS 256u

bool branches_are_there(const char *dir)
{
	struct daxfs_volume_info info = { .dv_size = sizeof(info) };
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	bool there;

	there = fd >= 0 && !ioctl(fd, DAXFS_IOC_VOLUME_INFO, &info) &&
		info.dv_flags & DAXFS_VOLUME_BRANCHES;
	if (fd >= 0)
		close(fd);
	return there;
}

/* The time that the call took. The structure is made before the clock starts. */
static uint64_t branch_call(int fd, unsigned long cmd, const char *name)
{
	struct daxfs_branch_op op = { .bo_size = sizeof(op) };
	uint64_t start;
	int err;

	strcpy(op.bo_name, name);
	start = now();
	err = ioctl(fd, cmd, &op);
	start = now() - start;
	if (err) {
		fprintf(stderr, "bench: %s\n", op.bo_reason);
		die("branch", name);
	}
	return start;
}

static int open_root(const char *dir)
{
	return must_open(dir, O_RDONLY | O_DIRECTORY);
}

/* Makes an empty branch and ends it, again and again; counts one of the two. */
static double empty_branches(const struct target *t, unsigned long counted,
			     unsigned long end)
{
	int fd = open_root(t->dir);
	uint64_t sum = 0, create, last;
	unsigned int i;

	for (i = 0; i < BRANCHES; i++) {
		create = branch_call(fd, DAXFS_IOC_BRANCH_CREATE, NAME);
		last = branch_call(fd, end, "");
		if (i >= WARM_BRANCHES)
			sum += counted == end ? last : create;
	}
	close(fd);
	return (double)sum / (BRANCHES - WARM_BRANCHES);
}

static double branch_create(const struct target *t)
{
	return empty_branches(t, DAXFS_IOC_BRANCH_CREATE, DAXFS_IOC_BRANCH_ABORT);
}

static double branch_commit(const struct target *t)
{
	return empty_branches(t, DAXFS_IOC_BRANCH_COMMIT, DAXFS_IOC_BRANCH_COMMIT);
}

static double branch_abort(const struct target *t)
{
	return empty_branches(t, DAXFS_IOC_BRANCH_ABORT, DAXFS_IOC_BRANCH_ABORT);
}

/*
 * In a branch that is discarded afterwards, so that each round finds the base.
 * Every second block: neighbours would become one piece.
 */
static double first_write(const struct target *t)
{
	static char buf[100];
	int root = open_root(t->dir), fd;
	uint64_t start = 0;
	unsigned int i;

	branch_call(root, DAXFS_IOC_BRANCH_CREATE, NAME);
	fd = must_open(TREE_BIG, O_RDWR);
	for (i = 0; i < BLOCKS; i++) {
		if (i == WARM_BLOCKS)
			start = now();
		if (pwrite(fd, buf, sizeof(buf), i * 2 * 4096ul + 512) != sizeof(buf))
			die("write", TREE_BIG);
	}
	start = now() - start;
	close(fd);
	branch_call(root, DAXFS_IOC_BRANCH_ABORT, "");
	close(root);
	return (double)start / (BLOCKS - WARM_BLOCKS);
}

const struct row branch_rows[] = {
	{ .name = "first-write", .writes = true, .branches = true, .run = first_write },
	{ .name = "branch-create",
	  .writes = true,
	  .branches = true,
	  .run = branch_create },
	{ .name = "branch-commit",
	  .writes = true,
	  .branches = true,
	  .run = branch_commit },
	{ .name = "branch-abort", .writes = true, .branches = true, .run = branch_abort },
	{}
};

/* ---- how it grows ---- */

/*
 * How long the store that decides a commit took, as the kernel's function
 * graph tracer saw it: the call does more than that, and only the sum can be
 * seen from outside.
 */
#define TRACING "/sys/kernel/tracing/"
#define DECIDES "dxc_branch_commit"

static void trace_put(const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", name);
	fd = must_open(path, O_WRONLY | O_TRUNC);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("write", path);
	close(fd);
}

/* Nanoseconds, of the one call since the tracer was started. */
static double trace_time(void)
{
	FILE *file = fopen(TRACING "trace", "r");
	double us = -1;
	char line[256];
	char *at;

	while (file && fgets(line, sizeof(line), file)) {
		at = strstr(line, DECIDES);
		/* " 1)   0.768 us    |  dxc_branch_commit [daxfs]();" */
		if (at && *line != '#' && strchr(line, ')') && strstr(line, " us "))
			us = strtod(strspn(strchr(line, ')') + 1, " !+#*@$") +
					    strchr(line, ')') + 1,
				    NULL);
	}
	if (!file || us < 0) {
		fprintf(stderr, "bench: the tracer saw no call of %s\n", DECIDES);
		exit(1);
	}
	fclose(file);
	return us * 1000;
}

/* count empty files, in folders of a thousand. */
static void change_files(const char *dir, unsigned int count)
{
	char path[PATH_SIZE];
	unsigned int i;
	int fd;

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/changed-%u", dir, i / 1000);
		if (i % 1000 == 0 && mkdir(path, 0755))
			die("mkdir", path);
		snprintf(path, sizeof(path), "%s/changed-%u/%u", dir, i / 1000, i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			die("create", path);
		close(fd);
	}
}

void branches_cost(const char *dir, unsigned int count)
{
	int fd = open_root(dir);
	uint64_t create, commit, abort;

	trace_put("current_tracer", "nop");
	trace_put("set_ftrace_filter", DECIDES);

	branch_call(fd, DAXFS_IOC_BRANCH_CREATE, NAME);
	change_files(dir, count);
	create = branch_call(fd, DAXFS_IOC_BRANCH_CREATE, NAME "-below");
	branch_call(fd, DAXFS_IOC_BRANCH_ABORT, "");
	abort = branch_call(fd, DAXFS_IOC_BRANCH_ABORT, "");
	printf("grow-create\t%u\t%llu\n", count, (unsigned long long)create);
	printf("grow-abort\t%u\t%llu\n", count, (unsigned long long)abort);

	branch_call(fd, DAXFS_IOC_BRANCH_CREATE, NAME);
	change_files(dir, count);
	trace_put("current_tracer", "function_graph");
	commit = branch_call(fd, DAXFS_IOC_BRANCH_COMMIT, "");
	printf("grow-decide\t%u\t%.1f\n", count, trace_time());
	printf("grow-commit\t%u\t%llu\n", count, (unsigned long long)commit);
	trace_put("current_tracer", "nop");
	trace_put("set_ftrace_filter", "");
	close(fd);
}

/* ---- how many files a delta area takes ---- */

void branches_fill(const char *dir)
{
	static char buf[4096];
	char path[PATH_SIZE];
	unsigned int count;
	ssize_t n;
	int fd;

	memset(buf, 'f', sizeof(buf));
	for (count = 0;; count++) {
		snprintf(path, sizeof(path), "%s/fill-%u", dir, count / 1000);
		if (count % 1000 == 0 && mkdir(path, 0755))
			break;
		snprintf(path, sizeof(path), "%s/fill-%u/%u", dir, count / 1000, count);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			break;
		/* 1 to 4 KiB, as sources and settings are. */
		n = write(fd, buf, 1024 + count % 4 * 1024);
		close(fd);
		if (n < 0)
			break;
	}
	if (errno != ENOSPC)
		die("fill", path);
	printf("fill\tfiles\t%u\n", count);
}
