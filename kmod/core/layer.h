/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layers and views: what the logs of branches amount to, kept in ordinary
 * memory for lookups. Trust and results are as in core.h.
 *
 * A layer is the index of one branch's log: the inodes it says something of,
 * the names it made or took away, where its blocks are. A view is a layer and
 * everything below it: the parents' layers, last the base. It is built by
 * applying records, the same way when a log is replayed and when an operation
 * has just been appended, so the two cannot differ (I-9).
 *
 * Locking is the caller's: dxc_view_*() read a layer and all below it; what
 * changes a layer (dxc_op_*, load, merge, compact) needs it for itself, and
 * the layers below unchanged meanwhile. Memory that lookups return is copied.
 */
#ifndef DXC_LAYER_H
#define DXC_LAYER_H

#include "branch.h"

/* ---- space.c: blocks of the delta area ---- */

/* What a chunk is to a log that is read in a survey. */
struct dxc_want {
	struct dxc_owner owner;		/* generation 0: nothing to any */
	u8 kind;			/* DAXFS_CHUNK_LOG, DAXFS_CHUNK_DATA */
	bool twice;			/* something to another's as well */
};

/*
 * Which blocks of the chunks of layers in this kernel are in use. One per
 * volume, shared by its layers: a chunk's bits belong to the layer that owns
 * the chunk, and lie in bytes of their own.
 */
struct dxc_space {
	u8 *used;
	u32 chunk_blocks;
	u32 chunk_bytes;		/* of used, per chunk */
	dxc_chunk hint;			/* where to look for a free chunk; racy on purpose */
	/*
	 * What is free in the region, of which other kernels take as well: free
	 * chunks when they were counted, and dxc_chunks_taken() before that, added
	 * up; 0: to be counted. Those free chunks alone, and the chunks of logs that
	 * are not of layers of this space, counted at the same time. Racy: about.
	 */
	u64 free_until;
	u32 free_counted;
	u32 other_logs;
	/* Sums of the layers' kept and noted_logs; by cmpxchg. */
	__le64 kept;
	__le64 noted_logs;
	/*
	 * Where layers find inodes and names, the same in all of a view: nobody
	 * who names files, or writes logs, can choose them so that they are all
	 * in one place.
	 */
	u64 ino_key, name_key;
	/*
	 * One for each chunk: layers that are loaded note here what they use and
	 * do not ask whose it is. For repair.c; else NULL.
	 */
	struct dxc_want *survey;
	/*
	 * Chunks of each branch as they were when dxc_space_index() was called: the first one of a
	 * branch, and the next one of the same. For who loads all branches; else NULL.
	 */
	dxc_chunk *first, *next;
	/* May the blocks be given out, or does somebody still do I/O to them? NULL: yes. */
	bool (*busy)(void *priv, dxc_off off, u64 blocks);
	void *priv;
};

int dxc_space_init(struct dxc_space *space, const struct dxc_volume *vol);
void dxc_space_exit(struct dxc_space *space);
/*
 * Reads the chunk table once for all layers that are loaded from here on, rather than for each
 * of them: nobody else writes, or what he takes need not be known. -ENOMEM.
 */
int dxc_space_index(struct dxc_space *space, const struct dxc_volume *vol);

/* ---- layers ---- */

struct dxc_node;
struct dxc_name;

/* Blocks that a merge gave up while somebody may still read them. */
struct dxc_retired {
	dxc_off data;
	u64 count;
	u64 seq;		/* of the log's next record when they were given up */
	u64 freed_seq;		/* the commit sequence then */
};

struct dxc_layer {
	const struct dxc_volume *vol;
	struct dxc_space *space;
	struct dxc_layer *lower;	/* the parent's; NULL: only the base is below */
	struct dxc_owner owner;
	struct dxc_log log;		/* where the next record goes */

	u64 ino_key, name_key;		/* of space */
	struct dxc_node **nodes;	/* hashed by inode number */
	u32 node_mask, node_count;
	struct dxc_name **names;	/* hashed by directory and name */
	u32 name_mask, name_count;
	u64 next_cookie;		/* of the next name; grows along the layers of a view */
	u64 names_seq;			/* log.seq after the last record that changed a name; 0: none */
	u64 changes;			/* of its tables, those by loading it too: see dxc_diff_state() */
	dxc_off behind;			/* a record after a damaged one that ended the log, or 0 */
	int unread;			/* 0, or -EIO: of memory that loading can do without */
	dxc_ino last_ino;		/* the highest it ever knew, with those that are gone */
	u64 last_salt;			/* the highest of a segment that was loaded */

	dxc_chunk *chunks;		/* all it owns, log and data */
	u8 *listed;			/* while it is loaded: which are among chunks, a bit each; else NULL */
	u32 chunk_count, chunk_room;
	u32 log_chunks;
	u32 compact_chunks;		/* of its log after the last compaction */
	u32 kept;			/* chunks for its compaction: its part of space->kept */
	u32 noted_logs;			/* log_chunks when kept was set: its part of space->noted_logs */
	u64 used_blocks;		/* of its data chunks */
	u64 free_blocks;
	u32 cursor;			/* index in chunks where free blocks are looked for */
	dxc_chunk filling;		/* data chunk that small files go to */
	u64 live_bytes;			/* what the log would be after compaction, about */
	u64 log_bytes;			/* what it is */
	/*
	 * When compaction was last done, or failed: log_bytes, dxc_space_usable(), and a chunk that
	 * was in use by I/O. tried_free DXC_NO_CHUNK: more would not help; tried_busy: none was.
	 */
	u64 tried_bytes;
	u32 tried_free;
	dxc_chunk tried_busy;
	u64 looked_through;		/* bytes of the base's xattrs, for records of the log */
	struct dxc_retired *retired;	/* until dxc_layer_settle() */
	u32 retired_count, retired_room;
	u64 retired_blocks;		/* of used_blocks: whoever needs them waits for the settling */
	bool retires;			/* others here may read what is given up */
	/*
	 * br_watch when no mount elsewhere showed the branch: with another one some may, and read what
	 * is given up. quiet_word: dxc_commit_word() then; later one may show a child that is gone, and
	 * not know it yet. Set by the caller, who looks for them; 0 at first.
	 */
	u64 quiet, quiet_word;
	bool closed;			/* there may be orphans that nobody has open; racy on purpose */
	bool torn;			/* half merged, or half followed: to be loaded anew */
	/*
	 * follow.c. Blocks in retired are free in space->used already: who writes the branch may have
	 * given them out again.
	 */
	bool follows;
	u32 husk_count;			/* nodes that are husks */
	bool lost_husks;		/* there were too many: some are not known any more */
	u64 tail;			/* of the writer: what br_tail was when it was stored or read last */
	/*
	 * Somebody else has written the log while holder did, or has the lease: nothing is added, or
	 * given back, before the layer is loaded anew by who has it. See dxc_layer_look().
	 */
	bool fenced;
	/*
	 * Where the log ended when the first of the branch's children was made; DXC_NO_SEQ: it has
	 * none. Records behind it are those of a writer that had lost its lease, and do not count;
	 * fewer are damage. Set before loading.
	 */
	u64 frozen_seq;
	/*
	 * Who writes the layer, or repairs it, a dxc_holder: after each record, and before a chunk is
	 * given back, it is looked whether he has the lease still. 0: nobody else can have it.
	 * DXC_HOLDER_NONE: nobody here has its lease now.
	 */
	u64 holder;
	bool salvages;			/* loading keeps what comes before damage in the log */
	/*
	 * Mounts elsewhere may read what a former writer has given up: whoever takes the log over keeps
	 * what is free as if he had given it up himself. Set before loading, or dxc_layer_repair().
	 */
	bool wary;
	/*
	 * Records of the log are lost: what the layer says is older than what was
	 * written, and nothing is added to it, or given back that it has no use for.
	 */
	bool damaged;
	bool shares;			/* survey: uses a chunk that another one has wanted before */
	void *scratch;			/* dxc_segment_max() bytes, for records; NULL: not needed yet */
	struct dxc_item *items;		/* DAXFS_ITEMS_MAX + 1, of the record that is taken in; as scratch */
};

/*
 * A layer of branch br over lower (NULL: main). Empty; nothing is read.
 * -ENOMEM.
 */
int dxc_layer_init(struct dxc_layer *layer, const struct dxc_volume *vol,
		   struct dxc_space *space, struct dxc_layer *lower,
		   const struct dxc_branch *br);
/* The empty layer is branch br's, which had no entry yet when the layer was set up. */
void dxc_layer_own(struct dxc_layer *layer, const struct dxc_branch *br);
/* Makes sure of layer->scratch and items. -ENOMEM. */
int dxc_layer_scratch(struct dxc_layer *layer);
void dxc_layer_drop_scratch(struct dxc_layer *layer);
/*
 * Replays the branch's log into an empty layer, and finds its chunks. With
 * repair (layer->holder has the lease) does what dxc_layer_repair() says, too.
 * -EUCLEAN for a log that cannot be; with layer->salvages set before, 0 and
 * layer->damaged where something can be read of it, and *f says what is wrong.
 */
int dxc_layer_load(struct dxc_layer *layer, const struct dxc_branch *br, bool repair,
		   struct dxc_finding *f);
/*
 * Reads the log anew into a layer that was loaded before, and may be torn.
 * Blocks that it had and that the log does not mention may still be read by
 * somebody, and are retired. Orphans are gone: whoever has them open is the
 * caller's. On error the layer is as it was, and not current. One that is torn
 * is read whoever wants to kill the task.
 */
int dxc_layer_reload(struct dxc_layer *layer, const struct dxc_branch *br, bool repair,
		     struct dxc_finding *f);
/*
 * Is the layer all that the branch's log says? If so, and the caller has just
 * got the lease, it may be added to.
 */
bool dxc_layer_is_current(struct dxc_layer *layer, const struct dxc_branch *br);
/*
 * Takes the log over from whoever wrote it before, and gives back chunks of the branch
 * that nothing refers to: he may have been cut short, before the layer was loaded or
 * after. The layer is current, and layer->holder has the lease. -EAGAIN: it is not, or he has not.
 */
int dxc_layer_repair(struct dxc_layer *layer);
/*
 * Has layer->holder the lease, and has nobody else written to the log? Else it is not the layer that
 * says how the branch is, and nothing that it has no use for is given back.
 */
static inline bool dxc_layer_is_held(const struct dxc_layer *layer)
{
	return !layer->fenced &&
		(!layer->holder ||
		 dxc_lease_is_held(layer->vol, layer->owner, layer->holder));
}

/* Frees the memory; the region keeps everything. */
void dxc_layer_free(struct dxc_layer *layer);
static inline bool dxc_layer_is_empty(const struct dxc_layer *layer)
{
	return !layer->node_count && !layer->name_count;
}

/*
 * upper was committed into layer (dxc_branch_finish() joined their logs):
 * moves what it says, and its chunks, to layer, as replaying the joined log
 * would. upper is empty afterwards, to be freed. -ENOMEM: layer is torn.
 */
int dxc_layer_merge(struct dxc_layer *layer, struct dxc_layer *upper);
/*
 * Blocks of layer that upper's replaced, and all that are given up while
 * layer->retires is set, are kept from being given out again until this is
 * called: when nobody reads or maps the first count of layer->retired any more.
 */
void dxc_layer_settle(struct dxc_layer *layer, u32 count);
/*
 * How many of them the readers elsewhere are done with. Of a layer that follows the caller's
 * readers are the only ones: all.
 */
u32 dxc_layer_settled(const struct dxc_layer *layer, const struct dxc_readers *readers);
/*
 * Of a layer that follows, like dxc_layer_settle(), but for blocks that are busy (see dxc_space.busy). The
 * number of a record: what those before it gave up is not read here, if the log was followed up to seq.
 */
u64 dxc_layer_leave_off(struct dxc_layer *layer, u32 count, u64 seq);

/* Is the log so much longer than what it says that it should be rewritten? */
bool dxc_layer_wants_compaction(const struct dxc_layer *layer);
/*
 * Writes a new log from the index, switches to it by one store, gives up the
 * old one. Not while the branch has children. -ENOSPC, -ENOMEM: as before.
 */
int dxc_layer_compact(struct dxc_layer *layer);

/* For callers that need every inode a layer says something of: the next one, -ENOENT. */
int dxc_layer_next_ino(const struct dxc_layer *layer, u32 *bucket, u32 *skip, dxc_ino *ino);
/* Does the layer say anything of it? */
bool dxc_layer_has(const struct dxc_layer *layer, dxc_ino ino);

/* ---- follow.c: what another kernel, which has the lease, has logged since the log was read ---- */

/* Inodes that what was taken in says something of. */
struct dxc_touched {
	u32 count;
	bool all;			/* too many: any inode of the layer */
	dxc_ino ino[60];
};

/*
 * br_tail: as long as it is what it was before the layer was loaded, or followed, the log has
 * nothing new. One load.
 */
static inline __le64 *dxc_branch_tail_at(const struct dxc_volume *vol, u32 index)
{
	return (__le64 *)(vol->region.base + dxc_branch_head_at(vol, index) -
			  offsetof(struct daxfs_branch, br_head) +
			  offsetof(struct daxfs_branch, br_tail));
}

static inline u64 dxc_branch_tail(const struct dxc_volume *vol, u32 index)
{
	return le64_to_cpu(dxc_load_acquire(dxc_branch_tail_at(vol, index)));
}

/* For who has the lease: followers are told that the log has grown. */
void dxc_layer_tell(struct dxc_layer *layer);
/*
 * Takes in the records that were added to the log of a branch that nobody writes here: of each
 * all, or nothing. br: as the entry is now. until: up to that record at least, which br_tail named;
 * DXC_NO_SEQ, or what can be none: to the end. Blocks that they give up go to layer->retired, until
 * dxc_layer_settle(); nobody may take these before. Inodes that lost their last name are gone.
 * *touched: of whose inodes, added to what it says; NULL: any. 0; -EAGAIN: the layer has to be loaded anew, as the log
 * was written anew, say; -EINTR: not all was taken in, as somebody wants to kill the task; -ENOMEM.
 */
int dxc_layer_follow(struct dxc_layer *layer, const struct dxc_branch *br, u64 until,
		     struct dxc_touched *touched);
/*
 * For who has just got the lease: the layer, which is current, knows which blocks are free.
 * dxc_layer_repair() does it, too.
 */
void dxc_layer_end_following(struct dxc_layer *layer);

/* ---- views ---- */

/* An inode as a view shows it. */
struct dxc_file {
	struct dxc_attr attr;
	bool in_base;		/* base is valid: what the base says of it */
	bool touched;		/* a layer says something of it */
	bool has_names;		/* directory: a layer changed what is in it */
	bool has_xattrs;	/* a layer changed its xattrs */
	struct dxc_inode base;
};

/* The inode as the base alone shows it, on images without branches. */
int dxc_base_inode(const struct dxc_volume *vol, dxc_ino ino, struct dxc_file *file,
		   struct dxc_finding *f);
/* -ESTALE: the view has no such inode (or it has no name any more). */
int dxc_view_inode(const struct dxc_layer *top, dxc_ino ino, struct dxc_file *file,
		   struct dxc_finding *f);

/*
 * A name in a directory. base: the directory's inode in the base, NULL when it
 * is not from there. Of de only ino, type are set. -ENOENT.
 */
int dxc_view_lookup(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base,
		    const char *name, u32 len, struct dxc_dirent *de, struct dxc_finding *f);

/* Positions in a directory of names that layers made; those of the base are below. */
#define DXC_COOKIE_FIRST	0x100000000ull

/*
 * The entry at the least position that is at least *pos; *pos becomes its
 * position, which no other entry of the directory has or will have. Positions
 * start at 0. -ENOENT at the end.
 */
int dxc_view_next(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base,
		  u64 *pos, struct dxc_dirent *de, struct dxc_finding *f);
/* The entry at position pos and no other; -ENOENT. */
int dxc_view_at(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base, u64 pos,
		struct dxc_dirent *de, struct dxc_finding *f);
/*
 * 1: directory dir is in the directory other, at any depth, or is that itself;
 * 0; or an error: -EUCLEAN when its parents go round.
 */
int dxc_view_is_below(const struct dxc_layer *top, dxc_ino dir, dxc_ino other,
		      struct dxc_finding *f);
/* 0, -ENOTEMPTY or an error. */
int dxc_view_dir_empty(const struct dxc_layer *top, dxc_ino dir, const struct dxc_inode *base,
		       struct dxc_finding *f);

/* Where a part of a file is. */
struct dxc_part {
	struct dxc_extent ex;	/* data 0: a hole; whole blocks, if not packed */
	bool own;		/* the top layer's: may be written to in place */
};

/*
 * The longest part known to be in one piece that holds pos, also past the end
 * of the file (blocks may have been allocated there).
 */
int dxc_view_map(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		 dxc_pos pos, struct dxc_part *part, struct dxc_finding *f);
/* 512-byte units, as stat(2) reports them, of blocks [first, end): all are [0, DXC_BLOCKS_MAX). */
int dxc_view_blocks(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		    u64 first, u64 end, u64 *units);

/* The target, NUL terminated, into buf of attr->size + 1 bytes. */
int dxc_view_symlink(const struct dxc_layer *top, const struct dxc_file *file, char *buf,
		     struct dxc_finding *f);

/* The value's length, copied when size is not 0: -ERANGE, -ENODATA. */
int dxc_view_xattr(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		   u32 prefix, const char *name, u32 name_len, void *value, size_t size,
		   struct dxc_finding *f);
/*
 * Calls each(priv, prefix, name, len) for every xattr; nonzero stops and is
 * returned.
 */
int dxc_view_xattrs(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
		    int (*each)(void *priv, u32 prefix, const char *name, u32 len),
		    void *priv, struct dxc_finding *f);

/* What a list of the names of one inode's xattrs may take: listxattr(2) returns no longer one. */
#define DXC_XATTR_LIST_MAX	0x10000u
/*
 * Can an xattr of that name be added? 0, -ENOSPC when nobody could list the
 * inode's then, or an error. The name is not there.
 */
int dxc_view_xattr_room(const struct dxc_layer *top, dxc_ino ino, const struct dxc_inode *base,
			u32 prefix, u32 name_len, struct dxc_finding *f);

/* ---- operations ---- */

/*
 * Each is one record: it has happened, durably, when 0 is returned, and not at
 * all otherwise. attr arguments say how the inode is after the operation but
 * for what the operation itself changes (below), which is changed in *attr on
 * success only. All names were looked up before, under the same lock: an
 * operation does not check that a name is free or there. -ENOSPC, -ENOMEM,
 * -EIO; -E2BIG for what fits no record. The layer is the view's top.
 */

struct dxc_new_xattr {
	u32 prefix;
	const char *name;
	u32 name_len;
	const void *value;
	u32 value_len;
};

/*
 * A new inode attr (ino from dxc_next_ino), named name in dir. dir NULL: no
 * name (O_TMPFILE), attr->nlink is 0. Changes dir->nlink for a directory. target for
 * a symlink.
 */
int dxc_op_create(struct dxc_layer *layer, struct dxc_attr *dir, const char *name, u32 len,
		  const struct dxc_attr *attr, const char *target,
		  const struct dxc_new_xattr *xattrs, u32 xattr_count);
/* One more name. Changes attr->nlink. */
int dxc_op_link(struct dxc_layer *layer, struct dxc_attr *dir, const char *name, u32 len,
		struct dxc_attr *attr);
/* One less, also for rmdir. Changes attr->nlink and, for a directory, dir->nlink. */
int dxc_op_unlink(struct dxc_layer *layer, struct dxc_attr *dir, const char *name, u32 len,
		  struct dxc_attr *attr);

struct dxc_rename {
	struct dxc_attr *old_dir, *new_dir;	/* may be the same */
	const char *old_name, *new_name;
	u32 old_len, new_len;
	struct dxc_attr *inode;			/* what is renamed */
	struct dxc_attr *target;		/* what has the new name, or NULL */
	bool exchange;				/* target gets the old name */
	const struct dxc_attr *whiteout;	/* a new inode for the old name, or NULL */
};

/* Changes nlink of target and of the directories, and attr->parent of moved directories. */
int dxc_op_rename(struct dxc_layer *layer, struct dxc_rename *rn);

/* Attributes but for the size. */
int dxc_op_setattr(struct dxc_layer *layer, const struct dxc_attr *attr);

/*
 * The file, of attr->size, is about to become longer by a later operation: what
 * is in its last block behind the end becomes zero. base: as above. Where that
 * block is not the layer's own, in a copy; *copied says so, and that attr was
 * logged. What maps the old block is the caller's.
 */
int dxc_op_clean_end(struct dxc_layer *layer, const struct dxc_attr *attr,
		     const struct dxc_inode *base, bool *copied, struct dxc_finding *f);

/*
 * A new size. Sets attr->size. The rest of the last block of a shorter file
 * is made zero; where it is not the layer's own, in a copy of it. Of a longer
 * one too, before. base: as above. Mappings of blocks that went are the
 * caller's, before they are given out again: see dxc_space.busy.
 */
int dxc_op_resize(struct dxc_layer *layer, struct dxc_attr *attr, const struct dxc_inode *base,
		  u64 size, struct dxc_finding *f);
/* The same to the size that it has: blocks behind its end are given back. */
int dxc_op_trim(struct dxc_layer *layer, const struct dxc_attr *attr,
		const struct dxc_inode *base, struct dxc_finding *f);

/*
 * Blocks for a file, to be filled before dxc_op_map() puts them into it, or
 * given back. As many as possible in one piece, at least one, at most want.
 * near: offset that they should follow, or 0. Nothing is logged.
 */
int dxc_blocks_take(struct dxc_layer *layer, dxc_off near, u64 want, dxc_off *off, u64 *got);
void dxc_blocks_give_back(struct dxc_layer *layer, dxc_off off, u64 count);
/* Blocks of the file are at off from now on; attr->size as given. */
int dxc_op_map(struct dxc_layer *layer, const struct dxc_attr *attr, u64 block, u64 count,
	       dxc_off off);
/* Blocks of the file are a hole from now on. */
int dxc_op_punch(struct dxc_layer *layer, const struct dxc_attr *attr, u64 block, u64 count);

/* value NULL: removed, or -ENODATA is the caller's to find out before. */
int dxc_op_xattr(struct dxc_layer *layer, const struct dxc_attr *attr, u32 prefix,
		 const char *name, u32 len, const void *value, u32 value_len);

/*
 * Nobody has the inode open any more, and it has no name: its blocks come
 * back. Logs nothing: replaying finds an inode without names. What layers below
 * have of it stays: dxc_orphan_closed().
 */
void dxc_op_forget(struct dxc_layer *layer, dxc_ino ino);

/* ---- orphan.c: inodes without a name that somebody has open ---- */

/* Has the layer itself such an inode of that number? */
bool dxc_layer_has_orphan(const struct dxc_layer *layer, dxc_ino ino);
/*
 * Is it one of the layers below top? Then it gets no name again: its blocks
 * and xattrs are gone when that layer is loaded anew.
 */
bool dxc_orphan_is_lent(const struct dxc_layer *top, dxc_ino ino);
/*
 * Nobody has it open any more, or nobody who may still use it: layer, and those
 * below, note that they have something to forget. layer may be NULL.
 */
void dxc_orphan_closed(struct dxc_layer *layer, dxc_ino ino);
/*
 * When layer->closed: forgets the orphans that are not open. Their blocks come
 * back with dxc_layer_settle(). Changes the layer, logs nothing.
 */
void dxc_layer_forget_closed(struct dxc_layer *layer, bool (*is_open)(void *priv, dxc_ino ino),
			     void *priv);

/*
 * Blocks that could be given to files of the layer's: free chunks but for those
 * that are kept for making room, and what is free in the layer's own. Walks the chunk table.
 */
u64 dxc_space_left(const struct dxc_layer *layer);
/*
 * The same for people, from vol->tally: with what is free when those who may still read it are
 * done.
 */
u64 dxc_space_told(const struct dxc_layer *layer);

/* Chunks that are free, or will be; blocks free in the layers' own are not counted. A walk, too. */
u64 dxc_space_free_chunks(const struct dxc_volume *vol);

#endif
