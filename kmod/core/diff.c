// SPDX-License-Identifier: GPL-2.0-only
/*
 * Diffs: what a layer says, held against the view below it. All that is asked is
 * found by way of what the layer has in memory, but for unchanged names, which only
 * the directories themselves know.
 */
#include "diff.h"
#include "node.h"

/* place->at[0] of files: an inode of the base, or a layer and a bucket of its names. */
#define IN_LAYERS	0x8000000000000000ull
#define DEPTH_SHIFT	32

/* Steps without a pause. */
#define PAUSE_STEPS	1024u

void dxc_diff_open(struct dxc_diff *diff, const struct dxc_layer *top)
{
	struct dxc_layer *nothing = &diff->nothing;

	diff->top = top;
	diff->below = top->lower;
	diff->no_node = NULL;
	diff->no_name = NULL;
	diff->set.marks = NULL;
	if (diff->below)
		return;
	memset(nothing, 0, sizeof(*nothing));
	nothing->vol = top->vol;
	nothing->space = top->space;
	nothing->ino_key = top->ino_key;
	nothing->name_key = top->name_key;
	nothing->nodes = &diff->no_node;
	nothing->names = &diff->no_name;
	diff->below = nothing;
}

static u64 mix(u64 sum, u64 value)
{
	sum = (sum ^ value) * 0x9e3779b97f4a7c15ull;
	return sum ^ sum >> 29;
}

u64 dxc_diff_state(const struct dxc_layer *top, bool names_only)
{
	const struct dxc_layer *layer;
	u64 sum = mix(names_only, top->names_seq);

	for (layer = top; layer; layer = layer->lower) {
		sum = mix(sum, dxc_id_word(layer->owner));
		/* Where names of the layers below are found is a place, too. */
		if (layer == top && names_only)
			continue;
		sum = mix(sum, layer->log.seq);
		sum = mix(sum, layer->log.head_link);
		sum = mix(sum, layer->changes);
		sum = mix(sum, (u64)layer->node_mask << 32 | layer->name_mask);
	}
	return sum ? sum : 1;
}

/* 1: no more steps. -EINTR. */
static int step(struct dxc_diff *diff)
{
	if (!diff->steps)
		return 1;
	return --diff->steps % PAUSE_STEPS ? 0 : dxc_pause();
}

static const struct dxc_inode *base_of(const struct dxc_file *file)
{
	return file->in_base ? &file->base : NULL;
}

/* What the base says of a directory; *base NULL: it is not from there. */
static int read_base_dir(struct dxc_diff *diff, dxc_ino dir, const struct dxc_inode **base,
			 struct dxc_finding *f)
{
	int err;

	*base = NULL;
	if (!dir || dir > diff->top->vol->inode_count)
		return 0;
	err = dxc_inode_read(diff->top->vol, dir, &diff->base, f);
	if (err)
		return err;
	if (!S_ISDIR(diff->base.mode))
		return dxc_found(f, -EUCLEAN, DXC_DE_TYPE, DAXFS_AREA_DIRS, dir, 0,
				 dxc_type_of_mode(diff->base.mode));
	*base = &diff->base;
	return 0;
}

static int tell(struct dxc_diff *diff)
{
	return diff->name(diff->priv, &diff->named);
}

/* A name of the view below that the layer says nothing of. */
static int tell_unchanged(struct dxc_diff *diff, dxc_ino dir, u64 pos, dxc_ino ino, u8 type,
			  const char *name, u32 len)
{
	struct dxc_diff_name *told = &diff->named;

	told->dir = dir;
	told->before = ino;
	told->after = ino;
	told->type_before = type;
	told->type_after = type;
	told->pos = pos;
	told->name = name;
	told->len = len;
	return tell(diff);
}

/* ---- names ---- */

static int tell_name(struct dxc_diff *diff, const struct dxc_name *entry, struct dxc_finding *f)
{
	struct dxc_diff_name *told = &diff->named;
	const struct dxc_inode *base;
	int err;

	err = read_base_dir(diff, entry->dir, &base, f);
	if (!err)
		err = dxc_view_lookup(diff->below, entry->dir, base, entry->name, entry->len,
				      &diff->de, f);
	if (err && err != -ENOENT)
		return err;
	memset(told, 0, sizeof(*told));
	if (!err) {
		told->before = diff->de.ino;
		told->type_before = diff->de.type;
	}
	if (!entry->whiteout) {
		told->after = entry->ino;
		told->type_after = entry->type;
	}
	/* Taken away from where it was not, says a log that lies. */
	if (!told->before && !told->after)
		return 0;
	told->dir = entry->dir;
	told->name = entry->name;
	told->len = entry->len;
	return tell(diff);
}

int dxc_diff_names(struct dxc_diff *diff, struct dxc_diff_place *place, struct dxc_finding *f)
{
	const struct dxc_layer *top = diff->top;
	const struct dxc_name *entry;
	int err;
	u64 i;

	for (; place->at[0] <= top->name_mask; place->at[0]++, place->at[1] = 0) {
		entry = top->names[place->at[0]];
		for (i = 0; entry && i < place->at[1]; i++)
			entry = entry->next;
		for (; entry; entry = entry->next, place->at[1]++) {
			err = step(diff);
			if (!err)
				err = tell_name(diff, entry, f);
			if (err)
				return err;
		}
		err = step(diff);
		if (err)
			return err;
	}
	return 0;
}

/* ---- inodes ---- */

/* Runs that the layers below have of a file, and what may lie between them: parts at most. */
static u64 parts_below(const struct dxc_diff *diff, dxc_ino ino)
{
	u64 left = 2 + (diff->old.in_base ? 2ull * diff->old.base.count : 0);
	const struct dxc_layer *layer;
	const struct dxc_node *node;

	for (layer = diff->below; layer; layer = layer->lower) {
		node = dxc_node_find(layer, ino);
		left += node ? 2 * (node->map.run_count + 1ull) : 0;
	}
	return left;
}

/* 1: there is something in blocks [first, end) of the file below; 0: holes. */
static int has_data_below(struct dxc_diff *diff, dxc_ino ino, u64 first, u64 end,
			  struct dxc_finding *f)
{
	dxc_pos pos = first * DAXFS_BLOCK_SIZE, next;
	u64 left = parts_below(diff, ino);
	struct dxc_part part;
	int err;

	while (pos < end * DAXFS_BLOCK_SIZE) {
		err = dxc_view_map(diff->below, ino, base_of(&diff->old), pos, &part, f);
		if (err)
			return err;
		if (part.ex.data)
			return 1;
		next = part.ex.pos + part.ex.len;
		if (next <= pos || !left--)
			return dxc_found(f, -EUCLEAN, DXC_EX_ORDER, DAXFS_AREA_EXTENTS, ino, 0,
					 pos);
		if (left % PAUSE_STEPS == 0 && dxc_pause())
			return -EINTR;
		pos = next;
	}
	return 0;
}

/*
 * Blocks that the layer says nothing of are those below, and those that it has itself
 * are its own. So only its holes are to be held against anything.
 */
static int data_differs(struct dxc_diff *diff, const struct dxc_node *node,
			struct dxc_finding *f)
{
	u64 size = diff->new.attr.size, end, last;
	struct dxc_place at = { 0, DXC_NO_INDEX };
	const struct dxc_run *run;
	int err = 0;

	if (diff->old.attr.size != size)
		return 1;
	end = size / DAXFS_BLOCK_SIZE + !!(size % DAXFS_BLOCK_SIZE);
	while (!err && dxc_blockmap_next(&node->map, &at)) {
		run = dxc_blockmap_at(&node->map, at);
		if (run->block >= end)
			break;
		if (run->data)
			return 1;
		last = min_t(u64, end, run->block + run->count);
		err = has_data_below(diff, node->attr.ino, run->block, last, f);
		if (!err && dxc_pause())
			err = -EINTR;
	}
	if (!err && node->lower_end < end)
		err = has_data_below(diff, node->attr.ino, node->lower_end, end, f);
	return err;
}

/* Is the xattr another one below, or not there? */
static int xattr_differs(struct dxc_diff *diff, dxc_ino ino, const struct dxc_layer_xattr *xa,
			 struct dxc_finding *f)
{
	const struct dxc_inode *base = base_of(&diff->old);
	const char *name = (const char *)xa->bytes;
	void *value;
	int len;

	len = dxc_view_xattr(diff->below, ino, base, xa->prefix, name, xa->name_len, NULL, 0, f);
	if (len == -ENODATA)
		return !xa->removed;
	if (len < 0)
		return len;
	if (xa->removed || (u32)len != xa->value_len)
		return 1;
	if (!len)
		return 0;
	value = dxc_alloc(1, len);
	if (!value)
		return -ENOMEM;
	len = dxc_view_xattr(diff->below, ino, base, xa->prefix, name, xa->name_len, value, len, f);
	/* Another one by now: who writes the base at the same time is not believed. */
	if (len == -ERANGE || len == -ENODATA)
		len = 1;
	else if (len >= 0)
		len = (u32)len != xa->value_len ||
			memcmp(value, xa->bytes + xa->name_len, xa->value_len) != 0;
	dxc_free(value);
	return len;
}

static int xattrs_differ(struct dxc_diff *diff, const struct dxc_node *node,
			 struct dxc_finding *f)
{
	const struct dxc_layer_xattr *xa;
	int err = 0;

	for (xa = node->xattrs; xa && !err; xa = xa->next) {
		err = xattr_differs(diff, node->attr.ino, xa, f);
		if (!err && dxc_pause())
			err = -EINTR;
	}
	return err;
}

/* diff->old and diff->new are read. DXC_DIFF_*, or an error. */
static int compare(struct dxc_diff *diff, const struct dxc_node *node, struct dxc_finding *f)
{
	const struct dxc_attr *a = &diff->old.attr, *b = &diff->new.attr;
	int differs = 0, err;

	if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid ||
	    a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor ||
	    (!S_ISDIR(b->mode) && a->size != b->size))
		differs |= DXC_DIFF_ATTR;
	if (a->mtime != b->mtime || a->mtime_nsec != b->mtime_nsec)
		differs |= DXC_DIFF_TIME;
	if (S_ISREG(b->mode)) {
		err = data_differs(diff, node, f);
		if (err < 0)
			return err;
		differs |= err ? DXC_DIFF_DATA : 0;
	}
	err = xattrs_differ(diff, node, f);
	if (err < 0)
		return err;
	differs |= err ? DXC_DIFF_XATTR : 0;
	return differs;
}

static int tell_inode(struct dxc_diff *diff, const struct dxc_node *node, struct dxc_finding *f)
{
	struct dxc_diff_inode *found = &diff->found;
	dxc_ino ino = node->attr.ino;
	int err;

	memset(found, 0, sizeof(*found));
	found->ino = ino;
	err = dxc_view_inode(diff->below, ino, &diff->old, f);
	if (err && err != -ESTALE)
		return err;
	found->was = !err;
	err = dxc_view_inode(diff->top, ino, &diff->new, f);
	if (err && err != -ESTALE)
		return err;
	found->is = !err;
	if (!found->was && !found->is)
		return 0;
	if (found->was)
		found->before = diff->old.attr;
	if (found->is)
		found->after = diff->new.attr;
	if (found->was && found->is) {
		err = compare(diff, node, f);
		if (err < 0)
			return err;
		found->differs = err;
	}
	return diff->inode(diff->priv, found);
}

int dxc_diff_inodes(struct dxc_diff *diff, struct dxc_diff_place *place, struct dxc_finding *f)
{
	const struct dxc_layer *top = diff->top;
	const struct dxc_node *node;
	int err;
	u64 i;

	for (; place->at[0] <= top->node_mask; place->at[0]++, place->at[1] = 0) {
		node = top->nodes[place->at[0]];
		for (i = 0; node && i < place->at[1]; i++)
			node = node->next;
		for (; node; node = node->next, place->at[1]++) {
			err = step(diff);
			if (!err)
				err = tell_inode(diff, node, f);
			if (err)
				return err;
		}
		err = step(diff);
		if (err)
			return err;
	}
	return 0;
}

/* ---- unchanged names of files ---- */

static bool is_changed(const struct dxc_diff *diff, dxc_ino dir, u32 hash, const char *name,
		       u32 len)
{
	return dxc_name_find(diff->top, dir, hash, name, len);
}

/* Entries of one directory of the base that no layer says anything of, from *pos on. */
static int files_of_base(struct dxc_diff *diff, dxc_ino dir, u64 *pos, struct dxc_finding *f)
{
	const struct dxc_layer *top = diff->top;
	struct dxc_dirent *de = &diff->de;
	const char *name;
	u32 hash;
	int err;

	for (; *pos < diff->base.count; ++*pos) {
		err = step(diff);
		if (!err)
			err = dxc_dir_entry(top->vol, &diff->base, *pos, de, f);
		if (err)
			return err;
		if (de->type == dxc_type_of_mode(S_IFDIR) || !dxc_node_find(top, de->ino))
			continue;
		name = dxc_dirent_name(de);
		hash = dxc_layer_hash(top, dir, name, de->len);
		if (dxc_name_above(top, NULL, dir, hash, name, de->len))
			continue;
		err = tell_unchanged(diff, dir, *pos, de->ino, de->type, name, de->len);
		if (err)
			return err;
	}
	return 0;
}

/* Names that a layer below made, if they are shown. */
static int file_of_layer(struct dxc_diff *diff, const struct dxc_layer *layer,
			 const struct dxc_name *entry)
{
	const struct dxc_node *dir;

	if (entry->whiteout || entry->type == dxc_type_of_mode(S_IFDIR) ||
	    !dxc_node_find(diff->top, entry->ino) ||
	    dxc_name_above(diff->top, layer, entry->dir, entry->hash, entry->name, entry->len))
		return 0;
	dir = dxc_node_find(layer, entry->dir);
	if (!dir || entry->slot >= dir->slot_count)
		return 0;
	return tell_unchanged(diff, entry->dir, dir->slots[entry->slot].cookie, entry->ino,
			      entry->type, entry->name, entry->len);
}

static int files_of_layer(struct dxc_diff *diff, const struct dxc_layer *layer,
			  struct dxc_diff_place *place)
{
	const struct dxc_name *entry;
	int err;
	u64 i;

	for (; (u32)place->at[0] <= layer->name_mask; place->at[0]++, place->at[1] = 0) {
		entry = layer->names[(u32)place->at[0]];
		for (i = 0; entry && i < place->at[1]; i++)
			entry = entry->next;
		for (; entry; entry = entry->next, place->at[1]++) {
			err = step(diff);
			if (!err)
				err = file_of_layer(diff, layer, entry);
			if (err)
				return err;
		}
		err = step(diff);
		if (err)
			return err;
	}
	return 0;
}

int dxc_diff_files(struct dxc_diff *diff, struct dxc_diff_place *place, struct dxc_finding *f)
{
	const struct dxc_volume *vol = diff->top->vol;
	const struct dxc_layer *layer;
	u64 depth, at = 0;
	int err;

	if (!place->at[0])
		place->at[0] = DAXFS_ROOT_INO;
	while (place->at[0] <= vol->inode_count) {
		err = dxc_inode_read(vol, place->at[0], &diff->base, f);
		if (!err && S_ISDIR(diff->base.mode))
			err = files_of_base(diff, place->at[0], &place->at[1], f);
		if (err)
			return err;
		place->at[0]++;
		place->at[1] = 0;
		err = step(diff);
		if (err)
			return err;
	}
	if (place->at[0] < IN_LAYERS) {
		place->at[0] = IN_LAYERS;
		place->at[1] = 0;
	}
	depth = (place->at[0] & ~IN_LAYERS) >> DEPTH_SHIFT;
	for (layer = diff->below; layer; layer = layer->lower, at++) {
		if (at < depth)
			continue;
		err = files_of_layer(diff, layer, place);
		if (err)
			return err;
		place->at[0] = IN_LAYERS | (at + 1) << DEPTH_SHIFT;
		place->at[1] = 0;
	}
	return 0;
}

/* ---- directories on the way up ---- */

#define MARK_BELOW	0x1u	/* the way up from it was gone, below */
#define MARK_TOP	0x2u	/* likewise in the view */
#define MARK_HOLDS	0x4u	/* directories of the set are in it */

struct dxc_diff_mark {
	dxc_ino ino;		/* 0: none */
	u32 bits;
};

#define SET_START	64u

static struct dxc_diff_mark *find_mark(const struct dxc_diff *diff,
				       const struct dxc_diff_set *set, dxc_ino ino)
{
	u32 i = (ino * diff->top->ino_key >> 32) * (set->mask + 1ull) >> 32;

	while (set->marks[i].ino && set->marks[i].ino != ino)
		i = (i + 1) & set->mask;
	return &set->marks[i];
}

static int grow_set(struct dxc_diff *diff)
{
	struct dxc_diff_set more = { .mask = diff->set.mask * 2 + 1, .count = diff->set.count };
	u32 i;

	if (more.mask >= 1u << 30)
		return -ENOMEM;
	more.marks = dxc_alloc(more.mask + 1ull, sizeof(*more.marks));
	if (!more.marks)
		return -ENOMEM;
	for (i = 0; i <= diff->set.mask; i++)
		if (diff->set.marks[i].ino)
			*find_mark(diff, &more, diff->set.marks[i].ino) = diff->set.marks[i];
	dxc_free(diff->set.marks);
	diff->set = more;
	return 0;
}

/* Was its way up gone already? 0, 1, or an error. */
static int mark(struct dxc_diff *diff, dxc_ino ino, u32 bits)
{
	struct dxc_diff_mark *found;
	bool gone;
	int err;

	if (diff->set.count >= diff->set.mask / 2) {
		err = grow_set(diff);
		if (err)
			return err;
	}
	found = find_mark(diff, &diff->set, ino);
	diff->set.count += !found->ino;
	gone = (found->bits & bits & ~MARK_HOLDS) != 0;
	found->ino = ino;
	found->bits |= bits;
	return gone;
}

/* Each directory is passed once, so that parents which go round lead nowhere. */
static int climb(struct dxc_diff *diff, const struct dxc_layer *view, dxc_ino ino, u32 way,
		 struct dxc_finding *f)
{
	u32 n = 0;
	int err;

	for (;; ino = diff->old.attr.parent, way |= MARK_HOLDS) {
		err = dxc_view_inode(view, ino, &diff->old, f);
		/* It is not in this view. */
		if (err == -ESTALE)
			return 0;
		if (!err && !S_ISDIR(diff->old.attr.mode))
			err = dxc_found(f, -EUCLEAN, DXC_DE_TYPE, DAXFS_AREA_DIRS, ino, 0,
					dxc_type_of_mode(diff->old.attr.mode));
		if (!err)
			err = mark(diff, ino, way);
		if (err || ino == DAXFS_ROOT_INO)
			return err < 0 ? err : 0;
		if (++n % PAUSE_STEPS == 0 && dxc_pause())
			return -EINTR;
	}
}

/* 0: the layer has it, or there is a name in it that was told as a file's. */
static int may_be_told(struct dxc_diff *diff, const struct dxc_diff_dir *dir)
{
	const struct dxc_layer *top = diff->top;
	struct dxc_dirent *de = &diff->de;
	const struct dxc_inode *base;
	const char *name;
	int err;

	/* Who asks names what he likes. */
	err = dxc_view_inode(top, dir->ino, &diff->old, NULL);
	if (!err && !S_ISDIR(diff->old.attr.mode))
		return -EINVAL;
	if (dxc_node_find(top, dir->ino))
		return 0;
	err = read_base_dir(diff, dir->ino, &base, NULL);
	if (!err)
		err = dxc_view_at(diff->below, dir->ino, base, dir->pos, de, NULL);
	if (err)
		return err == -ENOENT || err == -EUCLEAN ? -EINVAL : err;
	name = dxc_dirent_name(de);
	if (de->type == dxc_type_of_mode(S_IFDIR) || !dxc_node_find(top, de->ino) ||
	    is_changed(diff, dir->ino, dxc_layer_hash(top, dir->ino, name, de->len), name, de->len))
		return -EINVAL;
	return 0;
}

static int compare_marks(const void *a, const void *b)
{
	dxc_ino left = ((const struct dxc_diff_mark *)a)->ino;
	dxc_ino right = ((const struct dxc_diff_mark *)b)->ino;

	return (left > right) - (left < right);
}

/* Makes of the table a list, sorted by number. */
static void sort_set(struct dxc_diff_set *set)
{
	u32 i, n = 0;

	for (i = 0; i <= set->mask; i++)
		if (set->marks[i].ino)
			set->marks[n++] = set->marks[i];
	dxc_sort(set->marks, n, sizeof(*set->marks), compare_marks);
}

/* The first of the list that is not before ino. */
static u32 search_set(const struct dxc_diff_set *set, dxc_ino ino)
{
	u32 lo = 0, hi = set->count, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (set->marks[mid].ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_in_set(const struct dxc_diff_set *set, dxc_ino ino)
{
	u32 i = search_set(set, ino);

	return i < set->count && set->marks[i].ino == ino;
}

static int make_set(struct dxc_diff *diff, const struct dxc_diff_dir *list, u32 count,
		    struct dxc_finding *f)
{
	int err = 0;
	u32 i;

	diff->set.mask = SET_START - 1;
	diff->set.count = 0;
	diff->set.marks = dxc_alloc(SET_START, sizeof(*diff->set.marks));
	if (!diff->set.marks)
		return -ENOMEM;
	for (i = 0; i < count && !err; i++) {
		err = may_be_told(diff, &list[i]);
		if (!err)
			err = climb(diff, diff->below, list[i].ino, MARK_BELOW, f);
		if (!err)
			err = climb(diff, diff->top, list[i].ino, MARK_TOP, f);
		if (!err && i % PAUSE_STEPS == PAUSE_STEPS - 1)
			err = dxc_pause();
	}
	if (!err)
		sort_set(&diff->set);
	return err;
}

/* Unchanged names in a directory of directories that are in the set, from *pos on. */
static int dirs_of(struct dxc_diff *diff, dxc_ino dir, u64 *pos, struct dxc_finding *f)
{
	const struct dxc_layer *top = diff->top;
	struct dxc_dirent *de = &diff->de;
	const struct dxc_inode *base;
	const char *name;
	int err;

	err = read_base_dir(diff, dir, &base, f);
	if (err)
		return err;
	for (;; ++*pos) {
		err = step(diff);
		if (!err)
			err = dxc_view_next(diff->below, dir, base, pos, de, f);
		if (err)
			return err == -ENOENT ? 0 : err;
		if (de->type != dxc_type_of_mode(S_IFDIR) || !is_in_set(&diff->set, de->ino))
			continue;
		name = dxc_dirent_name(de);
		if (is_changed(diff, dir, dxc_layer_hash(top, dir, name, de->len), name, de->len))
			continue;
		err = tell_unchanged(diff, dir, 0, de->ino, de->type, name, de->len);
		if (err)
			return err;
	}
}

int dxc_diff_dirs(struct dxc_diff *diff, const struct dxc_diff_dir *list, u32 count,
		  struct dxc_diff_place *place, struct dxc_finding *f)
{
	int err;
	u32 i;

	err = make_set(diff, list, count, f);
	i = err ? 0 : search_set(&diff->set, place->at[0]);
	for (; !err && i < diff->set.count; i++) {
		if (diff->set.marks[i].ino != place->at[0]) {
			place->at[0] = diff->set.marks[i].ino;
			place->at[1] = 0;
		}
		/* What is not below has names of the layer only. */
		if (diff->set.marks[i].bits & MARK_HOLDS && diff->set.marks[i].bits & MARK_BELOW)
			err = dirs_of(diff, place->at[0], &place->at[1], f);
		else
			err = step(diff);
	}
	dxc_free(diff->set.marks);
	diff->set.marks = NULL;
	return err;
}
