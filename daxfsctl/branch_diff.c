// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes changes of paths out of what a branch changed: names and inodes, which
 * branch_feed.c reads. Knows no output and no branch. What differs the core has
 * found; here names get their paths, and what lost one name and gained another
 * was renamed.
 *
 * A name that moved is one rename, not as many changes as there are names beneath
 * it. An image may claim that directories are inside themselves or have several
 * names: what no path from the root leads to is not shown, and two names are an
 * error.
 */
#include "branch_diff.h"

#include <stdio.h>

#include "branch_feed.h"

/* Names of a directory that are asked for at once. */
#define DIRS_AT_ONCE DAXFS_DIFF_DIRS_MAX

/* How often a branch that changes while it is read is read again. */
#define READ_TRIES 8

/* A name of the branch or, if it did not change, of something that did. */
struct entry {
	dxc_ino dir, before, after;
	u64 pos;
	char *name; /* NUL terminated: no legal name holds one */
	bool was_dir, is_dir;
};

/* An inode that the branch has. */
struct object {
	dxc_ino ino;
	u32 differs;
	bool was, is;
	bool names_differ; /* directory: names in it came or went */
	bool settled; /* is part of a rename */
	u32 old_mode, mode, nlink;
	u64 old_size, size;
	u64 known; /* names of it that were told */
};

/* What a directory is called in one of the views. */
struct spot {
	dxc_ino ino, dir;
	const char *name; /* the entry's */
	char *path; /* when it was found; "": the root */
	bool lost; /* no way up leads to the root */
	bool passed; /* on the way up that is gone just now */
};

struct spots {
	struct spot *list;
	size_t count, room;
};

/* A name that one view has and the other has not, or has for something else. */
struct name {
	char *path;
	dxc_ino ino;
	bool is_dir;
	bool settled; /* is part of a rename */
};

struct names {
	struct name *list;
	size_t count, room;
};

struct compare {
	struct feed *feed;
	struct entry *entries;
	size_t entry_count, entry_room;
	struct object *objects; /* sorted, once they are all there */
	size_t object_count, object_room;
	bool filters; /* unchanged names: only those of what differs are kept */
	struct spots before, after;
	struct names removed, added;
	struct diff *diff;
	size_t change_room;
};

/* Room for one more in an array that grows; NULL without memory, the array as before. */
static void *make_room(void *list, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 16;

	if (count < *room)
		return list;
	list = reallocarray(list, more, size);
	if (list)
		*room = more;
	return list;
}

/* ---- what was told ---- */

static int compare_inos(dxc_ino left, dxc_ino right)
{
	return (left > right) - (left < right);
}

static int compare_objects(const void *a, const void *b)
{
	return compare_inos(((const struct object *)a)->ino,
			    ((const struct object *)b)->ino);
}

static struct object *object_of(const struct compare *cmp, dxc_ino ino)
{
	const struct object key = { .ino = ino };

	return cmp->object_count ? bsearch(&key, cmp->objects, cmp->object_count,
					   sizeof(key), compare_objects) :
				   NULL;
}

/* Is it another, but for its names? Those that come and go change a directory's time. */
static bool is_modified(const struct object *ob)
{
	u32 differs = ob ? ob->differs : 0;

	if (ob && S_ISDIR(ob->mode) && ob->names_differ)
		differs &= ~DXC_DIFF_TIME;
	return differs;
}

static int take_entry(void *priv, const struct dxc_diff_name *name)
{
	struct compare *cmp = priv;
	struct entry *list;
	bool is_dir = name->type_after == dxc_type_of_mode(S_IFDIR);

	if (cmp->filters && !is_dir && !is_modified(object_of(cmp, name->after)))
		return 0;
	list = make_room(cmp->entries, cmp->entry_count, &cmp->entry_room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	cmp->entries = list;
	list += cmp->entry_count;
	*list = (struct entry){
		.dir = name->dir,
		.before = name->before,
		.after = name->after,
		.pos = name->pos,
		.name = strndup(name->name, name->len),
		.was_dir = name->type_before == dxc_type_of_mode(S_IFDIR),
		.is_dir = is_dir,
	};
	if (!list->name)
		return -ENOMEM;
	cmp->entry_count++;
	return 0;
}

static int take_object(void *priv, const struct dxc_diff_inode *inode)
{
	struct compare *cmp = priv;
	struct object *list;

	list = make_room(cmp->objects, cmp->object_count, &cmp->object_room,
			 sizeof(*list));
	if (!list)
		return -ENOMEM;
	cmp->objects = list;
	list[cmp->object_count++] = (struct object){
		.ino = inode->ino,
		.differs = inode->differs,
		.was = inode->was,
		.is = inode->is,
		.old_mode = inode->before.mode,
		.mode = inode->after.mode,
		.old_size = S_ISREG(inode->before.mode) ? inode->before.size : 0,
		.size = S_ISREG(inode->after.mode) ? inode->after.size : 0,
		.nlink = inode->after.nlink,
	};
	return 0;
}

static int read_part(struct compare *cmp, enum daxfs_diff_part part,
		     const struct dxc_diff_dir *dirs, u32 count)
{
	const struct feed_taker taker = { take_entry, take_object, cmp };

	return cmp->feed->read(cmp->feed, part, dirs, count, &taker);
}

/* Which names are missing of an inode, what is known of those that were told. */
static void count_names(struct compare *cmp)
{
	for (size_t i = 0; i < cmp->entry_count; i++) {
		const struct entry *en = &cmp->entries[i];
		struct object *ob;

		ob = en->before != en->after ? object_of(cmp, en->dir) : NULL;
		if (ob)
			ob->names_differ = true;
		ob = en->after ? object_of(cmp, en->after) : NULL;
		if (ob)
			ob->known++;
	}
}

static bool misses_names(const struct compare *cmp)
{
	for (size_t i = 0; i < cmp->object_count; i++) {
		const struct object *ob = &cmp->objects[i];

		if (!S_ISDIR(ob->mode) && is_modified(ob) && ob->known < ob->nlink)
			return true;
	}
	return false;
}

static int compare_dirs(const void *a, const void *b)
{
	const struct dxc_diff_dir *da = a;
	const struct dxc_diff_dir *db = b;

	return da->ino != db->ino ? compare_inos(da->ino, db->ino) :
				    compare_inos(da->pos, db->pos);
}

/* Of what changed in them, or themselves: one of each, with the right to ask for it. */
static size_t list_dirs(const struct compare *cmp, struct dxc_diff_dir *dirs)
{
	size_t count = 0, n = 0;

	for (size_t i = 0; i < cmp->entry_count; i++)
		dirs[count++] =
			(struct dxc_diff_dir){ cmp->entries[i].dir, cmp->entries[i].pos };
	for (size_t i = 0; i < cmp->object_count; i++)
		if (S_ISDIR(cmp->objects[i].mode) && is_modified(&cmp->objects[i]))
			dirs[count++] = (struct dxc_diff_dir){ cmp->objects[i].ino, 0 };
	dxc_sort(dirs, count, sizeof(*dirs), compare_dirs);
	for (size_t i = 0; i < count; i++) {
		if (dirs[i].ino == DAXFS_ROOT_INO ||
		    (n && dirs[n - 1].ino == dirs[i].ino))
			continue;
		dirs[n++] = dirs[i];
	}
	return n;
}

static int read_dirs(struct compare *cmp)
{
	struct dxc_diff_dir *dirs;
	size_t count, n;
	int err = 0;

	dirs = calloc(cmp->entry_count + cmp->object_count + 1, sizeof(*dirs));
	if (!dirs)
		return -ENOMEM;
	count = list_dirs(cmp, dirs);
	for (size_t i = 0; !err && i < count; i += n) {
		n = count - i < DIRS_AT_ONCE ? count - i : DIRS_AT_ONCE;
		err = read_part(cmp, DAXFS_DIFF_DIRS, dirs + i, (u32)n);
	}
	free(dirs);
	return err;
}

static int read_all(struct compare *cmp)
{
	int err = read_part(cmp, DAXFS_DIFF_NAMES, NULL, 0);

	if (err)
		return err;
	dxc_sort(cmp->objects, cmp->object_count, sizeof(*cmp->objects), compare_objects);
	count_names(cmp);
	cmp->filters = true;
	if (misses_names(cmp))
		err = read_part(cmp, DAXFS_DIFF_FILES, NULL, 0);
	return err ? err : read_dirs(cmp);
}

static void forget_all(struct compare *cmp)
{
	for (size_t i = 0; i < cmp->entry_count; i++)
		free(cmp->entries[i].name);
	cmp->entry_count = 0;
	cmp->object_count = 0;
	cmp->filters = false;
}

/* Again, as long as the branch changes between two parts. */
static int read_steadily(struct compare *cmp)
{
	int err, tries = READ_TRIES;

	while ((err = read_all(cmp)) == -EAGAIN && --tries) {
		forget_all(cmp);
		feed_rewind(cmp->feed);
	}
	return err;
}

/* ---- paths ---- */

static int compare_spots(const void *a, const void *b)
{
	const struct spot *sa = a;
	const struct spot *sb = b;

	if (sa->ino != sb->ino)
		return compare_inos(sa->ino, sb->ino);
	if (sa->dir != sb->dir)
		return compare_inos(sa->dir, sb->dir);
	return strcmp(sa->name, sb->name);
}

static int add_spot(struct spots *spots, dxc_ino ino, const struct entry *en)
{
	struct spot *list =
		make_room(spots->list, spots->count, &spots->room, sizeof(*list));

	if (!list)
		return -ENOMEM;
	spots->list = list;
	list[spots->count++] = (struct spot){ .ino = ino,
					      .dir = en ? en->dir : ino,
					      .name = en ? en->name : "" };
	return 0;
}

/* Sorts; what was told twice is there once. -EUCLEAN for a directory with two names. */
static int settle_spots(struct spots *spots, struct dxc_finding *f)
{
	size_t n = 0;

	dxc_sort(spots->list, spots->count, sizeof(*spots->list), compare_spots);
	for (size_t i = 0; i < spots->count; i++) {
		if (n && spots->list[n - 1].ino == spots->list[i].ino) {
			if (compare_spots(&spots->list[n - 1], &spots->list[i]) == 0)
				continue;
			return dxc_found(f, -EUCLEAN, DXC_DIR_NAMES, DAXFS_AREA_DIRS,
					 spots->list[i].ino, 0, 2);
		}
		spots->list[n++] = spots->list[i];
	}
	spots->count = n;
	return 0;
}

static int find_spots(struct compare *cmp)
{
	int err = add_spot(&cmp->before, DAXFS_ROOT_INO, NULL);

	if (!err)
		err = add_spot(&cmp->after, DAXFS_ROOT_INO, NULL);
	for (size_t i = 0; !err && i < cmp->entry_count; i++) {
		const struct entry *en = &cmp->entries[i];

		if (en->before && en->was_dir)
			err = add_spot(&cmp->before, en->before, en);
		if (!err && en->after && en->is_dir)
			err = add_spot(&cmp->after, en->after, en);
	}
	if (!err)
		err = settle_spots(&cmp->before, &cmp->feed->finding);
	if (!err)
		err = settle_spots(&cmp->after, &cmp->feed->finding);
	if (!err) {
		/* The root, of the lowest number, is nobody's entry. */
		cmp->before.list[0].path = strdup("");
		cmp->after.list[0].path = strdup("");
		if (!cmp->before.list[0].path || !cmp->after.list[0].path)
			err = -ENOMEM;
	}
	return err;
}

static struct spot *spot_of(const struct spots *spots, dxc_ino ino)
{
	size_t lo = 0, hi = spots->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (spots->list[mid].ino == ino)
			return &spots->list[mid];
		if (spots->list[mid].ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/*
 * Gives each directory from ino up a path, the uppermost first: **way has room for as
 * many as there are. Where they lead to no root, or round and round, all are lost.
 */
static int lead(struct spots *spots, struct spot *from, struct spot **way)
{
	struct spot *at = from, *up;
	size_t n = 0;
	int err = 0;

	while (at && !at->path && !at->lost && !at->passed) {
		at->passed = true;
		way[n++] = at;
		at = spot_of(spots, at->dir);
	}
	up = at && at->path ? at : NULL;
	while (n--) {
		way[n]->passed = false;
		way[n]->lost = !up;
		if (!up || err)
			continue;
		way[n]->path = join(up->path, way[n]->name);
		if (!way[n]->path)
			err = -ENOMEM;
		up = way[n];
	}
	return err;
}

static int find_paths(struct spots *spots)
{
	struct spot **way = calloc(spots->count, sizeof(*way));
	int err = way ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < spots->count; i++)
		err = lead(spots, &spots->list[i], way);
	free(way);
	return err;
}

/* NULL: it is not in the view. */
static const char *path_of(const struct spots *spots, dxc_ino ino)
{
	const struct spot *spot = spot_of(spots, ino);

	return spot ? spot->path : NULL;
}

static void free_spots(struct spots *spots)
{
	for (size_t i = 0; i < spots->count; i++)
		free(spots->list[i].path);
	free(spots->list);
}

/* ---- names that changed ---- */

/* Takes over path and old_path. */
static int add_change(struct compare *cmp, enum diff_kind kind, char *old_path,
		      char *path, dxc_ino old_ino, dxc_ino ino)
{
	struct diff *diff = cmp->diff;
	struct diff_change *changes = NULL;

	if (path)
		changes = make_room(diff->changes, diff->count, &cmp->change_room,
				    sizeof(*changes));
	if (!changes) {
		free(old_path);
		free(path);
		return -ENOMEM;
	}
	diff->changes = changes;
	changes[diff->count++] = (struct diff_change){
		.kind = kind,
		.path = path,
		.old_path = old_path,
		.old_ino = old_ino,
		.ino = ino,
	};
	return 0;
}

static int add_name(struct names *names, const char *dir, const char *name, dxc_ino ino,
		    bool is_dir)
{
	struct name *list =
		make_room(names->list, names->count, &names->room, sizeof(*list));
	char *path;

	if (!list)
		return -ENOMEM;
	names->list = list;
	path = join(dir, name);
	if (!path)
		return -ENOMEM;
	list[names->count++] = (struct name){ path, ino, is_dir, false };
	return 0;
}

static int sort_out(struct compare *cmp, const struct entry *en)
{
	const char *old_dir = path_of(&cmp->before, en->dir);
	const char *dir = path_of(&cmp->after, en->dir);
	int err = 0;

	if (en->before == en->after) {
		if (en->is_dir || !dir || !is_modified(object_of(cmp, en->after)))
			return 0;
		return add_change(cmp, DIFF_MODIFIED, NULL, join(dir, en->name),
				  en->before, en->after);
	}
	if (en->before && old_dir)
		err = add_name(&cmp->removed, old_dir, en->name, en->before, en->was_dir);
	if (!err && en->after && dir)
		err = add_name(&cmp->added, dir, en->name, en->after, en->is_dir);
	return err;
}

/* ---- renames ---- */

static int compare_names(const void *a, const void *b)
{
	const struct name *na = a;
	const struct name *nb = b;

	if (na->ino != nb->ino)
		return na->ino < nb->ino ? -1 : 1;
	return strcmp(na->path, nb->path);
}

static void sort_names(struct names *names)
{
	dxc_sort(names->list, names->count, sizeof(*names->list), compare_names);
}

/* An inode that lost one name and gained another was renamed. */
static int settle_rename(struct compare *cmp, struct name *old, struct name *new)
{
	struct object *ob = object_of(cmp, new->ino);
	int err;

	old->settled = true;
	new->settled = true;
	err = add_change(cmp, DIFF_RENAMED, strdup(old->path), strdup(new->path),
			 old->ino, new->ino);
	if (err || !ob)
		return err;
	ob->settled = true;
	cmp->diff->changes[cmp->diff->count - 1].modified = is_modified(ob);
	return 0;
}

static int find_renames(struct compare *cmp)
{
	size_t i = 0, j = 0;
	int err = 0;

	sort_names(&cmp->removed);
	sort_names(&cmp->added);
	while (!err && i < cmp->removed.count && j < cmp->added.count) {
		struct name *old = &cmp->removed.list[i];
		struct name *new = &cmp->added.list[j];

		if (old->ino < new->ino) {
			i++;
		} else if (new->ino < old->ino) {
			j++;
		} else {
			err = settle_rename(cmp, old, new);
			i++;
			j++;
		}
	}
	return err;
}

/* A directory that was renamed says so there. */
static int report_dirs(struct compare *cmp)
{
	int err = 0;

	for (size_t i = 0; !err && i < cmp->object_count; i++) {
		const struct object *ob = &cmp->objects[i];
		const char *path;

		if (!S_ISDIR(ob->mode) || ob->settled || !is_modified(ob))
			continue;
		path = path_of(&cmp->after, ob->ino);
		if (path)
			err = add_change(cmp, DIFF_MODIFIED, NULL,
					 strdup(*path ? path : "/"), ob->ino, ob->ino);
	}
	return err;
}

/* ---- the result ---- */

static int compare_paths(const void *a, const void *b)
{
	const struct name *na = a;
	const struct name *nb = b;

	/* What became part of a rename stands at the end. */
	if (na->settled != nb->settled)
		return na->settled ? 1 : -1;
	return strcmp(na->path, nb->path);
}

/* A path that is there before and after, for another inode of the same kind, is modified. */
static int report_names(struct compare *cmp)
{
	struct names *old = &cmp->removed;
	struct names *new = &cmp->added;
	size_t i = 0, j = 0;
	int err = 0;

	dxc_sort(old->list, old->count, sizeof(*old->list), compare_paths);
	dxc_sort(new->list, new->count, sizeof(*new->list), compare_paths);
	while (!err) {
		struct name *a = i < old->count ? &old->list[i] : NULL;
		struct name *b = j < new->count ? &new->list[j] : NULL;
		int order;

		if (a && a->settled)
			a = NULL;
		if (b && b->settled)
			b = NULL;
		if (!a && !b)
			break;
		order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);
		if (order == 0 && a->is_dir == b->is_dir) {
			err = add_change(cmp, DIFF_MODIFIED, NULL, strdup(b->path),
					 a->ino, b->ino);
			i++;
			j++;
			continue;
		}
		if (order <= 0) {
			err = add_change(cmp, DIFF_DELETED, NULL, strdup(a->path), a->ino,
					 0);
			i++;
		}
		if (!err && order >= 0) {
			err = add_change(cmp, DIFF_ADDED, NULL, strdup(b->path), 0,
					 b->ino);
			j++;
		}
	}
	return err;
}

static int compare_changes(const void *a, const void *b)
{
	const struct diff_change *ca = a;
	const struct diff_change *cb = b;

	if ((ca->kind == DIFF_DELETED) != (cb->kind == DIFF_DELETED))
		return ca->kind == DIFF_DELETED ? -1 : 1;
	return strcmp(ca->path, cb->path);
}

static void measure_all(struct compare *cmp)
{
	for (size_t i = 0; i < cmp->diff->count; i++) {
		struct diff_change *ch = &cmp->diff->changes[i];
		const struct object *old = ch->old_ino ? object_of(cmp, ch->old_ino) :
							 NULL;
		const struct object *new = ch->ino ? object_of(cmp, ch->ino) : NULL;

		if (old) {
			ch->old_mode = old->old_mode;
			ch->old_size = old->old_size;
		}
		if (new) {
			ch->mode = new->mode;
			ch->size = new->size;
		}
	}
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i].path);
	free(names->list);
}

int diff_read(struct feed *feed, struct diff *diff)
{
	struct compare cmp = { .feed = feed, .diff = diff };
	int err;

	memset(diff, 0, sizeof(*diff));
	err = read_steadily(&cmp);
	if (!err)
		err = find_spots(&cmp);
	if (!err)
		err = find_paths(&cmp.before);
	if (!err)
		err = find_paths(&cmp.after);
	for (size_t i = 0; !err && i < cmp.entry_count; i++)
		err = sort_out(&cmp, &cmp.entries[i]);
	if (!err)
		err = find_renames(&cmp);
	if (!err)
		err = report_dirs(&cmp);
	if (!err)
		err = report_names(&cmp);
	if (!err) {
		measure_all(&cmp);
		dxc_sort(diff->changes, diff->count, sizeof(*diff->changes),
			 compare_changes);
	}
	forget_all(&cmp);
	free(cmp.entries);
	free(cmp.objects);
	free_spots(&cmp.before);
	free_spots(&cmp.after);
	free_names(&cmp.removed);
	free_names(&cmp.added);
	return err;
}

void diff_free(struct diff *diff)
{
	for (size_t i = 0; i < diff->count; i++) {
		free(diff->changes[i].path);
		free(diff->changes[i].old_path);
	}
	free(diff->changes);
	diff->changes = NULL;
	diff->count = 0;
}
