// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the region says of branches that are mounted changes, with checksums that are
 * right: what they lie on, whether they live, which child won, where a log ended; and
 * there are branches that nobody made. Meanwhile two mounts make branches, write to
 * them, commit and discard them, a third comes and goes, and one process reads. Any
 * error is an answer; none may hang, end otherwise, or keep anything from being
 * unmounted. Complaints of the kernel are for others to find (tests/vm/run).
 */
#define _GNU_SOURCE
#include <daxfs/ioctl.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "relate.h"
#include "users.h"

#define USERS 4
#define HOLD_MAX 20000u /* microseconds that a lie is told */
#define SECOND "/tmp/campaign-second"
#define THIRD "/tmp/campaign-third"

static const char *const names[] = { "main", "left",  "right", "leaf",
				     "liar", "mine0", "mine1", "other0" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static u64 state;

static u32 pick(u32 n)
{
	return users_pick(&state, n);
}

/* ---- those who use it ---- */

static void count(struct campaign_report *report, bool good)
{
	report->progress++;
	if (good)
		report->walked.dirs++;
	else
		report->walked.errors++;
}

static void verb(const char *dir, unsigned long cmd, const char *name, const char *other,
		 u32 flags, struct campaign_report *report)
{
	struct daxfs_branch_op op = { .bo_size = sizeof(op), .bo_flags = flags };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	snprintf(op.bo_name, sizeof(op.bo_name), "%s", name);
	snprintf(op.bo_other, sizeof(op.bo_other), "%s", other);
	count(report, fd >= 0 && !ioctl(fd, cmd, &op));
	if (fd >= 0)
		close(fd);
}

/* Changes a file of the base and one that is new, in all that views go through. */
static void change(const char *dir, struct campaign_report *report)
{
	char path[128], value[64] = "";
	u32 n = pick(4);
	int fd;

	snprintf(path, sizeof(path), "%s/changed-%u", dir, n);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	count(report, fd >= 0 && pwrite(fd, path, sizeof(path), n * 5000) > 0);
	if (fd >= 0)
		close(fd);
	snprintf(value, sizeof(value), "user.%u", pick(3));
	count(report, !setxattr(path, value, value, sizeof(value), 0));
	count(report, !setxattr(dir, value, value, pick(2) ? sizeof(value) : 1, 0));
	if (!pick(4))
		count(report, !unlink(path));
}

/* Reads what is looked up in each layer. */
static void look(const char *dir, struct campaign_report *report)
{
	char path[128], list[4096];
	int i;

	count(report, listxattr(dir, list, sizeof(list)) >= 0);
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/changed-%d", dir, i);
		count(report, listxattr(path, list, sizeof(list)) >= 0);
		count(report, getxattr(path, "user.1", list, sizeof(list)) >= 0);
	}
}

static void list(const char *dir, struct campaign_report *report)
{
	struct daxfs_branch_info info[16];
	struct daxfs_branch_list call = { .dl_size = sizeof(call),
					  .dl_room = 16,
					  .dl_branches = (uintptr_t)info };
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	count(report, fd >= 0 && !ioctl(fd, DAXFS_IOC_BRANCH_LIST, &call));
	if (fd >= 0)
		close(fd);
}

static void keep_branching(const char *dir, const char *own,
			   struct campaign_report *report)
{
	char mine[16];

	while (!report->stop) {
		snprintf(mine, sizeof(mine), "%s%u", own, pick(2));
		switch (pick(10)) {
		case 0:
		case 1:
			verb(dir, DAXFS_IOC_BRANCH_CREATE, mine, "", 0, report);
			break;
		case 2:
			verb(dir, DAXFS_IOC_BRANCH_CREATE, mine, names[pick(NAMES)],
			     pick(2) ? DAXFS_BRANCH_STAY : 0, report);
			break;
		case 3:
			verb(dir, DAXFS_IOC_BRANCH_COMMIT, "", "",
			     pick(4) ? 0 : DAXFS_BRANCH_TO_ROOT, report);
			break;
		case 4:
			verb(dir, DAXFS_IOC_BRANCH_ABORT,
			     pick(2) ? "" : names[pick(NAMES)], "", 0, report);
			break;
		case 5:
			verb(dir, DAXFS_IOC_BRANCH_COMMIT, names[pick(NAMES)], "", 0,
			     report);
			break;
		case 6:
		case 7:
			verb(dir, DAXFS_IOC_BRANCH_SWITCH, names[pick(NAMES)], "", 0,
			     report);
			break;
		case 8:
			verb(dir, DAXFS_IOC_BRANCH_RENAME, names[pick(NAMES)],
			     names[pick(NAMES)], 0, report);
			break;
		default:
			list(dir, report);
		}
		change(dir, report);
		look(dir, report);
	}
}

static int mount_volume(const char *dir, const char *of, const char *branch)
{
	int fs = fsopen("daxfs", FSOPEN_CLOEXEC), mnt = -1, err = 0;
	int volume = open(of, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fs < 0 || volume < 0 ||
	    fsconfig(fs, FSCONFIG_SET_FD, "volume", NULL, volume) ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "branch", branch, 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		err = -errno;
	if (!err)
		mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (!err &&
	    (mnt < 0 || move_mount(mnt, "", AT_FDCWD, dir, MOVE_MOUNT_F_EMPTY_PATH)))
		err = -errno;
	close(mnt);
	close(volume);
	close(fs);
	return err;
}

static void keep_mounting(const char *of, struct campaign_report *report)
{
	while (!report->stop) {
		if (mount_volume(THIRD, of, names[pick(NAMES)])) {
			count(report, false);
			continue;
		}
		change(THIRD, report);
		look(THIRD, report);
		if (umount2(THIRD, 0)) {
			report->unmount_error = -errno;
			return;
		}
	}
}

static void keep_looking(const char *dir, struct campaign_report *report)
{
	while (!report->stop) {
		look(dir, report);
		look(SECOND, report);
	}
}

/* ---- who lies ---- */

static struct dxc_owner any(const struct dxc_volume *vol)
{
	struct dxc_owner id = { 0 };
	u32 tries;

	for (tries = 0; tries < 64; tries++) {
		id = relate_id(vol, pick(vol->branch_count));
		if (id.generation)
			break;
	}
	/* Sometimes one that is no more. */
	id.generation += !pick(8);
	return id;
}

/* One member of an entry, for a while. */
static void lie(const struct dxc_volume *vol)
{
	u32 index = any(vol).branch, how = pick(9);
	struct daxfs_branch *at = relate_entry(vol, index), before;
	__le64 told;

	memcpy(&before, at, sizeof(before));
	switch (how) {
	case 0:
		relate_winner(vol, index, any(vol));
		told = at->br_winner;
		usleep(pick(HOLD_MAX));
		__sync_bool_compare_and_swap(&at->br_winner, told, before.br_winner);
		break;
	case 1:
		relate_first_seq(vol, index, pick(2) ? 1 : pick(1000));
		told = at->br_first_seq;
		usleep(pick(HOLD_MAX));
		__sync_bool_compare_and_swap(&at->br_first_seq, told,
					     before.br_first_seq);
		break;
	case 2:
		relate_state(vol, index, pick(2) ? DAXFS_BRANCH_DEAD : DAXFS_BRANCH_LIVE);
		told = at->br_state;
		usleep(pick(HOLD_MAX));
		/* Now and then it stays dead. */
		if (pick(4))
			__sync_bool_compare_and_swap(&at->br_state, told,
						     before.br_state);
		break;
	case 3:
		relate_new(vol, "liar", any(vol));
		usleep(pick(HOLD_MAX));
		break;
	default:
		relate_parent(vol, index, any(vol));
		told = at->br_parent;
		usleep(pick(HOLD_MAX));
		/* Now and then it stays so. */
		if (pick(8) &&
		    __sync_bool_compare_and_swap(&at->br_parent, told, before.br_parent))
			at->br_checksum = before.br_checksum;
	}
}

/* Entries that nobody made go, before the table is full of them. */
static void clear(const struct dxc_volume *vol)
{
	struct dxc_owner id;

	while (!relate_find(vol, "liar", &id))
		relate_entry(vol, id.branch)->br_state = 0;
}

static bool lie_until(const struct dxc_volume *vol, struct users *users, u64 end, u64 *lies)
{
	while (users_now() < end) {
		lie(vol);
		if (++*lies % 16 == 0)
			clear(vol);
		if (!users_get_on(users))
			return false;
	}
	return true;
}

static void be_user(u32 number, const void *arg, struct campaign_report *report)
{
	const char *dir = arg;

	state = 0x9e3779b97f4a7c15ull * (number + 1);
	switch (number) {
	case 0:
		keep_branching(dir, "mine", report);
		break;
	case 1:
		keep_branching(SECOND, "other", report);
		break;
	case 2:
		keep_mounting(dir, report);
		break;
	default:
		keep_looking(dir, report);
	}
}

static bool lie_under(const struct place *place, const char *dir, u32 seconds, u64 *lies,
		      struct walk_result *sum)
{
	struct users users;
	bool good;

	users_start(&users, USERS, be_user, dir);
	good = lie_until(&place->vol, &users, users_now() + seconds * 1000000000ull, lies);
	good &= users_end(&users, sum);
	return good;
}

static bool unmount(const char *dir)
{
	if (!umount2(dir, 0))
		return true;
	fprintf(stderr, "campaign: FAILED: %s does not unmount: %s\n", dir,
		strerror(errno));
	umount2(dir, MNT_DETACH);
	return false;
}

/* Mounts it twice, and lies for so long. */
static bool one_round(struct place *place, const char *dir, u32 seconds, u64 *lies,
		      struct walk_result *sum)
{
	char log[PLACE_LOG];
	bool good;
	int err;

	place_restore(place);
	err = place_mount(place, dir, false, log);
	if (err) {
		fprintf(stderr, "campaign: mount: %s: %s\n", strerror(-err), log);
		return false;
	}
	err = mount_volume(SECOND, dir, "main");
	if (err) {
		fprintf(stderr, "campaign: second mount: %s\n", strerror(-err));
		umount2(dir, 0);
		return false;
	}
	good = lie_under(place, dir, seconds, lies, sum);
	good &= unmount(SECOND);
	good &= unmount(dir);
	return good;
}

int campaign_relations(struct place *place, const char *dir, u32 seconds)
{
	struct walk_result sum = { 0 };
	bool good = true;
	u64 lies = 0;
	u32 done;

	if (!place->branch || !place_stays_mapped(place)) {
		fputs("campaign: the image has no branches, or is not to be changed while it is mounted\n",
		      stderr);
		return 2;
	}
	mkdir(SECOND, 0700);
	mkdir(THIRD, 0700);
	state = 0x2545f4914f6cdd1dull;
	/* Fresh every now and then: after a while little is left to lie about. */
	for (done = 0; good && done < seconds; done += 2)
		good = one_round(place, dir, 2, &lies, &sum);
	printf("campaign: %llu lies; %llu calls worked, %llu gave errors\n",
	       (unsigned long long)lies, (unsigned long long)sum.dirs,
	       (unsigned long long)sum.errors);
	if (good && (!sum.dirs || !sum.errors || !lies)) {
		fputs("campaign: nothing learnt\n", stderr);
		good = false;
	}
	return !good || !campaign_sound(place, dir);
}
