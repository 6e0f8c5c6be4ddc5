// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect SOURCE ls. Entries are shown sorted by name. What is wrong
 * with an entry is said, and the rest is shown all the same. An image may claim
 * that a directory is inside itself, or that many have the same entries: each is
 * walked once, and no more entries altogether than the image has room for.
 */
#include "inspect.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <unistd.h>

#include "applet.h"
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

struct entry {
	char *name; /* NUL terminated: no legal name holds one */
	dxc_ino ino;
};

/* A directory being walked. */
struct level {
	struct entry *entries;
	u32 count;
	u32 next; /* first entry that was not yet looked into */
	size_t path_len; /* of its own path in struct walk */
};

struct walk {
	struct inspect *in;
	struct json json;
	unsigned char *visited; /* one bit per inode */
	u64 entry_bytes; /* entries of the directories walked so far */
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
	const struct entry *ea = a;
	const struct entry *eb = b;

	return strcmp(ea->name, eb->name);
}

static void free_entries(struct entry *entries, u32 count)
{
	for (u32 i = 0; i < count; i++)
		free(entries[i].name);
	free(entries);
}

/* The entries of a directory that can be read, sorted. 0 or -ENOMEM. */
static int load_entries(struct walk *walk, const struct dxc_inode *dir,
			struct level *level)
{
	struct dxc_finding f = { 0 };
	struct dxc_dirent de;

	level->next = 0;
	level->count = 0;
	/* count entries were checked to lie inside the image. */
	level->entries = calloc(dir->count ? dir->count : 1, sizeof(*level->entries));
	if (!level->entries)
		return -ENOMEM;
	for (u32 i = 0; i < dir->count; i++) {
		struct entry *entry = &level->entries[level->count];
		int err = dxc_dir_entry(&walk->in->img.vol, dir, i, &de, &f);

		if (err) {
			complain(walk, walk->path, err, &f);
			continue;
		}
		entry->ino = de.ino;
		entry->name = strndup(dxc_dirent_name(&de), de.len);
		if (!entry->name) {
			free_entries(level->entries, level->count);
			return -ENOMEM;
		}
		level->count++;
	}
	qsort(level->entries, level->count, sizeof(*level->entries), compare_entries);
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

/* inode is NULL when it cannot be read; its name is known all the same. */
static void entry_json(struct walk *walk, const char *path, const char *name, dxc_ino ino,
		       const struct dxc_inode *inode, const char *target)
{
	struct json *json = &walk->json;

	json_open_object(json, NULL);
	json_bytes(json, "path", path, strlen(path));
	json_bytes(json, "name", name, strlen(name));
	json_number(json, "inode", ino);
	if (inode) {
		json_text(json, "type", inspect_type(inode->mode));
		json_number(json, "mode", inode->mode & 07777);
		json_number(json, "links", inode->nlink);
		json_number(json, "uid", inode->uid);
		json_number(json, "gid", inode->gid);
		json_number(json, "size", inode->size);
		json_signed(json, "modified", inode->mtime);
		json_number(json, "modified_nanoseconds", inode->mtime_nsec);
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
		    const struct dxc_inode *inode)
{
	char buf[32];

	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		snprintf(buf, sizeof(buf), "%u,%u", inode->rdev_major, inode->rdev_minor);
	else
		inspect_size(in, inode->size, buf, sizeof(buf));
	return scols_line_set_data(line, COL_SIZE, buf);
}

static int set_name(struct libscols_line *line, const char *name, const char *target)
{
	char *shown = escape_line(name, strlen(name));
	char *shown_target = target ? escape_line(target, strlen(target)) : NULL;
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
		      const struct dxc_inode *inode, const char *target)
{
	struct libscols_line *line;
	char mode[INSPECT_MODE_LEN];
	char when[64];
	int err;

	line = scols_table_new_line(table, NULL);
	if (!line)
		return -ENOMEM;
	err = set_name(line, name, target);
	if (err || !inode)
		return err;
	inspect_mode(inode->mode, mode);
	if (scols_line_set_data(line, COL_MODE, mode) ||
	    set_number(line, COL_LINKS, inode->nlink) ||
	    set_number(line, COL_UID, inode->uid) ||
	    set_number(line, COL_GID, inode->gid) || set_size(walk->in, line, inode) ||
	    scols_line_set_data(line, COL_TIME,
				inspect_time(inode->mtime, when, sizeof(when))))
		return -ENOMEM;
	return 0;
}

static struct libscols_table *new_table(void)
{
	struct libscols_table *table = scols_new_table();

	if (!table)
		return NULL;
	/* Names are escaped already, once. */
	scols_table_enable_noencoding(table, 1);
	scols_table_enable_noheadings(table, 1);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		if (scols_table_new_column(table, columns[i].name, 0, columns[i].flags))
			continue;
		scols_unref_table(table);
		return NULL;
	}
	return table;
}

/* One entry, in the form the options ask for. path is what is said of it. */
static int show_entry(struct walk *walk, struct libscols_table *table, const char *path,
		      const char *name, dxc_ino ino)
{
	const struct contents base = { .vol = &walk->in->img.vol };
	const struct dxc_inode *inode;
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	char *target = NULL;
	int err;

	if (!table && !walk->in->json) {
		print_name(walk, name);
		putchar('\n');
		return 0;
	}
	err = contents_inode(&base, ino, &file, &f);
	inode = err ? NULL : &file.base;
	if (!err && S_ISLNK(inode->mode))
		err = contents_link(&base, &file, &target, &f);
	if (err == -ENOMEM)
		return err;
	if (err)
		complain(walk, path, err, &f);
	err = 0;
	if (walk->in->json)
		entry_json(walk, path, name, ino, inode, target);
	else
		err = entry_line(walk, table, name, inode, target);
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
	for (u32 i = 0; i < level->count && !err; i++) {
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

/* Loads and shows the directory at walk->path, and makes it the innermost level. */
static int enter(struct walk *walk, const struct dxc_inode *dir)
{
	struct dxc_finding f = { 0 };
	struct level *level;
	int err;

	walk->visited[dir->ino / 8] |= 1 << dir->ino % 8;
	walk->entry_bytes += dir->size;
	if (walk->entry_bytes > walk->in->img.vol.area[DAXFS_AREA_DIRS].length) {
		dxc_found(&f, -EUCLEAN, DXC_DIR_OVERLAP, DAXFS_AREA_DIRS, dir->ino,
			  dir->data, dir->data);
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
	level = &walk->levels[walk->depth];
	level->path_len = strlen(walk->path);
	err = load_entries(walk, dir, level);
	if (err)
		return err;
	walk->depth++;
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
	struct dxc_inode inode;
	struct entry *entry;
	int err;

	if (level->next == level->count || !walk->in->recursive) {
		free_entries(level->entries, level->count);
		walk->depth--;
		return 0;
	}
	entry = &level->entries[level->next++];
	err = path_join(&walk->path, &walk->path_max, level->path_len, entry->name);
	if (err)
		return err;
	/* What is wrong with it was said when it was shown, if its inode was read. */
	err = dxc_inode_read(&walk->in->img.vol, entry->ino, &inode, &f);
	if (err) {
		if (!walk->in->details && !walk->in->json)
			complain(walk, walk->path, err, &f);
		return 0;
	}
	if (!S_ISDIR(inode.mode))
		return 0;
	if (walk->visited[inode.ino / 8] & 1 << inode.ino % 8) {
		dxc_found(&f, -EUCLEAN, DXC_DIR_NAMES, DAXFS_AREA_DIRS, inode.ino,
			  inode.data, 2);
		complain(walk, walk->path, -EUCLEAN, &f);
		return 0;
	}
	return enter(walk, &inode);
}

static int walk_tree(struct walk *walk, const struct dxc_inode *root)
{
	int err;

	walk->visited = calloc(walk->in->img.vol.inode_count / 8 + 1, 1);
	if (!walk->visited)
		return -ENOMEM;
	err = enter(walk, root);
	while (!err && walk->depth)
		err = walk_on(walk);
	while (walk->depth) {
		walk->depth--;
		free_entries(walk->levels[walk->depth].entries,
			     walk->levels[walk->depth].count);
	}
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

int inspect_ls(struct inspect *in, const char *path)
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
	if (S_ISDIR(file.base.mode))
		err = walk_tree(&walk, &file.base);
	else
		err = show_file(&walk, path, file.base.ino);
	/* A document that breaks off says by itself that it is not whole. */
	if (in->json && !err)
		json_end(&walk.json);
out:
	if (err) {
		message_error("%s: %s: %s", in->source, path, strerror(-err));
		walk.status = EXIT_FAILED;
	}
	free(walk.levels);
	free(walk.visited);
	free(walk.path);
	return walk.status;
}
