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

/* ---- an agent that edits a tree ---- */

/*
 * So many in a run, the first ones not measured. It changes small files of the
 * first half, none of them twice in five runs, and reads those of the second.
 */
#define AGENT_ROUNDS 28u
#define AGENT_WARM 4u
#define AGENT_READS 10u
#define AGENT_DIRS 3u
#define AGENT_CREATES 10u
#define AGENT_REWRITES 5u
#define AGENT_DELETES 2u

static char agent_text[4096];

/* A small file of that half of the test tree; as the rounds go on, all of them. */
static void agent_small(char *path, const struct target *t, unsigned int half,
			unsigned int i)
{
	char name[64];

	small_path(name, sizeof(name), half * SMALL_FILES / 2 + i % (SMALL_FILES / 2));
	path_of(path, t, name);
}

static void agent_put(const char *path, int flags, unsigned int i)
{
	size_t size = 1024 + i % 4 * 1024;
	int fd = open(path, O_WRONLY | flags, 0644);

	if (fd < 0 || write(fd, agent_text, size) != (ssize_t)size)
		die("write", path);
	close(fd);
}

/* What it makes. The names are made outside of the measurement. */
struct agent_paths {
	char read[AGENT_READS][PATH_SIZE];
	char dir[AGENT_DIRS][PATH_SIZE];
	char file[AGENT_CREATES][PATH_SIZE];
	char rewrite[AGENT_REWRITES][PATH_SIZE];
	char gone[AGENT_DELETES][PATH_SIZE];
	char renamed[PATH_SIZE];
};

static void agent_names(struct agent_paths *p, const struct target *t, unsigned int round)
{
	unsigned int changed = round * (AGENT_REWRITES + AGENT_DELETES), i;
	char name[64];

	for (i = 0; i < AGENT_READS; i++)
		agent_small(p->read[i], t, 1, round * 37 + i);
	for (i = 0; i < AGENT_DIRS; i++) {
		snprintf(name, sizeof(name), WORK "/agent-%u-%u", round, i);
		path_of(p->dir[i], t, name);
	}
	for (i = 0; i < AGENT_CREATES; i++) {
		snprintf(name, sizeof(name), WORK "/agent-%u-%u/file-%u", round,
			 i % AGENT_DIRS, i);
		path_of(p->file[i], t, name);
	}
	for (i = 0; i < AGENT_REWRITES; i++)
		agent_small(p->rewrite[i], t, 0, changed + i);
	for (i = 0; i < AGENT_DELETES; i++)
		agent_small(p->gone[i], t, 0, changed + AGENT_REWRITES + i);
	snprintf(name, sizeof(name), WORK "/agent-%u-0/renamed", round);
	path_of(p->renamed, t, name);
}

static void agent_work(const struct agent_paths *p)
{
	static char buf[4096];
	unsigned int i;
	int fd;

	for (i = 0; i < AGENT_READS; i++) {
		fd = open(p->read[i], O_RDONLY);
		if (fd < 0 || read(fd, buf, sizeof(buf)) < 1024)
			die("open or read", p->read[i]);
		close(fd);
	}
	for (i = 0; i < AGENT_DIRS; i++)
		if (mkdir(p->dir[i], 0755))
			die("mkdir", p->dir[i]);
	for (i = 0; i < AGENT_CREATES; i++)
		agent_put(p->file[i], O_CREAT | O_EXCL, i);
	for (i = 0; i < AGENT_REWRITES; i++)
		agent_put(p->rewrite[i], O_TRUNC, i);
	for (i = 0; i < AGENT_DELETES; i++)
		if (unlink(p->gone[i]))
			die("unlink", p->gone[i]);
	if (rename(p->file[0], p->renamed))
		die("rename", p->file[0]);
}

/* What was deleted is there again, what was made is gone. */
static void agent_undo(const struct agent_paths *p)
{
	unsigned int i;

	for (i = 0; i < AGENT_DELETES; i++)
		agent_put(p->gone[i], O_CREAT | O_EXCL, i);
	unlink(p->renamed);
	for (i = 1; i < AGENT_CREATES; i++)
		unlink(p->file[i]);
	for (i = 0; i < AGENT_DIRS; i++)
		if (rmdir(p->dir[i]))
			die("rmdir", p->dir[i]);
}

static double agent(const struct target *t)
{
	static struct agent_paths paths[AGENT_ROUNDS];
	static unsigned int round;
	uint64_t sum = 0, start;
	unsigned int i;

	make_work();
	memset(agent_text, 'a', sizeof(agent_text));
	for (i = 0; i < AGENT_ROUNDS; i++)
		agent_names(&paths[i], t, round++);
	for (i = 0; i < AGENT_ROUNDS; i++) {
		start = now();
		agent_work(&paths[i]);
		if (i >= AGENT_WARM)
			sum += now() - start;
	}
	for (i = 0; i < AGENT_ROUNDS; i++)
		agent_undo(&paths[i]);
	return (double)sum / (AGENT_ROUNDS - AGENT_WARM);
}

const struct row writing_rows[] = {
	{ .name = "create-unlink", .writes = true, .run = create_unlink },
	{ .name = "append-4k", .writes = true, .run = append_4k },
	{ .name = "overwrite-100", .writes = true, .run = overwrite_100 },
	{ .name = "mkdir-rmdir", .writes = true, .run = mkdir_rmdir },
	{ .name = "rename", .writes = true, .run = rename_there },
	{ .name = "agent-round", .writes = true, .run = agent },
	{}
};
