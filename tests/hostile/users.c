// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that use a mount while its image changes: what flip.c and relations.c
 * start, watch and stop. Knows nothing of what they do, or of what changes.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "users.h"

#define LIMIT (CAMPAIGN_LIMIT * 1000000000ull)

u64 users_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

u32 users_pick(u64 *state, u32 n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 16) % n;
}

void users_start(struct users *users, u32 count, users_fn *work, const void *arg)
{
	fflush(NULL);
	users->count = count;
	for (u32 i = 0; i < count; i++) {
		users->reports[i] = campaign_report_new();
		users->progress[i] = 0;
		users->pids[i] = fork();
		if (users->pids[i] < 0) {
			perror("campaign: fork");
			exit(2);
		}
		if (!users->pids[i]) {
			work(i, arg, users->reports[i]);
			_exit(0);
		}
		users->moved[i] = users_now();
	}
}

bool users_get_on(struct users *users)
{
	for (u32 i = 0; i < users->count; i++) {
		u64 progress = users->reports[i]->progress;

		if (progress != users->progress[i]) {
			users->progress[i] = progress;
			users->moved[i] = users_now();
		} else if (users_now() - users->moved[i] > LIMIT) {
			fprintf(stderr, "campaign: process %u gets no further\n", i);
			return false;
		}
	}
	return true;
}

/* True when all have ended by themselves, with status 0. */
static bool wait_for(const struct users *users)
{
	u64 end = users_now() + LIMIT;
	bool good = true;
	int status;
	pid_t got;

	for (u32 i = 0; i < users->count; i++) {
		while (!(got = waitpid(users->pids[i], &status, WNOHANG)) &&
		       users_now() < end)
			usleep(10000);
		if (!got) {
			fprintf(stderr, "campaign: process %u hangs, here:\n", i);
			campaign_kill(users->pids[i]);
			good = false;
		} else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
			fprintf(stderr, "campaign: process %u ended by signal %d\n", i,
				WTERMSIG(status));
			good = false;
		}
	}
	return good;
}

bool users_end(struct users *users, struct walk_result *sum)
{
	bool good;
	u32 i;

	for (i = 0; i < users->count; i++)
		users->reports[i]->stop = true;
	good = wait_for(users);
	for (i = 0; i < users->count; i++) {
		struct campaign_report *report = users->reports[i];

		walk_add(sum, &report->walked);
		if (report->unmount_error) {
			fprintf(stderr, "campaign: FAILED: does not unmount: %s\n",
				strerror(-report->unmount_error));
			good = false;
		}
		munmap(report, sizeof(*report));
	}
	return good;
}
