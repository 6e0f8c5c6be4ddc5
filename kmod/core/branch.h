/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables that several kernels share: branches, mounts, the words of the
 * shared state. Trust and results are as in core.h, durability as in delta.h.
 *
 * Who writes: an entry of the branch table is changed by the holder of the
 * volume lock (br_lease by cmpxchg, br_head also by the holder of the lease, the
 * turn in br_state also by who takes that over); a mount slot by its owner. The caller takes the volume lock where a function
 * says "locked"; within one kernel it also serialises such calls itself.
 *
 * A branch operation is one 8-byte store, its point of no return; what has to
 * follow it can be redone from the tables any number of times, by
 * dxc_branch_recover(), in whatever kernel.
 *
 *	create	entry MAKING, its members, then br_state = LIVE
 *	rename	the new name in an entry MAKING, then over the old one
 *	commit	br_winner of the parent; then join, relabel, kill siblings
 *	abort	br_state = DEAD; then kill descendants, free chunks
 *
 * A branch is dead when its state says so, or when its parent (index and
 * generation) is not LIVE.
 */
#ifndef DXC_BRANCH_H
#define DXC_BRANCH_H

#include "delta.h"

/* A branch as the ABI names it, in 52 bits; no live one has 0. */
static inline u64 dxc_id_word(struct dxc_owner id)
{
	return id.branch | id.generation << 16;
}

static inline struct dxc_owner dxc_word_id(u64 word)
{
	struct dxc_owner id = { .branch = word & 0xffff, .generation = word >> 16 };

	return id;
}

/* An entry of the branch table, checked. */
struct dxc_branch {
	struct dxc_owner id;		/* its index and generation */
	u32 state;			/* enum daxfs_branch_state */
	struct dxc_owner parent;	/* of main: itself */
	struct dxc_owner winner;	/* child being committed; generation 0: none */
	u64 head;			/* first log chunk + 1; 0: empty log; ~0: its word is none */
	u64 head_word;			/* the same with its turn, as dxc_log_open() takes it */
	u64 lease;			/* br_lease: a dxc_holder */
	u64 first_seq;
	u64 limit;			/* chunks it may own; 0: any number */
	u32 uid;			/* who made it */
	s64 created;			/* nanoseconds since 1970 */
	char name[DAXFS_BRANCH_NAME_MAX + 1];
};

/* Generations start at 1, so {0, 0} is nobody. */
static inline bool dxc_owner_is(struct dxc_owner a, struct dxc_owner b)
{
	return a.branch == b.branch && a.generation == b.generation;
}

/* Offset of the word that names the first log chunk of a branch. index is in the table. */
static inline dxc_off dxc_branch_head_at(const struct dxc_volume *vol, u32 index)
{
	return vol->area[DAXFS_AREA_BRANCHES].offset +
		(u64)index * sizeof(struct daxfs_branch) +
		offsetof(struct daxfs_branch, br_head);
}

/* br_head as it is now: see dxc_head_link(). DXC_LINK_UNKNOWN: it says nothing. */
u64 dxc_branch_head_word(const struct dxc_volume *vol, u32 index);

/* Is it a name a branch may have? NUL terminated. */
bool dxc_branch_name_is_legal(const char *name);

/*
 * Entry index. -ENOENT: it is free (or a create that did not finish); -EUCLEAN
 * when it cannot be. A DEAD entry is returned as such.
 */
int dxc_branch_read(const struct dxc_volume *vol, u32 index, struct dxc_branch *br,
		    struct dxc_finding *f);
/*
 * Is a branch that was read before still what it was? 0: it lives, on that parent.
 * -ESTALE: it is gone, says its own state. -EUCLEAN: something else is said of it
 * now, or nothing that can be: what it lies on never changes. Loads of its words
 * only, for those who know the branch.
 */
int dxc_branch_still(const struct dxc_volume *vol, struct dxc_owner id,
		     struct dxc_owner parent);
/*
 * ss_commit_seq as it lies there, to be compared with what it was: one load, for those who ask
 * often whether anything was done to branches.
 */
static inline __le64 *dxc_commit_at(const struct dxc_volume *vol)
{
	return (__le64 *)(vol->region.base + vol->area[DAXFS_AREA_SHARED].offset +
			  offsetof(struct daxfs_shared, ss_commit_seq));
}

static inline u64 dxc_commit_word(const struct dxc_volume *vol)
{
	return le64_to_cpu(dxc_load_acquire(dxc_commit_at(vol)));
}

/* What it is at a commit sequence. */
u64 dxc_commit_word_of(u64 seq);
/*
 * Of a branch that is gone: was it committed to parent, whose log has its first
 * chunk then, or discarded? known: that chunk, if the entry has another user by
 * now; DXC_NO_CHUNK when it had no log as far as the caller has seen. One that was
 * committed without a log cannot be told from a discarded one: false. While the
 * mount of the caller has not said that it has seen what freed the chunks.
 */
bool dxc_branch_was_committed(const struct dxc_volume *vol, struct dxc_owner gone,
			      struct dxc_owner parent, dxc_chunk known);
/* The entry of that index and generation, LIVE; -ESTALE when there is none. */
int dxc_branch_get(const struct dxc_volume *vol, struct dxc_owner id, struct dxc_branch *br);
/*
 * The live branch of that name; -ENOENT, -EUCLEAN when there is a bad entry of
 * that name only. One whose renaming was cut short has the old name or the new
 * one, but is read by dxc_branch_get() after recovery only.
 */
int dxc_branch_find(const struct dxc_volume *vol, const char *name, struct dxc_branch *br);
/*
 * The first live branch with an index of at least *index, which is moved behind
 * it; -ENOENT at the end. Bad and dead entries are passed over.
 */
int dxc_branch_next(const struct dxc_volume *vol, u32 *index, struct dxc_branch *br);
/* The same among the children of parent. */
int dxc_branch_next_child(const struct dxc_volume *vol, struct dxc_owner parent,
			  u32 *index, struct dxc_branch *br);
/*
 * Has it children (I-6): a live one, or one whose entry is damaged and may be alive?
 * id is in the table. A damaged entry whose parent cannot be told is nobody's child: what it
 * was seen over cannot be found again either.
 */
bool dxc_branch_has_children(const struct dxc_volume *vol, struct dxc_owner id);
/* The same, or a child that a commit was begun of? */
bool dxc_branch_is_frozen(const struct dxc_volume *vol, struct dxc_owner id);

/* What the table says of children of a branch. */
struct dxc_frozen {
	struct dxc_owner id;	/* which; it is in the table */
	bool is;		/* dxc_branch_is_frozen() */
	u64 seq;		/* where its log ended when they were made; DXC_NO_SEQ: none says so */
};

void dxc_branch_frozen(const struct dxc_volume *vol, struct dxc_frozen *frozen);
/* The same of many, each once, whose id is set: in one pass over the table. -ENOMEM. */
int dxc_branches_frozen(const struct dxc_volume *vol, struct dxc_frozen *list, u32 count);

/*
 * For mkfs: entry 0, "main", LIVE with generation 1, and the shared state
 * (ss_next_ino behind the base, ss_commit_seq 1, ss_next_gen 2, ss_next_salt, ss_taken),
 * in a region whose tables are zeros. salt: not 0; where records of an earlier
 * image may be in the delta area, one that it will not have used.
 */
void dxc_branch_format(const struct dxc_volume *vol, s64 created, u32 uid, u64 salt);

/*
 * Makes a branch (locked). first_seq: number of the record that would follow
 * the parent's last. O(entries), whatever the parent holds. -EEXIST, -EINVAL
 * (name), -ENOSPC (table full), -EMLINK (DAXFS_BRANCH_DEPTH_MAX), -ESTALE (no such
 * parent, or the lock was taken over), -EBUSY (a commit to the parent is not finished:
 * dxc_branch_finish() it). *br is what was made.
 */
int dxc_branch_create(const struct dxc_volume *vol, u64 lock, struct dxc_owner parent,
		      const char *name, s64 created, u32 uid, u64 first_seq,
		      struct dxc_branch *br);
/*
 * Does entry index hold the new name of branch *id until that is written, so
 * that dxc_branch_recover() would write it?
 */
bool dxc_branch_is_renaming(const struct dxc_volume *vol, u32 index, struct dxc_owner *id);
/*
 * Another name (locked). -EEXIST, -EINVAL, -ESTALE; main keeps its name: -EPERM.
 * -ENOSPC: it takes a free entry for as long as it lasts.
 */
int dxc_branch_rename(const struct dxc_volume *vol, u64 lock, struct dxc_owner id,
		      const char *name);

/* Chunks of a branch that the caller knows already, so that no table is searched. */
struct dxc_chunk_list {
	const dxc_chunk *chunks;
	u32 count;
};

/*
 * What the rest of a commit or abort does. known(priv, id) returns the list of
 * a branch's chunks or NULL (the table is searched); may itself be NULL.
 */
struct dxc_branch_rest {
	const struct dxc_chunk_list *(*known)(void *priv, struct dxc_owner id);
	/*
	 * The branches that the caller knows, one after the other, each with what it
	 * lies on, whatever its entry says of that now; false at the end. *at is NULL
	 * for the first. May itself be NULL.
	 */
	bool (*next_known)(void *priv, void **at, struct dxc_owner *id,
			   struct dxc_owner *parent);
	void *priv;
	/*
	 * What the caller has of the volume lock, and of the lease of a branch that is aborted: looked
	 * at between what the decision is made from and the store that decides; 0: it is alone.
	 */
	u64 lock, lease;
	dxc_chunk tail;		/* commit: last log chunk of the parent, or DXC_NO_CHUNK: found by walking */
	u64 seq;		/* out: commit sequence that freed chunks carry; advanced
				 * once everything that goes is dead
				 */
	u32 discarded;		/* out: branches that went, without the winner */
	/*
	 * out, recover: a commit that could not be finished, of damaged to
	 * unfinished; generation 0: none. It was undone where the log cannot be
	 * joined. Where damaged has a bad entry it stays begun, and unfinished frozen.
	 */
	struct dxc_owner unfinished, damaged;
};

/*
 * Commits child into its parent (locked): the store that decides, nothing
 * else. Of *rest, which may be NULL, only next_known and lock are used. -ESTALE, -EPERM for
 * main, -EBUSY when child has live children or another commit to its parent is not
 * finished, -EUCLEAN when its log is none, or its entry denies what is known.
 */
int dxc_branch_commit(const struct dxc_volume *vol, struct dxc_owner child,
		      const struct dxc_branch_rest *rest);
/*
 * What follows from br_winner of parent (locked); 0 too when nothing does.
 * -ENOMEM: to be called again. -EUCLEAN: the logs cannot be joined; there was no
 * commit then, and nobody is discarded.
 */
int dxc_branch_finish(const struct dxc_volume *vol, struct dxc_owner parent,
		      struct dxc_branch_rest *rest);
/*
 * Takes a branch back that was just made, when the lock turns out to have been taken over
 * meanwhile: there may be another of that name. What is left of it the next recovery frees. Whoever
 * took the lock over may have found the branch, though, and go on with it: then it stays.
 */
void dxc_branch_unmake(const struct dxc_volume *vol, struct dxc_owner id);
/*
 * Discards a branch and its descendants (locked). -ESTALE, -EPERM for main,
 * -EBUSY as for create, but not for a commit of another that cannot be finished;
 * -EAGAIN: the lock was taken over; -ENOMEM; then nothing has happened.
 */
int dxc_branch_abort(const struct dxc_volume *vol, struct dxc_owner id,
		     struct dxc_branch_rest *rest);
/*
 * For who has just taken the volume lock over, before anything else: its former holder, who may
 * only stand still, decides nothing any more. A commit, an abort, a create that he is about to
 * store fails, and what he has stored is there for dxc_branch_recover(). O(entries).
 */
void dxc_branch_fence(const struct dxc_volume *vol);
/*
 * Frees the entries that makers were taken for dead of, who may still store to them: for repair.c,
 * when nobody has the region mounted.
 */
void dxc_branch_free_left(const struct dxc_volume *vol);
/*
 * Finishes whatever was begun by a kernel that is gone (locked): commits,
 * aborts, creates; frees chunks of branches that are gone. Reads all of the
 * branch table and of the chunk table. What one bad entry keeps from being done
 * is said in *rest; everything else is done. -ENOMEM, or main's entry is bad.
 */
int dxc_branch_recover(const struct dxc_volume *vol, struct dxc_branch_rest *rest);

/* ---- words of the shared state ---- */

/* Generations and inode numbers are given out below these. */
#define DXC_GEN_LIMIT	DXC_WORD_NUMBER_LIMIT
#define DXC_INO_LIMIT	DXC_WORD_LIMIT
/* Commit sequences are below this, so that one fits beside 12 bits of an epoch in mt_seen_seq. */
#define DXC_SEQ_LIMIT	(DXC_WORD_LIMIT >> 12)

/* A number for a new inode, never given before; -ENOSPC when they are used up, -EUCLEAN. */
int dxc_next_ino(const struct dxc_volume *vol, dxc_ino *ino);
/* 0 where it cannot be read: nothing was seen yet. */
u64 dxc_commit_seq(const struct dxc_volume *vol);
/*
 * One more; others notice. Durable. Returns the new value; where it cannot be
 * read the highest, which nobody sees: what is freed with it stays.
 */
u64 dxc_commit_seq_advance(const struct dxc_volume *vol);

/* ---- mount slots, leases, the volume lock: mount.c ---- */

/* Names a mount, as br_lease and ss_lock do; 0: nobody. */
typedef u64 dxc_holder;

/* Names no mount, and holds nothing. */
#define DXC_HOLDER_NONE	(~0ull)

static inline dxc_holder dxc_holder_of(u32 slot, u32 epoch)
{
	return dxc_word_seal_pair(DAXFS_WORD_HOLDER, slot, epoch);
}

/* Which it names: false when that is none. slot is in the table. */
bool dxc_holder_open(const struct dxc_volume *vol, dxc_holder holder, u32 *slot, u32 *epoch);

struct dxc_mount {
	u32 slot;
	u32 epoch;		/* 31 bits */
	u64 heartbeat;
	u64 seen_seq;
	struct dxc_owner branch;
	bool writable;
	bool follows;			/* it has said that it follows branch, up to */
	u64 applied;			/* the low bits, DXC_APPLIED_MASK, of the number of a record */
	char host[25];
};

/*
 * Claims a free slot, or one of the slots that dead says (NULL: none) are
 * abandoned. -EUSERS when all are in use. epoch: random, 31 bits, not 0. The
 * mount has seen nothing, so no chunk is reclaimed, until dxc_mount_set_seen():
 * of dxc_commit_seq(), and only then are the tables read.
 */
int dxc_mount_claim(const struct dxc_volume *vol, u32 epoch, struct dxc_owner branch,
		    bool writable, const char *host,
		    bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv,
		    u32 *slot);
void dxc_mount_release(const struct dxc_volume *vol, u32 slot, u32 epoch);
/* -ENOENT: free. slot is in the table. */
int dxc_mount_read(const struct dxc_volume *vol, u32 slot, struct dxc_mount *mt);
/* Does that mount still own its slot? */
bool dxc_holder_is_there(const struct dxc_volume *vol, dxc_holder holder);
/*
 * Frees a slot that dead (NULL: nobody is) says is abandoned, or that nobody can
 * have claimed; for repair.c.
 */
void dxc_mount_clear(const struct dxc_volume *vol, u32 slot,
		     bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv);
/* Gives back the volume lock and the leases whose holder has no slot; for repair.c. True: there were any. */
bool dxc_holders_clear(const struct dxc_volume *vol);
/* How far the heartbeat of a slot is, whoever has it or had it last. slot is in the table. */
u64 dxc_mount_heartbeat(const struct dxc_volume *vol, u32 slot);
/* false: the slot is not that owner's any more, and nothing was stored. */
bool dxc_mount_beat(const struct dxc_volume *vol, u32 slot, u32 epoch);
/* The same of what people are told. */
void dxc_mount_set_branch(const struct dxc_volume *vol, u32 slot, u32 epoch,
			  struct dxc_owner branch, bool writable);
/*
 * What was given up by records of the branch before number seq is not read by it any more.
 * dxc_mount_set_branch() takes that back.
 */
bool dxc_mount_set_applied(const struct dxc_volume *vol, u32 slot, u32 epoch, bool writable,
			   u64 seq);
#define DXC_APPLIED_MASK	0x3fffffffffull
bool dxc_mount_set_seen(const struct dxc_volume *vol, u32 slot, u32 epoch, u64 seq);
/* The least mt_seen_seq of the claimed slots that dead does not name; ~0 when there are none. */
u64 dxc_mount_seen(const struct dxc_volume *vol,
		   bool (*dead)(void *priv, const struct dxc_mount *mt), void *priv);

/* Mounts that may read what a branch has given up. */
struct dxc_readers {
	bool any;	/* there are some that show the branch */
	u64 applied;	/* the least number of a record up to which they have followed it */
	u64 seen;	/* the least mt_seen_seq of all mounts, also those that show other branches */
};

/*
 * The mounts that skip (NULL: none) does not name. seq: of the next record of the branch, as the
 * caller, who writes it, knows.
 */
void dxc_branch_readers(const struct dxc_volume *vol, struct dxc_owner id, u64 seq,
			bool (*skip)(void *priv, const struct dxc_mount *mt), void *priv,
			struct dxc_readers *readers);
/* br_watch; and counts it up, before the log is read by a mount whose slot names the branch. */
u64 dxc_branch_watch(const struct dxc_volume *vol, u32 index);
void dxc_branch_watch_up(const struct dxc_volume *vol, u32 index);

/*
 * The lease of a branch, the volume lock: 0, or -EBUSY with the holder in
 * *holder. Passing a holder that is known to be gone in *holder takes it over
 * from him; 0 there: only when it is free. Who does not own his slot
 * (dxc_holder_is_there()) is gone. After the lock was taken over, recover. A lease that is me's
 * already is -EBUSY, too, with me in *holder; the lock is 0.
 */
int dxc_lease_take(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder me,
		   dxc_holder *holder);
/* From one mount of a kernel to another; false: from has it no longer. */
bool dxc_lease_pass(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder from,
		    dxc_holder to);
void dxc_lease_drop(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder me);
/*
 * Does the branch live, and me have its lease still? Two loads, for before each
 * write: who stood still for too long may have lost either.
 */
bool dxc_lease_is_held(const struct dxc_volume *vol, struct dxc_owner id, dxc_holder me);
/* Of the entry of that index, in the table, whether its branch lives or not. */
bool dxc_lease_names(const struct dxc_volume *vol, u32 index, dxc_holder me);

/* ---- lock.c: the volume lock, likewise; me's own is had again ---- */

int dxc_lock_take(const struct dxc_volume *vol, dxc_holder me, dxc_holder *holder);
void dxc_lock_drop(const struct dxc_volume *vol, dxc_holder me);
bool dxc_lock_is_held(const struct dxc_volume *vol, dxc_holder me);

#endif
