/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the fsck applet share. */
#ifndef DAXFSCTL_FSCK_H
#define DAXFSCTL_FSCK_H

#include <stdbool.h>
#include <stddef.h>

#include "../kmod/core/repair.h"
#include "heartbeat.h"
#include "source.h"

/* As fsck(8) adds them up */
enum {
	FSCK_OK = 0,
	FSCK_CORRECTED = 1,
	FSCK_UNCORRECTED = 4,
	FSCK_FAILED = 8,
	FSCK_USAGE = 16,
	FSCK_CANCELLED = 32,
};

enum fsck_mode {
	FSCK_CHECK,	/* change nothing */
	FSCK_PREEN,	/* what is safe */
	FSCK_REPAIR,	/* all that there is a remedy for */
};

struct fsck_finding {
	struct dxc_finding f;
	size_t order;		/* which one it was */
	bool is_left;		/* the last check had it, too */
};

/* Findings of all checks, each once. */
struct fsck_findings {
	struct fsck_finding *list;
	size_t count, room;
};

struct fsck {
	const char *source;	/* as given */
	enum fsck_mode mode;
	bool progress;
	bool verbose;
	bool as_json;
	const char *extract;	/* DIR, or NULL */
	const char *branch;	/* --branch; NULL: main */
	unsigned int percent;	/* shown last */

	struct source src;
	struct dxc_volume vol;
	bool from_copy;		/* the superblock cannot be read: vol is what its copy says */
	struct dxc_finding super; /* what is wrong with it */
	struct heartbeats beats;
	bool is_mounted;	/* somebody is there: nothing is repaired */
	struct dxc_repair repair;
	struct fsck_findings findings;
	bool partial;		/* as dxc_check() set it, the last time */
};

/* fsck_findings.c */

/* Keeps a copy. 0 or -ENOMEM. */
int fsck_findings_add(struct fsck_findings *to, const struct dxc_finding *f);
/* Those of now are what is left: others that all has were repaired. now is used up. */
int fsck_findings_merge(struct fsck_findings *all, struct fsck_findings *now);
void fsck_findings_free(struct fsck_findings *findings);
/* All of them, to stdout, and a line or two that sum them up; returns the exit status. */
int fsck_print(const struct fsck *fsck, bool repaired);

/* fsck_paths.c */

struct fsck_paths;

/* Reads all directories of the base. NULL: no memory. */
struct fsck_paths *fsck_paths_new(const struct dxc_volume *vol);
void fsck_paths_free(struct fsck_paths *paths);
/* The first path of what a finding is about, which the caller frees; NULL: none, or not known. */
char *fsck_path_of(const struct fsck_paths *paths, const struct dxc_finding *f);

/* fsck_repair.c */

/* A full check; its findings are what is left. An exit status, FSCK_FAILED with a message. */
int fsck_check(struct fsck *fsck);
/* Repairs what was found, as the mode says, and checks again. An exit status likewise. */
int fsck_repair(struct fsck *fsck);

#endif
