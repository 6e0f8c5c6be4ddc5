/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that use a mount while its image changes under them, and are watched. */
#ifndef USERS_H
#define USERS_H

#include <sys/types.h>
#include "campaign.h"

#define USERS_MAX 4

struct users {
	u32 count;
	pid_t pids[USERS_MAX];
	struct campaign_report *reports[USERS_MAX];
	u64 progress[USERS_MAX]; /* as last seen */
	u64 moved[USERS_MAX]; /* when that was new */
};

/* What process number does, until report->stop. */
typedef void users_fn(u32 number, const void *arg, struct campaign_report *report);

/* Starts count of them. */
void users_start(struct users *users, u32 count, users_fn *work, const void *arg);

/* False, with a line on standard error: one of them made no progress for too long. */
bool users_get_on(struct users *users);

/*
 * Stops them, and adds up what they saw. False, with a line on standard error, when
 * one has hung, ended otherwise, or could not unmount.
 */
bool users_end(struct users *users, struct walk_result *sum);

/* Nanoseconds on a clock that only goes on. */
u64 users_now(void);

/* A number below n. *state is not 0. */
u32 users_pick(u64 *state, u32 n);

#endif
