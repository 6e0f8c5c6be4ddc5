// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checking and repairing in rounds: what is under something else shows only
 * when that is gone. All decisions are the core's (check.c, repair.c); here is who
 * may be written to, and when it is enough.
 */
#include "fsck.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "message.h"
#include "mounted.h"

/* What one round brings to light the next one repairs: more than that are no repair. */
#define ROUNDS_MAX 8

/* Somebody asked to stop; what is being repaired is first brought to an end. */
static volatile sig_atomic_t cancelled, is_writing;

static void on_signal(int number)
{
	(void)number;
	cancelled = 1;
	if (!is_writing)
		_exit(FSCK_CANCELLED);
}

/* Who stops while he writes is soon thought dead, and somebody else writes, too. */
static void set_writing(bool writing)
{
	static const int stops[] = { SIGTSTP, SIGTTIN, SIGTTOU };
	static void (*before[3])(int);

	is_writing = writing;
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (writing)
			before[i] = signal(stops[i], SIG_IGN);
		else
			signal(stops[i], before[i]);
	}
}

static void clear_progress(const struct fsck *fsck)
{
	if (fsck->progress)
		fputs("\r\033[K", stderr);
}

static void show_progress(void *priv, u64 done, u64 total)
{
	struct fsck *fsck = priv;
	unsigned int percent =
		total ? (unsigned int)((double)done * 100 / (double)total) : 100;

	if (!fsck->progress || percent == fsck->percent)
		return;
	fsck->percent = percent;
	fprintf(stderr, "\r%s: %u%%", fsck->source, percent);
}

/* ---- checking ---- */

/* Our own slot is silent while we check, and nobody else's. */
static bool is_gone(void *priv, const struct dxc_mount *mt)
{
	const struct fsck *fsck = priv;

	if (fsck->repair.me && mt->slot == fsck->repair.slot &&
	    mt->epoch == fsck->repair.epoch)
		return false;
	return !fsck->is_mounted && heartbeat_is_gone(&fsck->beats, mt);
}

struct collector {
	struct fsck *fsck;
	struct fsck_findings now;
};

static int collect(void *priv, const struct dxc_finding *f)
{
	struct collector *to = priv;

	/* What is wrong with the superblock was said. */
	if (to->fsck->from_copy && f->code == DXC_SB_COPY)
		return 0;
	return fsck_findings_add(&to->now, f);
}

static bool collector_gone(void *priv, const struct dxc_mount *mt)
{
	return is_gone(((struct collector *)priv)->fsck, mt);
}

static void collector_progress(void *priv, u64 done, u64 total)
{
	show_progress(((struct collector *)priv)->fsck, done, total);
}

int fsck_check(struct fsck *fsck)
{
	struct collector to = { .fsck = fsck };
	struct dxc_check chk = {
		.report = collect,
		.progress = collector_progress,
		.gone = collector_gone,
		.priv = &to,
	};
	int err = 0, err2;

	interrupt_catch(on_signal, 0);
	fsck->percent = 101;
	if (fsck->from_copy)
		err = fsck_findings_add(&to.now, &fsck->super);
	if (!err)
		err = dxc_check(&fsck->vol, &chk);
	clear_progress(fsck);
	fsck->partial = chk.partial;
	fsck->repair.logs = chk.logs;
	err2 = fsck_findings_merge(&fsck->findings, &to.now);
	if (!err)
		err = err2;
	if (!err)
		return FSCK_OK;
	message_error("%s: not checked to the end: %s", fsck->source, strerror(-err));
	return FSCK_FAILED;
}

/* ---- repairing ---- */

/* Is there something that this mode repairs? */
static bool has_work(const struct fsck *fsck)
{
	/* A copy may be of what was there long ago: whether it is to be gone by, is asked. */
	if (fsck->from_copy && fsck->mode != FSCK_REPAIR)
		return false;
	for (size_t i = 0; i < fsck->findings.count; i++) {
		enum dxc_remedy remedy = dxc_code_remedy(fsck->findings.list[i].f.code);

		if (fsck->findings.list[i].is_left &&
		    (remedy == DXC_REMEDY_SAFE ||
		     (remedy == DXC_REMEDY_ASKED && fsck->mode == FSCK_REPAIR)))
			return true;
	}
	return false;
}

static size_t count_left(const struct fsck *fsck)
{
	size_t n = 0;

	for (size_t i = 0; i < fsck->findings.count; i++)
		n += fsck->findings.list[i].is_left;
	return n;
}

static int refuse(const struct fsck *fsck, const char *why)
{
	message_error("%s: %s; nothing was changed", fsck->source, why);
	return FSCK_FAILED;
}

/*
 * The same image, to be written to. What is cached of a device is forgotten: somebody
 * may have mounted it since, so that all there is known of it is looked at anew.
 */
static int open_for_writing(struct fsck *fsck)
{
	struct dxc_volume vol;
	struct dxc_region rg;
	dxc_off at;
	int err;

	source_close(&fsck->src);
	err = source_parse(fsck->source, &fsck->src);
	if (!err)
		err = source_open(&fsck->src, true);
	if (err)
		return err;
	rg = (struct dxc_region){ .base = fsck->src.map, .size = fsck->src.size };
	if (fsck->from_copy)
		err = dxc_super_find_copy(&rg, &vol, &at);
	else
		err = dxc_volume_open(&vol, rg.base, rg.size, NULL);
	if (err || memcmp(vol.uuid, fsck->vol.uuid, sizeof(vol.uuid)) != 0 ||
	    vol.region.size != fsck->vol.region.size)
		return -ESTALE;
	vol.region.persistent = source_is_memory(&fsck->src);
	fsck->vol = vol;
	return 0;
}

/* Said when it is done: no check has it to say. */
static void say_lost(void *priv, const struct dxc_branch *br, u64 from, u64 to)
{
	const struct fsck *fsck = priv;

	clear_progress(fsck);
	if (to == ~0ull)
		message_error("%s: branch %s: what it had from record %llu on is lost",
			      fsck->source, br->name, (unsigned long long)from);
	else
		message_error("%s: branch %s: its records %llu to %llu are lost",
			      fsck->source, br->name, (unsigned long long)from,
			      (unsigned long long)to - 1);
}

static int take_hold(struct fsck *fsck)
{
	u32 epoch = 0;
	int err = 0;

	while (!(epoch & 0x7fffffff) && !err)
		if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
			err = -EIO;
	fsck->repair.asked = fsck->mode == FSCK_REPAIR;
	fsck->repair.from_copy = fsck->from_copy;
	fsck->repair.gone = is_gone;
	fsck->repair.lost = say_lost;
	fsck->repair.priv = fsck;
	if (!err)
		err = dxc_repair_begin(&fsck->vol, &fsck->repair, epoch & 0x7fffffff,
				       "fsck");
	/* Others, who look at the device itself, are to see who is there. */
	if (!err && fsck->repair.me) {
		err = source_sync(&fsck->src, 0, fsck->vol.region.size);
		if (err)
			dxc_repair_end(&fsck->vol, &fsck->repair);
	}
	return err;
}

/* ---- our own heartbeat ---- */

/* While we are at it others take us for a mount that is there. */
struct heart {
	struct fsck *fsck;
	pthread_t thread;
	atomic_bool stop;
	bool beats;
};

#define BEATS_PER_SECOND 1
#define LOOKS_PER_BEAT 20

static void *beat(void *priv)
{
	struct heart *heart = priv;
	struct fsck *fsck = heart->fsck;
	const struct dxc_area *mounts = &fsck->vol.area[DAXFS_AREA_MOUNTS];
	const struct timespec look = { .tv_nsec = 1000000000 / BEATS_PER_SECOND /
						  LOOKS_PER_BEAT };

	for (unsigned int i = 1; !atomic_load(&heart->stop); i++) {
		nanosleep(&look, NULL);
		if (i % LOOKS_PER_BEAT)
			continue;
		dxc_mount_beat(&fsck->vol, fsck->repair.slot, fsck->repair.epoch);
		source_sync(&fsck->src, mounts->offset, mounts->length);
	}
	return NULL;
}

static int heart_start(struct heart *heart, struct fsck *fsck)
{
	int err;

	heart->fsck = fsck;
	atomic_init(&heart->stop, false);
	if (!fsck->repair.me)
		return 0;
	err = pthread_create(&heart->thread, NULL, beat, heart);
	heart->beats = !err;
	return -err;
}

static void heart_stop(struct heart *heart)
{
	atomic_store(&heart->stop, true);
	if (heart->beats)
		pthread_join(heart->thread, NULL);
	heart->beats = false;
}

/* The superblock may be back. */
static void look_at_super(struct fsck *fsck)
{
	struct dxc_volume vol;

	if (!fsck->from_copy ||
	    dxc_volume_open(&vol, fsck->src.map, fsck->src.size, NULL))
		return;
	vol.region.persistent = fsck->vol.region.persistent;
	fsck->vol = vol;
	fsck->from_copy = false;
	fsck->repair.from_copy = false;
}

/* Rounds, until one does not help. */
static int repair_all(struct fsck *fsck)
{
	size_t known, left;
	int status = FSCK_OK, err = 0;

	for (int round = 0; round < ROUNDS_MAX && !status && !err && !cancelled;
	     round++) {
		known = fsck->findings.count;
		left = count_left(fsck);
		if (!has_work(fsck))
			break;
		err = dxc_repair(&fsck->vol, &fsck->repair);
		if (err)
			break;
		look_at_super(fsck);
		status = fsck_check(fsck);
		if (fsck->findings.count == known && count_left(fsck) == left)
			break;
	}
	if (!err)
		return status;
	message_error("%s: not repaired to the end: %s", fsck->source,
		      err == -EBUSY ? "somebody else has taken over" : strerror(-err));
	return FSCK_FAILED;
}

/* Of what has no heartbeat in its region, or where none is looked at: is it mounted here? */
static char *find_mount(const struct fsck *fsck)
{
	return fsck->src.kind == SOURCE_FILE ? NULL :
					       mounted_find(fsck->vol.uuid, NULL, NULL);
}

int fsck_repair(struct fsck *fsck)
{
	struct heart heart = { 0 };
	char *target;
	int status, err;

	if (!has_work(fsck))
		return FSCK_OK;
	if (fsck->is_mounted)
		return refuse(fsck, "is mounted: it is repaired when it is not");
	if (!dxc_volume_may_be_written(&fsck->vol))
		return refuse(fsck,
			      "is of a later format, which this version may only read");
	target = find_mount(fsck);
	if (target) {
		message_error("%s: is mounted on %s; nothing was changed", fsck->source,
			      target);
		free(target);
		return FSCK_FAILED;
	}
	err = open_for_writing(fsck);
	if (err == -EBUSY)
		return refuse(fsck, "is mounted, or somebody else has it for himself");
	if (err) {
		message_error("%s: cannot be written to: %s", fsck->source,
			      source_strerror(err));
		return FSCK_FAILED;
	}
	set_writing(true);
	err = take_hold(fsck);
	if (err) {
		set_writing(false);
		return refuse(fsck, err == -EBUSY ? "somebody mounted it meanwhile" :
						    strerror(-err));
	}
	err = heart_start(&heart, fsck);
	status = err ? refuse(fsck, strerror(-err)) : repair_all(fsck);
	heart_stop(&heart);
	dxc_repair_end(&fsck->vol, &fsck->repair);
	err = source_sync(&fsck->src, 0, fsck->src.size);
	set_writing(false);
	if (err) {
		message_error("%s: what was repaired is not stored: %s", fsck->source,
			      strerror(-err));
		status |= FSCK_FAILED;
	}
	if (cancelled) {
		message_error("%s: cancelled", fsck->source);
		status |= FSCK_CANCELLED;
	}
	return status;
}
