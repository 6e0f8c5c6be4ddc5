// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records taken into a layer: by operations that have just appended them and by
 * replay, through the same code, so that a layer is what its log says (I-9).
 *
 * A name that the layers below have is taken away (UNLINK) before it is given
 * to another inode (LINK), in the same record at the latest. So what a layer
 * hides is known without looking below: an UNLINK of a name that the layer did
 * not make itself makes a whiteout, a LINK to a name that it says nothing of
 * has nothing below.
 */
#include "node.h"

#define BAD(code, ino, detail) \
	dxc_found(f, -EUCLEAN, code, DAXFS_AREA_DELTA, ino, 0, detail)

static int prepare_name(struct dxc_layer *layer, struct dxc_item *item, struct dxc_apply *ap,
			struct dxc_finding *f)
{
	struct dxc_node *dir, *node;
	struct dxc_name *entry;
	int err;

	err = dxc_node_get(layer, item->dir, &item->dir_node);
	if (err)
		return err;
	dir = item->dir_node;
	if (!S_ISDIR(dir->attr.mode))
		return BAD(DXC_LR_DIR, item->dir, item->ino);
	item->hash = dxc_layer_hash(layer, item->dir, item->name, item->len);
	entry = dxc_name_find(layer, item->dir, item->hash, item->name, item->len);
	if (item->type == DAXFS_ITEM_LINK) {
		/* One more for each name of this record. */
		if (dir->stamp != layer->log.seq + 1) {
			dir->stamp = layer->log.seq + 1;
			dir->wanted = 0;
		}
		err = dxc_slots_reserve(dir, ++dir->wanted);
		if (err)
			return err;
		if (ap->replay) {
			/* Its inode was named by an item before, or is known below. */
			err = dxc_node_get(layer, item->ino, &node);
			if (err)
				return err;
			if (dxc_type_of_mode(node->attr.mode) != item->kind)
				return BAD(DXC_LR_LINK, item->ino, item->kind);
		}
	}
	/* After a commit it would be taken away from a log that never gave it. */
	if (ap->replay && !entry && item->type == DAXFS_ITEM_UNLINK) {
		err = dir->is_new ? -ENOENT :
			dxc_layer_below_name(layer, item->dir, item->name, item->len, NULL);
		if (err == -ENOENT)
			return BAD(DXC_LR_UNLINK, item->dir, item->ino);
		/* A directory that is damaged is no reason to show nothing at all. */
		if (err == -EIO)
			layer->unread = err;
	}
	/* A whiteout becomes a name and the other way; else a new one is needed. */
	if (entry && (entry->whiteout || item->type == DAXFS_ITEM_UNLINK))
		return 0;
	dxc_names_reserve(layer, 2);
	entry = dxc_name_new(item->dir, item->hash, item->name, item->len);
	if (!entry)
		return -ENOMEM;
	*ap->names_end = entry;
	ap->names_end = &entry->next;
	return 0;
}

static int prepare_range(struct dxc_layer *layer, struct dxc_item *item, u32 changes,
			 bool replay, struct dxc_finding *f)
{
	u64 end = item->block + item->count;
	struct dxc_node *node;
	int err;

	err = dxc_node_get(layer, item->ino, &item->node);
	if (err)
		return err;
	node = item->node;
	if (!S_ISREG(node->attr.mode))
		return BAD(DXC_LR_RANGE, item->ino, item->block);
	/* What other items of a record from the region do to the map is not known before. */
	if (replay)
		return 0;
	err = dxc_blockmap_reserve(&node->map, item->block, changes);
	/* Done in two parts: see apply_range(). */
	if (!err && item->type == DAXFS_ITEM_UNMAP && node->lower_end > item->block &&
	    node->lower_end < end)
		err = dxc_blockmap_reserve(&node->map, node->lower_end, changes);
	return err;
}

/*
 * More names than can be listed, nobody has set: dxc_view_xattr_room() is asked before. In a
 * log they would make each further one, which is looked for among them, slower.
 */
static bool lists_too_much(const struct dxc_layer *layer, const struct dxc_item *item)
{
	u32 need = dxc_xattr_list_bytes(item->kind, item->len);
	const struct dxc_layer_xattr *old;

	if (item->node->xattr_list + need <= DXC_XATTR_LIST_MAX)
		return false;
	old = dxc_xattr_in_node(layer, item->node, item->kind, item->name, item->len);
	return !old || old->removed;
}

static int prepare_xattr(struct dxc_layer *layer, struct dxc_item *item,
			 struct dxc_apply *ap)
{
	struct dxc_layer_xattr *xa;
	int err;

	err = dxc_node_get(layer, item->ino, &item->node);
	if (err)
		return err;
	/* An inode that nobody made: no compaction would write it, no deletion free it. */
	if (!item->node->attr.mode)
		return -EUCLEAN;
	if (ap->replay && item->type == DAXFS_ITEM_XATTR && lists_too_much(layer, item))
		return -EUCLEAN;
	xa = dxc_alloc(1, sizeof(*xa) + item->len + item->value_len);
	if (!xa)
		return -ENOMEM;
	xa->prefix = item->kind;
	xa->name_len = item->len;
	xa->value_len = item->value_len;
	xa->removed = item->type == DAXFS_ITEM_UNXATTR;
	xa->hides = xa->removed && !item->node->is_new &&
		dxc_layer_below_has_xattr(layer, item->ino, item->kind, item->name, item->len);
	memcpy(xa->bytes, item->name, item->len);
	if (item->value_len)
		memcpy(xa->bytes + item->len, item->value, item->value_len);
	*ap->xattrs_end = xa;
	ap->xattrs_end = &xa->next;
	return 0;
}

static int prepare_inode(struct dxc_layer *layer, struct dxc_item *item,
			 struct dxc_finding *f)
{
	struct dxc_node *node;
	int err;

	err = dxc_node_get(layer, item->ino, &item->node);
	if (err)
		return err;
	node = item->node;
	/* A file stays of the type it is. A new one's is known from here on. */
	if (!node->attr.mode)
		node->attr.mode = item->attr.mode & S_IFMT;
	else if ((node->attr.mode ^ item->attr.mode) & S_IFMT)
		return BAD(DXC_LR_TYPE, item->ino, item->attr.mode);
	return 0;
}

static int prepare_symlink(struct dxc_layer *layer, struct dxc_item *item,
			   struct dxc_apply *ap, struct dxc_finding *f)
{
	struct dxc_node *node;
	char *target;
	int err;

	err = dxc_node_get(layer, item->ino, &item->node);
	if (err)
		return err;
	node = item->node;
	/* One target, given to a symlink that is made. */
	if (!node->is_new || !S_ISLNK(node->attr.mode) || node->target || ap->target)
		return BAD(DXC_LR_SYMLINK, item->ino, item->len);
	target = dxc_alloc(1, item->len + 1);
	if (!target)
		return -ENOMEM;
	memcpy(target, item->name, item->len);
	/* Compaction puts many into a record; who replays throws all away on error. */
	if (ap->replay)
		node->target = target;
	else
		ap->target = target;
	return 0;
}

static int prepare(struct dxc_layer *layer, struct dxc_item *item, u32 ranges,
		   struct dxc_apply *ap, struct dxc_finding *f)
{
	switch (item->type) {
	case DAXFS_ITEM_INODE:
		return prepare_inode(layer, item, f);
	case DAXFS_ITEM_LINK:
	case DAXFS_ITEM_UNLINK:
		return prepare_name(layer, item, ap, f);
	case DAXFS_ITEM_MAP:
	case DAXFS_ITEM_UNMAP:
		return prepare_range(layer, item, ranges, ap->replay, f);
	case DAXFS_ITEM_SYMLINK:
		return prepare_symlink(layer, item, ap, f);
	default:
		return prepare_xattr(layer, item, ap);
	}
}

int dxc_apply_prepare(struct dxc_layer *layer, const void *record, u32 size, u32 ranges,
		      bool replay, struct dxc_apply *ap, struct dxc_finding *f)
{
	struct dxc_item *item = layer->items;
	u32 pos = 0;
	int err;

	memset(ap, 0, sizeof(*ap));
	ap->names_end = &ap->names;
	ap->xattrs_end = &ap->xattrs;
	ap->replay = replay;
	while (!(err = dxc_item_next(layer->vol, record, size, &pos, item))) {
		err = ap->items == DAXFS_ITEMS_MAX ? -EUCLEAN :
			prepare(layer, item, ranges, ap, f);
		if (err)
			break;
		item = &layer->items[++ap->items];
	}
	if (err == -ENODATA)
		return 0;
	if (err == -EUCLEAN && f && f->code == DXC_OK)
		BAD(DXC_LR_ITEM, item->ino, item->type);
	dxc_apply_cancel(layer, record, size, ap);
	return err;
}

static void drop_prepared(struct dxc_apply *ap)
{
	struct dxc_layer_xattr *xa;
	struct dxc_name *entry;

	while ((entry = ap->names)) {
		ap->names = entry->next;
		dxc_free(entry);
	}
	while ((xa = ap->xattrs)) {
		ap->xattrs = xa->next;
		dxc_free(xa);
	}
	dxc_free(ap->target);
	ap->target = NULL;
}

void dxc_apply_cancel(struct dxc_layer *layer, const void *record, u32 size,
		      struct dxc_apply *ap)
{
	struct dxc_item *item = layer->items;
	u32 pos = 0;

	drop_prepared(ap);
	/* Who replays throws all away. */
	if (ap->replay)
		return;
	while (!dxc_item_next(layer->vol, record, size, &pos, item)) {
		dxc_node_prune(layer, item->ino);
		if (item->type == DAXFS_ITEM_LINK || item->type == DAXFS_ITEM_UNLINK)
			dxc_node_prune(layer, item->dir);
	}
}

/* ---- what cannot fail any more ---- */

/* What was prepared for the item, mostly the first in the list; NULL if nothing was. */
static struct dxc_name *take_name(struct dxc_apply *ap, const struct dxc_item *item)
{
	struct dxc_name **at = &ap->names, *entry;

	while ((entry = *at) &&
	       (entry->hash != item->hash || entry->dir != item->dir || entry->len != item->len ||
		memcmp(entry->name, item->name, item->len) != 0))
		at = &entry->next;
	if (entry)
		*at = entry->next;
	return entry;
}

static void apply_link(struct dxc_layer *layer, const struct dxc_item *item,
		       struct dxc_apply *ap)
{
	struct dxc_node *dir = item->dir_node;
	struct dxc_name *entry, *spare;

	entry = dxc_name_find(layer, item->dir, item->hash, item->name, item->len);
	spare = take_name(ap, item);
	if (entry) {
		/* Over a whiteout. A link over a link is a log that lies; the last one counts. */
		dxc_name_remove(layer, dir, entry);
		dxc_free(spare);
	} else {
		entry = spare;
	}
	if (!entry)
		return;
	entry->ino = item->ino;
	entry->type = item->kind;
	entry->whiteout = false;
	dxc_name_add(layer, dir, entry, layer->next_cookie++);
}

static void apply_unlink(struct dxc_layer *layer, const struct dxc_item *item,
			 struct dxc_apply *ap)
{
	struct dxc_node *dir = item->dir_node;
	struct dxc_name *entry;

	entry = dxc_name_find(layer, item->dir, item->hash, item->name, item->len);
	if (entry) {
		dxc_name_remove(layer, dir, entry);
		if (!entry->covers) {
			dxc_free(entry);
			return;
		}
	} else {
		entry = take_name(ap, item);
		if (!entry)	/* taken away twice, says a log that lies */
			return;
		entry->covers = true;
	}
	entry->ino = item->ino;
	entry->whiteout = true;
	dxc_name_add(layer, dir, entry, 0);
}

/* Blocks that replay drops were never claimed, nor are those of a husk. */
static dxc_dropped dropped_by(const struct dxc_apply *ap, const struct dxc_node *node)
{
	if (ap->follow)
		return node->husk ? NULL : dxc_space_leave;
	return ap->replay ? NULL : dxc_space_free;
}

static void count_runs(struct dxc_layer *layer, const struct dxc_node *node, u32 before)
{
	layer->live_bytes += (u64)node->map.run_count * sizeof(struct daxfs_item_range);
	layer->live_bytes -= (u64)before * sizeof(struct daxfs_item_range);
}

static void apply_inode(struct dxc_layer *layer, const struct dxc_item *item,
			const struct dxc_apply *ap)
{
	struct dxc_node *node = item->node;
	u64 end = (item->attr.size + DAXFS_BLOCK_SIZE - 1) / DAXFS_BLOCK_SIZE;
	u32 before = node->map.run_count;

	/* A shorter file loses its blocks; what comes after it later is a hole. */
	if (S_ISREG(item->attr.mode) && item->attr.size < node->attr.size) {
		dxc_blockmap_set(&node->map, end, DXC_BLOCKS_MAX - end, 0, false, layer,
				 dropped_by(ap, node));
		node->lower_end = min_t(u64, node->lower_end, end);
		count_runs(layer, node, before);
	}
	node->attr = item->attr;
	node->has_attr = true;
}

/* Part of a file is at data, or a hole. */
static void set_range(struct dxc_layer *layer, struct dxc_node *node, u64 block, u64 count,
		      dxc_off data, bool keep_hole, struct dxc_apply *ap)
{
	/* Nothing was reserved, and failing is still possible. */
	if (ap->replay && dxc_blockmap_reserve(&node->map, block, 1)) {
		ap->failed = true;
		return;
	}
	dxc_blockmap_set(&node->map, block, count, data, keep_hole, layer,
			 dropped_by(ap, node));
}

static void apply_range(struct dxc_layer *layer, const struct dxc_item *item,
			struct dxc_apply *ap)
{
	struct dxc_node *node = item->node;
	u32 before = node->map.run_count;
	u64 end = item->block + item->count, hide;

	if (item->type == DAXFS_ITEM_MAP) {
		set_range(layer, node, item->block, item->count, item->data, false, ap);
	} else {
		/* Only what is below needs to be hidden. */
		hide = min_t(u64, end, max_t(u64, node->lower_end, item->block));
		if (hide < end)
			set_range(layer, node, hide, end - hide, 0, false, ap);
		if (item->block < hide)
			set_range(layer, node, item->block, hide - item->block, 0, true, ap);
	}
	count_runs(layer, node, before);
}

static void apply_xattr(struct dxc_layer *layer, const struct dxc_item *item,
			struct dxc_apply *ap)
{
	struct dxc_layer_xattr *xa = ap->xattrs;

	ap->xattrs = xa->next;
	dxc_xattr_put(layer, item->node, xa);
}

static void take_in(struct dxc_layer *layer, const struct dxc_item *item, struct dxc_apply *ap)
{
	switch (item->type) {
	case DAXFS_ITEM_INODE:
		apply_inode(layer, item, ap);
		break;
	case DAXFS_ITEM_LINK:
		apply_link(layer, item, ap);
		layer->names_seq = layer->log.seq;
		break;
	case DAXFS_ITEM_UNLINK:
		apply_unlink(layer, item, ap);
		layer->names_seq = layer->log.seq;
		break;
	case DAXFS_ITEM_MAP:
	case DAXFS_ITEM_UNMAP:
		apply_range(layer, item, ap);
		break;
	case DAXFS_ITEM_SYMLINK:
		layer->live_bytes += dxc_item_cost(layer, dxc_name_bytes(item->len));
		if (ap->target)
			item->node->target = ap->target;
		ap->target = NULL;
		break;
	default:
		apply_xattr(layer, item, ap);
	}
}

void dxc_apply(struct dxc_layer *layer, u32 size, struct dxc_apply *ap)
{
	u32 i;

	for (i = 0; i < ap->items; i++)
		take_in(layer, &layer->items[i], ap);
	layer->log_bytes += size;
	if (unlikely(ap->names || ap->xattrs || ap->target))
		drop_prepared(ap);
}
