// SPDX-License-Identifier: GPL-2.0-only
/*
 * twin: does a directory behave as another file system's? The same operations,
 * chosen at random, are done in A (a daxfs) and B (a tmpfs); each result is
 * compared, and after every 100 everything that can be seen of both.
 *
 *	twin A B SEED COUNT	COUNT operations; with COUNT 0 the trees are compared
 *	twin churn A B COUNT	operations that leave nothing but log behind
 *	twin digest A		a line per file with all that must survive a remount
 *
 * The first difference ends it, with the operation that showed it. The two
 * trees are the same at the start. Not compared is what no standard says: sizes
 * of directories, allocation, times but those that were set (which
 * are all before the year 2001, so a time after it must be after it in both).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

#define PROGRAM "twin"
#include "calls.h"

#define BATCH 100
#define SIDES 2
#define SET_TIMES 980000000	/* seconds; times that were set are below */

static const char *root[SIDES];
static char what[3 * PATH_MAX];		/* the operation, for messages */
static unsigned long done, worked;
static uint64_t seed;

static unsigned int dice(unsigned int sides)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (seed >> 33) % sides;
}

/* ---- names ---- */

static const char *name(void)
{
	static char longest[NAME_MAX + 2];
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "file.txt",
					     "\303\244\303\266", "with space" };
	unsigned int n = dice(60);

	if (n >= 58) {
		/* The last one is too long. */
		memset(longest, 'n', sizeof(longest) - 1);
		longest[n == 59 && !dice(4) ? NAME_MAX + 1 : NAME_MAX] = 0;
		return longest;
	}
	return names[n % (sizeof(names) / sizeof(names[0]))];
}

/* What an operation has most to do with. */
enum want { ANY, REGULAR, DIRECTORY, FREE };

static const char *full(int side, const char *path)
{
	static char buf[SIDES][2][2 * PATH_MAX];
	static int turn;

	turn ^= 1;
	snprintf(buf[side][turn], sizeof(buf[side][turn]), "%s%s", root[side], path);
	return buf[side][turn];
}

/* A path, of something that is there more often than not. */
static void wander(char *path)
{
	char full[2 * PATH_MAX];
	unsigned int depth = 0;

	path[0] = 0;
	for (;;) {
		DIR *dir;
		struct dirent *de;
		unsigned int n = 0, chosen;

		snprintf(full, sizeof(full), "%s%s", root[1], path);
		dir = dice(4) ? opendir(full) : NULL;
		if (!dir)
			break;
		while ((de = readdir(dir)))
			n++;
		chosen = dice(n);
		rewinddir(dir);
		do
			de = readdir(dir);
		while (chosen--);
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, "..")) {
			closedir(dir);
			break;
		}
		sprintf(path + strlen(path), "/%s", de->d_name);
		closedir(dir);
		if (++depth == 4 || dice(3) == 0)
			return;
	}
	sprintf(path + strlen(path), "/%s", name());
}

static bool is_wanted(const char *path, enum want want)
{
	struct stat st;

	if (lstat(full(1, path), &st))
		return want == FREE && errno == ENOENT;
	return want == REGULAR ? S_ISREG(st.st_mode) :
	       want == DIRECTORY ? S_ISDIR(st.st_mode) : want == ANY;
}

/* One in four is what comes. */
static void pick(char *path, enum want want)
{
	int tries = dice(4) ? 10 : 1;

	do
		wander(path);
	while (--tries && !is_wanted(path, want));
}

/* ---- results ---- */

struct result {
	long value;
	int error;
};

#define DO(side, call) \
	do { \
		errno = 0; \
		r[side].value = (call); \
		r[side].error = r[side].value < 0 ? errno : 0; \
	} while (0)
#define BOTH(call) \
	do { \
		for (int s = 0; s < SIDES; s++) \
			DO(s, call); \
	} while (0)

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
}

static void same(const struct result r[SIDES])
{
	if (r[0].value != r[1].value || r[0].error != r[1].error)
		fail("operation %lu, %s: %ld (%s), the twin %ld (%s)", done, what, r[0].value,
		     strerror(r[0].error), r[1].value, strerror(r[1].error));
	worked += r[0].value >= 0;
}

/* ---- what can be seen of a file ---- */

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len--)
		h = (h ^ *p++) * 1099511628211ull;
	return h;
}

static uint64_t hash_contents(const char *path)
{
	static char buf[1 << 18];
	int fd = open(path, O_RDONLY | O_NOATIME | O_NONBLOCK);
	uint64_t h = 14695981039346656037ull;
	ssize_t n;

	if (fd < 0)
		fail("%s, after %s: open: %s", path, what, strerror(errno));
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		h = hash(h, buf, n);
	if (n < 0)
		fail("%s, after %s: read: %s", path, what, strerror(errno));
	close(fd);
	return h;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In no order: the sum of the hashes. */
static uint64_t hash_xattrs(const char *path)
{
	static char names[65536], value[65536];
	ssize_t len = llistxattr(path, names, sizeof(names)), n;
	uint64_t sum = 0;

	if (len < 0 && errno != ENOTSUP)
		fail("%s, after %s: listxattr: %s", path, what, strerror(errno));
	for (char *p = names; len > 0 && p < names + len; p += strlen(p) + 1) {
		n = lgetxattr(path, p, value, sizeof(value));
		if (n < 0)
			fail("%s, after %s: %s: %s", path, what, p, strerror(errno));
		sum += hash(hash(1, p, strlen(p)), value, n);
	}
	return sum;
}

struct seen {
	struct stat st;
	uint64_t contents, xattrs;
	char link[PATH_MAX];
};

static void look(const char *path, struct seen *seen)
{
	ssize_t n;

	memset(seen, 0, sizeof(*seen));
	if (lstat(path, &seen->st))
		fail("%s, after %s: stat: %s", path, what, strerror(errno));
	seen->xattrs = hash_xattrs(path);
	if (S_ISREG(seen->st.st_mode))
		seen->contents = hash_contents(path);
	if (S_ISLNK(seen->st.st_mode)) {
		n = readlink(path, seen->link, sizeof(seen->link));
		if (n != seen->st.st_size)
			fail("%s, after %s: readlink: %zd bytes of %lld", path, what, n,
			     (long long)seen->st.st_size);
	}
}

/* The names of a directory with a letter for the type, sorted. */
static char **list(const char *path, size_t *count)
{
	size_t n = 0, room = 32;
	char **names = malloc(room * sizeof(*names));
	DIR *dir = opendir(path);
	struct dirent *de;

	if (!dir)
		fail("%s, after %s: opendir: %s", path, what, strerror(errno));
	while (errno = 0, (de = readdir(dir))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (n == room)
			names = realloc(names, (room *= 2) * sizeof(*names));
		if (asprintf(&names[n++], "%s/%c", de->d_name, 'A' + de->d_type) < 0)
			fail("memory");
	}
	if (errno)
		fail("%s, after %s: readdir: %s", path, what, strerror(errno));
	closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	*count = n;
	return names;
}

/* ---- comparing ---- */

#define CHECK(member, format) \
	do { \
		if (a.member != b.member) \
			fail("%s, after %s (%lu): " #member " " format ", the twin's " format, \
			     path, what, done, a.member, b.member); \
	} while (0)

/* Which first name each multiply linked inode has, in both trees. */
static struct linked {
	ino_t ino[SIDES];
} *linked;
static size_t linked_count;

static void compare_links(const char *path, ino_t a, ino_t b)
{
	for (size_t i = 0; i < linked_count; i++) {
		if ((linked[i].ino[0] == a) != (linked[i].ino[1] == b))
			fail("%s, after %s: is a link to another file than in the twin", path, what);
		if (linked[i].ino[0] == a)
			return;
	}
	linked = realloc(linked, (linked_count + 1) * sizeof(*linked));
	linked[linked_count++] = (struct linked){ { a, b } };
}

static void compare_time(const char *path, const char *which, struct timespec a, struct timespec b)
{
	if (a.tv_sec >= SET_TIMES && b.tv_sec >= SET_TIMES)
		return;
	if (a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec)
		fail("%s, after %s (%lu): %s %lld.%09ld, the twin's %lld.%09ld", path, what, done,
		     which, (long long)a.tv_sec, a.tv_nsec, (long long)b.tv_sec, b.tv_nsec);
}

static void compare(const char *path)
{
	static struct seen a, b;
	char **an, **bn, *next;
	size_t na, nb;

	look(full(0, path), &a);
	look(full(1, path), &b);
	CHECK(st.st_mode, "%o");
	CHECK(st.st_uid, "%u");
	CHECK(st.st_gid, "%u");
	CHECK(st.st_nlink, "%lu");
	CHECK(st.st_rdev, "%lx");
	CHECK(xattrs, "%lx");
	compare_time(path, "mtime", a.st.st_mtim, b.st.st_mtim);
	if (strcmp(a.link, b.link))
		fail("%s, after %s: points to %s, the twin to %s", path, what, a.link, b.link);
	if (!S_ISDIR(a.st.st_mode)) {
		CHECK(st.st_size, "%ld");
		CHECK(contents, "%lx");
		compare_time(path, "atime", a.st.st_atim, b.st.st_atim);
		if (a.st.st_nlink > 1)
			compare_links(path, a.st.st_ino, b.st.st_ino);
		return;
	}
	an = list(full(0, path), &na);
	bn = list(full(1, path), &nb);
	for (size_t i = 0; i < na || i < nb; i++)
		if (i >= na || i >= nb || strcmp(an[i], bn[i]))
			fail("%s, after %s (%lu): entry %zu is %s, the twin's %s", path, what,
			     done, i, i < na ? an[i] : "none", i < nb ? bn[i] : "none");
	for (size_t i = 0; i < na; i++) {
		*strrchr(an[i], '/') = 0;
		if (asprintf(&next, "%s/%s", path, an[i]) < 0)
			fail("memory");
		compare(next);
		free(next);
		free(an[i]);
		free(bn[i]);
	}
	free(an);
	free(bn);
}

static void compare_all(void)
{
	linked_count = 0;
	compare("");
}

/* ---- operations: what they are done to is picked first, then it is done twice ---- */

static char one[PATH_MAX], two[PATH_MAX];
static char data[300000];

static size_t some_bytes(void)
{
	static const unsigned int sizes[] = { 1, 100, 4096, 4097, 20000, 300000 };
	size_t len = 1 + dice(sizes[dice(6)]);
	unsigned int word = dice(1u << 31);

	for (size_t i = 0; i < len; i++)
		data[i] = word = word * 1103515245 + 12345 + (word >> 16);
	return len;
}

/* Mostly within the first 300 KB, at times in the middle of blocks, at times far away. */
static off_t some_offset(void)
{
	if (!dice(40))
		return (2 << 20) + dice(1 << 20);
	return dice(2) ? dice(20000) : dice(70) * 4096l;
}

static void op_create(void)
{
	struct result r[SIDES];
	int flags = O_WRONLY | O_NONBLOCK | O_CREAT | (dice(3) ? 0 : O_EXCL) | (dice(3) ? 0 : O_TRUNC);
	mode_t mode = dice(01000);

	say("create %s flags %o mode %o", one, flags, mode);
	BOTH(open(full(s, one), flags, mode));
	for (int s = 0; s < SIDES; s++)
		if (r[s].value >= 0) {
			close(r[s].value);
			r[s].value = 0;
		}
	same(r);
}

/* flags[s]: how the file is opened in either */
static void write_once(const char *path, int extra, size_t len, off_t at)
{
	struct result r[SIDES];

	for (int s = 0; s < SIDES; s++) {
		/* tmpfs has direct I/O in newer kernels only. */
		int fd, flags = O_RDWR | O_NONBLOCK | (s ? extra & ~O_DIRECT : extra);

		DO(s, fd = open(full(s, path), flags));
		if (fd < 0)
			continue;
		DO(s, at < 0 ? write(fd, data, len) : pwrite(fd, data, len, at));
		close(fd);
	}
	same(r);
}

static void op_write(void)
{
	size_t len = some_bytes();
	off_t at = some_offset();
	int extra = dice(4) ? 0 : dice(2) ? O_DIRECT : O_SYNC;
	struct stat st;

	/* Of what is no file, the VFS refuses direct I/O. */
	if (extra == O_DIRECT && (stat(full(0, one), &st) || !S_ISREG(st.st_mode)))
		extra = 0;
	say("write %zu bytes to %s at %lld flags %o", len, one, (long long)at, extra);
	write_once(one, extra, len, at);
}

static void op_append(void)
{
	size_t len = some_bytes() % 9000;

	say("append %zu bytes to %s", len, one);
	write_once(one, O_APPEND, len, -1);
}

static void op_truncate(void)
{
	struct result r[SIDES];
	off_t size = dice(8) ? dice(40000) : dice(3 << 20);

	say("truncate %s to %lld", one, (long long)size);
	BOTH(truncate(full(s, one), size));
	same(r);
}

/* Zeroes a range as fallocate would, where the twin cannot. */
static int zero_range(int fd, off_t at, off_t len, bool keep)
{
	static const struct timespec now[] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	static const char zeros[300000];
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	if (!keep && at + len > st.st_size) {
		if (ftruncate(fd, at + len))
			return -1;
	} else if (at + len > st.st_size) {
		len = st.st_size - at;
	}
	if (len > 0 && pwrite(fd, zeros, len, at) != len)
		return -1;
	/* Also when there was nothing to be zeroed before the end. */
	return futimens(fd, now);
}

static void op_allocate(void)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_ZERO_RANGE,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	struct result r[SIDES];
	int mode = modes[dice(6)];
	off_t at = some_offset(), len = dice(8) ? 1 + dice(30000) : dice(300000);

	say("fallocate %s mode %x at %lld length %lld", one, mode, (long long)at, (long long)len);
	for (int s = 0; s < SIDES; s++) {
		int fd;

		DO(s, fd = open(full(s, one), O_RDWR | O_NONBLOCK));
		if (fd < 0)
			continue;
		if (s && len && mode & FALLOC_FL_ZERO_RANGE)
			DO(s, zero_range(fd, at, len, mode & FALLOC_FL_KEEP_SIZE));
		else
			DO(s, fallocate(fd, mode, at, len));
		close(fd);
	}
	same(r);
}

static const struct timespec *some_times(void)
{
	static struct timespec times[2];

	for (int i = 0; i < 2; i++)
		times[i] = (struct timespec){ .tv_sec = (long)dice(SET_TIMES) - (dice(5) ? 0 : SET_TIMES),
					      .tv_nsec = dice(1000000000) };
	return times;
}

/* The time is set after it: whether a mapping's writes change it, only daxfs says. */
static void op_map(void)
{
	struct result r[SIDES];
	const struct timespec *times = some_times();
	size_t len = some_bytes() % 20000;
	unsigned int where = dice(1 << 20);
	struct stat st;

	say("map and write %zu bytes of %s, %u", len, one, where);
	for (int s = 0; s < SIDES; s++) {
		int fd = open(full(s, one), O_RDWR | O_NONBLOCK);
		char *p;

		DO(s, fd);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size) {
			DO(s, 0);
			close(fd);
			continue;
		}
		p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		DO(s, p == MAP_FAILED ? -1 : 0);
		if (p != MAP_FAILED) {
			where %= st.st_size;
			if (len > (size_t)st.st_size - where)
				len = st.st_size - where;
			memcpy(p + where, data, len);
			if (dice(2))
				msync(p, st.st_size, MS_SYNC);
			munmap(p, st.st_size);
			futimens(fd, times);
		}
		close(fd);
	}
	same(r);
}

static void op_rename(void)
{
	static const unsigned int flags[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE,
					      RENAME_WHITEOUT };
	struct result r[SIDES];
	unsigned int flag = flags[dice(6)];
	const struct timespec *times;

	say("rename %s to %s flags %u", one, two, flag);
	BOTH(renameat2(AT_FDCWD, full(s, one), AT_FDCWD, full(s, two), flag));
	same(r);
	if (flag != RENAME_WHITEOUT || r[0].value)
		return;
	/* tmpfs does not always set the time of the directory then. */
	*strrchr(one, '/') = 0;
	times = some_times();
	BOTH(utimensat(AT_FDCWD, full(s, one), times, 0));
}

static void op_link(void)
{
	struct result r[SIDES];

	say("link %s to %s", one, two);
	BOTH(link(full(s, one), full(s, two)));
	same(r);
}

static void op_unlink(void)
{
	struct result r[SIDES];

	say("unlink %s", one);
	BOTH(unlink(full(s, one)));
	same(r);
}

static void op_mkdir(void)
{
	struct result r[SIDES];
	mode_t mode = dice(010000);

	say("mkdir %s mode %o", one, mode);
	BOTH(mkdir(full(s, one), mode));
	same(r);
}

static void op_rmdir(void)
{
	struct result r[SIDES];

	say("rmdir %s", one);
	BOTH(rmdir(full(s, one)));
	same(r);
}

static void op_symlink(void)
{
	struct result r[SIDES];
	char target[4000];

	if (dice(10)) {
		snprintf(target, sizeof(target), "%s", name());
	} else {
		memset(target, 't', sizeof(target));
		target[1 + dice(3999)] = 0;
		target[sizeof(target) - 1] = 0;
	}
	say("symlink %s to %.40s", one, target);
	BOTH(symlink(target, full(s, one)));
	same(r);
}

static void op_mknod(void)
{
	static const mode_t types[] = { S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK };
	struct result r[SIDES];
	mode_t mode = types[dice(4)] | dice(01000);
	/* Of no driver: it may be opened. */
	dev_t dev = makedev(1000 + dice(3000), dice(1 << 20));

	say("mknod %s mode %o", one, mode);
	BOTH(mknod(full(s, one), mode, S_ISCHR(mode) || S_ISBLK(mode) ? dev : 0));
	same(r);
}

static void op_attributes(void)
{
	struct result r[SIDES];
	unsigned int a = dice(1u << 31), b = dice(1u << 31);
	const struct timespec *times = some_times();

	switch (dice(3)) {
	case 0:
		say("chmod %s %o", one, a % 010000);
		BOTH(chmod(full(s, one), a % 010000));
		break;
	case 1:
		say("chown %s %u:%u", one, a, b);
		BOTH(lchown(full(s, one), a, b));
		break;
	default:
		say("utimens %s %lld", one, (long long)times[1].tv_sec);
		BOTH(utimensat(AT_FDCWD, full(s, one), times, AT_SYMLINK_NOFOLLOW));
	}
	same(r);
}

static void op_xattr(void)
{
	static const char *const names[] = { "trusted.a", "trusted.b", "trusted.overlay.opaque",
					     "security.daxfs", "trusted." };
	struct result r[SIDES];
	const char *xattr = names[dice(25) ? dice(4) : 4];
	size_t len = dice(4) ? dice(100) : dice(3000);
	int flags = dice(3) ? 0 : dice(2) ? XATTR_CREATE : XATTR_REPLACE;

	some_bytes();
	if (dice(3)) {
		say("set %s of %s to %zu bytes, flags %d", xattr, one, len, flags);
		BOTH(lsetxattr(full(s, one), xattr, data, len, flags));
	} else {
		say("remove %s of %s", xattr, one);
		BOTH(lremovexattr(full(s, one), xattr));
	}
	same(r);
}

static void op_tmpfile(void)
{
	struct result r[SIDES];
	size_t len = some_bytes();
	bool named = dice(3), excl = !dice(5);
	char proc[64];

	/* In the directory of one, then, at times, a name. */
	*strrchr(one, '/') = 0;
	say("O_TMPFILE in %s%s, %zu bytes, %s %s", one, excl ? " (O_EXCL)" : "", len,
	    named ? "named" : "never named", two);
	for (int s = 0; s < SIDES; s++) {
		int fd = open(full(s, one), O_TMPFILE | O_RDWR | (excl ? O_EXCL : 0), 0640);

		DO(s, fd);
		if (fd < 0)
			continue;
		DO(s, write(fd, data, len));
		if (r[s].value == (long)len && named) {
			snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
			DO(s, linkat(AT_FDCWD, proc, AT_FDCWD, full(s, two), AT_SYMLINK_FOLLOW));
		}
		close(fd);
	}
	same(r);
}

/* A directory is emptied of its files while it is read: each is seen once. */
static void op_empty(void)
{
	struct result r[SIDES];

	say("empty %s while it is read", one);
	for (int s = 0; s < SIDES; s++) {
		DIR *dir = opendir(full(s, one));
		struct dirent *de;
		long removed = 0;

		DO(s, dir ? 0 : -1);
		if (!dir)
			continue;
		while (errno = 0, (de = readdir(dir))) {
			if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
				continue;
			if (unlinkat(dirfd(dir), de->d_name, 0) == 0)
				removed++;
			else if (errno != EISDIR)
				fail("%s: unlink %s: %s", what, de->d_name, strerror(errno));
		}
		DO(s, errno ? -1 : removed);
		closedir(dir);
	}
	same(r);
}

/* Files that stay open, whatever happens to their names. */
static struct {
	int fd[SIDES];
	bool used;
} opened[6];

static void op_opened(void)
{
	struct result r[SIDES];
	unsigned int n = dice(6);
	size_t len = some_bytes() % 30000;
	off_t at = some_offset();
	static char back[SIDES][30000];

	if (!opened[n].used) {
		say("open %s to keep", one);
		BOTH(opened[n].fd[s] = open(full(s, one), O_RDWR | O_NONBLOCK | O_NOATIME));
		for (int s = 0; s < SIDES; s++)
			r[s].value = r[s].value < 0 ? -1 : 0;
		same(r);
		opened[n].used = !r[0].value;
		return;
	}
	switch (dice(5)) {
	case 0:
		say("close what is kept");
		BOTH(close(opened[n].fd[s]));
		opened[n].used = false;
		break;
	case 1:
	case 2:
		say("write %zu bytes at %lld of what is kept", len, (long long)at);
		BOTH(pwrite(opened[n].fd[s], data, len, at));
		break;
	case 3:
		say("truncate what is kept to %zu", len);
		BOTH(ftruncate(opened[n].fd[s], len));
		break;
	default:
		say("read %zu bytes at %lld of what is kept", len, (long long)at);
		memset(back, 0, sizeof(back));
		BOTH(pread(opened[n].fd[s], back[s], len, at));
		if (memcmp(back[0], back[1], sizeof(back[0])))
			fail("operation %lu, %s: other bytes than the twin's", done, what);
	}
	same(r);
}

static const struct {
	void (*run)(void);
	unsigned int weight;
	enum want one, two;
} operations[] = {
	{ op_create, 12, FREE, ANY },
	{ op_write, 16, REGULAR, ANY },
	{ op_append, 6, REGULAR, ANY },
	{ op_truncate, 6, REGULAR, ANY },
	{ op_allocate, 8, REGULAR, ANY },
	{ op_map, 8, REGULAR, ANY },
	{ op_rename, 6, ANY, FREE },
	{ op_rename, 6, REGULAR, REGULAR },
	{ op_rename, 2, DIRECTORY, DIRECTORY },
	{ op_link, 5, REGULAR, FREE },
	{ op_unlink, 6, ANY, ANY },
	{ op_mkdir, 8, FREE, ANY },
	{ op_rmdir, 4, DIRECTORY, ANY },
	{ op_symlink, 3, FREE, ANY },
	{ op_mknod, 3, FREE, ANY },
	{ op_attributes, 8, ANY, ANY },
	{ op_xattr, 8, ANY, ANY },
	{ op_tmpfile, 4, ANY, FREE },
	{ op_empty, 1, DIRECTORY, ANY },
	{ op_opened, 12, REGULAR, ANY },
};

static void run(unsigned long count)
{
	unsigned int total = 0, n;
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		total += operations[i].weight;
	while (done < count) {
		n = dice(total);
		for (i = 0; n >= operations[i].weight; i++)
			n -= operations[i].weight;
		pick(one, operations[i].one);
		pick(two, operations[i].two);
		operations[i].run();
		done++;
		if (getenv("TWIN_SHOW"))
			printf("%lu %s\n", done, what);
		if (done % BATCH == 0)
			compare_all();
	}
	compare_all();
	printf("%lu operations, %lu of them worked\n", done, worked);
	if (count >= 1000 && worked < count / 4)
		fail("only %lu of %lu operations did anything", worked, count);
}

#define TRY(call) do { BOTH(call); same(r); } while (0)

static void churn(unsigned long count)
{
	struct result r[SIDES];
	unsigned long i;

	say("make what is changed");
	TRY(mkdir(full(s, "/churn"), 0755));
	TRY(mknod(full(s, "/churn/x"), S_IFREG | 0600, 0));
	for (i = 0; i < count; i++) {
		say("churn %lu", i);
		TRY(chmod(full(s, "/churn/x"), i % 01000));
		TRY(rename(full(s, "/churn/x"), full(s, "/churn/y")));
		TRY(rename(full(s, "/churn/y"), full(s, "/churn/x")));
		TRY(setxattr(full(s, "/churn/x"), "trusted.churn", &i, sizeof(i), 0));
		if (i % 16)
			continue;
		TRY(mknod(full(s, "/churn/z"), S_IFREG | 0600, 0));
		TRY(truncate(full(s, "/churn/z"), i));
		TRY(unlink(full(s, "/churn/z")));
	}
	compare_all();
}

static void digest(const char *path)
{
	static struct seen seen;
	struct stat *st = &seen.st;
	char **names, *next;
	size_t n;

	look(full(0, path), &seen);
	printf("%s: inode %lu mode %o links %lu owner %u:%u device %lx size %lld blocks %lld mtime %lld.%09ld ctime %lld.%09ld contents %lx xattrs %lx%s%s\n",
	       path, st->st_ino, st->st_mode, st->st_nlink, st->st_uid, st->st_gid, st->st_rdev,
	       (long long)st->st_size, (long long)st->st_blocks, (long long)st->st_mtim.tv_sec,
	       st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
	       seen.contents, seen.xattrs, seen.link[0] ? " target " : "", seen.link);
	if (!S_ISDIR(st->st_mode))
		return;
	names = list(full(0, path), &n);
	for (size_t i = 0; i < n; i++) {
		*strrchr(names[i], '/') = 0;
		if (asprintf(&next, "%s/%s", path, names[i]) < 0)
			fail("memory");
		digest(next);
		free(next);
		free(names[i]);
	}
	free(names);
}

int main(int argc, char **argv)
{
	umask(022);
	say("the start");
	if (argc == 3 && !strcmp(argv[1], "digest")) {
		root[0] = argv[2];
		digest("");
	} else if (argc == 5) {
		bool churning = !strcmp(argv[1], "churn");

		root[0] = argv[1 + churning];
		root[1] = argv[2 + churning];
		seed = strtoull(argv[3], NULL, 0);
		if (churning)
			churn(strtoul(argv[4], NULL, 0));
		else
			run(strtoul(argv[4], NULL, 0));
	} else {
		fputs("usage: twin A B SEED COUNT, twin churn A B COUNT, twin digest A\n", stderr);
		return 2;
	}
	return 0;
}
