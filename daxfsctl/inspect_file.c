// SPDX-License-Identifier: GPL-2.0-only
/* daxfsctl inspect SOURCE stat, cat and extents: one inode of an image. */
#include "inspect.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>

#include "applet.h"
#include "columns.h"
#include "escape.h"
#include "json.h"
#include "message.h"

#define COPY_SIZE 0x40000

/* What stat shows of a file. */
struct shown {
	const struct inspect *in;
	const char *path;
	struct dxc_file file;
	char *target; /* of a symlink */
	u64 entries; /* of a directory */
	u64 blocks; /* of 512 bytes */
	bool knows_blocks;
	bool has_hole; /* a file */
	void *value; /* of the xattr that is shown */
	struct json *json; /* NULL: text */
	struct dxc_finding f;
};

/* Those that cannot be read are there all the same. 0 or -ENOMEM. */
static int count_entries(struct shown *sh)
{
	struct dxc_dirent de;
	int err = 0;

	if (!sh->file.has_names) {
		sh->entries = sh->file.in_base ? sh->file.base.count : 0;
		return 0;
	}
	for (u64 pos = 0;; pos++) {
		err = contents_next(&sh->in->from, &sh->file, &pos, &de, NULL);
		if (err == -ENOENT || err == -ENOMEM)
			break;
		sh->entries++;
	}
	return err == -ENOENT ? 0 : err;
}

static int find_hole(struct shown *sh)
{
	u64 size = sh->file.attr.size;
	struct dxc_extent ex;
	int err = 0;

	/* Whoever made the base wrote extents of sparse files only. */
	if (!sh->file.touched) {
		sh->has_hole = sh->file.base.flags & DAXFS_IN_EXTENTS;
		return 0;
	}
	for (u64 pos = 0; pos < size && !sh->has_hole && !err; pos += ex.len) {
		err = contents_map(&sh->in->from, &sh->file, pos, &ex, &sh->f);
		sh->has_hole = !err && !ex.data;
	}
	return err;
}

/* What is not in the inode. On error what could be found is there. */
static int look_further(struct shown *sh)
{
	const struct contents *from = &sh->in->from;
	int err, more = 0;

	err = contents_blocks(from, &sh->file, &sh->blocks, &sh->f);
	sh->knows_blocks = !err;
	switch (sh->file.attr.mode & S_IFMT) {
	case S_IFREG:
		more = find_hole(sh);
		break;
	case S_IFDIR:
		more = count_entries(sh);
		break;
	case S_IFLNK:
		more = contents_link(from, &sh->file, &sh->target, &sh->f);
		break;
	}
	return more ? more : err;
}

/* Is what the base says of the place of its contents, or entries, true? */
static bool has_place(const struct dxc_file *file)
{
	u32 mode = file->attr.mode;

	/* Where the parts of a file are that a branch wrote to, extents says. */
	return file->in_base && !S_ISCHR(mode) && !S_ISBLK(mode) &&
	       !(file->touched && S_ISREG(mode));
}

static void show_xattr(struct shown *sh, u32 prefix, const char *bare, u32 len,
		       const void *value, size_t size)
{
	char full[32 + 256];
	char *name, *text;

	snprintf(full, sizeof(full), "%s%.*s", dxc_xattr_prefix(prefix), (int)len, bare);
	if (sh->json) {
		json_open_object(sh->json, NULL);
		json_bytes(sh->json, "name", full, strlen(full));
		json_bytes(sh->json, "value", value, size);
		json_close(sh->json, '}');
		return;
	}
	name = escape_line(full, strlen(full));
	text = escape_line(value, size);
	printf("%-14s %s=%s\n", "Xattr:", name ? name : "?", text ? text : "?");
	free(name);
	free(text);
}

static int find_and_show_xattr(void *priv, u32 prefix, const char *bare, u32 len)
{
	struct shown *sh = priv;
	int size;

	size = contents_xattr(&sh->in->from, &sh->file, prefix, bare, len, sh->value,
			      &sh->f);
	if (size < 0)
		return size;
	show_xattr(sh, prefix, bare, len, sh->value, (size_t)size);
	return 0;
}

/* Those of the base, each with its value: a set may be long, and need not be searched. */
static int show_base_xattrs(struct shown *sh)
{
	const struct dxc_volume *vol = sh->in->from.vol;
	struct dxc_xattr xa = { 0 };
	int err = 0;

	while (!err) {
		err = dxc_xattr_next(vol, &sh->file.base, &xa, &sh->f);
		if (!err)
			err = dxc_region_read(&vol->region, xa.value, sh->value,
					      xa.value_len);
		if (!err)
			show_xattr(sh, xa.prefix, xa.name, xa.name_len, sh->value,
				   xa.value_len);
	}
	return err == -ENODATA ? 0 : err;
}

static int show_xattrs(struct shown *sh)
{
	int err = 0;

	sh->value = malloc(DAXFS_XATTR_VALUE_MAX);
	if (!sh->value)
		return -ENOMEM;
	if (sh->file.has_xattrs)
		err = contents_xattrs(&sh->in->from, &sh->file, find_and_show_xattr, sh,
				      &sh->f);
	else if (sh->file.in_base)
		err = show_base_xattrs(sh);
	free(sh->value);
	return err;
}

static int stat_json(struct shown *sh)
{
	const struct dxc_file *file = &sh->file;
	const struct dxc_attr *attr = &file->attr;
	struct json json;
	int err;

	sh->json = &json;
	json_begin(&json, stdout, "inodes");
	json_open_object(&json, NULL);
	json_bytes(&json, "path", sh->path, strlen(sh->path));
	json_number(&json, "inode", attr->ino);
	json_bool(&json, "in_base", file->in_base);
	json_bool(&json, "in_log", file->touched);
	inspect_attr_json(&json, "type", attr);
	if (sh->knows_blocks)
		json_number(&json, "blocks", sh->blocks);
	json_signed(&json, "accessed", attr->atime);
	json_number(&json, "accessed_nanoseconds", attr->atime_nsec);
	json_signed(&json, "changed", attr->ctime);
	json_number(&json, "changed_nanoseconds", attr->ctime_nsec);
	if (attr->btime_nsec) {
		json_signed(&json, "born", attr->btime);
		json_number(&json, "born_nanoseconds", attr->btime_nsec - 1);
	}
	if (S_ISDIR(attr->mode)) {
		json_number(&json, "parent", attr->parent);
		json_number(&json, "entries", sh->entries);
		if (file->in_base)
			json_number(&json, "entry_size", file->base.entry_size);
	}
	if (S_ISREG(attr->mode))
		json_bool(&json, "sparse", sh->has_hole);
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode)) {
		json_number(&json, "major", attr->rdev_major);
		json_number(&json, "minor", attr->rdev_minor);
	}
	if (has_place(file))
		json_number(&json, "offset", file->base.data);
	if (has_place(file) && S_ISREG(attr->mode)) {
		json_bool(&json, "packed", file->base.flags & DAXFS_IN_PACKED);
		json_number(&json, "checksum", file->base.checksum);
	}
	if (sh->target)
		json_bytes(&json, "target", sh->target, strlen(sh->target));
	json_open_array(&json, "xattrs");
	err = show_xattrs(sh);
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
	return err;
}

static void print_time(const char *what, s64 seconds, u32 nsec)
{
	char buf[64];

	inspect_time(seconds, buf, sizeof(buf));
	printf("%-14s %.19s.%09u%s\n", what, buf, nsec, strlen(buf) > 19 ? buf + 19 : "");
}

/* What there is to say of what the mode says that it is. */
static void print_kind(const struct shown *sh)
{
	const struct dxc_file *file = &sh->file;
	const struct dxc_attr *attr = &file->attr;

	if (S_ISDIR(attr->mode)) {
		printf("%-14s %" PRIu64 "\n", "Parent:", attr->parent);
		printf("%-14s %" PRIu64, "Entries:", sh->entries);
		/* Those of logs are in no table. */
		if (file->in_base && !file->has_names)
			printf(" of %u bytes", file->base.entry_size);
		putchar('\n');
	}
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		printf("%-14s %u,%u\n", "Device:", attr->rdev_major, attr->rdev_minor);
	if (!has_place(file))
		return;
	if (S_ISREG(attr->mode))
		printf("%-14s 0x%08x\n", "Checksum:", file->base.checksum);
	if (file->base.flags & DAXFS_IN_EXTENTS)
		printf("%-14s %u at 0x%" PRIx64 "\n", "Extents:", file->base.count,
		       file->base.data);
	else if (file->base.data)
		printf("%-14s 0x%" PRIx64 "%s\n", "Offset:", file->base.data,
		       file->base.flags & DAXFS_IN_PACKED ? ", packed" : "");
}

static int stat_text(struct shown *sh)
{
	const struct dxc_file *file = &sh->file;
	const struct dxc_attr *attr = &file->attr;
	char *path = escape_line(sh->path, strlen(sh->path));
	char mode[INSPECT_MODE_LEN];
	char buf[64];

	printf("%-14s %s\n", "Path:", path ? path : "?");
	free(path);
	if (sh->target) {
		char *target = escape_line(sh->target, strlen(sh->target));

		printf("%-14s %s\n", "Target:", target ? target : "?");
		free(target);
	}
	inspect_mode(attr->mode, mode);
	printf("%-14s %s\n", "Type:", inspect_type(attr->mode));
	printf("%-14s %" PRIu64 "\n", "Inode:", attr->ino);
	if (sh->in->from.top)
		printf("%-14s %s\n", "Known from:",
		       !file->touched ? "base" :
		       file->in_base  ? "base, log" :
					"log");
	printf("%-14s %04o (%s)\n", "Mode:", attr->mode & 07777, mode);
	printf("%-14s %u\n", "Links:", attr->nlink);
	printf("%-14s %u:%u\n", "Owner:", attr->uid, attr->gid);
	printf("%-14s %s\n", "Size:", inspect_size(sh->in, attr->size, buf, sizeof(buf)));
	if (sh->knows_blocks)
		printf("%-14s %" PRIu64 "\n", "Blocks:", sh->blocks);
	/* The base has one time only. */
	if (file->touched)
		print_time("Accessed:", attr->atime, attr->atime_nsec);
	print_time("Modified:", attr->mtime, attr->mtime_nsec);
	if (file->touched)
		print_time("Changed:", attr->ctime, attr->ctime_nsec);
	if (attr->btime_nsec)
		print_time("Born:", attr->btime, attr->btime_nsec - 1);
	print_kind(sh);
	return show_xattrs(sh);
}

static int show_inode(struct inspect *in, const char *path)
{
	struct shown sh = { .in = in, .path = path };
	int err, status;

	status = inspect_lookup(in, path, false, &sh.file);
	if (status)
		return status;
	err = look_further(&sh);
	if (err) {
		inspect_complain(in, path, err, &sh.f);
		in->incomplete = true;
	}
	sh.f = (struct dxc_finding){ 0 };
	err = in->json ? stat_json(&sh) : stat_text(&sh);
	free(sh.target);
	if (!err)
		return EXIT_OK;
	inspect_complain(in, path, err, &sh.f);
	return EXIT_FAILED;
}

/* inspect_lookup() of a regular file. */
static int lookup_file(struct inspect *in, const char *path, struct dxc_file *file)
{
	int status;

	status = inspect_lookup(in, path, true, file);
	if (status)
		return status;
	if (S_ISREG(file->attr.mode))
		return EXIT_OK;
	message_error("%s: %s: is no file but a %s", in->source, path,
		      inspect_type(file->attr.mode));
	return EXIT_FAILED;
}

/* 0, 1 when stdout takes no more, or -errno of the media. */
static int copy_extent(const struct inspect *in, const struct dxc_extent *ex,
		       unsigned char *buf)
{
	u64 done = 0;

	if (!ex->data)
		memset(buf, 0, COPY_SIZE);
	while (done < ex->len) {
		size_t n = min_t(u64, ex->len - done, COPY_SIZE);

		if (ex->data) {
			int err = dxc_region_read(&in->from.vol->region, ex->data + done,
						  buf, n);

			if (err)
				return err;
		}
		/* main() says what is wrong with stdout. */
		if (fwrite(buf, 1, n, stdout) != n)
			return 1;
		done += n;
	}
	return 0;
}

static int copy_contents(struct inspect *in, const char *path)
{
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	struct dxc_extent ex;
	unsigned char *buf;
	int err = 0, status;

	status = lookup_file(in, path, &file);
	if (status)
		return status;
	buf = malloc(COPY_SIZE);
	if (!buf) {
		inspect_complain(in, path, -ENOMEM, &f);
		return EXIT_FAILED;
	}
	for (u64 pos = 0; pos < file.attr.size && !err; pos += ex.len) {
		err = contents_map(&in->from, &file, pos, &ex, &f);
		if (!err)
			err = copy_extent(in, &ex, buf);
	}
	free(buf);
	if (err < 0)
		inspect_complain(in, path, err, &f);
	return err ? EXIT_FAILED : EXIT_OK;
}

/* Is the part in the base? If not, *br is the branch that has its chunk: no name, none. */
static bool is_in_base(const struct dxc_volume *vol, const struct dxc_extent *ex,
		       struct dxc_branch *br)
{
	const struct dxc_area *delta = &vol->area[DAXFS_AREA_DELTA];
	struct dxc_chunk_use use;

	memset(br, 0, sizeof(*br));
	if (!dxc_volume_is_writable(vol) ||
	    !dxc_range_ok(ex->data, 1, delta->offset, delta->length))
		return true;
	/* All chunks of a part are one branch's, or its log was said to be damaged. */
	if (dxc_chunk_read(vol, (dxc_chunk)((ex->data - delta->offset) / vol->chunk_size),
			   &use) != 0 ||
	    use.kind != DAXFS_CHUNK_DATA || dxc_branch_get(vol, use.owner, br) != 0)
		br->name[0] = '\0';
	return false;
}

/* "base" or "branch main"; no name of a branch has a space. */
static int set_owner(const struct inspect *in, struct libscols_line *line,
		     const struct dxc_extent *ex)
{
	struct dxc_branch br;
	char *name, *text;
	int err = -ENOMEM;

	if (!ex->data)
		return 0;
	if (is_in_base(in->from.vol, ex, &br))
		return scols_line_set_data(line, 3, "base");
	if (!*br.name)
		return scols_line_set_data(line, 3, "no branch");
	name = escape_cell(br.name, strlen(br.name));
	if (name && asprintf(&text, "branch %s", name) >= 0) {
		err = scols_line_set_data(line, 3, text);
		free(text);
	}
	free(name);
	return err;
}

static int extent_line(const struct inspect *in, struct libscols_table *table,
		       const struct dxc_extent *ex)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	char buf[32];

	if (!line)
		return -ENOMEM;
	snprintf(buf, sizeof(buf), "0x%" PRIx64, ex->pos);
	if (scols_line_set_data(line, 0, buf))
		return -ENOMEM;
	inspect_size(in, ex->len, buf, sizeof(buf));
	if (scols_line_set_data(line, 1, buf))
		return -ENOMEM;
	snprintf(buf, sizeof(buf), "0x%" PRIx64, ex->data);
	if (scols_line_set_data(line, 2, ex->data ? buf : "hole"))
		return -ENOMEM;
	return dxc_volume_is_writable(in->from.vol) ? set_owner(in, line, ex) : 0;
}

static void extent_json(const struct inspect *in, struct json *json,
			const struct dxc_extent *ex)
{
	struct dxc_branch br;
	bool in_base;

	json_open_object(json, NULL);
	json_number(json, "position", ex->pos);
	json_number(json, "length", ex->len);
	json_bool(json, "hole", !ex->data);
	json_number(json, "offset", ex->data);
	if (ex->data) {
		in_base = is_in_base(in->from.vol, ex, &br);
		json_bool(json, "in_base", in_base);
		if (!in_base && *br.name)
			json_bytes(json, "branch", br.name, strlen(br.name));
	}
	json_close(json, '}');
}

static struct libscols_table *new_table(const struct inspect *in)
{
	struct libscols_table *table = columns_new_table();

	if (!table)
		return NULL;
	if (scols_table_new_column(table, "POSITION", 0, SCOLS_FL_RIGHT) &&
	    scols_table_new_column(table, "LENGTH", 0, SCOLS_FL_RIGHT) &&
	    scols_table_new_column(table, "OFFSET", 0, SCOLS_FL_RIGHT) &&
	    (!dxc_volume_is_writable(in->from.vol) ||
	     scols_table_new_column(table, "OWNER", 0, 0)))
		return table;
	scols_unref_table(table);
	return NULL;
}

static int show_extents(struct inspect *in, const char *path)
{
	struct libscols_table *table = NULL;
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	struct dxc_extent ex;
	struct json json;
	int err = 0, status;

	status = lookup_file(in, path, &file);
	if (status)
		return status;
	if (in->json) {
		json_begin(&json, stdout, "extents");
	} else {
		table = new_table(in);
		err = table ? 0 : -ENOMEM;
	}
	for (u64 pos = 0; pos < file.attr.size && !err; pos += ex.len) {
		err = contents_map(&in->from, &file, pos, &ex, &f);
		if (err)
			break;
		if (in->json)
			extent_json(in, &json, &ex);
		else
			err = extent_line(in, table, &ex);
	}
	if (in->json)
		json_end(&json);
	else if (table && scols_table_get_nlines(table))
		scols_print_table(table);
	scols_unref_table(table);
	if (!err)
		return EXIT_OK;
	inspect_complain(in, path, err, &f);
	return EXIT_FAILED;
}

int inspect_stat(struct inspect *in, const char *path)
{
	return inspect_show(in, path, show_inode);
}

int inspect_cat(struct inspect *in, const char *path)
{
	return inspect_show(in, path, copy_contents);
}

int inspect_extents(struct inspect *in, const char *path)
{
	return inspect_show(in, path, show_extents);
}
