// SPDX-License-Identifier: GPL-2.0-only
/* daxfsctl inspect SOURCE stat, cat and extents: one inode of an image. */
#include "inspect.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>

#include "applet.h"
#include "escape.h"
#include "json.h"
#include "message.h"

#define COPY_SIZE 0x40000

/* What stat shows of one xattr. */
struct shown_xattr {
	char name[32 + 256];
	void *value;
	u32 value_len;
};

/* Before the first call *xa is zeroed. 0, -ENODATA past the last, or -errno. */
static int next_xattr(const struct dxc_volume *vol, const struct dxc_inode *inode,
		      struct dxc_xattr *xa, struct shown_xattr *shown,
		      struct dxc_finding *f)
{
	int err;

	err = dxc_xattr_next(vol, inode, xa, f);
	if (err)
		return err;
	snprintf(shown->name, sizeof(shown->name), "%s%s", dxc_xattr_prefix(xa->prefix),
		 xa->name);
	shown->value_len = xa->value_len;
	shown->value = malloc(xa->value_len + 1);
	if (!shown->value)
		return -ENOMEM;
	err = dxc_region_read(&vol->region, xa->value, shown->value, xa->value_len);
	if (err)
		free(shown->value);
	return err;
}

/* In JSON and in text: which is a matter of json being NULL. */
static int show_xattrs(const struct inspect *in, const struct dxc_inode *inode,
		       struct json *json, struct dxc_finding *f)
{
	struct shown_xattr shown;
	struct dxc_xattr xa = { 0 };
	int err;

	while (!(err = next_xattr(&in->img.vol, inode, &xa, &shown, f))) {
		if (json) {
			json_open_object(json, NULL);
			json_bytes(json, "name", shown.name, strlen(shown.name));
			json_bytes(json, "value", shown.value, shown.value_len);
			json_close(json, '}');
		} else {
			char *name = escape_line(shown.name, strlen(shown.name));
			char *value = escape_line(shown.value, shown.value_len);

			printf("%-14s %s=%s\n", "Xattr:", name ? name : "?",
			       value ? value : "?");
			free(name);
			free(value);
		}
		free(shown.value);
	}
	return err == -ENODATA ? 0 : err;
}

static int stat_json(const struct inspect *in, const char *path,
		     const struct dxc_inode *inode, const char *target,
		     struct dxc_finding *f)
{
	struct json json;
	int err;

	json_begin(&json, stdout, "inodes");
	json_open_object(&json, NULL);
	json_bytes(&json, "path", path, strlen(path));
	json_number(&json, "inode", inode->ino);
	json_text(&json, "type", inspect_type(inode->mode));
	json_number(&json, "mode", inode->mode & 07777);
	json_number(&json, "links", inode->nlink);
	json_number(&json, "uid", inode->uid);
	json_number(&json, "gid", inode->gid);
	json_number(&json, "size", inode->size);
	json_signed(&json, "modified", inode->mtime);
	json_number(&json, "modified_nanoseconds", inode->mtime_nsec);
	if (S_ISDIR(inode->mode)) {
		json_number(&json, "parent", inode->parent);
		json_number(&json, "entries", inode->count);
		json_number(&json, "entry_size", inode->entry_size);
	}
	if (S_ISREG(inode->mode))
		json_bool(&json, "sparse", inode->flags & DAXFS_IN_EXTENTS);
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		json_number(&json, "major", inode->rdev_major);
		json_number(&json, "minor", inode->rdev_minor);
	} else {
		json_number(&json, "offset", inode->data);
	}
	if (target)
		json_bytes(&json, "target", target, strlen(target));
	json_open_array(&json, "xattrs");
	err = show_xattrs(in, inode, &json, f);
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
	return err;
}

static int stat_text(const struct inspect *in, const char *path,
		     const struct dxc_inode *inode, const char *target,
		     struct dxc_finding *f)
{
	char *shown = escape_line(path, strlen(path));
	char *shown_target = target ? escape_line(target, strlen(target)) : NULL;
	char mode[INSPECT_MODE_LEN];
	char buf[64];

	printf("%-14s %s\n", "Path:", shown ? shown : "?");
	free(shown);
	if (shown_target)
		printf("%-14s %s\n", "Target:", shown_target);
	free(shown_target);
	inspect_mode(inode->mode, mode);
	printf("%-14s %s\n", "Type:", inspect_type(inode->mode));
	printf("%-14s %" PRIu64 "\n", "Inode:", inode->ino);
	printf("%-14s %04o (%s)\n", "Mode:", inode->mode & 07777, mode);
	printf("%-14s %u\n", "Links:", inode->nlink);
	printf("%-14s %u:%u\n", "Owner:", inode->uid, inode->gid);
	printf("%-14s %s\n", "Size:", inspect_size(in, inode->size, buf, sizeof(buf)));
	inspect_time(inode->mtime, buf, sizeof(buf));
	printf("%-14s %.19s.%09u%s\n", "Modified:", buf, inode->mtime_nsec,
	       strlen(buf) > 19 ? buf + 19 : "");
	if (S_ISDIR(inode->mode)) {
		printf("%-14s %" PRIu64 "\n", "Parent:", inode->parent);
		printf("%-14s %u of %u bytes\n", "Entries:", inode->count,
		       inode->entry_size);
	}
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode))
		printf("%-14s %u,%u\n", "Device:", inode->rdev_major, inode->rdev_minor);
	else if (inode->flags & DAXFS_IN_EXTENTS)
		printf("%-14s %u at 0x%" PRIx64 "\n", "Extents:", inode->count,
		       inode->data);
	else if (inode->data)
		printf("%-14s 0x%" PRIx64 "\n", "Offset:", inode->data);
	return show_xattrs(in, inode, NULL, f);
}

int inspect_stat(struct inspect *in, const char *path)
{
	const struct contents base = { .vol = &in->img.vol };
	struct dxc_finding f = { 0 };
	struct dxc_file file;
	char *target = NULL;
	int err = 0, status;

	status = inspect_lookup(in, path, false, &file);
	if (status)
		return status;
	if (S_ISLNK(file.base.mode))
		err = contents_link(&base, &file, &target, &f);
	if (!err)
		err = in->json ? stat_json(in, path, &file.base, target, &f) :
				 stat_text(in, path, &file.base, target, &f);
	free(target);
	if (!err)
		return EXIT_OK;
	inspect_complain(in, path, err, &f);
	return EXIT_FAILED;
}

/* inspect_lookup() of a regular file. */
static int lookup_file(struct inspect *in, const char *path, struct dxc_file *file)
{
	int status;

	status = inspect_lookup(in, path, true, file);
	if (status)
		return status;
	if (S_ISREG(file->base.mode))
		return EXIT_OK;
	message_error("%s: %s: is no file but a %s", in->source, path,
		      inspect_type(file->base.mode));
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
			int err = dxc_region_read(&in->img.vol.region, ex->data + done,
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

int inspect_cat(struct inspect *in, const char *path)
{
	const struct contents base = { .vol = &in->img.vol };
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
		err = contents_map(&base, &file, pos, &ex, &f);
		if (!err)
			err = copy_extent(in, &ex, buf);
	}
	free(buf);
	if (err < 0)
		inspect_complain(in, path, err, &f);
	return err ? EXIT_FAILED : EXIT_OK;
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
	return scols_line_set_data(line, 2, ex->data ? buf : "hole");
}

static void extent_json(struct json *json, const struct dxc_extent *ex)
{
	json_open_object(json, NULL);
	json_number(json, "position", ex->pos);
	json_number(json, "length", ex->len);
	json_bool(json, "hole", !ex->data);
	json_number(json, "offset", ex->data);
	json_close(json, '}');
}

int inspect_extents(struct inspect *in, const char *path)
{
	const struct contents base = { .vol = &in->img.vol };
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
		table = scols_new_table();
		if (!table ||
		    !scols_table_new_column(table, "POSITION", 0, SCOLS_FL_RIGHT) ||
		    !scols_table_new_column(table, "LENGTH", 0, SCOLS_FL_RIGHT) ||
		    !scols_table_new_column(table, "OFFSET", 0, SCOLS_FL_RIGHT))
			err = -ENOMEM;
	}
	for (u64 pos = 0; pos < file.attr.size && !err; pos += ex.len) {
		err = contents_map(&base, &file, pos, &ex, &f);
		if (err)
			break;
		if (in->json)
			extent_json(&json, &ex);
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
