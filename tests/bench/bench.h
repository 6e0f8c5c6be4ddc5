/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark that tests/bench/run runs inside the VM: what its parts share.
 * A row is one thing that is measured; it works in the test tree (tree.c) that
 * the target's folder holds; the current folder is that folder too.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The test tree, as tree_make() makes it and the rows expect it. */
#define TREE_MEDIUM "medium" /* 1 MiB */
#define TREE_BIG "big" /* 32 MiB */
#define TREE_SMALL "usr/lib/small" /* folder of SMALL_FILES files of 1 to 4 KiB */
#define TREE_MANY "many" /* folder of empty files */
#define MEDIUM_SIZE (1u << 20)
#define BIG_SIZE (32u << 20)
#define SMALL_FILES 2048u
#define MANY_FILES 10000u

struct target {
	const char *name;
	const char *dir; /* as seen from the root that bench gives itself */
	bool writable;
	bool branches;
	bool pinned; /* its dentries are the files: never cold */
};

/* The absolute path of something in the tree. */
#define PATH_SIZE 128
void path_of(char *path, const struct target *t, const char *name);

struct row {
	const char *name; /* what --only wants */
	bool writes;
	bool cold; /* measures what is not in the dcache */
	bool branches; /* needs them */
	/* Runs once; nanoseconds per operation. More rounds are the caller's. */
	double (*run)(const struct target *t);
};

/* Each ends with a NULL name. */
extern const struct row reading_rows[], writing_rows[], branch_rows[];

/* Prints and exits: a benchmark that cannot do its work has no result. */
void die(const char *what, const char *path) __attribute__((noreturn));
uint64_t now(void); /* nanoseconds; of instructions under --icount */
int must_open(const char *path, int flags);
void small_path(char *path, size_t size, unsigned int i);
/* Forgets dentries and inodes, and waits until they are really freed. */
void drop_dentries(void);

/* tree.c */
void tree_make(const char *dir);
void names_make(const char *dir, unsigned int count);
void name_of(char *name, size_t size, unsigned int i);

/* names.c: prints its results itself */
void names_lookup(const char *dir, unsigned int count);
/* branches.c: the latter two print their results themselves */
bool branches_are_there(const char *dir);
void branches_cost(const char *dir, unsigned int count);
void branches_fill(const char *dir);
/* mounting.c: prints its result itself */
void mounting_time(const char *label, const char *options, const char *dir);

#endif
