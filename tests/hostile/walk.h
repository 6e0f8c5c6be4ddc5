/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Uses a mounted tree in all ways that a reader can, and looks at every byte
 * that it is shown.
 *
 * Errors are what a damaged image may give; they are counted. What must not be
 * is a leak: a byte that no test file ever held, or one of a file or of a
 * canary (record.h) in a name, a symlink's target or an xattr.
 *
 * One walk at a time in a process: it takes SIGBUS for itself.
 */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>
#include <stdint.h>

enum walk_mode {
	WALK_ANY,
	/*
	 * For images that "validate" let through: a file shows records of one
	 * file only, at their place within the block. Blocks may have moved:
	 * an image that says so is another image, not a broken one.
	 */
	WALK_STRICT,
	/*
	 * For images that nobody damaged: records of one file, each where it
	 * belongs, and no error at all.
	 */
	WALK_EXACT,
	/*
	 * For images that others write to and damage at the same time: a canary
	 * is what nobody may see.
	 */
	WALK_CANARY,
};

struct walk_options {
	enum walk_mode mode;
	uint64_t read_max; /* bytes read of one file */
	uint64_t map_max; /* bytes mapped of one file */
	uint64_t look_max; /* bytes looked at in a mapping; of the rest one per page */
	uint64_t steps_max;
	/*
	 * Inodes 0 to this number are opened by file handles that nobody gave
	 * out; those that no path led to are walked. 0: none. A daxfs only.
	 */
	uint32_t handles;
	volatile uint64_t *progress; /* grows while the walk does; may be NULL */
};

#define WALK_ERRNOS 140

struct walk_result {
	bool stopped; /* after steps_max */
	uint64_t steps, files, dirs, bytes, leaks, errors;
	uint64_t error_counts[WALK_ERRNOS]; /* a SIGBUS is counted as EFAULT */
};

/* Everything, but no handles. */
extern const struct walk_options walk_defaults;

/* What leaked is said on standard error. */
void walk(const struct walk_options *options, const char *dir,
	  struct walk_result *result);
void walk_add(struct walk_result *sum, const struct walk_result *one);
/* A line of counts, for people. */
void walk_print(const struct walk_result *result);

#endif
