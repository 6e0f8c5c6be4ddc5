/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a layer is made of: nodes, names, maps. For the core's own files; what
 * others need is in layer.h.
 *
 * Nothing here reads the region. Whoever changes a layer does it in two steps:
 * everything that can fail (dxc_apply_prepare(), which allocates), then the
 * record is appended, then dxc_apply(), which cannot fail.
 */
#ifndef DXC_NODE_H
#define DXC_NODE_H

#include "layer.h"

#define DXC_NO_INDEX	0xffffffffu

/*
 * Has layer->holder the lease? If not the layer is fenced from now on. What was stored before is
 * seen by whoever takes the lease after that.
 */
static inline bool dxc_layer_look(struct dxc_layer *layer)
{
	/* Pairs with the exchange of br_lease: the taker reads what was stored, or he is seen here. */
	if (layer->holder)
		dxc_mb();
	if (!dxc_layer_is_held(layer))
		layer->fenced = true;
	return !layer->fenced;
}

/* ---- blockmap.c: which blocks of a file are where ---- */

struct dxc_run {
	u64 block;		/* first block of the file */
	u64 count;		/* not 0 */
	dxc_off data;		/* 0: a hole that hides what is below */
};

struct dxc_leaf {
	u32 count, room;
	struct dxc_run runs[];
};

/*
 * Runs, sorted, not overlapping, none of them touching one that it could be
 * joined with: a row of leaves of at most DXC_LEAF_RUNS. No leaf is empty unless
 * it is the only one. One leaf needs no row.
 */
struct dxc_blockmap {
	union {
		struct dxc_leaf *leaf;		/* leaf_count is 1 */
		struct dxc_leaf **leaves;	/* row_room is not 0 */
	};
	u32 leaf_count, row_room;
	u32 run_count;
};

#define DXC_LEAF_RUNS	128u

/* Told of the blocks that a map gives up. */
typedef void (*dxc_dropped)(struct dxc_layer *layer, dxc_off data, u64 count);

/* A place in a map. */
struct dxc_place {
	u32 leaf, run;
};

struct dxc_run *dxc_blockmap_at(const struct dxc_blockmap *map, struct dxc_place at);
/* The last run that starts at or before block: false when there is none. */
bool dxc_blockmap_find(const struct dxc_blockmap *map, u64 block, struct dxc_place *at);
/* The next place; false at the end. Before the first one: {0, DXC_NO_INDEX}. */
bool dxc_blockmap_next(const struct dxc_blockmap *map, struct dxc_place *at);
/* Makes sure that dxc_blockmap_set() at block can be called changes times. -ENOMEM. */
int dxc_blockmap_reserve(struct dxc_blockmap *map, u64 block, u32 changes);
/*
 * [block, block + count) is at data, or, when there is none, whatever was
 * there is gone (keep_hole: and hides what is below). Reserved before.
 */
void dxc_blockmap_set(struct dxc_blockmap *map, u64 block, u64 count, dxc_off data,
		      bool keep_hole, struct dxc_layer *layer, dxc_dropped dropped);
void dxc_blockmap_free(struct dxc_blockmap *map);

/* ---- node.c: inodes, names, xattrs of a layer ---- */

struct dxc_slot {
	u64 cookie;
	struct dxc_name *name;		/* NULL: taken away since */
};

struct dxc_layer_xattr {
	struct dxc_layer_xattr *next, **at;	/* of the node's, and what leads here */
	struct dxc_layer_xattr *chain;		/* of the hash chain */
	u32 hash;
	u32 value_len;
	u8 prefix, name_len;
	bool removed;
	bool hides;			/* removed, and the layers below have it; else it need not stay */
	u8 bytes[];			/* name, value */
};

/* An inode as a layer changed it. */
struct dxc_node {
	struct dxc_node *next;		/* of the hash chain */
	struct dxc_attr attr;		/* has_attr false: as the layers below say */
	bool has_attr;
	bool is_new;			/* not known below */
	bool forgotten;			/* without a name, and not open any more */
	/*
	 * Of a layer that is read only: without a name, but who writes it may have it open. What
	 * its blocks are is known, but not claimed: nobody says when they come back.
	 */
	bool husk;
	u64 lower_end;			/* blocks from here on are not those of the layers below */
	struct dxc_blockmap map;
	/* directories: names made here, in the order of their cookies */
	struct dxc_slot *slots;
	u32 slot_count, slot_room, slot_dead;
	u32 whiteouts;
	u32 wanted;			/* slots that the record with this stamp needs */
	u64 stamp;
	struct dxc_layer_xattr *xattrs, **xattrs_end;	/* end NULL: there never were any */
	struct dxc_layer_xattr **xattr_table;	/* of all of them, once there are many; or NULL */
	u32 xattr_mask, xattr_count;
	u32 xattr_list;			/* bytes of a list of the names of those that are set */
	char *target;			/* symlinks made here, attr.size bytes and a NUL */
};

/* A name that a layer made or took away. */
struct dxc_name {
	struct dxc_name *next;		/* of the hash chain, or of what is pending */
	dxc_ino dir, ino;
	u32 hash;			/* with the directory mixed in */
	u32 slot;			/* in the directory's node; DXC_NO_INDEX: a whiteout */
	u8 type, len;
	bool covers;			/* the layers below have that name too */
	bool whiteout;
	char name[];
};

u32 dxc_layer_hash(const struct dxc_layer *layer, dxc_ino dir, const char *name, u32 len);

/*
 * The chain of ino in a table of mask + 1. The upper bits of a product with an
 * odd number that nobody knows depend on all of ino; its lower ones would not.
 */
static inline struct dxc_node **dxc_node_chain(const struct dxc_layer *layer,
					       struct dxc_node **table, u32 mask, dxc_ino ino)
{
	return &table[(ino * layer->ino_key >> 32) * (mask + 1ull) >> 32];
}

static inline struct dxc_node *dxc_node_find(const struct dxc_layer *layer, dxc_ino ino)
{
	struct dxc_node *node = *dxc_node_chain(layer, layer->nodes, layer->node_mask, ino);

	while (node && node->attr.ino != ino)
		node = node->next;
	return node;
}

/* What the layers below say of ino, as dxc_view_inode(), but also of one without a name. */
int dxc_layer_below(const struct dxc_layer *layer, dxc_ino ino, struct dxc_file *file);
/* Have the layers below that name? 0, -ENOENT or an error. Reads the region. */
int dxc_layer_below_name(const struct dxc_layer *layer, dxc_ino dir, const char *name, u32 len,
			 struct dxc_finding *f);
/*
 * Have the layers below that xattr, or is it not known? Reads the region; as much
 * of it as the layer's log is worth, from then on nothing is known.
 */
bool dxc_layer_below_has_xattr(struct dxc_layer *layer, dxc_ino ino, u32 prefix,
			       const char *name, u32 len);
/* The node of ino, made if it is not there. -ENOMEM; -EUCLEAN: see dxc_view_inode(). */
int dxc_node_get(struct dxc_layer *layer, dxc_ino ino, struct dxc_node **node);
void dxc_node_add(struct dxc_layer *layer, struct dxc_node *node);
void dxc_node_remove(struct dxc_layer *layer, struct dxc_node *node);
/* What it holds, and itself; not what is counted in the layer. */
void dxc_node_free(struct dxc_node *node);
/* A node that says nothing any more, or does not yet, is made again when it is needed. */
void dxc_node_prune(struct dxc_layer *layer, dxc_ino ino);
/* It has no name and nobody has it open; its blocks are the caller's, before. */
void dxc_node_drop(struct dxc_layer *layer, struct dxc_node *node);

struct dxc_name *dxc_name_find(const struct dxc_layer *layer, dxc_ino dir, u32 hash,
			       const char *name, u32 len);
/* What the layers from top down to (not with) bottom say of a name. NULL: nothing. */
const struct dxc_name *dxc_name_above(const struct dxc_layer *top,
				      const struct dxc_layer *bottom, dxc_ino dir, u32 hash,
				      const char *name, u32 len);
struct dxc_name *dxc_name_new(dxc_ino dir, u32 hash, const char *name, u32 len);
/* Puts it into the hash table; a link also into its directory's slots, where there is room. */
void dxc_name_add(struct dxc_layer *layer, struct dxc_node *dir, struct dxc_name *name,
		  u64 cookie);
/* Only into the hash table: a link that its directory's slots name already. */
void dxc_name_chain(struct dxc_layer *layer, struct dxc_name *name);
void dxc_name_remove(struct dxc_layer *layer, struct dxc_node *dir, struct dxc_name *name);
/* Room for so many more slots. -ENOMEM. */
int dxc_slots_reserve(struct dxc_node *dir, u32 more);
/*
 * Larger hash tables, before so many more names or nodes come. Without memory
 * they get slower, not wrong.
 */
void dxc_names_reserve(struct dxc_layer *layer, u32 more);
void dxc_nodes_reserve(struct dxc_layer *layer, u32 more);

/* Puts it into the node, in place of the one of that name; one that says nothing is freed. */
void dxc_xattr_put(struct dxc_layer *layer, struct dxc_node *node, struct dxc_layer_xattr *xa);
/* The one of that name, or NULL. The node is the layer's. */
struct dxc_layer_xattr *dxc_xattr_in_node(const struct dxc_layer *layer,
					  const struct dxc_node *node, u32 prefix,
					  const char *name, u32 len);

/* Bytes that compaction would write for it, about. */
static inline u32 dxc_name_bytes(u32 len)
{
	return (sizeof(struct daxfs_item_name) + len + 7) & ~7u;
}

/* What the name takes in a list, as listxattr(2) makes it. */
static inline u32 dxc_xattr_list_bytes(u32 prefix, u32 name_len)
{
	return strlen(dxc_xattr_prefix(prefix)) + name_len + 1;
}

static inline u32 dxc_xattr_bytes(const struct dxc_layer_xattr *xa)
{
	return (sizeof(struct daxfs_item_xattr) + xa->name_len + xa->value_len + 7) & ~7u;
}

/*
 * What an item of so many bytes takes of a log at most: where a long one does not fit, up to as
 * much as itself is left over of the segment before it.
 */
static inline u32 dxc_item_cost(const struct dxc_layer *layer, u32 bytes)
{
	u32 chunk = layer->vol->chunk_size;

	return bytes <= chunk / 12 ? bytes : bytes + min_t(u32, bytes, chunk);
}

/* ---- apply.c ---- */

/* What a record needs, found before it is appended. */
struct dxc_apply {
	struct dxc_name *names;		/* in the order of their items */
	struct dxc_name **names_end;
	struct dxc_layer_xattr *xattrs;
	struct dxc_layer_xattr **xattrs_end;
	char *target;
	u32 items;			/* of the record, in layer->items */
	bool replay;			/* the record is from the region: believe nothing */
	bool follow;			/* replay, by dxc_layer_follow() */
	bool failed;			/* in replay: memory ran out, half of it is done */
};

/*
 * Everything that can fail. Cancelled with dxc_apply_cancel() or done with
 * dxc_apply(). ranges: how many MAP and UNMAP items there are, at most
 * DXC_RANGES_MAX, all of different files; not looked at in replay.
 */
int dxc_apply_prepare(struct dxc_layer *layer, const void *record, u32 size, u32 ranges,
		      bool replay, struct dxc_apply *ap, struct dxc_finding *f);
#define DXC_RANGES_MAX	DAXFS_ITEMS_MAX
/* size: of the record that was prepared, and is there yet. Cannot fail but in replay. */
void dxc_apply(struct dxc_layer *layer, u32 size, struct dxc_apply *ap);
/* Nothing of the record happens: the layer is what it was. */
void dxc_apply_cancel(struct dxc_layer *layer, const void *record, u32 size,
		      struct dxc_apply *ap);

/* ---- space.c ---- */

/* What a chunk is taken for: each may leave fewer of them free than the one before. */
enum dxc_purpose {
	DXC_GROWS,
	DXC_TRIMS,		/* makes room or not, and may do so any number of times */
	DXC_HIDES,		/* takes away a name that the layers below have: each once */
	DXC_FREES,		/* takes away what the layer has: it becomes less by that */
	DXC_COMPACTS,
};

/* May count chunks more be taken for that, log of them for the log? */
bool dxc_space_has_plenty(struct dxc_layer *layer, enum dxc_purpose purpose, u32 count, u32 log);
/* Makes free what every mount has seen going. How many chunks that are. A walk of the chunk table. */
u32 dxc_space_reclaim(const struct dxc_volume *vol);

/* A data chunk for the layer, noted in its list. */
int dxc_space_take_chunk(struct dxc_layer *layer, dxc_chunk *chunk);
/*
 * A segment for a record of that many bytes: chunks from *chunk on, *count of
 * them, more than it needs where the log is long. Noted in the layer's list.
 */
int dxc_space_take_segment(struct dxc_layer *layer, u32 record_size, enum dxc_purpose purpose,
			   dxc_chunk *chunk, u32 *count);
/* Gives back a segment that was taken, and that nothing names. */
void dxc_space_drop_segment(struct dxc_layer *layer, dxc_chunk chunk, u32 count);
/* Chunks that are free, or would be when they are asked for: a walk of the chunk table. */
u32 dxc_space_usable(const struct dxc_volume *vol);
/* Has anybody I/O under way to a chunk, as layer->tried_busy was? */
bool dxc_space_chunk_is_busy(const struct dxc_layer *layer, dxc_chunk chunk);
/* Is less than a quarter of the region's chunks free? About. */
bool dxc_space_is_short(const struct dxc_space *space, const struct dxc_volume *vol);
/*
 * What the layer's compaction would take is kept free from now on. Called when
 * the layer becomes larger other than by records that are appended to it.
 */
void dxc_space_reserve(struct dxc_layer *layer);
/* The layer goes: nothing is kept for its compaction any more. */
void dxc_space_let_go(struct dxc_layer *layer);
/* Blocks given up at once: nobody reads them any more. */
void dxc_space_free(struct dxc_layer *layer, dxc_off data, u64 count);
/* Likewise, but somebody may still: they come back with dxc_layer_settle(). */
/* The chunk as the layer uses it, in a survey: false when another branch does, too. */
bool dxc_space_want(struct dxc_layer *layer, dxc_chunk chunk, u32 kind);
void dxc_space_retire(struct dxc_layer *layer, dxc_off data, u64 count);
/*
 * Blocks given up by who writes the layer elsewhere: free, but noted in layer->retired, as who
 * reads here may read them yet.
 */
void dxc_space_leave(struct dxc_layer *layer, dxc_off data, u64 count);
/* What is in layer->retired is free from here on (dxc_layer.follows), or in use. */
void dxc_space_disown(struct dxc_layer *layer);
void dxc_space_adopt(struct dxc_layer *layer);
/* Retires the free blocks of the layer's data chunks, which mounts of other kernels may still read. */
void dxc_space_keep_free(struct dxc_layer *layer);
/* Did nobody elsewhere show the branch, or a child of it, when that was looked for, and did nobody come since? */
static inline bool dxc_layer_is_quiet(const struct dxc_layer *layer)
{
	return dxc_branch_watch(layer->vol, layer->owner.branch) == READ_ONCE(layer->quiet) &&
		dxc_commit_word(layer->vol) == READ_ONCE(layer->quiet_word);
}
/*
 * After replay: the blocks of a run are in use. -EUCLEAN when they are not in
 * a data chunk of the layer, or another file's.
 */
int dxc_space_claim(struct dxc_layer *layer, dxc_off data, u64 count);
/*
 * After a layer was loaded anew: retires what was in use before, says a copy
 * of dxc_space.used, and is not any more.
 */
void dxc_space_keep(struct dxc_layer *layer, const u8 *before);
/* Notes a chunk in the layer's list. -ENOMEM. */
int dxc_space_note(struct dxc_layer *layer, dxc_chunk chunk);
/*
 * Likewise while the layer is loaded, unless it is noted: it was found in the chunk table, or its
 * log names it, to which a writer may have added since the table was read. None of its blocks is used.
 */
int dxc_space_list(struct dxc_layer *layer, dxc_chunk chunk);
/*
 * When all that the log says is claimed: how many blocks of the layer's chunks are free, whatever
 * became of chunks since they were listed.
 */
void dxc_space_count(struct dxc_layer *layer);
void dxc_space_mark_log(struct dxc_layer *layer, dxc_chunk chunk);
bool dxc_space_chunk_is_idle(const struct dxc_layer *layer, dxc_chunk chunk);
/* Only by who has the lease: for others the chunk may be in use since the log was read. */
void dxc_space_drop_chunk(struct dxc_layer *layer, dxc_chunk chunk);

/* ---- layer.c ---- */

/* The log goes on in another segment, which is noted: its chunks must be the branch's. -EUCLEAN, -ENOMEM. */
int dxc_layer_note_segment(struct dxc_layer *layer, struct dxc_finding *f);

/* ---- follow.c ---- */

/* More husks than these go, the ones that are still used as well: then the log is read anew. */
#define DXC_HUSKS_MAX	4096u

/* An inode has no name any more: from here on its blocks are nobody's. */
void dxc_node_make_husk(struct dxc_layer *layer, struct dxc_node *node);

/* ---- compact.c ---- */

/*
 * After -ENOSPC: compacts a log that has grown since that was last tried. True
 * if it did.
 */
bool dxc_layer_squeeze(struct dxc_layer *layer);

/* ---- operation.c ---- */

/*
 * Appends a record to the layer's log, with a new chunk if it needs one; for
 * that the log may be compacted. The record may be in the scratch. -ESTALE: the layer is fenced.
 */
int dxc_layer_append(struct dxc_layer *layer, struct dxc_record *rec, enum dxc_purpose purpose);

#endif
