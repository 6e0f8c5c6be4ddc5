// SPDX-License-Identifier: GPL-2.0-only
/*
 * views: what becomes of open files and mappings when a branch is committed or
 * aborted, looked at as soon as the call has returned.
 *
 *	views abort LOSER		aborts what LOSER shows, through itself
 *	views commit WINNER LOSER...	commits what WINNER shows; the others show siblings of it, or what is below those
 *	views keep WINNER LOSER...	the same for a winner whose home is the parent: it goes on writing
 *
 * Each is a mount. The base has the files kept and changed, of two blocks at
 * least, and the directory dir. Silent and 0, else one sentence and 1.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PROGRAM "views"
#include "calls.h"

#define PAGE 4096
#define MOST 4

/* What was open in a mount before. */
struct view {
	const char *mount;
	char text[20];			/* what was written there */
	int root;
	int made, changed, kept;	/* files */
	int made_dir, changed_dir;
	char *made_map, *changed_map, *kept_map;
	pid_t other;			/* has made_map, too */
	int go, said;
};

static sigjmp_buf bus;

static void on_bus(int number)
{
	(void)number;
	siglongjmp(bus, 1);
}

static bool faults(volatile char *at, bool write)
{
	struct sigaction action = { .sa_handler = on_bus };

	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(bus, 1))
		return true;
	if (write)
		*at = 'f';
	else
		(void)*at;
	return false;
}

static char *map(int fd, int prot)
{
	char *p = mmap(NULL, 2 * PAGE, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return p;
}

/* Another process with the mapping, which says what touching it does when it is asked. */
static void start_other(struct view *v)
{
	int go[2], said[2];
	char byte;

	if (pipe2(go, O_CLOEXEC) || pipe2(said, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	v->other = fork();
	if (!v->other) {
		close(go[1]);
		close(said[0]);
		byte = faults(v->made_map, false);
		while (write(said[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1)
			byte = faults(v->made_map, false);
		_exit(0);
	}
	close(go[0]);
	close(said[1]);
	v->go = go[1];
	v->said = said[0];
	if (read(v->said, &byte, 1) != 1 || byte)
		fail("the other process cannot read its mapping");
}

static bool other_faults(struct view *v)
{
	char byte = 0;

	if (write(v->go, &byte, 1) != 1 || read(v->said, &byte, 1) != 1)
		fail("the other process died");
	return byte;
}

static void open_view(struct view *v, const char *mount, int number)
{
	char line[PAGE];

	v->mount = mount;
	snprintf(v->text, sizeof(v->text), "view %d", number);
	memset(line, 'a' + number, sizeof(line));
	strcpy(line, v->text);
	v->root = open_or_fail(mount, O_RDONLY | O_DIRECTORY);
	if (fchdir(v->root) || mkdir("made.dir", 0755) || mkdir("dir/new", 0755))
		fail("%s: mkdir: %s", mount, strerror(errno));
	v->made = open_or_fail("made", O_RDWR | O_CREAT | O_EXCL);
	v->changed = open_or_fail("changed", O_RDWR);
	v->kept = open_or_fail("kept", O_RDONLY);
	v->made_dir = open_or_fail("made.dir", O_RDONLY | O_DIRECTORY);
	v->changed_dir = open_or_fail("dir", O_RDONLY | O_DIRECTORY);
	close(open_or_fail("made.dir/x", O_RDWR | O_CREAT));
	if (pwrite(v->made, line, PAGE, 0) != PAGE || pwrite(v->made, line, PAGE, PAGE) != PAGE ||
	    pwrite(v->changed, v->text, sizeof(v->text), 10) != sizeof(v->text))
		fail("%s: write: %s", mount, strerror(errno));
	v->made_map = map(v->made, PROT_READ | PROT_WRITE);
	v->changed_map = map(v->changed, PROT_READ | PROT_WRITE);
	v->kept_map = map(v->kept, PROT_READ);
	(void)*(volatile char *)v->kept_map;
	/* One block is the branch's, the other one is the base's. */
	if (strcmp(v->changed_map + 10, v->text) || !v->changed_map[PAGE])
		fail("%s: the mapping does not show what was written", mount);
	v->made_map[PAGE] = 'm';
	start_other(v);
}

static void is_stale(const struct view *v, const char *what, long result)
{
	if (result >= 0)
		fail("%s: %s still works", v->mount, what);
	if (errno != ESTALE)
		fail("%s: %s: %s instead of ESTALE", v->mount, what, strerror(errno));
}

/* What nobody changed is gone with it, too; what the root says of itself is not. */
static void expect_dead(struct view *v)
{
	char buf[PAGE];
	struct stat st;

	is_stale(v, "reading a file that nobody changed", pread(v->kept, buf, PAGE, 0));
	is_stale(v, "stat of a file that nobody changed", fstat(v->kept, &st));
	if (!faults(v->kept_map, false) || !faults(v->kept_map + PAGE, false))
		fail("%s: the mapping of a file that nobody changed raises no SIGBUS", v->mount);
	is_stale(v, "reading the root", syscall(SYS_getdents64, v->root, buf, sizeof(buf)));
	is_stale(v, "a name in the root", fstatat(v->root, "kept", &st, 0));
	is_stale(v, "a new name in the root", openat(v->root, "new", O_RDWR | O_CREAT, 0600));
	is_stale(v, "an O_TMPFILE in the root", openat(v->root, ".", O_RDWR | O_TMPFILE, 0600));
	is_stale(v, "chmod of the root", fchmod(v->root, 0700));
	is_stale(v, "a name in a directory", fstatat(v->changed_dir, "new", &st, 0));
	if (fstat(v->root, &st))
		fail("%s: the root: %s", v->mount, strerror(errno));
}

/* dead: the mount shows nothing any more, else the parent. */
static void expect_stale(struct view *v, bool dead)
{
	char buf[PAGE];
	struct stat st;

	is_stale(v, "reading a file that was made", pread(v->made, buf, 10, 0));
	is_stale(v, "reading a file that was changed", pread(v->changed, buf, 10, 0));
	is_stale(v, "writing a file that was made", pwrite(v->made, "x", 1, 0));
	is_stale(v, "writing a file that was changed", pwrite(v->changed, "x", 1, PAGE));
	is_stale(v, "truncating", ftruncate(v->made, 5));
	is_stale(v, "stat of a file that was made", fstat(v->made, &st));
	is_stale(v, "stat of a file that was changed", fstat(v->changed, &st));
	is_stale(v, "stat of a directory that was made", fstat(v->made_dir, &st));
	is_stale(v, "reading a directory that was made",
		 syscall(SYS_getdents64, v->made_dir, buf, sizeof(buf)));
	is_stale(v, "reading a directory that was changed",
		 syscall(SYS_getdents64, v->changed_dir, buf, sizeof(buf)));
	if (fstatat(v->made_dir, "x", &st, 0) == 0)
		fail("%s: a name in a directory that was made is still there", v->mount);
	if (!other_faults(v))
		fail("%s: another process still reads its mapping", v->mount);
	if (!faults(v->made_map, false) || !faults(v->made_map + PAGE, true))
		fail("%s: the mapping of a file that was made raises no SIGBUS", v->mount);
	if (!faults(v->changed_map, false) || !faults(v->changed_map + PAGE, false) ||
	    !faults(v->changed_map, true))
		fail("%s: the mapping of a file that was changed raises no SIGBUS", v->mount);
	if (dead) {
		expect_dead(v);
		return;
	}
	/* What nobody changed is no different. */
	if (pread(v->kept, buf, PAGE, 0) != PAGE || faults(v->kept_map, false) ||
	    faults(v->kept_map + PAGE, false) || memcmp(buf, v->kept_map, PAGE))
		fail("%s: a file that nobody changed: %s", v->mount, strerror(errno));
	if (fstat(v->root, &st) || fchdir(v->root))
		fail("%s: the root: %s", v->mount, strerror(errno));
}

static void expect_read_only(struct view *v)
{
	static const char *const what[] = { "writing", "truncating", "making a file", "a name" };
	struct stat st;

	for (int i = 0; i < 4; i++) {
		errno = 0;
		if ((i == 0 ? pwrite(v->made, "after", 6, 100) :
		     i == 1 ? ftruncate(v->changed, 5) :
		     i == 2 ? openat(v->root, "new", O_RDWR | O_CREAT, 0600) :
			      unlinkat(v->root, "made", 0)) >= 0 || errno != EROFS)
			fail("%s: %s in what it was not made for: %s", v->mount, what[i],
			     strerror(errno));
	}
	if (!faults(v->made_map, true) || !faults(v->changed_map, true) ||
	    !faults(v->changed_map + PAGE, true))
		fail("%s: what is mapped can be stored to", v->mount);
	if (stat("made", &st) || faults(v->made_map, false) || v->made_map[PAGE] != 'm')
		fail("%s: what is read only cannot be read", v->mount);
}

/* writable: its home is what it shows now, else it is to be read only. */
static void expect_live(struct view *v, bool writable)
{
	char buf[PAGE];
	struct stat st, now;

	if (fchdir(v->root))
		fail("%s: %s", v->mount, strerror(errno));
	if (pread(v->made, buf, PAGE, 0) != PAGE || strcmp(buf, v->text) ||
	    pread(v->changed, buf, 100, 10) != 100 || strcmp(buf, v->text))
		fail("%s: reading what was open on the winner: %s", v->mount, strerror(errno));
	if (other_faults(v) || faults(v->made_map, false) || v->made_map[PAGE] != 'm')
		fail("%s: the winner's mapping is gone", v->mount);
	if (!writable) {
		expect_read_only(v);
		return;
	}
	if (pwrite(v->made, "after", 6, 100) != 6 || strcmp(v->made_map + 100, "after"))
		fail("%s: writing what was open on the winner: %s", v->mount, strerror(errno));
	/* A block of the branch, and one that is still the base's. */
	v->changed_map[11] = 'A';
	v->changed_map[PAGE + 1] = 'B';
	if (pread(v->changed, buf, 2, 11) != 2 || buf[0] != 'A' ||
	    pread(v->changed, buf, 2, PAGE) != 2 || buf[1] != 'B')
		fail("%s: the winner's mapping and file differ", v->mount);
	if (stat("made", &st) || fstat(v->made, &now) || st.st_ino != now.st_ino)
		fail("%s: the name leads elsewhere: %s", v->mount, strerror(errno));
	if (syscall(SYS_getdents64, v->made_dir, buf, sizeof(buf)) <= 0 ||
	    fstatat(v->made_dir, "x", &st, 0))
		fail("%s: a directory that was open on the winner: %s", v->mount, strerror(errno));
}

/* The mount shows the parent, with (text) or without what a view has changed. */
static void expect_parent(const char *mount, const char *text)
{
	char path[4200], buf[PAGE] = "";
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/made", mount);
	if (!text) {
		if (stat(path, &st) == 0 || errno != ENOENT)
			fail("%s: what was made in a discarded branch: %s", mount, strerror(errno));
		return;
	}
	fd = open_or_fail(path, O_RDONLY);
	if (read(fd, buf, PAGE) != PAGE || strcmp(buf, text))
		fail("%s shows \"%.20s\" instead of the winner's \"%s\"", mount, buf, text);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct view views[MOST];
	bool keep = argc > 1 && !strcmp(argv[1], "keep");
	bool commit = keep || (argc > 1 && !strcmp(argv[1], "commit"));
	int count = argc - 2;

	if (argc < 3 || count > MOST || (commit ? count < 1 : strcmp(argv[1], "abort") || count > 1)) {
		fputs("usage: views abort LOSER | commit|keep WINNER LOSER...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < count; i++)
		open_view(&views[i], argv[2 + i], i);
	branch(views[0].root, commit ? DAXFS_IOC_BRANCH_COMMIT : DAXFS_IOC_BRANCH_ABORT, "", "", 0);
	for (int i = commit; i < count; i++)
		expect_stale(&views[i], commit);
	if (commit)
		expect_live(&views[0], keep);
	expect_parent(views[0].mount, commit ? views[0].text : NULL);
	return 0;
}
