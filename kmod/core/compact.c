// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction: a log that is much longer than what it says is written anew from
 * the index. The new chain is complete and durable before one store of br_head
 * makes it the branch's log; the chunks of the old one, or after a crash of the new one,
 * belong to the branch and are in no chain, which loading notices.
 */
#include "node.h"

/* Records are kept short, so that little of a segment is left over. */
#define RECORD_BYTES	1024u
/* A log this short is not worth it; where space is short, one with so little in excess. */
#define CHUNKS_MIN	16u
#define SLACK_BYTES	0x8000u

struct compaction {
	struct dxc_layer *layer;
	struct dxc_log log;		/* the new one */
	void *buf;			/* the layer's scratch may hold what waits for room */
	struct dxc_record rec;
	u64 bytes;
	u32 chunks, chunks_max;
	bool futile;			/* it would be longer than the old one */
};

bool dxc_layer_wants_compaction(const struct dxc_layer *layer)
{
	u64 bytes = (u64)layer->log_chunks * layer->vol->chunk_size;

	if (layer->damaged)
		return false;
	/* Where space is short a log is no longer than it has to be. */
	if (dxc_space_is_short(layer->space, layer->vol))
		return bytes > layer->live_bytes + layer->live_bytes / 4 + SLACK_BYTES &&
			layer->log_chunks > layer->compact_chunks + layer->compact_chunks / 4;
	/* live_bytes is an estimate: a log that did not get shorter is left alone for long. */
	return layer->log_chunks >= CHUNKS_MIN && bytes > 4 * layer->live_bytes &&
		layer->log_chunks > 2 * layer->compact_chunks;
}

static void next_record(struct compaction *co)
{
	dxc_record_start(&co->rec, co->buf, DAXFS_RECORD_MAX);
}

static int flush(struct compaction *co)
{
	const struct dxc_volume *vol = co->layer->vol;
	dxc_chunk chunk;
	u32 count;
	int err;

	if (co->rec.full)
		return -E2BIG;
	if (co->rec.size <= sizeof(struct daxfs_record))
		return 0;
	/* Whoever has the lease gives back what no log names, and it may be a file's by now. */
	if (!dxc_layer_look(co->layer))
		return -ESTALE;
	if (dxc_log_has_room(vol, &co->log, &co->rec)) {
		err = dxc_log_add(vol, &co->log, &co->rec);
	} else {
		err = dxc_space_take_segment(co->layer, co->rec.size, DXC_COMPACTS, &chunk, &count);
		if (err)
			return err;
		co->futile = co->chunks + count > co->chunks_max;
		err = co->futile ? -ENOSPC : 0;
		co->chunks += count;
		if (!err && !dxc_layer_look(co->layer))
			err = -ESTALE;
		/* Named by nothing before it is complete. */
		if (!err)
			err = dxc_log_extend(vol, &co->log, 0, chunk, count, &co->rec);
		if (err)
			dxc_space_drop_segment(co->layer, chunk, count);
	}
	co->bytes += co->rec.size;
	next_record(co);
	return err;
}

/* A record that fits the rest of the segment goes on to the end of that at most. */
static u32 record_limit(const struct compaction *co)
{
	u32 rest = dxc_log_room(co->layer->vol, &co->log);

	return rest >= co->rec.size ? min_t(u32, rest, RECORD_BYTES) : RECORD_BYTES;
}

/* Before so many items are added, of that many bytes together. */
static int make_room(struct compaction *co, u32 items, u32 bytes)
{
	if (co->rec.size + bytes <= record_limit(co) &&
	    co->rec.items + items <= DAXFS_ITEMS_MAX)
		return 0;
	return flush(co);
}

static int write_node(struct compaction *co, const struct dxc_node *node)
{
	struct dxc_place at = { 0, DXC_NO_INDEX };
	const struct dxc_layer_xattr *xa;
	const struct dxc_run *run;
	struct dxc_attr attr;
	int err;

	err = make_room(co, 1, sizeof(struct daxfs_item_inode));
	if (err)
		return err;
	attr = node->attr;
	if (node->has_attr)
		dxc_record_inode(&co->rec, &attr);
	if (node->target) {
		err = make_room(co, 1, dxc_name_bytes(attr.size));
		if (err)
			return err;
		dxc_record_symlink(&co->rec, attr.ino, node->target, strlen(node->target));
	}
	for (xa = node->xattrs; xa; xa = xa->next) {
		err = make_room(co, 1, dxc_xattr_bytes(xa));
		if (err)
			return err;
		dxc_record_xattr(&co->rec, attr.ino, xa->prefix, (const char *)xa->bytes,
				 xa->name_len, xa->removed ? NULL : xa->bytes + xa->name_len,
				 xa->value_len);
	}
	/*
	 * The file was shorter than now. A size in between would not say so when
	 * the layers below have blocks behind the end of theirs.
	 */
	if (!node->is_new && node->lower_end < DXC_BLOCKS_MAX) {
		err = make_room(co, 1, sizeof(struct daxfs_item_range));
		if (err)
			return err;
		dxc_record_range(&co->rec, attr.ino, node->lower_end,
				 DXC_BLOCKS_MAX - node->lower_end, 0);
	}
	while (dxc_blockmap_next(&node->map, &at)) {
		err = make_room(co, 1, sizeof(struct daxfs_item_range));
		if (err)
			return err;
		run = dxc_blockmap_at(&node->map, at);
		dxc_record_range(&co->rec, attr.ino, run->block, run->count, run->data);
	}
	return 0;
}

/*
 * Will replay find the inode that the name names? A log that lies about links
 * may have had it dropped, and a name without it would be refused.
 */
static bool has_inode(const struct dxc_layer *layer, const struct dxc_name *name)
{
	const struct dxc_node *node = dxc_node_find(layer, name->ino);
	struct dxc_file below dxc_uninitialized;

	if (node)
		return dxc_type_of_mode(node->attr.mode) == name->type;
	return !dxc_layer_below(layer, name->ino, &below) &&
		dxc_type_of_mode(below.attr.mode) == name->type;
}

static int write_name(struct compaction *co, const struct dxc_name *name)
{
	int err = make_room(co, 2, 2 * dxc_name_bytes(name->len));

	if (err)
		return err;
	if (name->covers)
		dxc_record_unlink(&co->rec, name->dir, name->name, name->len, name->ino);
	if (!name->whiteout && has_inode(co->layer, name))
		dxc_record_link(&co->rec, name->dir, name->name, name->len, name->ino,
				name->type);
	return 0;
}

/* Links of a directory in the order of their cookies, then what it takes away. */
static int write_all(struct compaction *co)
{
	struct dxc_layer *layer = co->layer;
	const struct dxc_node *node;
	const struct dxc_name *name;
	u32 i, k;
	int err;

	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = node->next) {
			err = write_node(co, node);
			if (err)
				return err;
		}
	}
	for (i = 0; i <= layer->node_mask; i++) {
		for (node = layer->nodes[i]; node; node = node->next) {
			for (k = 0; k < node->slot_count; k++) {
				err = node->slots[k].name ? write_name(co, node->slots[k].name) : 0;
				if (err)
					return err;
			}
		}
	}
	for (i = 0; i <= layer->name_mask; i++) {
		for (name = layer->names[i]; name; name = name->next) {
			err = name->whiteout ? write_name(co, name) : 0;
			if (err)
				return err;
		}
	}
	return flush(co);
}

/* Gives up the log chunks of a chain: those behind it are not looked at. */
static void drop_chain(struct dxc_layer *layer, const struct dxc_log *log)
{
	u32 left = dxc_chunk_count(layer->vol), i;
	dxc_chunk chunk = log->head;
	struct dxc_chunk_use use;
	u32 count;
	u64 next;

	/* What is left because a header cannot be read is found when the branch is loaded. */
	while (chunk != DXC_NO_CHUNK && left-- && !dxc_segment_read(layer->vol, chunk, &count)) {
		next = dxc_log_next(layer->vol, chunk);
		/* Not a data chunk that a header which was changed since names. */
		for (i = 0; i < count; i++)
			if (!dxc_chunk_read(layer->vol, chunk + i, &use) &&
			    use.kind == DAXFS_CHUNK_LOG)
				dxc_space_drop_chunk(layer, chunk + i);
		if (chunk == log->chunk || !next || next > dxc_chunk_count(layer->vol))
			break;
		chunk = next - 1;
	}
}

/*
 * The log stays as it was. What it failed for is noted, so that it is not tried again
 * before that has passed.
 */
static int give_up(struct compaction *co, int err)
{
	struct dxc_layer *layer = co->layer;

	drop_chain(layer, &co->log);
	if (err == -ENOMEM)
		return err;
	layer->tried_bytes = layer->log_bytes;
	layer->tried_free = DXC_NO_CHUNK;
	if (err == -ENOSPC && !co->futile)
		layer->tried_free = dxc_space_usable(layer->vol);
	else
		layer->tried_busy = DXC_NO_CHUNK;
	return err;
}

int dxc_layer_compact(struct dxc_layer *layer)
{
	struct compaction co = { .layer = layer, .chunks_max = layer->log_chunks };
	struct dxc_log old = layer->log;
	u32 chunks = layer->log_chunks, i;
	int err;

	if (!dxc_layer_look(layer))
		return -ESTALE;
	co.buf = dxc_alloc(1, DAXFS_RECORD_MAX);
	if (!co.buf)
		return -ENOMEM;
	layer->tried_busy = DXC_NO_CHUNK;
	co.log = old;
	co.log.head = DXC_NO_CHUNK;
	co.log.chunk = DXC_NO_CHUNK;
	co.log.ours = false;
	/* So that the first segments are not as long as the old log asks for. */
	layer->log_chunks = 0;
	next_record(&co);
	err = write_all(&co);
	dxc_free(co.buf);
	layer->log_chunks = chunks;
	if (err)
		return give_up(&co, err);
	/* Who follows the log elsewhere would take its numbers, which begin anew, for those before. */
	if (co.log.head == DXC_NO_CHUNK && !dxc_layer_is_quiet(layer))
		return give_up(&co, -ENOSPC);
	/* As it is read anew. */
	if (co.log.head == DXC_NO_CHUNK)
		co.log.seq = co.log.base_seq;
	/* Everything the word will lead to is durable: dxc_log_switch() fences. */
	err = dxc_log_switch(layer->vol, dxc_branch_head_at(layer->vol, layer->owner.branch),
			     &co.log);
	if (err == -ESTALE)
		layer->fenced = true;
	if (err)
		return give_up(&co, err);
	layer->log = co.log;
	layer->behind = 0;
	layer->log_chunks = co.chunks;
	layer->compact_chunks = co.chunks;
	layer->log_bytes = co.bytes;
	/* A log of nothing begins again where its parent's ends. */
	for (i = 0; i < layer->retired_count; i++)
		layer->retired[i].seq = min_t(u64, layer->retired[i].seq, layer->log.seq);
	dxc_layer_tell(layer);
	drop_chain(layer, &old);
	layer->tried_bytes = co.bytes;
	layer->tried_free = DXC_NO_CHUNK;
	return 0;
}

/* Has what compaction failed for last time passed, or has it not been tried? */
static bool may_succeed(const struct dxc_layer *layer)
{
	if (layer->log_bytes >= layer->tried_bytes + layer->vol->chunk_size)
		return true;
	/* Each mount that added to the log has begun a segment, however little is in it. */
	if (!layer->tried_bytes && layer->log_chunks > 1)
		return true;
	if (layer->tried_busy != DXC_NO_CHUNK &&
	    !dxc_space_chunk_is_busy(layer, layer->tried_busy))
		return true;
	return layer->tried_free != DXC_NO_CHUNK &&
		dxc_space_usable(layer->vol) > layer->tried_free;
}

bool dxc_layer_squeeze(struct dxc_layer *layer)
{
	/* Else each operation that fails would write all of the log. */
	return may_succeed(layer) && !dxc_layer_compact(layer);
}
