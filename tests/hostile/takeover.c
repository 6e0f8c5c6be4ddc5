// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a kernel held when it went away: the lease of a branch, the volume lock,
 * a commit that was decided. Somebody else mounts the image, and has to get on
 * within the time after which a heartbeat that stands still is taken for dead.
 * The bounds are generous: this is no benchmark, and the machine is emulated.
 */
#define _GNU_SOURCE
#include <daxfs/ioctl.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>
#include "campaign.h"
#include "grow.h"

#define TAKEOVER 5000 /* ms, as documented */
#define GENEROUS 15000 /* ms more, on a busy machine */
#define GIVE_UP 60000

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static int make_file(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/after", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : close(fd);
}

static int make_branch(const char *dir)
{
	struct daxfs_branch_op op = { .bo_size = sizeof(op), .bo_name = "after" };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, DAXFS_IOC_BRANCH_CREATE, &op) ? -errno : 0;
	close(fd);
	return err;
}

/* Until it works, or for far too long. */
static int patiently(int (*what)(const char *dir), const char *dir, u64 start)
{
	int err;

	while ((err = what(dir)) && now() - start < GIVE_UP)
		usleep(20000);
	return err;
}

static bool take_over(struct place *place, const char *dir, enum grow_remains remains)
{
	static const char *const names[GROW_REMAINS] = { "a commit", "a lease",
							 "the lock" };
	u64 start, mounted = 0, wrote = 0, branched = 0;
	char log[PLACE_LOG] = "";
	int err;

	place_restore(place);
	err = grow_remains(place->base, place->size, remains);
	if (err) {
		fprintf(stderr, "campaign: %s cannot be left: %s\n", names[remains],
			strerror(-err));
		return false;
	}
	/* The leaf is gone when its commit is finished. */
	place->branch = remains == GROW_COMMIT ? "left" : "leaf";
	start = now();
	do
		err = place_mount(place, dir, false, log);
	while (err && now() - start < GIVE_UP && !usleep(20000));
	mounted = now() - start;
	if (!err) {
		err = patiently(make_file, dir, start);
		wrote = now() - start;
	}
	if (!err) {
		err = patiently(make_branch, dir, start);
		branched = now() - start;
	}
	umount2(dir, 0);
	place->branch = "leaf";
	printf("campaign: who finds %s of a mount that is gone mounts after %llu ms, writes after %llu ms, makes a branch after %llu ms\n",
	       names[remains], (unsigned long long)mounted, (unsigned long long)wrote,
	       (unsigned long long)branched);
	if (err) {
		fprintf(stderr, "campaign: FAILED: %s (%s)\n", strerror(-err), log);
		return false;
	}
	if (branched > TAKEOVER + GENEROUS) {
		fputs("campaign: FAILED: that is too long\n", stderr);
		return false;
	}
	/* Whoever lives keeps what he has: it is not taken at once. */
	if ((remains == GROW_LEASE && wrote < TAKEOVER / 2) ||
	    (remains == GROW_LOCK && branched < TAKEOVER / 2)) {
		fputs("campaign: FAILED: that was taken from somebody who may have lived\n",
		      stderr);
		return false;
	}
	return true;
}

int campaign_takeover(struct place *place, const char *dir)
{
	bool good = true;
	u32 i;

	if (!place->branch) {
		fputs("campaign: the image has no branches\n", stderr);
		return 2;
	}
	for (i = 0; i < GROW_REMAINS; i++)
		good &= take_over(place, dir, i);
	return !good || !campaign_sound(place, dir);
}
