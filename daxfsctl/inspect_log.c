// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect SOURCE log: the records of a branch's own log, one line each,
 * as they are read. What they amount to is not asked.
 */
#include "inspect.h"

#include <inttypes.h>
#include <stdio.h>

#include "../kmod/core/branch.h"
#include "applet.h"
#include "escape.h"
#include "json.h"
#include "message.h"

struct listing {
	struct inspect *in;
	const char *branch;
	struct dxc_log log;
	void *record;
	struct json json;
};

/* What an item does, for people and JSON alike. */
static const char *item_name(u32 type)
{
	switch (type) {
	case DAXFS_ITEM_INODE:
		return "inode";
	case DAXFS_ITEM_LINK:
		return "link";
	case DAXFS_ITEM_UNLINK:
		return "unlink";
	case DAXFS_ITEM_MAP:
		return "map";
	case DAXFS_ITEM_UNMAP:
		return "unmap";
	case DAXFS_ITEM_SYMLINK:
		return "symlink";
	case DAXFS_ITEM_XATTR:
		return "xattr";
	case DAXFS_ITEM_UNXATTR:
		return "unxattr";
	}
	return "unknown";
}

static void print_escaped(const char *text, u32 len)
{
	char *line = escape_line(text, len);

	fputs(line ? line : "?", stdout);
	free(line);
}

static void print_attr(const struct dxc_attr *attr)
{
	char mode[INSPECT_MODE_LEN];

	inspect_mode(attr->mode, mode);
	printf("inode %" PRIu64 " is %s %u:%u", attr->ino, mode, attr->uid, attr->gid);
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode))
		printf(" device %u,%u", attr->rdev_major, attr->rdev_minor);
	else
		printf(" size %" PRIu64, attr->size);
	printf(" links %u", attr->nlink);
}

static void print_range(const struct dxc_item *item)
{
	printf("blocks %" PRIu64 "+%" PRIu64 " of %" PRIu64, item->block, item->count,
	       item->ino);
	if (item->type == DAXFS_ITEM_MAP)
		printf(" are at 0x%" PRIx64, item->data);
	else
		fputs(" are a hole", stdout);
}

static void print_item(const struct dxc_item *item)
{
	switch (item->type) {
	case DAXFS_ITEM_INODE:
		print_attr(&item->attr);
		return;
	case DAXFS_ITEM_LINK:
	case DAXFS_ITEM_UNLINK:
		printf("%" PRIu64 "/", item->dir);
		print_escaped(item->name, item->len);
		if (item->type == DAXFS_ITEM_LINK)
			printf(" names %" PRIu64, item->ino);
		else
			printf(" no longer names %" PRIu64, item->ino);
		return;
	case DAXFS_ITEM_MAP:
	case DAXFS_ITEM_UNMAP:
		print_range(item);
		return;
	case DAXFS_ITEM_SYMLINK:
		printf("%" PRIu64 " leads to ", item->ino);
		print_escaped(item->name, item->len);
		return;
	case DAXFS_ITEM_XATTR:
	case DAXFS_ITEM_UNXATTR:
		printf("xattr %s", dxc_xattr_prefix(item->kind));
		print_escaped(item->name, item->len);
		printf(" of %" PRIu64, item->ino);
		if (item->type == DAXFS_ITEM_XATTR)
			printf(" has %u bytes", item->value_len);
		else
			fputs(" is gone", stdout);
		return;
	}
}

static void attr_json(struct json *json, const struct dxc_attr *attr)
{
	inspect_attr_json(json, "file_type", attr);
	if (S_ISDIR(attr->mode))
		json_number(json, "parent", attr->parent);
	if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode)) {
		json_number(json, "major", attr->rdev_major);
		json_number(json, "minor", attr->rdev_minor);
	}
}

static void xattr_json(struct json *json, const struct dxc_item *item)
{
	char name[32 + 256];
	int n = snprintf(name, sizeof(name), "%s%.*s", dxc_xattr_prefix(item->kind),
			 (int)item->len, item->name);

	json_bytes(json, "name", name, (size_t)n);
	if (item->type == DAXFS_ITEM_XATTR)
		json_number(json, "value_length", item->value_len);
}

static void item_json(struct json *json, const struct dxc_item *item)
{
	json_open_object(json, NULL);
	json_text(json, "type", item_name(item->type));
	json_number(json, "inode", item->ino);
	switch (item->type) {
	case DAXFS_ITEM_INODE:
		attr_json(json, &item->attr);
		break;
	case DAXFS_ITEM_LINK:
	case DAXFS_ITEM_UNLINK:
		json_number(json, "directory", item->dir);
		json_bytes(json, "name", item->name, item->len);
		break;
	case DAXFS_ITEM_MAP:
	case DAXFS_ITEM_UNMAP:
		json_number(json, "block", item->block);
		json_number(json, "blocks", item->count);
		if (item->type == DAXFS_ITEM_MAP)
			json_number(json, "offset", item->data);
		break;
	case DAXFS_ITEM_SYMLINK:
		json_bytes(json, "target", item->name, item->len);
		break;
	case DAXFS_ITEM_XATTR:
	case DAXFS_ITEM_UNXATTR:
		xattr_json(json, item);
		break;
	}
	json_close(json, '}');
}

/* A record of size bytes, which was just read. 0 or -EUCLEAN. */
static int show_record(struct listing *ls, u32 size)
{
	const struct dxc_volume *vol = &ls->in->img.vol;
	const struct dxc_log *log = &ls->log;
	dxc_off at = dxc_chunk_offset(vol, log->chunk) + log->used - size;
	struct dxc_item item;
	const char *between = "";
	u32 pos = 0;
	int err;

	if (ls->in->json) {
		json_open_object(&ls->json, NULL);
		json_number(&ls->json, "sequence", log->seq - 1);
		json_number(&ls->json, "chunk", log->chunk);
		json_number(&ls->json, "offset", at);
		json_number(&ls->json, "length", size);
		json_open_array(&ls->json, "items");
	} else {
		printf("%8" PRIu64 "  %5u  0x%08" PRIx64 "  ", log->seq - 1, log->chunk,
		       at);
	}
	while (!(err = dxc_item_next(vol, ls->record, size, &pos, &item))) {
		if (ls->in->json) {
			item_json(&ls->json, &item);
			continue;
		}
		fputs(between, stdout);
		print_item(&item);
		between = "; ";
	}
	if (ls->in->json) {
		json_close(&ls->json, ']');
		json_close(&ls->json, '}');
	} else {
		if (err != -ENODATA)
			printf("%s?", between);
		putchar('\n');
	}
	return err == -ENODATA ? 0 : err;
}

/* Says that the log is no log from here on. */
static void complain(const struct listing *ls, unsigned int code, int err)
{
	const struct dxc_log *log = &ls->log;
	struct dxc_finding f = { 0 };

	if (err == -EUCLEAN)
		dxc_found(&f, err, code, DAXFS_AREA_DELTA, 0,
			  log->chunk == DXC_NO_CHUNK ?
				  0 :
				  dxc_chunk_offset(&ls->in->img.vol, log->chunk),
			  log->seq);
	inspect_complain(ls->in, ls->branch, err, &f);
}

/* A record that was damaged looks like the end: is there something behind it? */
static bool look_behind(struct listing *ls)
{
	struct dxc_finding f = { 0 };
	dxc_off at;
	int err;

	if (ls->log.chunk == DXC_NO_CHUNK)
		return false;
	err = dxc_log_look_behind(&ls->in->img.vol, &ls->log, ls->record, &at);
	if (!err && at)
		err = dxc_found(&f, -EUCLEAN, DXC_LR_CUT, DAXFS_AREA_DELTA, 0, at,
				ls->log.seq);
	if (err)
		inspect_complain(ls->in, ls->branch, err, &f);
	return err;
}

static int show_records(struct listing *ls)
{
	const struct dxc_volume *vol = &ls->in->img.vol;
	int status = EXIT_OK;
	u32 size;
	int err;

	while (!(err = dxc_log_read(vol, &ls->log, ls->record, &size))) {
		err = show_record(ls, size);
		/* The next record may be one all the same. */
		if (err) {
			complain(ls, DXC_LR_ITEM, err);
			status = EXIT_FAILED;
		}
		/* Whoever reads has gone; main() says so. */
		if (ferror(stdout))
			return EXIT_FAILED;
	}
	if (err == -ENODATA)
		return look_behind(ls) ? EXIT_FAILED : status;
	complain(ls, DXC_LR_GAP, err);
	return EXIT_FAILED;
}

int inspect_log(struct inspect *in, const char *name)
{
	struct listing ls = { .in = in, .branch = name };
	const struct dxc_volume *vol = &in->img.vol;
	struct dxc_branch br;
	int status, err;

	if (!dxc_volume_is_writable(vol)) {
		message_error("%s: has no branches", in->source);
		return EXIT_NOT_FOUND;
	}
	err = dxc_branch_find(vol, name, &br);
	if (err) {
		message_error("%s: %s \"%s\"", in->source,
			      err == -ENOENT ? "there is no branch" :
					       "cannot read the entry of branch",
			      name);
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	ls.record = malloc(dxc_segment_max(vol));
	if (!ls.record) {
		message_error("%s: %s", in->source, strerror(ENOMEM));
		return EXIT_FAILED;
	}
	if (in->json)
		json_begin(&ls.json, stdout, "records");
	err = dxc_log_open(vol, br.head, br.first_seq, &ls.log);
	if (err) {
		complain(&ls, DXC_LR_GAP, err);
		status = EXIT_FAILED;
	} else {
		status = show_records(&ls);
	}
	if (in->json)
		json_end(&ls.json);
	free(ls.record);
	return status;
}
