// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect SOURCE ls. Entries are shown sorted by name. What is wrong
 * with an entry is said, and the rest is shown all the same. An image may claim
 * that a directory is inside itself, or that many have the same entries: each is
 * walked once, and no more entries of the base altogether than it has room for.
 * Of the names in logs each is in one directory.
 */
#include "inspect.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <search.h>
#include <stdio.h>
#include <unistd.h>

#include "applet.h"
#include "columns.h"
#include "escape.h"
#include "json.h"
#include "message.h"
#include "path.h"

enum { COL_MODE, COL_LINKS, COL_UID, COL_GID, COL_SIZE, COL_TIME, COL_NAME };

static const struct {
	const char *name;
	int flags;
} columns[] = {
	[COL_MODE] = { "MODE", 0 },
	[COL_LINKS] = { "LINKS", SCOLS_FL_RIGHT },
	[COL_UID] = { "UID", SCOLS_FL_RIGHT },
	[COL_GID] = { "GID", SCOLS_FL_RIGHT },
	[COL_SIZE] = { "SIZE", SCOLS_FL_RIGHT },
	[COL_TIME] = { "MODIFIED", 0 },
	[COL_NAME] = { "NAME", 0 },
};

struct listed {
	char *name; /* NUL terminated: no legal name holds one */
	dxc_ino ino;
};

/* A directory being walked. */
struct level {
	struct listed *entries;
	size_t count, room;
	size_t next; /* first entry that was not yet looked into */
	size_t path_len; /* of its own path in struct walk */
};

struct walk {
	struct inspect *in;
	struct json json;
	void *visited; /* tree of the numbers of directories */
	u64 entry_bytes; /* entries in the base of the directories walked so far */
	struct level *levels;
	size_t depth, levels_max;
	char *path; /* of the innermost level */
	size_t path_max;
	bool escapes; /* names go to a terminal */
	int status;
};

static void complain(struct walk *walk, const char *path, int err,
		     const struct dxc_finding *f)
{
	inspect_complain(walk->in, path, err, f);
	walk->status = EXIT_FAILED;
}

static int compare_entries(const void *a, const void *b)
{
	const struct listed *ea = a;
	const struct listed *eb = b;

	return strcmp(ea->name, eb->name);
}

static void free_level(struct level *level)
{
	for (size_t i = 0; i < level->count; i++)
		free(level->entries[i].name);
	free(level->entries);
}

static int compare_numbers(const void *a, const void *b)
{
	dxc_ino left = *(const dxc_ino *)a;
	dxc_ino right = *(const dxc_ino *)b;

	return (left > right) - (left < right);
}

static int add_entry(struct level *level, const struct dxc_dirent *de)
{
	struct listed *entry;

	if (level->count == level->room) {
		size_t room = level->room ? level->room * 2 : 16;

		entry = reallocarray(level->entries, room, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		level->entries = entry;
		level->room = room;
	}
	entry = &level->entries[level->count];
	entry->ino = de->ino;
	entry->name = strndup(dxc_dirent_name(de), de->len);
	if (!entry->name)
		return -ENOMEM;
	level->count++;
	return 0;
}

/* The entries of a directory that can be read, sorted. 0 or -ENOMEM. */
static int load_entries(struct walk *walk, const struct dxc_file *dir,
			struct level *level)
{
	struct dxc_dirent de;

	for (u64 pos = 0;; pos++) {
		struct dxc_finding f = { 0 };
		int err = contents_next(&walk->in->from, dir, &pos, &de, &f);

		if (err == -ENOENT)
			break;
		if (!err)
			err = add_entry(level, &de);
		if (err == -ENOMEM)
			return err;
		if (err)
			complain(walk, walk->path, err, &f);
	}
	if (level->count)
		qsort(level->entries, level->count, sizeof(*level->entries),
		      compare_entries);
	return 0;
}

static void print_name(const struct walk *walk, const char *name)
{
	char *line;

	if (!walk->escapes) {
		fputs(name, stdout);
		return;
	}
	line = escape_line(name, strlen(name));
	fputs(line ? line : "?", stdout);
	free(line);
}

/* attr is NULL when they cannot be read; the name is known all the same. */
static void entry_json(struct walk *walk, const char *path, const char *name, dxc_ino ino,
		       const struct dxc_attr *attr, const char *target)
{
	struct json *json = &walk->json;

	json_open_object(json, NULL);
	json_bytes(json, "path", path, strlen(path));
	json_bytes(json, "name", name, strlen(name));
	json_number(json, "inode", ino);
	if (attr) {
		inspect_attr_json(json, "type", attr);
		if (target)
			json_bytes(json, "target", target, strlen(target));
	}
	json_close(json, '}');
}

static int set_number(struct libscols_line *line, size_t column, u64 number)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%" PRIu64, number);
	return scols_line_set_data(line, column, buf);
}

static int set_size(const struct inspect *in, struct libscols_line *line,
		    const struct dxc_attr *attr)
{
	char buf[32];

	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		snprintf(buf, sizeof(buf), "%u,%u", attr->rdev_major, attr->rdev_minor);
	else
		inspect_size(in, attr->size, buf, sizeof(buf));
	return scols_line_set_data(line, COL_SIZE, buf);
}

static int set_name(struct libscols_line *line, const char *name, const char *target)
{
	char *shown = escape_cell(name, strlen(name));
	char *shown_target = target ? escape_cell(target, strlen(target)) : NULL;
	char *text = NULL;
	int err = -ENOMEM;

	if (!shown || (target && !shown_target))
		goto out;
	if (asprintf(&text, "%s%s%s", shown, target ? " -> " : "",
		     target ? shown_target : "") < 0) {
		text = NULL;
		goto out;
	}
	err = scols_line_refer_data(line, COL_NAME, text);
	if (!err)
		text = NULL;
out:
	free(text);
	free(shown_target);
	free(shown);
	return err;
}

static int entry_line(struct walk *walk, struct libscols_table *table, const char *name,
		      const struct dxc_attr *attr, const char *target)
{
	struct libscols_line *line;
	char mode[INSPECT_MODE_LEN];
	char when[64];
	int err;

	line = scols_table_new_line(table, NULL);
	if (!line)
		return -ENOMEM;
	err = set_name(line, name, target);
	if (err || !attr)
		return err;
	inspect_mode(attr->mode, mode);
	if (scols_line_set_data(line, COL_MODE, mode) ||
	    set_number(line, COL_LINKS, attr->nlink) ||
	    set_number(line, COL_UID, attr->uid) ||
	    set_number(line, COL_GID, attr->gid) || set_size(walk->in, line, attr) ||
	    scols_line_set_data(line, COL_TIME,
				inspect_time(attr->mtime, when, sizeof(when))))
		return -ENOMEM;
	return 0;
}

static struct libscols_table *new_table(void)
{
	struct libscols_table *table = columns_new_table();

	if (!table)
		return NULL;
	scols_table_enable_noheadings(table, 1);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		if (scols_table_new_column(table, columns[i].name, 0, columns[i].flags))
			continue;
		scols_unref_table(table);
		return NULL;
	}
	return table;
}

/* Of an entry: that nothing has its number is the entry's fault. */
static int read_inode(const struct walk *walk, dxc_ino ino, struct dxc_file *file,
		      struct dxc_finding *f)
{
	int err = contents_inode(&walk->in->from, ino, file, f);

	if (err == -ESTALE)
		err = dxc_found(f, -EUCLEAN, DXC_DE_INO, DAXFS_AREA_DIRS, ino, 0, ino);
	return err;
}

/* One entry, in the form the options ask for. path is what is said of it. */
static int show_entry(struct walk *walk, struct libscols_table *table, const char *path,
		      const char *name, dxc_ino ino)
{
	const struct contents *from = &walk->in->from;
	const struct dxc_attr *attr;
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	char *target = NULL;
	int err;

	if (!table && !walk->in->json) {
		print_name(walk, name);
		putchar('\n');
		return 0;
	}
	err = read_inode(walk, ino, &file, &f);
	attr = err ? NULL : &file.attr;
	if (!err && S_ISLNK(attr->mode))
		err = contents_link(from, &file, &target, &f);
	if (err == -ENOMEM)
		return err;
	if (err)
		complain(walk, path, err, &f);
	err = 0;
	if (walk->in->json)
		entry_json(walk, path, name, ino, attr, target);
	else
		err = entry_line(walk, table, name, attr, target);
	free(target);
	return err;
}

static int show_level(struct walk *walk, struct level *level)
{
	struct libscols_table *table = NULL;
	int err = 0;

	if (walk->in->details && !walk->in->json) {
		table = new_table();
		if (!table)
			return -ENOMEM;
	}
	for (size_t i = 0; i < level->count && !err; i++) {
		err = path_join(&walk->path, &walk->path_max, level->path_len,
				level->entries[i].name);
		if (!err)
			err = show_entry(walk, table, walk->path, level->entries[i].name,
					 level->entries[i].ino);
	}
	walk->path[level->path_len] = '\0';
	if (table && !err && level->count)
		err = scols_print_table(table);
	scols_unref_table(table);
	return err;
}

static int remember(struct walk *walk, dxc_ino ino)
{
	dxc_ino *key = malloc(sizeof(*key));

	if (!key)
		return -ENOMEM;
	*key = ino;
	if (tsearch(key, &walk->visited, compare_numbers))
		return 0;
	free(key);
	return -ENOMEM;
}

/* Loads and shows the directory at walk->path, and makes it the innermost level. */
static int enter(struct walk *walk, const struct dxc_file *dir)
{
	struct dxc_finding f = { 0 };
	struct level *level;
	int err;

	err = remember(walk, dir->attr.ino);
	if (err)
		return err;
	walk->entry_bytes += dir->in_base ? dir->base.size : 0;
	if (walk->entry_bytes > walk->in->from.vol->area[DAXFS_AREA_DIRS].length) {
		dxc_found(&f, -EUCLEAN, DXC_DIR_OVERLAP, DAXFS_AREA_DIRS, dir->attr.ino,
			  dir->base.data, dir->base.data);
		complain(walk, walk->path, -EUCLEAN, &f);
		return 0;
	}
	if (walk->depth == walk->levels_max) {
		size_t max = walk->levels_max ? walk->levels_max * 2 : 16;

		level = reallocarray(walk->levels, max, sizeof(*level));
		if (!level)
			return -ENOMEM;
		walk->levels = level;
		walk->levels_max = max;
	}
	level = &walk->levels[walk->depth++];
	*level = (struct level){ .path_len = strlen(walk->path) };
	err = load_entries(walk, dir, level);
	if (err)
		return err;
	if (walk->in->recursive && !walk->in->json) {
		if (walk->depth > 1)
			putchar('\n');
		print_name(walk, walk->path);
		puts(":");
	}
	return show_level(walk, level);
}

/* Enters the next directory of the innermost level, or leaves that level. */
static int walk_on(struct walk *walk)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	struct listed *entry;
	int err;

	if (level->next == level->count || !walk->in->recursive) {
		free_level(level);
		walk->depth--;
		return 0;
	}
	entry = &level->entries[level->next++];
	err = path_join(&walk->path, &walk->path_max, level->path_len, entry->name);
	if (err)
		return err;
	/* What is wrong with it was said when it was shown, if its inode was read. */
	err = read_inode(walk, entry->ino, &file, &f);
	if (err) {
		if (!walk->in->details && !walk->in->json)
			complain(walk, walk->path, err, &f);
		return 0;
	}
	if (!S_ISDIR(file.attr.mode))
		return 0;
	if (tfind(&file.attr.ino, &walk->visited, compare_numbers)) {
		dxc_found(&f, -EUCLEAN, DXC_DIR_NAMES, DAXFS_AREA_DIRS, file.attr.ino,
			  file.in_base ? file.base.data : 0, 2);
		complain(walk, walk->path, -EUCLEAN, &f);
		return 0;
	}
	return enter(walk, &file);
}

static int walk_tree(struct walk *walk, const struct dxc_file *root)
{
	int err = enter(walk, root);

	while (!err && walk->depth)
		err = walk_on(walk);
	while (walk->depth)
		free_level(&walk->levels[--walk->depth]);
	return err;
}

/* A single entry, for a path that is no directory. */
static int show_file(struct walk *walk, const char *path, dxc_ino ino)
{
	struct libscols_table *table = NULL;
	int err;

	if (walk->in->details && !walk->in->json) {
		table = new_table();
		if (!table)
			return -ENOMEM;
	}
	err = show_entry(walk, table, path, path, ino);
	if (table && !err)
		err = scols_print_table(table);
	scols_unref_table(table);
	return err;
}

static int list(struct inspect *in, const char *path)
{
	struct walk walk = { .in = in, .escapes = isatty(STDOUT_FILENO) };
	struct dxc_file file;
	int err, status;

	status = inspect_lookup(in, path, false, &file);
	if (status)
		return status;
	walk.path = strdup(path);
	if (!walk.path) {
		err = -ENOMEM;
		goto out;
	}
	walk.path_max = strlen(path) + 1;
	if (in->json)
		json_begin(&walk.json, stdout, "entries");
	if (S_ISDIR(file.attr.mode))
		err = walk_tree(&walk, &file);
	else
		err = show_file(&walk, path, file.attr.ino);
	/* A document that breaks off says by itself that it is not whole. */
	if (in->json && !err)
		json_end(&walk.json);
out:
	if (err) {
		message_error("%s: %s: %s", in->source, path, strerror(-err));
		walk.status = EXIT_FAILED;
	}
	free(walk.levels);
	tdestroy(walk.visited, free);
	free(walk.path);
	return walk.status;
}

int inspect_ls(struct inspect *in, const char *path)
{
	return inspect_show(in, path, list);
}
