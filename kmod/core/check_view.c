// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker's look at a view: what a branch shows must be one tree whose
 * links are counted right, as the base was found to be.
 *
 * Only what the layers touch can differ from the base. So names are counted as
 * a difference: what the base has in a directory that was changed is taken
 * away, what the view has in it is added. What comes out belongs to the
 * inodes that layers touched or that such a directory names; all others have
 * what the base gives them. Directories are then followed towards the root,
 * each once.
 */
#include "checker.h"

/* What is known of an inode of the view. */
struct tally {
	dxc_ino ino;
	s64 names;		/* more than in the base */
	s64 subdirs;		/* likewise */
	dxc_ino in;		/* a changed directory that names it, or 0 */
	u32 next;		/* of the same bucket, + 1 */
	u32 mark;		/* of the walk towards the root that came by here */
	/* What the view shows, once it was asked: each time, all layers may have to be. */
	bool looked, there;
	u32 mode, nlink;
	dxc_ino parent, base_parent;
};

struct view {
	struct checker *c;
	const struct dxc_layer *top;
	dxc_off at;		/* of the branch's entry */
	struct tally *list;
	u32 count, room;
	u32 *buckets;		/* index in list + 1; room of them, a power of two */
	struct dxc_file file;
	struct dxc_dirent de;
	char target[DAXFS_SYMLINK_MAX + 1];
};

#define VIEW_FOUND(code, ino, detail) \
	found(v->c, code, DAXFS_AREA_BRANCHES, ino, v->at, detail)

static u32 bucket_of(const struct view *v, dxc_ino ino)
{
	/* With a number that nobody knows, as in layers: inodes cannot be chosen to share one. */
	return (ino * v->top->ino_key >> 32) * (u64)v->room >> 32;
}

static int grow(struct view *v)
{
	u32 room = v->room ? v->room * 2 : 256, i;
	struct tally *list;
	u32 *buckets;

	if (room >= 1u << 31)
		return -ENOMEM;
	list = dxc_alloc(room, sizeof(*list));
	buckets = dxc_alloc(room, sizeof(*buckets));
	if (!list || !buckets) {
		dxc_free(list);
		dxc_free(buckets);
		return -ENOMEM;
	}
	if (v->count)
		memcpy(list, v->list, v->count * sizeof(*list));
	dxc_free(v->list);
	dxc_free(v->buckets);
	v->list = list;
	v->buckets = buckets;
	v->room = room;
	for (i = 0; i < v->count; i++) {
		list[i].next = buckets[bucket_of(v, list[i].ino)];
		buckets[bucket_of(v, list[i].ino)] = i + 1;
	}
	return 0;
}

/* Index of the tally of an inode, made if it is not there; -ENOMEM. */
static int tally_of(struct view *v, dxc_ino ino, u32 *index)
{
	u32 i, *bucket;
	int err;

	if (v->count == v->room) {
		err = grow(v);
		if (err)
			return err;
	}
	bucket = &v->buckets[bucket_of(v, ino)];
	for (i = *bucket; i; i = v->list[i - 1].next) {
		if (v->list[i - 1].ino == ino) {
			*index = i - 1;
			return 0;
		}
	}
	memset(&v->list[v->count], 0, sizeof(v->list[0]));
	v->list[v->count].ino = ino;
	v->list[v->count].next = *bucket;
	*index = v->count;
	*bucket = ++v->count;
	return 0;
}

/* An inode as the view shows it, into v->file. *there: it does. */
static int look(struct view *v, dxc_ino ino, bool *there)
{
	struct dxc_finding f;
	int err = dxc_view_inode(v->top, ino, &v->file, &f);

	*there = !err;
	return err == -ESTALE ? 0 : decoded(v->c, err, &f);
}

/* The same, of a tally, which has it from then on. */
static int look_at(struct view *v, u32 index)
{
	struct tally *t = &v->list[index];
	bool there;
	int err = look(v, t->ino, &there);

	if (err)
		return err;
	t->looked = true;
	t->there = there;
	t->mode = v->file.attr.mode;
	t->nlink = v->file.attr.nlink;
	t->parent = v->file.attr.parent;
	t->base_parent = v->file.in_base ? v->file.base.parent : 0;
	return 0;
}

/* ---- counting ---- */

static int count_entry(struct view *v, u32 dir, int n)
{
	u32 i;
	int err = tally_of(v, v->de.ino, &i);

	if (err)
		return err;
	v->list[i].names += n;
	if (n > 0)
		v->list[i].in = v->list[dir].ino;
	if (v->de.type == S_IFDIR >> 12)
		v->list[dir].subdirs += n;
	return 0;
}

static int count_base(struct view *v, u32 dir)
{
	struct dxc_finding f;
	u32 i;
	int err;

	for (i = 0; i < v->file.base.count; i++) {
		err = i % 1024 ? 0 : dxc_pause();
		if (err)
			return err;
		err = dxc_dir_entry(v->c->vol, &v->file.base, i, &v->de, &f);
		if (err)
			return decoded(v->c, err, &f);
		err = count_entry(v, dir, -1);
		if (err)
			return err;
	}
	return 0;
}

static int count_view(struct view *v, u32 dir, const struct dxc_inode *base)
{
	struct dxc_finding f;
	u64 pos, n = 0;
	int err;

	for (pos = 0;; pos++) {
		err = ++n % 1024 ? 0 : dxc_pause();
		if (err)
			return err;
		err = dxc_view_next(v->top, v->list[dir].ino, base, &pos, &v->de, &f);
		if (err == -ENOENT)
			return 0;
		if (err)
			return decoded(v->c, err, &f);
		err = count_entry(v, dir, 1);
		if (err)
			return err;
	}
}

static int count_directory(struct view *v, u32 dir)
{
	bool there, was;
	int err = look_at(v, dir);

	if (err)
		return err;
	was = v->file.in_base && S_ISDIR(v->file.base.mode);
	there = v->list[dir].there && S_ISDIR(v->file.attr.mode);
	/* One that is gone took with it what was in it. */
	if (was && (!there || v->file.has_names))
		err = count_base(v, dir);
	if (!err && there && v->file.has_names)
		err = count_view(v, dir, was ? &v->file.base : NULL);
	return err;
}

/* ---- what was counted ---- */

static int check_tally(struct view *v, u32 index)
{
	const struct tally *t = &v->list[index];
	s64 names = t->names, subdirs = t->subdirs;
	const struct seen *seen;
	struct dxc_finding f;
	dxc_ino parent;
	bool there;
	int err;

	err = t->looked ? 0 : look_at(v, index);
	if (err)
		return err;
	if (t->ino && t->ino <= v->c->vol->inode_count) {
		seen = &v->c->seen[t->ino - 1];
		names += seen->names;
		subdirs += seen->subdirs;
	}
	if (!t->there)
		return names ? VIEW_FOUND(DXC_LR_MISSING, t->ino, names) : 0;
	if (S_ISLNK(t->mode)) {
		err = look(v, t->ino, &there);
		if (err || !there)
			return err;
		/* A replayed size is no longer than the buffer. */
		err = decoded(v->c, dxc_view_symlink(v->top, &v->file, v->target, &f), &f);
		if (err)
			return err;
	}
	if (!S_ISDIR(t->mode))
		return t->nlink == names ? 0 : VIEW_FOUND(DXC_LR_NLINK, t->ino, t->nlink);
	if (names != (t->ino != DAXFS_ROOT_INO))
		return VIEW_FOUND(DXC_LR_NAMES, t->ino, names);
	/* No changed directory names it: it is where it was. */
	parent = t->in ? t->in : t->base_parent;
	if (t->parent != parent)
		return VIEW_FOUND(DXC_LR_PARENT, t->ino, t->parent);
	if (t->nlink != 2 + subdirs)
		return VIEW_FOUND(DXC_LR_NLINK, t->ino, t->nlink);
	return 0;
}

/* As check_loop() of the base, with what the view says of parents. */
static int check_path(struct view *v, u32 index)
{
	dxc_ino start = v->list[index].ino, at = start;
	u32 mark = index + 1, i = index, n = 0;
	int err;

	for (;;) {
		err = ++n % 1024 ? 0 : dxc_pause();
		if (!err && !v->list[i].looked)
			err = look_at(v, i);
		if (err)
			return err;
		/* Of the first one that was said already; of others nothing else tells. */
		if (!v->list[i].there || !S_ISDIR(v->list[i].mode))
			return at == start ? 0 : VIEW_FOUND(DXC_LR_LOST, start, at);
		if (at == DAXFS_ROOT_INO)
			return 0;
		if (v->list[i].mark)
			return v->list[i].mark == mark ? VIEW_FOUND(DXC_LR_LOST, start, at) : 0;
		v->list[i].mark = mark;
		at = v->list[i].parent;
		err = tally_of(v, at, &i);
		if (err)
			return err;
	}
}

static int check_all(struct view *v)
{
	const struct dxc_layer *layer;
	u32 i, n, touched;
	dxc_ino ino;
	int err = 0;

	for (layer = v->top; layer; layer = layer->lower) {
		u32 bucket = 0, skip = 0;

		while (!err && !dxc_layer_next_ino(layer, &bucket, &skip, &ino)) {
			err = tally_of(v, ino, &n);
			if (!err && v->count % 1024 == 0)
				err = dxc_pause();
		}
	}
	touched = v->count;
	for (i = 0; !err && i < touched; i++) {
		err = i % 1024 ? 0 : dxc_pause();
		if (!err)
			err = count_directory(v, i);
	}
	n = v->count;
	for (i = 0; !err && i < n; i++) {
		err = i % 1024 ? 0 : dxc_pause();
		if (!err)
			err = check_tally(v, i);
	}
	/* What was not touched is in a base that is a tree, or below what was. */
	for (i = 0; !err && i < touched; i++)
		err = check_path(v, i);
	return err;
}

int dxc_check_view(struct checker *c, const struct dxc_layer *top, dxc_off at)
{
	struct view *v = dxc_alloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->c = c;
	v->top = top;
	v->at = at;
	err = check_all(v);
	dxc_free(v->list);
	dxc_free(v->buckets);
	dxc_free(v);
	return err;
}
