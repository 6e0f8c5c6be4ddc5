// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm-load --tree DIR
 * vm-load --check SEED LOG DIR
 * vm-load SEED LOG DIR
 *
 * The load of the crash test, run in a VM that is killed while it works.
 * --tree makes the base. --check compares what DIR, a daxfs, shows with what
 * the operations that returned amount to, branch by branch: those of which LOG
 * has a line, and the one after them entirely or not at all (but for the bytes
 * that it writes). LOG is then made to say which. Without an option the
 * operations go on, a line after each; DIR must have been checked before.
 *
 * In the folder "noise" another process works meanwhile of which nothing is
 * known but that the image must be sound.
 */
#include <daxfs/ioctl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "load.h"

/* Takeover of a dead mount's lease is 5 s; this machine may be slow. */
#define PATIENCE 30

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...)
{
	va_list args;

	fputs("vm-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static const char *file_name(char name[32], uint32_t dir, uint32_t file)
{
	snprintf(name, 32, "d%u/f%u", dir, file);
	return name;
}

static void branch_name(char name[DAXFS_BRANCH_NAME_SIZE], uint64_t number)
{
	if (number)
		snprintf(name, DAXFS_BRANCH_NAME_SIZE, "b%llu",
			 (unsigned long long)number);
	else
		strcpy(name, "main");
}

/* The current folder is the daxfs. */
static int branch_call(unsigned long cmd, const char *name)
{
	struct daxfs_branch_op op = { .bo_size = sizeof(op) };
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	strcpy(op.bo_name, name);
	err = ioctl(fd, cmd, &op) ? -errno : 0;
	if (err)
		fprintf(stderr, "vm-load: branch %s: %s\n", name, op.bo_reason);
	close(fd);
	return err;
}

/* ---- doing ---- */

static int with_file(const struct load_op *op, const char *path)
{
	static uint8_t bytes[LOAD_SIZE_MAX];
	uint32_t start = op->pos & ~4095u;
	uint8_t *map;
	int fd = open(path, O_RDWR | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	load_bytes(op, bytes);
	switch (op->kind) {
	case LOAD_WRITE:
		if (pwrite(fd, bytes, op->len, op->pos) != (ssize_t)op->len || fsync(fd))
			err = -errno;
		break;
	case LOAD_PUNCH:
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op->pos,
			      op->len) ||
		    fsync(fd))
			err = -errno;
		break;
	default:
		map = mmap(NULL, op->pos + op->len - start, PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, start);
		if (map == MAP_FAILED) {
			err = -errno;
			break;
		}
		memcpy(map + op->pos - start, bytes, op->len);
		if (msync(map, op->pos + op->len - start, MS_SYNC))
			err = -errno;
		munmap(map, op->pos + op->len - start);
		break;
	}
	close(fd);
	return err;
}

static int check_call(int result)
{
	return result ? -errno : 0;
}

static int load_do(const struct load_op *op)
{
	char from[32], to[32], branch[DAXFS_BRANCH_NAME_SIZE];
	int fd;

	file_name(from, op->dir, op->file);
	switch (op->kind) {
	case LOAD_CREATE:
		fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		return fd < 0 ? -errno : close(fd);
	case LOAD_WRITE:
	case LOAD_MAP:
	case LOAD_PUNCH:
		return with_file(op, from);
	case LOAD_TRUNCATE:
		return check_call(truncate(from, op->len));
	case LOAD_CHMOD:
		return check_call(chmod(from, op->value));
	case LOAD_XATTR:
		return check_call(
			setxattr(from, "user.load", &op->value, sizeof(op->value), 0));
	case LOAD_UNLINK:
		return check_call(unlink(from));
	case LOAD_RENAME:
		return check_call(rename(from, file_name(to, op->to_dir, op->to_file)));
	case LOAD_MKDIR:
		from[2] = 0;
		return check_call(mkdir(from, 0755));
	case LOAD_RMDIR:
		from[2] = 0;
		return check_call(rmdir(from));
	case LOAD_BRANCH:
		branch_name(branch, op->number);
		return branch_call(DAXFS_IOC_BRANCH_CREATE, branch);
	case LOAD_COMMIT:
		return branch_call(DAXFS_IOC_BRANCH_COMMIT, "");
	default:
		return branch_call(DAXFS_IOC_BRANCH_ABORT, "");
	}
}

/* What else goes on. Branches come and go below it: any of it may fail. */
static void make_noise(void)
{
	char from[32], to[32], text[9000];
	unsigned int i;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(text, 'n', sizeof(text));
	for (i = 0;; i++) {
		mkdir("noise", 0755);
		snprintf(from, sizeof(from), "noise/%u", i % 50);
		snprintf(to, sizeof(to), "noise/%u", (i * 7 + 3) % 50);
		fd = open(from, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0)
			continue;
		if (write(fd, text, i * 97 % sizeof(text)) < 0 || i % 5 == 0)
			unlink(from);
		close(fd);
		if (i % 3 == 0)
			rename(from, to);
		if (i % 11 == 0 && truncate(to, i % 5000))
			unlink(to);
	}
}

/* ---- comparing ---- */

static char difference[256];

static bool differs(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool differs(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(difference, sizeof(difference), format, args);
	va_end(args);
	return false;
}

/* other: what the file may hold instead, byte by byte, or NULL. */
static bool file_is(const char *name, const struct load_file *file,
		    const struct load_file *other)
{
	static uint8_t data[LOAD_SIZE_MAX + 1];
	uint32_t value = 0, i, least = file->size, most = file->size;
	struct stat st;
	ssize_t n;
	int fd;

	if (other) {
		least = other->size < least ? other->size : least;
		most = other->size > most ? other->size : most;
	}
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", name, strerror(errno));
	memset(data, 0, sizeof(data));
	n = pread(fd, data, sizeof(data), 0);
	if (n < 0)
		die("%s: read: %s", name, strerror(errno));
	close(fd);
	if (n != st.st_size || n < (ssize_t)least || n > (ssize_t)most)
		return differs("%s: %zd of %lld bytes, should be %u to %u", name, n,
			       (long long)st.st_size, least, most);
	for (i = 0; i < most; i++)
		if (data[i] != file->data[i] && (!other || data[i] != other->data[i]))
			return differs("%s: byte %u of %u is 0x%02x, should be 0x%02x",
				       name, i, file->size, data[i], file->data[i]);
	if ((st.st_mode & 07777) != file->mode)
		return differs("%s: mode %o, should be %o", name, st.st_mode & 07777,
			       file->mode);
	if (getxattr(name, "user.load", &value, sizeof(value)) < 0 && errno != ENODATA)
		die("%s: getxattr: %s", name, strerror(errno));
	if (value != file->xattr)
		return differs("%s: xattr %u, should be %u", name, value, file->xattr);
	return true;
}

static bool dir_is(const struct load_tree *tree, uint32_t d, const struct load_op *op,
		   const struct load_tree *other)
{
	char name[32];
	uint32_t count = 0, f;
	struct dirent *de;
	struct stat st;
	DIR *dir;

	snprintf(name, sizeof(name), "d%u", d);
	if (!tree->dir[d])
		return stat(name, &st) && errno == ENOENT ? true :
							    differs("%s is there", name);
	dir = opendir(name);
	if (!dir)
		return differs("%s: %s", name, strerror(errno));
	errno = 0;
	while ((de = readdir(dir)))
		count += de->d_name[0] != '.';
	if (errno)
		die("%s: readdir: %s", name, strerror(errno));
	closedir(dir);
	for (f = 0; f < LOAD_FILES; f++) {
		const struct load_file *file = &tree->file[d][f];
		bool partly = op && op->dir == d && op->file == f;

		file_name(name, d, f);
		if (!file->there) {
			if (!stat(name, &st) || errno != ENOENT)
				return differs("%s is there", name);
			continue;
		}
		count--;
		if (stat(name, &st))
			return differs("%s: %s", name, strerror(errno));
		if (!file_is(name, file, partly ? &other->file[d][f] : NULL))
			return false;
	}
	return count ? differs("d%u has %u names too many", d, count) : true;
}

/* Exactly these branches. */
static bool branches_are(const struct load_model *model)
{
	static struct daxfs_branch_info info[LOAD_DEPTH * 4];
	struct daxfs_branch_list list = { .dl_size = sizeof(list),
					  .dl_room = LOAD_DEPTH * 4,
					  .dl_branches = (uintptr_t)info };
	char name[DAXFS_BRANCH_NAME_SIZE];
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t i, k;

	if (fd < 0 || ioctl(fd, DAXFS_IOC_BRANCH_LIST, &list))
		die("list of branches: %s", strerror(errno));
	close(fd);
	if (list.dl_count != model->depth)
		return differs("%u branches, should be %u", list.dl_count, model->depth);
	for (i = 0; i < model->depth; i++) {
		branch_name(name, model->name[i]);
		for (k = 0; k < list.dl_count && strcmp(info[k].di_name, name); k++)
			;
		if (k == list.dl_count)
			return differs("there is no branch %s", name);
	}
	return true;
}

static void show(const char *dir, uint64_t number)
{
	char name[DAXFS_BRANCH_NAME_SIZE];
	int err;

	branch_name(name, number);
	err = branch_call(DAXFS_IOC_BRANCH_SWITCH, name);
	if (err)
		die("switch to %s: %s", name, strerror(-err));
	if (chdir("/") || chdir(dir))
		die("%s: %s", dir, strerror(errno));
}

/* op: what may be there in part, as in other; NULL: nothing. */
static bool model_is(const char *dir, const struct load_model *model,
		     const struct load_op *op, const struct load_model *other)
{
	uint32_t i, d;

	if (!branches_are(model))
		return false;
	for (i = 0; i < model->depth; i++) {
		bool top = i + 1 == model->depth;

		show(dir, model->name[i]);
		for (d = 0; d < LOAD_DIRS; d++) {
			if (!dir_is(&model->tree[i], d, top ? op : NULL,
				    other ? &other->tree[i] : NULL)) {
				fprintf(stderr, "vm-load: branch %u of %u: %s\n", i + 1,
					model->depth, difference);
				return false;
			}
		}
	}
	return true;
}

/* ---- the log ---- */

static void log_add(int log, const struct load_op *op)
{
	char line[128];
	size_t n;

	load_say(op, line, sizeof(line) - 1);
	n = strlen(line);
	line[n++] = '\n';
	/* One write, which the host has when it returns. */
	if (write(log, line, n) != (ssize_t)n)
		die("log: %s", strerror(errno));
}

/* The model after all operations of which the log has a whole line. */
static uint64_t log_read(const char *path, uint64_t seed, struct load_model *model)
{
	char line[128], should[128];
	FILE *file = fopen(path, "r");
	uint64_t number = 1;
	struct load_op op;

	load_model_init(model);
	while (file && fgets(line, sizeof(line), file) && strchr(line, '\n')) {
		load_next(model, seed, number, &op);
		load_say(&op, should, sizeof(should));
		line[strlen(line) - 1] = 0;
		if (strcmp(line, should))
			die("the log says \"%s\" for \"%s\"", line, should);
		load_apply(model, &op);
		number++;
	}
	if (file)
		fclose(file);
	return number;
}

/* ---- commands ---- */

static struct load_model before, after;

static void make_tree(const char *dir)
{
	char name[32];
	uint32_t d, f;
	int fd;

	umask(022);
	load_model_init(&before);
	if (chdir(dir))
		die("%s: %s", dir, strerror(errno));
	for (d = 0; d < LOAD_DIRS; d++) {
		snprintf(name, sizeof(name), "d%u", d);
		if (before.tree[0].dir[d] && mkdir(name, 0755))
			die("%s: %s", name, strerror(errno));
		for (f = 0; f < LOAD_FILES; f++) {
			const struct load_file *file = &before.tree[0].file[d][f];

			if (!file->there)
				continue;
			fd = open(file_name(name, d, f), O_WRONLY | O_CREAT, 0644);
			if (fd < 0 ||
			    write(fd, file->data, file->size) != (ssize_t)file->size)
				die("%s: %s", name, strerror(errno));
			close(fd);
		}
	}
}

/* As soon as the lease of the mount that was killed can be taken over. */
static int do_patiently(const struct load_op *op)
{
	time_t end = time(NULL) + PATIENCE;
	int err;

	while ((err = load_do(op)) == -EROFS && time(NULL) < end)
		usleep(100000);
	return err;
}

static void check(uint64_t seed, const char *log, const char *dir)
{
	uint64_t number = log_read(log, seed, &before);
	const char *how = "not done";
	struct load_op op;
	int fd, err;

	load_next(&before, seed, number, &op);
	after = before;
	load_apply(&after, &op);
	if (!model_is(dir, &before, NULL, NULL)) {
		if (model_is(dir, &after, NULL, NULL)) {
			how = "done";
		} else if (load_is_data(&op) && model_is(dir, &before, &op, &after)) {
			how = "done in part";
			err = do_patiently(&op);
			if (err)
				die("again: %s", strerror(-err));
		} else {
			load_say(&op, difference, sizeof(difference));
			die("this is neither what was before nor what is after: %s",
			    difference);
		}
		fd = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
		log_add(fd, &op);
		close(fd);
	}
	load_say(&op, difference, sizeof(difference));
	printf("%llu operations are there, %s: %s\n", (unsigned long long)number - 1, how,
	       difference);
}

static void load(uint64_t seed, const char *log, const char *dir)
{
	uint64_t number = log_read(log, seed, &before);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), err;
	struct load_op op;
	pid_t pid;

	if (fd < 0)
		die("%s: %s", log, strerror(errno));
	show(dir, before.name[before.depth - 1]);
	load_next(&before, seed, number, &op);
	err = do_patiently(&op);
	if (err)
		die("%llu: %s", (unsigned long long)number, strerror(-err));
	pid = fork();
	if (!pid)
		make_noise();
	for (;;) {
		log_add(fd, &op);
		load_apply(&before, &op);
		load_next(&before, seed, ++number, &op);
		err = load_do(&op);
		if (err) {
			load_say(&op, difference, sizeof(difference));
			kill(pid, SIGKILL);
			die("%s: %s", difference, strerror(-err));
		}
	}
}

int main(int argc, char **argv)
{
	bool checks = argc == 5 && !strcmp(argv[1], "--check");

	umask(022);
	if (argc == 3 && !strcmp(argv[1], "--tree")) {
		make_tree(argv[2]);
		return 0;
	}
	if (argc != 4 + checks) {
		fputs("usage: vm-load [--check] SEED LOG DIR\n       vm-load --tree DIR\n",
		      stderr);
		return 2;
	}
	argv += checks;
	if (chdir(argv[3]))
		die("%s: %s", argv[3], strerror(errno));
	(checks ? check : load)(strtoull(argv[1], NULL, 0), argv[2], argv[3]);
	return 0;
}
