// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes, names and xattrs of a layer: hash tables that grow, and for each
 * directory the names that the layer made, in the order they came.
 */
#include "node.h"

#define TABLE_START 16u

/*
 * Not the hash of the format: whoever names files knows names that collide in
 * that whatever the seed. Each eight bytes go through a product of two halves,
 * so that what a difference of names becomes depends on the key; a product
 * with a constant would let differences of the uppermost bit through.
 */
u32 dxc_layer_hash(const struct dxc_layer *layer, dxc_ino dir, const char *name, u32 len)
{
	u32 low = layer->name_key, high = layer->name_key >> 32;
	u64 h = dir * layer->ino_key + len;
	__le64 raw;

	for (; len >= 8; len -= 8, name += 8) {
		memcpy(&raw, name, 8);
		h ^= le64_to_cpu(raw);
		h = (u64)((u32)h + low) * ((u32)(h >> 32) + high);
	}
	raw = 0;
	memcpy(&raw, name, len);
	h ^= le64_to_cpu(raw);
	h = (u64)((u32)h + low) * ((u32)(h >> 32) + high);
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15ull >> 32;
}

/* ---- inodes ---- */

/* The mask of a table for so many entries, at one a chain; that of an empty one is 0. */
static u32 mask_for(u32 mask, u64 count)
{
	if (count <= mask + 1ull)
		return mask;
	mask = max_t(u32, mask, TABLE_START / 2 - 1);
	do {
		mask = mask * 2 + 1;
	} while (count > mask + 1ull && mask < 1u << 30);
	return mask;
}

void dxc_nodes_reserve(struct dxc_layer *layer, u32 more)
{
	u32 mask = mask_for(layer->node_mask, (u64)layer->node_count + more), i;
	struct dxc_node **table, *node, **head;

	if (mask == layer->node_mask)
		return;
	table = dxc_alloc((u64)mask + 1, sizeof(*table));
	if (!table)
		return;
	for (i = 0; i <= layer->node_mask; i++) {
		while ((node = layer->nodes[i])) {
			layer->nodes[i] = node->next;
			head = dxc_node_chain(layer, table, mask, node->attr.ino);
			node->next = *head;
			*head = node;
		}
	}
	dxc_free(layer->nodes);
	layer->nodes = table;
	layer->node_mask = mask;
	layer->changes++;
}

/* What compaction writes for it, but for its names. */
static u64 node_bytes(const struct dxc_layer *layer, const struct dxc_node *node)
{
	u64 n = sizeof(struct daxfs_item_inode) +
		(u64)node->map.run_count * sizeof(struct daxfs_item_range);
	const struct dxc_layer_xattr *xa;

	for (xa = node->xattrs; xa; xa = xa->next)
		n += dxc_item_cost(layer, dxc_xattr_bytes(xa));
	/* That it was shorter once. */
	if (!node->is_new && S_ISREG(node->attr.mode))
		n += sizeof(struct daxfs_item_range);
	return node->target ?
		n + dxc_item_cost(layer, dxc_name_bytes(strlen(node->target))) : n;
}

void dxc_node_add(struct dxc_layer *layer, struct dxc_node *node)
{
	struct dxc_node **head = dxc_node_chain(layer, layer->nodes, layer->node_mask,
						node->attr.ino);

	node->next = *head;
	*head = node;
	layer->node_count++;
	layer->changes++;
	layer->live_bytes += node_bytes(layer, node);
}

void dxc_node_remove(struct dxc_layer *layer, struct dxc_node *node)
{
	struct dxc_node **at = dxc_node_chain(layer, layer->nodes, layer->node_mask,
					      node->attr.ino);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	layer->node_count--;
	layer->changes++;
	layer->live_bytes -= node_bytes(layer, node);
}

int dxc_node_get(struct dxc_layer *layer, dxc_ino ino, struct dxc_node **found)
{
	struct dxc_node *node = dxc_node_find(layer, ino);
	struct dxc_file below dxc_uninitialized;
	int err;

	*found = node;
	if (node)
		return 0;
	dxc_nodes_reserve(layer, 1);
	node = dxc_alloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->attr.ino = ino;
	/* Is it known below? What only branches have is looked up in no base. */
	node->is_new = true;
	if (ino <= layer->vol->inode_count || layer->lower) {
		err = dxc_layer_below(layer, ino, &below);
		if (!err)
			node->attr = below.attr;
		if (err && err != -ESTALE) {
			dxc_free(node);
			return err;
		}
		node->is_new = err == -ESTALE;
	}
	node->lower_end = node->is_new ? 0 : DXC_BLOCKS_MAX;
	dxc_node_add(layer, node);
	layer->last_ino = max_t(dxc_ino, layer->last_ino, ino);
	*found = node;
	return 0;
}

/* Nobody can ask for them any more, whatever number stays in the layer. */
static void drop_xattrs(struct dxc_layer *layer, struct dxc_node *node)
{
	struct dxc_layer_xattr *xa;

	while ((xa = node->xattrs)) {
		node->xattrs = xa->next;
		layer->live_bytes -= dxc_item_cost(layer, dxc_xattr_bytes(xa));
		dxc_free(xa);
	}
	dxc_free(node->xattr_table);
	node->xattr_table = NULL;
	node->xattr_mask = 0;
	node->xattrs_end = NULL;
	node->xattr_count = 0;
	node->xattr_list = 0;
}

void dxc_node_drop(struct dxc_layer *layer, struct dxc_node *node)
{
	layer->live_bytes -= (u64)node->map.run_count * sizeof(struct daxfs_item_range);
	dxc_blockmap_free(&node->map);
	node->forgotten = true;
	drop_xattrs(layer, node);
	/*
	 * A number that is known below stays, to say that it is gone. So does a
	 * directory that has names, says a log that lies: they refer to it.
	 */
	if (!node->is_new || node->slot_count || node->whiteouts)
		return;
	dxc_node_remove(layer, node);
	dxc_node_free(node);
}

void dxc_node_prune(struct dxc_layer *layer, dxc_ino ino)
{
	struct dxc_node *node = dxc_node_find(layer, ino);

	if (!node)
		return;
	node->stamp = 0;
	if (node->has_attr || node->slot_count || node->whiteouts || node->xattrs ||
	    node->target || node->map.run_count || node->forgotten ||
	    node->lower_end != (node->is_new ? 0 : DXC_BLOCKS_MAX))
		return;
	dxc_node_remove(layer, node);
	dxc_node_free(node);
}

void dxc_node_free(struct dxc_node *node)
{
	struct dxc_layer_xattr *xa;

	while ((xa = node->xattrs)) {
		node->xattrs = xa->next;
		dxc_free(xa);
	}
	dxc_blockmap_free(&node->map);
	dxc_free(node->xattr_table);
	dxc_free(node->slots);
	dxc_free(node->target);
	dxc_free(node);
}

/* ---- xattrs ---- */

/* So many of an inode are looked through one by one. */
#define XATTRS_FEW	16u

static bool is_xattr(const struct dxc_layer_xattr *xa, u32 prefix, const char *name, u32 len)
{
	return xa->prefix == prefix && xa->name_len == len && !memcmp(xa->bytes, name, len);
}

struct dxc_layer_xattr *dxc_xattr_in_node(const struct dxc_layer *layer,
					  const struct dxc_node *node, u32 prefix,
					  const char *name, u32 len)
{
	struct dxc_layer_xattr *xa;
	u32 hash;

	if (likely(!node->xattr_table)) {
		xa = node->xattrs;
		while (xa && !is_xattr(xa, prefix, name, len))
			xa = xa->next;
		return xa;
	}
	hash = dxc_layer_hash(layer, prefix, name, len);
	xa = node->xattr_table[hash & node->xattr_mask];
	while (xa && (xa->hash != hash || !is_xattr(xa, prefix, name, len)))
		xa = xa->chain;
	return xa;
}

static void chain_xattr(struct dxc_node *node, struct dxc_layer_xattr *xa)
{
	struct dxc_layer_xattr **head = &node->xattr_table[xa->hash & node->xattr_mask];

	xa->chain = *head;
	*head = xa;
}

/* Without memory the chains stay as long as they are, or the list is all there is. */
static void reserve_xattrs(struct dxc_node *node)
{
	u32 mask = mask_for(node->xattr_mask, node->xattr_count + 1ull);
	struct dxc_layer_xattr **table, *xa;

	if (node->xattr_count < XATTRS_FEW || (node->xattr_table && mask == node->xattr_mask))
		return;
	table = dxc_alloc((u64)mask + 1, sizeof(*table));
	if (!table)
		return;
	dxc_free(node->xattr_table);
	node->xattr_table = table;
	node->xattr_mask = mask;
	for (xa = node->xattrs; xa; xa = xa->next)
		chain_xattr(node, xa);
}

/* Takes it out; where the next one of its name would stand. */
static struct dxc_layer_xattr **remove_xattr(struct dxc_node *node, struct dxc_layer_xattr *xa)
{
	struct dxc_layer_xattr **at;

	*xa->at = xa->next;
	if (xa->next)
		xa->next->at = xa->at;
	else
		node->xattrs_end = xa->at;
	if (node->xattr_table) {
		at = &node->xattr_table[xa->hash & node->xattr_mask];
		while (*at != xa)
			at = &(*at)->chain;
		*at = xa->chain;
	}
	node->xattr_count--;
	return xa->at;
}

static void insert_xattr(struct dxc_node *node, struct dxc_layer_xattr *xa,
			 struct dxc_layer_xattr **at)
{
	reserve_xattrs(node);
	xa->at = at;
	xa->next = *at;
	*at = xa;
	if (xa->next)
		xa->next->at = &xa->next;
	else
		node->xattrs_end = &xa->next;
	if (node->xattr_table)
		chain_xattr(node, xa);
	node->xattr_count++;
}

void dxc_xattr_put(struct dxc_layer *layer, struct dxc_node *node, struct dxc_layer_xattr *xa)
{
	struct dxc_layer_xattr **at = node->xattrs_end ? node->xattrs_end : &node->xattrs, *old;

	xa->hash = dxc_layer_hash(layer, xa->prefix, (const char *)xa->bytes, xa->name_len);
	old = dxc_xattr_in_node(layer, node, xa->prefix, (const char *)xa->bytes, xa->name_len);
	if (old) {
		at = remove_xattr(node, old);
		layer->live_bytes -= dxc_item_cost(layer, dxc_xattr_bytes(old));
		if (!old->removed)
			node->xattr_list -= dxc_xattr_list_bytes(old->prefix, old->name_len);
		dxc_free(old);
	}
	if (xa->removed && !xa->hides) {
		dxc_free(xa);
		return;
	}
	if (!xa->removed)
		node->xattr_list += dxc_xattr_list_bytes(xa->prefix, xa->name_len);
	insert_xattr(node, xa, at);
	layer->live_bytes += dxc_item_cost(layer, dxc_xattr_bytes(xa));
}

/* ---- names ---- */

struct dxc_name *dxc_name_find(const struct dxc_layer *layer, dxc_ino dir, u32 hash,
			       const char *name, u32 len)
{
	struct dxc_name *entry = layer->names[hash & layer->name_mask];

	while (entry && (entry->hash != hash || entry->dir != dir || entry->len != len ||
			 memcmp(entry->name, name, len) != 0))
		entry = entry->next;
	return entry;
}

struct dxc_name *dxc_name_new(dxc_ino dir, u32 hash, const char *name, u32 len)
{
	struct dxc_name *entry = dxc_alloc(1, sizeof(*entry) + len);

	if (!entry)
		return NULL;
	entry->dir = dir;
	entry->hash = hash;
	entry->slot = DXC_NO_INDEX;
	entry->len = len;
	memcpy(entry->name, name, len);
	return entry;
}

void dxc_names_reserve(struct dxc_layer *layer, u32 more)
{
	u32 mask = mask_for(layer->name_mask, (u64)layer->name_count + more), i;
	struct dxc_name **table, *entry, **head;

	if (mask == layer->name_mask)
		return;
	table = dxc_alloc((u64)mask + 1, sizeof(*table));
	if (!table)
		return;
	for (i = 0; i <= layer->name_mask; i++) {
		while ((entry = layer->names[i])) {
			layer->names[i] = entry->next;
			head = &table[entry->hash & mask];
			entry->next = *head;
			*head = entry;
		}
	}
	dxc_free(layer->names);
	layer->names = table;
	layer->name_mask = mask;
	layer->changes++;
}

/* Moves slots together when half of them are empty, else makes room. */
int dxc_slots_reserve(struct dxc_node *dir, u32 more)
{
	struct dxc_slot *slots = dir->slots;
	u32 i, n, room;

	if (dir->slot_count + more <= dir->slot_room)
		return 0;
	if (dir->slot_dead < dir->slot_count / 2 || dir->slot_dead < more) {
		room = max_t(u32, dir->slot_room * 2, 4);
		if (room < dir->slot_count + more)
			room = dir->slot_count + more;
		slots = dxc_alloc(room, sizeof(*slots));
		if (!slots)
			return -ENOMEM;
		dir->slot_room = room;
	}
	for (i = 0, n = 0; i < dir->slot_count; i++) {
		if (!dir->slots[i].name)
			continue;
		slots[n] = dir->slots[i];
		slots[n].name->slot = n;
		n++;
	}
	if (slots != dir->slots) {
		dxc_free(dir->slots);
		dir->slots = slots;
	}
	dir->slot_count = n;
	dir->slot_dead = 0;
	return 0;
}

/* A name over one that the layers below have is that one taken away, and itself. */
static u32 name_bytes(const struct dxc_name *name)
{
	return dxc_name_bytes(name->len) * (name->covers && !name->whiteout ? 2 : 1);
}

void dxc_name_chain(struct dxc_layer *layer, struct dxc_name *name)
{
	struct dxc_name **head = &layer->names[name->hash & layer->name_mask];

	name->next = *head;
	*head = name;
	layer->name_count++;
	layer->changes++;
	layer->live_bytes += name_bytes(name);
}

void dxc_name_add(struct dxc_layer *layer, struct dxc_node *dir, struct dxc_name *name,
		  u64 cookie)
{
	dxc_name_chain(layer, name);
	name->slot = DXC_NO_INDEX;
	if (name->whiteout) {
		dir->whiteouts++;
		return;
	}
	name->slot = dir->slot_count++;
	dir->slots[name->slot].cookie = cookie;
	dir->slots[name->slot].name = name;
}

void dxc_name_remove(struct dxc_layer *layer, struct dxc_node *dir, struct dxc_name *name)
{
	struct dxc_name **at = &layer->names[name->hash & layer->name_mask];

	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	layer->name_count--;
	layer->changes++;
	layer->live_bytes -= name_bytes(name);
	if (name->slot == DXC_NO_INDEX) {
		dir->whiteouts--;
		return;
	}
	dir->slots[name->slot].name = NULL;
	dir->slot_dead++;
	/* The last ones need not wait to be moved together. */
	while (dir->slot_count && !dir->slots[dir->slot_count - 1].name) {
		dir->slot_count--;
		dir->slot_dead--;
	}
	name->slot = DXC_NO_INDEX;
}
