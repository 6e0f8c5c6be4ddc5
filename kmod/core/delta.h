/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's half that writes: chunks of the delta area, records, and the logs
 * they make up. Trust and results are as in core.h.
 *
 * Who writes: a chunk's word is changed by cmpxchg; a log is appended to by the
 * holder of its branch's lease only, one at a time (the caller's lock). Readers
 * in other kernels may look at any moment: what is not complete fails its
 * checksum and is taken for the end.
 *
 * Durability: what a function wrote is in persistent memory when it returns,
 * and every state in between is one that reading understands. The comment at
 * each fence says which two stores it keeps apart.
 */
#ifndef DXC_DELTA_H
#define DXC_DELTA_H

#include "core.h"
#include "word.h"

typedef u32 dxc_chunk;		/* number of a chunk of the delta area */
#define DXC_NO_CHUNK	0xffffffffu

/* Which branch, so that a reused table entry is not taken for the old one. */
struct dxc_owner {
	u32 branch;		/* index, below 65,535 */
	u64 generation;		/* 36 bits */
};

/* ---- stores ---- */

/* at + len is inside the region. Durable after the next fence. */
static inline void dxc_region_write(const struct dxc_volume *vol, dxc_off at,
				    const void *src, u32 len)
{
	dxc_store(vol->region.base + at, src, len);
	if (vol->region.persistent)
		dxc_write_back(vol->region.base + at, len);
}

/* Stores a word that makes what was written before it count, durably. */
static inline void dxc_publish(const struct dxc_volume *vol, dxc_off at, u64 value)
{
	__le64 *word = (__le64 *)(vol->region.base + at);

	/* Pairs with the acquire of whoever follows the word. */
	dxc_write_fence(vol->region.persistent);
	dxc_store_release(word, cpu_to_le64(value));
	if (vol->region.persistent)
		dxc_write_back(word, sizeof(*word));
	dxc_write_fence(vol->region.persistent);
}

/*
 * The same for a link that was read before as old (dxc_link_open()): false, and nothing is
 * changed, if it is another by now. A word that cannot be read names nothing, and is replaced.
 */
bool dxc_publish_link(const struct dxc_volume *vol, dxc_off at, u64 old, u64 new);

/*
 * Takes a number of the counter at that place, which only grows, from floor up
 * to limit. Durable with the next fence. -ENOSPC: there is none left; -EUCLEAN.
 */
int dxc_count_up(const struct dxc_volume *vol, dxc_off at, u64 floor, u64 limit, u64 *number);

/* ---- chunk.c ---- */

/* What no chunk's word says: not to be taken, nor anybody's. */
#define DXC_CHUNK_NEVER	16u

struct dxc_chunk_use {
	u32 kind;		/* enum daxfs_chunk_kind, or DXC_CHUNK_NEVER */
	struct dxc_owner owner;	/* LOG and DATA */
	u64 freed_seq;		/* FREED: commit sequence */
};

static inline u32 dxc_chunk_count(const struct dxc_volume *vol)
{
	return vol->area[DAXFS_AREA_CHUNKS].length / sizeof(__le64);
}

/* chunk < dxc_chunk_count(). */
static inline dxc_off dxc_chunk_offset(const struct dxc_volume *vol, dxc_chunk chunk)
{
	return vol->area[DAXFS_AREA_DELTA].offset + (u64)chunk * vol->chunk_size;
}

/* -EUCLEAN for a word that means nothing; *use is then a chunk never to be taken. */
int dxc_chunk_read(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_chunk_use *use);

/* Was it free just now? chunk is in the table. */
bool dxc_chunk_is_free(const struct dxc_volume *vol, dxc_chunk chunk);

/*
 * Takes *count free chunks side by side for owner, looking from *hint on and once
 * around; *hint is moved behind them. -ENOSPC when there are none. -EAGAIN: another was faster with
 * one of them, and the first *count, from *taken on, are the caller's to give back.
 */
int dxc_chunk_take_row(const struct dxc_volume *vol, dxc_chunk *hint, u32 kind,
		       struct dxc_owner owner, u32 *count, dxc_chunk *taken);
/* The same, all or none, for who knows that owner is nobody else's meanwhile. */
int dxc_chunk_take(const struct dxc_volume *vol, dxc_chunk *hint, u32 kind,
		   struct dxc_owner owner, u32 count, dxc_chunk *taken);
/*
 * A number that all kernels together have counted up by every chunk that was
 * taken: what was free when it was less is free but for the difference. false:
 * not known. Not durable, and whoever can write to the region can change it.
 */
bool dxc_chunks_taken(const struct dxc_volume *vol, u64 *taken);

/*
 * Gives up a chunk of owner: nobody takes it before it is reclaimed. -ESTALE
 * when it is not owner's.
 */
int dxc_chunk_free(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_owner owner, u64 commit_seq);

/* Passes a chunk from one branch to another, for commit. -ESTALE as above. */
int dxc_chunk_pass(const struct dxc_volume *vol, dxc_chunk chunk,
		   struct dxc_owner from, struct dxc_owner to);

/* The chunk's word says use from now on, whatever it said; for repair.c. False: somebody else was faster. */
bool dxc_chunk_set(const struct dxc_volume *vol, dxc_chunk chunk,
		   const struct dxc_chunk_use *use);

/*
 * A chunk that was given up at freed_seq counts as given up at later, a commit sequence that was
 * reached: it is not reclaimed until all have seen that. False: it is not that any more.
 */
bool dxc_chunk_delay(const struct dxc_volume *vol, dxc_chunk chunk, u64 freed_seq, u64 later);

/* Makes a chunk free that was given up at seen_seq or before; true if it did. */
bool dxc_chunk_reclaim(const struct dxc_volume *vol, dxc_chunk chunk, u64 seen_seq);

/*
 * How many chunks there are of a kind: counted once, and changed by each word that is changed
 * through this volume. For people: words that somebody else changes are not in it, and nothing is
 * allowed or refused because of it. By cmpxchg.
 */
struct dxc_tally {
	__le64 unused;		/* free, or given up */
	__le64 logs;
	__le64 begun, done;	/* changes of words: of those in between the count may be wrong */
};

/*
 * Counts anew: walks the chunk table. One at a time. False: the count may be wrong by what was
 * changed through this volume meanwhile; or it is as it was, as somebody wants to kill the task.
 */
bool dxc_tally_count(const struct dxc_volume *vol);

/* ---- record.c ---- */

/* An inode's attributes after an operation. */
struct dxc_attr {
	dxc_ino ino;
	u32 mode;
	u32 nlink;
	u32 uid;
	u32 gid;
	u64 size;
	u32 rdev_major;
	u32 rdev_minor;
	dxc_ino parent;		/* directories */
	s64 atime, mtime, ctime;
	s64 btime;		/* when it was made */
	u32 atime_nsec, mtime_nsec, ctime_nsec;
	u32 btime_nsec;		/* nanoseconds + 1; 0: btime is 0 and says nothing */
};

/* Of an inode that is being made; nothing changes it later. nsec: 0 to 999,999,999. */
static inline void dxc_attr_set_btime(struct dxc_attr *attr, s64 seconds, u32 nsec)
{
	attr->btime = seconds;
	attr->btime_nsec = nsec + 1;
}

/* A record being put together in the caller's buffer. */
struct dxc_record {
	u8 *buf;		/* 8-byte aligned */
	u32 room;		/* bytes of buf */
	u32 size;		/* so far, with the header */
	u32 items;		/* in it, at most DAXFS_ITEMS_MAX */
	u32 ranges;		/* MAP and UNMAP items in it */
	bool full;		/* an item did not fit; nothing was written of it */
};

void dxc_record_start(struct dxc_record *rec, void *buf, u32 room);
void dxc_record_inode(struct dxc_record *rec, const struct dxc_attr *attr);
/* LINK: name in dir names ino, of type DT_*; UNLINK: it does no longer. */
void dxc_record_link(struct dxc_record *rec, dxc_ino dir, const char *name, u32 len,
		     dxc_ino ino, u8 type);
void dxc_record_unlink(struct dxc_record *rec, dxc_ino dir, const char *name, u32 len,
		       dxc_ino ino);
/* count blocks of the file from block on are at data, or are a hole when it is 0. */
void dxc_record_range(struct dxc_record *rec, dxc_ino ino, u64 block, u64 count,
		      dxc_off data);
void dxc_record_symlink(struct dxc_record *rec, dxc_ino ino, const char *target, u32 len);
/* value NULL: the xattr is removed. */
void dxc_record_xattr(struct dxc_record *rec, dxc_ino ino, u32 prefix, const char *name,
		      u32 name_len, const void *value, u32 value_len);

/* One item of a record, checked. Pointers go into the record's buffer. */
struct dxc_item {
	u32 type;		/* enum daxfs_item_type */
	dxc_ino ino;
	dxc_ino dir;		/* LINK, UNLINK */
	u32 kind;		/* LINK: DT_*; XATTR, UNXATTR: prefix */
	const char *name;	/* LINK, UNLINK, XATTR, UNXATTR; SYMLINK: the target */
	u32 len;
	const void *value;	/* XATTR */
	u32 value_len;
	u64 block, count;	/* MAP, UNMAP */
	dxc_off data;		/* MAP */
	struct dxc_attr attr;	/* INODE */
	/* Found by who takes it into a layer: node.h. */
	struct dxc_node *node, *dir_node;
	u32 hash;		/* LINK, UNLINK */
};

/*
 * The item at *pos of a record that dxc_log_read() returned, and *pos moved
 * behind it. *pos is 0 before the first call. -ENODATA at the end, -EUCLEAN.
 */
int dxc_item_next(const struct dxc_volume *vol, const void *record, u32 size,
		  u32 *pos, struct dxc_item *item);

/* ---- log.c ---- */

/*
 * Where a log is being read; after its end, where it goes on. A chain is
 * followed for at most as many segments as there are chunks, so a loop ends.
 */
struct dxc_log {
	dxc_chunk head;		/* DXC_NO_CHUNK: empty */
	u64 head_salt;		/* which log it is: chunks are used again, salts are not */
	dxc_chunk chunk;	/* the first of the segment being read or written */
	u32 count;		/* chunks of it */
	u32 used;		/* bytes of it, with its header */
	u32 left;		/* segments that may still follow */
	u64 base_seq;		/* where the parent's log ends, which a commit joins this one to */
	u64 seq;		/* of the next record */
	u64 end_seq;		/* seq where the segment ends; DXC_NO_SEQ: its last record */
	u64 limit_seq;		/* records from this number on do not count; DXC_NO_SEQ: all do */
	u64 salt;		/* of the segment */
	u32 salted;		/* where the checksums of the segment's records start */
	/*
	 * The segment was added since the log was opened. Nobody else writes to it, and what
	 * follows in it is zero; nothing is added to any other.
	 */
	bool ours;
	/*
	 * What the words were that name the first segment, with its turn, and the one after
	 * this, when they were read or stored last: dxc_link_open(). They change from that only.
	 */
	u64 head_link, next_link;
};
#define DXC_NO_SEQ	(~0ull)

/* Bytes of the segment that a log is in. */
static inline u32 dxc_log_size(const struct dxc_volume *vol, const struct dxc_log *log)
{
	return log->count * vol->chunk_size;
}

/* Chunks of a segment that holds a record of that many bytes, at most DAXFS_RECORD_MAX. */
static inline u32 dxc_segment_chunks(const struct dxc_volume *vol, u32 record_size)
{
	return (sizeof(struct daxfs_chunk) + record_size + vol->chunk_size - 1) / vol->chunk_size;
}

/* Bytes of the longest segment. */
static inline u32 dxc_segment_max(const struct dxc_volume *vol)
{
	return dxc_segment_chunks(vol, DAXFS_RECORD_MAX) * vol->chunk_size;
}

/* How many chunks the segment that starts with chunk has. -EUCLEAN: none starts there; -EIO. */
int dxc_segment_read(const struct dxc_volume *vol, dxc_chunk chunk, u32 *count);

/*
 * Starts reading the chain of head, which is that of dxc_branch.head_word, or of
 * dxc_branch.head if nothing will be added: chunk link - 1 (0: empty), from its
 * first record. first_seq: the number of the first record of a log that has none.
 * -EUCLEAN when that starts no segment. Without a limit.
 */
int dxc_log_open(const struct dxc_volume *vol, u64 head, u64 first_seq,
		 struct dxc_log *log);

/*
 * To be read up to number seq only, which says where it ended once; DXC_NO_SEQ:
 * to its end. A log that was written anew since starts with a later number, and has
 * all that it had before: it is read to its end, too. Just opened.
 */
void dxc_log_limit(struct dxc_log *log, u64 seq);

/*
 * Where the log goes on that the segment which starts with chunk is of: number of the first
 * record behind what was there when the segment was added. -EUCLEAN: none starts there; -EIO.
 */
int dxc_segment_prev_seq(const struct dxc_volume *vol, dxc_chunk chunk, u64 *seq);

/*
 * Copies the next record to buf, which holds dxc_segment_max() bytes. -ENODATA:
 * that was the last; the log may be appended to from here. -EUCLEAN: there are
 * fewer records than the segment after them or log->limit_seq says, or what
 * follows is none; log stays behind the last record that could be read.
 */
int dxc_log_read(const struct dxc_volume *vol, struct dxc_log *log, void *buf,
		 u32 *size);

/*
 * Is a log that was read before still the one that chunk head - 1 starts? Then it only grew
 * at its end.
 */
bool dxc_log_goes_on(const struct dxc_volume *vol, const struct dxc_log *log, u64 head);

/*
 * Is a log that was read to its end, or appended to, still the one that
 * chunk head - 1 starts, and nothing was added? buf as above.
 */
bool dxc_log_is_current(const struct dxc_volume *vol, struct dxc_log *log, u64 head,
			void *buf);

/*
 * Appends a record to a log that was read to its end. head_at is the offset of
 * the word that names the first chunk, for a log that has none. The record has
 * happened, and is durable, when this returns 0; on error it has not. -ENOSPC,
 * -E2BIG (an item did not fit its buffer, or the record no segment).
 */
int dxc_log_append(const struct dxc_volume *vol, struct dxc_log *log,
		   struct dxc_owner owner, dxc_off head_at, dxc_chunk *hint,
		   struct dxc_record *rec);

/* Does the record fit the segment that the log ends in? */
bool dxc_log_has_room(const struct dxc_volume *vol, const struct dxc_log *log,
		      const struct dxc_record *rec);
/*
 * The same in two halves, for callers that take chunks themselves: into the
 * segment where the log ends and there is room; as the first record of a new
 * one of count chunks (dxc_segment_chunks() or more), taken for the log.
 * head_at 0: nothing names the first segment of a log yet. -ESTALE, and nothing is changed:
 * somebody else has gone on with the log meanwhile.
 */
int dxc_log_add(const struct dxc_volume *vol, struct dxc_log *log, struct dxc_record *rec);
int dxc_log_extend(const struct dxc_volume *vol, struct dxc_log *log, dxc_off head_at,
		   dxc_chunk chunk, u32 count, struct dxc_record *rec);

/*
 * Of a log that was read to its end, the offset of a record in its last segment
 * whose number is later than the next one's: then the one that should be next
 * was damaged, and another in its place could bring the later ones back. 0:
 * nothing is there. buf as for dxc_log_read(). On -EIO *at is the log's end.
 */
int dxc_log_look_behind(const struct dxc_volume *vol, const struct dxc_log *log, void *buf,
			dxc_off *at);
/*
 * What follows the last record in the segment that the log ends in becomes zero, if
 * it is not: a record that was written in part. buf as above. 0 or -EIO.
 */
int dxc_log_clear_end(const struct dxc_volume *vol, struct dxc_log *log, void *buf);
/*
 * Whoever had the log before, and has begun to compact it, changes nothing any more. The caller
 * has the lease, and has read the log, or knows that it is current. -ESTALE: it has changed since.
 */
int dxc_log_claim(const struct dxc_volume *vol, struct dxc_log *log, dxc_off head_at);
/* Bytes that records may take before the log needs another segment. */
static inline u32 dxc_log_room(const struct dxc_volume *vol, const struct dxc_log *log)
{
	return log->ours ? dxc_log_size(vol, log) - log->used : 0;
}

/* The first chunk of the segment after the one that starts with chunk, + 1, as the region says; 0: none. */
u64 dxc_log_next(const struct dxc_volume *vol, dxc_chunk chunk);
/*
 * The word at head_at names the first chunk of log (0: none) from now on, durably. -ESTALE, and
 * nothing is changed: it is not what it was when the log was read, as somebody else writes it.
 */
int dxc_log_switch(const struct dxc_volume *vol, dxc_off head_at, struct dxc_log *log);

#endif
