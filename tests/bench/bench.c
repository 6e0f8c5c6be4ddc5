// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures file systems: nanoseconds per operation, which under tests/vm/run
 * --icount are two per instruction of the guest and repeat.
 *
 *	bench [-q] [-l] [-o ROW]... NAME=DIR...
 *	bench --make-tree DIR | --make-names COUNT DIR
 *	bench --lookup COUNT DIR	a folder as --make-names makes it
 *	bench --mount LABEL OPTIONS DIR
 *	bench --branches COUNT DIR	with so many changed files
 *	bench --fill DIR	with small files, until there is no space left
 *
 * Each result is a line "ROW TAB NAME TAB VALUE"; VALUE is a number, or "-"
 * where the row cannot be run, or "pinned" where the dcache is never cold.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5u

void die(const char *what, const char *path)
{
	fprintf(stderr, "bench: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int must_open(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd < 0)
		die("open", path);
	return fd;
}

void drop_dentries(void)
{
	static const char path[] = "/proc/sys/vm/drop_caches";
	static int fd = -1;
	int i;

	/* Opened before there is another root. */
	if (fd < 0)
		fd = must_open(path, O_WRONLY | O_CLOEXEC);
	/* The first pass only takes away the mark of recent use. */
	for (i = 0; i < 2; i++)
		if (pwrite(fd, "2\n", 2, 0) != 2)
			die("write", path);
	/* Inodes are freed by RCU; that must not happen within a measurement. */
	usleep(50000);
}

void path_of(char *path, const struct target *t, const char *name)
{
	if (snprintf(path, PATH_SIZE, "%s/%s", t->dir, name) >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		die("path", t->dir);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct row *row, const struct target *t, unsigned int rounds)
{
	double ns[ROUNDS];
	unsigned int i;

	if ((row->writes && !t->writable) || (row->branches && !t->branches)) {
		printf("%s\t%s\t-\n", row->name, t->name);
	} else if (row->cold && t->pinned) {
		printf("%s\t%s\tpinned\n", row->name, t->name);
	} else {
		for (i = 0; i < rounds; i++)
			ns[i] = row->run(t);
		qsort(ns, rounds, sizeof(*ns), compare);
		printf("%s\t%s\t%.1f\n", row->name, t->name, ns[rounds / 2]);
	}
	fflush(stdout);
}

static bool wanted(const struct row *row, char *const *only, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(only[i], row->name))
			return true;
	return !count;
}

static const struct row *const all_rows[] = { reading_rows, writing_rows, branch_rows,
					      NULL };

static bool row_exists(const char *name)
{
	const struct row *const *rows, *row;

	for (rows = all_rows; *rows; rows++)
		for (row = *rows; row->name; row++)
			if (!strcmp(row->name, name))
				return true;
	return false;
}

static void measure_all(const struct target *t, char *const *only, unsigned int n,
			unsigned int rounds)
{
	const struct row *const *rows, *row;

	for (rows = all_rows; *rows; rows++)
		for (row = *rows; row->name; row++)
			if (wanted(row, only, n))
				measure(row, t, rounds);
}

/*
 * The folder above the target's becomes the root. It is to be a tmpfs: the
 * VM's own root asks the host whether a path is still there, again and again,
 * and what leads to the target is to cost little and always the same.
 */
static void enter(struct target *t, char *arg)
{
	char *equals = strchr(arg, '='), *slash;
	struct statvfs vfs;
	struct statfs fs;

	t->name = arg;
	t->dir = arg;
	if (equals) {
		*equals = 0;
		t->dir = equals + 1;
	}
	slash = strrchr(t->dir, '/');
	if (!slash || slash == t->dir || !slash[1]) {
		fprintf(stderr, "bench: %s: must be like /folder/target\n", t->dir);
		exit(2);
	}
	if (statvfs(t->dir, &vfs) || statfs(t->dir, &fs))
		die("statfs", t->dir);
	t->writable = !(vfs.f_flag & ST_RDONLY) && !access(t->dir, W_OK);
	t->branches = branches_are_there(t->dir);
	t->pinned = fs.f_type == TMPFS_MAGIC;
	*slash = 0;
	if (chroot(t->dir))
		die("chroot", t->dir);
	*slash = '/';
	t->dir = slash;
	if (chdir(t->dir))
		die("chdir", t->dir);
}

/* In a process of its own, as there is no way back out of a root. */
static int fork_for(char *arg, char *const *only, unsigned int count, unsigned int rounds,
		    bool loop)
{
	struct target t = {};
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork", arg);
	if (pid) {
		if (waitpid(pid, &status, 0) < 0)
			die("wait", arg);
		return status ? 1 : 0;
	}
	drop_dentries();
	/* Faults of our own are not what is measured. */
	if (mlockall(MCL_CURRENT))
		perror("bench: mlockall");
	enter(&t, arg);
	do {
		measure_all(&t, only, count, rounds);
	} while (loop);
	exit(0);
}

static void usage(FILE *f, int status)
{
	fputs("Usage: bench [-q] [-l] [-o ROW]... NAME=DIR...\n"
	      "       bench --make-tree DIR | --make-names COUNT DIR\n"
	      "       bench --lookup COUNT DIR | --mount LABEL OPTIONS DIR\n"
	      "       bench --branches COUNT DIR | --fill DIR\n"
	      "  -q, --quick     one round per row\n"
	      "  -l, --loop      again and again, for a profiler\n"
	      "  -o, --only ROW  only this row\n"
	      "  -r, --rows      name the rows\n",
	      f);
	exit(status);
}

static void list_rows(void)
{
	const struct row *const *rows, *row;

	for (rows = all_rows; *rows; rows++)
		for (row = *rows; row->name; row++)
			puts(row->name);
	exit(0);
}

static unsigned int count_of(const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (!n || *end || n > 10000000) {
		fprintf(stderr, "bench: \"%s\" is not a number of files\n", arg);
		exit(2);
	}
	return n;
}

/* What is not about rows: true when it was one of these. */
static bool other_command(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--make-tree"))
		tree_make(argv[2]);
	else if (argc == 4 && !strcmp(argv[1], "--make-names"))
		names_make(argv[3], count_of(argv[2]));
	else if (argc == 4 && !strcmp(argv[1], "--lookup"))
		names_lookup(argv[3], count_of(argv[2]));
	else if (argc == 5 && !strcmp(argv[1], "--mount"))
		mounting_time(argv[2], argv[3], argv[4]);
	else if (argc == 4 && !strcmp(argv[1], "--branches"))
		branches_cost(argv[3], count_of(argv[2]));
	else if (argc == 3 && !strcmp(argv[1], "--fill"))
		branches_fill(argv[2]);
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "quick", no_argument, NULL, 'q' },
						 { "loop", no_argument, NULL, 'l' },
						 { "only", required_argument, NULL, 'o' },
						 { "rows", no_argument, NULL, 'r' },
						 { "help", no_argument, NULL, 'h' },
						 {} };
	unsigned int rounds = ROUNDS, count = 0;
	bool loop = false;
	char *only[64];
	int c, failed = 0;

	if (other_command(argc, argv))
		return 0;
	while ((c = getopt_long(argc, argv, "qlo:rh", options, NULL)) != -1) {
		switch (c) {
		case 'q':
			rounds = 1;
			break;
		case 'l':
			loop = true;
			break;
		case 'o':
			if (!row_exists(optarg) || count == 64) {
				fprintf(stderr, "bench: no row \"%s\"; -r names them\n",
					optarg);
				return 2;
			}
			only[count++] = optarg;
			break;
		case 'r':
			list_rows();
			break;
		case 'h':
			usage(stdout, 0);
			break;
		default:
			usage(stderr, 2);
		}
	}
	if (optind == argc)
		usage(stderr, 2);
	for (; optind < argc; optind++)
		failed |= fork_for(argv[optind], only, count, rounds, loop);
	return failed;
}
