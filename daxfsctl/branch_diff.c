// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares two views of an image, directory by directory. Knows no output and
 * no branch: only a view below and one on top.
 *
 * A directory that both views have is compared under whatever two paths it
 * has. One that only one of them has is listed as a whole. So every directory
 * of a view is looked at once, and a name that moved is one rename, not as many
 * changes as there are names beneath it. An image may claim that directories
 * are inside themselves or share their entries: each is entered once, and no
 * more entries are read than the image has room for.
 */
#include "branch_diff.h"

#include <search.h>
#include <stdio.h>

struct child {
	char *name; /* NUL terminated: no legal name holds one */
	dxc_ino ino;
	bool is_dir;
};

struct children {
	struct child *list;
	size_t count, room;
};

/* One of the two views. */
struct side {
	const struct dxc_layer *layer;
	void *visited; /* tree of the directories that were entered */
	u64 left; /* entries that may still be read */
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

/* A directory to be compared (ino in both) or listed (in one). */
struct task {
	dxc_ino ino;
	bool in_below, in_top;
	char *old_path, *path; /* NULL where it is not; "" is the root */
	size_t rename; /* index of the change that says so, or NO_RENAME */
};

#define NO_RENAME ((size_t)-1)

struct compare {
	struct side below, top;
	struct names removed, added;
	struct task *tasks;
	size_t task_count, task_room;
	struct diff *diff;
	size_t change_room;
	struct dxc_finding *f;
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

static char *join(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Takes over the paths. */
static int add_task(struct compare *cmp, struct task task)
{
	struct task *tasks = NULL;

	if ((!task.in_below || task.old_path) && (!task.in_top || task.path))
		tasks = make_room(cmp->tasks, cmp->task_count, &cmp->task_room,
				  sizeof(*tasks));
	if (!tasks) {
		free(task.old_path);
		free(task.path);
		return -ENOMEM;
	}
	cmp->tasks = tasks;
	tasks[cmp->task_count++] = task;
	return 0;
}

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

static int add_name(struct names *names, const char *dir, const struct child *entry)
{
	struct name *list =
		make_room(names->list, names->count, &names->room, sizeof(*list));
	char *path;

	if (!list)
		return -ENOMEM;
	names->list = list;
	path = join(dir, entry->name);
	if (!path)
		return -ENOMEM;
	list[names->count++] = (struct name){ path, entry->ino, entry->is_dir, false };
	return 0;
}

/* ---- directories ---- */

static int compare_inos(const void *a, const void *b)
{
	dxc_ino left = *(const dxc_ino *)a;
	dxc_ino right = *(const dxc_ino *)b;

	return (left > right) - (left < right);
}

/* -EUCLEAN for a directory that was entered before. */
static int enter(struct side *side, dxc_ino ino, struct dxc_finding *f)
{
	dxc_ino *key = malloc(sizeof(*key));
	dxc_ino **found;

	if (!key)
		return -ENOMEM;
	*key = ino;
	found = tsearch(key, &side->visited, compare_inos);
	if (found && *found == key)
		return 0;
	free(key);
	return found ? dxc_found(f, -EUCLEAN, DXC_DIR_NAMES, DAXFS_AREA_DIRS, ino, 0, 2) :
		       -ENOMEM;
}

static int compare_entries(const void *a, const void *b)
{
	const struct child *ea = a;
	const struct child *eb = b;

	return strcmp(ea->name, eb->name);
}

static void free_entries(struct children *en)
{
	for (size_t i = 0; i < en->count; i++)
		free(en->list[i].name);
	free(en->list);
}

static const struct dxc_inode *base_of(const struct dxc_file *file)
{
	return file->in_base ? &file->base : NULL;
}

static int add_entry(struct children *en, const struct dxc_dirent *de)
{
	struct child *list = make_room(en->list, en->count, &en->room, sizeof(*list));

	if (!list)
		return -ENOMEM;
	en->list = list;
	list[en->count].name = strndup(dxc_dirent_name(de), de->len);
	if (!list[en->count].name)
		return -ENOMEM;
	list[en->count].ino = de->ino;
	list[en->count].is_dir = de->type == dxc_type_of_mode(S_IFDIR);
	en->count++;
	return 0;
}

/* All entries of a directory, sorted by name. */
static int load_entries(struct side *side, dxc_ino dir, struct children *en,
			struct dxc_finding *f)
{
	struct dxc_file file;
	struct dxc_dirent de;
	u64 pos = 0;
	int err;

	err = enter(side, dir, f);
	if (!err)
		err = dxc_view_inode(side->layer, dir, &file, f);
	if (!err && !S_ISDIR(file.attr.mode))
		err = dxc_found(f, -EUCLEAN, DXC_DE_TYPE, DAXFS_AREA_DIRS, dir, 0,
				dxc_type_of_mode(file.attr.mode));
	while (!err) {
		err = dxc_view_next(side->layer, dir, base_of(&file), &pos, &de, f);
		if (err)
			break;
		if (!side->left--) {
			err = dxc_found(f, -EUCLEAN, DXC_DIR_OVERLAP, DAXFS_AREA_DIRS,
					dir, 0, 0);
			break;
		}
		err = add_entry(en, &de);
		if (++pos == 0)
			break;
	}
	if (err && err != -ENOENT)
		return err;
	dxc_sort(en->list, en->count, sizeof(*en->list), compare_entries);
	return 0;
}

/* ---- inodes ---- */

static bool same_time(const struct dxc_attr *a, const struct dxc_attr *b)
{
	return a->mtime == b->mtime && a->mtime_nsec == b->mtime_nsec;
}

/* Are the blocks of a regular file the same memory in both views? */
static int compare_blocks(const struct compare *cmp, const struct dxc_file *old,
			  const struct dxc_file *new, bool *differ)
{
	u64 size = new->attr.size;
	dxc_pos pos = 0;

	while (pos < size) {
		struct dxc_part a, b;
		u64 end, b_end;
		int err;

		err = dxc_view_map(cmp->below.layer, old->attr.ino, base_of(old), pos, &a,
				   cmp->f);
		if (!err)
			err = dxc_view_map(cmp->top.layer, new->attr.ino, base_of(new),
					   pos, &b, cmp->f);
		if (err)
			return err;
		if (!a.ex.data != !b.ex.data ||
		    (a.ex.data &&
		     a.ex.data + (pos - a.ex.pos) != b.ex.data + (pos - b.ex.pos))) {
			*differ = true;
			return 0;
		}
		end = a.ex.pos + a.ex.len;
		b_end = b.ex.pos + b.ex.len;
		end = end < b_end ? end : b_end;
		/* Else it would not end. */
		if (end <= pos)
			return dxc_found(cmp->f, -EUCLEAN, DXC_EX_ORDER,
					 DAXFS_AREA_EXTENTS, new->attr.ino, 0, pos);
		pos = end;
	}
	return 0;
}

struct xattr_compare {
	const struct compare *cmp;
	const struct dxc_file *old, *new;
	u64 count;
	bool differ;
};

static int count_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	struct xattr_compare *xc = priv;

	(void)prefix;
	(void)name;
	(void)len;
	xc->count--;
	return 0;
}

/* Is the new view's xattr in the old one, with the same value? Nonzero ends the search. */
static int compare_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	struct xattr_compare *xc = priv;
	const struct compare *cmp = xc->cmp;
	int old_len, new_len;
	char *old, *new;

	old = malloc((size_t)DAXFS_XATTR_VALUE_MAX * 2);
	if (!old)
		return -ENOMEM;
	new = old + DAXFS_XATTR_VALUE_MAX;
	xc->count++;
	new_len = dxc_view_xattr(cmp->top.layer, xc->new->attr.ino, base_of(xc->new),
				 prefix, name, len, new, DAXFS_XATTR_VALUE_MAX, cmp->f);
	old_len = dxc_view_xattr(cmp->below.layer, xc->old->attr.ino, base_of(xc->old),
				 prefix, name, len, old, DAXFS_XATTR_VALUE_MAX, cmp->f);
	if (new_len >= 0 && (old_len >= 0 || old_len == -ENODATA)) {
		xc->differ = old_len != new_len || memcmp(old, new, (size_t)new_len) != 0;
		new_len = xc->differ;
	}
	free(old);
	return new_len < 0			  ? new_len :
	       old_len < 0 && old_len != -ENODATA ? old_len :
						    new_len;
}

static int compare_xattrs(const struct compare *cmp, const struct dxc_file *old,
			  const struct dxc_file *new, bool *differ)
{
	struct xattr_compare xc = { .cmp = cmp, .old = old, .new = new };
	int err;

	if (!new->has_xattrs)
		return 0;
	err = dxc_view_xattrs(cmp->top.layer, new->attr.ino, base_of(new), compare_xattr,
			      &xc, cmp->f);
	if (err >= 0 && !xc.differ)
		err = dxc_view_xattrs(cmp->below.layer, old->attr.ino, base_of(old),
				      count_xattr, &xc, cmp->f);
	if (err < 0)
		return err;
	*differ = xc.differ || xc.count;
	return 0;
}

/*
 * Is an inode of both views different but for its names? names_differ: it is a
 * directory whose names are, which changes its time and size.
 */
static int compare_inode(const struct compare *cmp, dxc_ino ino, bool names_differ,
			 bool *differ)
{
	struct dxc_file old, new;
	int err;

	*differ = false;
	if (!dxc_layer_has(cmp->top.layer, ino))
		return 0;
	err = dxc_view_inode(cmp->below.layer, ino, &old, cmp->f);
	if (!err)
		err = dxc_view_inode(cmp->top.layer, ino, &new, cmp->f);
	if (err)
		return err;
	*differ = old.attr.mode != new.attr.mode || old.attr.uid != new.attr.uid ||
		  old.attr.gid != new.attr.gid ||
		  old.attr.rdev_major != new.attr.rdev_major ||
		  old.attr.rdev_minor != new.attr.rdev_minor ||
		  (!names_differ && !same_time(&old.attr, &new.attr)) ||
		  (!S_ISDIR(new.attr.mode) && old.attr.size != new.attr.size);
	if (!*differ && S_ISREG(new.attr.mode))
		err = compare_blocks(cmp, &old, &new, differ);
	if (!err && !*differ)
		err = compare_xattrs(cmp, &old, &new, differ);
	return err;
}

/* ---- the walk ---- */

static int is_in(const struct side *side, dxc_ino ino, bool *there, struct dxc_finding *f)
{
	struct dxc_file file;
	int err = dxc_view_inode(side->layer, ino, &file, f);

	*there = !err;
	return err == -ESTALE ? 0 : err;
}

/* A directory that only one view has is listed; one that moved waits for its other name. */
static int take_name(struct compare *cmp, bool removed, const char *dir,
		     const struct child *entry)
{
	bool there;
	int err;

	err = add_name(removed ? &cmp->removed : &cmp->added, dir, entry);
	if (err || !entry->is_dir)
		return err;
	err = is_in(removed ? &cmp->top : &cmp->below, entry->ino, &there, cmp->f);
	if (err || there)
		return err;
	return add_task(cmp, (struct task){
				     .ino = entry->ino,
				     .in_below = removed,
				     .in_top = !removed,
				     .old_path = removed ? join(dir, entry->name) : NULL,
				     .path = removed ? NULL : join(dir, entry->name),
				     .rename = NO_RENAME,
			     });
}

static int take_both(struct compare *cmp, const struct task *task,
		     const struct child *entry)
{
	bool differ;
	int err;

	if (entry->is_dir)
		return add_task(cmp,
				(struct task){
					.ino = entry->ino,
					.in_below = true,
					.in_top = true,
					.old_path = join(task->old_path, entry->name),
					.path = join(task->path, entry->name),
					.rename = NO_RENAME,
				});
	err = compare_inode(cmp, entry->ino, false, &differ);
	if (err || !differ)
		return err;
	return add_change(cmp, DIFF_MODIFIED, NULL, join(task->path, entry->name),
			  entry->ino, entry->ino);
}

/* Goes through the entries of the directory in both views, by name. */
static int merge(struct compare *cmp, const struct task *task, const struct children *old,
		 const struct children *new, bool *names_differ)
{
	size_t i = 0, j = 0;
	int err = 0;

	while (!err && (i < old->count || j < new->count)) {
		int order;

		if (i == old->count)
			order = 1;
		else if (j == new->count)
			order = -1;
		else
			order = strcmp(old->list[i].name, new->list[j].name);
		if (order == 0 && old->list[i].ino == new->list[j].ino) {
			err = take_both(cmp, task, &new->list[j]);
			i++;
			j++;
			continue;
		}
		*names_differ = true;
		if (order <= 0)
			err = take_name(cmp, true, task->old_path, &old->list[i++]);
		if (!err && order >= 0)
			err = take_name(cmp, false, task->path, &new->list[j++]);
	}
	return err;
}

static int run_task(struct compare *cmp, const struct task *task)
{
	struct children old = { 0 }, new = { 0 };
	bool names_differ = false, differ;
	int err = 0;

	if (task->in_below)
		err = load_entries(&cmp->below, task->ino, &old, cmp->f);
	if (!err && task->in_top)
		err = load_entries(&cmp->top, task->ino, &new, cmp->f);
	if (!err)
		err = merge(cmp, task, &old, &new, &names_differ);
	free_entries(&old);
	free_entries(&new);
	if (err || !task->in_below || !task->in_top)
		return err;
	err = compare_inode(cmp, task->ino, names_differ, &differ);
	if (err || !differ)
		return err;
	if (task->rename != NO_RENAME) {
		cmp->diff->changes[task->rename].modified = true;
		return 0;
	}
	return add_change(cmp, DIFF_MODIFIED, NULL,
			  strdup(*task->path ? task->path : "/"), task->ino, task->ino);
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
	bool differ = false;
	int err = 0;

	old->settled = true;
	new->settled = true;
	if (!new->is_dir)
		err = compare_inode(cmp, new->ino, false, &differ);
	if (!err)
		err = add_change(cmp, DIFF_RENAMED, strdup(old->path), strdup(new->path),
				 old->ino, new->ino);
	if (err)
		return err;
	cmp->diff->changes[cmp->diff->count - 1].modified = differ;
	if (!new->is_dir)
		return 0;
	return add_task(cmp, (struct task){
				     .ino = new->ino,
				     .in_below = true,
				     .in_top = true,
				     .old_path = strdup(old->path),
				     .path = strdup(new->path),
				     .rename = cmp->diff->count - 1,
			     });
}

/*
 * Directories as soon as both names are known, as what is in them is to be
 * compared too; the rest when all is known.
 */
static int find_renames(struct compare *cmp, bool directories)
{
	size_t i = 0, j = 0;
	int err = 0;

	sort_names(&cmp->removed);
	sort_names(&cmp->added);
	while (!err && i < cmp->removed.count && j < cmp->added.count) {
		struct name *old = &cmp->removed.list[i];
		struct name *new = &cmp->added.list[j];

		if (old->settled || old->is_dir != directories || old->ino < new->ino) {
			i++;
		} else if (new->settled || new->is_dir != directories ||
			   new->ino < old->ino) {
			j++;
		} else {
			err = settle_rename(cmp, old, new);
			i++;
			j++;
		}
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

static int measure(const struct side *side, dxc_ino ino, u32 *mode, u64 *size,
		   struct dxc_finding *f)
{
	struct dxc_file file;
	int err;

	if (!ino)
		return 0;
	err = dxc_view_inode(side->layer, ino, &file, f);
	if (err)
		return err;
	*mode = file.attr.mode;
	if (S_ISREG(file.attr.mode))
		*size = file.attr.size;
	return 0;
}

static int measure_all(struct compare *cmp)
{
	int err = 0;

	for (size_t i = 0; !err && i < cmp->diff->count; i++) {
		struct diff_change *ch = &cmp->diff->changes[i];

		err = measure(&cmp->below, ch->old_ino, &ch->old_mode, &ch->old_size,
			      cmp->f);
		if (!err)
			err = measure(&cmp->top, ch->ino, &ch->mode, &ch->size, cmp->f);
	}
	return err;
}

/* As many entries as a view of an image can have: those of the base, and of its layers. */
static u64 entries_of(const struct dxc_layer *layer)
{
	u64 count = layer->vol->area[DAXFS_AREA_DIRS].length / DAXFS_DIRENT_UNIT;

	for (; layer; layer = layer->lower)
		count += layer->name_count;
	return count;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i].path);
	free(names->list);
}

int diff_views(const struct dxc_layer *below, const struct dxc_layer *top,
	       struct diff *diff, struct dxc_finding *f)
{
	struct compare cmp = {
		.below = { .layer = below, .left = entries_of(below) },
		.top = { .layer = top, .left = entries_of(top) },
		.diff = diff,
		.f = f,
	};
	int err;

	memset(diff, 0, sizeof(*diff));
	err = add_task(&cmp, (struct task){
				     .ino = DAXFS_ROOT_INO,
				     .in_below = true,
				     .in_top = true,
				     .old_path = strdup(""),
				     .path = strdup(""),
				     .rename = NO_RENAME,
			     });
	while (!err && cmp.task_count) {
		struct task task = cmp.tasks[--cmp.task_count];

		err = run_task(&cmp, &task);
		free(task.old_path);
		free(task.path);
		if (!err && !cmp.task_count)
			err = find_renames(&cmp, true);
	}
	if (!err)
		err = find_renames(&cmp, false);
	if (!err)
		err = report_names(&cmp);
	if (!err)
		err = measure_all(&cmp);
	if (!err)
		dxc_sort(diff->changes, diff->count, sizeof(*diff->changes),
			 compare_changes);

	while (cmp.task_count) {
		cmp.task_count--;
		free(cmp.tasks[cmp.task_count].old_path);
		free(cmp.tasks[cmp.task_count].path);
	}
	free(cmp.tasks);
	free_names(&cmp.removed);
	free_names(&cmp.added);
	tdestroy(cmp.below.visited, free);
	tdestroy(cmp.top.visited, free);
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
