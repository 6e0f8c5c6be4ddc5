// SPDX-License-Identifier: GPL-2.0-only
/*
 * away WHAT ARG... [COMMAND...]: what goes away, or does not come, while it is
 * in use. The command is run in the middle of it, and must succeed. Silent and 0
 * when what the table at the end says holds, else one sentence and 1.
 */
#define _GNU_SOURCE
#include <linux/mount.h>
#include <pthread.h>
#include <sys/wait.h>

#define PROGRAM "away"
#include "pages.h"

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32)
#endif

/* What is open here is closed in the command, so that it can unmount. */
static pid_t start(char **argv)
{
	pid_t pid;

	if (!argv[0])
		fail("no command");
	pid = fork();
	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	return pid;
}

static void finish(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail("wait: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("the command failed: status %#x", status);
}

static void run(char **argv)
{
	finish(start(argv));
}

/* ---- memory that does not come ---- */

struct call {
	const char *what;
	int fd;
	char *buf;
	long result;
	int error;
};

static void *do_call(void *arg)
{
	struct call *call = arg;

	if (!strcmp(call->what, "read"))
		call->result = pread(call->fd, call->buf, PAGE, 0);
	else if (!strcmp(call->what, "write"))
		call->result = pwrite(call->fd, call->buf, PAGE, 0);
	else
		call->result = syscall(SYS_getdents64, call->fd, call->buf, PAGE);
	call->error = errno;
	return NULL;
}

static void away_slow(char **argv)
{
	int list = !strcmp(argv[0], "list"), gone = !strcmp(argv[1], "gone");
	struct call call = { .what = argv[0] };
	pthread_t thread;

	call.fd = open_or_fail(argv[2], list ? O_RDONLY | O_DIRECTORY : O_RDWR);
	call.buf = slow_page();
	if (pthread_create(&thread, NULL, do_call, &call))
		fail("no thread");
	wait_for_touch();
	run(argv + 3);
	give(call.buf, 'g');
	pthread_join(thread, NULL);
	/* A listing returns what it had, and says EIO the next time. */
	if (gone && list && call.result > 0)
		do_call(&call);
	if (gone && (call.result >= 0 || call.error != EIO))
		fail("%s: %ld, error %s, where EIO was expected", call.what, call.result,
		     call.result < 0 ? strerror(call.error) : "none");
	if (!gone && call.result != PAGE && !(list && call.result > 0))
		fail("%s: %ld, error %s", call.what, call.result,
		     call.result < 0 ? strerror(call.error) : "none");
}

/* ---- memory that goes ---- */

static void must_fault(char *p)
{
	if (!faults(p, 0))
		fail("after it a load from the mapping works: '%c'", *p);
	if (!faults(p, 1))
		fail("after it a store to the mapping works");
}

static void away_hold(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDWR);
	char *p = map_shared(fd, 2 * PAGE), buf[PAGE];

	if (faults(p, 1) || faults(p + PAGE, 0))
		fail("the mapping is not there");
	run(argv + 1);
	must_fault(p);
	must_fault(p + PAGE);
	if (pread(fd, buf, PAGE, 0) >= 0 || errno != EIO)
		fail("after it read does not say EIO: %s", strerror(errno));
	if (pwrite(fd, buf, PAGE, 0) >= 0 || errno != EIO)
		fail("after it write does not say EIO: %s", strerror(errno));
	if (fsync(fd) >= 0 || errno != EIO)
		fail("after it fsync does not say EIO: %s", strerror(errno));
}

static void away_watch(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	char *p = map(fd, 2 * PAGE, PROT_READ, MAP_SHARED);

	if (faults(p, 0))
		fail("the mapping is not there");
	run(argv + 1);
	if (!faults(p, 0) || !faults(p + PAGE, 0))
		fail("after it a load from the mapping works");
}

static int get_region(const char *root, int mode)
{
	struct daxfs_dmabuf db = { .db_size = sizeof(db), .db_flags = O_CLOEXEC | mode };
	int fd = open_or_fail(root, O_RDONLY);

	if (ioctl(fd, DAXFS_IOC_DMABUF, &db))
		fail("%s: dma-buf: %s", root, strerror(errno));
	close(fd);
	return db.db_fd;
}

static void away_region(char **argv)
{
	int fd = get_region(argv[0], O_RDWR);
	char *p = map_shared(fd, 2 * PAGE);
	char *ro = map(get_region(argv[0], O_RDONLY), PAGE, PROT_READ, MAP_SHARED);

	if (faults(p, 0) || faults(p + PAGE, 0) || faults(ro, 0) ||
	    memcmp(p, "daxfs", 5) || memcmp(ro, p, PAGE))
		fail("the mappings of the dma-bufs do not show the image");
	run(argv + 1);
	must_fault(p);
	must_fault(p + PAGE);
	if (!faults(ro, 0))
		fail("after it a load from a read-only mapping works");
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED && !faults(p, 0))
		fail("after it the dma-buf can be mapped anew");
}

static void away_import(char **argv)
{
	int buf = get_region(argv[0], O_RDWR), fs = syscall(SYS_fsopen, "daxfs", 1), mnt;

	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FD, "dmabuf", NULL, buf) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fail("fsconfig: %s", strerror(errno));
	mnt = syscall(SYS_fsmount, fs, 1, 0);
	if (mnt < 0 || syscall(SYS_move_mount, mnt, "", AT_FDCWD, argv[1], 4))
		fail("%s: mount: %s", argv[1], strerror(errno));
}

static void away_pipe(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY), ends[2];
	char *p = map(fd, PAGE, PROT_READ, MAP_SHARED);
	struct iovec v = { p, PAGE };
	char was[PAGE], is[PAGE];

	memcpy(was, p, PAGE);
	if (pipe2(ends, O_CLOEXEC) || vmsplice(ends[1], &v, 1, 0) != PAGE)
		fail("vmsplice: %s", strerror(errno));
	munmap(p, PAGE);
	close(fd);
	run(argv + 1);
	if (read(ends[0], is, PAGE) != PAGE)
		fail("the pipe has lost the page: %s", strerror(errno));
	/* Nobody has stored to the memory meanwhile. */
	if (memcmp(was, is, PAGE))
		fail("the page in the pipe has changed");
}

/* ---- pages that are held while their device goes ---- */

/* The command has taken the device away, as far as others can see. */
static void wait_for_eio(int fd)
{
	char buf[PAGE];

	while (pread(fd, buf, PAGE, 0) >= 0)
		usleep(1000);
	if (errno != EIO)
		fail("read says %s where EIO was expected", strerror(errno));
}

/* Two seconds long, which is more than it takes otherwise. */
static void must_wait(pid_t pid)
{
	for (int i = 0; i < 200; i++) {
		if (waitpid(pid, NULL, WNOHANG))
			fail("the command does not wait for who has a page of it");
		usleep(10000);
	}
}

static void away_spliced(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY), ends[2];
	char *p = map(fd, PAGE, PROT_READ, MAP_SHARED);
	struct iovec v = { p, PAGE };
	char was[PAGE], is[PAGE];
	pid_t pid;

	memcpy(was, p, PAGE);
	if (pipe2(ends, O_CLOEXEC) || vmsplice(ends[1], &v, 1, 0) != PAGE)
		fail("vmsplice: %s", strerror(errno));
	pid = start(argv + 1);
	wait_for_eio(fd);
	must_wait(pid);
	if (read(ends[0], is, PAGE) != PAGE || memcmp(was, is, PAGE))
		fail("the page in the pipe has changed");
	finish(pid);
}

static void away_written(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDWR);
	struct remote r = { slow_page(), map_shared(fd, PAGE), 0 };
	pthread_t thread;
	pid_t pid;

	r.to[0] = 'a';
	if (pthread_create(&thread, NULL, write_remote, &r))
		fail("no thread");
	wait_for_touch();
	pid = start(argv + 1);
	wait_for_eio(fd);
	must_wait(pid);
	give(r.from, 'g');
	pthread_join(thread, NULL);
	if (r.done != PAGE)
		fail("process_vm_writev: %zd", r.done);
	finish(pid);
}

static void away_private(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	char *p = map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE), buf[PAGE];

	if (faults(p + 1, 1))
		fail("the mapping is not there");
	if (pread(fd, buf, PAGE, 0) != PAGE || buf[1] == 'X')
		fail("writing to a private mapping has changed the file");
	buf[1] = 'X';
	if (memcmp(p, buf, PAGE))
		fail("the private mapping has something else");
}

static void away_shutdown(char **argv)
{
	int fd = open_or_fail(argv[0], O_RDONLY);
	__u32 flags = atoi(argv[1]);

	if (ioctl(fd, FS_IOC_SHUTDOWN, &flags))
		fail("shutdown: %s", strerror(errno));
}

static const struct {
	const char *what;
	int args;
	void (*call)(char **argv);
} table[] = {
	/* read|write|list works|gone FILE COMMAND: a call waits for its buffer meanwhile; with "gone" it says EIO then */
	{ "slow", 4, away_slow },
	/* FILE of 2 blocks, COMMAND: after it mappings raise SIGBUS, and what is open says EIO */
	{ "hold", 2, away_hold },
	/* The same of a file that can only be read */
	{ "watch", 2, away_watch },
	/* ROOT COMMAND: the same for a mapping of the region, by its dma-buf */
	{ "region", 2, away_region },
	/* ROOT DIR: mounts the region of one mount as a dma-buf at DIR, read-only */
	{ "import", 2, away_import },
	/* FILE COMMAND: a page of it is in a pipe meanwhile */
	{ "pipe", 2, away_pipe },
	/* FILE COMMAND: a page of it is in a pipe as its device goes, for which the command waits */
	{ "spliced", 2, away_spliced },
	/* The same, and somebody writes to it later */
	{ "written", 2, away_written },
	/* FILE: a private mapping of it is written to */
	{ "private", 1, away_private },
	/* FILE FLAGS: FS_IOC_SHUTDOWN */
	{ "shutdown", 2, away_shutdown },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(argv[1], table[i].what) || argc < 2 + table[i].args)
			continue;
		table[i].call(argv + 2);
		return 0;
	}
	return 2;
}
