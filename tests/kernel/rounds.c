// SPDX-License-Identifier: GPL-2.0-only
/*
 * rounds WHAT MOUNT NUMBER...: branches by the hundred, made, edited, committed
 * and aborted through the ioctls of one mount. Silent and 0 when what is
 * expected holds, else one sentence and 1. The table at the end says what there
 * is.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#define PROGRAM "rounds"
#include "calls.h"

#define MIB (1ull << 20)

static char path[4200];

/* The file of that number; good until the next call. */
static const char *at(const char *dir, const char *stem, unsigned int n)
{
	snprintf(path, sizeof(path), "%s/%s%u", dir, stem, n);
	return path;
}

/* A file whose bytes follow from its number; what was there is replaced. */
static void put(const char *name, unsigned int value, size_t size)
{
	static unsigned int words[16384];
	int fd = open_or_fail(name, O_WRONLY | O_CREAT | O_TRUNC);

	for (size_t i = 0; i * 4 < size; i++)
		words[i] = value + i * 2654435761u;
	if (write(fd, words, size) != (ssize_t)size)
		fail("%s: write: %s", name, strerror(errno));
	close(fd);
}

static void expect(const char *name, unsigned int value, size_t size)
{
	static unsigned int words[16384];
	int fd = open_or_fail(name, O_RDONLY);
	ssize_t n = read(fd, words, sizeof(words));

	if (n != (ssize_t)size)
		fail("%s has %zd bytes instead of %zu", name, n, size);
	/* Whole words: what is left of the last one is the buffer's. */
	for (size_t i = 0; i * 4 + 4 <= size; i++)
		if (words[i] != value + (unsigned int)i * 2654435761u)
			fail("%s: byte %zu is not of version %u", name, i * 4, value);
	close(fd);
}

static void expect_gone(const char *name)
{
	struct stat st;

	if (lstat(name, &st) == 0 || errno != ENOENT)
		fail("%s should not be there: %s", name, strerror(errno));
}

static struct statfs space(const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st))
		fail("statfs: %s", strerror(errno));
	return st;
}

static unsigned long long used(const char *dir)
{
	struct statfs st = space(dir);

	return (unsigned long long)(st.f_blocks - st.f_bfree) * st.f_bsize;
}

static void expect_space(const char *dir, const struct statfs *before)
{
	struct statfs after = space(dir);

	if (after.f_blocks != before->f_blocks || after.f_bfree != before->f_bfree ||
	    after.f_bavail != before->f_bavail || after.f_files != before->f_files ||
	    after.f_ffree != before->f_ffree)
		fail("statfs has changed: free blocks %llu, now %llu; free inodes %llu, now %llu",
		     (unsigned long long)before->f_bfree, (unsigned long long)after.f_bfree,
		     (unsigned long long)before->f_ffree, (unsigned long long)after.f_ffree);
}

/* One round's changes of files that the base has (dir/base/0 to 9) and of new ones. */
static void edit(const char *dir, unsigned int round)
{
	char from[4200];

	for (unsigned int i = 0; i < 5; i++)
		put(at(dir, "work/f", i), round + i, 1000 + 700 * i);
	put(at(dir, "base/", round % 5), round, 9000);
	strcpy(from, at(dir, "work/f", 4));
	if (rename(from, at(dir, "work/moved", 0)))
		fail("rename: %s", strerror(errno));
	put(at(dir, "work/gone", 0), round, 5000);
	if (unlink(path))
		fail("unlink: %s", strerror(errno));
	if (mkdir(at(dir, "work/dir", round % 7), 0755) && errno != EEXIST)
		fail("mkdir: %s", strerror(errno));
	if (chmod(at(dir, "base/", 9), 0600 + round % 8) || truncate(path, round * 13 % 9000))
		fail("%s: %s", path, strerror(errno));
}

static void expect_edited(const char *dir, unsigned int round)
{
	for (unsigned int i = 0; i < 4; i++)
		expect(at(dir, "work/f", i), round + i, 1000 + 700 * i);
	expect(at(dir, "work/moved", 0), round + 4, 1000 + 700 * 4);
	for (unsigned int r = round > 4 ? round - 4 : 0; r <= round; r++)
		expect(at(dir, "base/", r % 5), r, 9000);
	expect_gone(at(dir, "work/gone", 0));
}

static void rounds_abort(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int count = atoi(argv[1]);
	struct statfs before;

	/* The first one is there to see what stays allocated once something was. */
	for (unsigned int i = 0; i <= count; i++) {
		if (i == 1)
			before = space(argv[0]);
		branch(fd, DAXFS_IOC_BRANCH_CREATE, "try", "", 0);
		edit(argv[0], i);
		branch(fd, DAXFS_IOC_BRANCH_ABORT, "", "", 0);
	}
	expect_space(argv[0], &before);
	expect_gone(at(argv[0], "work/f", 0));
	if (count_branches(fd) != 1)
		fail("%u branches are left", count_branches(fd));
}

/* Leaves what the last round wrote. What is live is some 100 KB, so the limit is dominated by the 4 MiB. */
static void rounds_commit(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int count = atoi(argv[1]);
	unsigned long long before = used(argv[0]), most = 0, live = 0;
	struct stat st;

	for (unsigned int i = 0; i < count; i++) {
		branch(fd, DAXFS_IOC_BRANCH_CREATE, "try", "", 0);
		edit(argv[0], i);
		branch(fd, DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
		if (used(argv[0]) - before > most)
			most = used(argv[0]) - before;
	}
	expect_edited(argv[0], count - 1);
	for (unsigned int i = 0; i < 4; i++)
		if (stat(at(argv[0], "work/f", i), &st) == 0)
			live += st.st_blocks * 512;
	for (unsigned int i = 0; i < 10; i++)
		if (stat(at(argv[0], "base/", i), &st) == 0)
			live += st.st_blocks * 512;
	printf("live %llu KiB, used %llu KiB, at most %llu KiB\n", live >> 10,
	       (used(argv[0]) - before) >> 10, most >> 10);
	if (used(argv[0]) - before > 2 * live + 4 * MIB)
		fail("%llu bytes are used for %llu live ones", used(argv[0]) - before, live);
}

/* Of a file of 3,000 bytes: 0 or the error. */
static int write_small(const char *name)
{
	static char bytes[3000];
	int fd = open(name, O_WRONLY | O_CREAT, 0644), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		err = errno;
	close(fd);
	return err;
}

/* A branch, one file of FILES written, a commit. */
static void rounds_same(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY), err;
	unsigned int count = atoi(argv[1]), files = atoi(argv[2]);
	unsigned long long most = 0, live = files * 4096ull, now;

	for (unsigned int i = 0; i < count; i++) {
		branch(fd, DAXFS_IOC_BRANCH_CREATE, "try", "", 0);
		err = write_small(at(argv[0], "small", i % files));
		if (err)
			fail("round %u: %s: %s", i, path, strerror(err));
		branch(fd, DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
		now = used(argv[0]);
		most = now > most ? now : most;
	}
	printf("live %llu KiB, used %llu KiB, at most %llu KiB\n", live >> 10,
	       used(argv[0]) >> 10, most >> 10);
	if (most > 2 * live + 4 * MIB)
		fail("%llu bytes are used for %llu live ones", most, live);
}

/* The same with a new file each, until there is no space: four fifths are contents of files then. */
static void rounds_fresh(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY), err;
	struct statfs st = space(argv[0]);
	unsigned long long all = (unsigned long long)st.f_bfree * st.f_bsize;
	unsigned int i;

	for (i = 0;; i++) {
		branch(fd, DAXFS_IOC_BRANCH_CREATE, "try", "", 0);
		err = write_small(at(argv[0], "fresh", i));
		if (err)
			break;
		branch(fd, DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
	}
	branch(fd, DAXFS_IOC_BRANCH_ABORT, "", "", 0);
	printf("%u files in %llu KiB: %llu%%\n", i, all >> 10, i * 4096ull * 100 / all);
	if (err != ENOSPC)
		fail("%s: %s", path, strerror(err));
	if (i * 4096ull < all / 5 * 4)
		fail("the area is full when %u files are in it", i);
	/* What is full can be emptied, and filled as before. */
	for (unsigned int k = 0; k < i; k++)
		if (unlink(at(argv[0], "fresh", k)))
			fail("%s cannot be removed: %s", path, strerror(errno));
}

/* Fills a branch with what WHAT names until there is no space, and empties it. */
static void rounds_empty(char **argv)
{
	const char *what = argv[1];
	unsigned int i, k, made;
	char value[256] = "";
	int err;

	for (k = 0; k < 2; k++) {
		for (i = 0;; i++) {
			at(argv[0], "e", i);
			err = 0;
			if (!strcmp(what, "files"))
				err = mknod(path, S_IFREG | 0644, 0);
			else if (!strcmp(what, "links"))
				err = symlink("a target that is rather long, so that it takes some space", path);
			else if (!strcmp(what, "dirs"))
				err = mkdir(path, 0755);
			else if (!strcmp(what, "blocks"))
				err = write_small(path);
			else
				err = mknod(path, S_IFREG | 0644, 0) ||
				      setxattr(path, "user.x", value, sizeof(value), 0);
			if (err)
				break;
		}
		if (errno != ENOSPC)
			fail("%s: %s", path, strerror(errno));
		made = i;
		/* The last one may be there in part. */
		for (i = 0; i <= made; i++) {
			at(argv[0], "e", i);
			err = !strcmp(what, "dirs") ? rmdir(path) : unlink(path);
			if (err && (i < made || errno != ENOENT))
				fail("%s, %u of %u, cannot be removed: %s", path, i, made,
				     strerror(errno));
		}
		printf("%u %s\n", made, what);
	}
}

static void rounds_edited(char **argv)
{
	expect_edited(argv[0], atoi(argv[1]) - 1);
}

/* Branch n + 1 is a child of branch n; each adds a file, changes one and removes one. */
static void rounds_nest(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int depth = atoi(argv[1]);
	char name[20];

	for (unsigned int i = 0; i <= depth; i++) {
		snprintf(name, sizeof(name), "level%u", i);
		if (i)
			branch(fd, DAXFS_IOC_BRANCH_CREATE, name, "", 0);
		put(at(argv[0], "level", i), i, 100);
		put(at(argv[0], "base/", 0), i, 5000);
		if (i > 1 && unlink(at(argv[0], "level", i - 2)))
			fail("%s: %s", path, strerror(errno));
	}
}

/* Is the mount, as it shows level LEVEL of rounds_nest(), right? */
static void expect_level(const char *dir, unsigned int level)
{
	expect(at(dir, "level", level), level, 100);
	if (level)
		expect(at(dir, "level", level - 1), level - 1, 100);
	for (unsigned int i = 0; i + 2 <= level; i++)
		expect_gone(at(dir, "level", i));
	expect_gone(at(dir, "level", level + 1));
	expect(at(dir, "base/", 0), level, 5000);
}

/* Each level from the deepest up, then the deepest half committed and the rest aborted, one by one. */
static void rounds_unnest(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int depth = atoi(argv[1]), level;
	char name[20];

	if (count_branches(fd) != depth + 1)
		fail("%u branches instead of %u", count_branches(fd), depth + 1);
	for (level = 0; level <= depth; level++) {
		snprintf(name, sizeof(name), "level%u", level);
		branch(fd, DAXFS_IOC_BRANCH_SWITCH, level ? name : "main", "", 0);
		expect_level(argv[0], level);
	}
	for (level = depth; level > depth / 2; level--) {
		branch(fd, DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
		expect_level(argv[0], depth);
	}
	while (level--) {
		branch(fd, DAXFS_IOC_BRANCH_ABORT, "", "", 0);
		expect_level(argv[0], level);
	}
	if (count_branches(fd) != 1)
		fail("%u branches are left", count_branches(fd));
}

/* Siblings, every tenth with a child; one of them is committed. */
static void rounds_siblings(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int count = atoi(argv[1]), winner = atoi(argv[2]), gone, children = 0;
	char name[20], child[20];

	/* A branch beside them, and below it: they stay. */
	branch(fd, DAXFS_IOC_BRANCH_CREATE, "trunk", "main", 0);
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "sibling%u", i);
		branch(fd, DAXFS_IOC_BRANCH_CREATE, name, "trunk", 0);
		put(at(argv[0], "sibling", i), i, 6000);
		put(at(argv[0], "base/", 1), i, 5000);
		if (i % 10 || i == winner)
			continue;
		snprintf(child, sizeof(child), "child%u", i);
		branch(fd, DAXFS_IOC_BRANCH_CREATE, child, name, 0);
		put(at(argv[0], "child", i), i, 3000);
		children++;
	}
	/* A loop beside the others shows that they are what they were. */
	for (unsigned int i = 0; i < count; i += 7) {
		snprintf(name, sizeof(name), "sibling%u", i);
		branch(fd, DAXFS_IOC_BRANCH_SWITCH, name, "", 0);
		expect(at(argv[0], "base/", 1), i, 5000);
		expect(at(argv[0], "sibling", i), i, 6000);
		expect_gone(at(argv[0], "sibling", i + 1));
		expect_gone(at(argv[0], "child", i));
	}
	snprintf(name, sizeof(name), "sibling%u", winner);
	branch(fd, DAXFS_IOC_BRANCH_SWITCH, name, "", 0);
	gone = branch(fd, DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
	if (gone != count - 1 + children)
		fail("%u branches were discarded instead of %u", gone, count - 1 + children);
	if (count_branches(fd) != 2)
		fail("%u branches are left instead of main and trunk", count_branches(fd));
	expect(at(argv[0], "base/", 1), winner, 5000);
	for (unsigned int i = 0; i < count; i++)
		if (i == winner)
			expect(at(argv[0], "sibling", i), i, 6000);
		else
			expect_gone(at(argv[0], "sibling", i));
}

/* Many small files, 1 to 4 KB, in folders of 1,000. */
static void rounds_files(char **argv)
{
	unsigned int count = atoi(argv[1]);

	for (unsigned int i = 0; i < count; i++) {
		char name[60];

		if (i % 1000 == 0 && mkdir(at(argv[0], "many", i / 1000), 0755))
			fail("%s: %s", path, strerror(errno));
		snprintf(name, sizeof(name), "many%u/f", i / 1000);
		put(at(argv[0], name, i), i, 1024 + i * 769 % 3073);
	}
	for (unsigned int i = 0; i < count; i += count / 500 + 1) {
		char name[60];

		snprintf(name, sizeof(name), "many%u/f", i / 1000);
		expect(at(argv[0], name, i), i, 1024 + i * 769 % 3073);
	}
}

static void rounds_used(char **argv)
{
	printf("%llu\n", used(argv[0]));
}

static const struct {
	const char *what;
	int args;
	void (*run)(char **argv);
} table[] = {
	{ "abort", 2, rounds_abort },		/* MOUNT ROUNDS */
	{ "commit", 2, rounds_commit },		/* MOUNT ROUNDS */
	{ "same", 3, rounds_same },		/* MOUNT ROUNDS FILES */
	{ "fresh", 1, rounds_fresh },		/* MOUNT */
	{ "empty", 2, rounds_empty },		/* MOUNT WHAT */
	{ "edited", 2, rounds_edited },		/* MOUNT ROUNDS: as commit left it */
	{ "nest", 2, rounds_nest },		/* MOUNT DEPTH */
	{ "unnest", 2, rounds_unnest },		/* MOUNT DEPTH: as nest left it */
	{ "siblings", 3, rounds_siblings },	/* MOUNT COUNT WINNER */
	{ "files", 2, rounds_files },		/* DIR COUNT */
	{ "used", 1, rounds_used },		/* MOUNT: prints bytes */
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(argv[1], table[i].what) || argc - 2 < table[i].args)
			continue;
		table[i].run(argv + 2);
		return 0;
	}
	fputs("usage: rounds WHAT MOUNT NUMBER...\n", stderr);
	return 2;
}
