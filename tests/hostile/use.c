// SPDX-License-Identifier: GPL-2.0-only
/* Uses a mounted tree with branches in all ways that a writer can. */
#define _GNU_SOURCE
#include <daxfs/ioctl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "record.h"
#include "use.h"

#define PAGE 4096u
#define FOLDER "used"
#define OLD_FILES 6 /* of each folder that are changed */

static struct use_options *opt;
static struct walk_result *seen;
static sigjmp_buf bus_return;

static void on_bus(int sig)
{
	siglongjmp(bus_return, 1);
}

static void failed(int err, const char *what, const char *name)
{
	seen->errors++;
	seen->error_counts[err > 0 && err < WALK_ERRNOS ? err : 0]++;
	if (opt->exact)
		fprintf(stderr, "use: %s: %s: %s\n", name, what, strerror(err));
}

/* result: of a system call. */
static bool did(long result, const char *what, const char *name)
{
	if (opt->progress)
		++*opt->progress;
	if (result < 0)
		failed(errno, what, name);
	return result >= 0;
}
#define DID(call, name) did(call, #call, name)

/* ---- files ---- */

static void put_records(int fd, const char *name, uint32_t file, uint64_t from,
			uint64_t to)
{
	static uint8_t buf[64 << 10];
	uint64_t i;

	for (i = from; i < to; i += RECORD_SIZE)
		record_write(buf + i - from, file, i);
	DID(pwrite(fd, buf, to - from, from), name);
}

static void use_mapping(int fd, const char *name, uint64_t size)
{
	uint8_t *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile uint64_t i = 0;

	if (!DID(map == MAP_FAILED ? -1 : 0, name))
		return;
	while (sigsetjmp(bus_return, 1)) {
		failed(EFAULT, "mapping", name);
		i += PAGE;
	}
	/* What is there already, stored again: a reader sees no difference. */
	for (; i < size; i += PAGE) {
		uint8_t rec[RECORD_SIZE];

		memcpy(rec, map + i, sizeof(rec));
		memcpy(map + i, rec, sizeof(rec));
	}
	DID(msync(map, size, MS_SYNC), name);
	munmap(map, size);
}

static void make_file(int dir, const char *name, uint32_t size)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (!DID(fd, name))
		return;
	/* Whole records. */
	size &= ~(RECORD_SIZE - 1);
	put_records(fd, name, opt->file++, 0, size);
	/* With a hole. */
	if (size % 3 == 0)
		put_records(fd, name, opt->file - 1, 20 * PAGE, 21 * PAGE);
	use_mapping(fd, name, size);
	if (size % 3 == 1)
		DID(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE),
		    name);
	if (size % 3 == 2)
		DID(ftruncate(fd, size / 2 & ~(RECORD_SIZE - 1)), name);
	DID(fsync(fd), name);
	DID(fsetxattr(fd, "user.used", "value", 5, 0), name);
	close(fd);
}

/* Says again what a file holds. */
static void write_again(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	uint8_t rec[RECORD_SIZE];
	struct stat st;
	ssize_t n;

	if (!DID(fd, name))
		return;
	if (DID(fstat(fd, &st), name) && S_ISREG(st.st_mode)) {
		n = pread(fd, rec, sizeof(rec), 0);
		if (DID(n, name) && n)
			DID(pwrite(fd, rec, n, 0), name);
		/* Nothing of it is lost or shown. */
		DID(ftruncate(fd, st.st_size + PAGE), name);
		DID(ftruncate(fd, st.st_size), name);
		if (st.st_size)
			use_mapping(fd, name,
				    st.st_size < 2 * PAGE ? st.st_size : 2 * PAGE);
	}
	close(fd);
}

static void change_one(int dir, const char *name, int turn)
{
	char other[32];

	snprintf(other, sizeof(other), "used-%d-%u", turn, opt->file++);
	write_again(dir, name);
	switch (opt->repeatable ? turn % 2 : turn % 6) {
	case 0:
		DID(fchmodat(dir, name, 0640, 0), name);
		break;
	case 1:
		if (DID(renameat(dir, name, dir, other), name))
			DID(renameat(dir, other, dir, name), other);
		break;
	case 2:
		DID(linkat(dir, name, dir, other, 0), name);
		break;
	case 3:
		DID(unlinkat(dir, name, 0), name);
		break;
	case 4:
		DID(utimensat(dir, name, NULL, 0), name);
		break;
	default:
		DID(renameat(dir, name, dir, other), name);
		break;
	}
}

static void change_folder(int root, const char *folder)
{
	int fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), turn = 0;
	char names[OLD_FILES][256];
	struct dirent *de;
	DIR *dir;

	/* Not every branch has all of them. */
	if (fd < 0 && errno == ENOENT)
		return;
	if (!DID(fd, folder))
		return;
	dir = fdopendir(dup(fd));
	while (dir && turn < OLD_FILES && (de = readdir(dir)))
		if (de->d_type == DT_REG)
			strcpy(names[turn++], de->d_name);
	if (dir)
		closedir(dir);
	while (turn--)
		change_one(fd, names[turn], turn);
	close(fd);
}

/* What another process made, or an earlier turn, goes first. */
static void remove_folder(int root)
{
	int fd = openat(root, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC), turns = 100;
	struct dirent *de;
	DIR *dir;

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	while (dir && turns-- && (de = readdir(dir)))
		if (de->d_name[0] != '.')
			unlinkat(fd, de->d_name, de->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	if (dir)
		closedir(dir);
	DID(unlinkat(root, FOLDER, AT_REMOVEDIR), FOLDER);
}

static void make_folder(int root)
{
	static const uint32_t sizes[] = { 112, 4096, 4112, 5008, 20000, 65520 };
	char name[32];
	size_t i;
	int fd;

	remove_folder(root);
	if (!DID(mkdirat(root, FOLDER, 0755), FOLDER))
		return;
	fd = openat(root, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!DID(fd, FOLDER))
		return;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "file-%zu", i);
		make_file(fd, name, sizes[i]);
	}
	DID(symlinkat("file-1", fd, "link"), "link");
	DID(mkdirat(fd, "below", 0755), "below");
	DID(renameat(fd, "file-0", fd, "file-5"), "file-0");
	DID(renameat2(fd, "file-1", fd, "file-2", RENAME_EXCHANGE), "file-1");
	DID(unlinkat(fd, "file-3", 0), "file-3");
	i = openat(fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (DID((int)i, "O_TMPFILE")) {
		put_records(i, "O_TMPFILE", opt->file++, 0, PAGE);
		close(i);
	}
	close(fd);
}

static void write_here(const char *dir)
{
	static const char *const folders[] = { "files",	  "names",   "of-main",
					       "of-left", "of-leaf", "of-right" };
	int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t i;

	if (!DID(root, dir))
		return;
	make_folder(root);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		change_folder(root, folders[i]);
	DID(syncfs(root), dir);
	close(root);
}

/* ---- branches ---- */

static bool branch(const char *dir, unsigned long cmd, const char *name,
		   const char *other, uint32_t flags)
{
	struct daxfs_branch_op op = { .bo_size = sizeof(op), .bo_flags = flags };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good;

	if (!DID(fd, dir))
		return false;
	strcpy(op.bo_name, name);
	strcpy(op.bo_other, other);
	op.bo_reason[0] = 0;
	good = did(ioctl(fd, cmd, &op), op.bo_reason, name);
	close(fd);
	return good;
}

static void list_branches(const char *dir)
{
	struct daxfs_branch_info info[16];
	struct daxfs_branch_list list = { .dl_size = sizeof(list),
					  .dl_room = 16,
					  .dl_branches = (uintptr_t)info };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), turns = 0;

	if (!DID(fd, dir))
		return;
	do {
		if (!DID(ioctl(fd, DAXFS_IOC_BRANCH_LIST, &list), "list"))
			break;
		list.dl_start = list.dl_next;
	} while (list.dl_next && turns++ < 100);
	close(fd);
}

/* All that is told of what the branch changed. It may be changed meanwhile. */
static void diff_branch(const char *dir)
{
	static struct daxfs_diff_dir dirs[1024];
	static char records[4096];
	struct daxfs_branch_diff page = { .bd_size = sizeof(page),
					  .bd_records = (uintptr_t)records,
					  .bd_dirs = (uintptr_t)dirs,
					  .bd_room = sizeof(records) };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), turns = 0;
	const struct daxfs_diff_name *name;
	unsigned int part = 0, count = 0;
	char *at;

	if (!DID(fd, dir))
		return;
	while (part < DAXFS_DIFF_END && turns++ < 1000) {
		if (ioctl(fd, DAXFS_IOC_BRANCH_DIFF, &page) < 0) {
			if (errno != EAGAIN)
				DID(-1, "diff");
			break;
		}
		for (at = records; at < records + page.bd_used; at += name->dn_size) {
			name = (const void *)at;
			if (part == DAXFS_DIFF_DIRS || count == 1024 ||
			    name->dn_kind != DAXFS_DIFF_NAME)
				continue;
			dirs[count].dd_ino = name->dn_dir;
			dirs[count++].dd_pos = name->dn_pos;
		}
		if (page.bd_part != DAXFS_DIFF_END)
			continue;
		part = part < DAXFS_DIFF_FILES ? DAXFS_DIFF_FILES : part + 1;
		page.bd_part = part;
		page.bd_place[0] = 0;
		page.bd_place[1] = 0;
		page.bd_dir_count = part == DAXFS_DIFF_DIRS ? count : 0;
	}
	close(fd);
}

/* What is open in a branch that is discarded must say so, and nothing else. */
static void abort_under(const char *dir)
{
	char name[4096], buf[16];
	uint8_t *map;
	int fd;

	if (!branch(dir, DAXFS_IOC_BRANCH_CREATE, "used-up", "", 0))
		return;
	snprintf(name, sizeof(name), "%s/of-nobody", dir);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (DID(fd, name)) {
		put_records(fd, name, opt->file++, 0, PAGE);
		map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		branch(dir, DAXFS_IOC_BRANCH_ABORT, "", "", 0);
		if (opt->exact && (pread(fd, buf, 16, 0) >= 0 || errno != ESTALE))
			failed(EIO, "read in a branch that is gone", name);
		if (map != MAP_FAILED) {
			if (!sigsetjmp(bus_return, 1)) {
				*(volatile uint8_t *)map;
				if (opt->exact)
					failed(EIO, "mapping in a branch that is gone",
					       name);
			}
			munmap(map, PAGE);
		}
		close(fd);
	} else {
		branch(dir, DAXFS_IOC_BRANCH_ABORT, "", "", 0);
	}
}

static void use_branches(const char *dir)
{
	list_branches(dir);
	diff_branch(dir);
	if (branch(dir, DAXFS_IOC_BRANCH_CREATE, "used-child", "", 0)) {
		write_here(dir);
		diff_branch(dir);
		branch(dir, DAXFS_IOC_BRANCH_RENAME, "used-child", "used-again", 0);
		branch(dir, DAXFS_IOC_BRANCH_COMMIT, "", "", 0);
	}
	abort_under(dir);
	branch(dir, DAXFS_IOC_BRANCH_CREATE, "used-aside", "", DAXFS_BRANCH_STAY);
	branch(dir, DAXFS_IOC_BRANCH_ABORT, "used-aside", "", 0);
	if (opt->repeatable)
		return;
	branch(dir, DAXFS_IOC_BRANCH_SWITCH, "main", "", 0);
	list_branches(dir);
	if (branch(dir, DAXFS_IOC_BRANCH_SWITCH, "right", "", 0))
		write_here(dir);
	branch(dir, DAXFS_IOC_BRANCH_SWITCH, "leaf", "", 0);
	branch(dir, DAXFS_IOC_BRANCH_COMMIT, "leaf", "", 0);
	write_here(dir);
	branch(dir, DAXFS_IOC_BRANCH_COMMIT, "", "", DAXFS_BRANCH_TO_ROOT);
	write_here(dir);
	list_branches(dir);
}

void use(struct use_options *options, const char *dir, struct walk_result *result)
{
	struct sigaction act = { .sa_handler = on_bus, .sa_flags = SA_NODEFER };

	opt = options;
	seen = result;
	sigaction(SIGBUS, &act, NULL);
	/* Should one come where none is expected. */
	if (sigsetjmp(bus_return, 1)) {
		failed(EFAULT, "a mapping that is gone", dir);
		return;
	}
	write_here(dir);
	use_branches(dir);
}
