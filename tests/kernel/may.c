// SPDX-License-Identifier: GPL-2.0-only
/*
 * may: who may do what with branches. Reads a table, a line for each call:
 *
 *	RESULT UID DIR VERB [NAME [OTHER]]
 *
 * RESULT is ok, EPERM or EROFS; VERB create, stay (create --stay), switch, commit,
 * to-root, abort or rename; a name of - is none. Each call is made by a process of
 * that user, without capabilities unless he is 0, in no group. Silent and 0 when all
 * are as the table says.
 *
 * may told UID DIR: what he is told there of where the memory is and of hosts.
 *
 * may pages DIR ROOM: all that DAXFS_IOC_BRANCH_DIFF tells the caller of what DIR shows, a
 * line for each record, in pages of so many bytes.
 *
 * may mixed DIR: whether it refuses what is no page of one diff. Makes and changes files in
 * DIR, whose branch has made some, 0 among them, and nothing in the directory base.
 *
 * may idmap DIR TARGET MAP: DIR is mounted at TARGET, too, where the users and groups
 * of MAP, in the form of uid_map(5), are those of the file system.
 *
 * may inside MAP COMMAND...: runs it as root of a user namespace with that map.
 *
 * may fsopen FILE: what names the mount of FILE in a user namespace of its own, until
 * the standard input ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <daxfs/ioctl.h>

static const struct {
	const char *name;
	unsigned long request;
	unsigned int flags;
} verbs[] = {
	{ "create", DAXFS_IOC_BRANCH_CREATE, 0 },
	{ "stay", DAXFS_IOC_BRANCH_CREATE, DAXFS_BRANCH_STAY },
	{ "switch", DAXFS_IOC_BRANCH_SWITCH, 0 },
	{ "commit", DAXFS_IOC_BRANCH_COMMIT, 0 },
	{ "to-root", DAXFS_IOC_BRANCH_COMMIT, DAXFS_BRANCH_TO_ROOT },
	{ "abort", DAXFS_IOC_BRANCH_ABORT, 0 },
	{ "rename", DAXFS_IOC_BRANCH_RENAME, 0 },
};

static int open_as(unsigned int uid, const char *dir)
{
	int fd;

	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)) {
		perror("may: setresuid");
		_exit(2);
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		perror(dir);
		_exit(2);
	}
	return fd;
}

static int call(unsigned int uid, const char *dir, const char *verb, const char *name,
		const char *other)
{
	struct daxfs_branch_op op = { .bo_size = sizeof(op) };
	int fd = open_as(uid, dir);

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		op.bo_flags = verbs[i].flags;
		snprintf(op.bo_name, sizeof(op.bo_name), "%s", strcmp(name, "-") ? name : "");
		snprintf(op.bo_other, sizeof(op.bo_other), "%s", strcmp(other, "-") ? other : "");
		return ioctl(fd, verbs[i].request, &op) ? errno : 0;
	}
	fprintf(stderr, "may: no verb %s\n", verb);
	return 255;
}

static const char *result_of(int err, char *room, size_t size)
{
	switch (err) {
	case 0:
		return "ok";
	case EPERM:
		return "EPERM";
	case EROFS:
		return "EROFS";
	}
	snprintf(room, size, "error %d", err);
	return room;
}

static int told(unsigned int uid, const char *dir)
{
	struct daxfs_volume_info info = { .dv_size = sizeof(info) };
	struct daxfs_branch_info br[8] = { 0 };
	struct daxfs_branch_list list = { .dl_size = sizeof(list), .dl_room = 8 };
	int fd = open_as(uid, dir);

	list.dl_branches = (unsigned long)br;
	if (ioctl(fd, DAXFS_IOC_VOLUME_INFO, &info) || ioctl(fd, DAXFS_IOC_BRANCH_LIST, &list)) {
		perror(dir);
		return 2;
	}
	printf("phys %llx host %s\n", (unsigned long long)info.dv_phys, br[0].di_host);
	return 0;
}

static int fail(const char *what)
{
	perror(what);
	return 2;
}

/* ---- diffs ---- */

static struct daxfs_diff_dir dirs[DAXFS_DIFF_DIRS_MAX];
static unsigned int dir_count;
static char records[DAXFS_DIFF_ROOM_MAX];

static void print_records(const struct daxfs_branch_diff *page, bool collects)
{
	const struct daxfs_diff_inode *inode;
	const struct daxfs_diff_name *name;
	const char *at = records;

	for (; at < records + page->bd_used; at += name->dn_size) {
		name = (const void *)at;
		inode = (const void *)at;
		if (name->dn_kind == DAXFS_DIFF_INODE) {
			printf("inode %llu %x %o %o\n", (unsigned long long)inode->dx_ino,
			       inode->dx_differs, inode->dx_before.da_mode,
			       inode->dx_after.da_mode);
			continue;
		}
		printf("name %llu %llu %llu %.*s\n", (unsigned long long)name->dn_dir,
		       (unsigned long long)name->dn_before, (unsigned long long)name->dn_after,
		       name->dn_len, name->dn_name);
		if (!collects || dir_count == DAXFS_DIFF_DIRS_MAX ||
		    (dir_count && dirs[dir_count - 1].dd_ino == name->dn_dir))
			continue;
		dirs[dir_count].dd_ino = name->dn_dir;
		dirs[dir_count++].dd_pos = name->dn_pos;
	}
}

static int read_part(int fd, struct daxfs_branch_diff *page, unsigned int part, unsigned int room)
{
	page->bd_part = part;
	page->bd_place[0] = 0;
	page->bd_place[1] = 0;
	page->bd_dir_count = part == DAXFS_DIFF_DIRS ? dir_count : 0;
	page->bd_dirs = (unsigned long)dirs;
	page->bd_records = (unsigned long)records;
	while (page->bd_part != DAXFS_DIFF_END) {
		page->bd_size = sizeof(*page);
		page->bd_room = room;
		if (ioctl(fd, DAXFS_IOC_BRANCH_DIFF, page))
			return errno;
		print_records(page, part != DAXFS_DIFF_DIRS);
	}
	return 0;
}

static int pages(const char *dir, unsigned int room)
{
	struct daxfs_branch_diff page = { 0 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY), err;

	err = fd < 0 ? errno : read_part(fd, &page, DAXFS_DIFF_NAMES, room);
	if (!err)
		err = read_part(fd, &page, DAXFS_DIFF_FILES, room);
	if (!err)
		err = read_part(fd, &page, DAXFS_DIFF_DIRS, room);
	errno = err;
	return err ? fail(dir) : 0;
}

/* One page, as it was asked for. */
static int ask(int fd, const struct daxfs_branch_diff *page)
{
	struct daxfs_branch_diff copy = *page;

	return ioctl(fd, DAXFS_IOC_BRANCH_DIFF, &copy) ? errno : 0;
}

static int expect(int want, int got, const char *what)
{
	if (got == want)
		return 0;
	printf("%s: error %d rather than %d\n", what, got, want);
	return 1;
}

static int mixed(const char *dir)
{
	struct daxfs_branch_diff page = { .bd_size = sizeof(page), .bd_room = 1024,
					  .bd_records = (unsigned long)records,
					  .bd_dirs = (unsigned long)dirs };
	struct daxfs_branch_diff first, odd;
	int fd = open(dir, O_RDONLY | O_DIRECTORY), file, bad = 0;
	struct stat st;

	/* So that no times are still to be logged. */
	if (fd < 0 || syncfs(fd) || fstatat(fd, "base", &st, 0) || ioctl(fd, DAXFS_IOC_BRANCH_DIFF, &page))
		return fail(dir);
	first = page;
	bad |= expect(0, page.bd_part, "part that the second page is of");
	bad |= expect(0, ask(fd, &first), "second page");
	file = openat(fd, "0", O_WRONLY | O_APPEND);
	if (file < 0 || write(file, "x", 1) != 1)
		return fail("0");
	bad |= expect(EAGAIN, ask(fd, &first), "second page after a write");
	first.bd_part = DAXFS_DIFF_FILES;
	memset(first.bd_place, 0, sizeof(first.bd_place));
	bad |= expect(0, ask(fd, &first), "names of files after a write");
	close(openat(fd, "another", O_WRONLY | O_CREAT, 0600));
	bad |= expect(EAGAIN, ask(fd, &first), "names of files after one came");

	odd = first;
	odd.bd_names_seq = 0;
	bad |= expect(0, ask(fd, &odd), "names of files for the first time");
	odd.bd_place[0] = odd.bd_place[1] = ~0ull;
	bad |= expect(0, ask(fd, &odd), "a place that is none");
	odd.bd_part = DAXFS_DIFF_DIRS;
	memset(odd.bd_place, 0, sizeof(odd.bd_place));
	odd.bd_dir_count = 1;
	dirs[0].dd_ino = st.st_ino;
	for (dirs[0].dd_pos = 0; dirs[0].dd_pos < 20; dirs[0].dd_pos++)
		bad |= expect(EINVAL, ask(fd, &odd), "directory that was not told of");
	dirs[0].dd_ino = 1;
	bad |= expect(0, ask(fd, &odd), "the root");
	odd.bd_dirs = 8;
	bad |= expect(EFAULT, ask(fd, &odd), "directories that are not there");
	odd.bd_dir_count = DAXFS_DIFF_DIRS_MAX + 1;
	bad |= expect(EINVAL, ask(fd, &odd), "too many directories");
	odd = first;
	odd.bd_names_seq = 0;
	odd.bd_part = DAXFS_DIFF_END;
	bad |= expect(EINVAL, ask(fd, &odd), "part that is none");
	odd.bd_part = DAXFS_DIFF_NAMES;
	odd.bd_seq = 0;
	odd.bd_room = 1023;
	bad |= expect(EINVAL, ask(fd, &odd), "room for nothing");
	odd.bd_room = ~0u;
	odd.bd_records = 8;
	bad |= expect(EFAULT, ask(fd, &odd), "room that is not there");
	odd.bd_records = first.bd_records;
	odd.bd_room = sizeof(records);
	memset(odd.bd_name, 'x', sizeof(odd.bd_name));
	bad |= expect(EINVAL, ask(fd, &odd), "name without an end");
	strcpy(odd.bd_name, "nobody");
	bad |= expect(ENOENT, ask(fd, &odd), "branch that is not there");
	return bad;
}

static int put(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd, bad;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY);
	bad = fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return bad ? fail(path) : 0;
}

/* A child in a user namespace of its own, which goes on when the pipe *go is closed. */
static pid_t child_in_namespace(const char *map, int *go, char **command)
{
	int ready[2], wait_for[2];
	pid_t pid;
	char c;

	if (pipe(ready) || pipe(wait_for))
		return -1;
	pid = fork();
	if (pid == 0) {
		close(wait_for[1]);
		if (unshare(CLONE_NEWUSER) || write(ready[1], "x", 1) != 1)
			_exit(fail("unshare"));
		(void)!read(wait_for[0], &c, 1);
		if (!command)
			_exit(0);
		if (setresgid(0, 0, 0) || setresuid(0, 0, 0) || setgroups(0, NULL))
			_exit(fail("setresuid"));
		execvp(command[0], command);
		_exit(fail(command[0]));
	}
	close(wait_for[0]);
	*go = wait_for[1];
	if (pid > 0 && (read(ready[0], &c, 1) != 1 || put(pid, "uid_map", map) ||
			put(pid, "gid_map", map)))
		return -1;
	return pid;
}

static int idmap(const char *dir, const char *target, const char *map)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	char path[64];
	int go, tree;
	pid_t pid = child_in_namespace(map, &go, NULL);

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	attr.userns_fd = pid > 0 ? open(path, O_RDONLY) : -1;
	tree = syscall(SYS_open_tree, AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return fail("open_tree");
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return fail("mount_setattr");
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH))
		return fail("move_mount");
	close(go);
	waitpid(pid, NULL, 0);
	return 0;
}

static int inside(const char *map, char **command)
{
	int go, status;
	pid_t pid = child_in_namespace(map, &go, command);

	close(go);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int named(const char *file)
{
	unsigned int uid = getuid(), gid = getgid();
	int fd = open(file, O_RDONLY), context;
	char map[64], c;

	if (fd < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return fail(file);
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (put(getpid(), "setgroups", "deny") || put(getpid(), "uid_map", map))
		return 2;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (put(getpid(), "gid_map", map))
		return 2;
	context = syscall(SYS_fsopen, "daxfs", 0);
	if (context < 0)
		return fail("fsopen");
	/* Whether it is refused or not. */
	syscall(SYS_fsconfig, context, FSCONFIG_SET_FD, "volume", NULL, fd);
	close(fd);
	printf("named\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	char line[512], result[16], dir[128], verb[16], name[128], other[128], room[32];
	int status, bad = 0;
	unsigned int uid;

	if (argc == 4 && strcmp(argv[1], "told") == 0)
		return told(strtoul(argv[2], NULL, 0), argv[3]);
	if (argc == 4 && strcmp(argv[1], "pages") == 0)
		return pages(argv[2], strtoul(argv[3], NULL, 0));
	if (argc == 3 && strcmp(argv[1], "mixed") == 0)
		return mixed(argv[2]);
	if (argc == 5 && strcmp(argv[1], "idmap") == 0)
		return idmap(argv[2], argv[3], argv[4]);
	if (argc > 3 && strcmp(argv[1], "inside") == 0)
		return inside(argv[2], argv + 3);
	if (argc == 3 && strcmp(argv[1], "fsopen") == 0)
		return named(argv[2]);
	while (fgets(line, sizeof(line), stdin)) {
		strcpy(name, "-");
		strcpy(other, "-");
		if (sscanf(line, "%15s %u %127s %15s %127s %127s", result, &uid, dir, verb, name,
			   other) < 4)
			continue;
		if (fork() == 0)
			_exit(call(uid, dir, verb, name, other));
		wait(&status);
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
		if (strcmp(result_of(status, room, sizeof(room)), result) != 0) {
			printf("%s: %s", result_of(status, room, sizeof(room)), line);
			bad = 1;
		}
	}
	return bad;
}
