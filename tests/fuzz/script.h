/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inputs of fuzz_replay: what stands in the log of a branch, and what is done
 * with the branch afterwards.
 *
 *	u8 flags		SCRIPT_*
 *	u8 dial			with SCRIPT_NOISE and SCRIPT_NO_MEMORY: which
 *	then, with SCRIPT_RAW, the bytes of a log chunk, head included, where the
 *	operations are what the same bytes mean as parts; else any number of parts:
 *	u8 kind			enum part_kind in the low two bits
 *	u8 arg
 *	le16 length
 *	length bytes
 *
 * Records get their numbers and checksums from the core's own log writer, or
 * are given them afterwards, so what they say reaches the replay.
 */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include "arena.h"
#include "layer.h"

#define SCRIPT_RAW 0x01u
#define SCRIPT_CHILD 0x02u /* the branch is a child of main, which has a log of its own */
#define SCRIPT_NOISE 0x04u /* the region changes while it is read */
#define SCRIPT_NO_MEMORY 0x08u /* an allocation fails now and then */
#define SCRIPT_UNSEALED 0x10u /* with SCRIPT_RAW: as the bytes are */
#define SCRIPT_FLAGS 5u /* so many bits */
#define SCRIPT_HEADER 2u
#define SCRIPT_MAX 4096u

enum part_kind {
	PART_RECORD, /* items, as they stand in the region; arg: RECORD_* */
	PART_CHUNK, /* the log goes on in another chunk: arg, see script_chunk() */
	PART_WORD, /* a word of the tables: arg, see script_word() */
	PART_CHANGE, /* an operation, once the branch is loaded: CHANGE_BYTES */
	PART_KINDS
};

#define PART_HEADER 4u

/* PART_WORD */
#define SCRIPT_NEXT_INO 0xc0u

/* All but these: as it should be. */
#define RECORD_TORN 0x80u /* the checksum is wrong */
#define RECORD_LATE 0x40u /* its number is one too high */

#define SCRIPT_CHUNKS 4u /* for logs, and as many for data */
#define SCRIPT_INODES 16u /* numbers that no branch has used */

struct part {
	u32 kind, arg;
	u8 *data;
	u32 len;
	u32 at, end; /* of the whole part in the input */
};

/* The part at *at, which is moved behind it; false at the end. */
bool script_next(const u8 *input, u32 len, u32 *at, struct part *part);
/* Adds one; false: there is no room. */
bool script_add(u8 *input, u32 *len, u32 max, u32 kind, u32 arg, const void *data,
		u32 data_len);

/* The two regions that scripts are about: main is empty, or has a log and a child. */
struct script_ground {
	struct arena arena;
	const struct dxc_volume *vol;
	struct dxc_owner target; /* whose log is written */
	dxc_chunk logs[SCRIPT_CHUNKS]; /* free ones */
	dxc_chunk data
		[SCRIPT_CHUNKS]; /* the target's, without blocks in use, side by side */
	dxc_ino inodes; /* first of SCRIPT_INODES numbers */
	u64 shown; /* those between base and inodes that main shows, as bits */
};

struct script_ground *script_ground(u32 flags);
/* Puts the region back and does what the input says, but for PART_CHANGE. */
struct script_ground *script_open(const u8 *input, u32 len);

/*
 * Does the target's log name an inode that only main's log, and no view of main,
 * still knows? The check cannot know, and the joined logs would mean something
 * else than the two.
 */
bool script_revives(const struct script_ground *gr);

/* Inputs that are a good start, into the directory. */
int script_seeds(const char *dir);

#endif
