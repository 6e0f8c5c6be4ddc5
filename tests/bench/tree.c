// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test tree: the same bytes wherever it is made, so that an image made of
 * it on the host and a folder filled in the VM hold the same. No two files are
 * equal: mkfs would store them once.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void small_path(char *path, size_t size, unsigned int i)
{
	snprintf(path, size, TREE_SMALL "/file%04u", i);
}

/* Not in the order in which they are asked for, nor sorted as text. */
void name_of(char *name, size_t size, unsigned int i)
{
	snprintf(name, size, "name-%08x", i * 2654435761u);
}

static void make_folder(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		die("mkdir", path);
}

static void make_file(const char *path, size_t size, uint64_t seed)
{
	static uint64_t block[8192];
	int fd = must_open(path, O_WRONLY | O_CREAT | O_TRUNC);
	size_t n, i;

	for (; size; size -= n) {
		n = size < sizeof(block) ? size : sizeof(block);
		for (i = 0; i < (n + 7) / 8; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			block[i] = seed;
		}
		if (write(fd, block, n) != (ssize_t)n)
			die("write", path);
	}
	close(fd);
}

void tree_make(const char *dir)
{
	char path[64];
	unsigned int i;

	make_folder(dir);
	if (chdir(dir))
		die("chdir", dir);
	make_file(TREE_MEDIUM, MEDIUM_SIZE, 1);
	make_file(TREE_BIG, BIG_SIZE, 2);
	make_folder("usr");
	make_folder("usr/lib");
	make_folder(TREE_SMALL);
	for (i = 0; i < SMALL_FILES; i++) {
		small_path(path, sizeof(path), i);
		make_file(path, 1024 + i * 3072 / SMALL_FILES, 100 + i);
	}
	names_make(TREE_MANY, MANY_FILES);
}

void names_make(const char *dir, unsigned int count)
{
	char name[32];
	unsigned int i;
	int fd, dirfd;

	make_folder(dir);
	dirfd = must_open(dir, O_RDONLY | O_DIRECTORY);
	for (i = 0; i < count; i++) {
		name_of(name, sizeof(name), i);
		fd = openat(dirfd, name, O_WRONLY | O_CREAT, 0644);
		if (fd < 0)
			die("create", name);
		close(fd);
	}
	close(dirfd);
}
