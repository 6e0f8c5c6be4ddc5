/* SPDX-License-Identifier: GPL-2.0-only */
/* What the campaign's parts share: places to look from, processes that may hang. */
#ifndef CAMPAIGN_H
#define CAMPAIGN_H

#include <sys/types.h>
#include "mutate.h"
#include "place.h"
#include "use.h"
#include "walk.h"

/* Nothing takes so long, on an emulated machine that is busy, under KASAN. */
#define CAMPAIGN_LIMIT 180u /* seconds */

/* What a process that mounts and walks tells the one that watches it. */
struct campaign_report {
	volatile u64 progress;
	volatile bool stop;
	int mount_error; /* 0 or -errno */
	char log[PLACE_LOG]; /* what the kernel said of a mount that failed */
	int unmount_error;
	struct walk_result walked;
};

/* How campaigns walk: all kinds of access, some of each. */
struct walk_options campaign_walk(const struct place *place, enum walk_mode mode);

/* Memory that a process shares with those it forks. */
struct campaign_report *campaign_report_new(void);

/*
 * Mounts, walks and unmounts in a process of its own. False, with a line on
 * standard error, when that did not end, or ended by a signal.
 */
bool campaign_try(const struct place *place, const char *dir, bool validate,
		  const struct walk_options *options, struct campaign_report *report);

/* The sound image: mounts with validate, and shows what it should. */
bool campaign_sound(struct place *place, const char *dir);

/* Kills a process that did not end, and says where in the kernel it was. */
void campaign_kill(pid_t pid);

/* Flips bytes while others use the mount, for so long. The exit status. */
int campaign_flip(struct place *place, const struct mutate_plan *plan, const char *dir,
		  u32 seconds, u64 seed);

/* Lies about branches that are mounted, for so long: see relations.c. The exit status. */
int campaign_relations(struct place *place, const char *dir, u32 seconds);

/* How long what is held by a mount that is gone holds others up. The exit status. */
int campaign_takeover(struct place *place, const char *dir);

#endif
