// SPDX-License-Identifier: GPL-2.0-only
/*
 * Freezes and thaws. A frozen super block outlives the process that froze it,
 * so a guard is forked first, which thaws when the socket to it is closed: by
 * freeze_end(), or by the kernel when the process has ended, even by SIGKILL.
 * It also thaws when nothing was heard for STALLED_MS: what is to be written may
 * wait for what is frozen, in ways that cannot be seen from here (an overlay, a
 * loop device).
 */
#include "freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounted.h"

#define STALLED_MS 20000

/* What process and guard both see. */
struct freeze_shared {
	atomic_bool stalled;
	atomic_bool frozen[];	/* by number of the super block: is, or may be, frozen by us */
};

static size_t shared_size(const struct freeze *fz)
{
	return sizeof(struct freeze_shared) + fz->count * sizeof(atomic_bool);
}

static bool has_device(const struct freeze *fz, dev_t dev)
{
	for (size_t i = 0; i < fz->count; i++)
		if (fz->supers[i].dev == dev)
			return true;
	return false;
}

static int add(struct freeze *fz, struct libmnt_fs *fs, int fd)
{
	struct freeze_super *more;
	char *target = strdup(mnt_fs_get_target(fs));

	more = reallocarray(fz->supers, fz->count + 1, sizeof(*more));
	if (more)
		fz->supers = more;
	if (!more || !target) {
		free(target);
		return -ENOMEM;
	}
	fz->supers[fz->count++] = (struct freeze_super){
		.fd = fd,
		.dev = mnt_fs_get_devno(fs),
		.target = target,
	};
	return 0;
}

/* Is the super block read-only, not this one mount of it? */
static bool is_read_only(struct libmnt_fs *fs)
{
	const char *options = mnt_fs_get_fs_options(fs);

	return options && mnt_optstr_get_option(options, "ro", NULL, NULL) == 0;
}

/* Takes over what it keeps of a mount; 0 too when it has nothing to freeze. */
static int consider(struct freeze *fz, struct libmnt_fs *fs, const struct mounted *volume)
{
	struct mounted id;
	int fd, err = 0;
	bool same;

	if (!mounted_is_daxfs(fs) || has_device(fz, mnt_fs_get_devno(fs)) ||
	    is_read_only(fs))
		return 0;
	fd = mounted_open(fs);
	if (fd < 0)
		return 0;
	same = mounted_read(fd, &id) == 0 && mounted_is_same_volume(volume, &id);
	free(id.branches);
	if (same)
		err = add(fz, fs, fd);
	if (!same || err)
		close(fd);
	return err;
}

int freeze_find(struct freeze *fz, int mount)
{
	struct libmnt_table *table = mounted_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct mounted volume = { 0 };
	struct libmnt_fs *fs;
	int err;

	memset(fz, 0, sizeof(*fz));
	fz->guard = -1;
	err = table && iter ? mounted_read(mount, &volume) : -ENOMEM;
	while (!err && mnt_table_next_fs(table, iter, &fs) == 0)
		err = consider(fz, fs, &volume);
	free(volume.branches);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return err;
}

/* By its mount: super blocks that show one branch report the device number of one of them. */
bool freeze_has_file(const struct freeze *fz, int fd)
{
	struct libmnt_table *table = mounted_table();
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	struct statx stx;
	bool has = false;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		stx.stx_mask = 0;
	while (table && iter && !has && mnt_table_next_fs(table, iter, &fs) == 0)
		has = stx.stx_mask & STATX_MNT_ID &&
		      stx.stx_mnt_id == (__u64)mnt_fs_get_id(fs) &&
		      has_device(fz, mnt_fs_get_devno(fs));
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return has;
}

static void thaw(struct freeze *fz)
{
	for (size_t i = 0; i < fz->count; i++)
		if (atomic_exchange(&fz->shared->frozen[i], false))
			ioctl(fz->supers[i].fd, FITHAW, 0);
}

/* The guard's whole life. */
static void guard(struct freeze *fz, int socket)
{
	struct pollfd pfd = { .fd = socket, .events = POLLIN };
	char heard[256];
	sigset_t all;
	int n;

	/* What ends the process is not to end its guard too. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	for (;;) {
		n = poll(&pfd, 1, STALLED_MS);
		if (n == 0)
			atomic_store(&fz->shared->stalled, true);
		if (n == 0 || (n > 0 && read(socket, heard, sizeof(heard)) <= 0))
			break;
	}
	thaw(fz);
	_exit(0);
}

static int start_guard(struct freeze *fz)
{
	int pair[2];

	fz->shared = mmap(NULL, shared_size(fz), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fz->shared == MAP_FAILED) {
		fz->shared = NULL;
		return -ENOMEM;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fz->guard_pid = fork();
	if (!fz->guard_pid) {
		close(pair[0]);
		guard(fz, pair[1]);
	}
	close(pair[1]);
	if (fz->guard_pid < 0) {
		close(pair[0]);
		return -errno;
	}
	fz->guard = pair[0];
	return 0;
}

int freeze_begin(struct freeze *fz)
{
	int err;

	fz->blame = NULL;
	if (!fz->count)
		return 0;
	err = start_guard(fz);
	for (size_t i = 0; i < fz->count && !err; i++) {
		atomic_store(&fz->shared->frozen[i], true);
		if (ioctl(fz->supers[i].fd, FIFREEZE, 0) == 0)
			continue;
		err = -errno;
		/* It is somebody else's, then, to thaw it. */
		atomic_store(&fz->shared->frozen[i], false);
		fz->blame = fz->supers[i].target;
	}
	if (err)
		freeze_end(fz);
	return err;
}

void freeze_tick(struct freeze *fz)
{
	/* When the guard has enough unread it knows. */
	if (fz->guard >= 0)
		send(fz->guard, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int freeze_end(struct freeze *fz)
{
	bool stalled = false;

	if (fz->guard >= 0) {
		/* Here too: a guard can be killed. */
		thaw(fz);
		close(fz->guard);
		fz->guard = -1;
		while (waitpid(fz->guard_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (fz->shared) {
		stalled = atomic_load(&fz->shared->stalled);
		munmap(fz->shared, shared_size(fz));
		fz->shared = NULL;
	}
	return stalled ? -ETIMEDOUT : 0;
}

void freeze_free(struct freeze *fz)
{
	freeze_end(fz);
	for (size_t i = 0; i < fz->count; i++) {
		close(fz->supers[i].fd);
		free(fz->supers[i].target);
	}
	free(fz->supers);
	fz->supers = NULL;
	fz->count = 0;
}
