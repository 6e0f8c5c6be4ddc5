// SPDX-License-Identifier: GPL-2.0-only
/*
 * The image changes while it is used: this process flips bytes of the metadata
 * and puts them back. First another one mounts it with and without validate,
 * over and over. Then it is mounted, two processes walk, and one has the kernel
 * forget inodes, so that they are read again. An image with branches is
 * written to, branches are made, committed and discarded meanwhile.
 *
 * Not all is damaged all the time: nothing below a directory that cannot be
 * read is tried, nothing after a checksum that is wrong. Some damage stays for
 * a few milliseconds, some only for the time between two loads.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>
#include "users.h"

#define FLIPS_MAX 200u
#define HOLD_MAX 3000u /* microseconds */

struct flipper {
	u64 flips, rounds, state;
};

/* ---- those who use it ---- */

typedef void user_fn(const struct place *place, const char *dir,
		     struct campaign_report *report);

static void keep_walking(const struct place *place, const char *dir,
			 struct campaign_report *report)
{
	struct walk_options options = campaign_walk(place, WALK_ANY);
	struct walk_result result;

	/* Small, so that the metadata is what is read. */
	options.read_max = 16u << 10;
	options.look_max = 16u << 10;
	options.progress = &report->progress;
	while (!report->stop) {
		walk(&options, dir, &result);
		walk_add(&report->walked, &result);
	}
}

/* The same, of what is written to meanwhile. */
static void keep_looking(const struct place *place, const char *dir,
			 struct campaign_report *report)
{
	struct walk_options options = campaign_walk(place, WALK_CANARY);
	struct walk_result result;

	options.read_max = 16u << 10;
	options.look_max = 16u << 10;
	options.progress = &report->progress;
	while (!report->stop) {
		walk(&options, dir, &result);
		walk_add(&report->walked, &result);
	}
}

static void keep_using(const struct place *place, const char *dir,
		       struct campaign_report *report)
{
	struct use_options options = { .repeatable = true,
				       .file = 0x20000,
				       .progress = &report->progress };

	while (!report->stop)
		use(&options, dir, &report->walked);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "campaign: %s: %s\n", path, strerror(errno));
	close(fd);
}

static void keep_forgetting(const struct place *place, const char *dir,
			    struct campaign_report *report)
{
	put("/proc/sys/vm/drop_caches", "4"); /* quietly */
	while (!report->stop) {
		put("/proc/sys/vm/drop_caches", "2");
		report->progress++;
		usleep(100000);
	}
}

/* Counts what was mounted as directories, what was refused as errors. */
static void keep_mounting(const struct place *place, const char *dir,
			  struct campaign_report *report)
{
	struct walk_result *counts = &report->walked;

	while (!report->stop) {
		if (place_mount(place, dir, report->progress++ % 4, report->log)) {
			counts->errors++;
			continue;
		}
		counts->dirs++;
		if (umount2(dir, 0)) {
			report->unmount_error = -errno;
			return;
		}
	}
}

/* ---- who changes it ---- */

/* Damages some places, leaves them so for a while, and puts them back. */
static void flip_some(const struct place *place, const struct mutate_plan *plan,
		      struct flipper *flipper)
{
	struct mutate_flip flips[FLIPS_MAX];
	u32 count = 1 + users_pick(&flipper->state, FLIPS_MAX), i;

	for (i = 0; i < count; i++)
		mutate_flip(plan, place->base, &flipper->state, &flips[i]);
	if (users_pick(&flipper->state, 2))
		usleep(users_pick(&flipper->state, HOLD_MAX));
	while (i--)
		mutate_unflip(place->base, &flips[i]);
	flipper->flips += count;
}

/* One place, to and fro, as fast as it can be. */
static void flip_one(const struct place *place, const struct mutate_plan *plan,
		     struct flipper *flipper)
{
	struct mutate_flip flip;
	volatile u8 *at;
	u32 times = 100 + users_pick(&flipper->state, 20000), i;
	u8 other;

	mutate_flip(plan, place->base, &flipper->state, &flip);
	at = place->base + flip.offset;
	other = *at;
	for (i = 0; i < times; i++)
		*at = i % 2 ? other : flip.old;
	mutate_unflip(place->base, &flip);
	flipper->flips += times;
}

/* False: one of them made no progress for too long. */
static bool flip_until(const struct place *place, const struct mutate_plan *plan,
		       struct users *users, u64 end, struct flipper *flipper)
{
	while (users_now() < end) {
		if (flipper->rounds++ % 4)
			flip_some(place, plan, flipper);
		else
			flip_one(place, plan, flipper);
		if (!users_pick(&flipper->state, 4))
			usleep(users_pick(&flipper->state, HOLD_MAX));
		if (!users_get_on(users))
			return false;
	}
	return true;
}

/* Who does what where. */
struct work {
	const struct place *place;
	const char *dir;
	user_fn *const *functions;
};

static void be_user(u32 number, const void *arg, struct campaign_report *report)
{
	const struct work *work = arg;

	work->functions[number](work->place, work->dir, report);
}

/* Flips while these use it, and adds up what they saw. False: something is wrong. */
static bool flip_under(const struct work *work, u32 count, const struct mutate_plan *plan,
		       u32 seconds, struct flipper *flipper, struct walk_result *sum)
{
	struct users users;
	bool good;

	memset(sum, 0, sizeof(*sum));
	users_start(&users, count, be_user, work);
	good = flip_until(work->place, plan, &users, users_now() + seconds * 1000000000ull,
			  flipper);
	good &= users_end(&users, sum);
	if (sum->leaks) {
		fputs("campaign: FAILED: shows what is no file's\n", stderr);
		good = false;
	}
	return good;
}

static bool flip_unmounted(struct place *place, const struct mutate_plan *plan,
			   const char *dir, u32 seconds, struct flipper *flipper)
{
	static user_fn *const users[] = { keep_mounting };
	struct work work = { place, dir, users };
	struct walk_result sum;
	bool good;

	place_restore(place);
	/* What validate wants to be zero is, so that it looks at the rest. */
	place_clear_zeros(place);
	good = flip_under(&work, 1, plan, seconds, flipper, &sum);
	printf("campaign: while it changed %llu mounted, %llu refused\n",
	       (unsigned long long)sum.dirs, (unsigned long long)sum.errors);
	if (good && !(sum.dirs + sum.errors)) {
		fputs("campaign: nothing learnt: no mount was tried\n", stderr);
		return false;
	}
	return good;
}

static bool flip_mounted(struct place *place, const struct mutate_plan *plan,
			 const char *dir, u32 seconds, struct flipper *flipper)
{
	static user_fn *const readers[] = { keep_walking, keep_walking, keep_forgetting };
	static user_fn *const writers[] = { keep_looking, keep_using, keep_forgetting };
	struct work work = { place, dir, place->branch ? writers : readers };
	struct walk_result sum;
	char log[PLACE_LOG];
	bool good;
	int err;

	place_restore(place);
	err = place_mount(place, dir, false, log);
	if (err) {
		fprintf(stderr, "campaign: mount: %s: %s\n", strerror(-err), log);
		return false;
	}
	good = flip_under(&work, 3, plan, seconds, flipper, &sum);
	walk_print(&sum);
	if (good && (!sum.errors || !sum.bytes)) {
		fputs("campaign: nothing learnt: no error, or nothing to read\n", stderr);
		good = false;
	}
	if (umount2(dir, 0)) {
		fprintf(stderr, "campaign: FAILED: does not unmount: %s\n",
			strerror(errno));
		umount2(dir, MNT_DETACH);
		return false;
	}
	return good;
}

int campaign_flip(struct place *place, const struct mutate_plan *plan, const char *dir,
		  u32 seconds, u64 seed)
{
	struct flipper flipper = { .state = seed };
	u32 quarter = (seconds + 3) / 4;
	bool good;

	if (!place_stays_mapped(place)) {
		fputs("campaign: the kernel takes /dev/mem away when the range is mounted; boot it with iomem=relaxed\n",
		      stderr);
		return 2;
	}
	good = flip_unmounted(place, plan, dir, quarter, &flipper) &&
	       flip_mounted(place, plan, dir, seconds > quarter ? seconds - quarter : 1,
			    &flipper);
	printf("campaign: %llu flips in %llu rounds\n", (unsigned long long)flipper.flips,
	       (unsigned long long)flipper.rounds);
	return !good || !campaign_sound(place, dir);
}
