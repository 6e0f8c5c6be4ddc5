// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress SECONDS SEED WORK OTHER...: 8 processes work in the branch that the
 * mount WORK shows: they create, write, rename, truncate and map files of a
 * small set that they share, and each keeps one file of its own whose bytes it
 * knows. Meanwhile there is a process for each OTHER, mounts of branches that
 * are no relatives of WORK's, which makes children of what it shows, edits,
 * commits and aborts them; and one that does so with WORK itself, under the
 * feet of the 8.
 *
 * No call gives an error that POSIX does not know for it; ESTALE comes only
 * after an abort in WORK. What a process knows of its own file is
 * true as long as nothing was aborted. Prints what was done.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define PROGRAM "stress"
#include "calls.h"

#define WORKERS 8
#define NAMES 40
#define OWN_SIZE 40000
#define PAGE 4096

/* Shared by all processes. */
static struct {
	atomic_uint aborts;		/* begun in WORK */
	atomic_uint aborted;		/* over */
	atomic_ulong operations, stale, bus, checked, rounds, failed;
	atomic_bool over;
} *shared;

static time_t end;
static unsigned int seed;
static unsigned long turns;

static unsigned int dice(unsigned int sides)
{
	return rand_r(&seed) % sides;
}

static bool time_is_over(void)
{
	/* A clock call for each would be half of the work. */
	if (++turns % 16 == 0 && time(NULL) >= end)
		atomic_store(&shared->over, true);
	return atomic_load(&shared->over);
}

static sigjmp_buf bus;

static void on_bus(int number)
{
	(void)number;
	siglongjmp(bus, 1);
}

/* ---- the 8 ---- */

/* Is the error one that others' work on the same names explains? */
static void check_error(const char *what, const char *name, long result)
{
	static const int allowed[] = { ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY };

	atomic_fetch_add(&shared->operations, 1);
	if (result >= 0)
		return;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (errno == allowed[i])
			return;
	/* A directory into itself. */
	if (errno == EINVAL && !strcmp(what, "rename"))
		return;
	if (errno == ESTALE && atomic_load(&shared->aborts)) {
		atomic_fetch_add(&shared->stale, 1);
		return;
	}
	fail("%s %s: %s", what, name, strerror(errno));
}

static const char *a_name(void)
{
	static char names[4][64];
	static int turn;
	unsigned int n = dice(NAMES);

	turn = (turn + 1) % 4;
	/* Some are in directories that come and go. */
	if (n % 4)
		snprintf(names[turn], sizeof(names[turn]), "s%u", n);
	else
		snprintf(names[turn], sizeof(names[turn]), "d%u/s%u", n % 3, n);
	return names[turn];
}

static void map_and_write(int fd, const char *name)
{
	struct stat st;
	char *p;

	if (fstat(fd, &st)) {
		check_error("fstat", name, -1);
		return;
	}
	if (!st.st_size)
		return;
	p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		check_error("mmap", name, -1);
		return;
	}
	/* Others truncate it, too. */
	if (sigsetjmp(bus, 1)) {
		atomic_fetch_add(&shared->bus, 1);
	} else {
		for (int i = 0; i < 20; i++)
			p[dice(st.st_size)] += 1;
		if (dice(4) == 0)
			check_error("msync", name, msync(p, st.st_size, MS_SYNC));
	}
	munmap(p, st.st_size);
}

static void on_a_file(const char *name)
{
	static char buf[30000];
	int fd = open(name, O_RDWR | (dice(2) ? O_CREAT : 0) | (dice(8) ? 0 : O_TRUNC), 0644);
	ssize_t n;

	check_error("open", name, fd);
	if (fd < 0)
		return;
	for (int i = dice(4); i >= 0; i--) {
		off_t at;
		size_t len = 1 + dice(dice(2) ? 200 : sizeof(buf));

		switch (dice(6)) {
		case 0:
		case 1:
			at = dice(100000);
			n = pwrite(fd, buf, len, at);
			check_error("write", name, n);
			/* Part of it, when the branch was aborted meanwhile: then nothing more. */
			if (n >= 0 && n != (ssize_t)len &&
			    (pwrite(fd, buf + n, len - n, at + n) >= 0 || errno != ESTALE))
				fail("%s: %zd bytes of %zu were written", name, n, len);
			break;
		case 2:
			check_error("read", name, pread(fd, buf, len, dice(100000)));
			break;
		case 3:
			check_error("truncate", name, ftruncate(fd, dice(60000)));
			break;
		case 4:
			map_and_write(fd, name);
			break;
		default:
			check_error("punch", name,
				    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					      dice(30000), 1 + dice(30000)));
		}
	}
	if (dice(10) == 0)
		check_error("fsync", name, fsync(fd));
	close(fd);
}

static void on_names(void)
{
	const char *a = a_name(), *b = a_name();
	struct stat st;
	struct dirent *de;
	char dir[8];
	DIR *d;

	snprintf(dir, sizeof(dir), "d%u", dice(3));
	switch (dice(10)) {
	case 0:
	case 1:
		check_error("rename", a, rename(a, b));
		break;
	case 2:
		check_error("exchange", a, renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
		break;
	case 3:
		check_error("unlink", a, unlink(a));
		break;
	case 4:
		check_error("link", a, link(a, b));
		break;
	case 5:
		check_error("mkdir", dir, mkdir(dir, 0755));
		break;
	case 6:
		check_error("rmdir", dir, rmdir(dir));
		break;
	case 7:
		check_error("chmod", a, chmod(a, 0600 + dice(64)));
		break;
	case 8:
		check_error("stat", a, stat(a, &st));
		break;
	default:
		d = opendir(dice(2) ? "." : dir);
		check_error("opendir", dir, d ? 0 : -1);
		if (!d)
			break;
		while (errno = 0, (de = readdir(d)))
			;
		check_error("readdir", dir, errno ? -1 : 0);
		closedir(d);
	}
}

/* A file that nobody else touches: it must be what it was, unless something was aborted. */
struct own {
	char name[16], *text;
	unsigned int aborts;
	bool known;
};

/* Nothing was aborted since the file was made, and nothing is being. */
static bool own_counts(const struct own *own)
{
	return own->known && own->aborts == atomic_load(&shared->aborts);
}

static void own_failed(struct own *own, const char *what)
{
	if (own_counts(own))
		fail("%s: %s: %s, and nothing was aborted", own->name, what, strerror(errno));
	own->known = false;
}

static void on_own(struct own *own)
{
	static char back[OWN_SIZE];
	unsigned int at, len;
	int fd;

	if (!own_counts(own)) {
		own->aborts = atomic_load(&shared->aborts);
		/* In the middle of an abort nobody knows which it is. */
		own->known = own->aborts == atomic_load(&shared->aborted);
		if (!own->known)
			return;
		fd = open(own->name, O_RDWR | O_CREAT | O_TRUNC, 0644);
		memset(own->text, 0, OWN_SIZE);
		if (fd < 0 || ftruncate(fd, OWN_SIZE))
			own_failed(own, "making it");
		close(fd);
		return;
	}
	fd = open(own->name, O_RDWR);
	if (fd < 0) {
		own_failed(own, "open");
		return;
	}
	at = dice(OWN_SIZE - 1);
	len = 1 + dice(OWN_SIZE - at);
	if (dice(3))
		len = len % 300 + 1;
	if (at + len > OWN_SIZE)
		len = OWN_SIZE - at;
	memset(own->text + at, 1 + dice(255), len);
	if (pwrite(fd, own->text + at, len, at) != (ssize_t)len)
		own_failed(own, "write");
	else if (pread(fd, back, OWN_SIZE, 0) != OWN_SIZE)
		own_failed(own, "read");
	else if (memcmp(back, own->text, OWN_SIZE) && own_counts(own))
		fail("%s: has other bytes than were written, and nothing was aborted", own->name);
	else
		atomic_fetch_add(&shared->checked, 1);
	close(fd);
}

static void work(const char *mount, unsigned int number)
{
	struct own own = { .text = calloc(1, OWN_SIZE) };
	struct sigaction action = { .sa_handler = on_bus };

	sigaction(SIGBUS, &action, NULL);
	snprintf(own.name, sizeof(own.name), "own%u", number);
	if (chdir(mount))
		fail("%s: %s", mount, strerror(errno));
	while (!time_is_over()) {
		if (dice(8) == 0)
			on_own(&own);
		else if (dice(2))
			on_a_file(a_name());
		else
			on_names();
	}
}

/* ---- the others ---- */

/* Makes a child, writes to it, and commits or aborts it: what it wrote is there, or not. */
static void branches(const char *mount, unsigned int number)
{
	int fd = open_or_fail(mount, O_RDONLY | O_DIRECTORY), file;
	unsigned int committed = 0, now;
	char name[20], back[8];
	bool commit;

	snprintf(name, sizeof(name), "child%u", number);
	for (unsigned int round = 1; !time_is_over(); round++) {
		commit = dice(2);
		branch(fd, DAXFS_IOC_BRANCH_CREATE, name, "", 0);
		file = openat(fd, "round", O_RDWR | O_CREAT, 0644);
		if (file < 0 || pwrite(file, &round, sizeof(round), 0) != sizeof(round) ||
		    mkdirat(fd, name, 0755) || unlinkat(fd, name, AT_REMOVEDIR))
			fail("%s: editing: %s", mount, strerror(errno));
		close(file);
		branch(fd, commit ? DAXFS_IOC_BRANCH_COMMIT : DAXFS_IOC_BRANCH_ABORT, "", "", 0);
		committed = commit ? round : committed;
		now = 0;
		file = openat(fd, "round", O_RDONLY);
		if (file >= 0 && read(file, back, sizeof(back)) == sizeof(now))
			memcpy(&now, back, sizeof(now));
		if (now != committed)
			fail("%s: shows round %u, round %u was committed last", mount, now, committed);
		if (file >= 0)
			close(file);
		atomic_fetch_add(&shared->rounds, 1);
	}
}

/* The same with the mount that the 8 work in: three times a second, one abort in three. */
static void under_their_feet(const char *mount)
{
	int fd = open_or_fail(mount, O_RDONLY | O_DIRECTORY);
	struct timespec third = { .tv_nsec = 333000000 };
	bool abort;

	for (unsigned int round = 1; !time_is_over(); round++) {
		abort = round % 3 == 0;
		branch(fd, DAXFS_IOC_BRANCH_CREATE, "feet", "", 0);
		nanosleep(&third, NULL);
		if (abort)
			atomic_fetch_add(&shared->aborts, 1);
		branch(fd, abort ? DAXFS_IOC_BRANCH_ABORT : DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
		if (abort)
			atomic_fetch_add(&shared->aborted, 1);
		atomic_fetch_add(&shared->rounds, 1);
		if (time(NULL) >= end)
			atomic_store(&shared->over, true);
	}
}

int main(int argc, char **argv)
{
	unsigned int count = 0, failed = 0;
	int status;

	if (argc < 4) {
		fputs("usage: stress SECONDS SEED WORK OTHER...\n", stderr);
		return 2;
	}
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	end = time(NULL) + atoi(argv[1]);
	for (int i = 0; i < WORKERS + 1 + argc - 4; i++, count++) {
		seed = atoi(argv[2]) * 1000 + i;
		if (fork())
			continue;
		if (i < WORKERS)
			work(argv[3], i);
		else if (i > WORKERS)
			branches(argv[3 + i - WORKERS], i);
		else if (!getenv("STRESS_NO_FEET"))
			under_their_feet(argv[3]);
		_exit(0);
	}
	while (count--) {
		wait(&status);
		if (!status)
			continue;
		failed++;
		atomic_store(&shared->over, true);
		if (WIFSIGNALED(status))
			printf("stress: a process died of signal %d\n", WTERMSIG(status));
	}
	printf("%lu operations, %lu ESTALE, %lu SIGBUS, %lu checks of own files, %lu branches, %u aborts\n",
	       shared->operations, shared->stale, shared->bus, shared->checked, shared->rounds,
	       shared->aborts);
	return failed != 0 || !shared->operations || !shared->checked;
}
